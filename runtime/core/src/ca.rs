//! The CA: decides, signs and records, in the order of design D15. Nothing is signed without a durable intent, and
//! nothing is released without a durable outcome.
//!
//! A CA has a policy, a log, and the outside world handed in: the time, randomness, and what it holds of others. Threads
//! share it by reference. Start with [`Ca::open`] and [`Ca::issue`].
use crate::acts::Predecessor;
use crate::appraise::{self, Known};
use crate::authority::Authority;
use crate::authorize::{self, Refusal};
use crate::bundle::Loaded;
use crate::certificate;
use crate::challenge::Nonce;
use crate::decide::find_profile;
use crate::draft::{Draft, DraftInput, Serial};
use crate::input::{Given, InputError};
use crate::ledger::Ledger;
use crate::lint::{self, SignedBy};
use crate::permit::{Account, Permit};
use crate::record::{self, Day, Decided, Intent, Kept, Outcome, Refused, SALT_LEN_BYTES};
use crate::sealed::SealedFile;
use crate::transparency::TransparencyLog;
use crate::trust::{Trusted, sequence_name};
use crate::wishes::Wishes;
use pkic_audit::{BESIDE_LEN_BYTES_MAX, Beside, Entry, Log, Part, Receipt, Sequence, Spend, Written};
use pkic_eval::Ask;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_ir::Profile;
use pkic_vocab::Word;
use pkic_vocab::hex::Hex;
use serde::Serialize;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

mod approval;
mod error;
mod founding;
mod predecessor;
mod revocation;
mod transparency;

pub use approval::{Asking, Signed};
pub use error::IssueError;
pub use founding::{Founding, request_of};
pub use revocation::{Act, IssuedList};

use approval::{Approved, Subject};

/// Room for the JSON of an intent or its particulars, which is not moved then while it is written.
const JSON_LEN_BYTES_USUAL: usize = 16 << 10;

/// The outside world: what a CA cannot make up.
pub trait Outside: Send + Sync {
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Fills the octets from a cryptographic generator.
    ///
    /// # Errors
    /// In words, where it has none to give.
    fn random(&self, octets: &mut [u8]) -> Result<(), String>;
}

/// A CA that can issue.
pub struct Ca {
    loaded: Loaded,
    /// The bytes that the program came in, kept as an object.
    bundle: Sha256Digest,
    trusted: Trusted,
    /// What is held of others, kept as an object.
    day: Sha256Digest,
    keeps_evidence: bool,
    logs: Vec<Box<dyn TransparencyLog>>,
    log: Log,
    /// Held by everybody who writes an intent until its outcome is written, and by whoever opens the log again.
    at_work: RwLock<()>,
    /// How certificates stand: held by whoever changes that, or decides by it, until it is in the log.
    ledger: RwLock<Ledger>,
    outside: Box<dyn Outside>,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ca({}, {:?})", self.loaded.program().policy, self.log)
    }
}

/// What is asked of a CA.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Qualified or short name of the profile.
    pub profile: &'a str,
    /// What is asked: a word of `pkic_vocab::Words::Operation`.
    pub operation: Word,
    /// The certification request.
    pub csr: &'a CertificationRequest,
    /// Items of evidence, in the order of preference.
    pub evidence: &'a [Evidence],
    /// What the requester claims.
    pub claims: &'a Given,
    /// What the embedding CA vouches for.
    pub requester: &'a Given,
    /// What was given out for this request.
    pub nonce: Nonce<'a>,
    /// Our own record of a TPM credential that was made for this request.
    pub activation: Option<&'a Activation>,
    /// What people signed for it, as `ssh-keygen -Y sign` writes it.
    pub signed: Signed<'a>,
    /// The certificate that it replaces: the log has its record.
    pub predecessor: Option<&'a Certificate>,
}

impl<'a> Order<'a> {
    /// An order for a request alone: no evidence, no claims, nothing vouched for, no approval. `operation` is `issue`,
    /// `renew`, `rekey` or `ca-sign`.
    ///
    /// # Errors
    /// [`InputError`] where there is no such operation.
    pub fn new(profile: &'a str, operation: &str, csr: &'a CertificationRequest) -> Result<Self, InputError> {
        let unknown = || {
            let what = format!("there is no operation `{operation}`");
            InputError::new("order", what, "give `issue`, `renew`, `rekey` or `ca-sign`")
        };
        Ok(Order {
            profile,
            operation: pkic_eval::operation(operation).ok_or_else(unknown)?,
            csr,
            evidence: &[],
            claims: Given::NONE,
            requester: Given::NONE,
            nonce: Nonce::None,
            activation: None,
            signed: Signed::default(),
            predecessor: None,
        })
    }
}

