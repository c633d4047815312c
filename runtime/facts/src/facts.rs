//! Facts: a fact table that only appraisal fills, with what it rests on.
//!
//! A fact's grade and basis follow from the door that it came in by, never from a parameter: [`Facts::claim`] makes
//! claims, [`Facts::observe`] what the embedding CA vouches for, [`Facts::attest`] what a [`Verified`] statement says,
//! [`Facts::attest_decoded`] what a sandboxed format reads in verified bytes, [`Facts::witness`] what people state, and
//! [`Facts::endorse`] what a catalogue says of a module that these identify, no better than they identify it.
//! There is no door from a table, and none that raises a grade. Facts remember the request that they were made of:
//! evidence is compared with that one, and with no other that a caller might hold.
use crate::crypto::{Hash, PublicKey, Sha256Digest};
use crate::reject::{Operand, Reject};
use crate::request::{CertificationRequest, Challenges};
use crate::revocation::Revocation;
use crate::verified::{Evidence, Provenance, Verified};
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Purpose, Source, Subject, Value};

mod decoded;
mod endorse;
mod witness;

pub use decoded::{Payload, PayloadDecoder, is_of_device};

const REVOCATION: &str = "evidence.revocation";

/// What a statement of some evidence format says, once verified.
///
/// It is implemented by a format for its own decoded type. The methods see that type alone, so nothing that was not
/// signed can get into a fact.
pub trait Statement {
    /// The format's word in the vocabulary.
    const FORMAT: &'static str;

    /// Who speaks. It caps the grade of every fact.
    const SPEAKER: Speaker = Speaker::Device;

    /// The subjectPublicKeyInfo of the key that the statement is about.
    fn attested_key(&self) -> &[u8];

    /// What the statement carries against replay.
    fn freshness(&self) -> Carried<'_>;

    /// Says the facts.
    fn emit(&self, to: &mut Emission);
}

/// Who speaks in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The device that holds the key: its facts are attested.
    Device,
    /// A verifier that appraised a device's evidence elsewhere (RFC 9334 section 8.4): its facts are witnessed, and
    /// rest on `verifier` alone.
    Verifier,
}

impl Speaker {
    /// How well a fact is known that this speaker says on that basis, and what it then rests on.
    fn grade(self, basis: BasisSet) -> (Grade, BasisSet) {
        match self {
            Speaker::Device => (Grade::Attested, basis),
            Speaker::Verifier => (Grade::Witnessed, BasisSet::VERIFIER),
        }
    }
}

/// What a statement carries against replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried<'a> {
    /// The verifier's nonce itself.
    Nonce(&'a [u8]),
    /// A digest of the verifier's nonce.
    Digest(Hash, &'a [u8]),
    /// A value that this format's tools always put there.
    Constant,
    /// A time that the device signed.
    Time,
    /// Nothing.
    Nothing,
}

/// The facts that a statement says, each with what it rests on.
#[derive(Debug, Default)]
pub struct Emission {
    entries: Vec<(&'static str, Value, BasisSet)>,
}

impl Emission {
    /// A fact that the signed bytes say.
    pub fn statement(&mut self, path: &'static str, value: Value) {
        self.entries.push((path, value, BasisSet::STATEMENT));
    }

    /// A fact that holds since the vendor's CA certifies only such keys.
    pub fn practice(&mut self, path: &'static str, value: Value) {
        self.entries.push((path, value, BasisSet::PRACTICE));
    }

    /// A word of an enumeration that the signed bytes say. A word that the enumeration lacks is dropped: unknown.
    pub fn statement_word(&mut self, path: &'static str, words: Words, name: &str) {
        if let Some(word) = words.word(name) {
            self.statement(path, Value::Word(word));
        }
    }

    /// A word of an enumeration that holds by the vendor's practice. A word that the enumeration lacks is dropped.
    pub fn practice_word(&mut self, path: &'static str, words: Words, name: &str) {
        if let Some(word) = words.word(name) {
            self.practice(path, Value::Word(word));
        }
    }
}

/// How a statement is tied to the request's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// The request proves possession of its key, and that is the attested key.
    RequestKey,
    /// There is no request to bind to.
    NoRequest,
}

/// What facts remember of the request that they were made of.
#[derive(Debug)]
struct Origin {
    spki: Vec<u8>,
    possession_proven: bool,
    challenges: Challenges,
}

impl Origin {
    fn key(&self) -> Sha256Digest {
        Sha256Digest::of(&self.spki)
    }
}

/// What is known about one request, from claims to attested facts.
#[derive(Debug)]
pub struct Facts {
    table: FactTable,
    origin: Option<Origin>,
    attested: Option<Attested>,
    witnessed: Option<Sha256Digest>,
    endorsed_until: Option<i64>,
}

/// What the attested facts rest on.
#[derive(Debug)]
struct Attested {
    provenance: Provenance,
    binding: Binding,
    /// The sandboxed format that read them, where one did.
    decoder: Option<Sha256Digest>,
}

/// A statement as it goes into the table, whoever read it.
struct Heard<'a> {
    format: &'static str,
    /// The key that it is about, where it is about one.
    key: Option<&'a [u8]>,
    carried: Carried<'a>,
    said: Emission,
    speaker: Speaker,
    decoder: Option<Sha256Digest>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts::new()
    }
}

