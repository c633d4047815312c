//! Approvals and exceptions of one order, as its decision takes them and its record spends them.
use super::{Act, Ca, IssueError, Order};
use crate::approvals::{self, ApprovalId, ApprovalRequest, Asked, Void, exception};
use crate::authority::Authority;
use crate::authorize::Refusal;
use crate::decide::find_profile;
use crate::input::{Given, InputError};
use crate::record::Approvals;
use crate::report::Warning;
use pkic_audit::Spend;
use pkic_eval::Ask;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::verified::Evidence;
use pkic_ir::{Body, Profile};
use pkic_vocab::{Value, Word};

/// What people signed for one order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signed<'a> {
    /// The approval that was asked for, and signatures over its text.
    pub approval: Option<(&'a ApprovalRequest, &'a [&'a [u8]])>,
    /// Exceptions by qualified name, and signatures over what each was compiled to.
    pub exceptions: &'a [(&'a str, &'a [&'a [u8]])],
}

/// What is asked, as people approve it.
pub(super) struct Subject<'a> {
    pub(super) operation: Word,
    pub(super) request: Sha256Digest,
    pub(super) evidence: Vec<Sha256Digest>,
    pub(super) requester: &'a Given,
}

/// What people are to approve.
#[derive(Debug, Clone, Copy)]
pub enum Asking<'a> {
    /// That an order is issued.
    Order(&'a Order<'a>),
    /// That the certificate of that serial number, in hexadecimal digits, is revoked.
    Revoke(&'a Act<'a>, &'a str),
    /// That the list of what is revoked now is signed: [`Ca::list_text`].
    List(&'a Act<'a>),
}

impl<'a> Subject<'a> {
    pub(super) fn of(order: &Order<'a>) -> Subject<'a> {
        Subject {
            operation: order.operation,
            request: Sha256Digest::of(order.csr.der()),
            evidence: order.evidence.iter().map(Evidence::digest).collect(),
            requester: order.requester,
        }
    }
}

/// What counts of it.
#[derive(Default)]
pub(super) struct Approved<'p> {
    request: Vec<(u32, &'p str)>,
    exceptions: Vec<(&'p str, u32, &'p str)>,
    uses: Vec<(&'p str, u32)>,
    spend: Option<Spend>,
    refused: Vec<String>,
}

impl Approved<'_> {
    /// The ask that carries them.
    pub(super) fn ask(&self, profile: u32, authority: Option<u32>, operation: Word) -> Ask<'_> {
        Ask {
            authority,
            approvals: &self.request,
            exception_approvals: &self.exceptions,
            exception_uses: &self.uses,
            ..Ask::new(profile, operation)
        }
    }

    /// The last second at which the approval counts, where there is one.
    pub(super) fn not_after(&self) -> Option<i64> {
        self.spend.and_then(|spend| spend.expires)
    }

    /// What the intent spends: the approval's id, and one use of the exception that the decision used.
    pub(super) fn spends(&self, exception: Option<&str>) -> Vec<Spend> {
        let used = exception.map(|name| {
            let uses = self.uses.iter().find(|(known, _)| *known == name).map_or(0, |(_, uses)| *uses);
            Spend { id: use_id(name, uses), expires: None }
        });
        self.spend.into_iter().chain(used).collect()
    }

    /// Signatures that do not count, for the report.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let warning = |why: &String| Warning {
            id: "approval".to_owned(),
            message: format!("a signature does not count: {why}"),
            line: None,
        };
        self.refused.iter().map(warning).collect()
    }

    /// For the record.
    pub(super) fn record(&self) -> Approvals {
        let of_exception = |(exception, group, member): &(&str, u32, &str)| {
            ((*exception).to_owned(), *group, (*member).to_owned())
        };
        Approvals {
            request: self.request.iter().map(|(group, member)| (*group, (*member).to_owned())).collect(),
            exceptions: self.exceptions.iter().map(of_exception).collect(),
            uses: self.uses.iter().map(|(name, uses)| ((*name).to_owned(), *uses)).collect(),
            refused: self.refused.clone(),
        }
    }
}

