//! One private key of a file, and its signatures.
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::signature::{PqdsaKeyPair, PqdsaSigningAlgorithm, RsaEncoding};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{NewKey, Signer, schemes_of};
use pkic_backend::uri::KeyUri;
use pkic_facts::crypto::{Hash, KeyKind, Scheme};
use pkic_vocab::words::Words;
use std::fmt::Display;
use zeroize::Zeroizing;

/// A private key in this process.
enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(KeyKind, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(KeyKind, PqdsaKeyPair),
}

impl Pair {
    /// Reads a PrivateKeyInfo of any kind that pkic signs with.
    fn from_pkcs8(pkcs8: &[u8]) -> Option<Pair> {
        let ecdsa = CURVES.iter().find_map(|(kind, algorithm)| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).ok().map(|pair| Pair::Ecdsa(*kind, pair))
        });
        let ml_dsa = || {
            let read = |(kind, algorithm): &(KeyKind, &'static PqdsaSigningAlgorithm)| {
                PqdsaKeyPair::from_pkcs8(algorithm, pkcs8).ok().map(|pair| Pair::MlDsa(*kind, pair))
            };
            PARAMETER_SETS.iter().find_map(read)
        };
        ecdsa
            .or_else(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Pair::Ed25519))
            .or_else(|| RsaKeyPair::from_pkcs8(pkcs8).ok().map(Pair::Rsa))
            .or_else(ml_dsa)
    }

    fn kind(&self) -> KeyKind {
        match self {
            Pair::Rsa(_) => KeyKind::Rsa,
            Pair::Ecdsa(kind, _) | Pair::MlDsa(kind, _) => *kind,
            Pair::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    fn spki(&self) -> Option<Vec<u8>> {
        let der = |spki: PublicKeyX509Der<'_>| spki.as_ref().to_vec();
        let spki = match self {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(_, pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::MlDsa(_, pair) => pair.public_key().as_der(),
        };
        spki.ok().map(der)
    }

    /// The signature; nothing for a scheme of another kind of key.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(scheme)?, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ecdsa(_, pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
            Pair::MlDsa(_, pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(message, &mut signature).ok()?;
                signature.truncate(length);
                Some(signature)
            }
        }
    }
}

/// Curves with the hash function of their strength, by which [`schemes_of`] signs.
static CURVES: [(KeyKind, &EcdsaSigningAlgorithm); 3] = [
    (KeyKind::P256, &aws::ECDSA_P256_SHA256_ASN1_SIGNING),
    (KeyKind::P384, &aws::ECDSA_P384_SHA384_ASN1_SIGNING),
    (KeyKind::P521, &aws::ECDSA_P521_SHA512_ASN1_SIGNING),
];

static PARAMETER_SETS: [(KeyKind, &PqdsaSigningAlgorithm); 3] = [
    (KeyKind::MlDsa44, &aws::ML_DSA_44_SIGNING),
    (KeyKind::MlDsa65, &aws::ML_DSA_65_SIGNING),
    (KeyKind::MlDsa87, &aws::ML_DSA_87_SIGNING),
];

fn rsa_encoding(scheme: Scheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => &aws::RSA_PKCS1_SHA256,
        Scheme::RsaPkcs1(Hash::Sha384) => &aws::RSA_PKCS1_SHA384,
        Scheme::RsaPkcs1(Hash::Sha512) => &aws::RSA_PKCS1_SHA512,
        Scheme::RsaPss(Hash::Sha256) => &aws::RSA_PSS_SHA256,
        Scheme::RsaPss(Hash::Sha384) => &aws::RSA_PSS_SHA384,
        Scheme::RsaPss(Hash::Sha512) => &aws::RSA_PSS_SHA512,
        _ => return None,
    })
}

/// A new private key of that kind as PrivateKeyInfo in DER; nothing for a kind or size that is not made here.
///
/// # Errors
/// The generator's.
pub(crate) fn generate(key: &NewKey) -> Result<Option<Zeroizing<Vec<u8>>>, aws_lc_rs::error::Unspecified> {
    let curve = CURVES.iter().find(|(kind, _)| *kind == key.kind);
    let parameters = PARAMETER_SETS.iter().find(|(kind, _)| *kind == key.kind);
    let der = match (key.kind, curve, parameters) {
        (KeyKind::Rsa, ..) => {
            let size = match key.bits {
                Some(2048) => KeySize::Rsa2048,
                Some(3072) | None => KeySize::Rsa3072,
                Some(4096) => KeySize::Rsa4096,
                Some(8192) => KeySize::Rsa8192,
                Some(_) => return Ok(None),
            };
            RsaKeyPair::generate(size)?.as_der()?.as_ref().to_vec()
        }
        (KeyKind::Ed25519, ..) => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
        (_, Some((_, algorithm)), _) => EcdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref().to_vec(),
        (_, _, Some((_, algorithm))) => PqdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref().to_vec(),
        _ => return Ok(None),
    };
    Ok(Some(Zeroizing::new(der)))
}

/// A key that was read from a file.
pub(crate) struct FileKey {
    uri: KeyUri,
    pair: Pair,
    spki: Vec<u8>,
}

impl FileKey {
    /// Reads a PrivateKeyInfo in DER.
    ///
    /// # Errors
    /// [`StoreError`] for a key of a kind that pkic does not sign with.
    pub(crate) fn from_pkcs8(uri: KeyUri, pkcs8: &[u8]) -> Result<FileKey, StoreError> {
        let unfit = |at: &dyn Display| {
            let help = "RSA of 2048 bits and more, ECDSA on P-256, P-384 or P-521, Ed25519 or ML-DSA is";
            StoreError::new(Problem::Unsupported, at, "it holds no key that pkic signs with", help)
        };
        let read = Pair::from_pkcs8(pkcs8).and_then(|pair| pair.spki().map(|spki| (pair, spki)));
        let Some((pair, spki)) = read else { return Err(unfit(&uri)) };
        Ok(FileKey { uri, pair, spki })
    }
}

impl Signer for FileKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.spki.clone())
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        Ok(schemes_of(self.pair.kind()).to_vec())
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        let mut observed = Observed::new();
        observed.word("key.storage", Words::Storage, "software.file");
        observed.word("key.export", Words::Export, "plain");
        Ok(observed)
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        if !schemes_of(self.pair.kind()).contains(&scheme) {
            return Err(StoreError::scheme_unsupported(&self.uri, scheme));
        }
        self.pair.sign(scheme, message).ok_or_else(|| {
            let help = "check the file with `openssl pkey -check`";
            StoreError::new(Problem::Answer, &self.uri, "the key did not sign", help)
        })
    }
}
