//! Revoking certificates of ours, and signing the lists that say so: operations of the policy like any other.
use super::approval::{Signed, Subject};
use super::{Ca, IssueError, Work, json};
use crate::acts::{self, Predecessor};
use crate::authority::Authority;
use crate::authorize::Refusal;
use crate::crl::{self, ListInput, Reason};
use crate::decide::find_profile;
use crate::draft;
use crate::input::{Given, InputError};
use crate::ledger::{Certified, LedgerError, Standing, State};
use crate::record::{self, Decided, ListIntent, Revocation, SALT_LEN_BYTES};
use pkic_audit::{Beside, Part, Receipt, Written};
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::words::Words;
use pkic_vocab::{Value, Word};

/// Who asks for an act that makes no certificate, and by which profile.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Qualified or short name of the profile that grants the operation.
    pub profile: &'a str,
    /// What the embedding CA vouches for.
    pub requester: &'a Given,
    /// What people signed for it.
    pub signed: Signed<'a>,
}

/// A list that was signed.
#[derive(Debug)]
pub struct IssuedList {
    /// The CertificateList in DER.
    pub list: Vec<u8>,
    /// Its CRL number.
    pub number: u64,
    /// How many certificates it names.
    pub count: usize,
    /// That its intent is in the log.
    pub receipt: Receipt,
}

impl From<LedgerError> for IssueError {
    fn from(error: LedgerError) -> IssueError {
        match error {
            LedgerError::Log(error) => IssueError::Log(error),
            record @ LedgerError::Record { .. } => IssueError::Encoding(record.to_string()),
        }
    }
}

impl Ca {
    /// Revokes a certificate that this authority issued, or may have issued. It stands on the next list.
    ///
    /// # Errors
    /// [`IssueError`]; of an unknown or already revoked certificate [`IssueError::Input`].
    pub fn revoke(
        &self,
        authority: &Authority,
        act: &Act<'_>,
        serial: &str,
        reason: Option<Reason>,
    ) -> Result<u64, IssueError> {
        let (_at_work, now) = (self.begin(), self.now()?);
        let ledger = self.ledger()?;
        let standing = ledger.of(authority.name());
        let serial = serial.to_ascii_lowercase();
        let held = revocable(standing, authority, &serial)?;
        let status = Words::Status.word("valid").map(Value::Word);
        let facts = [
            status.map(|status| ("predecessor.status", status)),
            Some(("predecessor.profile", Value::Name(held.profile.clone()))),
        ];
        let predecessor = Predecessor { facts: facts.into_iter().flatten().collect() };
        let mut salt = [0u8; SALT_LEN_BYTES];
        self.random(&mut salt)?;
        let (index, profile) = find_profile(&self.loaded, act.profile)?;
        let (subject, requester) = (revoking(act, held, &serial)?, act.requester);
        let approved = self.approved(authority, profile, &subject, &act.signed, now)?;
        let work = Work { authority, approved: &approved, predecessor: &predecessor, salt: &salt, now };
        let ask = approved.ask(index, self.authority_index(authority), subject.operation);
        let decision =
            acts::authorize_revocation(&self.loaded, requester, &predecessor, authority.issuer(), &ask, now);
        let account = decision.map_err(|refusal| self.refuse_act(refusal, act.profile, &work))?;
        let (decided, particulars) =
            Decided::of(self.loaded.program(), &account, approved.record(), None, &salt, now);
        let particulars = Beside::new(json(&particulars)?);
        let revocation = Revocation {
            version: record::VERSION,
            decided,
            serial,
            intent: held.intent,
            reason: reason.map(|reason| reason.name().to_owned()),
            particulars: particulars.digest().to_string(),
        };
        let spends = approved.spends(account.exception());
        let entry = self.entry("revoked", Part::Whole, now, spends, json(&revocation)?);
        Ok(self.log.append_beside(entry, particulars)?.index)
    }

