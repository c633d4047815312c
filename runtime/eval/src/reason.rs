//! One reason of a decision: what was needed, what was found, and what would mend it.
use crate::condition::Evaluator;
use crate::contents::Stray;
use crate::decision::Outcome;
use crate::logic::Truth;
use crate::lookup::{Inputs, Item, Why};
use crate::requirement::Approved;
use alloc::borrow::Cow;
use core::fmt;
use pkic_ir::{
    Body, Citation, Field, Guard, Mandate, Origin, Program, Requirement, RequirementId, Strength, Way,
};
use pkic_vocab::{BasisSet, Grade, Path, Slot, Source, limits, time};

/// What a reason is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    Field(&'a Field),
    IssuedBy,
    Operation,
    Profile,
    Requirement(RequirementId, &'a Requirement),
    Stray(Stray<'a>),
}

/// The id of a requirement, as refusals, waivers and tests name it: `key.storage`, `contents.validity`, `operations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id<'a> {
    prefix: &'static str,
    name: Cow<'a, str>,
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        f.write_str(&self.name)
    }
}

impl PartialEq<str> for Id<'_> {
    fn eq(&self, other: &str) -> bool {
        other.strip_prefix(self.prefix) == Some(&*self.name)
    }
}

impl PartialEq<&str> for Id<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// One requirement of a decision, with what became of it. What is costly to say is computed when it is asked for.
#[derive(Debug, Clone)]
pub struct Reason<'a> {
    pub(crate) what: What<'a>,
    /// What became of it.
    pub outcome: Outcome,
    pub(crate) inputs: Option<&'a Inputs<'a>>,
    pub(crate) program: &'a Program,
}

/// A fact that a requirement hangs on, as it was found.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// Which fact.
    pub path: Cow<'a, Path>,
    /// Its grade, where the table has a value.
    pub grade: Option<Grade>,
    /// What the value rests on; empty where there is none.
    pub basis: BasisSet,
    /// The evidence that it came from.
    pub source: Option<&'a Source>,
    /// Why it counts as unknown, if it does.
    pub why: Option<Why>,
    seen: Seen<'a>,
    needed: Guard,
}

/// The value of a fact, however well it is known.
#[derive(Debug, Clone, Copy)]
enum Seen<'a> {
    Absent,
    Conflict,
    Item(Item<'a>),
    Nothing,
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seen {
            Seen::Absent => f.write_str("absent"),
            Seen::Conflict => f.write_str("values that disagree"),
            Seen::Item(item) => write!(f, "{item}"),
            Seen::Nothing => f.write_str("unknown"),
        }
    }
}

/// A way of a `one of`, with what it falls short of.
#[derive(Debug, Clone)]
pub struct WayReport<'a> {
    /// The way.
    pub way: &'a Way,
    /// Whether it holds.
    pub truth: Truth,
    inputs: &'a Inputs<'a>,
    one_of: RequirementId,
}

impl<'a> WayReport<'a> {
    /// Its lines that do not hold. Approval lines are not told apart from the way that they stand in.
    pub fn shortfalls(&self) -> impl Iterator<Item = Reason<'a>> {
        let inputs = self.inputs;
        let one_of = self.one_of;
        self.way.requirements.iter().filter_map(move |id| {
            let requirement = inputs.program.requirement(*id)?;
            let evaluator = Evaluator::new(inputs);
            let truth =
                evaluator.requirement(*id, requirement, Approved::Among(one_of), limits::NESTING_MAX)?;
            let outcome = Outcome::of(truth);
            let what = What::Requirement(*id, requirement);
            outcome.is_failure().then_some(Reason {
                what,
                outcome,
                inputs: Some(inputs),
                program: inputs.program,
            })
        })
    }
}

