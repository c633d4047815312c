//! The decision: computed once, held inline, explained on demand.
use crate::approvals::{Lines, Persons};
use crate::ask::Ask;
use crate::condition::Evaluator;
use crate::logic::Truth;
use crate::lookup::Inputs;
use crate::reason::{Reason, What};
use crate::requirement::Approved;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use pkic_ir::{
    Authority, Body, Exception, Field, Obligation, Profile, Program, Requirement, RequirementId, Strength,
};
use pkic_vocab::limits;

/// What became of one requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Not in force at this moment, or known not to apply.
    #[default]
    Idle,
    /// The issuing CA alone can fill the field, and has not yet.
    Pending,
    /// It holds.
    Satisfied,
    /// What is known does not decide it. Refuses, like a violation.
    Unknown,
    /// It does not hold.
    Violated,
    /// It does not hold, and an exception waives it.
    Waived,
}

impl Outcome {
    pub(crate) fn of(truth: Truth) -> Outcome {
        match truth {
            Truth::False => Outcome::Violated,
            Truth::Unknown => Outcome::Unknown,
            Truth::True => Outcome::Satisfied,
        }
    }

    /// Whether this keeps a requirement from being met.
    pub const fn is_failure(self) -> bool {
        matches!(self, Outcome::Unknown | Outcome::Violated)
    }

    /// The word for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Idle => "idle",
            Outcome::Pending => "pending",
            Outcome::Satisfied => "satisfied",
            Outcome::Unknown => "unknown",
            Outcome::Violated => "violated",
            Outcome::Waived => "waived",
        }
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that refuses is satisfied.
    Permit,
    /// Something is not.
    Refuse,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Certificate,
    Signer,
}

/// A decision with its reasons. It borrows what it was computed from, and can sign nothing.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    pub(crate) inputs: Option<Inputs<'a>>,
    pub(crate) program: &'a Program,
    pub(crate) scope: Scope,
    verdict: Verdict,
    is_operation_granted: bool,
    is_authority_granted: bool,
    has_strays: bool,
    uses_exceptions: bool,
    /// Exceptions whose dates, approvals and uses let them count, and whose condition is not known to be false.
    exceptions: u64,
    requirements: [Outcome; limits::PROFILE_REQUIREMENTS_MAX],
    fields: [Outcome; limits::LIST_LEN_MAX],
}

