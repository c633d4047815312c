//! What the resource of a key version says, and the facts that it is.
//!
//! Source: Azure Key Vault REST reference, KeyBundle; "About keys" (key types and protection methods).
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend_rest::document::{Document, plain, unfit};
use pkic_facts::crypto::KeyKind;
use pkic_vocab::words::Words;
use serde_json::Value;

/// A key version, as far as it matters here.
pub(crate) struct Bundle {
    /// The version in its `kid`.
    pub(crate) version: String,
    /// Its subjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
    /// Its kind.
    pub(crate) kind: KeyKind,
    key_type: String,
    is_exportable: bool,
}

impl Bundle {
    /// Reads the answer about the key of that name at that base, and checks that it signs and can be used now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`; `Unsupported` for a key that does not sign, `Denied` for one that is
    /// disabled.
    pub(crate) fn read(answer: &Document, at: &str, base: &str, name: &str) -> Result<Bundle, StoreError> {
        let kid = answer.text("/key/kid")?;
        let version = version_of(kid, base, name)
            .ok_or_else(|| unfit(at, format!("the answer is about `{}`", plain(kid))))?;
        let key_type = answer.text("/key/kty")?.to_owned();
        let (kind, spki) = public_key(answer, at, &key_type)?;
        let signs = answer.list("/key/key_ops")?.iter().any(|op| op.as_str() == Some("sign"));
        if !signs {
            let help = "give a key with the operation `sign`";
            return Err(StoreError::new(Problem::Unsupported, at, "the key does not sign", help));
        }
        if answer.member("/attributes/enabled") != Some(&Value::Bool(true)) {
            return Err(StoreError::new(Problem::Denied, at, "the key is disabled", "enable it"));
        }
        let is_exportable = answer.member("/attributes/exportable") == Some(&Value::Bool(true));
        Ok(Bundle { version: version.to_owned(), spki, kind, key_type, is_exportable })
    }

    /// The facts. Whether a key was made there or brought is not said, and the date is that of its entry.
    pub(crate) fn observed(&self, is_managed_hsm: bool) -> Observed {
        let mut observed = Observed::new();
        let is_in_hsm = self.key_type.ends_with("-HSM");
        let (storage, model) = match (is_managed_hsm, is_in_hsm) {
            (true, true) => ("cloud-kms.managed-hsm", "Azure Managed HSM".to_owned()),
            (false, true) => ("cloud-kms.shared", format!("Azure Key Vault, {}", self.key_type)),
            (false, false) => ("software", format!("Azure Key Vault, {}", self.key_type)),
            // A pool has keys of no other type.
            (true, false) => return observed,
        };
        observed.word("key.storage", Words::Storage, storage);
        observed.word("key.custody", Words::Custody, "provider");
        // A key for Secure Key Release leaves under the key of an enclave; others are backed up into the owner's vaults.
        match (self.is_exportable, is_in_hsm) {
            (true, _) => observed.word("key.export", Words::Export, "wrapped"),
            (false, true) => observed.word("key.export", Words::Export, "domain"),
            (false, false) => {}
        }
        observed.word("module.vendor", Words::Vendor, "microsoft");
        observed.text("module.model", &model);
        observed
    }
}

/// The version of a key identifier, `BASE/keys/NAME/VERSION`.
pub(crate) fn version_of<'a>(kid: &'a str, base: &str, name: &str) -> Option<&'a str> {
    let rest = kid.strip_prefix(base)?.strip_prefix("/keys/")?;
    let (found, version) = rest.split_once('/')?;
    (found.eq_ignore_ascii_case(name) && is_version(version)).then_some(version)
}

/// Whether it is a version of a key: letters and digits.
pub(crate) fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// The subjectPublicKeyInfo of a JSON web key (RFC 7517, RFC 7518 section 6).
fn public_key(answer: &Document, at: &str, key_type: &str) -> Result<(KeyKind, Vec<u8>), StoreError> {
    let none = |_| unfit(at, "the public key is none");
    let der: PublicKeyX509Der<'_>;
    let kind = match key_type {
        "RSA" | "RSA-HSM" => {
            let (n, e) = (answer.base64url("/key/n")?, answer.base64url("/key/e")?);
            der = PublicKeyComponents { n, e }.as_der().map_err(none)?;
            KeyKind::Rsa
        }
        "EC" | "EC-HSM" => {
            let (kind, width, algorithm) = match answer.text("/key/crv")? {
                "P-256" => (KeyKind::P256, 32, &ECDSA_P256_SHA256_ASN1),
                "P-384" => (KeyKind::P384, 48, &ECDSA_P384_SHA384_ASN1),
                "P-521" => (KeyKind::P521, 66, &ECDSA_P521_SHA512_ASN1),
                other => return Err(unsupported(at, other)),
            };
            let (x, y) = (answer.base64url("/key/x")?, answer.base64url("/key/y")?);
            if x.len() != width || y.len() != width {
                return Err(unfit(at, "a coordinate of the public key has another length than its curve's"));
            }
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            der = ParsedPublicKey::new(algorithm, point)
                .map_err(|_| unfit(at, "the public key is none"))?
                .as_der()
                .map_err(none)?;
            kind
        }
        other => return Err(unsupported(at, other)),
    };
    Ok((kind, der.as_ref().to_vec()))
}

fn unsupported(at: &str, kind: &str) -> StoreError {
    let what = format!("it is a key of the type `{}`", plain(kind));
    let help = "give an RSA key, or an EC key on P-256, P-384 or P-521";
    StoreError::new(Problem::Unsupported, at, what, help)
}
