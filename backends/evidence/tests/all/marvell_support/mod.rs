//! Synthetic LiquidSecurity modules with both chains, made afresh for each test: for negatives that each change one thing.
//!
//! Nothing here was made by a device. Names, key sizes and the layout of the answer are those of the samples.

use crate::support::chain::{authority_of, named};
use flate2::Compression;
use flate2::write::GzEncoder;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use rcgen::{
    CertificateParams, Issuer, KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize, SigningKey as _,
};
use std::io::Write as _;
use std::sync::OnceLock;

/// A moment within the validity of everything: rcgen's certificates end in 4096.
pub const NOW: i64 = 1_800_000_000;

pub const MAKER_ROOT: &str = "localca.liquidsecurity.cavium.com";
pub const GOOGLE_ROOT: &str = "Hawksbill Root v1 test";
const CARD: &str = "HSM:5.2G0000-ICM000001, for FIPS mode";
const PARTITION: &str = "HSM:5.2G0000-ICM000001:PARTN:1, for FIPS mode";

pub const CLASS: u32 = 0;
pub const KEY_TYPE: u32 = 0x100;
pub const SENSITIVE: u32 = 0x103;
pub const MODULUS: u32 = 0x120;
pub const MODULUS_BITS: u32 = 0x121;
pub const PUBLIC_EXPONENT: u32 = 0x122;
pub const EXTRACTABLE: u32 = 0x162;
pub const LOCAL: u32 = 0x163;
pub const NEVER_EXTRACTABLE: u32 = 0x164;
pub const ALWAYS_SENSITIVE: u32 = 0x165;
pub const EKCV: u32 = 0x1003;

pub type Attributes = Vec<(u32, Vec<u8>)>;

/// Keys of the roots, the card, the partition, and of nobody in the chains.
pub struct Keys {
    pub maker: KeyPair,
    pub owner: KeyPair,
    pub card: KeyPair,
    pub partition: KeyPair,
    pub other: KeyPair,
    pub subject: KeyPair,
    pub subject_rsa: KeyPair,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let rsa = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    KEYS.get_or_init(|| Keys {
        maker: rsa(),
        owner: rsa(),
        card: rsa(),
        partition: rsa(),
        other: rsa(),
        subject: KeyPair::generate().unwrap(),
        subject_rsa: rsa(),
    })
}

