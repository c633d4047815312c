//! Fortanix DSM key attestation: a cluster's key attestation authority certifies where a key was generated and whether it
//! was ever exportable.
//!
//! The item is the JSON of the API: a statement, which is an X.509 certificate for the key, and the chain of the
//! authority that signed it. What the statement says stands in two extensions, each there or not: generated in DSM, and
//! never exportable. On what the cluster runs stands in the authority's certificate, as the policy by which nodes are
//! taken in: where it asks for Fortanix's appliance, the key is in one.
//!
//! The authority's certificate is no CA certificate (`cA` FALSE, digitalSignature alone) and signs the statement all the
//! same: here it is the leaf of the path, known by its extended key usage, and the statement is checked with its key.
//! It lives for 30 days. The rule here is that it must be valid now, and the statement made within its life and not after
//! now: an authority that has expired may have lost its key, and who has the key writes any date. So a statement counts
//! for 30 days at most, and a new one costs a call of the API.
//!
//! It carries a time and no nonce. Source: Fortanix, "Using Fortanix DSM for verifying key attestation statements".
use crate::appraise::{Appraised, Input, NotVerified};
use crate::container::{self, Json};
use crate::formats::Format;
use crate::x509;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Strength;
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{KeyPurpose, PathProfile};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, join, mint_certificate};
use pkic_vocab::words::Words;
use serde_json::{Map, Value};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Fortanix DSM key attestation",
    proves: "DSM generated the key, and it never leaves",
    leaves_open: "that the cluster is on Fortanix hardware, unless its enrollment says so",
    unsigned: "the JSON around the certificates",
    detect: is_present,
    appraise,
};

const NAME: &str = "fortanix-dsm";

/// The one format of statements.
const STATEMENT_FORMAT: &str = "x509_certificate";
/// Certificates in `authority_chain`: the sample has three.
const CHAIN_LEN_MAX: usize = 10;

/// Extended key usage of a key attestation authority.
const KEY_ATTESTATION: &str = "1.3.6.1.4.1.49690.8.1";
/// In the statement: generated in DSM.
const GENERATED: &str = "1.3.6.1.4.1.49690.2.4.1.1";
/// In the statement: never exportable.
const NEVER_EXPORTABLE: &str = "1.3.6.1.4.1.49690.2.4.1.2";
/// In the authority's certificate: the policy by which nodes are taken into the cluster, a list of items.
const NODE_ENROLLMENT: &str = "1.3.6.1.4.1.49690.2.5";
/// An item of that policy: the protection that a node must have at least.
const PROTECTION: &str = "1.3.6.1.4.1.49690.2.5.1";
/// A protection: the Fortanix FX2200 appliance.
const APPLIANCE: &str = "1.3.6.1.4.1.49690.2.5.1.1";
/// Items of the policy, and qualifiers of an item: the sample has two items.
const ITEMS_MAX: usize = 16;

const PROFILE: PathProfile =
    PathProfile { key_purpose: KeyPurpose::Required(KEY_ATTESTATION), ..PathProfile::strict(NAME, 2) };

fn is_present(input: &Input<'_>) -> bool {
    let has = |json: &Map<String, Value>| {
        ["attestation_statement", "authority_chain"].iter().all(|member| json.contains_key(*member))
    };
    input.evidence.parts().len() == 1 && input.evidence.reading(Json::read).0.as_ref().is_some_and(has)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let json = input.evidence.reading(Json::read);
    let json = json.0.as_ref().filter(|_| is_present(input));
    let json = json.ok_or(Reject::Malformed { what: "key attestation" })?;
    let (statement, chain) = take_apart(json)?;
    let path = x509::path_of(input, chain, is_authority, "key attestation authority", &PROFILE)?;
    let authority = path.decode_leaf(Authority::decode)?;
    let key = TrustedKey::of_path(&path);
    let statement = mint_certificate(&statement, &key, Strength::Current, KeyStatement::decode)?;
    let KeyStatement { not_before, not_after, .. } = *statement.value();
    if input.now < not_before || input.now > not_after {
        return Err(Reject::OutsideValidity { not_before, not_after, now: input.now }.into());
    }
    input.conclude(&join(&statement, &authority, Attestation::of)?)
}