/// A certificate that was issued.
#[derive(Debug)]
pub struct Issued {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// Index of its intent in the log.
    pub index: u64,
    /// That its intent is in the log: for whoever has the log's key.
    pub receipt: Receipt,
    /// The entry that the receipt is about, to the byte.
    pub entry: Vec<u8>,
    /// The decision, for people and machines.
    pub account: Arc<Account>,
}

impl Issued {
    /// The certificate in PEM (RFC 7468).
    pub fn pem(&self) -> String {
        certificate::pem(&self.certificate)
    }
}

/// Whether the deployment is a lab: a lab policy loads nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Certificates count.
    Production,
    /// Nothing that is issued counts.
    Lab,
}

impl Ca {
    /// Opens a CA on its log. Intents that a crash left open are closed as `void, may exist`, and never signed; how many
    /// there were comes back.
    ///
    /// `bundle` is what `loaded` was read from: the log keeps it.
    ///
    /// # Errors
    /// [`IssueError::LabUnwanted`], [`IssueError::ClockBack`], [`IssueError::Log`].
    pub fn open(
        loaded: Loaded,
        bundle: &[u8],
        place: Place,
        trusted: Trusted,
        log: Log,
        outside: Box<dyn Outside>,
    ) -> Result<(Ca, usize), IssueError> {
        if loaded.program().lab && place != Place::Lab {
            return Err(IssueError::LabUnwanted);
        }
        let bundle = log.put_object(bundle)?;
        let trusted = trusted.kept(&log)?;
        let day = Day::keep(&trusted, &log)?;
        let ca = Ca {
            loaded,
            bundle,
            trusted,
            day,
            keeps_evidence: false,
            logs: Vec::new(),
            log,
            at_work: RwLock::default(),
            ledger: RwLock::default(),
            outside,
        };
        let count = ca.void_open()?;
        Ok((ca, count))
    }

    /// Opens the log again after a write failed (a full disk that has room again), which every order is refused for until
    /// then. It waits for the orders on their way, and closes as [`Ca::open`] does what has no outcome, of an order whose
    /// thread panicked as well; how many there were comes back.
    ///
    /// # Errors
    /// [`IssueError::Log`], [`IssueError::ClockBack`]; orders stay refused then.
    pub fn resume(&self) -> Result<usize, IssueError> {
        let _alone = self.at_work.write().unwrap_or_else(PoisonError::into_inner);
        self.log.reopen()?;
        self.void_open()
    }

    fn void_open(&self) -> Result<usize, IssueError> {
        let open = self.log.open_entries();
        let now = self.now()?;
        for intent in &open {
            let why = "pkic ended before the outcome was recorded: the certificate may exist";
            self.close(*intent, now, "void", None, Some(why.to_owned()))?;
        }
        Ok(open.len())
    }