impl<'a> Decision<'a> {
    /// A refusal: the profile does not exist.
    pub(crate) fn without_profile(program: &'a Program) -> Decision<'a> {
        Decision {
            inputs: None,
            program,
            scope: Scope::Certificate,
            verdict: Verdict::Refuse,
            is_operation_granted: false,
            is_authority_granted: false,
            has_strays: false,
            uses_exceptions: false,
            exceptions: 0,
            requirements: [Outcome::Idle; limits::PROFILE_REQUIREMENTS_MAX],
            fields: [Outcome::Idle; limits::LIST_LEN_MAX],
        }
    }

    /// Decides, in place: a decision is too large to be moved about.
    pub(crate) fn compute(&mut self, inputs: Inputs<'a>, scope: Scope) {
        let profile = inputs.profile;
        let is_within_limits = profile.requirements.len() <= self.requirements.len()
            && profile.contents.len() <= self.fields.len()
            && profile.exceptions.len() <= limits::EXCEPTIONS_MAX;
        self.scope = scope;
        if !is_within_limits {
            return;
        }
        self.inputs = Some(inputs);
        let evaluator = Evaluator::new(&inputs);
        let mut is_permitted = true;
        if scope == Scope::Certificate {
            self.grants(&evaluator);
            is_permitted &= self.is_operation_granted && self.is_authority_granted;
            is_permitted &= self.contents(&evaluator);
            is_permitted &= self.exceptions(&evaluator);
        }
        is_permitted &= self.lines(&evaluator);
        self.verdict = if is_permitted { Verdict::Permit } else { Verdict::Refuse };
    }

    fn grants(&mut self, evaluator: &Evaluator<'_>) {
        let Inputs { profile, ask, program, .. } = *evaluator.inputs;
        self.is_operation_granted = profile.operations.contains(&ask.operation);
        self.is_authority_granted = match ask.authority {
            // A profile without `issued-by` leaves the choice to the CA that asks, and is signed by none of ours.
            None => profile.issued_by.is_empty(),
            Some(authority) => {
                profile.issued_by.contains(&authority)
                    && usize::try_from(authority).is_ok_and(|index| index < program.authorities.len())
            }
        };
    }

    fn contents(&mut self, evaluator: &Evaluator<'_>) -> bool {
        let critical = evaluator.critical();
        let mut is_permitted = true;
        for (field, outcome) in evaluator.inputs.profile.contents.iter().zip(&mut self.fields) {
            *outcome = evaluator.field(field, critical);
            is_permitted &= !outcome.is_failure();
        }
        self.has_strays = evaluator.strays().next().is_some();
        is_permitted && !self.has_strays
    }

    /// Finds the exceptions that count, and whether everything that they ask instead holds.
    fn exceptions(&mut self, evaluator: &Evaluator<'_>) -> bool {
        let mut is_permitted = true;
        for (at, exception) in evaluator.inputs.profile.exceptions.iter().enumerate() {
            if self.counts(evaluator, exception) {
                self.exceptions |= 1 << at;
                is_permitted &= are_controls_met(evaluator, exception);
            }
        }
        is_permitted
    }

    #[inline(never)]
    fn counts(&self, evaluator: &Evaluator<'_>, exception: &Exception) -> bool {
        let Inputs { ask, program, .. } = *evaluator.inputs;
        let used = ask.exception_uses.iter().filter(|(name, _)| *name == exception.name);
        let is_left = used.map(|(_, count)| *count).max().unwrap_or(0) < exception.at_most;
        is_left
            && evaluator.is_live(exception.from, Some(exception.before))
            && is_exception_approved(program, ask, exception)
            && exception.when.is_none_or(|id| evaluator.condition(id) != Truth::False)
    }

    /// Judges the requirements of the profile, less what exceptions waive.
    fn lines(&mut self, evaluator: &Evaluator<'_>) -> bool {
        let Inputs { profile, program, .. } = *evaluator.inputs;
        let is_blocked = self
            .counting()
            .any(|exception| exception.when.is_some_and(|id| evaluator.condition(id) != Truth::True));
        let waiving = if is_blocked { 0 } else { self.exceptions };
        let is_waived = |requirement: &Requirement| {
            let mut exceptions = marked(&profile.exceptions, waiving).peekable();
            requirement.mandate.is_none()
                && exceptions.peek().is_some()
                && exceptions.all(|exception| exception.waives.contains(&requirement.id))
        };
        let is_approval = |id: &RequirementId| {
            program.requirement(*id).is_some_and(|requirement| matches!(requirement.body, Body::Approve(_)))
        };
        if profile.requirements.iter().any(is_approval) {
            self.approvals(evaluator, &is_waived);
        }
        let mut is_permitted = true;
        let mut uses_exceptions = false;
        for (id, place) in profile.requirements.iter().zip(&mut self.requirements) {
            let Some(requirement) = program.requirement(*id) else {
                *place = Outcome::Unknown;
                is_permitted = false;
                continue;
            };
            if self.scope == Scope::Signer && !evaluator.is_about_key(*id, requirement, limits::NESTING_MAX) {
                *place = Outcome::Idle;
                continue;
            }
            let approved = match requirement.body {
                Body::Approve(_) => Approved::Line(*place == Outcome::Satisfied),
                Body::Expr(_) | Body::OneOf(_) => Approved::Among(*id),
            };
            let truth = evaluator.requirement(*id, requirement, approved, limits::NESTING_MAX);
            *place = truth.map_or(Outcome::Idle, Outcome::of);
            if requirement.strength == Strength::Must && place.is_failure() {
                if is_waived(requirement) {
                    *place = Outcome::Waived;
                    uses_exceptions = true;
                } else {
                    is_permitted = false;
                }
            }
        }
        self.uses_exceptions = uses_exceptions;
        is_permitted
    }

    /// Gives persons to the approval lines of the profile and marks those that are filled: first the lines that
    /// refuse, then those that an exception waives, then those that warn.
    #[inline(never)]
    fn approvals(&mut self, evaluator: &Evaluator<'_>, is_waived: &dyn Fn(&Requirement) -> bool) {
        let Inputs { profile, program, ask, .. } = *evaluator.inputs;
        let mut lines = Lines::EMPTY;
        let mut places = [0usize; limits::APPROVAL_LINES_MAX];
        let mut count = 0usize;
        for turn in 0..3u8 {
            for (at, id) in profile.requirements.iter().enumerate() {
                let Some(requirement) = program.requirement(*id) else { continue };
                let Body::Approve(approval) = &requirement.body else { continue };
                let mine = match requirement.strength {
                    Strength::Must if !is_waived(requirement) => 0,
                    Strength::Must => 1,
                    Strength::Should => 2,
                };
                let is_idle = mine != turn
                    || !evaluator.is_live(requirement.from, requirement.before)
                    || evaluator.applies(&requirement.when) == Truth::False;
                if is_idle {
                    continue;
                }
                lines.push(approval);
                if let Some(place) = places.get_mut(count) {
                    *place = at;
                    count += 1;
                }
            }
        }
        let served = Persons::new(program, ask.approvals).serve(&lines);
        for (at, served) in places.iter().take(count).zip(served) {
            let asked = profile.requirements.get(*at).and_then(|id| program.requirement(*id));
            let is_filled = asked.is_some_and(|requirement| {
                matches!(&requirement.body, Body::Approve(approval) if served >= approval.count)
            });
            if let (true, Some(place)) = (is_filled, self.requirements.get_mut(*at)) {
                *place = Outcome::Satisfied;
            }
        }
    }

    /// Permit or refuse.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the verdict is a permit.
    pub const fn is_permit(&self) -> bool {
        matches!(self.verdict, Verdict::Permit)
    }

    /// Whether the policy is a lab policy; the word belongs in every report of this decision.
    pub const fn is_lab(&self) -> bool {
        self.program.lab
    }

    /// The profile that was asked for; `None` if the program has no such profile.
    pub fn profile(&self) -> Option<&'a Profile> {
        self.inputs.as_ref().map(|inputs| inputs.profile)
    }

