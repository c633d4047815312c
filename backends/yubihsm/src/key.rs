//! One key of a YubiHSM 2, and its signatures.
//!
//! Source: Yubico, YubiHSM 2 user guide: commands Sign Ecdsa, Sign Eddsa, Get Object Info, Sign Attestation Certificate.
use der::pem::{LineEnding, encode_string};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Attester, Signer, schemes_of};
use pkic_backend::uri::KeyUri;
use pkic_evidence::spki::{Curve, ecc_spki, ed25519_spki};
use pkic_facts::crypto::{KeyKind, Scheme};
use pkic_vocab::words::Words;
use yubihsm::asymmetric::{Algorithm, PublicKey};
use yubihsm::client::ErrorKind;
use yubihsm::object::{Id, Info, Origin, Type};
use yubihsm::{Capability, Client, device};

/// Bytes of a message that an Ed25519 key signs: a command takes 2048 with its head, tag and padding, and the device
/// hashes the message itself. Source: Yubico, YubiHSM 2 user guide, Sign Eddsa.
const EDDSA_LEN_BYTES_MAX: usize = 2000;
/// The opaque object that holds the certificate of the device's attestation key, and that key's own identifier.
const ATTESTATION_KEY: Id = 0;

/// A key of a YubiHSM 2.
pub(crate) struct HsmKey {
    client: Client,
    uri: KeyUri,
    id: Id,
    kind: KeyKind,
    issuers: Vec<Vec<u8>>,
}

impl HsmKey {
    /// Opens a key: it is there, and it signs.
    pub(crate) fn open(
        client: Client,
        uri: KeyUri,
        id: Id,
        issuers: Vec<Vec<u8>>,
    ) -> Result<HsmKey, StoreError> {
        let info = info(&client, &uri, id)?;
        let kind = signing_kind(&info).ok_or_else(|| {
            let help = "an ECDSA key on P-256, P-384 or P-521 with sign-ecdsa, or an Ed25519 key with sign-eddsa, is";
            StoreError::new(Problem::Unsupported, &uri, "it is no key that is used here", help)
        })?;
        Ok(HsmKey { client, uri, id, kind, issuers })
    }

    fn failed(&self, error: &yubihsm::client::Error) -> StoreError {
        shown(error, &self.uri)
    }

    /// The digest or message in the form that the device takes.
    fn ask(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        match scheme {
            Scheme::Ecdsa(hash) => {
                let digest = hash.digest(message);
                self.client.sign_ecdsa_prehash_raw(self.id, digest).map_err(|error| self.failed(&error))
            }
            Scheme::Ed25519 if message.len() > EDDSA_LEN_BYTES_MAX => {
                let what = format!("it signs at most {EDDSA_LEN_BYTES_MAX} bytes with `{}`", scheme.name());
                let help = "sign with an ECDSA key: only its digest goes to the device";
                Err(StoreError::new(Problem::Unsupported, &self.uri, what, help))
            }
            Scheme::Ed25519 => {
                let signature = self.client.sign_ed25519(self.id, message);
                signature.map(|signature| signature.to_bytes().to_vec()).map_err(|error| self.failed(&error))
            }
            _ => Err(StoreError::scheme_unsupported(&self.uri, scheme)),
        }
    }
}

/// What the device says of a key.
pub(crate) fn info(client: &Client, uri: &KeyUri, id: Id) -> Result<Info, StoreError> {
    client.get_object_info(id, Type::AsymmetricKey).map_err(|error| shown(&error, uri))
}

/// The kind of a key that signs; nothing for another object.
pub(crate) fn signing_kind(info: &Info) -> Option<KeyKind> {
    let (kind, needed) = match info.algorithm.asymmetric()? {
        Algorithm::EcP256 => (KeyKind::P256, Capability::SIGN_ECDSA),
        Algorithm::EcP384 => (KeyKind::P384, Capability::SIGN_ECDSA),
        Algorithm::EcP521 => (KeyKind::P521, Capability::SIGN_ECDSA),
        Algorithm::Ed25519 => (KeyKind::Ed25519, Capability::SIGN_EDDSA),
        _ => return None,
    };
    info.capabilities.contains(needed).then_some(kind)
}

/// The subjectPublicKeyInfo of a key; nothing where it has another length than its kind.
pub(crate) fn spki_of(key: &PublicKey) -> Option<Vec<u8>> {
    let curve = match key.algorithm {
        Algorithm::EcP256 => Curve::P256,
        Algorithm::EcP384 => Curve::P384,
        Algorithm::EcP521 => Curve::P521,
        Algorithm::Ed25519 => return (key.bytes.len() == 32).then(|| ed25519_spki(&key.bytes)),
        _ => return None,
    };
    let (x, y) = key.bytes.split_at_checked(curve.coordinate_len_bytes())?;
    (y.len() == x.len()).then(|| ecc_spki(curve, x, y))
}

