//! A deployment as it was read: every value with its place, every path with the folder of the file before it.
use super::peers::Peer;
use super::schema::StoreKind;
use super::{FILE_LEN_BYTES_MAX, check, read};
use crate::World;
use crate::cli::Revocation;
use crate::failure::Failure;
use crate::inputs::{self, SealedBytes};
use crate::output::Page;
use crate::policy::{self, Trusted};
use crate::report::human;
use crate::{clock, files, plugins};
use pkic_audit::VerifierKey;
use pkic_backend::error::StoreError;
use pkic_backend::secret::{Secret, SecretSource};
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_evidence::plugin::Plugin;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::bundle::Loaded;
use pkic_runtime::issuer::Issuer;
use pkic_vocab::limits;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value and where it stands in the file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Its place.
    pub(crate) span: Range<usize>,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A deployment.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// Whether it is a lab: it takes a lab policy then, and an unsigned one.
    pub(crate) lab: At<bool>,
    /// The bundle, or in a lab the text, of the policy.
    pub(crate) policy: At<PathBuf>,
    /// Whose signature of a bundle counts: SHA-256 of the subjectPublicKeyInfo.
    pub(crate) bundle_signers: Vec<Sha256Digest>,
    /// What requests are judged with.
    pub(crate) inputs: Inputs,
    /// The edge key of challenges.
    pub(crate) challenge_key: Option<At<PathBuf>>,
    /// The log of issuance.
    pub(crate) log: Option<Log>,
    /// Where the HTTP service listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Key stores by name.
    pub(crate) stores: BTreeMap<String, Store>,
    /// Authorities by their qualified names.
    pub(crate) authorities: BTreeMap<String, Authority>,
    /// Logs of certificate transparency, in the order of their names.
    pub(crate) ct: Vec<Peer<PathBuf>>,
    /// Witnesses of the log of issuance, in the order of their names.
    pub(crate) witnesses: Vec<Peer<VerifierKey>>,
}

/// What requests are judged with, as files. Which of it counts is the policy's to say.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Folder of trust anchors.
    pub(crate) anchors: Option<At<PathBuf>>,
    /// Catalogues of modules.
    pub(crate) catalogues: Vec<At<PathBuf>>,
    /// Statements of people.
    pub(crate) statements: Vec<At<PathBuf>>,
    /// Sandboxed formats.
    pub(crate) plugins: Vec<At<PathBuf>>,
    /// Certificate revocation lists.
    pub(crate) crls: Vec<At<PathBuf>>,
    /// Android's status list. That it was fetched when it was last written is all that is known of its age.
    pub(crate) status_list: Option<At<PathBuf>>,
    /// Seconds for which the status list counts.
    pub(crate) status_list_age_s_max: Option<At<i64>>,
}

impl Inputs {
    /// Reads the trust anchors, with the lists of revoked certificates.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read, or does not hold what it should.
    pub(crate) fn trust(&self) -> Result<AnchorSet, Failure> {
        let status_list = self.status_list.as_deref().cloned();
        let revocation = Revocation {
            crl: self.crls.iter().map(|path| path.value.clone()).collect(),
            status_list_fetched: status_list.as_deref().map(files::modified_s).transpose()?,
            status_list,
            status_list_max_age: self.status_list_age_s_max.as_deref().copied(),
        };
        inputs::trust(self.anchors.as_deref().map(PathBuf::as_path), &revocation)
    }

    /// Reads the catalogues.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read.
    pub(crate) fn read_catalogues(&self) -> Result<Vec<SealedBytes>, Failure> {
        inputs::sealed("catalogues", &paths(&self.catalogues))
    }

    /// Reads the statements.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read.
    pub(crate) fn read_statements(&self) -> Result<Vec<SealedBytes>, Failure> {
        inputs::sealed("statements", &paths(&self.statements))
    }