impl Facts {
    /// Nothing is known, and there is no request: what evidence attests here is bound to no key.
    pub fn new() -> Facts {
        Facts { table: FactTable::new(), origin: None, attested: None, witnessed: None, endorsed_until: None }
    }

    /// What a certification request says of itself: claims, and whether its signature proves possession.
    ///
    /// # Errors
    /// [`Reject::ValueUnfit`] where a value is over a limit of its type.
    pub fn of_request(request: &CertificationRequest) -> Result<Facts, Reject> {
        let origin = Origin {
            spki: request.spki().to_vec(),
            possession_proven: request.is_possession_proven(),
            challenges: request.challenges(),
        };
        let mut facts = Facts { origin: Some(origin), ..Facts::new() };
        request.describe(|path, value, grade| {
            put(&mut facts.table, path, Fact::new(value, grade, BasisSet::REQUEST))
        })?;
        Ok(facts)
    }

    /// The table, to evaluate a policy on.
    pub fn table(&self) -> &FactTable {
        &self.table
    }

    /// What the attested facts rest on.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.attested.as_ref().map(|attested| &attested.provenance)
    }

    /// SHA-256 of the subjectPublicKeyInfo of the request that these facts were made of.
    pub fn request_key(&self) -> Option<Sha256Digest> {
        self.origin.as_ref().map(Origin::key)
    }

    /// Whether there are attested facts, and they are about the key of the request, whose possession is proven.
    pub fn is_bound(&self) -> bool {
        self.attested.as_ref().is_some_and(|attested| attested.binding == Binding::RequestKey)
    }

    /// When the earliest of what the facts rest on ends, where anything does.
    pub fn not_after(&self) -> Option<i64> {
        self.provenance().and_then(Provenance::not_after).into_iter().chain(self.endorsed_until).min()
    }

    /// Adds what the requester says.
    ///
    /// # Errors
    /// [`Reject::FactReserved`] where only a request, a certificate, a policy or evidence says such facts;
    /// [`Reject::ValueUnfit`] where the value does not fit the path.
    pub fn claim(&mut self, path: &'static str, value: Value) -> Result<(), Reject> {
        check_free(path)?;
        put(&mut self.table, path, Fact::new(value, Grade::Claimed, BasisSet::REQUEST))
    }

    /// Adds what our own back end or the embedding CA vouches for.
    ///
    /// # Errors
    /// Those of [`Facts::claim`].
    pub fn observe(&mut self, path: &'static str, value: Value) -> Result<(), Reject> {
        check_free(path)?;
        put(&mut self.table, path, Fact::new(value, Grade::Observed, BasisSet::API))
    }

    /// Adds what a verified statement says, with its binding to the request and its freshness.
    ///
    /// All attested facts come from one item of evidence (design D1). Where the facts are of a request, the attested
    /// key must be its key and possession must be proven; where they are of none, `evidence.bound` is false.
    ///
    /// # Errors
    /// [`Reject::PossessionUnproven`], [`Reject::KeyMismatch`], [`Reject::NonceMismatch`],
    /// [`Reject::OtherEvidence`], [`Reject::OtherMoment`]; [`Reject::ValueUnfit`] where a value does not fit. Nothing is
    /// added then.
    pub fn attest<S: Statement>(
        &mut self,
        evidence: &Evidence,
        statement: &Verified<S>,
        nonce: Option<&[u8]>,
    ) -> Result<Binding, Reject> {
        let value = statement.value();
        let mut said = Emission::default();
        value.emit(&mut said);
        let heard = Heard {
            format: S::FORMAT,
            key: Some(value.attested_key()),
            carried: value.freshness(),
            said,
            speaker: S::SPEAKER,
            decoder: None,
        };
        self.hear(evidence, statement.provenance(), heard, nonce)
    }

    fn hear(
        &mut self,
        evidence: &Evidence,
        provenance: &Provenance,
        heard: Heard<'_>,
        nonce: Option<&[u8]>,
    ) -> Result<Binding, Reject> {
        let item = self.provenance().map_or(evidence.digest(), Provenance::evidence);
        for found in [evidence.digest(), provenance.evidence()] {
            if found != item {
                return Err(Reject::OtherEvidence { expected: item, found });
            }
        }
        let origin = self.origin.as_ref();
        let binding = match (heard.key, origin) {
            (Some(key), origin) => bind(key, origin)?,
            (None, None) => Binding::NoRequest,
            (None, Some(_)) => return Err(Reject::FieldMissing { field: "attested key" }),
        };
        let freshness = freshness(heard.carried, origin, nonce)?;
        let mut said = heard.said;
        said.statement("module.weak-hash", Value::Bool(provenance.is_weak_hash()));
        said.statement_word("evidence.format", Words::Format, heard.format);
        said.statement_word("evidence.freshness", Words::Freshness, freshness);
        said.statement("evidence.bound", Value::Bool(binding == Binding::RequestKey));
        said.statement("evidence.anchor.name", Value::Text(provenance.anchor().name.clone()));
        said.statement_word("evidence.anchor.purpose", Words::Purpose, provenance.anchor().purpose.name());
        let mut table = self.table.clone();
        let source = u16::try_from(table.sources.len()).ok();
        table.sources.push(Source { name: evidence.name().to_owned(), digest: evidence.digest().0 });
        let purpose = provenance.anchor().purpose;
        for (path, value, basis) in said.entries {
            let (grade, basis) = heard.speaker.grade(basis);
            let fact = Fact { purpose, source, ..Fact::new(value, grade, basis) };
            put(&mut table, path, fact)?;
        }
        let decoder = heard.decoder.or(self.decoded_by());
        let provenance = match self.provenance() {
            Some(held) => held.merged(provenance)?,
            None => provenance.clone(),
        };
        set_revocation(&mut table, provenance.revocation(), purpose, source)?;
        self.table = table;
        self.attested = Some(Attested { provenance, binding, decoder });
        Ok(binding)
    }
}

