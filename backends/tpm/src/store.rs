//! The keys of one TPM: files in a directory, and persistent handles.
use crate::attest::{self, Attestation, Vouching};
use crate::device::{Device, auth_of, authorized, with_persistent};
use crate::endorsement;
use crate::error::{Failure, unread};
use crate::file::{FILE_LEN_BYTES_MAX, KeyFile, Parent};
use crate::key::{TpmKey, signing_kind};
use crate::object::{Object, Place, read_public, with_parent};
use crate::observed::Module;
use crate::template;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::file;
use pkic_backend::secret::Secret;
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, NewKey, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_evidence::tpm::activation::Credential;
use pkic_evidence::tpm::public::Public as PublicArea;
use std::path::PathBuf;
use std::sync::Arc;
use tss_esapi::Context;
use tss_esapi::constants::CapabilityType;
use tss_esapi::handles::{PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::dynamic_handles::Persistent;
use tss_esapi::interface_types::resource_handles::Provision;
use tss_esapi::structures::{CapabilityData, Public};
use tss_esapi::traits::{Marshall, UnMarshall};

/// The first handle of persistent objects, and the last that is the owner's. Source: TPM 2.0 Library, Part 2, section
/// 7.5 (TPM_HC).
const PERSISTENT_FIRST: u32 = 0x8100_0000;
const PERSISTENT_LAST_OF_OWNER: u32 = 0x817f_ffff;
/// Where keys are made persistent: past the handles that the TCG sets aside for storage, endorsement and device keys.
/// Source: TCG Registry of Reserved TPM 2.0 Handles and Localities.
const PERSISTENT_FIRST_OF_OURS: u32 = 0x8120_0000;
/// Persistent objects that are listed: TPMs have room for tens.
const PERSISTENT_MAX: u32 = 254;
/// Files that a directory may have for its keys to be listed.
const FILES_MAX: usize = 10_000;

/// Which TPM, and where its keys are.
#[derive(Debug, Clone)]
pub struct Config {
    /// The way to the TPM: `device:/dev/tpmrm0`, `swtpm:host=…,port=…`, `mssim:host=…,port=…` or `tabrmd`.
    pub tcti: String,
    /// The directory of the key files `NAME.pem`, where there is one.
    pub directory: Option<PathBuf>,
    /// The authorisation value of the keys, where they have one. Keys at persistent handles all have it then.
    pub auth: Option<Secret>,
    /// The authorisation value of the owner's hierarchy, where it has one: keys are made under it.
    pub owner_auth: Option<Secret>,
    /// That of the endorsement hierarchy: credentials are opened under it.
    pub endorsement_auth: Option<Secret>,
    /// The attestation key of the store: `tpmkms:name=…;ak=true`, or `tpm2:handle=…`.
    pub attestation_key: Option<KeyUri>,
}

impl Default for Config {
    /// The kernel's resource manager, no directory, and no authorisation values.
    fn default() -> Config {
        Config {
            tcti: "device:/dev/tpmrm0".to_owned(),
            directory: None,
            auth: None,
            owner_auth: None,
            endorsement_auth: None,
            attestation_key: None,
        }
    }
}

/// The keys of one TPM. URIs are `tpmkms:name=NAME` for the file `NAME.pem`, and `tpm2:handle=0x81…`.
#[derive(Clone)]
pub struct TpmStore {
    config: Config,
    device: Arc<Device>,
    vouching: Vouching,
}

impl TpmStore {
    /// Opens the TPM.
    ///
    /// # Errors
    /// [`StoreError`]: a TCTI that is none, or a TPM that is not reached.
    pub fn open(config: Config) -> Result<TpmStore, StoreError> {
        let (owner, endorsement) = (config.owner_auth.clone(), config.endorsement_auth.clone());
        let device = Arc::new(Device::open(&config.tcti, owner, endorsement)?);
        Ok(TpmStore { config, device, vouching: Vouching::Enrolment })
    }

    /// The same store, whose evidence says who vouches for its attestation key.
    #[must_use]
    pub fn vouched_by(&self, vouching: Vouching) -> TpmStore {
        TpmStore { vouching, ..self.clone() }
    }

    /// Makes an attestation key in a new file, ECDSA on P-256: its URI is for [`Config::attestation_key`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn make_attestation_key(&self, label: &str) -> Result<KeyUri, StoreError> {
        let file = self.make(label, &template::attestation_key(self.config.auth.is_some()))?;
        self.write(label, &file)?;
        Ok(uri_of_file(label, true))
    }

    /// The public area of the store's attestation key: its Name is what a credential is made for.
    ///
    /// # Errors
    /// [`StoreError`]; of the problem `Configuration` where the store has none, or one that is not restricted.
    pub fn attestation_key(&self) -> Result<PublicArea, StoreError> {
        let attestation = self.attestation()?;
        self.device.run(attestation.object.uri(), |context| attestation.public(context))
    }

    /// The certificates of the TPM's endorsement keys, in DER, as the maker stored them there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn endorsement_certificates(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.device.run(&self.config.tcti, endorsement::certificates)
    }

    /// Opens the registrar's credential (TPM2_ActivateCredential): gives its secret, which shows that the attestation
    /// key is in the TPM of that endorsement key.
    ///
    /// # Errors
    /// [`StoreError`]; of the problem `Denied` for a credential that was made for another key or TPM.
    pub fn activate_credential(
        &self,
        endorsement_spki: &[u8],
        credential: &Credential,
    ) -> Result<Secret, StoreError> {
        let attestation = self.attestation()?;
        self.device.run(attestation.object.uri(), |context| {
            endorsement::activate(context, endorsement_spki, &attestation, credential)
        })
    }

    /// Quotes registers of the SHA-256 bank with the attestation key: evidence of the format `tpm2-quote`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quote(&self, registers: &[u8], nonce: &[u8]) -> Result<Vec<u8>, StoreError> {
        let attestation = self.attestation()?;
        self.device
            .run(attestation.object.uri(), |context| attest::quote(context, registers, &attestation, nonce))
    }

    /// Puts a key of a file into the TPM, at a free handle of the owner's, and tells its URI there. The file stays.
    ///
    /// # Errors
    /// [`StoreError`]; of the problem `Denied` where the TPM has no room.
    pub fn persist(&self, uri: &KeyUri) -> Result<KeyUri, StoreError> {
        let object = self.object(uri)?;
        let handle = self.device.run(uri, |context| {
            object.with(context, |context, key| {
                let taken = persistent_handles(context)?;
                let mut free = PERSISTENT_FIRST_OF_OURS..=PERSISTENT_LAST_OF_OWNER;
                let handle = free.find(|handle| !taken.contains(handle)).ok_or_else(|| {
                    StoreError::new(Problem::Denied, uri, "no handle is free", "evict a persistent object")
                })?;
                let at = Persistent::Persistent(PersistentTpmHandle::new(handle)?);
                let mut made =
                    authorized(context, |context| context.evict_control(Provision::Owner, key.into(), at))?;
                let _ = context.tr_close(&mut made);
                Ok(handle)
            })
        })?;
        Ok(uri_of_handle(handle))
    }

    fn attestation(&self) -> Result<Attestation, StoreError> {
        let uri = self.config.attestation_key.as_ref().ok_or_else(|| {
            let help = "make one, and name its URI for the store";
            let what = "it has no attestation key";
            StoreError::new(Problem::Configuration, &self.config.tcti, what, help)
        })?;
        Ok(Attestation { object: self.object(uri)?, vouching: self.vouching.clone() })
    }

    /// The object that a URI locates, not yet loaded.
    fn object(&self, uri: &KeyUri) -> Result<Object, StoreError> {
        let unfit = |what: String, help: &str| Err(StoreError::new(Problem::Configuration, uri, what, help));
        if let Some(device) = uri.text("device")
            && ![Some(self.config.tcti.as_str()), self.config.tcti.strip_prefix("device:")]
                .contains(&Some(device))
        {
            return unfit(format!("the store's TPM is `{}`", self.config.tcti), "leave `device` out");
        }
        let place = match uri.scheme() {
            UriScheme::TpmKms => Place::File(self.read(uri)?),
            UriScheme::Tpm2 => match handle_of(uri.text("handle").unwrap_or_default()) {
                Some(handle) => Place::Handle(handle),
                None => {
                    let help = "write `0x81` and six hexadecimal digits";
                    return unfit("it is no persistent handle".to_owned(), help);
                }
            },
            _ => return Err(StoreError::wrong_scheme(uri, "TPM")),
        };
        let uri = match &place {
            Place::Handle(handle) => uri_of_handle(*handle),
            Place::File(_) => {
                uri_of_file(uri.text("name").unwrap_or_default(), uri.text("ak") == Some("true"))
            }
        };
        Ok(Object::new(uri, place, self.config.auth.clone()))
    }

    fn directory(&self, at: &dyn std::fmt::Display) -> Result<&PathBuf, StoreError> {
        self.config.directory.as_ref().ok_or_else(|| {
            let help = "give the store a directory of key files";
            StoreError::new(Problem::Configuration, at, "the store has no directory", help)
        })
    }

    fn read(&self, uri: &KeyUri) -> Result<KeyFile, StoreError> {
        let name = uri.text("name").unwrap_or_default();
        file::check_label(name)?;
        let path = self.directory(uri)?.join(format!("{name}.pem"));
        KeyFile::read(&file::read(&path, uri, FILE_LEN_BYTES_MAX)?, uri)
    }

    fn write(&self, label: &str, key: &KeyFile) -> Result<(), StoreError> {
        let text = key.to_pem().map_err(|error| {
            StoreError::new(Problem::Answer, label, error.to_string(), "the key has no PEM form")
        })?;
        file::create_private(&self.directory(&label)?.join(format!("{label}.pem")), label, text.as_bytes())
    }

    /// Makes a key of that public area under the storage root key.
    fn make(&self, label: &str, template: &[u8]) -> Result<KeyFile, StoreError> {
        file::check_label(label)?;
        self.directory(&label)?;
        let (parent, uri) = (Parent::StorageRoot, uri_of_file(label, false));
        self.device.run(&label, |context| {
            let public = Public::unmarshall(template)?;
            let auth = self.config.auth.as_ref().map(auth_of).transpose()?;
            let made = with_parent(context, parent, &uri, |context, parent| {
                authorized(context, |context| context.create(parent, public, auth, None, None, None))
            })?;
            let area = PublicArea::read(&made.out_public.marshall()?);
            Ok(KeyFile {
                parent,
                is_auth_empty: self.config.auth.is_none(),
                public: area.map_err(|reject| unread(&reject, &label))?.bytes().to_vec(),
                private: made.out_private.value().to_vec(),
            })
        })
    }

    /// The signing keys in files.
    fn list_files(&self) -> Result<Vec<Listed>, StoreError> {
        let Some(directory) = &self.config.directory else { return Ok(Vec::new()) };
        let failed =
            |what: String, help: &str| StoreError::new(Problem::File, directory.display(), what, help);
        let unread =
            |error: std::io::Error| failed(error.to_string(), "give a directory that this user can read");
        let mut listed = Vec::new();
        for (index, entry) in std::fs::read_dir(directory).map_err(unread)?.enumerate() {
            if index >= FILES_MAX {
                let help = "give the keys a directory of their own";
                return Err(failed(format!("it has more than {FILES_MAX} files"), help));
            }
            let name = entry.map_err(unread)?.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".pem")) else { continue };
            let uri = uri_of_file(name, false);
            // A certificate beside the keys is no key, and an attestation key signs nothing for others.
            let Ok(file) = self.read(&uri) else { continue };
            if let Some(area) =
                PublicArea::read(&file.public).ok().filter(|area| signing_kind(area).is_some())
            {
                listed.push(Listed { uri, spki: Some(area.spki()) });
            }
        }
        listed.sort_by_key(|entry| entry.uri.to_string());
        Ok(listed)
    }

    /// The signing keys at persistent handles.
    fn list_handles(&self) -> Result<Vec<Listed>, StoreError> {
        self.device.run(&self.config.tcti, |context| {
            let mut listed = Vec::new();
            for handle in persistent_handles(context)? {
                let uri = uri_of_handle(handle);
                let read = with_persistent(context, handle, |context, key| read_public(context, key, &uri));
                match read {
                    Ok(Some((_, area))) if signing_kind(&area).is_some() => {
                        listed.push(Listed { uri, spki: Some(area.spki()) });
                    }
                    // Gone since, no signing key, or an object of a kind that is not read here.
                    Ok(_) | Err(Failure::Store(_)) => {}
                    Err(failure) => return Err(failure),
                }
            }
            Ok(listed)
        })
    }
}

