//! Exceptions: what they waive, for how long, and who answers for it.
use crate::context::Cx;
use crate::items::{Frame, Lines};
use crate::profiles::Effective;
use crate::source::range;
use pkic_ir::{Approval, Atom, Body, Exception, Expr, Operand, Profile, RequirementId, Strength, Test};
use pkic_syntax::ast::{self, ExceptionItemKind as Kind, ValueKind};
use pkic_vocab::words::WordSet;
use pkic_vocab::{Path, time};

/// An exception as far as it has been read.
#[derive(Default)]
struct Draft {
    waived: Vec<(String, ast::Span)>,
    when: Option<pkic_ir::ExprId>,
    from: Option<i64>,
    before: Option<(i64, ast::Span)>,
    at_most: Option<u32>,
    approvals: Vec<Approval>,
    reason: Option<String>,
    has_error: bool,
}

impl<'a> Cx<'a> {
    /// Lowers every exception into its profile.
    pub(crate) fn exceptions(&mut self, profiles: &mut [Profile], effective: &[Effective]) {
        for index in self.names.exceptions.sorted() {
            let Some((module, node)) =
                self.names.exceptions.entry(index).map(|entry| (entry.module, entry.node))
            else {
                continue;
            };
            let Some(entry) = self.find_profile(module, &node.profile) else {
                self.read_exception(module, node, &mut Lines::default());
                continue;
            };
            let place = self.names.profile_places.get(entry).map_or(usize::MAX, |place| *place as usize);
            let mut lines = Lines::default();
            let mut draft = self.read_exception(module, node, &mut lines);
            let (Some(profile), Some(of_profile)) = (profiles.get_mut(place), effective.get(entry)) else {
                continue;
            };
            let waives = self.waived_ids(module, &mut draft, profile, of_profile);
            self.check_storage_stays(module, node.name.span, of_profile, &waives);
            self.warn_if_over(module, node, &draft);
            self.check_not_empty(module, node, profile, &waives, &lines);
            let Some(exception) = self.finished(index, draft, waives, lines.requirements) else { continue };
            profile.exceptions.push(exception);
            if profile.exceptions.len() == pkic_ir::EXCEPTIONS_MAX.saturating_add(1) {
                let message = format!(
                    "profile `{}` has more than {} exceptions",
                    node.profile.text,
                    pkic_ir::EXCEPTIONS_MAX
                );
                self.error(module, "E0308", node.name.span, message, |diagnostic| {
                    diagnostic.with_help("what holds for so many requests belongs into the profile")
                });
            }
        }
    }

    fn read_exception(&mut self, module: usize, node: &ast::Exception<'a>, lines: &mut Lines) -> Draft {
        let mut draft = Draft::default();
        let mut seen: Vec<&'static str> = Vec::new();
        let frame = Frame::new(module);
        for item in &node.items {
            let word = match &item.kind {
                Kind::Error => {
                    draft.has_error = true;
                    continue;
                }
                Kind::Require(require) => {
                    let doc = Some(require.docs.text()).filter(|doc| !doc.is_empty());
                    draft.has_error |= self.require(&frame, require, doc, lines).is_none();
                    continue;
                }
                Kind::Approve(approve) => {
                    draft.approvals.extend(self.approval(module, approve));
                    seen.push("approve");
                    continue;
                }
                Kind::Waives(list) => {
                    for element in &list.elements {
                        match &element.value.kind {
                            ValueKind::Path(path) => draft.waived.push((path.text.to_owned(), path.span)),
                            _ => self.error(module, "E0402", element.span, "this is no id", |diagnostic| {
                                diagnostic
                                    .with_help("name ids of requirements: paths, labels, names of `one of`")
                            }),
                        }
                    }
                    "waives"
                }
                Kind::When(cond) => {
                    draft.when = self.condition(module, cond);
                    draft.has_error |= draft.when.is_none();
                    "when"
                }
                Kind::From(date) => {
                    draft.from = Some(date.unix_s);
                    "from"
                }
                Kind::Before(date) => {
                    draft.before = Some((date.unix_s, date.span));
                    "before"
                }
                Kind::AtMost(count) => {
                    draft.at_most = u32::try_from(count.value).ok().filter(|count| *count > 0);
                    if draft.at_most.is_none() {
                        let message = format!("`at-most {}` permits no sensible number of uses", count.value);
                        self.error(module, "E0221", count.span, message, |diagnostic| {
                            diagnostic.with_help("say how many certificates the exception is for")
                        });
                    }
                    "at-most"
                }
                Kind::Reason(reason) => {
                    draft.reason = Some(reason.text.clone().into_owned());
                    "reason"
                }
            };
            if seen.contains(&word) {
                self.repeated(module, item.span);
            }
            seen.push(word);
        }
        self.check_complete(module, node, &draft, &seen);
        draft
    }