impl<'a> Reason<'a> {
    /// Its id.
    pub fn id(&self) -> Id<'a> {
        let plain = |name: &'static str| Id { prefix: "", name: Cow::Borrowed(name) };
        match &self.what {
            What::Field(field) => Id { prefix: "contents.", name: Cow::Borrowed(&field.name) },
            What::IssuedBy => plain("issued-by"),
            What::Operation => plain("operations"),
            What::Profile => plain("profile"),
            What::Requirement(_, requirement) => Id { prefix: "", name: Cow::Borrowed(&requirement.id) },
            What::Stray(stray) => {
                let row = stray.fact.def().path;
                let row = row.strip_prefix("certificate.").unwrap_or(row);
                let declared = stray.declared.and_then(|path| path.name.as_ref());
                let name = match (declared, row.strip_suffix('*')) {
                    (Some(name), Some(row)) => Cow::Owned(alloc::format!("{row}{name}")),
                    _ => Cow::Borrowed(row),
                };
                Id { prefix: "contents.", name }
            }
        }
    }

    /// Whether it refuses or warns where it is not met.
    pub fn strength(&self) -> Strength {
        self.requirement().map_or(Strength::Must, |requirement| requirement.strength)
    }

    /// Whether it keeps the request from being permitted.
    pub fn refuses(&self) -> bool {
        self.strength() == Strength::Must && self.outcome.is_failure()
    }

    /// The requirement, where it is one and not a grant.
    pub fn requirement(&self) -> Option<&'a Requirement> {
        match &self.what {
            What::Requirement(_, requirement) => Some(requirement),
            What::Field(_) | What::IssuedBy | What::Operation | What::Profile | What::Stray(_) => None,
        }
    }

    /// The field of `contents`, where it is one.
    pub fn field(&self) -> Option<&'a Field> {
        match &self.what {
            What::Field(field) => Some(field),
            What::Requirement(..) | What::IssuedBy | What::Operation | What::Profile | What::Stray(_) => None,
        }
    }

    /// What was needed, in the words of the policy where it has some.
    pub fn need(&self) -> &'a str {
        match &self.what {
            What::Field(field) if field.text.is_empty() => "the field as `contents` grants it",
            What::Field(field) => &field.text,
            What::IssuedBy => "an authority that `issued-by` names",
            What::Operation => "an operation that `operations` names",
            What::Profile => "a profile of a checked program",
            What::Requirement(_, requirement) => &requirement.text,
            What::Stray(_) => "no field that `contents` does not grant",
        }
    }

    /// Where the requirement stands in the source; the profile's place for its grants.
    pub fn origin(&self) -> Option<Origin> {
        match &self.what {
            What::Field(field) => Some(field.origin),
            What::Requirement(_, requirement) => Some(requirement.origin),
            What::IssuedBy | What::Operation | What::Stray(_) | What::Profile => {
                self.inputs.map(|inputs| inputs.profile.origin)
            }
        }
    }

    /// Its citation.
    pub fn citation(&self) -> Option<&'a Citation> {
        match &self.what {
            What::Field(field) => field.cites.as_ref(),
            What::Requirement(_, requirement) => requirement.cites.as_ref(),
            What::IssuedBy | What::Operation | What::Stray(_) | What::Profile => None,
        }
    }

    /// The mandate that it belongs to.
    pub fn mandate(&self) -> Option<&'a Mandate> {
        let index = usize::try_from(self.requirement()?.mandate?).ok()?;
        self.program.mandates.get(index)
    }

    /// The fact that it hangs on, as it was found; `None` where it hangs on none, as an approval does.
    #[inline] // who reads a grade alone pays for no more
    pub fn found(&self) -> Option<Found<'a>> {
        let inputs = self.inputs?;
        match &self.what {
            What::Field(field) => {
                Some(found_in(inputs, Cow::Borrowed(&field.path), &Guard::FLOOR, self.outcome))
            }
            What::Stray(Stray { fact, declared, .. }) => {
                let path = declared.map_or_else(|| Cow::Owned((*fact).into()), Cow::Borrowed);
                Some(found_in(inputs, path, &Guard::FLOOR, self.outcome))
            }
            What::Requirement(_, requirement) => {
                let Body::Expr(id) = requirement.body else { return None };
                let levels = limits::EXPRESSION_DEPTH_MAX;
                let (path, guard) = Evaluator::new(inputs).deciding(id, Truth::True, levels)?;
                Some(found_in(inputs, Cow::Borrowed(path), guard, self.outcome))
            }
            What::IssuedBy | What::Operation | What::Profile => None,
        }
    }

    /// The ways of a `one of`, in their order.
    pub fn ways(&self) -> impl Iterator<Item = WayReport<'a>> + use<'a> {
        let ways = match (&self.what, self.inputs) {
            (What::Requirement(id, requirement), Some(inputs)) => match &requirement.body {
                Body::OneOf(ways) => Some((*id, ways, inputs)),
                Body::Expr(_) | Body::Approve(_) => None,
            },
            _ => None,
        };
        ways.into_iter().flat_map(|(one_of, ways, inputs)| {
            ways.iter().map(move |way| {
                let evaluator = Evaluator::new(inputs);
                let truth = evaluator.way(one_of, way, Approved::Among(one_of), limits::NESTING_MAX);
                WayReport { way, truth, inputs, one_of }
            })
        })
    }

    /// What would mend it, in one sentence; empty where nothing is to be mended.
    pub fn remedy(&self) -> Remedy<'_, 'a> {
        Remedy { reason: self }
    }
}