/// The error for the operator.
pub(crate) fn shown(error: &yubihsm::client::Error, uri: &dyn std::fmt::Display) -> StoreError {
    use device::ErrorKind as Device;
    let of_device = match error.kind() {
        ErrorKind::DeviceError => error.device_error(),
        _ => None,
    };
    let (problem, help) = match (error.kind(), of_device) {
        (_, Some(Device::ObjectNotFound | Device::InvalidId)) => {
            (Problem::KeyUnknown, "`yubihsm-shell -a list-objects` lists what this authentication key sees")
        }
        (_, Some(Device::InsufficientPermissions)) => {
            (Problem::Denied, "give the authentication key the capability and the domain")
        }
        (_, Some(Device::LogFull)) => (Problem::Denied, "read the device's log, and set its index"),
        (_, Some(Device::SessionsFull)) => (Problem::Throttled, "all 16 sessions are taken; try again"),
        (ErrorKind::AuthenticationError, _) | (_, Some(Device::AuthenticationFailed)) => {
            (Problem::Credentials, "check the identifier of the authentication key and its password")
        }
        _ if is_of_connector(error) => {
            (Problem::Unreachable, "see whether yubihsm-connector runs and has the device")
        }
        _ => (Problem::Answer, "see the device's log"),
    };
    StoreError::new(problem, uri, format!("the device says: {error}"), help)
}

/// Whether the connector is behind an error, which the client calls a protocol error otherwise.
fn is_of_connector(error: &yubihsm::client::Error) -> bool {
    let is_lost = matches!(
        error.kind(),
        ErrorKind::ConnectorError | ErrorKind::ClosedSessionError | ErrorKind::CreateFailed
    );
    let first: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut causes = std::iter::successors(first, |cause| cause.source());
    is_lost || causes.any(|cause| cause.downcast_ref::<yubihsm::connector::Error>().is_some())
}

impl Signer for HsmKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        let key = self.client.get_public_key(self.id).map_err(|error| self.failed(&error))?;
        spki_of(&key).ok_or_else(|| {
            let what = format!("its public key of {} bytes is none of its kind", key.bytes.len());
            StoreError::new(Problem::Answer, &self.uri, what, "see the device's log")
        })
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        let kind = signing_kind(&info(&self.client, &self.uri, self.id)?);
        Ok(kind.map(schemes_of).unwrap_or_default().to_vec())
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        let info = info(&self.client, &self.uri, self.id)?;
        let module = self.client.device_info().map_err(|error| self.failed(&error))?;
        let mut observed = Observed::new();
        observed.word("key.storage", Words::Storage, "hsm.usb");
        // What came in under a wrapping key left another device so, and whoever has that key has this one.
        let (origin, was_wrapped) = match info.origin {
            Origin::Generated => ("generated", false),
            Origin::Imported => ("imported", false),
            Origin::WrappedGenerated => ("imported-wrapped", true),
            Origin::WrappedImported => ("imported", true),
        };
        observed.word("key.origin", Words::Origin, origin);
        let may_leave = was_wrapped || info.capabilities.contains(Capability::EXPORTABLE_UNDER_WRAP);
        observed.word("key.export", Words::Export, if may_leave { "wrapped" } else { "never" });
        observed.word("key.user-presence", Words::UserPresence, "none");
        observed.word("module.vendor", Words::Vendor, "yubico");
        observed.text("module.model", "YubiHSM 2");
        let [major, minor, patch] = [module.major_version, module.minor_version, module.build_version];
        observed.text("module.firmware", &format!("{major}.{minor}.{patch}"));
        let serial = module.serial_number.to_string();
        observed.text("module.serial", serial.trim_start_matches('0'));
        Ok(observed)
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        if !schemes_of(self.kind).contains(&scheme) {
            return Err(StoreError::scheme_unsupported(&self.uri, scheme));
        }
        self.ask(scheme, message)
    }

    fn attester(&self) -> Option<&dyn Attester> {
        Some(self)
    }
}

impl Attester for HsmKey {
    /// `yubihsm2`: the key's attestation, the certificate of the device that signs it, and its issuers. The device takes
    /// no nonce. Not tried: the simulator has no such command.
    fn evidence(&self, _: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |error| self.failed(&error);
        let statement =
            self.client.sign_attestation_certificate(self.id, Some(ATTESTATION_KEY)).map_err(failed)?;
        let device = self.client.get_opaque(ATTESTATION_KEY).map_err(failed)?;
        let mut text = String::new();
        for certificate in [statement.0, device].iter().chain(&self.issuers) {
            let pem = encode_string("CERTIFICATE", LineEnding::LF, certificate).map_err(|error| {
                StoreError::new(Problem::Answer, &self.uri, error.to_string(), "see the device's log")
            })?;
            text.push_str(&pem);
        }
        Ok(text.into_bytes())
    }
}
