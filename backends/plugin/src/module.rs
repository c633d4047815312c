//! A loaded module: a plugin of `pkic-evidence`.
use crate::answer;
use crate::description::Description;
use crate::error::LoadError;
use crate::limits::{Limits, MODULE_LEN_BYTES_MAX, PAYLOAD_LEN_BYTES_MAX};
use crate::sandbox::{ABI_VERSION, Sandbox};
use pkic_evidence::plugin::{Envelope, Plugin};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::PayloadDecoder;
use pkic_facts::reject::Reject;
use pkic_vocab::{FactId, Value};
use std::fmt;

/// What a binary core module begins with: the magic number and version 1.
const CORE: [u8; 8] = *b"\0asm\x01\0\0\0";
/// The magic number alone. What follows in a component is not version 1.
const MAGIC: [u8; 4] = *b"\0asm";
/// What an ELF file begins with; wasmtime's precompiled modules are such.
const ELF: [u8; 4] = *b"\x7fELF";

/// A module that was compiled here and has said what it is.
pub struct Module {
    wasm: Vec<u8>,
    digest: Sha256Digest,
    sandbox: Sandbox,
    description: Description,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Module { digest, description, .. } = self;
        f.debug_struct("Module").field("digest", digest).field("description", description).finish()
    }
}

impl Module {
    /// Compiles a binary core module, and asks it what it is.
    ///
    /// # Errors
    /// [`LoadError`] for a file that is none, that imports anything or lacks an export, and for a module that fails or
    /// says of itself what cannot be used.
    pub fn load(wasm: &[u8]) -> Result<Module, LoadError> {
        Module::load_within(wasm, Limits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// Those of [`Module::load`].
    pub fn load_within(wasm: &[u8], limits: Limits) -> Result<Module, LoadError> {
        let size = wasm.len();
        if size > MODULE_LEN_BYTES_MAX {
            return Err(LoadError::TooLarge { size });
        }
        if wasm.starts_with(&ELF) {
            return Err(LoadError::Precompiled);
        }
        if !wasm.starts_with(&CORE) {
            return Err(if wasm.starts_with(&MAGIC) { LoadError::Component } else { LoadError::NotWasm });
        }
        let sandbox = Sandbox::new(wasm, limits)?;
        let found = sandbox.abi_version().map_err(LoadError::Failed)?;
        if found != ABI_VERSION {
            return Err(LoadError::AbiVersion { found });
        }
        let description = Description::read(&sandbox.describe().map_err(LoadError::Failed)?)?;
        Ok(Module { wasm: wasm.to_vec(), digest: Sha256Digest::of(wasm), sandbox, description })
    }
}

impl PayloadDecoder for Module {
    fn digest(&self) -> Sha256Digest {
        self.digest
    }

    fn declared(&self) -> &[FactId] {
        &self.description.facts
    }

    fn decode(&self, payload: &[u8]) -> Result<Vec<(FactId, Value)>, Reject> {
        let (size, limit) = (payload.len(), PAYLOAD_LEN_BYTES_MAX);
        if size > limit {
            return Err(Reject::TooLarge { what: "payload", size, limit });
        }
        let said = self.sandbox.decode(payload).and_then(|said| answer::read(&said));
        said.map_err(|fault| Reject::Plugin { module: self.digest, fault })
    }
}

impl Plugin for Module {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn module(&self) -> &[u8] {
        &self.wasm
    }

    fn envelope(&self) -> &Envelope {
        &self.description.envelope
    }
}