    /// The authority that would sign.
    pub fn authority(&self) -> Option<&'a Authority> {
        self.inputs.as_ref().and_then(|inputs| inputs.authority())
    }

    /// Index of the authority that would sign.
    pub fn authority_index(&self) -> Option<u32> {
        self.inputs.as_ref().and_then(|inputs| inputs.ask.authority)
    }

    /// The moment of the decision, in seconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> Option<i64> {
        self.inputs.as_ref().map(|inputs| inputs.now)
    }

    /// Every requirement in force, with what became of it: grants, contents, lines of the profile and its mandates in
    /// their order, then the controls of exceptions.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        let is_about_certificate = self.scope == Scope::Certificate;
        let granted = |is_granted: bool| if is_granted { Outcome::Satisfied } else { Outcome::Violated };
        let no_profile = self.inputs.is_none().then_some((What::Profile, Outcome::Unknown));
        let grants = [
            (What::Operation, granted(self.is_operation_granted)),
            (What::IssuedBy, granted(self.is_authority_granted)),
        ];
        let grants = grants.into_iter().filter(move |_| is_about_certificate && self.inputs.is_some());
        let fields = self.profile().into_iter().flat_map(|profile| &profile.contents);
        let fields =
            fields.zip(self.fields.iter().copied()).map(|(field, outcome)| (What::Field(field), outcome));
        let strays = self
            .inputs
            .as_ref()
            .filter(|_| self.has_strays)
            .into_iter()
            .flat_map(|inputs| Evaluator::new(inputs).strays())
            .map(|stray| (What::Stray(stray), stray.outcome));
        let lines = self.profile().into_iter().flat_map(|profile| &profile.requirements);
        let lines = lines.zip(self.requirements.iter().copied()).filter_map(|(id, outcome)| {
            Some((What::Requirement(*id, self.program.requirement(*id)?), outcome))
        });
        let controls = self.inputs.as_ref().into_iter().flat_map(move |inputs| {
            marked(&inputs.profile.exceptions, self.exceptions)
                .flat_map(move |exception| controls_with(inputs, exception))
        });
        no_profile
            .into_iter()
            .chain(grants)
            .chain(fields)
            .chain(strays)
            .chain(lines)
            .chain(controls)
            .filter(|(_, outcome)| *outcome != Outcome::Idle)
            .map(|(what, outcome)| Reason {
                what,
                outcome,
                inputs: self.inputs.as_ref(),
                program: self.program,
            })
    }

    /// Ids of what refuses, sorted, each once. Empty for a permit.
    pub fn failing(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.reasons().filter(Reason::refuses).map(|reason| reason.id().to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// What should hold and does not: it refuses nothing.
    pub fn warnings(&self) -> impl Iterator<Item = Reason<'_>> {
        self.reasons().filter(|reason| reason.strength() == Strength::Should && reason.outcome.is_failure())
    }

    /// Fields that the issuing CA has yet to fill.
    pub fn pending(&self) -> impl Iterator<Item = &'a Field> + '_ {
        let fields = self.profile().into_iter().flat_map(|profile| &profile.contents);
        fields
            .zip(self.fields.iter().copied())
            .filter(|(_, outcome)| *outcome == Outcome::Pending)
            .map(|(field, _)| field)
    }

    /// What the CA must do besides, at this moment: obligations whose conditions are not known to be false.
    pub fn obligations(&self) -> impl Iterator<Item = &'a Obligation> + '_ {
        self.inputs.as_ref().into_iter().flat_map(|inputs| {
            let evaluator = Evaluator::new(inputs);
            inputs.profile.obligations.iter().filter(move |obligation| {
                evaluator.is_live(obligation.from, obligation.before)
                    && evaluator.applies(&obligation.when) != Truth::False
            })
        })
    }

    /// The exceptions that this decision would spend one use each of: those without which it would refuse more.
    pub fn exceptions_used(&self) -> impl Iterator<Item = &'a Exception> + '_ {
        self.counting().filter(|_| self.uses_exceptions)
    }

    /// The first of [`Decision::exceptions_used`].
    pub fn exception(&self) -> Option<&'a Exception> {
        self.exceptions_used().next()
    }

    fn counting(&self) -> impl Iterator<Item = &'a Exception> + use<'a> {
        let exceptions = self.profile().map_or(&[][..], |profile| &profile.exceptions);
        marked(exceptions, self.exceptions)
    }
}