    /// Signs a list of all revoked certificates of an authority, numbered one higher than the list before.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn sign_list(&self, authority: &Authority, act: &Act<'_>) -> Result<IssuedList, IssueError> {
        let (_at_work, now) = (self.begin(), self.now()?);
        let ledger = self.ledger()?;
        let standing = ledger.of(authority.name());
        let revoked = standing.map(Standing::revoked).unwrap_or_default();
        let (index, profile) = find_profile(&self.loaded, act.profile)?;
        let (_, next_update) = draft::validity(profile, now).map_err(|error| {
            IssueError::Input(InputError::new(
                "profile",
                error.to_string(),
                "say how long a list counts: `contents { validity <= 7d }`",
            ))
        })?;
        let number = next_number(standing);
        let input =
            ListInput { issuer: authority.read(), number, this_update: now, next_update, revoked: &revoked };
        let draft = crl::draft(&input).map_err(|error| IssueError::Encoding(error.to_string()))?;
        let mut salt = [0u8; SALT_LEN_BYTES];
        self.random(&mut salt)?;
        let subject = listing(act, &crl::text(authority.issuer().spki(), number, &revoked))?;
        let approved = self.approved(authority, profile, &subject, &act.signed, now)?;
        let predecessor = Predecessor::NONE;
        let work = Work { authority, approved: &approved, predecessor, salt: &salt, now };
        let ask = approved.ask(index, self.authority_index(authority), subject.operation);
        let program = self.loaded.program();
        let signer = authority.signer_facts(program, &self.trusted, &salt, now)?;
        let permit =
            acts::authorize_list(&self.loaded, act.requester, draft, authority.issuer(), &signer, &ask, now)
                .map_err(|refusal| self.refuse_act(refusal, act.profile, &work))?
                .until(approved.not_after())
                .warned(approved.warnings());
        let (decided, particulars) =
            Decided::of(program, permit.account(), approved.record(), None, &salt, now);
        let particulars = Beside::new(json(&particulars)?);
        let issuer = self.log.put_object(authority.certificate())?;
        let intent = ListIntent {
            version: record::VERSION,
            decided,
            number,
            count: revoked.len(),
            next_update,
            tbs: permit.digest().to_string(),
            issuer: issuer.to_string(),
            key: authority.key(),
            particulars: particulars.digest().to_string(),
        };
        let spends = approved.spends(permit.account().exception());
        let mut entry = self.entry("list-intent", Part::Opens, now, spends, json(&intent)?);
        entry.objects.push(issuer);
        let Written { index, .. } = self.log.append_beside(entry, particulars)?;
        drop(ledger);
        let signed = (|| {
            let tbs = permit.spend(self.outside.now()).map_err(IssueError::Expired)?;
            let signature = authority.sign(tbs.as_bytes())?;
            crl::signed(tbs.as_bytes(), authority.scheme(), &signature)
                .map_err(|error| IssueError::Encoding(error.to_string()))
        })();
        let list = self.conclude(index, now, signed)?;
        Ok(IssuedList { list, number, count: revoked.len(), receipt: self.log.receipt(index)? })
    }

    /// What the next list of an authority says, besides its times: what people approve.
    ///
    /// # Errors
    /// [`IssueError::Log`], [`IssueError::Encoding`].
    pub fn list_text(&self, authority: &Authority) -> Result<String, IssueError> {
        let ledger = self.ledger()?;
        let standing = ledger.of(authority.name());
        let revoked = standing.map(Standing::revoked).unwrap_or_default();
        Ok(crl::text(authority.issuer().spki(), next_number(standing), &revoked))
    }

    pub(super) fn revoking<'a>(
        &self,
        authority: &Authority,
        act: &Act<'a>,
        serial: &str,
    ) -> Result<Subject<'a>, IssueError> {
        let (ledger, serial) = (self.ledger()?, serial.to_ascii_lowercase());
        revoking(act, revocable(ledger.of(authority.name()), authority, &serial)?, &serial)
    }

    pub(super) fn listing<'a>(
        &self,
        authority: &Authority,
        act: &Act<'a>,
    ) -> Result<Subject<'a>, IssueError> {
        listing(act, &self.list_text(authority)?)
    }

    /// Puts a refusal into the record.
    fn refuse_act(&self, mut refusal: Box<Refusal>, profile: &str, work: &Work<'_>) -> IssueError {
        match self.record_refusal(&mut refusal, profile, None, work) {
            Ok(index) => IssueError::Refused(refusal, index),
            Err(error) => error,
        }
    }
}

/// A certificate that can be revoked.
fn revocable<'a>(
    standing: Option<&'a Standing>,
    authority: &Authority,
    serial: &str,
) -> Result<&'a Certified, IssueError> {
    let unfit = |what: String, help: &str| IssueError::Input(InputError::new("serial", what, help));
    let held = standing.and_then(|standing| standing.certificate(serial)).ok_or_else(|| {
        let what = format!("`{}` issued no certificate `{serial}`", authority.name());
        unfit(what, "give the serial in hexadecimal digits, as `pkic audit query` shows it")
    })?;
    match held.state {
        State::Revoked { .. } => {
            Err(unfit(format!("`{serial}` is revoked already"), "nothing is left to do"))
        }
        _ => Ok(held),
    }
}

fn revoking<'a>(act: &Act<'a>, held: &Certified, serial: &str) -> Result<Subject<'a>, IssueError> {
    let request = held.certificate.unwrap_or_else(|| Sha256Digest::of(serial.as_bytes()));
    let (operation, requester) = (operation("revoke")?, act.requester);
    Ok(Subject { operation, request, evidence: Vec::new(), requester })
}

fn listing<'a>(act: &Act<'a>, text: &str) -> Result<Subject<'a>, IssueError> {
    let (operation, request) = (operation("crl-sign")?, Sha256Digest::of(text.as_bytes()));
    Ok(Subject { operation, request, evidence: Vec::new(), requester: act.requester })
}

fn next_number(standing: Option<&Standing>) -> u64 {
    standing.map_or(0, Standing::list_number).saturating_add(1)
}

fn operation(name: &'static str) -> Result<Word, IssueError> {
    let unknown = || IssueError::Encoding(format!("there is no operation `{name}`"));
    pkic_eval::operation(name).ok_or_else(unknown)
}