    /// The ledger with all that the log has, and nobody else who changes it.
    fn ledger(&self) -> Result<RwLockWriteGuard<'_, Ledger>, IssueError> {
        let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        self.log.publish()?;
        ledger.follow(&self.log.reader()?)?;
        Ok(ledger)
    }

    fn begin(&self) -> RwLockReadGuard<'_, ()> {
        self.at_work.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, keeping what each order brings to its appraisal (evidence, nonce, claims) beside its record, where it can
    /// be erased: from then on replay goes back to the evidence. A profile with `oblige record(evidence)` has it kept in
    /// any case. An order that brings more than the log takes beside an
    /// entry is not issued.
    #[must_use]
    pub fn keeping_evidence(self) -> Ca {
        Ca { keeps_evidence: true, ..self }
    }

    /// The policy.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Decides an order and, where the policy permits it, has the certificate signed by the authority's key.
    ///
    /// # Errors
    /// [`IssueError`]; no certificate leaves then, and a decision that was made stands in the log.
    pub fn issue(&self, authority: &Authority, order: &Order<'_>) -> Result<Issued, IssueError> {
        self.issue_at(authority, order, self.now()?)
    }

    fn issue_at(&self, authority: &Authority, order: &Order<'_>, now: i64) -> Result<Issued, IssueError> {
        let _at_work = self.begin();
        let mut salt = [0u8; SALT_LEN_BYTES];
        self.random(&mut salt)?;
        let (index, profile) = find_profile(&self.loaded, order.profile)?;
        let (predecessor, ledger) = self.predecessor(authority, order, now)?;
        let approved = self.approved(authority, profile, &Subject::of(order), &order.signed, now)?;
        let work = Work { authority, approved: &approved, predecessor: &predecessor, salt: &salt, now };
        let ask = approved.ask(index, self.authority_index(authority), order.operation);
        let (permit, kept) = self.authorize(&work, order, profile, &ask)?;
        let permit = permit.until(approved.not_after()).warned(approved.warnings());
        check_rules(permit.tbs(), authority, profile)?;
        let logs = self.logs_wanted(&work, &ask, &permit)?;
        let intent = self.intend(&work, order, &permit, (kept, logs))?;
        drop(ledger);
        let account = permit.shared_account();
        let signed = match logs {
            0 => self.sign(authority, permit),
            wanted => self.sign_logged(&work, (profile, &ask), permit, intent.index, wanted),
        };
        let certificate = self.conclude(intent.index, now, signed)?;
        let receipt = self.log.receipt(intent.index)?;
        Ok(Issued { certificate, index: intent.index, receipt, entry: intent.bytes, account })
    }

    /// Records the outcome of an intent, and only then hands out what was signed.
    fn conclude(
        &self,
        intent: u64,
        now: i64,
        signed: Result<Vec<u8>, IssueError>,
    ) -> Result<Vec<u8>, IssueError> {
        let done = self.now_or(now);
        match signed {
            Ok(bytes) => {
                self.close(intent, done, "issued", Some(&bytes), None)?;
                Ok(bytes)
            }
            Err(error) => {
                self.close(intent, done, "failed", None, Some(error.to_string()))?;
                Err(error)
            }
        }
    }

    /// The time, never before the log's last record. The log is asked first: others append meanwhile.
    fn now(&self) -> Result<i64, IssueError> {
        let last = self.log.view(|view| view.last_time());
        let now = self.outside.now();
        match last.filter(|last| *last > now) {
            Some(last) => Err(IssueError::ClockBack { now, last }),
            None => Ok(now),
        }
    }

    /// The time of an outcome: of its intent, should the clock have been set back in between.
    fn now_or(&self, intent: i64) -> i64 {
        self.outside.now().max(intent).max(self.log.view(|view| view.last_time()).unwrap_or(intent))
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), IssueError> {
        self.outside.random(octets).map_err(IssueError::Random)
    }

    fn authority_index(&self, authority: &Authority) -> Option<u32> {
        let mut authorities = (0u32..).zip(&self.loaded.program().authorities);
        authorities.find(|(_, known)| known.name == authority.name()).map(|(index, _)| index)
    }

    fn authorize(
        &self,
        work: &Work<'_>,
        order: &Order<'_>,
        profile: &Profile,
        ask: &Ask<'_>,
    ) -> Result<(Permit, Option<Kept>), IssueError> {
        let Work { authority, now, .. } = *work;
        let program = self.loaded.program();
        let (catalogues, statements): (Vec<SealedFile<'_>>, Vec<SealedFile<'_>>) =
            (self.trusted.catalogues(), self.trusted.statements());
        let known = Known {
            request: order.csr,
            operation: order.operation,
            profile: &profile.name,
            authority: Some(authority.name()),
            evidence: order.evidence,
            plugins: &self.trusted.plugins(),
            anchors: &self.trusted.anchors,
            catalogues: &catalogues,
            statements: &statements,
            claims: order.claims,
            requester: order.requester,
            nonce: order.nonce,
            activation: order.activation,
            predecessor: work.predecessor,
            now,
        };
        let appraised = appraise::facts(program, &known)?;
        let is_kept = self.keeps_evidence || obliges_evidence(profile);
        let kept = is_kept.then(|| Kept::of(&known, &appraised));
        let signer = authority.signer_facts(program, &self.trusted, work.salt, now)?;
        let mut octets = [0u8; 20];
        self.random(&mut octets)?;
        let draft = Draft::new(&DraftInput {
            profile,
            wishes: &Wishes::of_request(order.csr),
            spki: order.csr.spki(),
            issuer: Some(authority.issuer()),
            serial: Serial::random(&octets),
            now,
        });
        let draft = draft.map_err(|error| {
            InputError::new("request", error.to_string(), "ask for values that a certificate can hold")
        })?;
        let issuer = authority.issuer();
        match authorize::authorize_but_timestamps(&self.loaded, appraised, draft, issuer, &signer, ask, now) {
            Ok(permit) => Ok((permit, kept)),
            Err(mut refusal) => {
                let index = self.record_refusal(&mut refusal, &profile.name, Some(order.csr.der()), work)?;
                Err(IssueError::Refused(refusal, index))
            }
        }
    }

    /// Puts a refusal into the record: with all that was known, where the policy decided, else with its reason. Its report
    /// says which signatures of people did not count.
    fn record_refusal(
        &self,
        refusal: &mut Refusal,
        profile: &str,
        csr: Option<&[u8]>,
        work: &Work<'_>,
    ) -> Result<u64, IssueError> {
        if let Refusal::Policy { account, .. } = refusal {
            account.report.warnings.extend(work.approved.warnings());
        }
        let mut refused = Refused {
            version: record::VERSION,
            decided: None,
            asked: None,
            why: refusal.to_string(),
            failing: refusal.failing().to_vec(),
            particulars: None,
        };
        let mut beside = Beside::new(Vec::new());
        if let Refusal::Policy { account, .. } = refusal {
            let program = self.loaded.program();
            let approvals = work.approved.record();
            let (decided, particulars) = Decided::of(program, account, approvals, csr, work.salt, work.now);
            beside = Beside::new(json(&particulars)?);
            refused.decided = Some(decided);
            refused.particulars = Some(beside.digest().to_string());
        } else {
            refused.asked = Some((profile.to_owned(), work.authority.name().to_owned()));
        }
        let entry = self.entry("refused", Part::Whole, work.now, Vec::new(), json(&refused)?);
        Ok(self.log.append_beside(entry, beside)?.index)
    }

    /// Writes the intent, and spends what may be spent once.
    fn intend(
        &self,
        work: &Work<'_>,
        order: &Order<'_>,
        permit: &Permit,
        (kept, logs): (Option<Kept>, usize),
    ) -> Result<Written, IssueError> {
        let Work { authority, approved, salt, now, .. } = *work;
        let account = permit.account();
        let program = self.loaded.program();
        let csr = Some(order.csr.der());
        let (decided, mut particulars) = Decided::of(program, account, approved.record(), csr, salt, now);
        particulars.kept = kept;
        let particulars = json(&particulars)?;
        check_room(&particulars)?;
        let particulars = Beside::new(particulars);
        let issuer = self.log.put_object(authority.certificate())?;
        let intent = Intent {
            version: record::VERSION,
            decided,
            serial: serial(permit.tbs())?,
            tbs: permit.digest().to_string(),
            precertificate: (logs > 0).then(|| transparency::digest(permit)).transpose()?,
            not_after: permit.not_after(),
            issuer: issuer.to_string(),
            locations: authority.locations(),
            key: authority.key(),
            day: Some(self.day.to_string()),
            particulars: particulars.digest().to_string(),
        };
        let spends =
            nonce_spend(order.nonce).into_iter().chain(approved.spends(account.exception())).collect();
        let mut entry = self.entry("intent", Part::Opens, now, spends, json(&intent)?);
        entry.sequences = self.sequences(account);
        entry.objects.extend([issuer, self.day]);
        Ok(self.log.append_beside(entry, particulars)?)
    }

    fn entry(&self, kind: &str, part: Part, time: i64, spends: Vec<Spend>, payload: Vec<u8>) -> Entry {
        let (kind, sequences) = (kind.to_owned(), Vec::new());
        Entry { time, kind, part, spends, sequences, objects: vec![self.bundle], payload }
    }

    /// The editions that the decision saw: an older one counts no more afterwards.
    fn sequences(&self, account: &Account) -> Vec<Sequence> {
        let bundle = self.loaded.seal().map(|seal| Sequence {
            name: sequence_name("bundle", &seal.manifest.name),
            sequence: seal.manifest.sequence,
        });
        let catalogues = account.report.catalogues.iter().filter_map(|catalogue| {
            let (name, sequence) = (catalogue.name.as_ref()?, catalogue.sequence?);
            Some(Sequence { name: sequence_name("catalogue", name), sequence })
        });
        bundle.into_iter().chain(catalogues).collect()
    }

    /// Spends the permit, has its bytes signed, and compares what came out with what was decided.
    fn sign(&self, authority: &Authority, permit: Permit) -> Result<Vec<u8>, IssueError> {
        let tbs = permit.spend(self.outside.now()).map_err(IssueError::Expired)?;
        sign_bytes(authority, tbs.as_bytes())
    }

    fn close(
        &self,
        intent: u64,
        time: i64,
        kind: &str,
        signed: Option<&[u8]>,
        why: Option<String>,
    ) -> Result<u64, IssueError> {
        let beside = Beside::new(signed.unwrap_or_default().to_vec());
        let certificate = signed.map(|_| beside.digest().to_string());
        let outcome = Outcome { version: record::VERSION, intent, certificate, why };
        let entry = self.entry(kind, Part::Closes(intent), time, Vec::new(), json(&outcome)?);
        Ok(self.log.append_beside(entry, beside)?.index)
    }
}

