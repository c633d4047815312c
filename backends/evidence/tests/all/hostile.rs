//! Any bytes are answered by every evidence format, in bounded time on a small stack.
#[path = "../../../../lang/syntax/tests/nasty/mod.rs"]
mod nasty;
use crate::support;
use crate::tpm_support;

use nasty::{Nasty, SIZE, answers, cbor, der, element, filled, json, noise, numbered, pem, pem_block};
use pkic_evidence::appraise::{Input, appraise, appraise_as};
use pkic_evidence::container::{MEMBER_LEN_BYTES_MAX, write};
use pkic_evidence::formats::FORMATS;
use pkic_evidence::tpm::activation::{Credential, EndorsementKey};
use pkic_evidence::tpm::public::Public;
use pkic_evidence::tpm::structures::{Attest, CreationData, Signature};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_vocab::limits;
use std::io::Write as _;
use std::sync::OnceLock;
use support::android::{Description, Device, tagged};
use tpm_support::{Case, NOW, recorded};

/// Appraises as what the parts look like and as each format, with a request and anchors. Nothing of this is verified.
fn appraise_all(parts: &[&[u8]], request: &CertificationRequest) {
    static ANCHORS: OnceLock<AnchorSet> = OnceLock::new();
    let anchors = ANCHORS.get_or_init(|| tpm_support::anchors(&["ak-ca.der", "ek-root.der"]));
    let Ok(evidence) = Evidence::new("nasty", parts) else {
        assert!(parts.iter().map(|part| part.len()).sum::<usize>() > limits::EVIDENCE_LEN_BYTES_MAX);
        return;
    };
    let (nonce, request) = (Some(tpm_support::NONCE), Some(request));
    let input = Input { evidence: &evidence, request, anchors, now: NOW, nonce, activation: None };
    assert!(appraise(&input).verdict.reason().is_some());
    for format in FORMATS {
        assert!(appraise_as(format, &input).verdict.reason().is_some(), "{}", format.name);
    }
}

fn other_request() -> &'static CertificationRequest {
    static REQUEST: OnceLock<CertificationRequest> = OnceLock::new();
    REQUEST.get_or_init(|| CertificationRequest::from_bytes(&recorded("app-ec.csr")).unwrap())
}

fn everything(len: usize) -> impl Iterator<Item = Nasty> {
    noise(len).into_iter().chain(der(len)).chain(cbor(len)).chain(json(len)).chain(pem("CERTIFICATE", len))
}

#[test]
fn any_item_is_answered() {
    answers("item", everything(SIZE), |bytes| appraise_all(&[bytes], other_request()));
}

#[test]
fn any_item_of_two_parts_is_answered() {
    answers("item of two parts", everything(SIZE - 2).step_by(2), |bytes| {
        appraise_all(&[bytes, b"{}"], other_request())
    });
    answers("item of many parts", everything(SIZE / 16), |bytes| appraise_all(&[bytes; 16], other_request()));
}

/// A recorded container with each member in turn exchanged for something as large as a member may be.
#[test]
fn any_member_of_a_container_is_answered() {
    for (recording, request) in [("certify-ec", "app-ec"), ("creation-ec", "app-ec")] {
        let case = Case::certify(recording, request);
        let names: Vec<String> = case.container.as_object().unwrap().keys().cloned().collect();
        let members = names.iter().filter(|name| *name != "format");
        let mut inputs = Vec::new();
        for member in members {
            for (name, bytes) in
                noise(MEMBER_LEN_BYTES_MAX - 2).into_iter().chain(der(MEMBER_LEN_BYTES_MAX - 2))
            {
                let mut case = Case::certify(recording, request);
                match case.container[member].is_array() {
                    true => case.set_list(member, &[&bytes[..]; 10]),
                    false => case.set(member, &bytes),
                }
                inputs.push((
                    format!("{name} in {member} of {recording}"),
                    case.container.to_string().into_bytes(),
                ));
            }
        }
        answers("container", inputs, |bytes| appraise_all(&[bytes], other_request()));
    }
}

