//! TPM structures from recordings, and from arbitrary bytes.

use crate::tpm_support;

use pkic_evidence::tpm::activation::{Credential, EndorsementKey, make_credential};
use pkic_evidence::tpm::ek::{Device, without_padding};
use pkic_evidence::tpm::key::{Certification, Key};
use pkic_evidence::tpm::members::attestation_key;
use pkic_evidence::tpm::public::{Public, PublicKey};
use pkic_evidence::tpm::structures::{Attest, Attested, CreationData, Signature, hash_of_name};
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::request::CertificationRequest;
use proptest::prelude::*;
use tpm_support::{Case, NONCE, recorded};

/// Each public area as a subjectPublicKeyInfo is, byte for byte, what the key's own request carries.
#[test]
fn public_areas_become_the_keys_of_their_requests() {
    for name in ["ec", "rsa", "duplicable", "imported"] {
        let case = Case::certify(&format!("certify-{name}"), &format!("app-{name}"));
        let public = Public::read(&case.member("public")).unwrap();
        let request = CertificationRequest::from_bytes(&case.request).unwrap();
        assert_eq!(public.spki(), request.spki(), "{name}");
    }
    let case = Case::certify("creation-ec384", "app-ec384");
    let request = CertificationRequest::from_bytes(&case.request).unwrap();
    assert_eq!(Public::read(&case.member("public")).unwrap().spki(), request.spki());
}

#[test]
fn attestations_name_the_object_they_are_about() {
    let case = Case::creation();
    let attest = Attest::read(&case.member("attest")).unwrap();
    let public = Public::read(&case.member("public")).unwrap();
    let data = CreationData::read(&case.member("creation-data")).unwrap();
    assert_eq!(attest.extra_data, NONCE);
    let Attested::Creation { object_name, creation_hash } = attest.attested else { panic!("no creation") };
    assert_eq!(object_name, public.name());
    assert_eq!(creation_hash, public.name_alg().digest(data.bytes()));
    let attest = Attest::read(&Case::certify("quote", "app-ec").member("attest")).unwrap();
    assert!(matches!(attest.attested, Attested::Quote { .. }));
    let attest = Attest::read(&Case::certify("certify-ec", "app-ec").member("attest")).unwrap();
    assert_eq!(attest.extra_data, [0x00, 0xff, 0x55, 0xaa]);
    assert_eq!(attest.attested, Attested::Certify { name: public.name() });
}

#[test]
fn an_rsa_exponent_of_zero_is_65537() {
    let public = Public::read(&Case::certify("certify-rsa", "app-rsa").member("public")).unwrap();
    assert!(matches!(public.key(), PublicKey::Rsa { exponent: 65_537, modulus } if modulus.len() == 256));
}

/// TPMs drop leading zeros of coordinates; the point has its full width all the same.
#[test]
fn short_coordinates_are_padded() {
    let mut bytes = Case::certify("certify-ec", "app-ec").member("public");
    let x = bytes.len() - 68;
    assert_eq!(bytes[x..x + 2], [0, 32]);
    let full = Public::read(&bytes).unwrap().spki();
    bytes[x + 1] = 31;
    bytes.remove(x + 2);
    let size = u16::from_be_bytes([bytes[0], bytes[1]]) - 1;
    bytes[..2].copy_from_slice(&size.to_be_bytes());
    let short = Public::read(&bytes).unwrap().spki();
    assert_eq!(short.len(), full.len());
    let start = full.len() - 64;
    assert_eq!(short[start], 0);
    assert_eq!((&short[..start], &short[start + 1..]), (&full[..start], &full[start + 1..]));
}

/// Every mix of the three attributes that decide, under both kinds of certification.
#[test]
fn origin_and_export_follow_the_attributes() {
    use Certification::{Created, Loaded};
    let bytes = Case::certify("certify-ec", "app-ec").member("public");
    // fixedTPM and fixedParent, sensitiveDataOrigin, encryptedDuplication.
    for (attributes, loaded, created, export) in [
        (0x0004_0032_u32, Some("generated"), Some("generated"), "never"),
        (0x0004_0012, Some("imported"), Some("imported"), "never"),
        (0x0004_0020, None, Some("generated"), "plain"),
        (0x0004_0030, None, Some("generated"), "plain"),
        (0x0004_0820, None, Some("generated"), "wrapped"),
        (0x0004_0000, Some("imported"), Some("imported"), "plain"),
        (0x0004_0022, None, Some("generated"), "plain"),
    ] {
        let mut bytes = bytes.clone();
        bytes[6..10].copy_from_slice(&attributes.to_be_bytes());
        let key = Key::from_public_area(&bytes).unwrap();
        assert_eq!(key.origin(Loaded), loaded, "{attributes:#x}");
        assert_eq!(key.origin(Created), created, "{attributes:#x}");
        assert_eq!(key.export(), export, "{attributes:#x}");
    }
}