/// Says what is known of revocation along all paths that the facts rest on: a path that no list covers takes back what
/// was known of another.
fn set_revocation(
    table: &mut FactTable,
    revocation: Revocation,
    purpose: Purpose,
    source: Option<u16>,
) -> Result<(), Reject> {
    let unfit = |_| Reject::ValueUnfit { path: REVOCATION };
    let path =
        FactId::from_path(REVOCATION).map(Path::from).ok_or(Reject::ValueUnfit { path: REVOCATION })?;
    match revocation.word().and_then(|word| Words::Revocation.word(word)) {
        None => table.forget(path).map_err(unfit),
        Some(word) => {
            let fact = Fact::new(Value::Word(word), Grade::Attested, BasisSet::STATEMENT);
            table.set(path, Fact { purpose, source, ..fact }).map_err(unfit)
        }
    }
}

/// Compares the attested key with the request's, by kind and octets.
fn bind(attested: &[u8], origin: Option<&Origin>) -> Result<Binding, Reject> {
    let Some(origin) = origin else { return Ok(Binding::NoRequest) };
    let request_key = origin.key();
    if !origin.possession_proven {
        return Err(Reject::PossessionUnproven { request_key });
    }
    // What does not read as a key is none that a request can prove possession of: no key at all, or one of another kind.
    if PublicKey::from_spki(attested).ok() != Some(PublicKey::from_spki(&origin.spki)?) {
        return Err(Reject::KeyMismatch { request_key, attested_key: Sha256Digest::of(attested) });
    }
    Ok(Binding::RequestKey)
}

/// The word for how the statement is tied to this request in time.
fn freshness(
    carried: Carried<'_>,
    origin: Option<&Origin>,
    nonce: Option<&[u8]>,
) -> Result<&'static str, Reject> {
    let compare = |found: &[u8], expected: &[u8]| {
        if found == expected && !expected.is_empty() {
            return Ok("nonce");
        }
        Err(Reject::NonceMismatch { expected: Operand::bytes(expected), found: Operand::bytes(found) })
    };
    let is_in_request = |nonce: &[u8]| origin.is_some_and(|origin| origin.challenges.contain(nonce));
    match (carried, nonce) {
        (Carried::Nonce(found), Some(expected)) => compare(found, expected),
        (Carried::Digest(hash, found), Some(expected)) => compare(found, &hash.digest(expected)),
        (Carried::Constant, _) => Ok("constant"),
        (Carried::Time | Carried::Nothing, Some(expected)) if is_in_request(expected) => Ok("request-nonce"),
        (Carried::Time, _) => Ok("time"),
        (Carried::Nonce(_) | Carried::Digest(..), None) | (Carried::Nothing, _) => Ok("none"),
    }
}

/// Refuses facts that come from a request, a certificate, a policy or evidence and from nobody else.
fn check_free(path: &'static str) -> Result<(), Reject> {
    let id = FactId::from_path(path).ok_or(Reject::ValueUnfit { path })?;
    let of_request = ["request.proof-of-possession", "request.public-key"].contains(&path);
    match id.def().subject {
        Subject::Evidence | Subject::Certificate | Subject::Policy => Err(Reject::FactReserved { path }),
        _ if of_request => Err(Reject::FactReserved { path }),
        Subject::Key | Subject::Module | Subject::Platform | Subject::Requester | Subject::Record => Ok(()),
    }
}

fn put(table: &mut FactTable, path: &'static str, fact: Fact) -> Result<(), Reject> {
    let unfit = || Reject::ValueUnfit { path };
    let id = FactId::from_path(path).ok_or_else(unfit)?;
    table.add(Path::from(id), fact).map_err(|_| unfit())
}
