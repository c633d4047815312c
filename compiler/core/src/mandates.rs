//! Mandates: adopted for a policy or a profile, selected by their `for`, lowered once for all profiles.
use crate::context::Cx;
use crate::items::{Frame, Lines};
use crate::select::Static;
use crate::source::range;
use pkic_ir::{ExprId, Mandate, MandateUse, Standing, Strength};
use pkic_syntax::ast::{self, DeclKind, MandateItemKind, ProfileItemKind};
use pkic_vocab::limits;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Mandates times profiles of a program: each pair is a line of the matrix. A hundred mandates for 10,000 profiles.
pub(crate) const MANDATE_USES_MAX: usize = 1 << 20;

/// An `adopt`.
#[derive(Debug, Clone)]
pub(crate) struct Adoption {
    /// Entry of the mandate.
    pub(crate) mandate: usize,
    pub(crate) readings: BTreeSet<String>,
    pub(crate) is_advice: bool,
    pub(crate) span: ast::Span,
}

/// What is adopted for a profile, over all `adopt` that reach it: mandate to what of it.
pub(crate) type Adopted = BTreeMap<usize, AdoptedMandate>;

/// A mandate as it is in force for a profile. Advice stands only where every `adopt` says advice.
#[derive(Debug, Clone)]
pub(crate) struct AdoptedMandate {
    pub(crate) is_advice: bool,
    /// Reading to whether it is advice.
    pub(crate) readings: BTreeMap<String, bool>,
}

/// All adoptions of a program, and the lowered lines of mandates.
#[derive(Default)]
pub(crate) struct Mandates {
    /// By module.
    pub(crate) of_policies: Vec<Vec<Adoption>>,
    /// By entry of the profile.
    pub(crate) of_profiles: HashMap<usize, Vec<Adoption>>,
    /// Place in the program, by entry.
    places: HashMap<usize, u32>,
    /// The lowered `for`, by entry; no `for` speaks of every profile.
    selections: HashMap<usize, Option<ExprId>>,
    lines: HashMap<Part, Lines>,
    /// Entries that select some profile.
    pub(crate) selecting: BTreeSet<usize>,
    /// Why a mandate selects a profile not, a few of each.
    pub(crate) refusals: HashMap<usize, Vec<String>>,
}

/// A part of a mandate that is lowered by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    mandate: usize,
    reading: Option<String>,
    is_advice: bool,
    is_conditional: bool,
}

impl Mandates {
    /// Adds an adoption to what a profile has already.
    pub(crate) fn adopt(adopted: &mut Adopted, adoption: &Adoption) {
        let entry = adopted
            .entry(adoption.mandate)
            .or_insert_with(|| AdoptedMandate { is_advice: true, readings: BTreeMap::new() });
        entry.is_advice &= adoption.is_advice;
        for reading in &adoption.readings {
            let is_advice = entry.readings.entry(reading.clone()).or_insert(true);
            *is_advice &= adoption.is_advice;
        }
    }
}