#[test]
fn any_container_is_answered() {
    let mut inputs = Vec::new();
    for format in FORMATS {
        let head = format!("{{\"format\":\"{}\"", format.name);
        let member = |index: usize| format!(",\"m{index}\":\"\"");
        inputs.push((format!("members of {}", format.name), numbered(&head, member, "}", SIZE).into_bytes()));
        let list = |_: usize| "\"\",".to_owned();
        let head = format!("{head},\"attestation-key-certificates\":[");
        inputs
            .push((format!("a list of {}", format.name), numbered(&head, list, "\"\"]}", SIZE).into_bytes()));
        let bytes = filled([], [0xff], SIZE / 4 * 3 - 100);
        inputs.push((
            format!("a long member of {}", format.name),
            write(format.name, &[("attest", &bytes)], &[]),
        ));
    }
    answers("container of one shape", inputs, |bytes| appraise_all(&[bytes], other_request()));
}

/// An nShield bundle with each member in turn exchanged for something large, lists within lists in a warrant among them.
#[test]
fn any_member_of_a_bundle_is_answered() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE;
    let names = ["warrant", "modstatemsg", "modstatesig", "kcmsg", "kcsig", "pubkeydata", "knsopub", "hkm"];
    let nested =
        [0x91, 0x9f, 0xb1, 0xbf, 0xf4].map(|kind| (format!("{kind:#x} over and over"), vec![kind; SIZE / 2]));
    let mut inputs = Vec::new();
    for (name, bytes) in noise(SIZE / 2).into_iter().chain(nested) {
        let bytes = URL_SAFE.encode(bytes);
        for member in names {
            let value = |of: &str| if of == member { bytes.as_str() } else { "AAAA" };
            let members: Vec<String> = names.iter().map(|of| format!("\"{of}\":\"{}\"", value(of))).collect();
            inputs.push((format!("{name} in {member}"), format!("{{{}}}", members.join(",")).into_bytes()));
        }
    }
    answers("bundle", inputs, |bytes| appraise_all(&[bytes], other_request()));
}

#[test]
fn any_token_is_answered() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = |header: &[u8], payload: &[u8]| {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.AA", part(header), part(payload)).into_bytes()
    };
    let header = br#"{"alg":"ES256"}"#;
    let of_json = json(SIZE / 4 * 3 - 100).into_iter().flat_map(|(name, bytes)| {
        [
            (format!("{name} as claims"), token(header, &bytes)),
            (format!("{name} as a header"), token(&bytes, b"{}")),
        ]
    });
    let dots = ("dots".to_owned(), filled([], b".", SIZE));
    answers("web token", of_json.chain([dots]), |bytes| appraise_all(&[bytes], other_request()));
    answers("evidence in PEM", pem("EVIDENCE", SIZE), |bytes| appraise_all(&[bytes], other_request()));
}

