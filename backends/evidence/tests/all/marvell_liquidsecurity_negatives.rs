//! Synthetic LiquidSecurity attestations, each with one thing wrong, and the stage that must refuse it.

use crate::marvell_support;
use crate::support;

use marvell_support::{
    ALWAYS_SENSITIVE, Attributes, CLASS, Case, EKCV, EXTRACTABLE, KEY_TYPE, LOCAL, MODULUS, MODULUS_BITS,
    Made, NEVER_EXTRACTABLE, NOW, PUBLIC_EXPONENT, SENSITIVE, gzip, keys, private_half, public_half, with,
};
use pkic_evidence::Appraisal;
use pkic_vocab::Purpose;
use rcgen::PublicKeyData as _;
use support::{appraise_with, attested, stage_and_code, verified_fact};

fn appraised(made: &Made) -> Appraisal {
    appraised_file(made, gzip(&made.answer))
}

fn appraised_file(made: &Made, file: Vec<u8>) -> Appraisal {
    let parts = [made.certificates.clone(), file];
    appraise_with(&parts, Some(&made.request), &made.anchors, Some(b"ours"), NOW, None)
}

/// Stage and code of the refusal, after checking that it yields no facts.
fn reason(answer: &Appraisal) -> (&'static str, &'static str) {
    assert_eq!(answer.format, Some("marvell-liquidsecurity"));
    stage_and_code(answer)
}

fn refusal(case: Case) -> (&'static str, &'static str) {
    reason(&appraised(&case.make()))
}

fn of(objects: &[Attributes]) -> Case {
    Case { objects: objects.to_vec(), ..Case::default() }
}

fn fact(case: Case, path: &str) -> Option<String> {
    verified_fact(&appraised(&case.make()), path)
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = appraised(&Case::default().make());
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(answer.freshness(), Some("none"), "there is no nonce, whatever we ask for");
    let facts = attested(answer.facts.table());
    assert_eq!(facts["evidence.bound"].1, "true");
    assert_eq!(facts["key.storage"].1, "cloud-kms");
    assert_eq!(facts["module.serial"].1, "5.2G0000-ICM000001");
    assert!(!facts.contains_key("module.mode"), "a name is no mode");
    assert_eq!(answer.facts.provenance().unwrap().anchors().count(), 2);
}

/// The word of either anchor counts, and the one farther from production.
#[test]
fn both_anchors_count() {
    for purposes in [["production", "test"], ["test", "production"]] {
        let case = Case { purposes: purposes.map(Some), ..Case::default() };
        assert_eq!(appraised(&case.make()).anchor().unwrap().purpose, Purpose::Test);
    }
    for purposes in [[None, Some("production")], [Some("production"), None]] {
        assert_eq!(refusal(Case { purposes, ..Case::default() }), ("path", "issuer-unknown"));
    }
}