impl KeyStore for TpmStore {
    fn identity(&self) -> Identity {
        let module = self.device.run(&self.config.tcti, Module::ask);
        let name = match module {
            Ok(module) => format!("{} ({})", module.name(), self.device.tcti()),
            Err(_) => self.device.tcti().to_owned(),
        };
        Identity { kind: "tpm", name, module: None, is_tried: true }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.list_files()?;
        listed.extend(self.list_handles()?);
        Ok(listed)
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        let attestation = match &self.config.attestation_key {
            Some(_) => Some(Arc::new(self.attestation()?)),
            None => None,
        };
        Ok(Arc::new(TpmKey::open(Arc::clone(&self.device), self.object(uri)?, attestation)?))
    }

    fn generator(&self) -> Option<&dyn Generator> {
        self.config.directory.is_some().then_some(self)
    }
}

impl Generator for TpmStore {
    /// Makes a key under the storage root key, in a new file `LABEL.pem`. An RSA key has 2048 bits unless told
    /// otherwise: few TPMs make larger ones.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError> {
        let has_auth = self.config.auth.is_some();
        let template = template::signing_key(key.kind, key.bits, has_auth).ok_or_else(|| {
            let help = "RSA of 2048, 3072 or 4096 bits and ECDSA are, as far as the TPM has them";
            StoreError::new(Problem::Unsupported, &key.label, "such a key is not made in a TPM", help)
        })?;
        self.write(&key.label, &self.make(&key.label, &template)?)?;
        Ok(uri_of_file(&key.label, false))
    }
}

