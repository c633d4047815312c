//! Revocation: what dated lists make of a path, each rule with a list that keeps it and one that breaks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, clippy::result_large_err)]

mod support;
#[path = "support/crl.rs"]
mod written;

use pkic_facts::crypto::Strength;
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject, Stage};
use pkic_facts::revocation::{Fetched, Revocation, RevocationData};
use pkic_facts::verified::Evidence;
use pkic_vocab::limits;
use rcgen::{KeyPair, KeyUsagePurpose, SerialNumber};
use support::{Node, authority, load, params, root};
use written::{Draft, FROM, NOW, UNTIL, entry, extension, tlv, utc};

const PROFILE: PathProfile = PathProfile {
    format: "android-key",
    certificates_max: 4,
    ca_bit: CaBit::Required,
    key_purpose: KeyPurpose::Any,
    validity: Validity::Ignored,
    critical_known: &[],
    strength: Strength::Current,
};
const LEAF: &[u8] = &[0x00, 0xc1, 0x02, 0x03];
const MIDDLE: &[u8] = &[0x5a, 0x01];

/// A leaf below an intermediate below an anchor.
struct Chain {
    top: Node,
    middle: Node,
    leaf: Node,
    listing: String,
}

fn chain() -> Chain {
    chain_with(|_| ())
}

fn chain_with(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Chain {
    let top = root(authority("top"));
    let mut middle = authority("middle");
    middle.serial_number = Some(SerialNumber::from_slice(MIDDLE));
    change(&mut middle);
    let middle = top.issue(middle);
    let mut leaf = params("leaf");
    leaf.serial_number = Some(SerialNumber::from_slice(&LEAF[1..]));
    Chain { leaf: middle.issue(leaf), top, middle, listing: String::new() }
}

impl Chain {
    fn verify(&self, data: &RevocationData, profile: &PathProfile, now: i64) -> Result<VerifiedPath, Reject> {
        let anchors = load(&[&self.top.certificate], &self.listing).unwrap().with_revocation(data.clone());
        let evidence = Evidence::new("test", &[self.leaf.certificate.raw()]).unwrap();
        let carried = [self.middle.certificate.clone()];
        let leaf = &self.leaf.certificate;
        verify_path(&PathInput {
            evidence: &evidence,
            leaf,
            carried: &carried,
            anchors: &anchors,
            profile,
            now,
        })
    }

    fn answer(&self, data: &RevocationData) -> &'static str {
        self.answer_at(data, NOW)
    }

    fn answer_at(&self, data: &RevocationData, now: i64) -> &'static str {
        match self.verify(data, &PROFILE, now) {
            Ok(path) => path.revocation().word().unwrap_or("unknown"),
            Err(reject) => {
                assert_eq!(reject.stage(), Stage::Path, "{reject}");
                reject.code()
            }
        }
    }

    /// What the chain's own list, and the given one of the intermediate, make of it.
    fn with_list(&self, list: &[u8]) -> &'static str {
        self.answer(&crls(&[&Draft::of(&self.top).signed(&self.top.key), list]))
    }
}

fn crls(lists: &[&[u8]]) -> RevocationData {
    let mut data = RevocationData::default();
    for (index, list) in lists.iter().enumerate() {
        data.add_crls(&format!("{index}.crl"), list).unwrap();
    }
    data
}

fn read(list: &[u8]) -> Result<RevocationData, Reject> {
    let mut data = RevocationData::default();
    data.add_crls("a.crl", list).map(|()| data)
}

fn status_list(text: &str, at: i64) -> Result<RevocationData, Reject> {
    let mut data = RevocationData::default();
    let (bytes, age_s_max) = (text.as_bytes(), 3600);
    let fetched = Fetched { name: "status", bytes, at, age_s_max, formats: &["android-key"] };
    data.add_status_list(&fetched).map(|()| data)
}

fn naming(serial: &str, status: &str) -> String {
    format!("{{\"entries\":{{\"{serial}\":{{\"status\":\"{status}\",\"reason\":\"KEY_COMPROMISE\"}}}}}}")
}

