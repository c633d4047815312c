//! Requirements: dates, conditions around them, ways, approvals.
use crate::approvals::{Lines, Persons};
use crate::condition::Evaluator;
use crate::logic::Truth;
use pkic_ir::{Body, ExprId, Requirement, RequirementId, Strength, Way};
use pkic_vocab::{Subject, limits};

/// How approvals count inside a requirement.
#[derive(Clone, Copy)]
pub(crate) enum Approved {
    /// This line itself is, or is not, filled.
    Line(bool),
    /// Lines inside ways are filled if all lines of their way and of the rest of the profile are, at once.
    Among(RequirementId),
}

impl<'a> Evaluator<'a> {
    #[inline]
    pub(crate) fn is_live(&self, from: Option<i64>, before: Option<i64>) -> bool {
        let now = self.inputs.now;
        from.is_none_or(|from| from <= now) && before.is_none_or(|before| now < before)
    }

    /// Whether the conditions around a line hold.
    #[inline]
    pub(crate) fn applies(&self, when: &[ExprId]) -> Truth {
        when.iter().fold(Truth::True, |all, id| all.and(self.condition(*id)))
    }

    /// Whether a requirement that is in force holds; `None` for one that is not, or does not apply.
    #[inline(always)]
    pub(crate) fn requirement(
        &self,
        id: RequirementId,
        requirement: &'a Requirement,
        approved: Approved,
        levels: usize,
    ) -> Option<Truth> {
        if !self.is_live(requirement.from, requirement.before) {
            return None;
        }
        let applies = self.applies(&requirement.when);
        if applies == Truth::False {
            return None;
        }
        let body = match &requirement.body {
            Body::Expr(condition) => self.condition(*condition),
            Body::OneOf(ways) => self.one_of(id, ways, approved, levels),
            Body::Approve(_) => match approved {
                Approved::Line(is_filled) => Truth::from(is_filled),
                Approved::Among(_) => Truth::False,
            },
        };
        Some((!applies).or(body))
    }

    /// Whether one of the ways holds.
    #[inline(never)]
    fn one_of(&self, id: RequirementId, ways: &'a [Way], approved: Approved, levels: usize) -> Truth {
        ways.iter().fold(Truth::False, |any, way| any.or(self.way(id, way, approved, levels)))
    }

    /// Whether everything that a way asks holds. A way of which nothing is in force yet is no way.
    pub(crate) fn way(&self, of: RequirementId, way: &'a Way, approved: Approved, levels: usize) -> Truth {
        let (Some(levels), true) = (levels.checked_sub(1), stands_before(way, of)) else {
            return Truth::Unknown;
        };
        let approved = match approved {
            Approved::Among(one_of) if self.has_approvals(of, way, levels) => {
                Approved::Line(self.is_way_approved(one_of, way))
            }
            other => other,
        };
        let mut is_in_force = false;
        let mut all = Truth::True;
        for id in &way.requirements {
            let Some(requirement) = self.inputs.program.requirement(*id) else {
                return Truth::Unknown;
            };
            if requirement.strength == Strength::Should {
                continue;
            }
            is_in_force |= self.is_live(requirement.from, requirement.before);
            all = all.and(self.requirement(*id, requirement, approved, levels).unwrap_or(Truth::True));
        }
        if is_in_force { all } else { Truth::False }
    }

    fn has_approvals(&self, of: RequirementId, way: &Way, levels: usize) -> bool {
        let (Some(levels), true) = (levels.checked_sub(1), stands_before(way, of)) else {
            return true;
        };
        way.requirements.iter().any(|id| {
            match self.inputs.program.requirement(*id).map(|inner| &inner.body) {
                None | Some(Body::Expr(_)) => false,
                Some(Body::Approve(_)) => true,
                Some(Body::OneOf(ways)) => ways.iter().any(|way| self.has_approvals(*id, way, levels)),
            }
        })
    }

