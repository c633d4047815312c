//! Synthetic nShield bundles, each with one thing wrong, and the stage that must refuse it. Nothing here was made by a
//! module: KML and KNSO are ECDSA keys, where those of the sample are DSA keys.

use crate::support;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P521_SHA512, PublicKeyData, SigningKey};
use serde_json::{Map, Value};
use support::{appraise_with, attested, stage_and_code};

const NOW: i64 = 1_800_000_000;
const WORLD_KEY: [u8; 20] = [7; 20];
const WELL_KNOWN_KEY: [u8; 20] =
    *b"\xc2\xbe\x99\xfe\x1c\x77\xf1\xb7\x5d\x48\xe2\xfd\x2d\xf8\xdf\xfc\x0c\x96\x9b\xcb";

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The coordinates of a P-521 key, big-endian and without leading zeros.
fn point(key: &KeyPair) -> [Vec<u8>; 2] {
    let octets = key.public_key_raw();
    [&octets[1..67], &octets[67..]].map(|half| half.iter().copied().skip_while(|octet| *octet == 0).collect())
}

/// The two numbers of a signature, big-endian.
fn numbers(signature: &[u8]) -> [Vec<u8>; 2] {
    let body = &signature[if signature[1] & 0x80 == 0 { 2 } else { 3 }..];
    let (r, s) = body[2..].split_at(body[1].into());
    [r, &s[2..]].map(|number| number.iter().copied().skip_while(|octet| *octet == 0).collect())
}

/// Numbers of nCore: little-endian behind their length.
fn marshalled(numbers: &[Vec<u8>]) -> Vec<u8> {
    let number = |number: &Vec<u8>| {
        [words(&[u32::try_from(number.len()).unwrap()]), number.iter().rev().copied().collect()].concat()
    };
    numbers.iter().flat_map(number).collect()
}

fn key_data(key: &KeyPair) -> Vec<u8> {
    [words(&[46, 6, 0]), marshalled(&point(key))].concat()
}

fn key_hash(key: &KeyPair) -> Vec<u8> {
    let hex = |digits: &str| -> Vec<u8> {
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let domain = [
        format!("01{}", "ff".repeat(65)),
        format!("01{}fc", "ff".repeat(64)),
        "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00".to_owned(),
        "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66".to_owned(),
        "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650".to_owned(),
        format!("01{}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", "ff".repeat(32)),
        "01".to_owned(),
    ];
    let mut input = [&b"nFast KeyHash\0ECDSA00\0"[..], &words(&[0, 0, 521])].concat();
    for number in domain.iter().map(|digits| hex(digits)).chain(point(key)) {
        let mut block: Vec<u8> = number.iter().rev().copied().collect();
        block.resize(block.len().next_multiple_of(64), 0);
        input.extend(block);
    }
    input.extend(b"invented by nCipher 1997\0");
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &input).as_ref().to_vec()
}

fn sign(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    [words(&[187]), marshalled(&numbers(&key.sign(message).unwrap()))].concat()
}

fn symbol(name: &str) -> Vec<u8> {
    let len = u8::try_from(name.len()).unwrap();
    let head = if len < 16 { vec![0x30 | len] } else { vec![0xc4, len] };
    [head, name.as_bytes().to_vec()].concat()
}

fn block(bytes: &[u8]) -> Vec<u8> {
    [&[0xd5][..], &u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x90 | u8::try_from(items.len()).unwrap()], items.concat()].concat()
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let content: Vec<u8> =
        pairs.iter().flat_map(|(name, value)| [symbol(name), value.clone()].concat()).collect();
    [vec![0xb0 | u8::try_from(pairs.len()).unwrap()], content].concat()
}

fn warrant_key(key: &KeyPair) -> Vec<u8> {
    let integer = |number: &Vec<u8>| [vec![0xf4], block(number)].concat();
    let [x, y] = point(key);
    list(&[symbol("ECDSA"), symbol("Public"), symbol("NISTP521"), list(&[integer(&x), integer(&y)])])
}

fn certificate(signer: &KeyPair, payload: &[u8]) -> Vec<u8> {
    let padded = |number: Vec<u8>| [vec![0; 66 - number.len()], number].concat();
    let signature = numbers(&signer.sign(payload).unwrap()).map(padded).concat();
    map(&[("Payload", block(payload)), ("Signature", block(&signature))])
}

/// One group of actions that nobody must certify.
fn group(actions: &[Vec<u8>]) -> Vec<u8> {
    [words(&[0, 0, u32::try_from(actions.len()).unwrap()]), actions.concat()].concat()
}

fn operations(bits: u32) -> Vec<u8> {
    words(&[1, bits])
}

/// A blob under that module key, protected by it alone.
fn blob(module_key: [u8; 20]) -> Vec<u8> {
    [words(&[2, 0x1 | 0x4]), module_key.to_vec()].concat()
}

