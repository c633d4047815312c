//! Limits on a file, applied before the grammar runs.
//!
//! Each bounds the time or the stack of the steps behind it. The numbers are far above what people write:
//! the largest of the policies that the language was tried on has 8 kB, nesting 4, and lists of 6.

/// Bytes of a file. A thousand profiles have about 300 kB; spans are 32 bits wide.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Tokens of a file, white space and comments not counted: one for four bytes at the largest size, the density
/// of the densest real policy.
pub const TOKENS_MAX: usize = FILE_BYTES_MAX / 4;

/// Nesting of `(`, `[` and `{` together, and `!` in a row. Source: language.md, section 2, lexer limits.
pub const NESTING_MAX: usize = 16;

/// Elements of a list. Source: language.md, section 2, lexer limits.
pub const LIST_ELEMENTS_MAX: usize = 256;

/// Rows of a test table, its head not counted. Source: language.md, section 2, lexer limits.
pub const TEST_ROWS_MAX: usize = 1024;

/// Bytes of a name. 64 is ub-common-name of X.509 (RFC 5280, appendix A.1), the longest name that policies mirror.
pub const NAME_BYTES_MAX: usize = 64;

/// Bytes of a string, quotes included. An OpenSSH public key line with a 16,384-bit RSA key has about 2,800.
pub const STRING_BYTES_MAX: usize = 4096;

/// Bytes of a line. The grammar engine copies the line of an error; together with [`FINDINGS_MAX`] this keeps
/// recovery linear. Four of the longest strings fit.
pub const LINE_BYTES_MAX: usize = 4 * STRING_BYTES_MAX;

/// Items that are read one by one in a file with mistakes, which takes several times as long as reading a file without:
/// this many take a second. The largest file that people wrote has two hundred. Behind them the rest is left unread.
pub const RECOVERED_ITEMS_MAX: usize = 20_000;

/// Findings of a parse. Behind this many the rest of the file is left unread: nobody mends more in one go.
pub const FINDINGS_MAX: usize = 200;