#[test]
fn a_path_is_good_where_lists_in_force_cover_all_of_it() {
    let chain = chain();
    let of_top = Draft::of(&chain.top).signed(&chain.top.key);
    let of_middle = Draft::of(&chain.middle).signed(&chain.middle.key);
    assert_eq!(chain.answer(&RevocationData::default()), "unknown");
    assert_eq!(chain.answer(&crls(&[&of_top])), "unknown");
    assert_eq!(chain.answer(&crls(&[&of_middle])), "unknown");
    let both = crls(&[&of_middle, &of_top]);
    assert_eq!(chain.answer(&both), "not-revoked");
    let path = chain.verify(&both, &PROFILE, NOW).unwrap();
    assert_eq!((path.revocation(), path.not_after()), (Revocation::Good, Some(UNTIL)));
    for (now, expected) in
        [(FROM, "not-revoked"), (UNTIL, "not-revoked"), (FROM - 1, "unknown"), (UNTIL + 1, "unknown")]
    {
        assert_eq!(chain.answer_at(&both, now), expected, "{now}");
    }
    let unknown = chain.verify(&both, &PROFILE, UNTIL + 1).unwrap();
    assert_eq!((unknown.revocation(), unknown.not_after()), (Revocation::Unknown, None));
}

/// A list of rcgen, as an independent writer makes it, in DER and in PEM.
#[test]
fn a_named_certificate_is_refused_with_number_list_and_dates() {
    let chain = chain();
    let named = |serial: &[u8]| rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2026, 2, 1),
        crl_number: SerialNumber::from(7u64),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: rcgen::date_time_ymd(2026, 1, 5),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: Some(rcgen::date_time_ymd(2026, 1, 2)),
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let by = |issuer: &Node, serial: &[u8]| {
        named(serial).signed_by(&rcgen::Issuer::from_params(&issuer.params, &issuer.key)).unwrap()
    };
    let reject = chain.verify(&crls(&[by(&chain.middle, &LEAF[1..]).der()]), &PROFILE, NOW).unwrap_err();
    let expected = Reject::Revoked {
        serial: Operand::bytes(LEAF),
        status: "revoked",
        since: Some(FROM + 4 * 86_400),
        list: "0.crl".to_owned(),
        dated: FROM,
    };
    assert_eq!(reject, expected);
    assert_eq!((reject.code(), reject.stage()), ("revoked", Stage::Path));
    let text = reject.to_string();
    assert!(
        text.contains("00c10203") && text.contains("2026-01-05") && text.contains("`0.crl` of 2026-01-01"),
        "{text}"
    );
    let pem = by(&chain.top, MIDDLE).pem().unwrap();
    assert_eq!(chain.answer(&crls(&[pem.as_bytes()])), "revoked", "an intermediate");
    assert_eq!(
        chain.answer(&crls(&[by(&chain.top, &LEAF[1..]).der()])),
        "unknown",
        "another issuer's number"
    );
    let two = format!("two lists\n{pem}{}", by(&chain.middle, &[9]).pem().unwrap());
    assert_eq!(read(two.as_bytes()).unwrap().lists().count(), 2);
}

#[test]
fn revocation_does_not_lapse_with_the_list() {
    let chain = chain();
    let list = crls(&[&Draft::of(&chain.middle).naming(LEAF).signed(&chain.middle.key)]);
    for now in [0, FROM - 1, NOW, UNTIL + 1, i64::MAX] {
        assert_eq!(chain.answer_at(&list, now), "revoked", "{now}");
    }
    let newer = Draft::of(&chain.middle).signed(&chain.middle.key);
    let older = Draft::of(&chain.middle).naming(LEAF).signed(&chain.middle.key);
    assert_eq!(chain.answer(&crls(&[&newer, &older])), "revoked", "an empty list beside it changes nothing");
}

#[test]
fn only_the_issuer_on_the_path_speaks_for_a_certificate() {
    let chain = chain();
    let posing = root(authority("middle"));
    let own = |draft: Draft| chain.with_list(&draft.signed(&chain.middle.key));
    assert_eq!(own(Draft::of(&chain.middle)), "not-revoked");
    assert_eq!(chain.with_list(&Draft::of(&chain.middle).signed(&posing.key)), "unknown", "name without key");
    assert_eq!(chain.with_list(&Draft::of(&chain.middle).naming(LEAF).signed(&posing.key)), "unknown");
    assert_eq!(
        own(Draft { issuer: chain.top.certificate.tbs().subject().to_vec(), ..Draft::of(&chain.middle) }),
        "unknown"
    );
    let top_key = Draft::of(&chain.middle).signed(&chain.top.key);
    assert_eq!(chain.with_list(&top_key), "unknown", "the anchor does not speak for its intermediate");
}

#[test]
fn a_flipped_signature_makes_no_list() {
    let chain = chain();
    let mut list = Draft::of(&chain.middle).signed(&chain.middle.key);
    *list.last_mut().unwrap() ^= 1;
    assert_eq!(chain.with_list(&list), "unknown");
}