/// The handles at which the TPM has persistent objects.
pub(crate) fn persistent_handles(context: &mut Context) -> Result<Vec<u32>, Failure> {
    let (answer, _) = context.execute_without_session(|context| {
        context.get_capability(CapabilityType::Handles, PERSISTENT_FIRST, PERSISTENT_MAX)
    })?;
    let CapabilityData::Handles(handles) = answer else { return Ok(Vec::new()) };
    let persistent = handles.into_inner().into_iter().filter_map(|handle| match handle {
        TpmHandle::Persistent(handle) => Some(handle.into()),
        _ => None,
    });
    Ok(persistent.collect())
}

/// The handle that a URI's digits stand for.
fn handle_of(digits: &str) -> Option<u32> {
    let handle = u32::from_str_radix(digits.strip_prefix("0x")?, 16).ok()?;
    (handle >> 24 == PERSISTENT_FIRST >> 24).then_some(handle)
}

fn uri_of_file(name: &str, is_attestation_key: bool) -> KeyUri {
    let attributes: [(&str, &[u8]); 2] = [("name", name.as_bytes()), ("ak", b"true")];
    let known = if is_attestation_key { &attributes[..] } else { &attributes[..1] };
    KeyUri::of(UriScheme::TpmKms, known)
}

fn uri_of_handle(handle: u32) -> KeyUri {
    KeyUri::of(UriScheme::Tpm2, &[("handle", format!("{handle:#010x}").as_bytes())])
}