#[test]
fn each_wrong_chain_is_refused_by_its_stage() {
    let good = Case::default;
    assert_eq!(refusal(Case { is_card_forged: true, ..good() }), ("path", "link-signature"));
    assert_eq!(refusal(Case { is_partition_forged: true, ..good() }), ("path", "link-signature"));
    assert_eq!(refusal(Case { is_owner_card_for_other_key: true, ..good() }), ("format", "field-mismatch"));
    let other_partition = Case { is_owner_partition_for_other_key: true, ..good() };
    assert_eq!(refusal(other_partition), ("format", "field-mismatch"));
    assert_eq!(refusal(Case { card_owner: Some("Bank"), ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Case { has_owner_chain: false, ..good() }), ("format", "field-missing"));
    assert_eq!(refusal(Case { has_maker_chain: false, ..good() }), ("format", "field-missing"));
    assert_eq!(refusal(Case { is_answer_forged: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(Case { is_request_for_other_key: true, ..good() }), ("binding", "key-mismatch"));
    assert_eq!(refusal(Case { maker_root: "Somebody", ..good() }), ("format", "field-missing"));
}

/// One root for both chains would let an owner vouch for what it bought.
#[test]
fn an_owner_does_not_stand_in_for_the_maker() {
    let case = Case { maker_root: marvell_support::GOOGLE_ROOT, ..Case::default() };
    assert_eq!(refusal(case), ("format", "field-missing"));
    let case = Case { owner_root: marvell_support::MAKER_ROOT, ..Case::default() };
    assert_eq!(refusal(case), ("format", "field-repeated"));
}

/// Chains of another module, whole and genuine, do not help.
#[test]
fn the_roots_of_others_do_not_help() {
    let made = Made { anchors: pkic_facts::anchors::AnchorSet::default(), ..Case::default().make() };
    assert_eq!(reason(&appraised(&made)), ("path", "issuer-unknown"), "roots that come along anchor nothing");
    let mut made = Case::default().make();
    let twice = [made.certificates.clone(), made.certificates.clone()].concat();
    made.certificates = twice;
    assert_eq!(reason(&appraised(&made)), ("format", "field-repeated"));
}

#[test]
fn another_owner_runs_an_hsm_and_no_more() {
    let case = || Case { owner_root: "Bank HSM Owner", ..Case::default() };
    assert_eq!(fact(case(), "key.storage").as_deref(), Some("hsm"));
    assert_eq!(fact(case(), "key.custody"), None);
    let second = Case { maker_root: "cavium-liquidsecurity-ls2", ..Case::default() };
    assert_eq!(fact(second, "module.model").as_deref(), Some("LiquidSecurity 2"));
}

#[test]
fn keys_without_a_pair_bind_nothing() {
    let secret = [with(private_half(), CLASS, Some(&[4]))];
    assert_eq!(refusal(of(&secret)), ("profile", "property-refused"));
    assert_eq!(refusal(of(&[public_half()])), ("profile", "property-refused"));
    let two = [private_half(), private_half()];
    assert_eq!(refusal(of(&two)), ("format", "field-repeated"));
}

/// Attributes of one key beside the public half of another.
#[test]
fn halves_of_two_keys_are_refused() {
    let mut point = public_half().into_iter().find(|(kind, _)| *kind == MODULUS).unwrap().1;
    point[64] ^= 1;
    let other_point = with(public_half(), MODULUS, Some(&point));
    assert_eq!(refusal(of(&[other_point, private_half()])), ("format", "field-mismatch"));
    let bare = with(with(private_half(), MODULUS, None), EKCV, None);
    assert_eq!(refusal(of(&[public_half(), bare])), ("format", "field-missing"));
    let of_other = with(with(private_half(), MODULUS, None), EKCV, Some(&[7; 32]));
    assert_eq!(refusal(of(&[public_half(), of_other])), ("format", "field-mismatch"));
    let by_check_value = with(private_half(), MODULUS, None);
    assert_eq!(fact(of(&[public_half(), by_check_value]), "evidence.bound").as_deref(), Some("true"));
}

#[test]
fn kinds_of_keys_are_read_by_their_rules() {
    let half = |kind, value: &[u8]| of(&[with(private_half(), kind, Some(value))]);
    assert_eq!(refusal(half(KEY_TYPE, &[1])), ("signature", "algorithm-unsupported"));
    assert_eq!(refusal(half(MODULUS_BITS, &[2, 0xca])), ("signature", "algorithm-unsupported"), "secp256k1");
    assert_eq!(refusal(half(MODULUS_BITS, &[2, 0xcb])), ("parse", "malformed"), "a short point of P-384");
    assert_eq!(refusal(half(MODULUS, &[2; 33])), ("parse", "malformed"), "a compressed point");
    assert_eq!(refusal(half(KEY_TYPE, &[0; 9])), ("parse", "malformed"));
    assert_eq!(refusal(half(KEY_TYPE, &[0])), ("format", "field-missing"), "no exponent");
    assert_eq!(refusal(half(LOCAL, &[2])), ("parse", "malformed"));
    let spki = keys().subject_rsa.subject_public_key_info();
    let modulus = &spki[spki.len() - 5 - 256..spki.len() - 5];
    let rsa = with(with(private_half(), KEY_TYPE, Some(&[0])), MODULUS, Some(modulus));
    let rsa = with(with(rsa, MODULUS_BITS, Some(&[8, 0])), PUBLIC_EXPONENT, Some(&[1, 0, 1]));
    let made = of(&[rsa]).make();
    let parts = [gzip(&made.answer), made.certificates];
    let answer = appraise_with(&parts, None, &made.anchors, None, NOW, None);
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(attested(answer.facts.table())["evidence.bound"].1, "false");
}

#[test]
fn what_the_attributes_allow_is_said() {
    let half = |kind, value: &[u8]| of(&[with(private_half(), kind, Some(value))]);
    assert_eq!(fact(Case::default(), "key.export").as_deref(), Some("domain"));
    assert_eq!(fact(half(EXTRACTABLE, &[1]), "key.export").as_deref(), Some("wrapped"));
    assert_eq!(fact(half(NEVER_EXTRACTABLE, &[0]), "key.export").as_deref(), Some("wrapped"));
    assert_eq!(fact(half(ALWAYS_SENSITIVE, &[0]), "key.export").as_deref(), Some("plain"));
    assert_eq!(fact(half(SENSITIVE, &[0]), "key.export").as_deref(), Some("plain"));
    let silent = of(&[with(private_half(), NEVER_EXTRACTABLE, None)]);
    assert_eq!(fact(silent, "key.export"), None);
    assert_eq!(fact(Case::default(), "key.origin").as_deref(), Some("generated"));
    assert_eq!(fact(half(LOCAL, &[0]), "key.origin"), None);
}

/// Lengths and offsets are signed here, so that nothing but the reader stands in their way.
#[test]
fn no_length_is_believed() {
    fn set(answer: &mut [u8], at: usize, value: u32) {
        answer[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    let malformed = ("parse", "malformed");
    let altered = |alter: fn(&mut Vec<u8>)| refusal(Case { alter, ..Case::default() });
    assert_eq!(altered(|answer| set(answer, 8, 0)), malformed, "total");
    assert_eq!(altered(|answer| set(answer, 12, u32::MAX)), malformed, "total minus buffer underflows");
    assert_eq!(
        altered(|answer| set(answer, 12, u32::MAX - 255)),
        malformed,
        "buffer plus signature overflows"
    );
    let over_header = |answer: &mut Vec<u8>| {
        let len = answer.len() as u32;
        set(answer, 12, len - 15);
    };
    assert_eq!(altered(over_header), malformed, "buffer over the header");
    assert_eq!(altered(|answer| set(answer, 12, 0)), malformed, "no buffer");
    assert_eq!(altered(|answer| set(answer, 20, 0x0007_0000)), malformed, "object over the buffer's header");
    assert_eq!(altered(|answer| set(answer, 20, 0x0000_0008)), malformed, "no first object");
    assert_eq!(altered(|answer| set(answer, 20, 0xffff_0000)), malformed, "object behind the end");
    assert_eq!(altered(|answer| set(answer, 28, 129)), ("parse", "too-large"), "count");
    assert_eq!(
        altered(|answer| set(answer, 28, 5)),
        ("parse", "trailing-bytes"),
        "count below the attributes"
    );
    assert_eq!(altered(|answer| set(answer, 28, 7)), malformed, "count above the attributes");
    assert_eq!(altered(|answer| set(answer, 32, u32::MAX)), malformed, "length of the attributes");
    assert_eq!(altered(|answer| set(answer, 40, u32::MAX)), malformed, "length of a value");
    assert_eq!(altered(|answer| set(answer, 45, CLASS)), ("format", "field-repeated"), "a type twice");
    assert_eq!(altered(|answer| answer.truncate(10)), malformed);
}

#[test]
fn compression_hides_nothing() {
    let made = Case::default().make();
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(reason(&appraised_file(&made, bomb)), ("parse", "too-large"));
    let file = gzip(&made.answer);
    let cut = file[..file.len() - 4].to_vec();
    assert_eq!(reason(&appraised_file(&made, cut)), ("parse", "malformed"), "the check sum is read");
    let twice = [file.clone(), file].concat();
    assert_eq!(reason(&appraised_file(&made, twice)), ("parse", "trailing-bytes"));
    assert_eq!(reason(&appraised_file(&made, gzip(&[0; 255]))), ("parse", "malformed"));
}
