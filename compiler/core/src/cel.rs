//! Policies in plain CEL, for hosts that speak it (design D9).
//!
//! A profile's requirements become expressions that are true exactly where the requirement is satisfied. The
//! rewriting is lexical: `-` in names becomes `_`; facts are select expressions; words, names, identifiers and
//! digests are strings; a word of a tree stands for all words that it accepts; `47d` is a `duration`, a date a
//! `timestamp`, and the moment of the decision is `now`. A distinguished name is a string in the form of [`dn`].
//!
//! Plain CEL has no grades and no hierarchies of names, so these host functions stand where a condition needs them;
//! a host without them rejects the expression, which is safe:
//!
//! - `known(fact, grade)`: the fact of that name (`"key.storage"`) has a value of at least that grade, from evidence
//!   that came with this request, under an anchor whose purpose the policy admits;
//! - `known_within(fact, grade, age)`: the same, where evidence on file may be as old as the duration `age`;
//! - `rests_on(fact, bases)`: the fact rests on nothing but what the list names;
//! - `name.under(type, bases)`: the name is one of `bases` or stands below one, in the hierarchy of that type
//!   (`"dns-name"`, `"dn"`, `"uri"`, `"oid"`), as [`pkic_vocab::names::is_under`] has it.
//!
//! The host gives the value of each fact that is known, every map with all that the certificate has in it (a list
//! that the certificate does not have is empty), and leaves out what is not known: an expression with an error is not
//! true. What CEL cannot say is listed in [`Emitted::omitted`], and nothing is ever weakened in silence.

mod condition;
mod filter;
mod names;
mod parse;

pub use filter::Filter;

pub use names::{dn, fact};

use condition::{Known, Piece, Unsayable, Writer};
use pkic_ir::{Body, Origin, Profile, Program, Requirement, RequirementId, Strength, Way};
use pkic_vocab::limits::NESTING_MAX;

/// Nodes that one requirement may have once its shared parts are written out: a host reads text, and 4,096
/// comparisons fill some hundred pages.
const VISITS_MAX: usize = 4096;

/// A profile in CEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// What refuses where it is not true, in the order of the profile.
    pub requirements: Vec<Expression>,
    /// What warns where it is not true (`prefer`, advice).
    pub preferences: Vec<Expression>,
    /// All of `requirements` in one expression; `false` where that is more than CEL parsers take.
    pub whole: String,
    /// What the expressions leave out.
    pub omitted: Vec<Omission>,
}

/// A requirement in CEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The requirement's id.
    pub id: String,
    /// Where it stands.
    pub origin: Origin,
    /// The expression: true where the requirement is satisfied or does not apply.
    pub text: String,
}

/// Something that a profile asks and its expressions do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    /// Id of the requirement, or the word for the part of a profile.
    pub id: String,
    /// Why, in one sentence.
    pub why: String,
}

/// Writes the profile of that qualified name in CEL; `None` where the program has no such profile.
pub fn emit(program: &Program, profile: &str) -> Option<Emitted> {
    let profile = program.profiles.iter().find(|candidate| candidate.name == profile)?;
    let mut emitted = Emitted {
        requirements: vec![operations(profile)],
        preferences: Vec::new(),
        whole: String::new(),
        omitted: Vec::new(),
    };
    for id in &profile.requirements {
        let Some(requirement) = program.requirement(*id) else { continue };
        match emit_requirement(program, requirement, &mut emitted.omitted) {
            Err(Unsayable(why)) => emitted.omitted.push(Omission { id: requirement.id.clone(), why }),
            Ok(text) => {
                let list = match requirement.strength {
                    Strength::Must => &mut emitted.requirements,
                    Strength::Should => &mut emitted.preferences,
                };
                list.push(Expression { id: requirement.id.clone(), origin: requirement.origin, text });
            }
        }
    }
    emitted.omitted.extend(beyond_conditions(profile));
    emitted.whole = whole(&emitted.requirements, &mut emitted.omitted);
    Some(emitted)
}

fn operations(profile: &Profile) -> Expression {
    let words: Vec<String> = profile.operations.iter().map(|word| names::quoted(word.name())).collect();
    Expression {
        id: "operations".to_owned(),
        origin: profile.origin,
        text: format!("request.operation in [{}]", words.join(", ")),
    }
}

fn whole(requirements: &[Expression], omitted: &mut Vec<Omission>) -> String {
    let parts: Vec<String> = requirements.iter().map(|part| format!("({})", part.text)).collect();
    let text = parts.join("\n&& ");
    match parse::check(&text) {
        Ok(()) => text,
        Err(why) => {
            omitted.push(Omission { id: "whole".to_owned(), why });
            "false".to_owned()
        }
    }
}

