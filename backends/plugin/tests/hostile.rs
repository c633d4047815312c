//! Modules that do what they may not. Each is refused, and the refusal says what it did.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_facts::facts::PayloadDecoder;
use pkic_facts::reject::{PluginFault, Reject};
use pkic_plugin::{Limits, LoadError, MODULE_LEN_BYTES_MAX, Module, PAYLOAD_LEN_BYTES_MAX};
use support::{Guest, detached};

/// What a module does wrong while it decodes.
fn fault(guest: &Guest) -> PluginFault {
    fault_within(guest, Limits::default())
}

fn fault_within(guest: &Guest, limits: Limits) -> PluginFault {
    match guest.load_within(limits).decode(b"payload") {
        Err(Reject::Plugin { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn refused(wasm: &[u8]) -> LoadError {
    Module::load(wasm).expect_err("it was loaded")
}

fn invalid(fields: &str, steps: &str) -> String {
    let guest = Guest { fields: fields.into(), steps: steps.into(), ..Guest::default() };
    match refused(&guest.wasm()) {
        LoadError::Invalid { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_unchanged_one_is_read() {
    assert_eq!(Guest::default().load().unwrap().decode(b"payload").unwrap().len(), 3);
}

#[test]
fn what_is_no_core_module_is_not_compiled() {
    let wasm = Guest::default().wasm();
    let large = [wasm.as_slice(), &vec![0; MODULE_LEN_BYTES_MAX]].concat();
    assert_eq!(refused(&large), LoadError::TooLarge { size: large.len() });
    assert_eq!(refused(b""), LoadError::NotWasm);
    assert_eq!(refused(b"(module)"), LoadError::NotWasm);
    assert_eq!(refused(b"\x7fELF\x02\x01\x01\xc8wasmtime"), LoadError::Precompiled);
    assert_eq!(refused(b"\0asm\x0d\0\x01\0"), LoadError::Component);
    assert!(matches!(refused(&wasm[..wasm.len() - 1]), LoadError::Invalid { .. }));
}

#[test]
fn a_module_may_import_nothing_and_must_export_the_interface() {
    let import =
        r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    let expected =
        LoadError::Import { module: "wasi_snapshot_preview1".to_owned(), name: "fd_write".to_owned() };
    assert_eq!(refused(&Guest::with(import).wasm()), expected);
    let memory = Guest { memory: r#"(import "env" "memory" (memory 2))"#, ..Guest::default() };
    assert!(matches!(refused(&memory.wasm()), LoadError::Import { .. }));
    for name in ["memory", "pkic_abi_version", "pkic_describe", "pkic_alloc", "pkic_decode"] {
        let without = Guest::default().text().replace(&format!("\"{name}\""), "\"other\"");
        match refused(&wat::parse_str(without).unwrap()) {
            LoadError::Export { name: missing, .. } => assert_eq!(missing, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let of_other_type =
        Guest::default().text().replace("(param i32 i32) (result i64)", "(param i64) (result i64)");
    assert!(matches!(
        refused(&wat::parse_str(of_other_type).unwrap()),
        LoadError::Export { name: "pkic_decode", .. }
    ));
}

#[test]
fn a_module_is_for_this_version_of_the_interface() {
    let other = Guest { version: 2, ..Guest::default() };
    assert_eq!(refused(&other.wasm()), LoadError::AbiVersion { found: 2 });
}

#[test]
fn what_differs_between_machines_is_switched_off() {
    let off = [
        ("", "(drop (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0)))"),
        ("", "(drop (i32x4.splat (i32.const 0)))"),
        ("(memory 1 1 shared)", ""),
        ("", "(drop (i32.atomic.load (i32.const 0)))"),
        ("(memory 1)", ""),
        ("(tag)", ""),
    ];
    for (fields, steps) in off {
        assert!(!invalid(fields, steps).is_empty(), "{fields} {steps}");
    }
}

#[test]
fn steps_are_counted() {
    let fuel = Limits::default().fuel;
    let endless = "(loop (br 0))";
    assert_eq!(fault(&Guest::doing(endless)), PluginFault::OutOfFuel { limit: fuel });
    // One instruction, and work for every octet.
    let bulk = "(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072)) (br 0))";
    assert_eq!(fault(&Guest::doing(bulk)), PluginFault::OutOfFuel { limit: fuel });
    let starting = Guest::with("(func $start (loop (br 0))) (start $start)");
    assert_eq!(refused(&starting.wasm()), LoadError::Failed(PluginFault::OutOfFuel { limit: fuel }));
}

#[test]
fn a_module_that_is_still_at_it_is_stopped() {
    let limits = Limits { fuel: u64::MAX / 2, wall_ms: 100, ..Limits::default() };
    let fault = fault_within(&Guest::doing("(loop (br 0))"), limits);
    assert_eq!(fault, PluginFault::OutOfTime { limit_ms: 100 });
}

#[test]
fn memory_and_tables_have_limits() {
    let limits = Limits::default();
    let (limit, wanted) = (limits.memory_len_bytes, 1002 << 16);
    let memory = PluginFault::OutOfMemory { what: "memory", wanted, limit };
    assert_eq!(fault(&Guest::doing("(drop (memory.grow (i32.const 1000)))")), memory);
    let at_once = Guest { memory: r#"(memory (export "memory") 1002)"#, ..Guest::default() };
    assert_eq!(refused(&at_once.wasm()), LoadError::Failed(memory));
    let table = PluginFault::OutOfMemory { what: "table", wanted: 20_000, limit: limits.table_elements };
    assert_eq!(refused(&Guest::with("(table 20000 funcref)").wasm()), LoadError::Failed(table.clone()));
    let growing = Guest {
        fields: "(table $t 0 funcref)".into(),
        ..Guest::doing("(drop (table.grow $t (ref.null func) (i32.const 20000)))")
    };
    assert_eq!(fault(&growing), table);
    let many = Guest::with(&"(table 1 funcref)".repeat(5));
    assert!(matches!(refused(&many.wasm()), LoadError::Failed(PluginFault::Trapped { .. })));
}

#[test]
fn traps_are_told() {
    let trap = |guest: &Guest| match fault(guest) {
        PluginFault::Trapped { trap } => trap,
        other => panic!("{other:?}"),
    };
    assert_eq!(trap(&Guest::doing("unreachable")), "wasm `unreachable` instruction executed");
    assert_eq!(
        trap(&Guest::doing("(drop (i32.div_s (i32.const 1) (i32.const 0)))")),
        "integer divide by zero"
    );
    assert_eq!(trap(&Guest::doing("(drop (i32.load (i32.const -4)))")), "out of bounds memory access");
    let deep = Guest { fields: "(func $deep (call $deep))".into(), ..Guest::doing("(call $deep)") };
    assert_eq!(trap(&deep), "call stack exhausted");
}

#[test]
fn what_a_module_points_at_is_in_its_memory_and_within_the_limit() {
    let outside = |place: i64| Guest { place: Some(place), ..Guest::default() };
    let (offset, len_bytes) = (131_072 - 4, 8);
    assert_eq!(
        fault(&outside((i64::from(offset) << 32) | i64::from(len_bytes))),
        PluginFault::OutsideMemory { offset, len_bytes }
    );
    assert_eq!(
        fault(&outside((-1 << 32) | 16)),
        PluginFault::OutsideMemory { offset: u32::MAX, len_bytes: 16 }
    );
    let limit = Limits::default().output_len_bytes;
    assert_eq!(fault(&outside(100_000)), PluginFault::OutputTooLarge { size: 100_000, limit });
    let nowhere = Guest { alloc: "i32.const -4", ..Guest::default() };
    assert_eq!(fault(&nowhere), PluginFault::OutsideMemory { offset: u32::MAX - 3, len_bytes: 7 });
    let long = Guest::default().load().unwrap().decode(&vec![0; PAYLOAD_LEN_BYTES_MAX + 1]);
    assert!(matches!(long, Err(Reject::TooLarge { what: "payload", .. })));
}

#[test]
fn an_answer_is_facts_or_a_refusal_and_nothing_else() {
    for answer in ["", "{", "[]", "null", "7", "{} {}", r#"{"module.serial":"7","module.serial":"7"}"#] {
        let found = fault(&Guest::answering(answer));
        assert!(matches!(found, PluginFault::OutputMalformed { .. }), "{answer}: {found:?}");
    }
    let nested = "[".repeat(10_000);
    assert!(matches!(fault(&Guest::answering(&nested)), PluginFault::OutputMalformed { .. }));
    let refusal = Guest::answering("\"no firmware\"");
    assert_eq!(fault(&refusal), PluginFault::Refused { why: "no firmware".to_owned() });
    let unknown = fault(&Guest::answering(r#"{"key.strage":"hsm"}"#));
    assert_eq!(unknown, PluginFault::FactUnknown { path: "key.strage".to_owned() });
    for (path, value) in [
        ("key.storage", r#""a safe""#),
        ("key.storage", "7"),
        ("module.serial", "7"),
        ("platform.debug", r#""false""#),
        ("platform.os-patch", r#""soon""#),
    ] {
        match fault(&Guest::answering(&format!("{{\"{path}\":{value}}}"))) {
            PluginFault::ValueUnfit { path: found, .. } => assert_eq!(found, path),
            other => panic!("{path} {value}: {other:?}"),
        }
    }
}

/// What no plugin says, whatever it declares: binding, freshness, anchors, certification, people's statements, the request's
/// own key, and of which kind a TPM is.
#[test]
fn a_plugin_says_only_what_its_device_can_say_of_itself() {
    let item = detached(b"payload");
    let reserved = [
        ("evidence.bound", "true"),
        ("evidence.freshness", r#""nonce""#),
        ("evidence.format", r#""yubikey-piv""#),
        ("evidence.anchor.name", r#""root""#),
        ("evidence.anchor.purpose", r#""production""#),
        ("evidence.revocation", r#""good""#),
        ("module.fips-140-3.level", "3"),
        ("module.fips-140-3.status", r#""active""#),
        ("module.cc.eal", "4"),
        ("module.fido.level", "2"),
        ("module.qscd", "true"),
        ("module.weak-hash", "false"),
        ("key.advisories", "[]"),
        ("key.algorithm", r#""ec-p256""#),
        ("witness.split-knowledge.present", "true"),
        ("node.attested", "true"),
        ("workload.identity", r#""spiffe://a/b""#),
        ("request.proof-of-possession", "true"),
        ("certificate.basic-constraints.ca", "false"),
        ("profile.role", r#""root-ca""#),
    ];
    for (path, value) in reserved {
        let declaring = Guest { facts: format!("[\"{path}\"]"), ..Guest::default() };
        assert!(matches!(refused(&declaring.wasm()), LoadError::Description { .. }), "{path} is declared");
        let saying = Guest::answering(&format!("{{\"{path}\":{value}}}")).load().unwrap();
        let code = item.refusal(&saying).1;
        assert!(["plugin-fact-reserved", "plugin-value-unfit"].contains(&code), "{path}: {code}");
    }
    let subclass = Guest::answering(r#"{"key.storage":"tpm.discrete"}"#).load().unwrap();
    assert_eq!(item.refusal(&subclass), ("profile", "plugin-fact-reserved"));
    let class = Guest::answering(r#"{"key.storage":"tpm"}"#).load().unwrap();
    assert_eq!(item.by(&class).verdict.name(), "verified");
    let undeclared = Guest::answering(r#"{"key.origin":"generated"}"#).load().unwrap();
    assert_eq!(item.refusal(&undeclared), ("profile", "plugin-fact-undeclared"));
    let hostile = Guest::doing("unreachable").load().unwrap();
    assert_eq!(item.refusal(&hostile), ("format", "plugin-trapped"));
}

#[test]
fn what_a_module_says_of_itself_is_checked() {
    let why = |guest: Guest| match refused(&guest.wasm()) {
        LoadError::Description { why } => why,
        other => panic!("{other:?}"),
    };
    let good = Guest::default;
    assert!(why(Guest { name: "Wid get".into(), ..good() }).contains("small letters"));
    assert!(why(Guest { name: String::new(), ..good() }).contains("small letters"));
    assert!(why(Guest { facts: "[]".into(), ..good() }).contains("no facts"));
    assert!(why(Guest { facts: r#"["key.strage"]"#.into(), ..good() }).contains("no fact"));
    assert!(why(Guest { facts: r#"["key.origin","key.origin"]"#.into(), ..good() }).contains("twice"));
    assert!(why(Guest { envelope: r#"{"letter":{}}"#.into(), ..good() }).contains("unknown variant"));
    assert!(why(Guest { envelope: r#"{"detached":{"prefix":"00"}}"#.into(), ..good() }).contains("octets"));
    assert!(why(Guest { envelope: r#"{"jws":{"typ":""}}"#.into(), ..good() }).contains("visible"));
    let key_usage = r#"{"certificate":{"extension":"2.5.29.15"}}"#;
    assert!(why(Guest { envelope: key_usage.into(), ..good() }).contains("X.509"));
    assert!(why(Guest { name: r#"a","name":"widget"#.into(), ..good() }).contains("duplicate field"));
}

/// A module that remembers and answers differently the second time finds itself forgotten.
#[test]
fn every_payload_is_decoded_in_an_instance_of_its_own() {
    let steps =
        "(if (i32.load (i32.const 70000)) (then unreachable)) (i32.store (i32.const 70000) (i32.const 1))";
    let module = Guest::doing(steps).load().unwrap();
    let first = module.decode(b"payload").unwrap();
    assert_eq!(module.decode(b"payload").unwrap(), first);
}
