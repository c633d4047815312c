//! Modules written as text, and payloads that somebody signed.
#![allow(dead_code)]

#[path = "../../../evidence/tests/all/support/answers.rs"]
pub mod answers;
#[path = "../../../evidence/tests/all/support/chain.rs"]
pub mod chain;

pub use answers::{attested, stage_and_code};
use pkic_evidence::plugin::{self, Plugin};
use pkic_evidence::{Appraisal, Input};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_plugin::{Limits, LoadError, Module};
use pkic_vocab::FactTable;
use std::collections::BTreeMap;

pub const YUBIKEY_PIV: &[u8] = include_bytes!("../../guest/yubikey_piv.wasm");
pub const DETACHED: &str = r#"{"detached":{"prefix":"7061796c"}}"#;

/// A module of a few lines that says one thing.
#[derive(Clone)]
pub struct Guest {
    pub name: String,
    pub envelope: String,
    pub facts: String,
    pub answer: String,
    pub version: i32,
    /// Fields of the module, such as an import or a start function.
    pub fields: String,
    /// What it does before it answers.
    pub steps: String,
    /// What it answers: nothing gives the place of the answer.
    pub place: Option<i64>,
    pub memory: &'static str,
    pub alloc: &'static str,
}

impl Default for Guest {
    fn default() -> Guest {
        Guest {
            name: "widget".into(),
            envelope: DETACHED.into(),
            facts: r#"["key.storage","module.serial","platform.debug"]"#.into(),
            answer: r#"{"key.storage":"se.token","module.serial":"7","platform.debug":false}"#.into(),
            version: 1,
            fields: String::new(),
            steps: String::new(),
            place: None,
            memory: r#"(memory (export "memory") 2)"#,
            alloc: "i32.const 65536",
        }
    }
}

impl Guest {
    pub fn answering(answer: &str) -> Guest {
        Guest { answer: answer.into(), ..Guest::default() }
    }

    pub fn doing(steps: &str) -> Guest {
        Guest { steps: steps.into(), ..Guest::default() }
    }

    pub fn with(fields: &str) -> Guest {
        Guest { fields: fields.into(), ..Guest::default() }
    }

    pub fn text(&self) -> String {
        let Guest { name, envelope, facts, answer, version, fields, steps, memory, alloc, .. } = self;
        let description = format!(r#"{{"name":"{name}","envelope":{envelope},"facts":{facts}}}"#);
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let place = self.place.unwrap_or((8192 << 32) | answer.len() as i64);
        format!(
            r#"(module {fields} {memory}
                (data (i32.const 0) "{}") (data (i32.const 8192) "{}")
                (func (export "pkic_abi_version") (result i32) i32.const {version})
                (func (export "pkic_describe") (result i64) i64.const {})
                (func (export "pkic_alloc") (param i32) (result i32) {alloc})
                (func (export "pkic_decode") (param i32 i32) (result i64) {steps} i64.const {place}))"#,
            quoted(&description),
            quoted(answer),
            description.len(),
        )
    }

    pub fn wasm(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }

    pub fn load(&self) -> Result<Module, LoadError> {
        Module::load(&self.wasm())
    }

    pub fn load_within(&self, limits: Limits) -> Module {
        Module::load_within(&self.wasm(), limits).unwrap()
    }
}

/// An item with what it is appraised against.
pub struct Item {
    pub parts: Vec<Vec<u8>>,
    pub request: Option<Vec<u8>>,
    pub anchors: AnchorSet,
    pub nonce: Option<Vec<u8>>,
    pub now: i64,
}

impl Item {
    pub fn ask<T>(&self, with: impl FnOnce(&Input<'_>) -> T) -> T {
        let parts: Vec<&[u8]> = self.parts.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("item", &parts).unwrap();
        let request = self.request.as_ref().map(|bytes| CertificationRequest::from_bytes(bytes).unwrap());
        with(&Input {
            evidence: &evidence,
            request: request.as_ref(),
            anchors: &self.anchors,
            now: self.now,
            nonce: self.nonce.as_deref(),
            activation: None,
        })
    }

    pub fn by(&self, plugin: &dyn Plugin) -> Appraisal {
        self.ask(|input| plugin::appraise(plugin, input))
    }

    /// Stage and code of the refusal, after checking that there are no facts.
    pub fn refusal(&self, plugin: &dyn Plugin) -> (&'static str, &'static str) {
        stage_and_code(&self.by(plugin))
    }
}

/// A payload with the detached signature of an enrolled key.
pub fn detached(payload: &[u8]) -> Item {
    let signer = chain::Node::root(chain::named("signer"));
    let parts = vec![payload.to_vec(), signer.sign(payload), signer.spki()];
    Item { parts, request: None, anchors: enrolled(&signer.spki()), nonce: None, now: chain::NOW }
}

/// This key, enrolled for plugins.
pub fn enrolled(spki: &[u8]) -> AnchorSet {
    let key = Sha256Digest::of(spki);
    let listing = format!(
        "[[key]]\nname = \"signer\"\nspki = \"{key}\"\npurpose = \"simulator\"\nformats = [\"plugin\"]\n"
    );
    AnchorSet::load(&[], &listing).unwrap()
}

/// Facts about key, module and platform, as path to value.
pub fn of_device(table: &FactTable) -> BTreeMap<String, String> {
    let facts = attested(table).into_iter().filter(|(path, _)| !path.starts_with("evidence."));
    facts.map(|(path, (_, value))| (path, value)).collect()
}