/// One order on its way.
#[derive(Clone, Copy)]
struct Work<'a> {
    authority: &'a Authority,
    approved: &'a Approved<'a>,
    predecessor: &'a Predecessor,
    salt: &'a [u8; SALT_LEN_BYTES],
    now: i64,
}

/// Whether the policy asks that evidence is kept: `oblige record(evidence)`.
fn obliges_evidence(profile: &Profile) -> bool {
    let mut records = profile.obligations.iter().filter(|each| each.name == "record");
    records.any(|each| each.arguments.iter().any(|(_, what)| what == "evidence"))
}

/// What stands beside an entry has its limit, and an order that brings more is told so in its own words.
fn check_room(particulars: &[u8]) -> Result<(), InputError> {
    if particulars.len() <= BESIDE_LEN_BYTES_MAX {
        return Ok(());
    }
    let what = format!("{} bytes to be kept, the limit is {BESIDE_LEN_BYTES_MAX}", particulars.len());
    Err(InputError::new("request", what, "send a smaller request, and the evidence about its key alone"))
}

/// Has bytes of a spent permit signed, and compares what came out with them.
fn sign_bytes(authority: &Authority, tbs: &[u8]) -> Result<Vec<u8>, IssueError> {
    let signature = authority.sign(tbs)?;
    let certificate = certificate::signed(tbs, authority.scheme(), &signature)
        .map_err(|error| IssueError::Encoding(error.to_string()))?;
    compare(&certificate, tbs)?;
    Ok(certificate)
}

