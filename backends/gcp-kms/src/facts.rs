//! What the resource of a key version says, and the facts that it is.
//!
//! Source: Cloud KMS REST reference, `cryptoKeyVersions` (CryptoKeyVersionAlgorithm, CryptoKeyVersionState,
//! ProtectionLevel).
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend_rest::document::{Document, plain};
use pkic_facts::crypto::{Hash, KeyKind, Scheme};
use pkic_vocab::Value;
use pkic_vocab::time::parse_date;
use pkic_vocab::words::Words;

/// An algorithm of the service: it fixes key, scheme and hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    pub(crate) kind: KeyKind,
    pub(crate) bits: Option<usize>,
    pub(crate) scheme: Scheme,
}

const fn of(name: &'static str, kind: KeyKind, bits: Option<usize>, scheme: Scheme) -> Algorithm {
    Algorithm { name, kind, bits, scheme }
}

const fn rsa(name: &'static str, bits: usize, scheme: Scheme) -> Algorithm {
    of(name, KeyKind::Rsa, Some(bits), scheme)
}

const ALGORITHMS: [Algorithm; 14] = [
    of("EC_SIGN_ED25519", KeyKind::Ed25519, None, Scheme::Ed25519),
    of("EC_SIGN_P256_SHA256", KeyKind::P256, None, Scheme::Ecdsa(Hash::Sha256)),
    of("EC_SIGN_P384_SHA384", KeyKind::P384, None, Scheme::Ecdsa(Hash::Sha384)),
    of("PQ_SIGN_ML_DSA_44", KeyKind::MlDsa44, None, Scheme::MlDsa44),
    of("PQ_SIGN_ML_DSA_65", KeyKind::MlDsa65, None, Scheme::MlDsa65),
    of("PQ_SIGN_ML_DSA_87", KeyKind::MlDsa87, None, Scheme::MlDsa87),
    rsa("RSA_SIGN_PKCS1_2048_SHA256", 2048, Scheme::RsaPkcs1(Hash::Sha256)),
    rsa("RSA_SIGN_PKCS1_3072_SHA256", 3072, Scheme::RsaPkcs1(Hash::Sha256)),
    rsa("RSA_SIGN_PKCS1_4096_SHA256", 4096, Scheme::RsaPkcs1(Hash::Sha256)),
    rsa("RSA_SIGN_PKCS1_4096_SHA512", 4096, Scheme::RsaPkcs1(Hash::Sha512)),
    rsa("RSA_SIGN_PSS_2048_SHA256", 2048, Scheme::RsaPss(Hash::Sha256)),
    rsa("RSA_SIGN_PSS_3072_SHA256", 3072, Scheme::RsaPss(Hash::Sha256)),
    rsa("RSA_SIGN_PSS_4096_SHA256", 4096, Scheme::RsaPss(Hash::Sha256)),
    rsa("RSA_SIGN_PSS_4096_SHA512", 4096, Scheme::RsaPss(Hash::Sha512)),
];

/// A key version, as far as it matters here.
pub(crate) struct Version {
    state: String,
    level: String,
    algorithm: String,
    is_imported: bool,
    generated: Option<i64>,
}

impl Version {
    /// Reads the resource of the version of that name.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`.
    pub(crate) fn read(answer: &Document, name: &str) -> Result<Version, StoreError> {
        answer.is_about("/name", name)?;
        let text = |pointer| answer.text(pointer).map(str::to_owned);
        Ok(Version {
            state: text("/state")?,
            level: text("/protectionLevel")?,
            algorithm: text("/algorithm")?,
            is_imported: answer.member("/importJob").or(answer.member("/importTime")).is_some(),
            generated: answer.maybe_text("/generateTime").and_then(moment),
        })
    }

    /// The algorithm of a version that signs and can be used now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Unsupported` for an algorithm that pkic does not sign with, `Denied` for a version
    /// that is not enabled.
    pub(crate) fn usable(&self, at: &str) -> Result<Algorithm, StoreError> {
        let known = ALGORITHMS.into_iter().find(|known| known.name == self.algorithm);
        let algorithm = known.ok_or_else(|| {
            let what = format!("its algorithm is {}", plain(&self.algorithm));
            let help =
                "give a version for asymmetric signing: RSA, ECDSA on P-256 or P-384, Ed25519 or ML-DSA";
            StoreError::new(Problem::Unsupported, at, what, help)
        })?;
        if self.state == "ENABLED" {
            return Ok(algorithm);
        }
        let help = match self.state.as_str() {
            "DISABLED" => "enable it",
            "DESTROY_SCHEDULED" => "restore it, or name another version",
            "PENDING_GENERATION" | "PENDING_IMPORT" => "wait until it is `ENABLED`",
            _ => "name another version",
        };
        let what = format!("the version's state is {}", plain(&self.state));
        Err(StoreError::new(Problem::Denied, at, what, help))
    }

    /// Whether the module that holds it attests to it.
    pub(crate) fn is_in_hsm(&self) -> bool {
        matches!(self.level.as_str(), "HSM" | "HSM_SINGLE_TENANT")
    }

    /// The facts. A protection level that is none of those known here says nothing.
    pub(crate) fn observed(&self) -> Observed {
        let mut observed = Observed::new();
        let (storage, custody) = match self.level.as_str() {
            "SOFTWARE" => ("software", "provider"),
            "HSM" => ("cloud-kms.shared", "provider"),
            "HSM_SINGLE_TENANT" => ("cloud-kms.dedicated", "provider"),
            "EXTERNAL" | "EXTERNAL_VPC" => ("cloud-kms.external", "customer"),
            _ => return observed,
        };
        observed.word("key.storage", Words::Storage, storage);
        observed.word("key.custody", Words::Custody, custody);
        if storage != "cloud-kms.external" {
            let origin = if self.is_imported { "imported-wrapped" } else { "generated" };
            observed.word("key.origin", Words::Origin, origin);
            if let Some(generated) = self.generated.filter(|_| !self.is_imported) {
                observed.say("key.created", Value::Date(generated));
            }
        }
        // No call gives the key out. Modules of the service clone it among themselves; of software nothing is said.
        if self.is_in_hsm() {
            observed.word("key.export", Words::Export, "domain");
        }
        observed.word("module.vendor", Words::Vendor, "google");
        observed.text("module.model", &format!("Cloud KMS, {}", self.level));
        observed
    }
}

/// A moment of RFC 3339 in UTC, without its fraction.
fn moment(text: &str) -> Option<i64> {
    let seconds = text.strip_suffix('Z')?.get(..19)?;
    parse_date(&format!("{seconds}Z"))
}