#[inline]
fn found_in<'a>(inputs: &'a Inputs<'a>, path: Cow<'a, Path>, guard: &Guard, outcome: Outcome) -> Found<'a> {
    let slot = inputs.table.slot(&path);
    let (fact, held) = match slot {
        Slot::Known(fact) => (Some(fact), Seen::Item(Item::Value(&fact.value))),
        Slot::Absent => (None, Seen::Absent),
        Slot::Conflict => (None, Seen::Conflict),
        Slot::Unknown => (None, Seen::Nothing),
    };
    let (seen, why) = match inputs.judge(path.fact, slot, guard) {
        Ok(Some(item)) => (Seen::Item(item), None),
        Ok(None) => (held, None),
        Err(why) => (held, Some(why)),
    };
    Found {
        path,
        grade: fact.map(|fact| fact.grade),
        basis: fact.map_or(BasisSet::EMPTY, |fact| fact.basis),
        source: fact
            .and_then(|fact| fact.source)
            .and_then(|index| inputs.table.sources.get(usize::from(index))),
        why: why.or((outcome == Outcome::Unknown).then_some(Why::Vague)),
        seen,
        needed: *guard,
    }
}

/// Writes what would mend a reason.
#[derive(Debug, Clone, Copy)]
pub struct Remedy<'r, 'a> {
    reason: &'r Reason<'a>,
}

impl fmt::Display for Remedy<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.reason.outcome.is_failure() {
            return Ok(());
        }
        match &self.reason.what {
            What::Profile => return f.write_str("name a profile of this policy"),
            What::Operation => return f.write_str("ask for an operation that the profile grants"),
            What::IssuedBy => return f.write_str("have an authority sign that the profile names"),
            What::Stray(_) if self.reason.outcome == Outcome::Violated => {
                return f.write_str("leave the field out, or grant it in `contents`");
            }
            What::Requirement(_, requirement) => match &requirement.body {
                Body::Approve(_) => {
                    return f.write_str("have more members of the group approve this request");
                }
                Body::OneOf(_) => return f.write_str("meet every line of one of the ways"),
                Body::Expr(_) => {}
            },
            What::Field(_) | What::Stray(_) => {}
        }
        let Some(found) = self.reason.found() else {
            return f.write_str("no request can meet this");
        };
        match found.why {
            Some(why) => unknown(f, &found, why),
            None => write!(f, "`{}` must be so that this holds: {}", Name(&found.path), self.reason.need()),
        }
    }
}

/// A path as policies spell it.
struct Name<'p>(&'p Path);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.0.fact.def().path;
        match (&self.0.name, row.strip_suffix('*')) {
            (Some(name), Some(row)) => write!(f, "{row}{name}"),
            _ => f.write_str(row),
        }
    }
}

fn unknown(f: &mut fmt::Formatter<'_>, found: &Found<'_>, why: Why) -> fmt::Result {
    let path = Name(&found.path);
    let def = found.path.fact.def();
    let needed = found.needed.grade.unwrap_or(def.floor).name();
    match why {
        Why::Missing if !def.is_graded() => write!(f, "say what `{path}` is"),
        Why::Missing => write!(f, "give evidence that says `{path}` @ {needed}"),
        Why::Conflict => write!(f, "two sources disagree about `{path}`: give the one that is right alone"),
        Why::Grade { found, needed } => {
            write!(
                f,
                "`{path}` is known @ {} only: give evidence that says it @ {}",
                found.name(),
                needed.name()
            )
        }
        Why::Basis { needed, .. } => {
            write!(f, "`{path}` must rest on")?;
            needed
                .names()
                .enumerate()
                .try_for_each(|(index, name)| write!(f, "{}{name}", if index == 0 { " " } else { " or " }))
        }
        Why::OnFile => {
            write!(f, "evidence on file does not count here: send evidence for `{path}` with the request")
        }
        Why::Purpose(purpose) => {
            write!(
                f,
                "`{path}` hangs on an anchor for {}: only production anchors count outside a lab policy",
                purpose.name()
            )
        }
        Why::Stale { within_s, .. } => {
            write!(f, "evidence for `{path}` must be at most {} old", time::format_span(within_s))
        }
        Why::Vague => write!(f, "`{path}` is not known closely enough: give evidence that says which it is"),
    }
}
