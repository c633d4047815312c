//! A certificate that logs promise to publish: precertificate and certificate under one permit (design D14).
//!
//! A precertificate that is signed counts as issued (RFC 6962 section 3.1), whatever the logs answer: it is in the record
//! before any log sees it, and its serial number can be revoked.
use super::{Ca, IssueError, Work, check_rules, json, sign_bytes};
use crate::authority::Authority;
use crate::certificate;
use crate::decode::certificate_facts;
use crate::permit::{Account, Expired, Permit};
use crate::record::{self, Precertified as Recorded};
use crate::transparency::{Precertified, TimestampError, TransparencyLog, list, logs_obliged};
use pkic_audit::{Beside, Part};
use pkic_eval::Ask;
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::Profile;

/// Bytes of a timestamp with an ECDSA signature on P-256 and no extensions, which nearly all have.
const LIKELY_LEN_BYTES: usize = 119;

impl Ca {
    /// The same, with logs of certificate transparency for profiles that oblige it: `oblige ct(logs: 2)`. They are asked in
    /// this order, one after the other, until as many have answered as are wanted.
    #[must_use]
    pub fn logging_to(self, logs: Vec<Box<dyn TransparencyLog>>) -> Ca {
        Ca { logs, ..self }
    }

    /// In how many logs the policy wants a certificate; that the CA has as many, and that the policy permits what comes of
    /// it: a precertificate that is signed for nothing counts as issued.
    pub(super) fn logs_wanted(
        &self,
        work: &Work<'_>,
        ask: &Ask<'_>,
        permit: &Permit,
    ) -> Result<usize, IssueError> {
        let wanted = logs_obliged(&permit.report().obligations);
        if wanted > self.logs.len() {
            return Err(IssueError::Timestamps { wanted, given: 0, why: Vec::new() });
        }
        if wanted > 0 {
            let like = vec![vec![0; LIKELY_LEN_BYTES]; wanted];
            self.judge(work, ask, permit.account(), &timestamped(permit.tbs(), &like)?)?;
        }
        Ok(wanted)
    }

    /// Decides again, on the bytes that have the timestamps in them.
    fn judge(
        &self,
        work: &Work<'_>,
        ask: &Ask<'_>,
        account: &Account,
        last: &[u8],
    ) -> Result<(), IssueError> {
        let mut table = account.facts.clone();
        certificate_facts(last, &mut table).map_err(|unfit| IssueError::Encoding(unfit.to_string()))?;
        let decision = pkic_eval::evaluate(self.loaded.program(), &table, ask, work.now);
        match decision.is_permit() && decision.pending().next().is_none() {
            true => Ok(()),
            false => Err(IssueError::Timestamped(decision.failing())),
        }
    }

    /// Spends the permit on the pair: signs the precertificate, has logs promise to publish it, and signs the
    /// certificate that holds their promises.
    pub(super) fn sign_logged(
        &self,
        work: &Work<'_>,
        (profile, ask): (&Profile, &Ask<'_>),
        permit: Permit,
        intent: u64,
        wanted: usize,
    ) -> Result<Vec<u8>, IssueError> {
        let (not_before, not_after) = (work.now, permit.not_after());
        let account = permit.shared_account();
        let tbs = permit.spend(self.outside.now()).map_err(IssueError::Expired)?;
        let poisoned = certificate::precertificate(tbs.as_bytes()).map_err(encoding)?;
        let precertificate = sign_bytes(work.authority, &poisoned)?;
        self.record_precertificate(intent, work.now, &precertificate)?;
        let of = Precertified { issuer: work.authority.issuer().spki(), tbs: tbs.as_bytes() };
        let timestamps = self.timestamps(&of, work.authority, &precertificate, wanted)?;
        let last = timestamped(tbs.as_bytes(), &timestamps)?;
        if !certificate::is_pair(&poisoned, &last) {
            let what = "precertificate and certificate differ in more than poison and timestamps";
            return Err(IssueError::Encoding(what.to_owned()));
        }
        self.judge(work, ask, &account, &last)?;
        check_rules(&last, work.authority, profile)?;
        // The logs took their time.
        let now = self.outside.now();
        if !(not_before..=not_after).contains(&now) {
            return Err(IssueError::Expired(Expired { not_before, not_after, now }));
        }
        sign_bytes(work.authority, &last)
    }

    fn record_precertificate(&self, intent: u64, now: i64, bytes: &[u8]) -> Result<u64, IssueError> {
        let beside = Beside::new(bytes.to_vec());
        let precertificate = beside.digest().to_string();
        let recorded = Recorded { version: record::VERSION, intent, precertificate };
        let entry = self.entry("precertificate", Part::Whole, self.now_or(now), Vec::new(), json(&recorded)?);
        Ok(self.log.append_beside(entry, beside)?.index)
    }

    fn timestamps(
        &self,
        of: &Precertified<'_>,
        authority: &Authority,
        precertificate: &[u8],
        wanted: usize,
    ) -> Result<Vec<Vec<u8>>, IssueError> {
        let (mut timestamps, mut why) = (Vec::new(), Vec::new());
        let mut heard: Vec<&[u8]> = Vec::new();
        let above = authority.chain().iter().map(Vec::as_slice);
        let chain: Vec<&[u8]> = [precertificate, authority.certificate()].into_iter().chain(above).collect();
        for log in &self.logs {
            if timestamps.len() == wanted {
                break;
            }
            // A log that is named twice promises once.
            if heard.contains(&log.spki()) {
                continue;
            }
            heard.push(log.spki());
            let answer = log.add_pre_chain(&chain);
            let checked = answer.map_err(TimestampError::Unanswered).and_then(|answer| {
                of.check(log.spki(), &answer, self.outside.now())?;
                Ok(answer)
            });
            match checked {
                Ok(answer) => timestamps.push(answer),
                Err(error) => why.push((log.name().to_owned(), error)),
            }
        }
        match timestamps.len() {
            given if given < wanted => Err(IssueError::Timestamps { wanted, given, why }),
            _ => Ok(timestamps),
        }
    }
}

/// The tbsCertificate with a list of these timestamps in it.
fn timestamped(tbs: &[u8], timestamps: &[Vec<u8>]) -> Result<Vec<u8>, IssueError> {
    let long = || IssueError::Encoding("the timestamps are too long for a certificate".to_owned());
    certificate::with_scts(tbs, &list(timestamps).ok_or_else(long)?).map_err(encoding)
}

/// SHA-256 of the tbsCertificate of a permit's precertificate, for the intent.
pub(super) fn digest(permit: &Permit) -> Result<String, IssueError> {
    let poisoned = certificate::precertificate(permit.tbs()).map_err(encoding)?;
    Ok(Sha256Digest::of(&poisoned).to_string())
}

fn encoding(error: certificate::AssemblyError) -> IssueError {
    IssueError::Encoding(error.to_string())
}