fn take_apart(json: &Map<String, Value>) -> Result<(Certificate, Vec<Certificate>), Reject> {
    let member = |name: &str| json.get("attestation_statement").and_then(|statement| statement.get(name));
    let format = member("format").and_then(Value::as_str);
    if format != Some(STATEMENT_FORMAT) {
        let found = format.map_or(Operand::Absent, Operand::text);
        let expected = Operand::Word(STATEMENT_FORMAT);
        return Err(Reject::FieldMismatch { field: "attestation_statement.format", expected, found });
    }
    let certificate =
        |what, value: &Value| container::decode(what, value).and_then(|der| Certificate::from_der(&der));
    let statement = member("statement").ok_or(Reject::FieldMissing { field: "statement" })?;
    let statement = certificate("statement", statement)?;
    let what = "authority_chain";
    let chain = json.get(what).and_then(Value::as_array).ok_or(Reject::Malformed { what })?;
    if chain.len() > CHAIN_LEN_MAX {
        return Err(Reject::TooLarge { what, size: chain.len(), limit: CHAIN_LEN_MAX });
    }
    let chain = chain.iter().map(|item| certificate(what, item)).collect::<Result<Vec<_>, Reject>>()?;
    Ok((statement, chain))
}

fn is_authority(tbs: &Tbs) -> bool {
    tbs.key_purposes().iter().any(|purpose| purpose == KEY_ATTESTATION)
}

/// What Fortanix certifies of a cluster.
#[derive(Debug)]
struct Authority {
    not_before: i64,
    is_appliance: bool,
}

impl Authority {
    fn decode(tbs: &Tbs) -> Result<Authority, Reject> {
        let policy = tbs.extension(NODE_ENROLLMENT).map(|extension| extension.value.as_slice());
        let is_appliance = policy.map(asks_for_appliance).transpose()?.unwrap_or(false);
        Ok(Authority { not_before: tbs.not_before(), is_appliance })
    }
}

/// Whether every node must be the appliance: it is the one protection that is good enough.
fn asks_for_appliance(policy: &[u8]) -> Result<bool, Reject> {
    let what = "node enrollment policy";
    let mut protections = Vec::new();
    for item in der::elements(what, der::only(what, der::SEQUENCE, policy)?, ITEMS_MAX)? {
        let (kind, qualifiers) = der::expect(what, der::OBJECT_IDENTIFIER, item.content)?;
        if der::oid_text(kind).as_deref() == Some(PROTECTION) {
            let qualifiers = der::elements(what, qualifiers, ITEMS_MAX)?;
            protections.extend(qualifiers.iter().map(|qualifier| der::oid_text(qualifier.content)));
        }
    }
    Ok(protections == [Some(APPLIANCE.to_owned())])
}

/// What a cluster's authority signed about a key.
#[derive(Debug)]
struct KeyStatement {
    spki: Vec<u8>,
    not_before: i64,
    not_after: i64,
    is_generated: bool,
    is_never_exportable: bool,
}

impl KeyStatement {
    fn decode(tbs: &Tbs) -> Result<KeyStatement, Reject> {
        let says = |oid: &str| match tbs.extension(oid) {
            None => Ok(false),
            // An empty SEQUENCE: a parameter that nobody has defined may limit what is said.
            Some(extension) if extension.value == [0x30, 0x00] => Ok(true),
            Some(_) => Err(Reject::Malformed { what: "key attestation extension" }),
        };
        Ok(KeyStatement {
            spki: tbs.spki().to_vec(),
            not_before: tbs.not_before(),
            not_after: tbs.not_after(),
            is_generated: says(GENERATED)?,
            is_never_exportable: says(NEVER_EXPORTABLE)?,
        })
    }
}

/// The statement, with what is certified of the cluster that made it.
#[derive(Debug)]
struct Attestation {
    spki: Vec<u8>,
    is_generated: bool,
    is_never_exportable: bool,
    is_appliance: bool,
}

impl Attestation {
    fn of(statement: &KeyStatement, authority: &Authority) -> Result<Attestation, Reject> {
        if statement.not_before < authority.not_before {
            let (expected, found) =
                (Operand::Time(authority.not_before), Operand::Time(statement.not_before));
            return Err(Reject::FieldMismatch { field: "statement notBefore", expected, found });
        }
        Ok(Attestation {
            spki: statement.spki.clone(),
            is_generated: statement.is_generated,
            is_never_exportable: statement.is_never_exportable,
            is_appliance: authority.is_appliance,
        })
    }
}

impl Statement for Attestation {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Time
    }

    /// An extension that is not there is no statement of the contrary: the property is unknown.
    fn emit(&self, to: &mut Emission) {
        to.practice_word("module.vendor", Words::Vendor, "fortanix");
        if self.is_generated {
            to.statement_word("key.origin", Words::Origin, "generated");
        }
        if self.is_never_exportable {
            to.statement_word("key.export", Words::Export, "never");
        }
        if self.is_appliance {
            to.statement_word("key.storage", Words::Storage, "hsm.network");
        }
    }
}