fn marked(exceptions: &[Exception], marks: u64) -> impl Iterator<Item = &Exception> {
    exceptions
        .iter()
        .enumerate()
        .filter(move |(at, _)| *at < 64 && marks >> at & 1 == 1)
        .map(|(_, exception)| exception)
}

fn is_exception_approved(program: &Program, ask: Ask<'_>, exception: &Exception) -> bool {
    if exception.approvals.is_empty() {
        return true;
    }
    let mut lines = Lines::EMPTY;
    exception.approvals.iter().for_each(|approval| lines.push(approval));
    let mine = ask.exception_approvals.iter().filter(|(name, ..)| *name == exception.name);
    let mut approvals = [(0, ""); limits::APPROVALS_MAX];
    let mut count = 0usize;
    for (place, (_, group, member)) in approvals.iter_mut().zip(mine) {
        *place = (*group, *member);
        count += 1;
    }
    let approvals = approvals.get(..count).unwrap_or_default();
    Persons::new(program, approvals).fill(&lines)
}

#[inline(never)] // few profiles have exceptions, and those that have none shall not pay for their stack
fn are_controls_met(evaluator: &Evaluator<'_>, exception: &Exception) -> bool {
    control_outcomes(Evaluator::new(evaluator.inputs), exception).all(|(id, outcome)| {
        let strength = evaluator.inputs.program.requirement(id).map(|control| control.strength);
        strength == Some(Strength::Should) || !outcome.is_failure()
    })
}

/// The compensating controls of an exception, and what became of each.
fn control_outcomes<'a>(
    evaluator: Evaluator<'a>,
    exception: &'a Exception,
) -> impl Iterator<Item = (RequirementId, Outcome)> + use<'a> {
    let program = evaluator.inputs.program;
    exception.requirements.iter().map(move |id| {
        let Some(requirement) = program.requirement(*id) else {
            return (*id, Outcome::Unknown);
        };
        let mut lines = Lines::EMPTY;
        if !matches!(requirement.body, Body::Expr(_)) {
            let profile = &evaluator.inputs.profile.requirements;
            evaluator.gather(&mut lines, profile, None, limits::NESTING_MAX);
            evaluator.gather(&mut lines, &exception.requirements, None, limits::NESTING_MAX);
        }
        let is_filled = Persons::new(program, evaluator.inputs.ask.approvals).fill(&lines);
        let truth = evaluator.requirement(*id, requirement, Approved::Line(is_filled), limits::NESTING_MAX);
        (*id, truth.map_or(Outcome::Idle, Outcome::of))
    })
}

fn controls_with<'a>(
    inputs: &'a Inputs<'a>,
    exception: &'a Exception,
) -> impl Iterator<Item = (What<'a>, Outcome)> + use<'a> {
    let outcomes = control_outcomes(Evaluator::new(inputs), exception);
    outcomes.map(move |(id, outcome)| {
        let what = inputs.program.requirement(id).map(|requirement| What::Requirement(id, requirement));
        (what.unwrap_or(What::Profile), outcome)
    })
}