#[test]
fn every_flip_and_truncation_of_a_list_makes_nothing_good() {
    let chain = chain();
    let of_top = Draft::of(&chain.top).signed(&chain.top.key);
    let drafts = [
        Draft::of(&chain.middle).naming(LEAF),
        Draft::of(&chain.middle).naming(&[1, 2]).extended(extension(20, false, &[2, 1, 7])),
    ];
    for (draft, before) in drafts.iter().zip(["revoked", "not-revoked"]) {
        let list = draft.signed(&chain.middle.key);
        assert_eq!(chain.answer(&crls(&[&of_top, &list])), before);
        let flips = (0..list.len() * 8).map(|bit| {
            let mut flipped = list.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
        for changed in flips.chain((0..list.len()).map(|len| list[..len].to_vec())) {
            let Ok(mut data) = read(&changed) else { continue };
            data.add_crls("top", &of_top).unwrap();
            assert_eq!(chain.answer(&data), "unknown", "{changed:02x?}");
        }
    }
}

#[test]
fn numbers_are_compared_however_they_are_encoded() {
    let chain = chain();
    let naming =
        |serial: &[u8]| chain.with_list(&Draft::of(&chain.middle).naming(serial).signed(&chain.middle.key));
    for same in [LEAF, &[0xc1, 2, 3], &[0, 0, 0xc1, 2, 3]] {
        assert_eq!(naming(same), "revoked", "{same:02x?}");
    }
    for other in [&[0xc1, 2, 3, 0][..], &[0xff, 0xc1, 2, 3], &[2, 3], &[0], MIDDLE] {
        assert_eq!(naming(other), "not-revoked", "{other:02x?}");
    }
    for wrong in [&[][..], &[1; 22]] {
        let list = Draft::of(&chain.middle).naming(wrong).signed(&chain.middle.key);
        assert_eq!(read(&list).unwrap_err().code(), "malformed", "{wrong:02x?}");
    }
}

#[test]
fn lists_that_are_not_understood_are_not_read() {
    let chain = chain();
    let refused =
        |draft: Draft| read(&draft.signed(&chain.middle.key)).map(|_| "read").map_err(|why| why.code());
    let of = || Draft::of(&chain.middle);
    let indirect = tlv(0x30, &tlv(0x84, &[0xff]));
    let with = |ext: Vec<u8>| refused(of().extended(ext));
    assert_eq!(with(extension(27, true, &[2, 1, 1])), Err("critical-extension"), "a delta list");
    assert_eq!(with(extension(99, true, &[5, 0])), Err("critical-extension"));
    assert_eq!(with(extension(99, false, &[5, 0])), Ok("read"));
    assert_eq!(with(extension(28, true, &indirect)), Err("field-mismatch"), "an indirect list");
    assert_eq!(
        with([extension(20, false, &[2, 1, 1]), extension(20, false, &[2, 1, 1])].concat()),
        Err("field-repeated")
    );
    let of_entry = |ext: Vec<u8>| refused(Draft { entries: entry(&[7], &ext), ..of() });
    assert_eq!(of_entry(extension(21, false, &[0x0a, 1, 1])), Ok("read"));
    assert_eq!(
        of_entry(extension(29, true, &[0x30, 0])),
        Err("critical-extension"),
        "another issuer's certificate"
    );
    assert_eq!(refused(Draft { next_update: Vec::new(), ..of() }), Err("field-missing"));
    assert_eq!(refused(Draft { this_update: tlv(0x02, &[1]), ..of() }), Err("malformed"));
    assert_eq!(refused(Draft { next_update: utc("261301000000Z"), ..of() }), Err("malformed"));
    assert_eq!(refused(Draft { version: tlv(0x02, &[2]), ..of() }), Err("malformed"));
    let first = Draft { version: Vec::new(), ..of() };
    assert_eq!(refused(first), Ok("read"), "version 1 has no extensions");
    let first = Draft { version: Vec::new(), ..of() }.extended(extension(20, false, &[2, 1, 1]));
    assert_eq!(refused(first), Err("malformed"));
    let list = of().signed(&chain.middle.key);
    assert_eq!(read(&[&list[..], &[0]].concat()).unwrap_err().code(), "trailing-bytes");
    assert_eq!(
        read(b"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n").unwrap_err().code(),
        "malformed"
    );
    assert_eq!(read(chain.top.certificate.raw()).map(|_| ()).unwrap_err().code(), "malformed");
}

/// Such a list says who is revoked, and of nobody else that he is not.
#[test]
fn a_list_of_some_certificates_covers_none() {
    let chain = chain();
    for scope in [
        tlv(0x81, &[0xff]),
        tlv(0x82, &[0xff]),
        tlv(0x83, &[1, 0x80]),
        tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"u"))),
        Vec::new(),
    ] {
        let point = extension(28, true, &tlv(0x30, &scope));
        let list = |draft: Draft| chain.with_list(&draft.extended(point.clone()).signed(&chain.middle.key));
        assert_eq!(list(Draft::of(&chain.middle)), "unknown", "{scope:02x?}");
        assert_eq!(list(Draft::of(&chain.middle).naming(LEAF)), "revoked", "{scope:02x?}");
    }
}

