//! Real keys behind a service that signs digests.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use aws_lc_rs::digest::{Algorithm, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::signature::{Ed25519KeyPair, PqdsaKeyPair};
use pkic_facts::der;

pub enum Key {
    Ec(EcdsaKeyPair, &'static Algorithm),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa65(PqdsaKeyPair),
}

impl Key {
    /// An ECDSA key whose signatures are of that algorithm's form.
    pub fn ec(algorithm: &'static EcdsaSigningAlgorithm, hash: &'static Algorithm) -> Key {
        Key::Ec(EcdsaKeyPair::generate(algorithm).unwrap(), hash)
    }

    pub fn rsa() -> Key {
        Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn ed25519() -> Key {
        Key::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub fn ml_dsa_65() -> Key {
        Key::MlDsa65(PqdsaKeyPair::generate(&aws::ML_DSA_65_SIGNING).unwrap())
    }

    pub fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Key::Ec(pair, _) => pair.public_key().as_der().unwrap(),
            Key::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Key::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Key::MlDsa65(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    /// The octets of the public key itself: a point, or a raw key.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Key::Ec(pair, _) => pair.public_key().as_ref().to_vec(),
            Key::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Key::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Key::MlDsa65(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// Modulus and exponent.
    pub fn rsa_components(&self) -> (Vec<u8>, Vec<u8>) {
        let whole = self.octets();
        let body = der::only("RSAPublicKey", der::SEQUENCE, &whole).unwrap();
        let (modulus, rest) = der::expect("modulus", der::INTEGER, body).unwrap();
        let exponent = der::only("exponent", der::INTEGER, rest).unwrap();
        (modulus.strip_prefix(&[0]).unwrap().to_vec(), exponent.to_vec())
    }

    /// Signs a digest: its length names the hash function.
    pub fn sign_digest(&self, digest: &[u8], is_pss: bool) -> Vec<u8> {
        let (hash, pkcs1, pss): (_, &'static dyn RsaEncoding, &'static dyn RsaEncoding) = match digest.len() {
            32 => (&SHA256, &aws::RSA_PKCS1_SHA256, &aws::RSA_PSS_SHA256),
            48 => (&SHA384, &aws::RSA_PKCS1_SHA384, &aws::RSA_PSS_SHA384),
            64 => (&SHA512, &aws::RSA_PKCS1_SHA512, &aws::RSA_PSS_SHA512),
            other => panic!("a digest of {other} bytes"),
        };
        let digest = Digest::import_less_safe(digest, hash).unwrap();
        match self {
            Key::Ec(pair, own) => {
                assert_eq!(*own, hash);
                pair.sign_digest(&digest).unwrap().as_ref().to_vec()
            }
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(if is_pss { pss } else { pkcs1 }, &digest, &mut signature).unwrap();
                signature
            }
            Key::Ed25519(_) | Key::MlDsa65(_) => panic!("it signs no digest"),
        }
    }

    /// Signs a message with a key that takes no digest.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Key::Ed25519(pair) => pair.try_sign(message).unwrap().as_ref().to_vec(),
            Key::MlDsa65(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(message, &mut signature).unwrap();
                signature.truncate(length);
                signature
            }
            _ => panic!("it signs digests"),
        }
    }
}