/// A module, its owner and what it says. The default is a good one.
pub struct Case {
    pub maker_root: &'static str,
    pub owner_root: &'static str,
    pub is_card_forged: bool,
    pub is_partition_forged: bool,
    pub is_owner_card_for_other_key: bool,
    pub is_owner_partition_for_other_key: bool,
    /// The owner of the card, where the partition has another.
    pub card_owner: Option<&'static str>,
    pub has_owner_chain: bool,
    pub has_maker_chain: bool,
    /// Self-signed roots come along.
    pub has_roots: bool,
    pub is_answer_forged: bool,
    pub is_request_for_other_key: bool,
    /// Objects of the answer.
    pub objects: Vec<Attributes>,
    /// Purposes of maker's and owner's root in the listing; without one it is no anchor.
    pub purposes: [Option<&'static str>; 2],
    /// Changes the answer before it is signed.
    pub alter: fn(&mut Vec<u8>),
}

impl Default for Case {
    fn default() -> Case {
        Case {
            maker_root: MAKER_ROOT,
            owner_root: GOOGLE_ROOT,
            is_card_forged: false,
            is_partition_forged: false,
            is_owner_card_for_other_key: false,
            is_owner_partition_for_other_key: false,
            card_owner: None,
            has_owner_chain: true,
            has_maker_chain: true,
            has_roots: true,
            is_answer_forged: false,
            is_request_for_other_key: false,
            objects: vec![public_half(), private_half()],
            purposes: [Some("simulator"); 2],
            alter: |_| {},
        }
    }
}

fn point(key: &KeyPair) -> Vec<u8> {
    let spki = key.subject_public_key_info();
    spki[spki.len() - 65..].to_vec()
}

pub fn public_half() -> Attributes {
    vec![
        (CLASS, vec![2]),
        (KEY_TYPE, vec![3]),
        (EXTRACTABLE, vec![1]),
        (LOCAL, vec![1]),
        (MODULUS, point(&keys().subject)),
        (MODULUS_BITS, vec![0, 0, 1, 0x9f]),
    ]
}

pub fn private_half() -> Attributes {
    vec![
        (CLASS, vec![3]),
        (KEY_TYPE, vec![3]),
        (SENSITIVE, vec![1]),
        (EXTRACTABLE, vec![0]),
        (LOCAL, vec![1]),
        (NEVER_EXTRACTABLE, vec![1]),
        (ALWAYS_SENSITIVE, vec![1]),
        (MODULUS, point(&keys().subject)),
        (MODULUS_BITS, vec![0, 0, 1, 0x9f]),
        (EKCV, Sha256Digest::of(&keys().subject.subject_public_key_info()).0.to_vec()),
    ]
}

/// The same attributes with one changed, or taken away.
pub fn with(mut attributes: Attributes, kind: u32, value: Option<&[u8]>) -> Attributes {
    attributes.retain(|(held, _)| *held != kind);
    attributes.extend(value.map(|value| (kind, value.to_vec())));
    attributes
}

/// What a module answers, without its signature.
pub fn message(objects: &[Attributes]) -> Vec<u8> {
    let object = |attributes: &Attributes| {
        let attributes_bytes: Vec<u8> = attributes
            .iter()
            .flat_map(|(kind, value)| {
                [&kind.to_be_bytes()[..], &(value.len() as u32).to_be_bytes(), value].concat()
            })
            .collect();
        let head = [7, attributes.len() as u32, attributes_bytes.len() as u32].map(u32::to_be_bytes).concat();
        [head, attributes_bytes].concat()
    };
    let objects: Vec<Vec<u8>> = objects.iter().map(object).collect();
    let second = objects.get(1).map_or(0, |_| 8 + objects[0].len());
    let buffer = [[1, 3, 8, second as u16].map(u16::to_be_bytes).concat(), objects.concat()].concat();
    let total = 16 + buffer.len() + 256;
    let head = [0, 3, total as u32, buffer.len() as u32].map(u32::to_be_bytes).concat();
    [head, buffer].concat()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub struct Made {
    pub answer: Vec<u8>,
    pub certificates: Vec<u8>,
    pub request: Vec<u8>,
    pub anchors: AnchorSet,
}

impl Case {
    pub fn sign(&self, objects: &[Attributes]) -> Vec<u8> {
        let mut answer = message(objects);
        (self.alter)(&mut answer);
        let signer = if self.is_answer_forged { &keys().other } else { &keys().partition };
        let signature = signer.sign(&answer).unwrap();
        [answer, signature].concat()
    }

    pub fn make(&self) -> Made {
        let keys = keys();
        let (maker, owner) = (authority_of(self.maker_root), authority_of(self.owner_root));
        let card = named(CARD);
        let issued = |params: CertificateParams, key: &KeyPair, issuer: &CertificateParams, by: &KeyPair| {
            params.signed_by(key, &Issuer::from_params(issuer, by)).unwrap()
        };
        let pick = |is_other: bool, key: &'static KeyPair| if is_other { &keys.other } else { key };
        let roots = [maker.self_signed(&keys.maker).unwrap(), owner.self_signed(&keys.owner).unwrap()];
        let mut certificates = Vec::new();
        if self.has_maker_chain {
            let signer = pick(self.is_card_forged, &keys.maker);
            certificates.push(issued(named(CARD), &keys.card, &maker, signer));
            let signer = pick(self.is_partition_forged, &keys.card);
            certificates.push(issued(named(PARTITION), &keys.partition, &card, signer));
        }
        if self.has_owner_chain {
            let card_key = pick(self.is_owner_card_for_other_key, &keys.card);
            let card_owner = self.card_owner.map_or_else(|| owner.clone(), authority_of);
            certificates.push(issued(named(CARD), card_key, &card_owner, &keys.owner));
            let partition_key = pick(self.is_owner_partition_for_other_key, &keys.partition);
            certificates.push(issued(named(PARTITION), partition_key, &owner, &keys.owner));
        }
        let carried: Vec<_> = roots.iter().filter(|_| self.has_roots).chain(&certificates).collect();
        let request_key = if self.is_request_for_other_key { &keys.other } else { &keys.subject };
        Made {
            answer: self.sign(&self.objects),
            certificates: carried.iter().map(|one| one.pem()).collect::<String>().into_bytes(),
            request: named("subscriber").serialize_request(request_key).unwrap().der().to_vec(),
            anchors: anchors(&[roots[0].der(), roots[1].der()], self.purposes),
        }
    }
}

fn anchors(roots: &[&[u8]; 2], purposes: [Option<&str>; 2]) -> AnchorSet {
    let listed = roots.iter().zip(purposes).filter_map(|(root, purpose)| Some((*root, purpose?)));
    let entry = |(root, purpose): (&[u8], &str)| {
        let spki = Certificate::from_der(root).unwrap().tbs().spki_digest();
        format!("[[anchor]]\nname = \"synthetic {purpose}\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\n")
    };
    let listing: String = listed.clone().map(entry).collect();
    let files: Vec<AnchorFile<'_>> =
        listed.map(|(bytes, _)| AnchorFile { name: "root.der", bytes }).collect();
    AnchorSet::load(&files, &listing).unwrap()
}
