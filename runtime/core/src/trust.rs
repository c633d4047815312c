//! What a deployment holds of others: anchors, catalogues, statements, sandboxed formats. The policy says what of it counts.
use crate::sealed::SealedFile;
use pkic_audit::{Log, LogError};
use pkic_evidence::plugin::Plugin;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::envelope::peek;

/// A signed artefact in a deployment's hands: nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name in messages.
    pub file: String,
    /// The sealed envelope.
    pub bytes: Vec<u8>,
    /// The highest sequence number seen of that artefact. Opening a CA takes it from the log.
    pub last_seen: Option<u64>,
}

/// What a deployment holds of others.
#[derive(Debug, Default)]
pub struct Trusted {
    /// Whom it trusts for evidence, with what it knows of revocation.
    pub anchors: AnchorSet,
    /// Catalogues of modules.
    pub catalogues: Vec<Held>,
    /// Statements of people.
    pub statements: Vec<Held>,
    /// Sandboxed formats.
    pub plugins: Vec<Box<dyn Plugin>>,
}

impl Trusted {
    /// The same, with every artefact and module kept as an object of the log, and artefacts held against the highest sequence number that the
    /// log has of it (design D18).
    pub(crate) fn kept(mut self, log: &Log) -> Result<Trusted, LogError> {
        for held in self.catalogues.iter_mut().chain(&mut self.statements) {
            log.put_object(&held.bytes)?;
            if let Ok(peeked) = peek(&held.bytes) {
                let name = sequence_name(peeked.manifest.kind.name(), &peeked.manifest.name);
                held.last_seen = log.view(|view| view.sequence(&name)).max(held.last_seen);
            }
        }
        for plugin in &self.plugins {
            log.put_object(plugin.module())?;
        }
        Ok(self)
    }

    pub(crate) fn catalogues(&self) -> Vec<SealedFile<'_>> {
        self.catalogues.iter().map(Held::sealed).collect()
    }

    pub(crate) fn statements(&self) -> Vec<SealedFile<'_>> {
        self.statements.iter().map(Held::sealed).collect()
    }

    pub(crate) fn plugins(&self) -> Vec<&dyn Plugin> {
        self.plugins.iter().map(AsRef::as_ref).collect()
    }
}

impl Held {
    fn sealed(&self) -> SealedFile<'_> {
        SealedFile { file: &self.file, bytes: &self.bytes, last_seen: self.last_seen }
    }
}

/// Under which name the log counts the editions of an artefact.
pub fn sequence_name(kind: &str, name: &str) -> String {
    format!("{kind}:{name}")
}
