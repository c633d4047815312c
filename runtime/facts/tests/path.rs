//! Paths: each profile rule with one path that keeps it and one that breaks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, clippy::result_large_err)]

mod support;

use pkic_facts::anchors::AnchorSet;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, VerifiedPath, verify_path};
use pkic_facts::reject::{Reject, Stage};
use pkic_facts::verified::Evidence;
use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, KeyPair};
use support::{Node, authority, load, params, root};

const PROFILE: PathProfile = PathProfile {
    format: "yubikey-piv",
    certificates_max: 4,
    ca_bit: CaBit::Required,
    key_purpose: KeyPurpose::Any,
    validity: Validity::Ignored,
    critical_known: &[],
    strength: Strength::Current,
};
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

fn search(
    leaf: &Certificate,
    carried: &[&Certificate],
    anchors: &AnchorSet,
    profile: &PathProfile,
    now: i64,
) -> Result<VerifiedPath, Reject> {
    let carried: Vec<Certificate> = carried.iter().map(|certificate| (*certificate).clone()).collect();
    let evidence = Evidence::new("test", &[leaf.raw()]).unwrap();
    verify_path(&PathInput { evidence: &evidence, leaf, carried: &carried, anchors, profile, now })
}

fn code(result: Result<VerifiedPath, Reject>) -> &'static str {
    match result {
        Ok(_) => "verified",
        Err(reject) => {
            assert_eq!(reject.stage(), Stage::Path, "{reject}");
            reject.code()
        }
    }
}

fn anchored(root: &Node) -> AnchorSet {
    load(&[&root.certificate], "").unwrap()
}

#[test]
fn a_path_through_carried_or_supplied_issuers_is_found() {
    let top = root(authority("top"));
    let middle = top.issue(authority("middle"));
    let leaf = middle.issue(params("leaf"));
    let path = search(&leaf.certificate, &[&middle.certificate], &anchored(&top), &PROFILE, 0).unwrap();
    assert_eq!((path.certificates(), path.leaf()), (2, &leaf.certificate));
    assert_eq!((path.anchor().name.as_str(), path.not_after()), ("0.der", None));
    assert_eq!(path.issuers(), std::slice::from_ref(&middle.certificate));
    let subjects =
        path.decode_all(|all| Ok(all.iter().map(|tbs| tbs.subject().to_vec()).collect::<Vec<_>>()));
    let expected = [&leaf, &middle].map(|node| node.certificate.tbs().subject().to_vec());
    assert_eq!(subjects.unwrap().value(), &expected, "the leaf first");
    let supplied = load(&[&top.certificate, &middle.certificate], "").unwrap();
    assert_eq!(code(search(&leaf.certificate, &[], &supplied, &PROFILE, 0)), "verified");
    assert_eq!(code(search(&leaf.certificate, &[], &anchored(&top), &PROFILE, 0)), "issuer-unknown");
}

#[test]
fn evidence_that_carries_its_own_root_has_no_path() {
    let (top, stranger) = (root(authority("top")), root(authority("stranger")));
    let leaf = top.issue(params("leaf"));
    let carried = [&top.certificate];
    assert_eq!(
        code(search(&leaf.certificate, &carried, &AnchorSet::default(), &PROFILE, 0)),
        "issuer-unknown"
    );
    assert_ne!(code(search(&leaf.certificate, &carried, &anchored(&stranger), &PROFILE, 0)), "verified");
}

#[test]
fn the_same_name_with_another_key_does_not_anchor() {
    let (top, posing) = (root(authority("top")), root(authority("top")));
    let leaf = top.issue(params("leaf"));
    assert_eq!(code(search(&leaf.certificate, &[], &anchored(&posing), &PROFILE, 0)), "link-signature");
    assert_eq!(code(search(&leaf.certificate, &[], &anchored(&top), &PROFILE, 0)), "verified");
}

#[test]
fn an_anchor_for_other_formats_does_not_count() {
    let top = root(authority("top"));
    let leaf = top.issue(params("leaf"));
    let listing = |format: &str| {
        format!(
            "[[anchor]]\nname = \"t\"\nspki = \"{}\"\npurpose = \"test\"\nformats = [\"{format}\"]\n",
            top.spki()
        )
    };
    let answer = |format| {
        code(search(
            &leaf.certificate,
            &[],
            &load(&[&top.certificate], &listing(format)).unwrap(),
            &PROFILE,
            0,
        ))
    };
    assert_eq!(answer("yubikey-piv"), "verified");
    assert_eq!(answer("webauthn-tpm"), "issuer-unknown");
}

#[test]
fn issuers_must_be_authorities_as_far_as_the_profile_says() {
    let top = root(authority("top"));
    let anchors = anchored(&top);
    let unmarked = top.issue(params("unmarked"));
    let mut denied = params("denied");
    denied.is_ca = rcgen::IsCa::ExplicitNoCa;
    let denied = top.issue(denied);
    let answer = |issuer: &Node, ca_bit| {
        let leaf = issuer.issue(params("leaf"));
        code(search(
            &leaf.certificate,
            &[&issuer.certificate],
            &anchors,
            &PathProfile { ca_bit, ..PROFILE },
            0,
        ))
    };
    assert_eq!(answer(&unmarked, CaBit::Required), "not-an-authority");
    assert_eq!(answer(&unmarked, CaBit::AbsentTolerated), "verified");
    assert_eq!(answer(&denied, CaBit::AbsentTolerated), "not-an-authority");
    assert_eq!(answer(&denied, CaBit::Ignored), "verified");
}

