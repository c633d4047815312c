//! Synthetic Android key attestation chains, made afresh for each test: for negatives that each change one thing.
//!
//! Nothing here was made by a device.
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// `KeyDescription`.
const KEY_DESCRIPTION: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
pub const CHALLENGE: &[u8] = b"challenge";
/// 2026-12-01, in seconds since 1970-01-01T00:00:00Z.
pub const NOW: i64 = 1_796_083_200;

/// An element in DER with content of less than 64 kB.
pub fn tlv(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        len @ ..0x80 => vec![len as u8],
        len => [&[0x82][..], &(len as u16).to_be_bytes()].concat(),
    };
    [tag, &length, content].concat()
}

pub fn integer(value: i64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let is_needless = |at: usize| octets[at] == 0 && octets[at + 1] < 0x80;
    let start = (0..7).find(|at| !is_needless(*at)).unwrap_or(7);
    tlv(&[0x02], &octets[start..])
}

/// `[number] EXPLICIT`.
pub fn tagged(number: u32, value: &[u8]) -> Vec<u8> {
    match number {
        ..31 => tlv(&[0xa0 | number as u8], value),
        _ => tlv(&[0xbf, 0x80 | (number >> 7) as u8, (number & 0x7f) as u8], value),
    }
}

pub const NULL: &[u8] = &[0x05, 0x00];

pub fn purposes(of: &[i64]) -> Vec<u8> {
    let values: Vec<Vec<u8>> = of.iter().map(|purpose| integer(*purpose)).collect();
    tagged(1, &tlv(&[0x31], &values.concat()))
}

pub fn root_of_trust(key: &[u8], locked: u8, state: u8) -> Vec<u8> {
    let fields =
        [tlv(&[4], key), tlv(&[1], &[locked]), tlv(&[0x0a], &[state]), tlv(&[4], &[0x99; 32])].concat();
    tagged(704, &tlv(&[0x30], &fields))
}

/// What a description says. The default is a generated signing key on a phone with verified boot.
#[derive(Clone)]
pub struct Description {
    pub levels: [u8; 2],
    pub challenge: Vec<u8>,
    pub software: Vec<Vec<u8>>,
    pub hardware: Vec<Vec<u8>>,
}

impl Default for Description {
    fn default() -> Description {
        let hardware = vec![
            purposes(&[2]),
            tagged(503, NULL),
            tagged(702, &integer(0)),
            root_of_trust(&[0x77; 32], 0xff, 0),
            tagged(705, &integer(150_000)),
            tagged(706, &integer(202_611)),
            tagged(718, &integer(20_261_105)),
            tagged(719, &integer(20_261_105)),
        ];
        Description { levels: [1, 1], challenge: CHALLENGE.to_vec(), software: Vec::new(), hardware }
    }
}

impl Description {
    /// A key that KeyMint lets sign certificates alone.
    pub fn attest_key() -> Description {
        let mut description = Description::default();
        description.hardware[0] = purposes(&[7]);
        description
    }

    /// With `authorization` instead of the one that has its tag, or beside the others.
    pub fn with(mut self, authorization: Vec<u8>) -> Description {
        let tag = |bytes: &[u8]| if bytes[0] == 0xbf { bytes[..3].to_vec() } else { bytes[..1].to_vec() };
        self.hardware.retain(|held| tag(held) != tag(&authorization));
        self.hardware.push(authorization);
        self
    }

    pub fn der(&self) -> Vec<u8> {
        let [attestation, key_mint] = self.levels;
        let list = |authorizations: &[Vec<u8>]| tlv(&[0x30], &authorizations.concat());
        let fields = [
            integer(300),
            tlv(&[0x0a], &[attestation]),
            integer(300),
            tlv(&[0x0a], &[key_mint]),
            tlv(&[4], &self.challenge),
            tlv(&[4], &[]),
            list(&self.software),
            list(&self.hardware),
        ];
        tlv(&[0x30], &fields.concat())
    }
}

/// Who signs a device's keys, and who describes the attested one. The default is a trusted environment from a factory.
pub struct Device {
    pub description: Description,
    /// Described keys between the attestation key and the attested one, the nearest to the root first.
    pub attest_keys: Vec<Description>,
    /// `title` of the attestation key; of a remotely provisioned one its organization.
    pub keeper: &'static str,
    pub is_remote: bool,
    /// A common name of the attestation key, as the software implementation's have.
    pub common_name: Option<&'static str>,
    pub is_attester_authority: bool,
    /// The last year of the attestation key's certificate.
    pub end_year: i32,
    /// The attested key's certificate has a critical extension that nobody knows.
    pub has_unknown_critical: bool,
    /// The attested key's certificate names another issuer.
    pub has_other_issuer_name: bool,
}

