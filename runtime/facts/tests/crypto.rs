//! Signatures of every scheme, and what each change does to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, clippy::result_large_err)]

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::KeyPair;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength, ecdsa_der_of_fixed, verify_signature};

const MESSAGE: &[u8] = b"what is signed";

/// A good signature verifies; another message, a cut one and another scheme do not.
fn check(spki: &[u8], scheme: Scheme, strength: Strength, signature: &[u8]) {
    let verify =
        |message: &[u8], signature: &[u8]| verify_signature(spki, scheme, strength, message, signature);
    assert_eq!(verify(MESSAGE, signature), Ok(()), "{}", scheme.name());
    assert_eq!(verify(b"another", signature).unwrap_err().code(), "signature-invalid", "{}", scheme.name());
    assert!(verify(MESSAGE, &signature[..signature.len() - 1]).is_err(), "{}", scheme.name());
    assert!(verify(MESSAGE, &[]).is_err(), "{}", scheme.name());
    let other = if scheme == Scheme::Ed25519 { Scheme::MlDsa44 } else { Scheme::Ed25519 };
    let reject = verify_signature(spki, other, strength, MESSAGE, signature).unwrap_err();
    assert_eq!(reject.code(), "algorithm-key-mismatch");
}

#[test]
fn rsa() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki: Vec<u8> = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key())
        .unwrap()
        .as_ref()
        .to_vec();
    let sign = |encoding: &'static dyn aws::RsaEncoding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        signature
    };
    for (scheme, encoding) in [
        (Scheme::RsaPkcs1(Hash::Sha256), &aws::RSA_PKCS1_SHA256),
        (Scheme::RsaPkcs1(Hash::Sha384), &aws::RSA_PKCS1_SHA384),
        (Scheme::RsaPkcs1(Hash::Sha512), &aws::RSA_PKCS1_SHA512),
        (Scheme::RsaPss(Hash::Sha256), &aws::RSA_PSS_SHA256),
        (Scheme::RsaPss(Hash::Sha384), &aws::RSA_PSS_SHA384),
        (Scheme::RsaPss(Hash::Sha512), &aws::RSA_PSS_SHA512),
    ] {
        check(&spki, scheme, Strength::Current, &sign(encoding));
    }
    let weak = verify_signature(&spki, Scheme::RsaPkcs1(Hash::Sha1), Strength::Current, MESSAGE, &[0; 256]);
    assert_eq!(weak.unwrap_err().code(), "algorithm-weak");
    let tolerated =
        verify_signature(&spki, Scheme::RsaPkcs1(Hash::Sha1), Strength::Sha1Tolerated, MESSAGE, &[0; 256]);
    assert_eq!(tolerated.unwrap_err().code(), "signature-invalid");
}

#[test]
fn ecdsa() {
    for (signing, fixed, hash, width) in [
        (&aws::ECDSA_P256_SHA256_ASN1_SIGNING, &aws::ECDSA_P256_SHA256_FIXED_SIGNING, Hash::Sha256, 32),
        (&aws::ECDSA_P384_SHA384_ASN1_SIGNING, &aws::ECDSA_P384_SHA384_FIXED_SIGNING, Hash::Sha384, 48),
        (&aws::ECDSA_P521_SHA512_ASN1_SIGNING, &aws::ECDSA_P521_SHA512_FIXED_SIGNING, Hash::Sha512, 66),
    ] {
        let pkcs8 = aws::EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new()).unwrap();
        let pair = aws::EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref()).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
        check(&spki, Scheme::Ecdsa(hash), Strength::Current, signature.as_ref());
        let pair = aws::EcdsaKeyPair::from_pkcs8(fixed, pkcs8.as_ref()).unwrap();
        for _ in 0..20 {
            let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
            let der = ecdsa_der_of_fixed(signature.as_ref(), width).unwrap();
            assert_eq!(
                verify_signature(&spki, Scheme::Ecdsa(hash), Strength::Current, MESSAGE, &der),
                Ok(())
            );
        }
    }
    assert_eq!(ecdsa_der_of_fixed(&[0; 63], 32), None);
    assert_eq!(ecdsa_der_of_fixed(&[0; 2], 1), Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]));
}

#[test]
fn ed25519() {
    let pkcs8 = aws::Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = aws::Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
    check(&spki, Scheme::Ed25519, Strength::Current, pair.sign(MESSAGE).as_ref());
}

#[test]
fn ml_dsa() {
    for (signing, scheme) in [
        (&aws::ML_DSA_44_SIGNING, Scheme::MlDsa44),
        (&aws::ML_DSA_65_SIGNING, Scheme::MlDsa65),
        (&aws::ML_DSA_87_SIGNING, Scheme::MlDsa87),
    ] {
        let pair = aws::PqdsaKeyPair::generate(signing).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let mut signature = vec![0; signing.signature_len()];
        let len = pair.sign(MESSAGE, &mut signature).unwrap();
        check(&spki, scheme, Strength::Current, &signature[..len]);
    }
}

#[test]
fn short_rsa_keys_need_a_profile_that_says_so() {
    let spki = rsa_spki_of_1024_bits();
    let scheme = Scheme::RsaPkcs1(Hash::Sha256);
    let answer = |strength| verify_signature(&spki, scheme, strength, MESSAGE, &[1; 128]).unwrap_err().code();
    assert_eq!(answer(Strength::Current), "algorithm-weak");
    assert_eq!(answer(Strength::Sha1Tolerated), "algorithm-weak");
    assert_eq!(answer(Strength::LegacyTolerated), "signature-invalid");
}

/// A key with an odd modulus of 1024 bits that nobody can factor or needs to.
fn rsa_spki_of_1024_bits() -> Vec<u8> {
    let modulus = [&[0x02, 0x81, 0x81, 0x00][..], &[0xc5; 128]].concat();
    let key = [&[0x30, 0x81, 0x89][..], &modulus, &[0x02, 0x03, 1, 0, 1]].concat();
    let bits = [&[0x03, 0x81, 0x8d, 0x00][..], &key].concat();
    let algorithm = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    [&[0x30, 0x81, 0x9f][..], &algorithm, &bits].concat()
}

#[test]
fn digests_are_read_back_from_their_text() {
    let digest = Sha256Digest::of(b"");
    assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(Sha256Digest::from_text(&digest.to_string()), Some(digest));
    assert_eq!(Sha256Digest::from_text(&digest.to_string()[..70]), None);
    assert_eq!(Sha256Digest::from_text(&digest.to_string().replace("sha256", "sha512")), None);
}