    /// Whether the approvals suffice for a way together with everything outside of its `one of`.
    #[inline(never)] // its lists are large, and few ways ask for approvals
    fn is_way_approved(&self, one_of: RequirementId, way: &'a Way) -> bool {
        let mut lines = Lines::EMPTY;
        self.gather(&mut lines, &self.inputs.profile.requirements, Some(one_of), limits::NESTING_MAX);
        self.gather(&mut lines, &way.requirements, None, limits::NESTING_MAX);
        Persons::new(self.inputs.program, self.inputs.ask.approvals).fill(&lines)
    }

    /// Adds every approval line that applies, inside ways too.
    pub(crate) fn gather(
        &self,
        lines: &mut Lines,
        ids: &[RequirementId],
        except: Option<RequirementId>,
        levels: usize,
    ) {
        let Some(levels) = levels.checked_sub(1) else {
            return;
        };
        for id in ids.iter().filter(|id| Some(**id) != except) {
            let Some(requirement) = self.inputs.program.requirement(*id) else {
                continue;
            };
            let is_idle = !self.is_live(requirement.from, requirement.before)
                || requirement.strength == Strength::Should
                || matches!(requirement.body, Body::Expr(_))
                || self.applies(&requirement.when) == Truth::False;
            match &requirement.body {
                Body::Approve(approval) if !is_idle => lines.push(approval),
                Body::OneOf(ways) if !is_idle => {
                    for way in ways.iter().filter(|way| stands_before(way, *id)) {
                        self.gather(lines, &way.requirements, None, levels);
                    }
                }
                Body::Approve(_) | Body::Expr(_) | Body::OneOf(_) => {}
            }
        }
    }

    /// Whether a requirement says something about a key, its module or the evidence for them.
    pub(crate) fn is_about_key(&self, id: RequirementId, requirement: &Requirement, levels: usize) -> bool {
        let Some(levels) = levels.checked_sub(1) else {
            return true;
        };
        match &requirement.body {
            Body::Approve(_) => false,
            Body::Expr(id) => self.mentions_key(*id, limits::EXPRESSION_DEPTH_MAX),
            Body::OneOf(ways) => ways.iter().any(|way| {
                !stands_before(way, id)
                    || way.requirements.iter().any(|id| {
                        let inner = self.inputs.program.requirement(*id);
                        inner.is_none_or(|inner| self.is_about_key(*id, inner, levels))
                    })
            }),
        }
    }

    fn mentions_key(&self, id: ExprId, levels: usize) -> bool {
        use pkic_ir::{Expr, Operand, Test};
        let Some(levels) = levels.checked_sub(1) else {
            return true;
        };
        let is_key = |path: &pkic_vocab::Path| {
            matches!(
                path.fact.def().subject,
                Subject::Key | Subject::Module | Subject::Evidence | Subject::Platform
            )
        };
        match self.inputs.program.expr(id) {
            None => true,
            Some(Expr::Always(_)) => false,
            Some(Expr::Not(child)) => *child >= id || self.mentions_key(*child, levels),
            Some(Expr::And(ids) | Expr::Or(ids)) => {
                ids.iter().any(|child| *child >= id || self.mentions_key(*child, levels))
            }
            Some(Expr::Each { list, body, .. }) => {
                is_key(list) || *body >= id || self.mentions_key(*body, levels)
            }
            Some(Expr::Atom(atom)) => {
                let right = match &atom.test {
                    Test::CompareWith(_, operand) | Test::InOperand(operand) => Some(operand),
                    Test::Compare(..) | Test::In(_) | Test::Under(_) | Test::Contains(_) => None,
                };
                [Some(&atom.left), right].into_iter().flatten().any(|operand| match operand {
                    Operand::Fact(path) => is_key(path),
                    Operand::Member { .. } => false,
                })
            }
        }
    }
}

/// Whether everything in a way stands before the `one of` around it: else nothing bounds the way down.
fn stands_before(way: &Way, one_of: RequirementId) -> bool {
    way.requirements.iter().all(|id| *id < one_of)
}