    /// Reads and compiles the sandboxed formats.
    ///
    /// # Errors
    /// [`Failure`] for a file that is no module, and for any where this build has no sandbox.
    pub(crate) fn read_plugins(&self) -> Result<Vec<Box<dyn Plugin>>, Failure> {
        plugins::load(&paths(&self.plugins))
    }
}

fn paths(files: &[At<PathBuf>]) -> Vec<PathBuf> {
    files.iter().map(|file| file.value.clone()).collect()
}

/// The log of issuance.
#[derive(Debug)]
pub(crate) struct Log {
    /// Its folder.
    pub(crate) directory: At<PathBuf>,
    /// The key that signs its checkpoints: no key of a CA.
    pub(crate) key: At<PathBuf>,
    /// The origin line of its checkpoints.
    pub(crate) origin: At<String>,
    /// Whether what orders bring to their appraisal is kept beside their records.
    pub(crate) keeps_evidence: bool,
}

/// A setting that only some kinds of stores have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A number.
    Natural(u64),
    /// A file or folder.
    Path(PathBuf),
    /// Where a secret comes from.
    Secret(SecretSource),
    /// A text.
    Text(String),
}

/// A key store.
#[derive(Debug)]
pub(crate) struct Store {
    /// Its name in the file, at its place there.
    pub(crate) name: At<String>,
    /// Its kind.
    pub(crate) kind: StoreKind,
    /// Whose reading of its keys' URIs counts.
    pub(crate) dialect: Dialect,
    /// The time that a call may take.
    pub(crate) timeout: Duration,
    /// What its kind has besides, by name.
    pub(crate) settings: BTreeMap<&'static str, At<Setting>>,
}