/// Holds what would be signed against RFC 5280. What an authority signs for itself is a root.
fn check_rules(tbs: &[u8], authority: &Authority, profile: &Profile) -> Result<(), IssueError> {
    let unread = |reject: pkic_facts::reject::Reject| IssueError::Encoding(reject.to_string());
    let subject = Tbs::from_der(tbs).map_err(unread)?;
    let is_own = subject.spki_digest() == authority.issuer().spki();
    let signed_by = if is_own { SignedBy::Itself } else { SignedBy::Authority(authority.read()) };
    let declared: Vec<&str> =
        profile.contents.iter().filter_map(|field| field.path.name.as_deref()).collect();
    let findings = lint::lint(tbs, signed_by, &declared);
    if findings.is_empty() { Ok(()) } else { Err(IssueError::Lint(findings)) }
}

/// The serial number of a tbsCertificate, in hexadecimal digits.
fn serial(tbs: &[u8]) -> Result<String, IssueError> {
    let read = Tbs::from_der(tbs).map_err(|reject| IssueError::Encoding(reject.to_string()))?;
    Ok(Hex(read.serial()).to_string())
}

/// Reads the certificate as a stranger would, and compares what it says with what was decided.
fn compare(certificate: &[u8], decided: &[u8]) -> Result<(), IssueError> {
    let read =
        Certificate::from_der(certificate).map_err(|reject| IssueError::Encoding(reject.to_string()))?;
    let same = read.tbs().raw() == decided;
    let differs = || IssueError::Encoding("the certificate is not what was decided".to_owned());
    if same { Ok(()) } else { Err(differs()) }
}

/// What the nonce of an order spends.
fn nonce_spend(nonce: Nonce<'_>) -> Option<Spend> {
    let (octets, expires) = match nonce {
        Nonce::None => return None,
        Nonce::Remembered(nonce) => (nonce.to_vec(), None),
        Nonce::Challenge(challenge, _) => (challenge.nonce.to_vec(), Some(challenge.terms.expires)),
    };
    Some(Spend { id: Sha256Digest::of(&[b"nonce\0", octets.as_slice()].concat()), expires })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, IssueError> {
    let mut text = Vec::with_capacity(JSON_LEN_BYTES_USUAL);
    serde_json::to_writer(&mut text, value).map_err(|error| IssueError::Encoding(error.to_string()))?;
    Ok(text)
}
