//! A certificate that logs promise to publish: precertificate and certificate under one permit (design D14).
//!
//! A precertificate that is signed counts as issued (RFC 6962 section 3.1), whatever the logs answer: it is in the record
//! before any log sees it, and its serial number can be revoked.
use super::{Ca, IssueError, Work, check_rules, json, sign_bytes};
use crate::authority::Authority;
use crate::certificate;
use crate::permit::{Expired, Permit};
use crate::record::{self, Precertified as Recorded};
use crate::transparency::{Precertified, TimestampError, TransparencyLog, list};
use pkic_audit::{Beside, Part};
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::Profile;

impl Ca {
    /// The same, with logs of certificate transparency for profiles that oblige it: `oblige ct(logs: 2)`. They are asked in
    /// this order, one after the other, until as many have answered as are wanted.
    #[must_use]
    pub fn logging_to(self, logs: Vec<Box<dyn TransparencyLog>>) -> Ca {
        Ca { logs, ..self }
    }

    /// In how many logs the policy wants a certificate; that the CA has as many.
    pub(super) fn logs_wanted(&self, permit: &Permit) -> Result<usize, IssueError> {
        let obliged = permit.report().obligations.iter().filter(|each| each.name == "ct");
        let counts = obliged.flat_map(|each| &each.arguments).map(|(_, count)| count.parse::<usize>());
        // A count that does not read is none that could be met.
        let wanted = counts.map(|count| count.unwrap_or(usize::MAX)).max().unwrap_or(0);
        if wanted <= self.logs.len() {
            return Ok(wanted);
        }
        Err(IssueError::Timestamps { wanted, given: 0, why: Vec::new() })
    }

    /// Spends the permit on the pair: signs the precertificate, has logs promise to publish it, and signs the
    /// certificate that holds their promises.
    pub(super) fn sign_logged(
        &self,
        work: &Work<'_>,
        profile: &Profile,
        permit: Permit,
        intent: u64,
        wanted: usize,
    ) -> Result<Vec<u8>, IssueError> {
        let (not_before, not_after) = (work.now, permit.not_after());
        let tbs = permit.spend(self.outside.now()).map_err(IssueError::Expired)?;
        let poisoned = certificate::precertificate(tbs.as_bytes()).map_err(encoding)?;
        let precertificate = sign_bytes(work.authority, &poisoned)?;
        self.record_precertificate(intent, work.now, &precertificate)?;
        let of = Precertified { issuer: work.authority.issuer().spki(), tbs: tbs.as_bytes() };
        let timestamps = self.timestamps(&of, work.authority, &precertificate, wanted)?;
        let long = || IssueError::Encoding("the timestamps are too long for a certificate".to_owned());
        let scts = list(&timestamps).ok_or_else(long)?;
        let last = certificate::with_scts(tbs.as_bytes(), &scts).map_err(encoding)?;
        if !certificate::is_pair(&poisoned, &last) {
            let what = "precertificate and certificate differ in more than poison and timestamps";
            return Err(IssueError::Encoding(what.to_owned()));
        }
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
        for log in &self.logs {
            if timestamps.len() == wanted {
                break;
            }
            // A log that is named twice promises once.
            if heard.contains(&log.spki()) {
                continue;
            }
            heard.push(log.spki());
            let answer = log.add_pre_chain(&[precertificate, authority.certificate()]);
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

/// SHA-256 of the tbsCertificate of a permit's precertificate, for the intent.
pub(super) fn digest(permit: &Permit) -> Result<String, IssueError> {
    let poisoned = certificate::precertificate(permit.tbs()).map_err(encoding)?;
    Ok(Sha256Digest::of(&poisoned).to_string())
}

fn encoding(error: certificate::AssemblyError) -> IssueError {
    IssueError::Encoding(error.to_string())
}