#[test]
fn validity_counts_where_the_profile_says() {
    let top = root(authority("top"));
    let mut short = params("leaf");
    short.not_before = rcgen::date_time_ymd(2020, 1, 1);
    short.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let leaf = top.issue(short);
    let checked = PathProfile { validity: Validity::Checked, ..PROFILE };
    let (start, end) = (1_577_836_800, 1_609_459_200);
    let answer = |profile, now| search(&leaf.certificate, &[], &anchored(&top), profile, now);
    assert_eq!(answer(&checked, start).unwrap().not_after(), Some(end));
    assert_eq!(code(answer(&checked, end)), "verified");
    assert_eq!(code(answer(&checked, end + 1)), "outside-validity");
    assert_eq!(code(answer(&checked, start - 1)), "outside-validity");
    assert_eq!(code(answer(&PROFILE, end + 1)), "verified");
}

#[test]
fn the_leaf_has_the_key_purpose_of_the_profile() {
    let top = root(authority("top"));
    let plain = top.issue(params("plain"));
    let with = |purpose| {
        let mut leaf = params("leaf");
        leaf.extended_key_usages = vec![purpose];
        top.issue(leaf)
    };
    let (right, wrong) =
        (with(ExtendedKeyUsagePurpose::ClientAuth), with(ExtendedKeyUsagePurpose::ServerAuth));
    let answer = |leaf: &Node, key_purpose| {
        code(search(&leaf.certificate, &[], &anchored(&top), &PathProfile { key_purpose, ..PROFILE }, 0))
    };
    assert_eq!(answer(&right, KeyPurpose::Required(CLIENT_AUTH)), "verified");
    assert_eq!(answer(&wrong, KeyPurpose::Required(CLIENT_AUTH)), "key-purpose");
    assert_eq!(answer(&plain, KeyPurpose::Required(CLIENT_AUTH)), "key-purpose");
    assert_eq!(answer(&plain, KeyPurpose::RequiredIfPresent(CLIENT_AUTH)), "verified");
    assert_eq!(answer(&wrong, KeyPurpose::RequiredIfPresent(CLIENT_AUTH)), "key-purpose");
}

#[test]
fn unknown_critical_extensions_are_refused() {
    let top = root(authority("top"));
    let mut critical = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    critical.set_criticality(true);
    let mut leaf = params("leaf");
    leaf.custom_extensions = vec![critical];
    let leaf = top.issue(leaf);
    let answer = |profile| code(search(&leaf.certificate, &[], &anchored(&top), profile, 0));
    assert_eq!(answer(&PROFILE), "critical-extension");
    assert_eq!(answer(&PathProfile { critical_known: &["1.2.3.4"], ..PROFILE }), "verified");
}

#[test]
fn length_is_bounded() {
    let top = root(authority("top"));
    let one = top.issue(authority("one"));
    let two = one.issue(authority("two"));
    let leaf = two.issue(params("leaf"));
    let answer = |certificates_max| {
        let profile = PathProfile { certificates_max, ..PROFILE };
        code(search(&leaf.certificate, &[&one.certificate, &two.certificate], &anchored(&top), &profile, 0))
    };
    assert_eq!(answer(3), "verified");
    assert_eq!(answer(2), "path-too-long");
}

#[test]
fn issuers_keep_to_their_own_limits() {
    let top = root(authority("top"));
    let mut short = authority("one");
    short.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let one = top.issue(short);
    let direct = one.issue(params("leaf"));
    let two = one.issue(authority("two"));
    let deep = two.issue(params("leaf"));
    let carried = [&one.certificate, &two.certificate];
    assert_eq!(code(search(&direct.certificate, &carried, &anchored(&top), &PROFILE, 0)), "verified");
    assert_eq!(code(search(&deep.certificate, &carried, &anchored(&top), &PROFILE, 0)), "path-too-long");
    let mut signer = authority("signer");
    signer.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    let signer = top.issue(signer);
    let leaf = signer.issue(params("leaf"));
    let answer = search(&leaf.certificate, &[&signer.certificate], &anchored(&top), &PROFILE, 0);
    assert_eq!(code(answer), "not-an-authority");
}

/// Many certificates of one name, each with another key: the search stops at its budget, and a path behind it is lost.
#[test]
fn signature_checks_are_bounded() {
    let top = root(authority("top"));
    let leaf = root(authority("many")).issue(params("leaf"));
    let crowd: Vec<Node> =
        (0..120).map(|_| top.issue_for(authority("many"), KeyPair::generate().unwrap())).collect();
    let carried: Vec<&Certificate> = crowd.iter().map(|node| &node.certificate).collect();
    assert_eq!(code(search(&leaf.certificate, &carried, &anchored(&top), &PROFILE, 0)), "budget-exhausted");
    assert_eq!(
        code(search(&leaf.certificate, &carried[..50], &anchored(&top), &PROFILE, 0)),
        "link-signature"
    );
}

/// Two authorities that certify each other do not make the search run for ever.
#[test]
fn loops_end() {
    let (top, stranger) = (root(authority("top")), root(authority("stranger")));
    let key = || KeyPair::from_pem(&top.key.serialize_pem()).unwrap();
    let crossed = stranger.issue_for(authority("top"), key());
    let back =
        top.issue_for(authority("stranger"), KeyPair::from_pem(&stranger.key.serialize_pem()).unwrap());
    let leaf = top.issue(params("leaf"));
    let answer = search(
        &leaf.certificate,
        &[&crossed.certificate, &back.certificate],
        &AnchorSet::default(),
        &PROFILE,
        0,
    );
    assert_ne!(code(answer), "verified");
}
