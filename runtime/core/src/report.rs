//! The JSON form of a decision: types of its own, with a version. `docs/decision.schema.json` is its JSON Schema.
//!
//! Within a version, fields are added and never changed. A report is an account of a decision, not a permit: nothing
//! reads one back in.
use crate::draft::show_path;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::revocation::List;
use pkic_vocab::time::{DAY_S, format_date};
use pkic_vocab::types::Type;
use pkic_vocab::{FactTable, Value};
use serde::{Deserialize, Serialize};

mod build;

pub(crate) use build::{Context, inputs, report, requirements};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// A decision with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The version of this form: [`VERSION`].
    pub version: u32,
    /// `permit` or `refuse`.
    pub decision: &'static str,
    /// Qualified name of the profile.
    pub profile: String,
    /// What was asked.
    pub operation: String,
    /// Whether a lab policy decided.
    pub lab: bool,
    /// The time of the decision, RFC 3339 in UTC.
    pub at: String,
    /// The authority that would sign; null where none may.
    pub authority: Option<String>,
    /// What is said of that authority's own key; null where no authority may sign.
    pub authority_key: Option<AuthorityKey>,
    /// Who signed the program; null where nobody did: a text, or an unsigned bundle.
    pub seal: Option<Seal>,
    /// Digests of what went in.
    pub inputs: Inputs,
    /// Every requirement that was in force.
    pub requirements: Vec<Requirement>,
    /// What did not refuse and should be known.
    pub warnings: Vec<Warning>,
    /// The exception that was used.
    pub exception: Option<Exception>,
    /// What was known.
    pub facts: Vec<Fact>,
    /// What the CA must do besides.
    pub obligations: Vec<Obligation>,
    /// What only issuance fills in: this decision cannot be signed as it stands.
    pub pending: Vec<String>,
    /// What the request asks for and the certificate does not say.
    pub left_out: Vec<LeftOut>,
    /// Evidence that came along, each item with its verdict.
    pub evidence: Vec<Evidence>,
    /// Catalogues that came along, each with what became of it.
    pub catalogues: Vec<Catalogue>,
    /// Statements of people that came along, each with what became of it.
    pub statements: Vec<Statement>,
    /// Lists of revoked certificates that came along.
    pub revocation: Vec<RevocationList>,
}

/// What a decision says of the key that would sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuthorityKey {
    /// Whether this decision judged it, and it is what the profile asks for. A decision that can sign nothing did not.
    pub judged: bool,
    /// Qualified name of the profile that judges it, `certified-as`; null where none does, so that it cannot sign.
    pub profile: Option<String>,
}

/// The signature on the program, and what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seal {
    /// SHA-256 of the signer's subjectPublicKeyInfo. The signature holds.
    pub signer: String,
    /// Whether whoever asked listed that signer. Otherwise the signature may be anybody's.
    pub signer_trusted: bool,
    /// The sequence number of the edition.
    pub sequence: u64,
    /// When it was made, by the signer's clock, RFC 3339 in UTC.
    pub created: String,
    /// The last moment at which it counts, RFC 3339 in UTC.
    pub stale_after: String,
    /// The envelope.
    pub digest: String,
}

/// Digests of what went into a decision, `sha256:` and hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The program's canonical bytes.
    pub program: String,
    /// The anchor set; null where there was none.
    pub anchors: Option<String>,
    /// The catalogues that were taken.
    pub catalogues: Vec<String>,
    /// The statements that something was taken from.
    pub statements: Vec<String>,
    /// Every list of `revocation` in the report, with its dates; null where there was none.
    pub revocation: Option<String>,
    /// Every item of evidence, in the order in which it was given.
    pub evidence: Vec<String>,
    /// The modules of the sandboxed formats that were asked, about an item of evidence or the authority's key, sorted.
    #[serde(default)]
    pub plugins: Vec<String>,
    /// The request in DER; null where there was none.
    pub csr: Option<String>,
    /// The tbsCertificate; null where none could be drafted.
    pub tbs: Option<String>,
}

/// A requirement and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// Its id.
    pub id: String,
    /// `satisfied`, `violated`, `unknown` or `waived`.
    pub result: &'static str,
    /// What was needed, as the policy has it.
    pub need: String,
    /// What was found.
    pub found: Option<String>,
    /// How well it was known.
    pub grade: Option<&'static str>,
    /// What that rests on.
    pub basis: Vec<&'static str>,
    /// Name of the evidence.
    pub evidence: Option<String>,
    /// Where the policy says so, `file:line`.
    pub line: String,
    /// What the policy cites for it.
    pub citation: Option<String>,
    /// What to do about it; null where it is satisfied.
    pub remedy: Option<String>,
    /// The ways of a `one of`, each with its own lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

/// A way of a `one of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// What came of all its lines together.
    pub result: &'static str,
    /// Its lines.
    pub requirements: Vec<Requirement>,
}

/// Something to know that did not refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Id of the requirement that should hold, or a word for another kind of warning.
    pub id: String,
    /// The sentence.
    pub message: String,
    /// Where the policy says so, `file:line`; null where no line does.
    pub line: Option<String>,
}

/// The exception that a decision used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// Qualified name.
    pub name: String,
    /// Ids that it waived.
    pub waives: Vec<String>,
    /// Its end, RFC 3339 in UTC.
    pub before: String,
    /// Why it was granted.
    pub reason: String,
}

