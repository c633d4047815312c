//! One real format both ways: the built-in file and the module in the tree say the same of the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_evidence::plugin::{self, Plugin};
use pkic_evidence::{Appraisal, Verdict};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::{Binding, PayloadDecoder};
use pkic_facts::request::CertificationRequest;
use pkic_plugin::{Limits, Module};
use rcgen::CertificateParams;
use std::path::{Path, PathBuf};
use support::answers::appraise_with;
use support::chain::{Node, anchors, authority_of, extended, extension, named};
use support::{Item, YUBIKEY_PIV, attested, of_device};

/// `guest/build` says how it was made. A policy names the module by this digest.
const DIGEST: &str = "sha256:a4dc77f31d90d93d043029d6a84aa752357ead2f56edff9b8de838916d23b29d";
/// 2026-11-22.
const NOW: i64 = 1_795_305_600;
const ARC: [u64; 9] = [1, 3, 6, 1, 4, 1, 41482, 3, 0];

fn module() -> Module {
    Module::load(YUBIKEY_PIV).unwrap()
}

fn yubico(number: u64, value: &[u8]) -> rcgen::CustomExtension {
    let mut oid = ARC;
    oid[8] = number;
    extension(&oid, value)
}

fn slot(firmware: &[u8], policies: &[u8], more: &[(u64, &[u8])]) -> CertificateParams {
    let more = more.iter().map(|(number, value)| yubico(*number, value));
    let extensions = [yubico(3, firmware), yubico(8, policies)].into_iter().chain(more);
    extended(named("YubiKey PIV Attestation 9a"), extensions.collect())
}

/// Root, device and slot of a token that was never made.
fn made(slot: CertificateParams) -> Item {
    let root = Node::root(authority_of("Yubico PIV Root CA"));
    let firmware = slot.custom_extensions[0].content().to_vec();
    let device = root.issue(extended(authority_of("Yubico PIV Attestation"), vec![yubico(3, &firmware)]));
    let slot = device.issue(slot);
    Item {
        parts: vec![slot.der.clone(), device.der],
        request: Some(slot.request()),
        anchors: anchors(&[&root]),
        nonce: None,
        now: support::chain::NOW,
    }
}

/// The facts of both ways, after checking that they are the same and rest on what they must.
fn same(name: &str, built_in: &Appraisal, by_plugin: &Appraisal) {
    assert_eq!(built_in.verdict, Verdict::Verified, "{name}");
    assert_eq!(by_plugin.verdict, Verdict::Verified, "{name}");
    assert_eq!(built_in.format, Some("yubikey-piv"), "{name}");
    assert_eq!(by_plugin.format, Some("plugin"), "{name}");
    let facts = of_device(by_plugin.facts.table());
    assert_eq!(of_device(built_in.facts.table()), facts, "{name}");
    assert!(facts.len() >= 6, "{name}: {facts:?}");
    for (path, (basis, _)) in attested(by_plugin.facts.table()) {
        let is_ours = path.starts_with("evidence.") || path == "module.weak-hash";
        assert_eq!(basis, if is_ours { "statement" } else { "plugin" }, "{name}: {path}");
    }
    assert_eq!(built_in.binding, by_plugin.binding, "{name}");
    assert_eq!(built_in.freshness(), by_plugin.freshness(), "{name}");
}

#[test]
fn the_module_is_the_one_that_is_named_here() {
    assert_eq!(Sha256Digest::of(YUBIKEY_PIV).to_string(), DIGEST);
    let module = module();
    assert_eq!((module.digest().to_string().as_str(), module.name()), (DIGEST, "yubikey-piv"));
    assert_eq!(module.envelope().name(), "certificate");
    assert!(YUBIKEY_PIV.len() < 8 << 10);
}

#[test]
fn both_ways_give_the_same_facts_of_made_tokens() {
    let module = module();
    let serial: &[u8] = &[2, 4, 0, 0xf0, 1, 2];
    let tokens = [
        slot(&[5, 4, 3], &[2, 1], &[(7, serial), (9, &[1])]),
        slot(&[5, 7, 1], &[1, 1], &[(7, &[2, 1, 0]), (9, &[0x84])]),
        slot(&[5, 7, 4], &[5, 3], &[(9, &[0x0f])]),
        slot(&[4, 3, 7], &[3, 2], &[]),
        slot(&[4, 3, 7], &[9, 9], &[]),
    ];
    for (index, token) in tokens.into_iter().enumerate() {
        let item = made(token);
        let built_in =
            appraise_with(&item.parts, item.request.as_deref(), &item.anchors, None, item.now, None);
        let by_plugin = item.by(&module);
        assert_eq!(by_plugin.binding, Some(Binding::RequestKey));
        assert_eq!(by_plugin.plugin, Some(("yubikey-piv".to_owned(), module.digest())));
        assert_eq!(by_plugin.facts.decoded_by(), Some(module.digest()));
        same(&format!("token {index}"), &built_in, &by_plugin);
    }
}

/// A token with one thing wrong is refused both ways.
#[test]
fn both_ways_refuse_the_same_tokens() {
    let module = module();
    let (firmware, policies): (&[u8], &[u8]) = (&[5, 4, 3], &[2, 1]);
    let mut renamed = slot(firmware, policies, &[]);
    renamed.distinguished_name = named("YubiKey PIV Attestation f9").distinguished_name;
    let wrong = [
        renamed,
        slot(&[5, 4], policies, &[]),
        slot(firmware, &[2], &[]),
        slot(firmware, policies, &[(7, &[4, 1, 0])]),
        slot(firmware, policies, &[(9, &[])]),
    ];
    for token in wrong {
        let item = made(token);
        let built_in =
            appraise_with(&item.parts, item.request.as_deref(), &item.anchors, None, item.now, None);
        assert_ne!(built_in.verdict, Verdict::Verified);
        assert_eq!(item.refusal(&module), ("format", "plugin-refused"));
    }
}

