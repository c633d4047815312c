//! Records: what stands in the audit log of an issuance, in JSON with a version, and how it is read again.
//!
//! A record has two parts. The entry is in the log's tree for good, and says nothing of people: digests, the trace, and
//! the fact table with personal values salted. Beside it stand the [`Particulars`], which can be erased: the request, the
//! report and those values. Nothing reads a record back into facts that could sign: what it gives is a [`Replayed`]
//! decision. Within a version, fields are added and never changed.
use crate::permit::Account;
use crate::report::{Inputs, Report, Requirement};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_backend::store::Identity;
use pkic_ir::Program;
use serde::{Deserialize, Serialize};

mod again;
mod day;
mod kept;
mod replay;
mod table;

pub use again::Unkept;
pub use day::{Day, Missing, Objects};
pub use kept::{Kept, KeptActivation, KeptItem, KeptNonce};
pub use replay::{Level, Recorded, Replayed, replay};
pub use table::{Apart, ShownRow, Table};

/// The version of records.
pub const VERSION: u32 = 1;
/// Bytes of the salt of a record's personal values.
pub const SALT_LEN_BYTES: usize = 32;

/// Leave to sign, on its way: written before a key signs (design D15).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Intent {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked and answered.
    #[serde(flatten)]
    pub decided: Decided,
    /// Hexadecimal digits of the serial number.
    pub serial: String,
    /// SHA-256 of the tbsCertificate, without what logs of certificate transparency promise.
    pub tbs: String,
    /// SHA-256 of the precertificate's tbsCertificate, where the same permit covers one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precertificate: Option<String>,
    /// The last second at which the permit could be spent.
    pub not_after: i64,
    /// SHA-256 of the issuer's certificate, which is kept as an object.
    pub issuer: String,
    /// Where the deployment says that the issuer's certificate, responder and list are.
    pub locations: Locations,
    /// The key that was to sign, and where it is.
    pub key: Key,
    /// SHA-256 of the [`Day`], which is kept as an object; nothing in records of before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// SHA-256 of the particulars, which stand beside the entry until they are erased.
    pub particulars: String,
}

/// What a draft takes of the deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Locations {
    /// Of the issuer's certificate.
    pub ca_issuers: Vec<String>,
    /// Of its responder.
    pub ocsp: Vec<String>,
    /// Of its list.
    pub crl: Vec<String>,
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refused {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked and answered; nothing where it did not come to a decision.
    pub decided: Option<Decided>,
    /// What was asked for, where it did not come to a decision: profile and authority.
    pub asked: Option<(String, String)>,
    /// Why, in a sentence.
    pub why: String,
    /// Ids of what refused.
    pub failing: Vec<String>,
    /// SHA-256 of the particulars, which stand beside the entry until they are erased.
    pub particulars: Option<String>,
}

/// A decision with everything that it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decided {
    /// The moment of the decision, in seconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Whether a lab policy decided.
    pub lab: bool,
    /// What was asked of the CA.
    pub operation: String,
    /// Qualified name of the profile.
    pub profile: String,
    /// Qualified name of the authority.
    pub authority: String,
    /// Digests of what went in; those that are kept are objects of the log.
    pub inputs: Inputs,
    /// Approvals that counted.
    pub approvals: Approvals,
    /// What came of each requirement in force, the ways of a `one of` after it.
    pub trace: Vec<(String, String)>,
    /// What was known of request, key, module, platform and the certificate.
    pub facts: Table,
    /// What was known of the key that would sign.
    pub signer_facts: Table,
}

/// The approvals of an ask, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Approvals {
    /// Group by index, and member.
    pub request: Vec<(u32, String)>,
    /// Exception, group by index, and member.
    pub exceptions: Vec<(String, u32, String)>,
    /// How often each exception had been used.
    pub uses: Vec<(String, u32)>,
    /// Signatures that did not count, and why.
    pub refused: Vec<String>,
}

/// The key that signs, as its store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    /// SHA-256 of its subjectPublicKeyInfo.
    pub spki: String,
    /// Its URI, without how its store is reached.
    pub uri: String,
    /// The signature scheme.
    pub scheme: String,
    /// Kind of the store.
    pub store: String,
    /// The store's name.
    pub store_name: String,
    /// Path and SHA-256 of the module through which it is reached, where there is one.
    pub module: Option<(String, String)>,
}