/// What a profile asks beside its requirements.
fn beyond_conditions(profile: &Profile) -> Vec<Omission> {
    let mut omitted = Vec::new();
    let mut omit = |id: &str, why: String| omitted.push(Omission { id: id.to_owned(), why });
    if !profile.contents.is_empty() {
        omit("contents", "which fields a certificate may hold is decided over its bytes".to_owned());
    }
    if !profile.issued_by.is_empty() {
        omit("issued-by", "the host chooses the authority, and judges its key".to_owned());
    }
    for obligation in &profile.obligations {
        omit(&obligation.name, "an obligation is a deed of the CA, not a condition".to_owned());
    }
    for exception in &profile.exceptions {
        omit(
            &exception.name,
            "an exception counts its uses and approvals: here it waives nothing".to_owned(),
        );
    }
    omitted
}

fn emit_requirement(
    program: &Program,
    requirement: &Requirement,
    omitted: &mut Vec<Omission>,
) -> Result<String, Unsayable> {
    let mut ways = Ways { writer: Writer::new(program, VISITS_MAX), program, omitted, depth: 0 };
    let piece = ways.requirement(requirement)?;
    parse::check(&piece.text).map_err(Unsayable)?;
    Ok(piece.text)
}

/// That a requirement is inside its window; `None` for one that is so always.
fn live(requirement: &Requirement) -> Option<Piece> {
    let from = requirement.from.map(|from| format!("now >= {}", names::timestamp(from)));
    let before = requirement.before.map(|before| format!("now < {}", names::timestamp(before)));
    let edges: Vec<Piece> = from.into_iter().chain(before).map(Piece::tight).collect();
    (!edges.is_empty()).then(|| Piece::and(edges))
}

/// Writes requirements, those inside of ways included.
struct Ways<'p> {
    program: &'p Program,
    writer: Writer<'p>,
    omitted: &'p mut Vec<Omission>,
    depth: usize,
}

impl Ways<'_> {
    /// Outside of its window, or where a `when` around it is known to be false, a requirement asks nothing.
    fn requirement(&mut self, requirement: &Requirement) -> Result<Piece, Unsayable> {
        let mut pieces = Vec::new();
        if let Some(from) = requirement.from {
            pieces.push(Piece::tight(format!("now < {}", names::timestamp(from))));
        }
        if let Some(before) = requirement.before {
            pieces.push(Piece::tight(format!("now >= {}", names::timestamp(before))));
        }
        for condition in &requirement.when {
            pieces.push(self.writer.ask(*condition, Known::False)?);
        }
        pieces.push(match &requirement.body {
            Body::Expr(condition) => self.writer.ask(*condition, Known::True)?,
            Body::OneOf(ways) => self.one_of(&requirement.id, ways)?,
            Body::Approve(_) => {
                return Err(Unsayable("approvals are signatures, and no condition of CEL".to_owned()));
            }
        });
        Ok(Piece::or(pieces))
    }

    /// The ways that CEL can say; a way that it cannot is closed, and listed.
    fn one_of(&mut self, id: &str, ways: &[Way]) -> Result<Piece, Unsayable> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(Unsayable("ways are nested too deep".to_owned()));
        }
        let mut open = Vec::new();
        for way in ways {
            match self.way(&way.requirements) {
                Ok(piece) => open.push(piece),
                Err(Unsayable(why)) => {
                    let id = format!("{id}.{}", way.name);
                    self.omitted.push(Omission { id, why: format!("{why}; the way is closed") });
                }
            }
        }
        self.depth -= 1;
        if open.is_empty() {
            return Err(Unsayable("none of its ways can be said in CEL".to_owned()));
        }
        Ok(Piece::or(open))
    }

    /// All that a way asks. A way of which nothing is in force is no way.
    fn way(&mut self, requirements: &[RequirementId]) -> Result<Piece, Unsayable> {
        let mut pieces = Vec::new();
        let mut in_force = Vec::new();
        for id in requirements {
            let missing = || Unsayable("a requirement is missing".to_owned());
            let requirement = self.program.requirement(*id).ok_or_else(missing)?;
            if requirement.strength == Strength::Must {
                in_force.push(live(requirement));
                pieces.push(self.requirement(requirement)?);
            }
        }
        if in_force.iter().all(Option::is_some) {
            pieces.push(Piece::or(in_force.into_iter().flatten().collect()));
        }
        Ok(Piece::and(pieces))
    }
}