/// What a synthetic bundle says, and who signs what. The default is a good one.
struct Bundle {
    groups: Vec<Vec<u8>>,
    last_type: &'static str,
    delegation_type: &'static str,
    hash_name: &'static str,
    state_serial: &'static str,
    module_keys: Vec<[u8; 20]>,
    world_key: [u8; 20],
    key_generation_type: u32,
    is_bound_to_world: bool,
    is_world_of_fips: bool,
    is_root_enrolled: bool,
    is_delegation_by_other: bool,
    is_state_by_other: bool,
    is_generation_by_other: bool,
    is_world_by_other: bool,
    is_knso_other: bool,
    is_public_key_other: bool,
    is_request_for_other_key: bool,
}

impl Default for Bundle {
    fn default() -> Self {
        Self {
            groups: vec![group(&[operations(0xb02b)]), group(&[blob(WORLD_KEY)])],
            last_type: "ModuleInformation",
            delegation_type: "Delegation",
            hash_name: "SHA512",
            state_serial: "0001-0002-0003",
            module_keys: vec![[1; 20], WELL_KNOWN_KEY, WORLD_KEY],
            world_key: WORLD_KEY,
            key_generation_type: 47,
            is_bound_to_world: true,
            is_world_of_fips: false,
            is_root_enrolled: true,
            is_delegation_by_other: false,
            is_state_by_other: false,
            is_generation_by_other: false,
            is_world_by_other: false,
            is_knso_other: false,
            is_public_key_other: false,
            is_request_for_other_key: false,
        }
    }
}

struct Made {
    members: Map<String, Value>,
    request: Vec<u8>,
    anchors: AnchorSet,
}

impl Bundle {
    fn make(&self) -> Made {
        let keys: Vec<KeyPair> = (0..7).map(|_| key()).collect();
        let [root, delegate, klf2, kml, knso, attested, other] = keys.as_slice() else { unreachable!() };
        let pick = |is_other: bool, key| if is_other { other } else { key };
        let mut members = Map::new();
        let mut put = |name: &str, bytes: &[u8]| {
            members.insert(name.to_owned(), Value::String(URL_SAFE.encode(bytes)));
        };
        let mechanism = list(&[symbol("ECDSA"), list(&[symbol("EMSA1"), symbol(self.hash_name)])]);
        let delegation = map(&[
            ("WarrantCertificateType", symbol(self.delegation_type)),
            ("DelegateKey", warrant_key(delegate)),
            ("SigMech", mechanism.clone()),
        ]);
        let serial = [vec![0x2e], b"0001-0002-0003".to_vec()].concat();
        let information = map(&[
            ("WarrantCertificateType", symbol(self.last_type)),
            ("KLF2pub", warrant_key(klf2)),
            ("KLF2mech", mechanism),
            ("ElectronicSerialNumber", serial),
        ]);
        let certificates = [
            certificate(pick(self.is_delegation_by_other, root), &delegation),
            certificate(delegate, &information),
        ];
        put("warrant", &list(&[&[symbol("ROOT")][..], &certificates].concat()));
        let state = self.state(kml, knso);
        put("modstatemsg", &state);
        put("modstatesig", &sign(pick(self.is_state_by_other, klf2), &state));
        let mut generation =
            words(&[2, 0, self.key_generation_type, 6, u32::try_from(self.groups.len()).unwrap()]);
        generation.extend(self.groups.concat());
        generation.extend(key_hash(attested));
        put("kcmsg", &generation);
        put("kcsig", &sign(pick(self.is_generation_by_other, kml), &generation));
        put("pubkeydata", &key_data(pick(self.is_public_key_other, attested)));
        if self.is_bound_to_world {
            put("knsopub", &key_data(pick(self.is_knso_other, knso)));
            let hash_ex = |hash: &[u8]| [words(&[44]), hash.to_vec()].concat();
            let mut hashes = vec![self.world_key, [9; 20]];
            put("hkm", &hash_ex(&self.world_key));
            put("hkmc", &hash_ex(&[9; 20]));
            let (head, name) = match self.is_world_of_fips {
                true => ("Module setup, FIPS3; suite = ", "CertKMaKMCaKFIPSbKNSO"),
                false => ("Module keys: suite = ", "CertKMaKMCbKNSO"),
            };
            if self.is_world_of_fips {
                hashes.push([8; 20]);
                put("hkfips", &hash_ex(&[8; 20]));
            }
            let binding = [head.as_bytes(), b"DLf3072\0", &key_hash(knso), &hashes.concat()].concat();
            put(name, &sign(pick(self.is_world_by_other, knso), &binding));
            members.insert("ciphersuite".to_owned(), Value::String("DLf3072".to_owned()));
        }
        let request_key = pick(self.is_request_for_other_key, attested);
        let request = CertificateParams::default().serialize_request(request_key).unwrap().der().to_vec();
        let anchors = anchors(pick(!self.is_root_enrolled, root), root);
        Made { members, request, anchors }
    }