/// A certificate of ours that counts no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Revocation {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked and answered.
    #[serde(flatten)]
    pub decided: Decided,
    /// Hexadecimal digits of the certificate's serial number.
    pub serial: String,
    /// Index of the intent that it was issued by.
    pub intent: u64,
    /// The reason, by the name of [`crate::crl::Reason`]; nothing where none is said.
    pub reason: Option<String>,
    /// SHA-256 of the particulars.
    pub particulars: String,
}

/// A list of revoked certificates, on its way: written before a key signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListIntent {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked and answered.
    #[serde(flatten)]
    pub decided: Decided,
    /// Its CRL number.
    pub number: u64,
    /// How many certificates it names.
    pub count: usize,
    /// The moment by which the next one is there.
    pub next_update: i64,
    /// SHA-256 of the tbsCertList.
    pub tbs: String,
    /// SHA-256 of the issuer's certificate, which is kept as an object.
    pub issuer: String,
    /// The key that was to sign.
    pub key: Key,
    /// SHA-256 of the particulars.
    pub particulars: String,
}

/// How a certificate or list that an intent was written for came out: closes the intent. What was released stands beside
/// the entry, until it is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// [`VERSION`].
    pub version: u32,
    /// Index of the intent.
    pub intent: u64,
    /// SHA-256 of the certificate in DER; nothing where none was released.
    pub certificate: Option<String>,
    /// Why none was released.
    pub why: Option<String>,
}

/// A precertificate that was signed, before any log sees it. It counts as issued (RFC 6962 section 3.1), whatever comes of
/// its certificate. It stands beside the entry, until it is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Precertified {
    /// [`VERSION`].
    pub version: u32,
    /// Index of the intent.
    pub intent: u64,
    /// SHA-256 of the precertificate in DER.
    pub precertificate: String,
}

/// What stands beside an entry and can be erased. Read back, its report is JSON of any later version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Particulars<R = serde_json::Value> {
    /// [`VERSION`].
    pub version: u32,
    /// Salt of the personal values, base64.
    pub salt: String,
    /// The request in DER, base64; nothing for an act that has none.
    pub csr: Option<String>,
    /// Personal values of the request's facts, by path.
    pub values: Apart,
    /// Personal values of the signer's facts, by path.
    pub signer_values: Apart,
    /// The report, for people.
    pub report: R,
    /// What the order brought to its appraisal, where the deployment keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

impl Decided {
    /// Takes down a decision, and puts its particulars apart.
    pub(crate) fn of<'a>(
        program: &Program,
        account: &'a Account,
        approvals: Approvals,
        csr: Option<&[u8]>,
        salt: &[u8; SALT_LEN_BYTES],
        now: i64,
    ) -> (Decided, Particulars<&'a Report>) {
        let Account { report, facts, signer_facts } = account;
        let (mut values, mut signer_values) = (Apart::new(), Apart::new());
        let decided = Decided {
            at: now,
            lab: program.lab,
            operation: report.operation.clone(),
            profile: report.profile.clone(),
            authority: report.authority.clone().unwrap_or_default(),
            inputs: report.inputs.clone(),
            approvals,
            trace: trace(&report.requirements),
            facts: Table::of(facts, salt, &mut values),
            signer_facts: Table::of(signer_facts, salt, &mut signer_values),
        };
        let particulars = Particulars {
            version: VERSION,
            salt: STANDARD.encode(salt),
            csr: csr.map(|csr| STANDARD.encode(csr)),
            values,
            signer_values,
            report,
            kept: None,
        };
        (decided, particulars)
    }
}

impl Key {
    pub(crate) fn new(spki: String, uri: String, scheme: &str, store: &Identity) -> Key {
        let module = store.module.as_ref().map(|module| (module.path.clone(), module.digest.to_string()));
        let (scheme, kind) = (scheme.to_owned(), store.kind.to_owned());
        Key { spki, uri, scheme, store: kind, store_name: store.name.clone(), module }
    }
}

impl Particulars {
    /// The request in DER.
    pub fn csr(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.csr.as_ref()?).ok()
    }

    /// The salt.
    pub fn salt(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.salt).ok()
    }
}

/// What came of each requirement, the ways of a `one of` after it.
fn trace(requirements: &[Requirement]) -> Vec<(String, String)> {
    fn push(requirements: &[Requirement], to: &mut Vec<(String, String)>) {
        for requirement in requirements {
            to.push((requirement.id.clone(), requirement.result.to_owned()));
            requirement.ways.iter().for_each(|way| push(&way.requirements, to));
        }
    }
    let mut trace = Vec::new();
    push(requirements, &mut trace);
    trace
}