/// Something that was known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// Its path.
    pub path: String,
    /// Whom it is about.
    pub subject: &'static str,
    /// Its value.
    pub value: serde_json::Value,
    /// How well it was known; null for the certificate and the policy, which are ours.
    pub grade: Option<&'static str>,
    /// What it rests on.
    pub basis: Vec<&'static str>,
    /// Name of the evidence.
    pub evidence: Option<String>,
    /// Purpose of the trust anchor that it hangs on; null where it hangs on none.
    pub anchor: Option<&'static str>,
}

/// Something that the CA must do besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obligation {
    /// Its name.
    pub name: String,
    /// Its arguments, name and value.
    pub arguments: Vec<(String, String)>,
    /// When it must have been met.
    pub moment: Option<&'static str>,
    /// Where the policy says so, `file:line`.
    pub line: String,
    /// What the policy cites for it.
    pub citation: Option<String>,
}

/// Something that the request asks for and the certificate does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Path of the fact, or a part of the request.
    pub what: String,
    /// Why.
    pub why: String,
}

/// An item of evidence with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// Its format, where it was recognised.
    pub format: Option<&'static str>,
    /// The sandboxed format that was asked; null for a built-in format.
    pub plugin: Option<Plugin>,
    /// `verified`, `refused` or `unproven`.
    pub verdict: &'static str,
    /// Why it is not verified.
    pub why: Option<String>,
    /// Whether the facts of the decision come from it. At most one item has true.
    pub used: bool,
}

/// A sandboxed format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plugin {
    /// The format's own name.
    pub name: String,
    /// Its module.
    pub digest: String,
}

impl Plugin {
    /// The format of that name and module.
    pub fn new((name, digest): &(String, Sha256Digest)) -> Plugin {
        Plugin { name: name.clone(), digest: digest.to_string() }
    }
}

/// A catalogue and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Catalogue {
    /// Name of the file.
    pub file: String,
    /// Its digest.
    pub digest: String,
    /// Its own name; null where it was not taken.
    pub name: Option<String>,
    /// The sequence number of its edition; null where it was not taken.
    pub sequence: Option<u64>,
    /// Ids of its rows about this request's module.
    pub rows: Vec<String>,
    /// Why it was not taken: what it would say is unknown.
    pub why_not: Option<String>,
}

/// A statement of people and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Statement {
    /// Name of the file.
    pub file: String,
    /// Its digest.
    pub digest: String,
    /// Its kind; null where its signer does not count.
    pub kind: Option<&'static str>,
    /// Who states it; null where its signer does not count.
    pub by: Option<String>,
    /// Paths of the facts that were taken from it.
    pub facts: Vec<&'static str>,
    /// Why nothing was taken: what it would say is unknown.
    pub why_not: Option<String>,
}

/// A list that every path of evidence was held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RevocationList {
    /// Name of the file.
    pub file: String,
    /// `crl` or `status-list`.
    pub kind: &'static str,
    /// Its digest: of a CRL in DER, of a status list as fetched.
    pub digest: String,
    /// When it was made, or fetched where it does not say, RFC 3339 in UTC.
    pub from: String,
    /// The last moment at which it counts, RFC 3339 in UTC.
    pub until: String,
    /// Whether it counts now: one that does not still refuses whom it names.
    pub in_force: bool,
}

impl RevocationList {
    /// A list, as of that moment.
    pub fn new(list: &List, now: i64) -> RevocationList {
        RevocationList {
            file: list.name.clone(),
            kind: list.kind,
            digest: list.digest.to_string(),
            from: moment(list.from),
            until: moment(list.until),
            in_force: (list.from..=list.until).contains(&now),
        }
    }
}

/// RFC 3339 in UTC, always with the time of day.
pub fn moment(at: i64) -> String {
    let shown = format_date(at);
    if at.rem_euclid(DAY_S) == 0 { format!("{shown}T00:00:00Z") } else { shown }
}

/// The facts of a table, in the order of the catalogue.
pub fn facts(table: &FactTable) -> Vec<Fact> {
    let shown = table.known().map(|(path, fact)| {
        let def = path.fact.def();
        let graded = def.is_graded();
        let source = fact.source.and_then(|index| table.sources.get(usize::from(index)));
        Fact {
            path: show_path(&path),
            subject: def.subject.name(),
            value: value(&fact.value, def.ty),
            grade: graded.then(|| fact.grade.name()),
            basis: if graded { fact.basis.names().collect() } else { Vec::new() },
            evidence: source.map(|source| source.name.clone()),
            anchor: source.map(|_| fact.purpose.name()),
        }
    });
    shown.collect()
}

/// A value in JSON: numbers, booleans, lists and records as such, all else as its text.
pub fn value(value: &Value, ty: Type) -> serde_json::Value {
    match (value, ty) {
        (Value::Bool(value), _) => (*value).into(),
        (Value::Int(value), _) => (*value).into(),
        (Value::Date(at), _) => moment(*at).into(),
        (Value::Dn(name), _) => name.to_string().into(),
        (Value::Oid(oid), _) => oid.as_str().into(),
        (
            Value::Ip(text)
            | Value::DnsName(text)
            | Value::Uri(text)
            | Value::Email(text)
            | Value::Name(text)
            | Value::Text(text),
            _,
        ) => text.as_str().into(),
        (Value::List(values), ty) => values.iter().map(|value| self::value(value, ty.element())).collect(),
        (Value::Record(values), Type::Record(fields)) => {
            let shown = fields.iter().zip(values).map(|(field, value)| {
                let value =
                    value.as_ref().map_or(serde_json::Value::Null, |value| self::value(value, field.ty));
                (field.name.to_owned(), value)
            });
            serde_json::Value::Object(shown.collect())
        }
        (Value::Record(_) | Value::Span(_) | Value::Word(_) | Value::Bytes(_), _) => value.to_string().into(),
    }
}