impl<'a> Cx<'a> {
    /// Resolves every `adopt`, and fixes the order of the mandates in force.
    pub(crate) fn adoptions(&mut self) -> Mandates {
        let mut mandates = Mandates::default();
        for module in 0..self.modules.len() {
            let mut of_policy = Vec::new();
            for decl in self.module(module).iter().flat_map(|module| &module.ast.decls) {
                if let DeclKind::Adopt(adopt) = &decl.kind
                    && !self.adopt_anchors(module, adopt, decl.span)
                {
                    let adoption = self.adoption(module, adopt, decl.span, &of_policy);
                    of_policy.extend(adoption);
                }
            }
            mandates.of_policies.push(of_policy);
        }
        for index in 0..self.names.profiles.entries().len() {
            let Some((module, node)) =
                self.names.profiles.entry(index).map(|entry| (entry.module, entry.node))
            else {
                continue;
            };
            let mut of_profile = Vec::new();
            for item in &node.items {
                if let ProfileItemKind::Adopt(adopt) = &item.kind {
                    let adoption = self.adoption(module, adopt, item.span, &of_profile);
                    of_profile.extend(adoption);
                }
            }
            if !of_profile.is_empty() {
                mandates.of_profiles.insert(index, of_profile);
            }
        }
        let in_force: BTreeSet<usize> = mandates
            .of_policies
            .iter()
            .chain(mandates.of_profiles.values())
            .flatten()
            .map(|adoption| adoption.mandate)
            .collect();
        let uses = in_force.len().saturating_mul(self.names.profiles.entries().len());
        if uses > MANDATE_USES_MAX {
            let root = self.modules.len().saturating_sub(1);
            let message = format!(
                "{} mandates for every profile are {uses}, and at most {MANDATE_USES_MAX} can be",
                in_force.len()
            );
            self.error(root, "E0308", ast::Span::default(), message, |diagnostic| {
                diagnostic.with_help("adopt less")
            });
            return Mandates::default();
        }
        self.mandates_in_force =
            self.names.mandates.sorted().into_iter().filter(|index| in_force.contains(index)).collect();
        mandates.places =
            (0u32..).zip(&self.mandates_in_force).map(|(place, index)| (*index, place)).collect();
        mandates
    }