#[test]
fn only_restricted_signing_keys_that_never_left_attest() {
    let bytes = Case::certify("certify-ec", "app-ec").member("ak-public");
    assert!(attestation_key(&bytes).is_ok());
    // restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin are cleared; decrypt is set.
    for (at, bit) in [(7, 0x01), (7, 0x04), (9, 0x02), (9, 0x10), (9, 0x20), (7, 0x02)] {
        let mut bytes = bytes.clone();
        bytes[at] ^= bit;
        assert_eq!(attestation_key(&bytes).unwrap_err().code(), "property-refused", "byte {at} bit {bit:#x}");
    }
    let mut reserved = bytes;
    reserved[9] ^= 0x01;
    assert_eq!(attestation_key(&reserved).unwrap_err().code(), "malformed");
}

#[test]
fn certificates_name_their_tpm() {
    let device =
        |name: &str| Device::from_tbs(Certificate::from_der(&recorded(name)).unwrap().tbs()).unwrap();
    for name in ["ek-rsa.der", "ek-ecc.der", "ak-ec-certificate.der"] {
        let device = device(name);
        assert_eq!(device.manufacturer.as_deref(), Some("id:00001014"), "{name}");
        assert_eq!((device.model.as_deref(), device.vendor()), (Some("swtpm"), Some("ibm")), "{name}");
        assert!(device.is_named_virtual(), "{name}");
    }
    let silent = device("ak-ec-certificate-no-eku.der");
    assert_eq!(silent, Device::default());
    assert!(!silent.is_named_virtual());
}

fn members() -> Vec<Vec<u8>> {
    let creation = Case::creation();
    let rsa = Case::certify("certify-rsa", "app-rsa");
    let own =
        ["attest", "signature", "public", "creation-data", "ak-public"].map(|name| creation.member(name));
    let other = ["attest", "signature", "public"].map(|name| rsa.member(name));
    let quote = Case::certify("quote", "app-ec").member("attest");
    own.into_iter()
        .chain(other)
        .chain([quote, recorded("activation-ec.blob"), recorded("ek-rsa.der")])
        .collect()
}

fn read_all(bytes: &[u8]) -> [bool; 9] {
    [
        Attest::read(bytes).is_ok(),
        Public::read(bytes).map(|public| (public.spki(), public.name())).is_ok(),
        Signature::read(bytes).map(|signature| signature.octets()).is_ok(),
        CreationData::read(bytes).is_ok(),
        hash_of_name(bytes).is_ok(),
        Credential::from_tpm2_tools(bytes).is_ok(),
        without_padding(bytes).is_ok(),
        Tbs::from_der(bytes).and_then(|tbs| Device::from_tbs(&tbs)).is_ok(),
        attestation_key(bytes).is_ok(),
    ]
}

/// Every structure ends where it ends: no shorter and no longer bytes are one.
#[test]
fn no_truncation_and_no_extension_is_a_structure() {
    for bytes in members() {
        assert!(read_all(&bytes).contains(&true));
        for cut in 0..bytes.len() {
            let found = read_all(&bytes[..cut]);
            assert!(!found[0] && !found[1] && !found[2] && !found[3] && !found[5], "cut at {cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        let found = read_all(&longer);
        assert!(!found[0] && !found[1] && !found[2] && !found[3] && !found[5]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        read_all(&bytes);
    }

    #[test]
    fn mutated_structures_are_answered(
        which in 0usize..11,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = members().swap_remove(which);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read_all(&bytes);
    }

    #[test]
    fn containers_of_arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut case = Case::certify("certify-ec", "app-ec");
        for name in ["attest", "signature", "public", "ak-public"] {
            let good = case.member(name);
            case.set(name, &bytes);
            prop_assert_eq!(case.answer().0, "refused");
            case.set(name, &good);
        }
    }

    #[test]
    fn credentials_for_arbitrary_keys_are_answered(
        spki in proptest::collection::vec(any::<u8>(), 0..120),
        name in proptest::collection::vec(any::<u8>(), 0..70),
        secret in proptest::collection::vec(any::<u8>(), 0..40),
        randomness in proptest::collection::vec(any::<u8>(), 0..70),
    ) {
        prop_assert!(EndorsementKey::from_spki(&spki).is_err());
        let certificate = Certificate::from_der(&recorded("ek-ecc.der")).unwrap();
        let key = EndorsementKey::from_spki(certificate.tbs().spki()).unwrap();
        let is_made = make_credential(&key, &name, &secret, &randomness).is_ok();
        let can_be = (1..=66).contains(&name.len()) && (1..=32).contains(&secret.len()) && randomness.len() == 48;
        prop_assert!(can_be || !is_made);
    }
}