#[test]
fn an_issuer_that_may_not_sign_lists_covers_nobody() {
    let answer = |usages: Vec<KeyUsagePurpose>, draft: fn(Draft) -> Draft| {
        let chain = chain_with(|middle| middle.key_usages = usages);
        chain.with_list(&draft(Draft::of(&chain.middle)).signed(&chain.middle.key))
    };
    let both = || vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    assert_eq!(answer(both(), |draft| draft), "not-revoked");
    assert_eq!(answer(vec![KeyUsagePurpose::KeyCertSign], |draft| draft), "unknown");
    assert_eq!(answer(vec![KeyUsagePurpose::KeyCertSign], |draft| draft.naming(LEAF)), "revoked");
}

#[test]
fn a_status_list_covers_paths_of_its_formats() {
    let chain = chain();
    let empty = "{\"entries\":{}}";
    let data = status_list(empty, NOW - 60).unwrap();
    assert_eq!(chain.answer(&data), "not-revoked");
    let path = chain.verify(&data, &PROFILE, NOW).unwrap();
    assert_eq!(path.not_after(), Some(NOW + 3540));
    for (now, expected) in [
        (NOW - 60, "not-revoked"),
        (NOW - 61, "unknown"),
        (NOW + 3540, "not-revoked"),
        (NOW + 3541, "unknown"),
    ] {
        assert_eq!(chain.answer_at(&data, now), expected, "{now}");
    }
    let other = PathProfile { format: "yubikey-piv", ..PROFILE };
    let revoked = status_list(&naming("c10203", "REVOKED"), NOW).unwrap();
    for data in [&data, &revoked] {
        assert_eq!(chain.verify(data, &other, NOW).unwrap().revocation(), Revocation::Unknown);
    }
}

#[test]
fn a_status_list_refuses_whom_it_names() {
    let chain = chain();
    let answer =
        |serial: &str, status: &str| chain.answer(&status_list(&naming(serial, status), NOW).unwrap());
    assert_eq!(answer("c10203", "REVOKED"), "revoked");
    assert_eq!(answer("c10203", "SUSPENDED"), "revoked");
    assert_eq!(answer("12648963", "REVOKED"), "revoked", "in decimal");
    assert_eq!(answer("5a01", "REVOKED"), "revoked", "the intermediate");
    assert_eq!(answer("c10204", "REVOKED"), "not-revoked");
    let suspended = status_list(&naming("c10203", "SUSPENDED"), NOW - 100_000).unwrap();
    let Err(Reject::Revoked { status, since, dated, .. }) = chain.verify(&suspended, &PROFILE, NOW) else {
        panic!("a stale list refuses whom it names");
    };
    assert_eq!((status, since, dated), ("suspended", None, NOW - 100_000));
}

#[test]
fn a_status_list_that_is_not_understood_is_not_read() {
    let code = |text: &str| status_list(text, NOW).map(|_| "read").unwrap_or_else(|reject| reject.code());
    for serial in ["C10203", "0xc10203", "0c10203", "-3efdfd", "c1:02:03", "c10203 ", "", "0"] {
        assert_eq!(code(&naming(serial, "REVOKED")), "malformed", "{serial}");
    }
    for status in ["revoked", "VALID", ""] {
        assert_eq!(code(&naming("c1", status)), "malformed", "{status}");
    }
    let entry = "\"c1\":{\"status\":\"REVOKED\"}";
    assert_eq!(code(&format!("{{\"entries\":{{{entry}}}}}")), "read");
    assert_eq!(code(&format!("{{\"entries\":{{{entry},{entry}}}}}")), "malformed", "twice");
    assert_eq!(code(&format!("{{\"entries\":{{}},\"entries\":{{{entry}}}}}")), "malformed", "twice");
    for text in ["", "{}", "[]", "null", "{\"entries\":[]}", "{\"entries\":{}} x", "<html></html>"] {
        assert_eq!(code(text), "malformed", "{text}");
    }
    let long = status_list("{\"entries\":{}}", NOW);
    let mut data = long.unwrap();
    let fetched =
        Fetched { name: "b", bytes: b"{\"entries\":{}}", at: NOW, age_s_max: i64::MAX, formats: &[] };
    data.add_status_list(&fetched).unwrap();
    assert!(
        data.lists().all(|list| list.until <= NOW + limits::STATUS_LIST_AGE_S_MAX),
        "an age has its limit"
    );
}

