//! The codes of everything that the parser finds, for `pkic explain` and for the tests that hold the list complete.

/// One kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `E` and four digits; never given to another meaning.
    pub code: &'static str,
    /// A short name.
    pub name: &'static str,
    /// What it says, in one line.
    pub description: &'static str,
}

const fn code(code: &'static str, name: &'static str, description: &'static str) -> Code {
    Code { code, name, description }
}

/// All kinds of finding of this crate, in the order of their codes.
pub const CODES: &[Code] = &[
    code("E0001", "file-too-large", "the file is larger than 1 MiB"),
    code("E0002", "too-many-tokens", "the file has more than 262,144 tokens"),
    code("E0003", "nesting-too-deep", "brackets and braces, or `!` in a row, go deeper than 16"),
    code("E0004", "list-too-long", "a list has more than 256 elements"),
    code("E0005", "name-too-long", "a name has more than 64 bytes"),
    code("E0006", "string-too-long", "a string has more than 4,096 bytes"),
    code("E0007", "table-too-long", "a test has more than 1,024 rows"),
    code("E0008", "line-too-long", "a line has more than 16,384 bytes"),
    code(
        "E0009",
        "too-many-findings",
        "the file has more than 200 findings, or a mistake among more than 20,000 items, and the rest was not read",
    ),
    code("E0010", "unknown-character", "a character that the language does not use"),
    code("E0011", "string-not-closed", "a string has no closing quote on its line"),
    code(
        "E0012",
        "unknown-escape",
        "a string has a backslash before something else than a quote or a backslash",
    ),
    code("E0013", "hidden-character", "a control character, or one that changes the direction of text"),
    code("E0020", "unexpected", "a word or sign that can't stand in its place"),
    code("E0021", "block-not-closed", "a block has no closing brace"),
    code("E0022", "stray-brace", "a closing brace closes nothing"),
    code("E0023", "head-missing", "the file does not begin with its edition and policy"),
    code("E0024", "single-equals", "`=` where a comparison is meant"),
    code("E0025", "not-in", "`not` is no word of the language: good values are listed"),
    code("E0026", "until", "`until` leaves open whether its day is included"),
    code("E0027", "forbid", "`forbid` is no word of the language: a requirement refuses already"),
    code("E0028", "not-kebab-case", "a name is not written in kebab-case"),
    code("E0029", "bracket-not-closed", "a list has no closing bracket"),
    code("E0030", "reserved-word", "a word of the language stands where a name is needed"),
    code("E0031", "row-does-not-fit", "a row of a table has other cells than its head"),
    code("E0032", "table-out-of-place", "a row without a head, a second head, or a line behind a table"),
    code("E0033", "doc-comment-on-nothing", "a doc comment stands where there is nothing to document"),
    code("E0034", "no-such-operator", "an operator that other languages have and this one leaves out"),
    code("E0040", "number-out-of-range", "a number does not fit into 64 bits"),
    code("E0041", "no-such-date", "a date or time that the calendar does not have"),
    code("E0043", "no-such-oid", "an object identifier that ITU-T X.660 does not allow"),
    code("E0044", "no-digest", "a key digest is not `sha256:` and 64 hexadecimal digits"),
    code("E0045", "empty-range", "the lower end of a range is above the upper"),
    code("E0107", "braces-for-values", "braces hold rules; a set of values takes brackets"),
    code("E0209", "minus", "`-` is no operator: the language has no arithmetic"),
];

/// The entry of a code.
pub fn lookup(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|entry| entry.code == code)
}
