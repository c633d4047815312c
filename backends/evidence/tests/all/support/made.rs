//! What synthetic evidence of any format is made of: DER, keys, certificates and requests, afresh for each test.
//!
//! Nothing here was made by a device.
use ciborium::Value;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SigningKey as _,
};

/// 2027-01-15: rcgen's certificates are valid then.
pub const NOW: i64 = 1_800_000_000;

/// One element of DER.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = content.len();
    let head = match len {
        0..=0x7f => vec![tag, len as u8],
        0x80..=0xff => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head, content].concat()
}

pub fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub fn spki(key: &KeyPair) -> Vec<u8> {
    key.subject_public_key_info()
}

/// An ECDSA signature with SHA-256, as X.509 has it.
pub fn sign(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(message).unwrap()
}

/// The signature as COSE and JOSE have it: `r` and `s` of 32 bytes.
pub fn sign_fixed(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    let der = sign(key, message);
    let r_len = usize::from(der[3]);
    let fixed = |octets: &[u8]| {
        let octets = octets.strip_prefix(&[0]).unwrap_or(octets);
        [vec![0; 32 - octets.len()], octets.to_vec()].concat()
    };
    [fixed(&der[4..4 + r_len]), fixed(&der[6 + r_len..])].concat()
}

/// A request for this key.
pub fn request(key: &KeyPair) -> Vec<u8> {
    named("subscriber").serialize_request(key).unwrap().der().to_vec()
}

/// A request for this key with one attribute, of these content octets of its type, and these values.
pub fn request_with(key: &KeyPair, oid: &[u8], values: &[&[u8]]) -> Vec<u8> {
    let attribute = element(0x30, &[&element(6, &[oid]), &element(0x31, values)]);
    let info = element(0x30, &[&[2, 1, 0], &element(0x30, &[]), &spki(key), &element(0xa0, &[&attribute])]);
    let algorithm = element(0x30, &[b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"]);
    element(0x30, &[&info, &algorithm, &element(3, &[&[0], &sign(key, &info)])])
}

pub fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A root with one attestation key below it.
pub struct Chain {
    pub root: Vec<u8>,
    pub leaf: Vec<u8>,
    pub leaf_key: KeyPair,
}

/// A root of that name, and a leaf with these key usages and extended key usage, in dotted form.
pub fn chain(root_name: &str, usages: &[KeyUsagePurpose], purpose: Option<&str>) -> Chain {
    let (root_key, leaf_key) = (key(), key());
    let mut root_params = named(root_name);
    root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut leaf_params = named("attestation key");
    leaf_params.key_usages = usages.to_vec();
    let oid = |text: &str| text.split('.').map(|arc| arc.parse().unwrap()).collect();
    leaf_params.extended_key_usages =
        purpose.into_iter().map(|text| ExtendedKeyUsagePurpose::Other(oid(text))).collect();
    leaf_params.use_authority_key_identifier_extension = true;
    let leaf = leaf_params.signed_by(&leaf_key, &Issuer::from_params(&root_params, &root_key)).unwrap();
    Chain {
        root: root_params.self_signed(&root_key).unwrap().der().to_vec(),
        leaf: leaf.der().to_vec(),
        leaf_key,
    }
}

/// This certificate alone as anchor, a simulator's.
pub fn anchors(root: &[u8]) -> AnchorSet {
    let spki = Certificate::from_der(root).unwrap().tbs().spki_digest();
    let listing = format!("[[anchor]]\nname = \"synthetic\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    AnchorSet::load(&[AnchorFile { name: "root.der", bytes: root }], &listing).unwrap()
}

/// This key alone as anchor, a simulator's.
pub fn enrolled(spki: &[u8]) -> AnchorSet {
    let spki = Sha256Digest::of(spki);
    let listing = format!("[[key]]\nname = \"synthetic\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    AnchorSet::load(&[], &listing).unwrap()
}

/// An integer of CBOR.
pub fn number(value: i64) -> Value {
    Value::Integer(value.into())
}

pub fn cbor(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// A COSE_Sign1 over a map, by a P-256 key.
pub fn cose_sign1(claims: &[(Value, Value)], key: &KeyPair) -> Vec<u8> {
    cose_sign1_with(Vec::new(), claims, key)
}

/// The same with further protected headers.
pub fn cose_sign1_with(headers: Vec<(Value, Value)>, claims: &[(Value, Value)], key: &KeyPair) -> Vec<u8> {
    cose_sign1_over(headers, &cbor(&Value::Map(claims.to_vec())), key)
}

/// A COSE_Sign1 over these bytes, with further protected headers, by a P-256 key.
pub fn cose_sign1_over(headers: Vec<(Value, Value)>, payload: &[u8], key: &KeyPair) -> Vec<u8> {
    let alg = vec![(number(1), number(-7))];
    let protected = Value::Bytes(cbor(&Value::Map([alg, headers].concat())));
    let payload = Value::Bytes(payload.to_vec());
    let context = Value::Text("Signature1".to_owned());
    let structure = vec![context, protected.clone(), Value::Bytes(Vec::new()), payload.clone()];
    let signature = Value::Bytes(sign_fixed(key, &cbor(&Value::Array(structure))));
    let message = vec![protected, Value::Map(Vec::new()), payload, signature];
    cbor(&Value::Tag(18, Box::new(Value::Array(message))))
}
