//! What a module may use, with the source of each number.

/// Bytes of a module: the module of YubiKey attestations has 8 kB, and one that carries a parser of its own for CBOR and
/// JSON stays below 100 kB. Compilation takes time with every byte.
pub const MODULE_LEN_BYTES_MAX: usize = 256 << 10;
/// Bytes of a payload: the largest certificate that pkic reads has 64 kB, the largest sample of any payload 20 kB.
pub const PAYLOAD_LEN_BYTES_MAX: usize = 256 << 10;
/// Bytes of native stack that a module may use. Rust puts its own stack into linear memory.
pub(crate) const STACK_LEN_BYTES_MAX: usize = 256 << 10;
/// Bytes of stack of the thread that a module is compiled and run on: the compiler recurses, too.
pub(crate) const THREAD_STACK_LEN_BYTES: usize = 8 << 20;
/// Tables of a module: a compiler makes one, for calls by function pointer.
pub(crate) const TABLES_MAX: usize = 4;

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps. The YubiKey module takes about 30,000 for a certificate; bulk operations count for every byte.
    pub fuel: u64,
    /// Milliseconds. Steps run out first: this is for a machine that stands still.
    pub wall_ms: u64,
    /// Bytes of linear memory. Rust's modules start with 1.1 MiB, of which 1 MiB is stack.
    pub memory_len_bytes: usize,
    /// Elements of one table: one for each function whose address is taken.
    pub table_elements: usize,
    /// Bytes of an answer: every fact that a plugin may say, at a usual length, has 4 kB.
    pub output_len_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: 20_000_000,
            wall_ms: 2_000,
            memory_len_bytes: 4 << 20,
            table_elements: 10_000,
            output_len_bytes: 64 << 10,
        }
    }
}