    fn adoption(
        &mut self,
        module: usize,
        adopt: &ast::Adopt<'a>,
        span: ast::Span,
        others: &[Adoption],
    ) -> Option<Adoption> {
        let mandate = self.find_mandate(module, &adopt.mandate)?;
        if others.iter().any(|other| other.mandate == mandate) {
            self.repeated(module, span);
            return None;
        }
        let (node, at) = self.names.mandates.entry(mandate).map(|entry| (entry.node, entry.module))?;
        let known: Vec<&str> = node
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                MandateItemKind::Reading(reading) => Some(reading.name.text),
                _ => None,
            })
            .collect();
        let mut readings = BTreeSet::new();
        for element in adopt.with.iter().flat_map(|list| &list.elements) {
            let text = element.span.text(self.module(module)?.text);
            if known.contains(&text) {
                readings.insert(text.to_owned());
                continue;
            }
            let near = self.nearest(text, known.iter().copied()).map(str::to_owned);
            let help = match (near, known.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => "it has no readings: leave `with` out".to_owned(),
                (None, false) => {
                    format!("its readings are {}", crate::suggest::choices(known.iter().copied()))
                }
            };
            let message = format!("mandate `{}` has no reading `{text}`", adopt.mandate.text);
            self.error(module, "E0406", element.span, message, |diagnostic| diagnostic.with_help(help));
        }
        if adopt.as_advice.is_none() {
            self.refuse_draft(module, adopt, span, at, node);
        }
        Some(Adoption { mandate, readings, is_advice: adopt.as_advice.is_some(), span })
    }

    fn refuse_draft(
        &mut self,
        module: usize,
        adopt: &ast::Adopt<'a>,
        span: ast::Span,
        at: usize,
        node: &ast::Mandate<'a>,
    ) -> Option<()> {
        let policy = self.module(at)?.name.clone();
        let source = self.names.sources.find(&format!("{policy}.{}", node.cites.source.text))?;
        let entry = self.names.sources.entry(source)?;
        let (source_span, source_node) = (entry.span, entry.node);
        let status = source_node.items.iter().find_map(|item| match &item.kind {
            ast::SourceItemKind::Status(status) => Some(status.text),
            _ => None,
        })?;
        if status != "draft" {
            return None;
        }
        let edition = source_node.items.iter().find_map(|item| match &item.kind {
            ast::SourceItemKind::Edition(edition) => Some(format!(", {}", edition.text)),
            _ => None,
        });
        let message = format!(
            "`{}` cites a draft ({}{})",
            node.name.text,
            source_node.title.text,
            edition.unwrap_or_default()
        );
        let file = self.file_of(at);
        let end = ast::Span { start: span.end, end: span.end };
        self.error(module, "E0411", span, message, |diagnostic| {
            diagnostic
                .with_related(file, range(source_span), "the source says `status draft`")
                .with_note(
                    "a draft may change before it binds anybody; as advice its lines warn and never refuse",
                )
                .with_help(format!("adopt {} as advice", adopt.mandate.text))
                .with_fix(range(end), " as advice", false)
        });
        Some(())
    }

    /// Reads every mandate once, adopted or not, for what is wrong in it; then lowers the `for` of those in force.
    pub(crate) fn check_mandates(&mut self, mandates: &mut Mandates) {
        for index in 0..self.names.mandates.entries().len() {
            let (exprs, requirements) = (self.exprs.len(), self.requirements.len());
            self.check_mandate(index);
            self.exprs.truncate(exprs);
            self.requirements.truncate(requirements);
            self.known.truncate(requirements);
        }
        for index in self.mandates_in_force.clone() {
            let Some((module, node)) =
                self.names.mandates.entry(index).map(|entry| (entry.module, entry.node))
            else {
                continue;
            };
            let reported = self.diagnostics.len();
            let selection = selection(node).and_then(|cond| self.condition(module, cond));
            self.diagnostics.truncate(reported);
            mandates.selections.insert(index, selection);
        }
    }

    fn check_mandate(&mut self, index: usize) -> Option<()> {
        let (module, node) = self.names.mandates.entry(index).map(|entry| (entry.module, entry.node))?;
        self.citation(module, &node.cites);
        let frame = Frame::new(module);
        let mut names: BTreeMap<&str, ast::Span> = BTreeMap::new();
        let mut has_for = false;
        for item in &node.items {
            match &item.kind {
                MandateItemKind::Error => {}
                MandateItemKind::For(cond) => {
                    if std::mem::replace(&mut has_for, true) {
                        self.repeated(module, item.span);
                    }
                    self.condition(module, cond);
                }
                MandateItemKind::Item(item) => self.item(&frame, item, &mut Lines::default()),
                MandateItemKind::Reading(reading) => {
                    if let Some(first) = names.insert(reading.name.text, reading.name.span) {
                        crate::collect::duplicate(self, module, "reading", reading.name, first);
                    }
                    for item in &reading.items {
                        self.item(&frame, item, &mut Lines::default());
                    }
                }
            }
        }
        Some(())
    }

    /// Adds the lines of the mandates that select a profile, and says how each mandate stands to it.
    pub(crate) fn bind(
        &mut self,
        mandates: &mut Mandates,
        adopted: &Adopted,
        known: &Static<'_>,
        profile: (&str, bool),
        lines: &mut Lines,
    ) -> Vec<MandateUse> {
        let mut uses = Vec::new();
        for (mandate, how) in adopted {
            let Some(place) = mandates.places.get(mandate).copied() else { continue };
            let selection = mandates.selections.get(mandate).copied().flatten();
            let decision = match selection {
                Some(expr) => self.decide(expr, known),
                None => crate::select::Decision { holds: Some(true), reasons: Vec::new() },
            };
            let standing = decision.standing();
            if standing == Standing::NotSelected {
                let refusals = mandates.refusals.entry(*mandate).or_default();
                if profile.1 && refusals.len() < 3 {
                    refusals.push(format!("{}: {}", profile.0, decision.sentence()));
                }
            } else {
                if profile.1 {
                    mandates.selecting.insert(*mandate);
                }
                let is_conditional = standing == Standing::Conditional;
                let body = (None, how.is_advice);
                let readings =
                    how.readings.iter().map(|(reading, is_advice)| (Some(reading.clone()), *is_advice));
                for (reading, is_advice) in std::iter::once(body).chain(readings) {
                    let part = Part { mandate: *mandate, reading, is_advice, is_conditional };
                    let of_part = self.part(mandates, part, place, selection);
                    // Past the limit the profile is refused anyway.
                    let room = limits::PROFILE_REQUIREMENTS_MAX
                        .saturating_add(1)
                        .saturating_sub(lines.requirements.len());
                    lines.requirements.extend(of_part.requirements.into_iter().take(room));
                    lines.obligations.extend(of_part.obligations);
                }
            }
            uses.push(MandateUse {
                mandate: place,
                standing,
                readings: how.readings.keys().cloned().collect(),
                because: decision.sentence(),
            });
        }
        uses.sort_by_key(|entry| entry.mandate);
        uses
    }

    /// The lines of a part of a mandate; its mistakes are reported already.
    fn part(&mut self, mandates: &mut Mandates, part: Part, place: u32, selection: Option<ExprId>) -> Lines {
        if let Some(lines) = mandates.lines.get(&part) {
            return lines.clone();
        }
        let mut lines = Lines::default();
        let Some((module, node)) =
            self.names.mandates.entry(part.mandate).map(|entry| (entry.module, entry.node))
        else {
            return lines;
        };
        let reported = self.diagnostics.len();
        let mut frame = Frame::new(module);
        frame.mandate = Some(place);
        frame.cites = self.citation(module, &node.cites);
        frame.strength = if part.is_advice { Strength::Should } else { Strength::Must };
        frame.when.extend(selection.filter(|_| part.is_conditional));
        for item in &node.items {
            match (&item.kind, &part.reading) {
                (MandateItemKind::Item(item), None) => self.item(&frame, item, &mut lines),
                (MandateItemKind::Reading(reading), Some(name)) if reading.name.text == name => {
                    for item in &reading.items {
                        self.item(&frame, item, &mut lines);
                    }
                }
                _ => {}
            }
        }
        self.diagnostics.truncate(reported);
        mandates.lines.insert(part, lines.clone());
        lines
    }

    /// The mandates in force, for the program.
    pub(crate) fn lowered_mandates(&mut self) -> Vec<Mandate> {
        let mut lowered = Vec::new();
        for index in self.mandates_in_force.clone() {
            let Some(entry) = self.names.mandates.entry(index) else { continue };
            let (module, node, name, span) = (entry.module, entry.node, entry.name.clone(), entry.span);
            let reported = self.diagnostics.len();
            let cites = self.citation(module, &node.cites);
            self.diagnostics.truncate(reported);
            let title = node.title.text.clone().into_owned();
            lowered.push(Mandate { name, title, cites, origin: self.origin(module, span) });
        }
        lowered
    }

    /// Warns of mandates that the root adopts and that select no profile.
    pub(crate) fn warn_of_empty_selections(&mut self, mandates: &Mandates, issues_anything: bool) {
        let root = self.modules.len().saturating_sub(1);
        for adoption in mandates.of_policies.get(root).into_iter().flatten() {
            if !issues_anything || mandates.selecting.contains(&adoption.mandate) {
                continue;
            }
            let name = self
                .names
                .mandates
                .entry(adoption.mandate)
                .map(|entry| entry.name.clone())
                .unwrap_or_default();
            let notes = mandates.refusals.get(&adoption.mandate).cloned().unwrap_or_default();
            self.warning(
                root,
                "W0412",
                adoption.span,
                format!("mandate `{name}` selects no profile"),
                |diagnostic| {
                    notes.into_iter().fold(diagnostic, crate::Diagnostic::with_note).with_help(
                    "if it should bind a profile, give that profile the tag or role that the mandate is for",
                )
                },
            );
        }
    }
}

/// The condition after `for`.
pub(crate) fn selection<'n, 'a>(node: &'n ast::Mandate<'a>) -> Option<&'n ast::Cond<'a>> {
    node.items.iter().find_map(|item| match &item.kind {
        MandateItemKind::For(cond) => Some(cond),
        _ => None,
    })
}