#[test]
fn any_manifest_is_answered() {
    use pkic_evidence::corim::{Origin, attest_keys};
    let inside = cbor(SIZE / 2).into_iter().map(|(name, bytes)| {
        let comid = [&[0x5a][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat();
        let manifest = [&[0xd9, 0x01, 0xf5, 0xa1, 0x01, 0x81, 0xd9, 0x01, 0xfa][..], &comid].concat();
        (format!("{name} in a manifest"), manifest)
    });
    answers("manifest", noise(SIZE).into_iter().chain(cbor(SIZE)).chain(inside), |bytes| {
        assert!(attest_keys(bytes, Origin::SignedBy(other_request().spki()), NOW).is_err());
        let _ = attest_keys(bytes, Origin::LocalConfiguration, NOW);
    });
}

/// A request that carries an item of evidence in the attribute that the format has for it.
#[test]
fn any_evidence_inside_a_request_is_answered() {
    let max = limits::CSR_LEN_BYTES_MAX - 1_000;
    let spki = CertificationRequest::from_bytes(&recorded("app-ec.csr")).unwrap().spki().to_vec();
    let request = |attribute: &[u8]| {
        let info = element(0x30, &[&[2, 1, 0, 0x30, 0][..], &spki, &element(0xa0, attribute)].concat());
        let algorithm = element(0x30, b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
        element(0x30, &[&info[..], &algorithm, &[3, 1, 0]].concat())
    };
    let id_aa_evidence = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3b";
    let statement = |content: &[u8]| {
        let oid = b"\x06\x05\x67\x81\x05\x14\x01";
        element(0x30, &element(0x30, &element(0x30, &[&oid[..], content].concat())))
    };
    let extension_request = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";
    let extensions = |value: &[u8]| {
        let each = (2..12).map(|arc| {
            let oid = [&[6, 10, 0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3][..], &[arc]].concat();
            element(0x30, &[oid, element(4, value)].concat())
        });
        element(0x30, &each.collect::<Vec<_>>().concat())
    };
    let carrying = |oid: &[u8], value: &[u8]| request(&element(0x30, &[oid, &element(0x31, value)].concat()));
    let mut inputs = Vec::new();
    for (name, bytes) in der(max - 200).into_iter().chain(noise(max - 200)) {
        inputs.push((format!("{name} as a bundle"), carrying(id_aa_evidence, &bytes)));
        inputs.push((format!("{name} as a statement"), carrying(id_aa_evidence, &statement(&bytes))));
    }
    for (name, bytes) in der(max / 11).into_iter().chain(noise(max / 11)) {
        inputs.push((format!("{name} as certificates"), carrying(extension_request, &extensions(&bytes))));
    }
    answers("request that carries evidence", inputs, |bytes| {
        if let Ok(request) = CertificationRequest::from_bytes(bytes) {
            appraise_all(&[bytes], &request);
        }
    });
    let good = carrying(id_aa_evidence, &[0x30, 0]);
    assert!(
        CertificationRequest::from_bytes(&good).unwrap().attribute("1.2.840.113549.1.9.16.2.59").is_some()
    );
}

/// Text of CBOR of at most 255 bytes.
fn text(text: &str) -> Vec<u8> {
    [&[0x78, text.len() as u8], text.as_bytes()].concat()
}

/// Bytes of the largest attestation object that is read at all.
const OBJECT_LEN: usize = 64 << 10;

/// An attestation object of each `fmt`, with client data and alone, with each member in turn exchanged.
#[test]
fn any_attestation_object_is_answered() {
    let string = |bytes: &[u8]| [&[0x5a][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let certificate = string(&recorded("ak-ec-certificate-no-eku.der"));
    let object = |fmt: &str, member: &str, bytes: &[u8]| {
        let good = |name: &str| match name {
            "ver" => text("2.0"),
            "alg" => vec![0x26],
            "x5c" => [&[0x81][..], &certificate].concat(),
            _ => string(&[0; 64]),
        };
        let value =
            |name: &str| [text(name), if name == member { bytes.to_vec() } else { good(name) }].concat();
        let fields = ["ver", "alg", "x5c", "sig", "certInfo", "pubArea"].map(value).concat();
        let statement = if member == "attStmt" { bytes.to_vec() } else { [&[0xa6][..], &fields].concat() };
        let head = [&[0xa3][..], &text("fmt"), &text(fmt), &text("attStmt")].concat();
        [head, statement, value("authData")].concat()
    };
    let mut inputs = Vec::new();
    for (name, bytes) in cbor(OBJECT_LEN - 2_000) {
        for fmt in ["tpm", "packed", "fido-u2f", "apple", "apple-appattest", "step"] {
            inputs.push((format!("{name} in attStmt of {fmt}"), object(fmt, "attStmt", &bytes)));
        }
        for member in ["x5c", "authData", "certInfo"] {
            inputs.push((format!("{name} in {member} of tpm"), object("tpm", member, &bytes)));
        }
        inputs.push((format!("{name} in authData of fido-u2f"), object("fido-u2f", "authData", &bytes)));
        inputs.push((format!("{name} in sig of step"), object("step", "sig", &bytes)));
    }
    for (name, bytes) in der(OBJECT_LEN - 2_000) {
        inputs.push((
            format!("{name} as a certificate"),
            object("apple", "x5c", &[&[0x81][..], &string(&bytes)].concat()),
        ));
    }
    for (name, bytes) in cbor(SIZE - 2_000).into_iter().step_by(5) {
        inputs.push((format!("{name} in attStmt, too large"), object("tpm", "attStmt", &bytes)));
    }
    let count = OBJECT_LEN / certificate.len() - 2;
    let chain = filled([0x98, u8::try_from(count).unwrap()], &certificate, count * certificate.len() + 2);
    inputs.push(("a long chain".to_owned(), object("packed", "x5c", &chain)));
    answers("attestation object", inputs.clone(), |bytes| appraise_all(&[bytes, b"{}"], other_request()));
    answers("attestation object alone", inputs, |bytes| appraise_all(&[bytes], other_request()));
}

/// A CMS message with anything inside, alone and beside a certificate.
#[test]
fn any_cms_message_is_answered() {
    let kind = element(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
    let fields = |rest: &[u8]| [&[2, 1, 3, 0x31, 0, 0x30, 0][..], &element(0xa0, rest), &[0x31, 0]].concat();
    let message =
        |fields: &[u8]| element(0x30, &[&kind[..], &element(0xa0, &element(0x30, fields))].concat());
    let mut inputs = Vec::new();
    for (name, bytes) in der(SIZE - 100) {
        inputs.push((format!("{name} as SignedData"), message(&bytes)));
        inputs.push((format!("{name} as certificates"), message(&fields(&bytes))));
    }
    answers("CMS message", inputs, |bytes| {
        appraise_all(&[bytes], other_request());
        appraise_all(&[bytes, &recorded("ak-ca.der")], other_request());
    });
}

/// Certificate files of two parts in the shape of a token, as many as fit.
#[test]
fn many_certificates_are_answered() {
    let block = pem_block("CERTIFICATE", &recorded("ak-ca.der"));
    let inputs = [("many certificates".to_owned(), filled([], &block, SIZE - 2))];
    answers("certificate files", inputs, |bytes| appraise_all(&[bytes, b"\n"], other_request()));
}

/// Certificates beside a compressed answer, or beside a text and its signature.
#[test]
fn many_certificates_beside_a_statement_are_answered() {
    let block = pem_block("CERTIFICATE", &recorded("ak-ca.der"));
    let inputs = [("many certificates".to_owned(), filled([], &block, SIZE - 64))];
    answers("certificates beside a statement", inputs, |bytes| {
        appraise_all(&[&gzip(&[0; 2048]), bytes], other_request());
        appraise_all(&[b"<private_key/>", b"signature", bytes], other_request());
    });
}

/// What inflates to anything, and to a thousand times what it was.
#[test]
fn any_compressed_answer_is_answered() {
    let bomb = ("64 MiB of nothing".to_owned(), gzip(&vec![0; 64 << 20]));
    let head = [0x1f, 0x8b, 8, 0x1c, 0, 0, 0, 0, 0, 0xff];
    let unfinished = ("a header that does not end".to_owned(), filled(head, [1], SIZE - 4096));
    let compressed = noise(SIZE / 2).into_iter().map(|(name, bytes)| (name, gzip(&bytes)));
    answers("compressed answer", compressed.chain([bomb, unfinished]), |bytes| {
        appraise_all(&[bytes, b"-----BEGIN CERTIFICATE-----"], other_request());
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn any_structure_of_a_tpm_is_answered() {
    let lengths = [[0xff, 0xff], [0x7f, 0xff], [0, 1], [0x10, 0]];
    let lengths = lengths.map(|length| (format!("{length:02x?} over and over"), filled([], length, SIZE)));
    let magic = noise(SIZE).into_iter().map(|(name, bytes)| {
        (format!("{name} behind the head of TPMS_ATTEST"), [&b"\xffTCG\x80\x17"[..], &bytes].concat())
    });
    answers("TPM structure", noise(SIZE).into_iter().chain(magic).chain(lengths), |bytes| {
        let _ = (Attest::read(bytes), Public::read(bytes), Signature::read(bytes), CreationData::read(bytes));
        let _ = (Credential::from_tpm2_tools(bytes), EndorsementKey::from_spki(bytes));
    });
}

/// What a genuine attestation key says of a key: any bytes as a whole list, and as the value of an authorization.
#[test]
fn any_key_description_is_answered() {
    let max = limits::CERTIFICATE_LEN_BYTES_MAX - 4_000;
    answers("key description", noise(max).into_iter().chain(der(max)), |bytes| {
        for hardware in [bytes.to_vec(), tagged(704, bytes)] {
            let description = Description { hardware: vec![hardware], ..Description::default() };
            let made = Device { description, ..Device::default() }.make();
            let parts: Vec<&[u8]> = made.chain.iter().map(Vec::as_slice).collect();
            let evidence = Evidence::new("nasty", &parts).unwrap();
            let (request, anchors, nonce, activation) = (None, &made.anchors, None, None);
            appraise(&Input { evidence: &evidence, request, anchors, now: NOW, nonce, activation });
        }
    });
}

/// CBOR of a byte string.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x5a][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Parsec's tokens, with a member exchanged if it is named.
fn tokens(member: &str, bytes: &[u8]) -> Vec<u8> {
    let case = Case::certify("certify-ec", "app-ec");
    let good = |name: &str| match name {
        "tpmVer" => text("2.0"),
        "sig" => string(&case.member("signature")),
        "certInfo" => string(&case.member("attest")),
        _ => string(&case.member("public")),
    };
    let value = |name: &str| [text(name), if name == member { bytes.to_vec() } else { good(name) }].concat();
    let members = ["tpmVer", "sig", "certInfo", "pubArea"].map(value).concat();
    [&[0xa1, 0x63][..], b"kat", &[0xa4], &members].concat()
}

/// Parsec's tokens with a member exchanged, and anything beside good ones as a CoRIM.
#[test]
fn any_tokens_of_parsec_are_answered() {
    fn beside_good_tokens(bytes: &[u8]) {
        static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
        appraise_all(&[GOOD.get_or_init(|| tokens("", &[])), bytes], other_request());
    }
    let mut inputs = Vec::new();
    for (name, bytes) in cbor(SIZE / 4) {
        for member in ["tpmVer", "certInfo"] {
            inputs.push((format!("{name} in {member}"), tokens(member, &bytes)));
        }
    }
    answers("tokens", inputs, |bytes| appraise_all(&[bytes], other_request()));
    answers("CoRIM", cbor(SIZE - 2_000), beside_good_tokens);
    // A CoRIM full of CoMIDs that are each full of triples.
    let comid = |bytes: &[u8]| [&[0xd9, 0x01, 0xfa][..], &string(bytes)].concat();
    let triple = [&[0x82, 0xa0, 0x81, 0xd9, 0x02, 0x2a][..], &text("-----BEGIN PUBLIC KEY-----")].concat();
    let triples = filled([0xa1, 4, 0xa1, 3, 0x9f], &triple, SIZE / 32);
    let corim = filled([0xd9, 0x01, 0xf5, 0xa1, 1, 0x9f], comid(&triples), SIZE - 2_000);
    answers("many CoMIDs", [("many CoMIDs".to_owned(), corim)], beside_good_tokens);
}

/// A chain of layers in CBOR whose payloads are anything.
#[test]
fn any_layers_are_answered() {
    let key = b"\xa3\x01\x01\x20\x06\x21\x58\x20\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
    let message =
        |payload: &[u8]| [&[0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0][..], &string(payload), &[0x41, 0]].concat();
    let mut inputs = Vec::new();
    for (name, bytes) in cbor(SIZE - 200) {
        inputs.push((format!("{name} as a payload"), [&[0x82][..], key, &message(&bytes)].concat()));
    }
    let claims = b"\xa1\x3a\x00\x47\x44\x57\x40";
    inputs.push(("many layers".to_owned(), filled([0x9f], message(claims), SIZE)));
    answers("layers", inputs, |bytes| appraise_all(&[bytes], other_request()));
}

/// Files of a TPM attestation, of which one is anything.
#[test]
fn any_files_of_a_tpm_are_answered() {
    fn beside_good_files(bytes: &[u8]) {
        static GOOD: OnceLock<[Vec<u8>; 5]> = OnceLock::new();
        let names = ["attest", "signature", "public", "creation-data", "ak-public"];
        let good = GOOD.get_or_init(|| names.map(|name| Case::creation().member(name)));
        let files: Vec<&[u8]> = good.iter().map(Vec::as_slice).chain([bytes]).collect();
        appraise_all(&files, other_request());
        let headed = [&b"\xffTCG\x80\x18"[..], bytes].concat();
        appraise_all(&[&headed, &good[1]], other_request());
    }
    answers("files of a TPM", noise(SIZE - 2_000).into_iter().chain(der(SIZE - 2_000)), beside_good_files);
}
