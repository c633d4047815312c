//! The rules: every code that a diagnostic can have, with its page.
//!
//! Codes `E00xx`, E0107 and E0209 are the parser's; the others are of the passes in this crate. What begins with `W`
//! is a warning.
use crate::diagnostic::Severity;

/// A rule of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `E0101`; warnings begin with `W`.
    pub code: &'static str,
    /// Name in kebab-case.
    pub name: &'static str,
    /// Whether it stops the compilation.
    pub severity: Severity,
    /// One sentence.
    pub summary: &'static str,
    /// Its page, in Markdown: meaning, a failing example, the mended example, the rationale.
    pub page: &'static str,
}

macro_rules! rules {
    ($($code:literal $name:literal $severity:ident $summary:literal;)+) => {
        /// Every rule, sorted by code.
        pub const RULES: &[Rule] = &[$(Rule {
            code: $code,
            name: $name,
            severity: Severity::$severity,
            summary: $summary,
            page: include_str!(concat!("rules/", $code, ".md")),
        }),+];
    };
}

rules! {
    "E0001" "file-too-large" Error "the file is larger than 1 MiB";
    "E0002" "too-many-tokens" Error "the file has more than 262,144 tokens";
    "E0003" "nesting-too-deep" Error "brackets and braces, or `!` in a row, go deeper than 16";
    "E0004" "list-too-long" Error "a list has more than 256 elements";
    "E0005" "name-too-long" Error "a name has more than 64 bytes";
    "E0006" "string-too-long" Error "a string has more than 4,096 bytes";
    "E0007" "table-too-long" Error "a test has more than 1,024 rows";
    "E0008" "line-too-long" Error "a line has more than 16,384 bytes";
    "E0009" "too-many-findings" Error "the file has more than 200 findings, or a mistake among more than 20,000 items, and the rest was not read";
    "E0010" "unknown-character" Error "a character that the language does not use";
    "E0011" "string-not-closed" Error "a string has no closing quote on its line";
    "E0012" "unknown-escape" Error "a string has a backslash before something else than a quote or a backslash";
    "E0013" "hidden-character" Error "a control character, or one that changes the direction of text";
    "E0020" "unexpected" Error "a word or sign that can't stand in its place";
    "E0021" "block-not-closed" Error "a block has no closing brace";
    "E0022" "stray-brace" Error "a closing brace closes nothing";
    "E0023" "head-missing" Error "the file does not begin with its edition and policy";
    "E0024" "single-equals" Error "`=` where a comparison is meant";
    "E0025" "not-in" Error "`not` is no word of the language: good values are listed";
    "E0026" "until" Error "`until` leaves open whether its day is included";
    "E0027" "forbid" Error "`forbid` is no word of the language: a requirement refuses already";
    "E0028" "not-kebab-case" Error "a name is not written in kebab-case";
    "E0029" "bracket-not-closed" Error "a list has no closing bracket";
    "E0030" "reserved-word" Error "a word of the language stands where a name is needed";
    "E0031" "row-does-not-fit" Error "a row of a table has other cells than its head";
    "E0032" "table-out-of-place" Error "a row without a head, a second head, or a line behind a table";
    "E0033" "doc-comment-on-nothing" Error "a doc comment stands where there is nothing to document";
    "E0034" "no-such-operator" Error "an operator that other languages have and this one leaves out";
    "E0040" "number-out-of-range" Error "a number does not fit into 64 bits";
    "E0041" "no-such-date" Error "a date or time that the calendar does not have";
    "E0043" "no-such-oid" Error "an object identifier that ITU-T X.660 does not allow";
    "E0044" "no-digest" Error "a key digest is not `sha256:` and 64 hexadecimal digits";
    "E0045" "empty-range" Error "the lower end of a range is above the upper";
    "E0101" "unknown-fact" Error "the catalogue has no such fact";
    "E0102" "unknown-word" Error "a word is none of its enumeration";
    "E0103" "unknown-name" Error "a profile, mandate, authority, source or declared name does not exist";
    "E0104" "duplicate-name" Error "a name stands twice";
    "E0105" "hides-vocabulary" Error "a `let`, tag or label is a word of the vocabulary";
    "E0106" "unknown-policy" Error "no file holds the policy that is used";
    "E0107" "braces-for-values" Error "braces hold rules; a set of values takes brackets";
    "E0108" "version-mismatch" Error "the used policy is here in another version";
    "E0109" "circle" Error "a policy uses, or a `let` stands for, itself";
    "E0110" "unknown-field" Error "`contents` has no such field";
    "E0113" "unknown-edition" Error "the edition is not known";
    "E0201" "type-mismatch" Error "a value is not of the type that its place needs";
    "E0202" "relation-without-meaning" Error "the relation has no meaning for this fact";
    "E0203" "misplaced-any" Error "`any` does not stand alone behind `in`";
    "E0204" "missing-unit" Error "a span has no unit";
    "E0205" "misplaced-unknown" Error "`unknown` stands in a policy";
    "E0206" "grade-on-ungraded" Error "a grade on what is known by itself";
    "E0207" "calendar-span" Error "months or years where an exact length is needed";
    "E0208" "malformed-value" Error "a value is not in the form of its type";
    "E0209" "minus" Error "`-` is no operator: the language has no arithmetic";
    "E0210" "misplaced-quantifier" Error "`all` or `exists` over something that is no list, or too deep";
    "E0211" "misplaced-grade" Error "a grade on one element where the whole line needs it";
    "E0212" "misplaced-item" Error "an item stands where it decides nothing";
    "E0213" "bad-argument" Error "an obligation lacks an argument or has a wrong one";
    "E0214" "repeated-setting" Error "a setting stands twice";
    "E0215" "missing-setting" Error "a declaration lacks what it must state";
    "E0216" "empty-window" Error "no day lies between the dates";
    "E0217" "asks-for-nothing" Error "an empty list, way or choice";
    "E0218" "default-not-permitted" Error "the default is not permitted by its own line";
    "E0219" "lab-outside" Error "a policy that is no lab uses a lab policy";
    "E0220" "approvals-cannot-be-had" Error "more approvals than the group has members, or none";
    "E0221" "count-out-of-range" Error "a count that the field or exception cannot have";
    "E0301" "refines-itself" Error "a profile refines itself";
    "E0302" "storage-not-stated" Error "a profile that issues does not say where its key may be";
    "E0303" "wider-grant" Error "a refining profile grants what its base does not";
    "E0304" "other-role" Error "a refining profile has another role than its base";
    "E0305" "role-contradicts-contents" Error "the role does not fit what the certificates can be used for";
    "E0308" "over-a-limit" Error "a limit of programs is passed";
    "E0309" "contents-incomplete" Error "a profile that issues permits no validity, or leaves its attributes open";
    "E0401" "exception-incomplete" Error "an exception does not end, count, say why, or have anybody approve it";
    "E0402" "unknown-id" Error "the profile has no line of that id";
    "E0403" "mandate-not-waivable" Error "an exception names a line of a mandate";
    "E0405" "exception-permits-nothing" Error "a mandate refuses whatever the exception would permit";
    "E0406" "unknown-reading" Error "the mandate has no such reading";
    "E0411" "draft-adopted" Error "a mandate that cites a draft is adopted as more than advice";
    "E0501" "test-incomplete" Error "a test or row lacks a request or an expectation";
    "W0307" "software-alone" Warning "`[software]` refuses every key in hardware";
    "W0412" "mandate-selects-nothing" Warning "an adopted mandate selects no profile";
    "W0413" "exception-over" Warning "an exception is over on the day of the check";
    "W0502" "unknown-id-in-test" Warning "a test names an id that no requirement has";
    "W0505" "change-without-effect" Warning "a test changes a fact that the policy settles";
}

/// The rule of that code.
pub fn by_code(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}
