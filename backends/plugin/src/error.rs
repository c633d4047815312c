//! Why a file is no module that pkic runs.
use crate::limits::MODULE_LEN_BYTES_MAX;
use pkic_facts::reject::PluginFault;
use std::fmt;

/// Why a file is refused before anything is decoded with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// More bytes than [`MODULE_LEN_BYTES_MAX`].
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// It is no binary WebAssembly.
    NotWasm,
    /// It is machine code, such as a `.cwasm`: whoever compiled it elsewhere could have put anything there.
    Precompiled,
    /// It is a component, not a core module.
    Component,
    /// It does not validate, or uses what is switched off here.
    Invalid {
        /// What the validator says.
        why: String,
    },
    /// It imports something. There is nothing to import.
    Import {
        /// The module that it imports from.
        module: String,
        /// What it imports.
        name: String,
    },
    /// It lacks an export of the interface, or has it with another type.
    Export {
        /// The export.
        name: &'static str,
        /// Its type.
        expected: &'static str,
    },
    /// It is made for another version of the interface.
    AbiVersion {
        /// The version that it names.
        found: i32,
    },
    /// It failed while it was asked what it is.
    Failed(PluginFault),
    /// What it says of itself cannot be used.
    Description {
        /// What is wrong.
        why: String,
    },
    /// The engine does not start on this machine.
    Engine {
        /// What it says.
        why: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::TooLarge { size } => {
                write!(f, "the module has {size} bytes, the limit is {MODULE_LEN_BYTES_MAX}")
            }
            LoadError::NotWasm => f.write_str("this is no binary WebAssembly (`.wasm`)"),
            LoadError::Precompiled => f.write_str(
                "this is machine code; give the `.wasm` that it was made of, which is compiled here",
            ),
            LoadError::Component => {
                f.write_str("this is a WebAssembly component; give a core module (docs/plugins.md)")
            }
            LoadError::Invalid { why } => write!(f, "the module does not validate: {why}"),
            LoadError::Import { module, name } => {
                write!(f, "the module imports `{module}` `{name}`; a plugin may import nothing")
            }
            LoadError::Export { name, expected } => {
                write!(f, "the module does not export `{name}` as {expected}")
            }
            LoadError::AbiVersion { found } => {
                let expected = crate::sandbox::ABI_VERSION;
                write!(
                    f,
                    "the module is for version {found} of the interface, and this is version {expected}"
                )
            }
            LoadError::Failed(fault) => write!(f, "asked what it is, the module {fault}"),
            LoadError::Description { why } => write!(f, "what the module says of itself: {why}"),
            LoadError::Engine { why } => write!(f, "the sandbox does not start: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}