#[test]
fn the_operator_may_say_that_there_is_no_list() {
    let mut chain = chain();
    let anchor = format!("[[anchor]]\nname = \"t\"\nspki = \"{}\"\npurpose = \"test\"\n", chain.top.spki());
    chain.listing = format!("{anchor}revocation = \"unpublished\"\n");
    assert_eq!(chain.answer(&RevocationData::default()), "unpublished");
    let of_top = |draft: Draft| crls(&[&draft.signed(&chain.top.key)]);
    assert_eq!(chain.answer(&of_top(Draft::of(&chain.top))), "unknown", "there is one after all");
    assert_eq!(chain.answer(&of_top(Draft::of(&chain.top).naming(MIDDLE))), "revoked");
    let stale = Draft { next_update: utc("260102000000Z"), ..Draft::of(&chain.top) };
    assert_eq!(chain.answer(&of_top(stale)), "unknown");
    let other = root(authority("other"));
    assert_eq!(
        chain.answer(&crls(&[&Draft::of(&other).signed(&other.key)])),
        "unpublished",
        "a list of others"
    );
    let digest = |listing: &str| load(&[&chain.top.certificate], listing).unwrap().digest();
    assert_ne!(digest(&chain.listing), digest(&anchor));
    let error = load(&[&chain.top.certificate], &format!("{anchor}revocation = \"good\"\n")).unwrap_err();
    assert_eq!(error.line, Some(5), "{error}");
}

#[test]
fn lists_have_limits() {
    let key = KeyPair::generate().unwrap();
    let authority = root(authority("many"));
    let list = |count: usize| {
        let entries =
            (0..count).flat_map(|index| entry(&(1 << 30 | index as u32).to_be_bytes(), &[])).collect();
        Draft { entries, ..Draft::of(&authority) }.signed(&key)
    };
    assert!(read(&list(limits::REVOCATION_ENTRIES_MAX)).is_ok());
    let too_many = read(&list(limits::REVOCATION_ENTRIES_MAX + 1)).unwrap_err();
    let (what, limit) = ("revokedCertificates", limits::REVOCATION_ENTRIES_MAX);
    assert_eq!(too_many, Reject::TooLarge { what, size: limit + 1, limit });
    let long = vec![0x30; limits::REVOCATION_LEN_BYTES_MAX + 1];
    assert_eq!(read(&long).unwrap_err().code(), "too-large");
    let many: String = (0..=limits::REVOCATION_ENTRIES_MAX)
        .map(|index| format!(",\"a{index:x}\":{{\"status\":\"REVOKED\"}}"))
        .collect();
    let many = format!("{{\"entries\":{{{}}}}}", &many[1..]);
    assert!(many.len() <= limits::REVOCATION_LEN_BYTES_MAX);
    assert_eq!(status_list(&many, NOW).unwrap_err().code(), "too-large");
    let one = list(0);
    let mut data = RevocationData::default();
    for _ in 0..limits::REVOCATION_LISTS_MAX {
        data.add_crls("a", &one).unwrap();
    }
    assert_eq!(data.add_crls("a", &one).unwrap_err().code(), "too-large");
}

#[test]
fn the_digest_tells_lists_and_their_dates() {
    let chain = chain();
    let (top, middle) =
        (Draft::of(&chain.top).signed(&chain.top.key), Draft::of(&chain.middle).signed(&chain.middle.key));
    assert_eq!(RevocationData::default().digest(), None);
    assert_eq!(crls(&[&top, &middle]).digest(), crls(&[&middle, &top]).digest());
    assert_ne!(crls(&[&top]).digest(), crls(&[&middle]).digest());
    let empty = "{\"entries\":{}}";
    assert_ne!(status_list(empty, NOW).unwrap().digest(), status_list(empty, NOW + 1).unwrap().digest());
    let data = crls(&[&top]);
    let list = data.lists().next().unwrap();
    assert_eq!((list.kind, list.name.as_str(), list.from, list.until), ("crl", "0.crl", FROM, UNTIL));
}
