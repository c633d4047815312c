//! What a sandboxed format can do wrong while it decodes: a closed set, each with its own code.
use crate::reject::Stage;
use std::fmt;

/// Why what a sandboxed module did or said is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginFault {
    /// It trapped. An attacker could have sent what its author did not think of.
    Trapped {
        /// The trap, in the engine's words.
        trap: String,
    },
    /// It took more steps than it may.
    OutOfFuel {
        /// The steps that it may take.
        limit: u64,
    },
    /// It took longer than it may.
    OutOfTime {
        /// How long it may take, in milliseconds.
        limit_ms: u64,
    },
    /// It asked for more memory or for larger tables than it may have.
    OutOfMemory {
        /// `memory` or `table`.
        what: &'static str,
        /// How much it asked for: bytes or elements.
        wanted: usize,
        /// How much it may have.
        limit: usize,
    },
    /// It points outside its own memory.
    OutsideMemory {
        /// Where it points.
        offset: u32,
        /// How many bytes it says are there.
        len_bytes: u32,
    },
    /// It says more than it may.
    OutputTooLarge {
        /// How much it says, in bytes.
        size: usize,
        /// How much it may say.
        limit: usize,
    },
    /// What it says does not read.
    OutputMalformed {
        /// What is wrong with it.
        why: String,
    },
    /// It refuses the payload.
    Refused {
        /// Its words, cut to what is shown.
        why: String,
    },
    /// It says a fact that is none of its declared list.
    Undeclared {
        /// The fact's path.
        path: &'static str,
    },
    /// It says, or declares, a fact that no sandboxed format says: binding, freshness, certification, and what is
    /// about somebody else than the device.
    Reserved {
        /// The fact's path.
        path: &'static str,
    },
    /// It says one fact twice.
    Repeated {
        /// The fact's path.
        path: &'static str,
    },
    /// There is no such fact.
    FactUnknown {
        /// Its path, cut to what is shown.
        path: String,
    },
    /// The value does not fit the fact.
    ValueUnfit {
        /// The fact's path.
        path: &'static str,
        /// Why.
        why: String,
    },
}

impl PluginFault {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            PluginFault::Trapped { .. } => "plugin-trapped",
            PluginFault::OutOfFuel { .. } => "plugin-out-of-fuel",
            PluginFault::OutOfTime { .. } => "plugin-out-of-time",
            PluginFault::OutOfMemory { .. } => "plugin-out-of-memory",
            PluginFault::OutsideMemory { .. } => "plugin-outside-memory",
            PluginFault::OutputTooLarge { .. } => "plugin-output-too-large",
            PluginFault::OutputMalformed { .. } => "plugin-output-malformed",
            PluginFault::Refused { .. } => "plugin-refused",
            PluginFault::Undeclared { .. } => "plugin-fact-undeclared",
            PluginFault::Reserved { .. } => "plugin-fact-reserved",
            PluginFault::Repeated { .. } => "plugin-fact-repeated",
            PluginFault::FactUnknown { .. } => "plugin-fact-unknown",
            PluginFault::ValueUnfit { .. } => "plugin-value-unfit",
        }
    }

    /// The stage that refuses: what a module does wrong is in its format, what it says wrong in its profile.
    pub const fn stage(&self) -> Stage {
        match self {
            PluginFault::Trapped { .. }
            | PluginFault::OutOfFuel { .. }
            | PluginFault::OutOfTime { .. }
            | PluginFault::OutOfMemory { .. }
            | PluginFault::OutsideMemory { .. }
            | PluginFault::OutputTooLarge { .. }
            | PluginFault::OutputMalformed { .. }
            | PluginFault::Refused { .. } => Stage::Format,
            PluginFault::Undeclared { .. }
            | PluginFault::Reserved { .. }
            | PluginFault::Repeated { .. }
            | PluginFault::FactUnknown { .. }
            | PluginFault::ValueUnfit { .. } => Stage::Profile,
        }
    }
}

impl fmt::Display for PluginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PluginFault::Trapped { trap } => write!(f, "trapped: {trap}"),
            PluginFault::OutOfFuel { limit } => write!(f, "took more than {limit} steps"),
            PluginFault::OutOfTime { limit_ms } => write!(f, "took longer than {limit_ms} ms"),
            PluginFault::OutOfMemory { what, wanted, limit } => {
                write!(f, "asked for a {what} of size {wanted}, the limit is {limit}")
            }
            PluginFault::OutsideMemory { offset, len_bytes } => {
                write!(f, "points at {len_bytes} bytes at {offset}, outside its memory")
            }
            PluginFault::OutputTooLarge { size, limit } => {
                write!(f, "says {size} bytes, the limit is {limit}")
            }
            PluginFault::OutputMalformed { why } => write!(f, "says what does not read: {why}"),
            PluginFault::Refused { why } => write!(f, "refuses the payload: {why}"),
            PluginFault::Undeclared { path } => write!(f, "says `{path}`, which it did not declare"),
            PluginFault::Reserved { path } => write!(f, "speaks of `{path}`, which is not a plugin's to say"),
            PluginFault::Repeated { path } => write!(f, "says `{path}` twice"),
            PluginFault::FactUnknown { path } => write!(f, "speaks of `{path}`, which is no fact"),
            PluginFault::ValueUnfit { path, why } => {
                write!(f, "says a value that does not fit `{path}`: {why}")
            }
        }
    }
}