impl Default for Device {
    fn default() -> Device {
        Device {
            description: Description::default(),
            attest_keys: Vec::new(),
            keeper: "TEE",
            is_remote: false,
            common_name: None,
            is_attester_authority: true,
            end_year: 2027,
            has_unknown_critical: false,
            has_other_issuer_name: false,
        }
    }
}

/// A chain, the attested key's certificate first, with that key and the anchors to appraise with.
pub struct Made {
    pub chain: Vec<Vec<u8>>,
    pub key: KeyPair,
    pub anchors: AnchorSet,
}

impl Made {
    pub fn request(&self) -> Vec<u8> {
        request(&self.key)
    }
}

/// A request that proves possession of that key.
pub fn request(key: &KeyPair) -> Vec<u8> {
    named(&[(DnType::CommonName, "subscriber")]).serialize_request(key).unwrap().der().to_vec()
}

impl Device {
    pub fn make(&self) -> Made {
        let [root_key, ca_key, attester_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let root_params = authority(&[(serial_number(), "5ca1ab1e")]);
        let root = root_params.self_signed(&root_key).unwrap();
        let ca_params = match self.is_remote {
            true => authority(&[(DnType::OrganizationName, "Google LLC"), (DnType::CommonName, "Droid CA2")]),
            false => authority(&[(title(), self.keeper), (serial_number(), "c0ffee")]),
        };
        let ca = ca_params.signed_by(&ca_key, &Issuer::from_params(&root_params, &root_key)).unwrap();
        let attester_params = self.attester();
        let attester =
            attester_params.signed_by(&attester_key, &Issuer::from_params(&ca_params, &ca_key)).unwrap();
        let mut chain = vec![root.der().to_vec(), ca.der().to_vec(), attester.der().to_vec()];
        let (mut issuer_params, mut issuer_key) = (attester_params, attester_key);
        for description in self.attest_keys.iter().chain([&self.description]) {
            let mut params = described(description);
            if chain.len() == 3 + self.attest_keys.len() {
                self.spoil(&mut params, &mut issuer_params);
            }
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &Issuer::from_params(&issuer_params, &issuer_key));
            chain.push(certificate.unwrap().der().to_vec());
            (issuer_params, issuer_key) = (params, key);
        }
        chain.reverse();
        Made { anchors: anchors(root.der()), chain, key: issuer_key }
    }

    fn attester(&self) -> CertificateParams {
        let mut name = match self.is_remote {
            true => vec![(DnType::CommonName, "0badc0de"), (DnType::OrganizationName, self.keeper)],
            false => vec![(title(), self.keeper), (serial_number(), "0badc0de")],
        };
        name.extend(self.common_name.map(|common_name| (DnType::CommonName, common_name)));
        let mut params = authority(&name);
        params.not_after = date_time_ymd(self.end_year, 12, 31);
        if !self.is_attester_authority {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        params
    }

    fn spoil(&self, params: &mut CertificateParams, issuer: &mut CertificateParams) {
        if self.has_unknown_critical {
            let mut critical = CustomExtension::from_oid_content(&[2, 5, 29, 99], NULL.to_vec());
            critical.set_criticality(true);
            params.custom_extensions.push(critical);
        }
        if self.has_other_issuer_name {
            issuer.distinguished_name = named(&[(DnType::CommonName, "somebody")]).distinguished_name;
        }
    }
}

/// The certificate parameters of a described key.
pub fn described(description: &Description) -> CertificateParams {
    let mut params = named(&[(DnType::CommonName, "Android Keystore Key")]);
    params.not_before = date_time_ymd(1970, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&KEY_DESCRIPTION, description.der())];
    params
}

pub fn title() -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 12])
}

pub fn serial_number() -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 5])
}

pub fn named(attributes: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in attributes {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params
}

fn authority(name: &[(DnType, &str)]) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn anchors(root: &[u8]) -> AnchorSet {
    let spki = Certificate::from_der(root).unwrap().tbs().spki_digest();
    let listing =
        format!("[[anchor]]\nname = \"synthetic root\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    AnchorSet::load(&[AnchorFile { name: "root.der", bytes: root }], &listing).unwrap()
}