/// What ties the facts to a request and to an anchor is ours, and holds for a plugin as for any format.
#[test]
fn the_envelope_is_verified_before_the_module_sees_it() {
    let module = module();
    let token = || slot(&[5, 4, 3], &[2, 1], &[]);
    let good = made(token());
    assert_eq!(good.by(&module).verdict, Verdict::Verified);
    let other_key = Item { request: made(token()).request, ..made(token()) };
    assert_eq!(other_key.refusal(&module), ("binding", "key-mismatch"));
    let other_root = Item { anchors: made(token()).anchors, ..made(token()) };
    assert_eq!(other_root.refusal(&module).0, "path");
    let mut flipped = made(token());
    let middle = flipped.parts[0].len() / 2;
    flipped.parts[0][middle] ^= 1;
    assert!(matches!(flipped.by(&module).verdict, Verdict::Refused(_)));
    let later = Item { now: 5_000_000_000, ..made(token()) };
    assert_eq!(later.by(&module).verdict.name(), "verified", "rcgen's validity ends in 4096");
    let mut twice = made(token());
    twice.parts.push(made(token()).parts[0].clone());
    assert_eq!(twice.refusal(&module), ("format", "field-repeated"));
}

/// A built-in format is never displaced.
#[test]
fn a_plugin_is_asked_where_no_built_in_format_recognises_the_item() {
    let module = module();
    let plugins: [&dyn Plugin; 1] = [&module];
    let whole = made(slot(&[5, 4, 3], &[2, 1], &[]));
    assert!(whole.ask(|input| plugin::detect(&plugins, input)).is_none());
    let mut alone = made(slot(&[5, 4, 3], &[2, 1], &[]));
    alone.parts.truncate(1);
    assert!(alone.ask(|input| plugin::detect(&plugins, input)).is_some());
    let other = Item { parts: vec![b"payload".to_vec()], ..alone };
    assert!(other.ask(|input| plugin::detect(&plugins, input)).is_none());
}

/// A decoded certificate takes a small part of what it may take.
#[test]
fn a_certificate_takes_a_hundredth_of_the_steps() {
    let limits = Limits { fuel: Limits::default().fuel / 50, ..Limits::default() };
    let module = Module::load_within(YUBIKEY_PIV, limits).unwrap();
    assert_eq!(made(slot(&[5, 4, 3], &[2, 1], &[])).by(&module).verdict, Verdict::Verified);
}

fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence-samples");
    let folder = std::env::var_os("PKIC_SAMPLES").map_or_else(beside, PathBuf::from).join("yubikey-piv");
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(folder.is_dir() || !is_ci, "no samples");
    if !folder.is_dir() {
        eprintln!("skipped: the samples are not here");
    }
    folder.is_dir().then_some(folder)
}

/// Yubico's anchors, without a limit to formats.
fn yubico_anchors(folder: &Path) -> AnchorSet {
    let listing = include_str!("../../evidence/tests/expected/anchors/yubico.toml");
    let listing = listing.replace(r#"formats = ["yubikey-piv"]"#, r#"formats = ["yubikey-piv", "plugin"]"#);
    let read = |name: &'static str| (name, std::fs::read(folder.join(name)).unwrap());
    let files = [read("yubico-ca-certs.txt"), read("yubico-intermediate.pem")];
    let files: Vec<AnchorFile<'_>> = files.iter().map(|(name, bytes)| AnchorFile { name, bytes }).collect();
    AnchorSet::load(&files, &listing).unwrap()
}

#[test]
fn both_ways_give_the_same_facts_of_real_tokens() {
    let Some(folder) = samples() else { return };
    let (module, anchors) = (module(), yubico_anchors(&folder));
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    for name in [
        "fw527_9a_rsa2048",
        "fw543_9a_p384_ext3_1",
        "fw543_9a_rsa2048_fips",
        "fw571_9c_p384",
        "fw574_9a_ec_newroot",
    ] {
        let file = read(&format!("{name}.csr.pem"));
        let request = CertificationRequest::from_bytes(&file).unwrap();
        let carried = |oid: &str| request.extension(oid).map(|extension| extension.value.clone());
        let slot = carried("1.3.6.1.4.1.41482.3.11").or_else(|| carried("1.3.6.1.4.1.41482.3.1")).unwrap();
        let device = carried("1.3.6.1.4.1.41482.3.2").unwrap();
        let built_in = appraise_with(std::slice::from_ref(&file), Some(&file), &anchors, None, NOW, None);
        let item = Item {
            parts: vec![slot, device],
            request: Some(file.clone()),
            anchors: yubico_anchors(&folder),
            nonce: None,
            now: NOW,
        };
        same(name, &built_in, &item.by(&module));
    }
    for name in ["gopiv_fw437", "gopiv_fw543"] {
        let parts = vec![read(&format!("{name}_slot9a.pem")), read(&format!("{name}_device_f9.pem"))];
        let built_in = appraise_with(&parts, None, &anchors, None, NOW, None);
        let item = Item { parts, request: None, anchors: yubico_anchors(&folder), nonce: None, now: NOW };
        same(name, &built_in, &item.by(&module));
    }
    let crossed = vec![read("gopiv_crossed_slot9a.pem"), read("gopiv_crossed_device_f9.pem")];
    let item = Item { parts: crossed, request: None, anchors, nonce: None, now: NOW };
    assert_eq!(item.refusal(&module).0, "path");
}
