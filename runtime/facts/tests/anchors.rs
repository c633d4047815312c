//! Which certificates become anchors, and what is wrong with a listing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::Purpose;
use support::{authority, load, params, root};

fn entry(table: &str, spki: &str, purpose: &str) -> String {
    format!(
        "[[{table}]]\nname = \"vendor\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\nformats = [\"yubikey-piv\"]\n"
    )
}

#[test]
fn a_listed_key_is_an_anchor_with_its_purpose() {
    let top = root(authority("top"));
    let middle = top.issue(authority("middle"));
    let set = load(&[&middle.certificate], &entry("anchor", &middle.spki(), "production")).unwrap();
    let anchor = &set.anchors()[0];
    assert_eq!(
        (anchor.reference().name.as_str(), anchor.reference().purpose),
        ("vendor", Purpose::Production)
    );
    assert!(anchor.serves("yubikey-piv") && !anchor.serves("webauthn-tpm"));
    assert!(set.candidates().is_empty());
}

#[test]
fn an_unlisted_certificate_anchors_only_if_it_is_self_signed() {
    let top = root(authority("top"));
    let middle = top.issue(authority("middle"));
    let set = load(&[&top.certificate, &middle.certificate], "").unwrap();
    assert_eq!(set.anchors().len(), 1);
    assert_eq!(set.anchors()[0].reference().purpose, Purpose::Unspecified);
    assert_eq!(set.candidates(), [middle.certificate]);
}

#[test]
fn a_name_of_its_own_without_a_good_signature_is_no_anchor() {
    let top = root(authority("top"));
    let posing = top.issue(authority("top"));
    let set = load(&[&posing.certificate], "").unwrap();
    assert!(set.anchors().is_empty());
    assert_eq!(set.candidates().len(), 1);
}

#[test]
fn a_root_issued_again_on_the_same_key_is_one_anchor() {
    let top = root(authority("top"));
    let again = top.params.self_signed(&top.key).unwrap();
    let files = [top.certificate.raw(), again.der()].map(|bytes| AnchorFile { name: "f", bytes });
    assert_eq!(AnchorSet::load(&files, "").unwrap().anchors().len(), 1);
}

#[test]
fn a_key_can_be_enrolled_by_itself() {
    let spki = Sha256Digest::of(b"key");
    let set = load(&[], &entry("key", &spki.to_string(), "test")).unwrap();
    assert_eq!(set.enrolled(spki, "yubikey-piv").unwrap().purpose, Purpose::Test);
    assert!(set.enrolled(spki, "webauthn-tpm").is_none());
    assert!(set.enrolled(Sha256Digest::of(b"other"), "yubikey-piv").is_none());
}

/// A key that comes as a file is there to be tried; the listing alone enrols it.
#[test]
fn a_public_key_can_come_as_a_file() {
    let pem = "-----BEGIN PUBLIC KEY-----\na2V5\n-----END PUBLIC KEY-----\n";
    let load = |bytes: &str, listing: &str| {
        AnchorSet::load(&[AnchorFile { name: "key.pem", bytes: bytes.as_bytes() }], listing)
    };
    let set = load(&pem.repeat(2), "").unwrap();
    assert_eq!(set.public_keys().collect::<Vec<_>>(), [b"key", b"key"]);
    let spki = Sha256Digest::of(b"key");
    assert!(set.enrolled(spki, "yubikey-piv").is_none() && set.anchors().is_empty());
    let listed = load(pem, &entry("key", &spki.to_string(), "test")).unwrap();
    assert!(listed.enrolled(spki, "yubikey-piv").is_some());
    assert!(load(&pem.replace("PUBLIC", "PRIVATE"), "").is_err(), "a private key has no business here");
}

#[test]
fn the_digest_covers_purpose_and_not_order() {
    let (one, two) = (root(authority("one")), root(authority("two")));
    let listing = |purpose| entry("anchor", &one.spki(), purpose);
    let digest = |certificates: &[&_], purpose| load(certificates, &listing(purpose)).unwrap().digest();
    let pair = [&one.certificate, &two.certificate];
    assert_ne!(digest(&pair, "production"), digest(&pair, "test"));
    assert_ne!(digest(&pair, "test"), digest(&[&one.certificate], "test"));
}

#[test]
fn a_wrong_listing_is_refused_with_its_line() {
    let top = root(authority("top"));
    let good = entry("anchor", &top.spki(), "production");
    let refusal = |listing: &str| {
        let error = load(&[&top.certificate], listing).unwrap_err();
        assert_eq!(error.file, "anchors.toml");
        assert!(!error.help.is_empty());
        (error.line.unwrap(), error.what)
    };
    assert!(load(&[&top.certificate], &good).is_ok());
    assert!(refusal(&format!("{good}colour = \"red\"\n")).1.contains("colour"));
    assert_eq!(refusal(&format!("{good}colour = \"red\"\n")).0, 6);
    assert_eq!(
        refusal(&good.replace("production", "unspecified")),
        (4, "`unspecified` is no purpose".to_owned())
    );
    assert_eq!(
        refusal(&good.replace("yubikey-piv", "yubikey")),
        (5, "`yubikey` is no evidence format".to_owned())
    );
    assert_eq!(refusal(&good.replace("sha256:", "sha1:")).0, 3);
    assert_eq!(refusal(&format!("{good}{good}")).0, 8);
    assert!(refusal(&format!("{good}{}", entry("key", &top.spki(), "test"))).1.contains("listed twice"));
    let absent = entry("anchor", &Sha256Digest::of(b"absent").to_string(), "test");
    assert!(refusal(&absent).1.contains("no certificate has the key"));
}

#[test]
fn a_file_without_certificates_is_refused() {
    let empty = AnchorFile { name: "notes.txt", bytes: b"nothing here" };
    let error = AnchorSet::load(&[empty], "").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("notes.txt", None));
    let leaf = root(params("x"));
    let cut = AnchorFile { name: "cut.der", bytes: &leaf.certificate.raw()[..40] };
    assert!(AnchorSet::load(&[cut], "").is_err());
}
