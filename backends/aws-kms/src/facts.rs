//! What `DescribeKey` says of a key, and the facts that it is.
//!
//! Source: AWS KMS API Reference, KeyMetadata; AWS KMS Cryptographic Details (exported key tokens stay within a domain).
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend_rest::document::{Document, plain, unfit};
use pkic_facts::crypto::KeyKind;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// Key specs that pkic signs with.
const SPECS: [(&str, KeyKind, Option<u16>); 10] = [
    ("RSA_2048", KeyKind::Rsa, Some(2048)),
    ("RSA_3072", KeyKind::Rsa, Some(3072)),
    ("RSA_4096", KeyKind::Rsa, Some(4096)),
    ("ECC_NIST_P256", KeyKind::P256, None),
    ("ECC_NIST_P384", KeyKind::P384, None),
    ("ECC_NIST_P521", KeyKind::P521, None),
    ("ECC_NIST_EDWARDS25519", KeyKind::Ed25519, None),
    ("ML_DSA_44", KeyKind::MlDsa44, None),
    ("ML_DSA_65", KeyKind::MlDsa65, None),
    ("ML_DSA_87", KeyKind::MlDsa87, None),
];

/// The kind of a key spec, with the bits of an RSA modulus.
pub(crate) fn kind_of(spec: &str) -> Option<(KeyKind, Option<u16>)> {
    SPECS.iter().find(|(name, ..)| *name == spec).map(|(_, kind, bits)| (*kind, *bits))
}

/// The key spec of a kind, with these bits of an RSA modulus, or 3072.
pub(crate) fn spec_of(kind: KeyKind, bits: Option<u16>) -> Option<&'static str> {
    let bits = if kind == KeyKind::Rsa { bits.or(Some(3072)) } else { bits };
    SPECS.iter().find(|(_, of, size)| *of == kind && *size == bits).map(|(name, ..)| *name)
}

/// KeyMetadata, as far as it matters here.
pub(crate) struct Metadata {
    /// The key's ARN.
    pub(crate) arn: String,
    /// KeySpec.
    pub(crate) spec: String,
    state: String,
    usage: String,
    origin: String,
    created_s: Option<i64>,
}

impl Metadata {
    /// Reads an answer of `DescribeKey`.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`.
    pub(crate) fn read(answer: &Document) -> Result<Metadata, StoreError> {
        let text = |pointer| answer.text(pointer).map(str::to_owned);
        Ok(Metadata {
            arn: text("/KeyMetadata/Arn")?,
            spec: text("/KeyMetadata/KeySpec")?,
            state: text("/KeyMetadata/KeyState")?,
            usage: text("/KeyMetadata/KeyUsage")?,
            origin: text("/KeyMetadata/Origin")?,
            created_s: answer.member("/KeyMetadata/CreationDate").and_then(seconds),
        })
    }

    /// Whether it is an asymmetric key that signs.
    pub(crate) fn is_signing(&self) -> bool {
        self.usage == "SIGN_VERIFY" && kind_of(&self.spec).is_some()
    }

    /// The kind of a key that signs and can be used now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Unsupported` for a key of another usage or spec, `Denied` for one that is not enabled.
    pub(crate) fn usable(&self, at: &str) -> Result<KeyKind, StoreError> {
        let Some((kind, _)) = kind_of(&self.spec).filter(|_| self.is_signing()) else {
            let what = format!("it is a key of the spec {} for {}", plain(&self.spec), plain(&self.usage));
            let help = "give an asymmetric key with the usage SIGN_VERIFY, on no Koblitz curve";
            return Err(StoreError::new(Problem::Unsupported, at, what, help));
        };
        if self.state == "Enabled" {
            return Ok(kind);
        }
        let help = match self.state.as_str() {
            "Disabled" => "enable it",
            "PendingDeletion" | "PendingReplicaDeletion" => "cancel its deletion, or name another key",
            "PendingImport" => "import its key material",
            "Unavailable" => "connect its custom key store",
            _ => "wait until it is `Enabled`",
        };
        let what = format!("the key's state is {}", plain(&self.state));
        Err(StoreError::new(Problem::Denied, at, what, help))
    }

    /// The facts. An origin that is none of those known here says nothing.
    pub(crate) fn observed(&self) -> Observed {
        let mut observed = Observed::new();
        // Where it is, what the catalogue calls the service, whose hands it is in, and how the key came there.
        let (storage, model, custody, origin) = match self.origin.as_str() {
            "AWS_KMS" => ("cloud-kms.shared", "AWS KMS", "provider", Some("generated")),
            "EXTERNAL" => ("cloud-kms.shared", "AWS KMS", "provider", Some("imported-wrapped")),
            "AWS_CLOUDHSM" => {
                let model = "AWS KMS, AWS CloudHSM key store";
                ("cloud-kms.dedicated", model, "customer", Some("generated"))
            }
            "EXTERNAL_KEY_STORE" => ("cloud-kms.external", "AWS KMS, external key store", "customer", None),
            _ => return observed,
        };
        observed.word("key.storage", Words::Storage, storage);
        observed.word("key.custody", Words::Custody, custody);
        if let Some(origin) = origin {
            observed.word("key.origin", Words::Origin, origin);
            // Tokens of the key go round the modules of the domain, and regions' of a multi-region key; no action gives
            // it out. Of a key in another's key manager nothing is known.
            observed.word("key.export", Words::Export, "domain");
        }
        // The date is that of the entry in AWS KMS, which is the key's own where it was made with it.
        if let Some(created) = self.created_s.filter(|_| origin == Some("generated")) {
            observed.say("key.created", Value::Date(created));
        }
        observed.word("module.vendor", Words::Vendor, "amazon");
        observed.text("module.model", model);
        observed
    }
}

/// Seconds since 1970, of which AWS writes fractions; nothing for a time that no calendar here has.
fn seconds(value: &serde_json::Value) -> Option<i64> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds))?;
    Some(seconds as i64)
}

/// A `KeySpec` that is not the key's.
pub(crate) fn other_spec(at: &str, spec: &str) -> StoreError {
    unfit(at, format!("the public key is no {}", plain(spec)))
}