impl Ca {
    /// The text that people sign so that what was refused can be permitted: with a fresh id, to count for so many seconds
    /// from now. Nothing where something lacks that nobody can approve.
    ///
    /// # Errors
    /// [`IssueError::Input`] where nobody vouches for a requester, or the text cannot say what is asked; as the act
    /// itself.
    pub fn approval_request(
        &self,
        authority: &Authority,
        asking: Asking<'_>,
        refusal: &Refusal,
        span_s: i64,
    ) -> Result<Option<ApprovalRequest>, IssueError> {
        let (profile, subject) = match asking {
            Asking::Order(order) => (order.profile, Subject::of(order)),
            Asking::Revoke(act, serial) => (act.profile, self.revoking(authority, act, serial)?),
            Asking::List(act) => (act.profile, self.listing(authority, act)?),
        };
        let (_, profile) = find_profile(&self.loaded, profile)?;
        let program = self.loaded.program();
        let asked_of_people = |failing: &String| {
            let mut of_profile = profile.requirements.iter().filter_map(|id| program.requirement(*id));
            of_profile
                .any(|requirement| requirement.id == *failing && matches!(requirement.body, Body::Approve(_)))
        };
        let is_policy = matches!(refusal, Refusal::Policy { .. });
        if !is_policy || !refusal.failing().iter().all(asked_of_people) {
            return Ok(None);
        }
        let mut id = [0u8; 16];
        self.random(&mut id)?;
        let asked = self.asked(authority, profile, &subject);
        let not_after = self.now()?.saturating_add(span_s);
        Ok(Some(ApprovalRequest::new(ApprovalId(id), asked, not_after)?))
    }

    /// What is asked, in the words of an approval.
    fn asked(&self, authority: &Authority, profile: &Profile, subject: &Subject<'_>) -> Asked {
        Asked {
            operation: subject.operation,
            authority: authority.name().to_owned(),
            profile: profile.name.clone(),
            requester: requester_id(subject.requester).unwrap_or_default(),
            request: subject.request,
            evidence: subject.evidence.clone(),
            program: self.loaded.digest(),
        }
    }

    /// Checks what people signed against what is asked, and counts how often exceptions of the profile were used.
    pub(super) fn approved<'p>(
        &'p self,
        authority: &Authority,
        profile: &'p Profile,
        subject: &Subject<'_>,
        signed: &Signed<'_>,
        now: i64,
    ) -> Result<Approved<'p>, IssueError> {
        let mut approved = Approved::default();
        let unfit =
            |void: Void| IssueError::Input(InputError::new("approval", void.to_string(), "ask for another"));
        if let Some((request, signatures)) = signed.approval {
            let asked = self.asked(authority, profile, subject);
            let found = approvals::check(&self.loaded, &asked, request, signatures, now).map_err(unfit)?;
            approved.request = found.approvals;
            approved.refused.extend(found.refused.iter().map(|refused| refused.why.to_string()));
            let id = Sha256Digest::of(&[b"approval\0", &request.id().0[..]].concat());
            approved.spend = Some(Spend { id, expires: Some(request.not_after()) });
        }
        for (name, signatures) in signed.exceptions {
            let found = exception::check(&self.loaded, name, signatures).map_err(unfit)?;
            approved.exceptions.extend(found.approvals);
            approved.refused.extend(found.refused.iter().map(|refused| refused.why.to_string()));
        }
        approved.uses = profile.exceptions.iter().map(|of| (of.name.as_str(), self.uses(&of.name))).collect();
        Ok(approved)
    }

    /// How often an exception was used, by the log.
    fn uses(&self, name: &str) -> u32 {
        self.log.view(|view| {
            (0..u32::MAX).find(|uses| view.spent_by(&use_id(name, *uses)).is_none()).unwrap_or(u32::MAX)
        })
    }
}

/// What the n-th use of an exception spends.
fn use_id(exception: &str, uses: u32) -> Sha256Digest {
    Sha256Digest::of(&[b"exception\0", exception.as_bytes(), &[0], &uses.to_be_bytes()].concat())
}

/// Who asks, as the embedding CA vouches for them.
fn requester_id(requester: &Given) -> Option<String> {
    requester.entries().iter().find_map(|(path, value)| match (*path, value) {
        ("request.requester.id", Value::Text(id) | Value::Name(id)) => Some(id.clone()),
        _ => None,
    })
}