    fn state(&self, kml: &KeyPair, knso: &KeyPair) -> Vec<u8> {
        let count = |count: usize| words(&[u32::try_from(count).unwrap()]);
        let mut text = self.state_serial.as_bytes().to_vec();
        text.push(0);
        let serial = [count(text.len()), text.clone(), vec![0; text.len().wrapping_neg() & 3]].concat();
        let keys: Vec<u8> =
            self.module_keys.iter().flat_map(|key| [&key[..], &words(&[137, 73])].concat()).collect();
        [
            words(&[4, 0, 4, 2]),
            serial,
            words(&[3]),
            key_hash(kml),
            key_data(kml),
            words(&[187, 5]),
            key_hash(knso),
            words(&[0x4e4f, 6]),
            count(self.module_keys.len()),
            keys,
        ]
        .concat()
    }
}

/// The file is that of one key, and the listing enrols one.
fn anchors(listed: &KeyPair, filed: &KeyPair) -> AnchorSet {
    let spki = Sha256Digest::of(&listed.subject_public_key_info());
    let listing = format!("[[key]]\nname = \"synthetic root\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    let file = filed.public_key_pem();
    AnchorSet::load(&[AnchorFile { name: "root.pem", bytes: file.as_bytes() }], &listing).unwrap()
}

fn appraised(made: &Made) -> Appraisal {
    let item = Value::Object(made.members.clone()).to_string().into_bytes();
    appraise_with(&[item], Some(&made.request), &made.anchors, None, NOW, None)
}

fn reason(made: &Made) -> (&'static str, &'static str) {
    stage_and_code(&appraised(made))
}

fn refusal(bundle: Bundle) -> (&'static str, &'static str) {
    reason(&bundle.make())
}

fn export(bundle: Bundle) -> String {
    let answer = appraised(&bundle.make());
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    attested(answer.facts.table())["key.export"].1.clone()
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = appraised(&Bundle::default().make());
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    let facts = attested(answer.facts.table());
    let values = ["key.export", "key.origin", "module.serial", "evidence.bound", "evidence.freshness"];
    assert_eq!(
        values.map(|path| facts[path].1.as_str()),
        ["domain", "generated", "0001-0002-0003", "true", "none"]
    );
    assert!(!facts.contains_key("module.mode"), "the owner's word says nothing of the mode");
    let fips = appraised(&Bundle { is_world_of_fips: true, ..Bundle::default() }.make());
    assert_eq!(attested(fips.facts.table()), facts);
}

#[test]
fn each_wrong_thing_is_refused_by_its_stage() {
    let good = Bundle::default;
    assert_eq!(refusal(Bundle { is_root_enrolled: false, ..good() }), ("path", "key-not-enrolled"));
    assert_eq!(refusal(Bundle { is_delegation_by_other: true, ..good() }), ("path", "link-signature"));
    assert_eq!(refusal(Bundle { is_state_by_other: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(
        refusal(Bundle { is_generation_by_other: true, ..good() }),
        ("signature", "signature-invalid")
    );
    assert_eq!(refusal(Bundle { is_world_by_other: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(Bundle { is_knso_other: true, ..good() }), ("signature", "digest-mismatch"));
    assert_eq!(refusal(Bundle { is_public_key_other: true, ..good() }), ("signature", "digest-mismatch"));
    assert_eq!(refusal(Bundle { is_request_for_other_key: true, ..good() }), ("binding", "key-mismatch"));
    assert_eq!(refusal(Bundle { state_serial: "0001-0002-0004", ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Bundle { last_type: "SmartcardInformation", ..good() }), ("format", "field-mismatch"));
    assert_eq!(
        refusal(Bundle { delegation_type: "ModuleInformation", ..good() }),
        ("format", "field-mismatch")
    );
    assert_eq!(refusal(Bundle { hash_name: "SHA1", ..good() }), ("signature", "algorithm-unsupported"));
    assert_eq!(refusal(Bundle { world_key: [6; 20], ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Bundle { key_generation_type: 99, ..good() }), ("signature", "algorithm-unsupported"));
}

#[test]
fn a_member_of_another_bundle_is_refused() {
    let whole = Bundle::default().make();
    for member in whole.members.keys().filter(|name| *name != "ciphersuite" && *name != "hkmc") {
        let mut mixed = Bundle::default().make();
        let other = whole.members[member].clone();
        if other == mixed.members[member] {
            continue;
        }
        mixed.members.insert(member.clone(), other);
        let (stage, code) = reason(&mixed);
        assert!(["path", "signature", "format"].contains(&stage), "{member}: {stage} {code}");
    }
}

#[test]
fn a_bundle_that_lacks_a_member_is_refused() {
    let whole = Bundle::default().make();
    for member in ["pubkeydata", "kcsig", "modstatesig", "CertKMaKMCbKNSO", "hkm", "ciphersuite"] {
        let mut made = Bundle::default().make();
        made.members.remove(member);
        assert_eq!(reason(&made), ("format", "field-missing"), "{member}");
    }
    assert_eq!(whole.members.len(), 11);
}

#[test]
fn the_list_says_where_the_key_may_go() {
    let of = |actions: &[Vec<u8>]| Bundle { groups: vec![group(actions)], ..Bundle::default() };
    assert_eq!(export(of(&[operations(0x1000)])), "never");
    assert_eq!(export(of(&[operations(0x1004)])), "plain", "ExportAsPlain");
    assert_eq!(export(of(&[operations(0x1040)])), "plain", "ExpandACL");
    assert_eq!(export(of(&[words(&[5, 0, 0, 29, 0])])), "never", "PublicFromPrivate");
    assert_eq!(export(of(&[blob(WORLD_KEY)])), "domain");
    assert_eq!(export(of(&[blob([1; 20])])), "wrapped", "another key of the module");
    assert_eq!(export(of(&[blob(WELL_KNOWN_KEY)])), "plain", "a key that everybody has");
    assert_eq!(export(of(&[words(&[2, 0x1])])), "plain", "any module key");
    let under_any_token = [words(&[2, 0x4]), WORLD_KEY.to_vec()].concat();
    assert_eq!(export(of(&[under_any_token])), "wrapped");
    let null_token = [words(&[2, 0x1 | 0x4 | 0x20]), WORLD_KEY.to_vec()].concat();
    assert_eq!(export(of(&[null_token])), "wrapped");
    assert_eq!(export(of(&[words(&[3, 0, 0])])), "wrapped", "MakeArchiveBlob");
    let certified = [words(&[1, 0, 1]), operations(0x1000), vec![5; 20]].concat();
    assert_eq!(export(Bundle { groups: vec![certified], ..Bundle::default() }), "wrapped", "recoverable");
    let unbound = Bundle { is_bound_to_world: false, ..Bundle::default() };
    assert_eq!(export(unbound), "wrapped", "no key is known to be the world's");
    let public = Bundle {
        world_key: WELL_KNOWN_KEY,
        groups: vec![group(&[blob(WELL_KNOWN_KEY)])],
        ..Bundle::default()
    };
    assert_eq!(export(public), "plain", "whatever the world's owner says");
}

#[test]
fn what_is_not_known_is_refused() {
    let of = |actions: &[Vec<u8>]| Bundle { groups: vec![group(actions)], ..Bundle::default() };
    for bit in [0x10, 0x400, 0x800, 0x4000, 0x1_0000] {
        assert_eq!(refusal(of(&[operations(0x1000 | bit)])), ("profile", "property-refused"), "{bit:#x}");
    }
    assert_eq!(refusal(of(&[words(&[99])])), ("profile", "property-refused"), "action");
    assert_eq!(refusal(of(&[words(&[2, 0x80])])), ("profile", "property-refused"), "flags of a blob");
    assert_eq!(refusal(of(&[words(&[5, 0, 0, 30, 0])])), ("profile", "property-refused"), "derivation");
    assert_eq!(refusal(of(&[words(&[47, 0, 0, 29, 1])])), ("profile", "property-refused"), "other keys");
    let flags = Bundle { groups: vec![words(&[0x10, 0, 0])], ..Bundle::default() };
    assert_eq!(refusal(flags), ("profile", "property-refused"));
    let limit = Bundle { groups: vec![words(&[0, 1, 9, 0])], ..Bundle::default() };
    assert_eq!(refusal(limit), ("profile", "property-refused"));
    let many = Bundle { groups: vec![words(&[0, 0xffff_ffff])], ..Bundle::default() };
    assert_eq!(refusal(many), ("parse", "too-large"));
    let cut = Bundle { groups: vec![words(&[0, 0, 9])], ..Bundle::default() };
    assert_eq!(refusal(cut), ("profile", "property-refused"), "the key hash is no action");
}

#[test]
fn a_root_that_is_no_file_is_not_found() {
    let made = Bundle::default().make();
    let (request, none) = (Some(made.request.as_slice()), AnchorSet::default());
    let item = Value::Object(made.members.clone()).to_string().into_bytes();
    let answer = appraise_with(&[item], request, &none, None, NOW, None);
    assert_eq!(answer.verdict.reason().unwrap().code(), "key-not-enrolled");
}