    fn check_complete(&mut self, module: usize, node: &ast::Exception<'a>, draft: &Draft, seen: &[&str]) {
        let missing: Vec<&str> = ["waives", "before", "at-most", "approve", "reason"]
            .into_iter()
            .filter(|word| !seen.contains(word))
            .collect();
        if !draft.has_error && !missing.is_empty() {
            let message = format!("exception `{}` does not say `{}`", node.name.text, missing.join("`, `"));
            self.error(module, "E0401", node.name.span, message, |diagnostic| {
                diagnostic.with_note(
                    "an exception names what it waives, ends on a day, is for a number of uses, is approved, and says why",
                ).with_help("`waives [ids] before 2027-02-01 at-most 6 approve 2 of GROUP reason \"…\"`")
            });
        }
        if let (Some(from), Some((before, span))) = (draft.from, draft.before)
            && from >= before
        {
            self.error(module, "E0216", span, "the exception is over before it begins", |diagnostic| {
                diagnostic.with_help("`from` takes its day in, `before` leaves it out")
            });
        }
    }

    /// The ids of lines that are waived: those named, and those below a named path.
    fn waived_ids(
        &mut self,
        module: usize,
        draft: &mut Draft,
        profile: &Profile,
        effective: &Effective,
    ) -> Vec<String> {
        let id_of =
            |cx: &Cx<'a>, id: &RequirementId| cx.requirement(*id).map(|requirement| requirement.id.clone());
        let lines: Vec<String> = effective.lines.iter().filter_map(|id| id_of(self, id)).collect();
        let mut waives = Vec::new();
        for (written, span) in std::mem::take(&mut draft.waived) {
            let below = format!("{written}.");
            let before = waives.len();
            waives.extend(lines.iter().filter(|id| **id == written || id.starts_with(&below)).cloned());
            if waives.len() > before || effective.has_error {
                continue;
            }
            let of_mandate =
                profile.requirements.iter().filter_map(|id| self.requirement(*id)).find_map(|line| {
                    line.mandate.filter(|_| line.id == written || line.id.starts_with(&below))
                });
            if let Some(mandate) = of_mandate {
                self.not_waivable(module, span, &written, mandate);
                continue;
            }
            let near = self.nearest(&written, lines.iter().map(String::as_str)).map(str::to_owned);
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    format!("its lines are {}", crate::suggest::choices(lines.iter().map(String::as_str)))
                }
            };
            let message = format!("profile `{}` has no line `{written}`", profile.name);
            self.error(module, "E0402", span, message, |diagnostic| diagnostic.with_help(help));
        }
        waives.sort();
        waives.dedup();
        waives
    }

    fn not_waivable(&mut self, module: usize, span: ast::Span, written: &str, mandate: u32) {
        let entry = self
            .mandates_in_force
            .get(mandate as usize)
            .and_then(|index| self.names.mandates.entry(*index))
            .map(|entry| (entry.name.clone(), entry.module, entry.name_span));
        let Some((name, at, name_span)) = entry else { return };
        let file = self.file_of(at);
        self.error(
            module,
            "E0403",
            span,
            format!("`{written}` is a line of mandate `{name}`"),
            |diagnostic| {
                diagnostic
                    .with_related(file, range(name_span), "the mandate")
                    .with_note("mandates are not waivable")
                    .with_help("compensate inside the mandate's ways, or leave the id out")
            },
        );
    }

    fn warn_if_over(&mut self, module: usize, node: &ast::Exception<'a>, draft: &Draft) {
        if let (Some(at), Some((before, span))) = (self.options.at, draft.before)
            && before <= at
        {
            let message = format!("exception `{}` is over on {}", node.name.text, time::format_date(at));
            self.warning(module, "W0413", span, message, |diagnostic| {
                diagnostic.with_help("take it out: the version history keeps it")
            });
        }
    }

    /// Reports an exception whose own lines no mandate that binds for certain ever lets through.
    fn check_not_empty(
        &mut self,
        module: usize,
        node: &ast::Exception<'a>,
        profile: &Profile,
        waives: &[String],
        lines: &Lines,
    ) {
        if waives.is_empty() {
            return;
        }
        let own: Vec<(Path, WordSet)> = lines.requirements.iter().filter_map(|id| self.set_of(*id)).collect();
        for id in &profile.requirements {
            let Some(line) = self.requirement(*id) else { continue };
            let is_certain = line.strength == Strength::Must
                && line.when.is_empty()
                && line.from.is_none()
                && line.before.is_none();
            let Some(mandate) = line.mandate.filter(|_| is_certain && self.excludes(*id, &own)) else {
                continue;
            };
            let id = line.id.clone();
            let entry = self
                .mandates_in_force
                .get(mandate as usize)
                .and_then(|index| self.names.mandates.entry(*index));
            let Some((name, at, span)) =
                entry.map(|entry| (entry.name.clone(), entry.module, entry.name_span))
            else {
                return;
            };
            let file = self.file_of(at);
            let message = format!(
                "exception `{}` permits nothing: mandate `{name}` ({id}) still refuses every request that it waives",
                node.name.text
            );
            self.error(module, "E0405", node.name.span, message, |diagnostic| {
                diagnostic
                    .with_related(file, range(span), "the mandate")
                    .with_note("mandates are not waivable")
                    .with_help("compensate inside what the mandate permits")
            });
            return;
        }
    }

    /// Whether a requirement is false wherever the lines of an exception hold.
    fn excludes(&self, id: RequirementId, own: &[(Path, WordSet)]) -> bool {
        match self.requirement(id).map(|requirement| &requirement.body) {
            Some(Body::OneOf(ways)) => {
                ways.iter().all(|way| way.requirements.iter().any(|inner| self.excludes(*inner, own)))
            }
            Some(Body::Expr(_)) => self.set_of(id).is_some_and(|(path, set)| {
                own.iter().any(|(other, words)| *other == path && words.disjoint(set))
            }),
            Some(Body::Approve(_)) | None => false,
        }
    }

    /// The fact and the words that an unconditional requirement accepts, whatever the grade, if it is so plain.
    fn set_of(&self, id: RequirementId) -> Option<(Path, WordSet)> {
        let requirement = self.requirement(id)?;
        let Body::Expr(expr) = requirement.body else { return None };
        if !requirement.when.is_empty() || requirement.from.is_some() || requirement.before.is_some() {
            return None;
        }
        let mut atoms: Vec<&Atom> = Vec::new();
        match self.expr(expr)? {
            Expr::Atom(atom) => atoms.push(atom),
            Expr::Or(parts) => {
                for part in parts {
                    let Expr::Atom(atom) = self.expr(*part)? else { return None };
                    atoms.push(atom);
                }
            }
            _ => return None,
        }
        let mut found: Option<(Path, WordSet)> = None;
        for atom in atoms {
            let (Operand::Fact(path), Test::In(constant) | Test::Compare(pkic_ir::Relation::Equal, constant)) =
                (&atom.left, &atom.test)
            else {
                return None;
            };
            let is_one_word = !matches!(path.fact.def().ty, pkic_vocab::Type::List(_));
            let accepted = constant.accepted();
            if !is_one_word
                || accepted == WordSet::EMPTY
                || found.as_ref().is_some_and(|(other, _)| other != path)
            {
                return None;
            }
            let set = found.map_or(accepted, |(_, set)| set.union(accepted));
            found = Some((path.clone(), set));
        }
        found
    }

    fn finished(
        &self,
        index: usize,
        draft: Draft,
        waives: Vec<String>,
        requirements: Vec<RequirementId>,
    ) -> Option<Exception> {
        let entry = self.names.exceptions.entry(index)?;
        Some(Exception {
            name: entry.name.clone(),
            waives,
            when: draft.when,
            from: draft.from,
            before: draft.before?.0,
            at_most: draft.at_most?,
            approvals: draft.approvals,
            reason: draft.reason?,
            requirements,
            origin: self.origin(entry.module, entry.span),
        })
    }
}