impl Store {
    /// A file or folder of the store.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        match self.settings.get(name).map(Deref::deref) {
            Some(Setting::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// A text of the store.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.settings.get(name).map(Deref::deref) {
            Some(Setting::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number of the store.
    #[cfg(feature = "yubihsm")]
    pub(crate) fn natural(&self, name: &str) -> Option<u64> {
        match self.settings.get(name).map(Deref::deref) {
            Some(Setting::Natural(number)) => Some(*number),
            _ => None,
        }
    }

    /// The PIN or password of the store, read now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Credentials` where its source does not give it.
    pub(crate) fn pin(&self) -> Result<Option<Secret>, StoreError> {
        match self.settings.get("pin-source").map(Deref::deref) {
            Some(Setting::Secret(source)) => source.read().map(Some),
            _ => Ok(None),
        }
    }
}

/// Where the key and the certificate of an authority are.
#[derive(Debug)]
pub(crate) struct Authority {
    /// Its qualified name, at its place in the file.
    pub(crate) name: At<String>,
    /// The name of the store that has its key.
    pub(crate) store: At<String>,
    /// Its key.
    pub(crate) key: At<KeyUri>,
    /// Its certificate.
    pub(crate) certificate: At<PathBuf>,
    /// The certificates above it, for those who ask for a chain.
    pub(crate) chain: Option<At<PathBuf>>,
    /// Where its certificate is published.
    pub(crate) ca_issuers: Vec<String>,
    /// Where its OCSP responder is.
    pub(crate) ocsp: Vec<String>,
    /// Where its CRL is.
    pub(crate) crl_distribution_points: Vec<String>,
}

impl Authority {
    /// The issuer of drafts: its certificate, with the locations of the deployment.
    ///
    /// # Errors
    /// [`Failure`] where the file is no certificate of a CA.
    pub(crate) fn issuer(&self) -> Result<Issuer, Failure> {
        let bytes = files::read_bytes(&self.certificate, limits::CERTIFICATE_LEN_BYTES_MAX)?;
        let mut issuer =
            Issuer::from_certificate(&bytes).map_err(|unfit| Failure::content(&self.certificate, unfit))?;
        issuer.ca_issuers.clone_from(&self.ca_issuers);
        issuer.ocsp.clone_from(&self.ocsp);
        issuer.crl_distribution_points.clone_from(&self.crl_distribution_points);
        Ok(issuer)
    }

    /// The certificates above it, in the order of the file.
    ///
    /// # Errors
    /// [`Failure`] where the file holds no certificate.
    pub(crate) fn read_chain(&self) -> Result<Vec<Certificate>, Failure> {
        let Some(path) = &self.chain else { return Ok(Vec::new()) };
        let bytes = files::read_bytes(path, limits::EVIDENCE_LEN_BYTES_MAX)?;
        Certificate::all_from_file(&bytes).map_err(|reject| Failure::content(path, reject))
    }
}

/// Why the policy of a deployment is not loaded.
#[derive(Debug)]
pub(crate) enum Unloaded {
    /// It cannot be read, or its signature does not count.
    Failed(Failure),
    /// It is a lab policy, and the deployment is no lab.
    LabUndeclared {
        /// Name of the policy.
        policy: String,
    },
    /// It is no lab policy, and nobody signed it whom the deployment lists.
    Unsigned {
        /// Name of the policy.
        policy: String,
        /// Who signed it, if anybody did.
        signer: Option<Sha256Digest>,
    },
}

impl Deployment {
    /// Reads a deployment file. Files that it names are read when they are asked for.
    ///
    /// # Errors
    /// [`Failure`] where it cannot be read, or with all that is wrong with it, laid out.
    pub(crate) fn load(path: &Path, world: World) -> Result<Deployment, Failure> {
        let text = files::read_text(path, FILE_LEN_BYTES_MAX)?;
        let parsed = read::read(path, &text);
        parsed.deployment.ok_or_else(|| {
            let mut page = Page::default();
            human::findings(&mut page, &parsed.findings, &parsed.sources, world.colour);
            Failure::Findings { what: "the deployment file does not hold", text: page.into_text() }
        })
    }

    /// Loads the policy. A lab policy needs a deployment that is a lab as well; any other a signer of
    /// `bundle-signers`, in a lab too.
    ///
    /// # Errors
    /// [`Unloaded`].
    pub(crate) fn load_policy(&self, last_sequence: Option<u64>, world: World) -> Result<Loaded, Unloaded> {
        let now = inputs::moment(None, world.now.or_else(clock::now)).map_err(Unloaded::Failed)?;
        let last_sequence = last_sequence.filter(|_| !self.bundle_signers.is_empty());
        let trusted = Trusted { signers: &self.bundle_signers, last_sequence };
        let loaded = policy::load(&self.policy, trusted, now, world).map_err(Unloaded::Failed)?;
        let policy = || loaded.program().policy.clone();
        match (loaded.program().lab, loaded.seal()) {
            (true, _) if !self.lab.value => Err(Unloaded::LabUndeclared { policy: policy() }),
            (true, _) => Ok(loaded),
            (false, Some(seal)) if seal.is_signer_trusted => Ok(loaded),
            (false, seal) => {
                Err(Unloaded::Unsigned { policy: policy(), signer: seal.map(|seal| seal.signer) })
            }
        }
    }

    /// The store of that name.
    ///
    /// # Errors
    /// [`Failure`] with the name nearest to it.
    pub(crate) fn store(&self, name: &str) -> Result<&Store, Failure> {
        self.stores.get(name).ok_or_else(|| {
            let names = self.stores.keys().map(String::as_str);
            Failure::usage_with_help(
                format!("the deployment has no store `{name}`"),
                check::near(name, names),
            )
        })
    }

    /// The authority of that qualified name, and the store that its key is in.
    ///
    /// # Errors
    /// [`Failure`] with the name nearest to it.
    pub(crate) fn authority(&self, name: &str) -> Result<(&Authority, &Store), Failure> {
        let authority = self.authorities.get(name).ok_or_else(|| {
            let names = self.authorities.keys().map(String::as_str);
            let what = format!("the deployment has no authority `{name}`");
            Failure::usage_with_help(what, check::near(name, names))
        })?;
        Ok((authority, self.store(&authority.store)?))
    }
}
