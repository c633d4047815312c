//! What all passes share: the modules, the names, the program as it grows, and the diagnostics.
use crate::diagnostic::Diagnostic;
use crate::names::Names;
use crate::source::{Module, range};
use crate::values::LetState;
use crate::{Options, suggest};
use pkic_ir::{Citation, Expr, ExprId, Origin, Requirement, RequirementId};
use pkic_syntax::ast;
use pkic_vocab::time::Span;
use pkic_vocab::{CATALOGUE, FactId};
use std::collections::{BTreeSet, HashMap};

/// Suggestions cost a pass over the names in question; past so many of them nobody reads on.
const SUGGESTIONS_MAX: u32 = 64;

/// The state of a compilation behind the parser.
pub(crate) struct Cx<'a> {
    pub(crate) modules: &'a [Module<'a>],
    pub(crate) options: Options,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) names: Names<'a>,
    pub(crate) facts: HashMap<&'static str, FactId>,
    pub(crate) lets: HashMap<usize, LetState>,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) requirements: Vec<Requirement>,
    /// What the compiler knows of each requirement besides: same index as `requirements`.
    pub(crate) known: Vec<Known>,
    /// Anchor sets of used policies that the root adopts, as entries of `names.anchors`.
    pub(crate) anchors_adopted: BTreeSet<usize>,
    /// Mandates that are adopted somewhere, as entries of `names.mandates`: their place is their index in the program.
    pub(crate) mandates_in_force: Vec<usize>,
    suggestions_left: u32,
    spans: HashMap<(u64, &'static str), Option<Span>>,
}

/// What the compiler knows of a requirement and the program does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// Requirements in it, itself included.
    pub(crate) size: usize,
    /// Whether it says of every request where the key may be.
    pub(crate) states_storage: bool,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(modules: &'a [Module<'a>], options: Options) -> Cx<'a> {
        Cx {
            modules,
            options,
            diagnostics: Vec::new(),
            names: Names::default(),
            facts: CATALOGUE.iter().map(|def| def.path).zip(FactId::all()).collect(),
            lets: HashMap::new(),
            exprs: Vec::new(),
            requirements: Vec::new(),
            known: Vec::new(),
            anchors_adopted: BTreeSet::new(),
            mandates_in_force: Vec::new(),
            suggestions_left: SUGGESTIONS_MAX,
            spans: HashMap::new(),
        }
    }

    /// The bounds of a span as the text has it; `None` past 400 years. The same few spans stand in every profile.
    pub(crate) fn length_of(&mut self, duration: ast::Duration) -> Option<Span> {
        let unit = duration.unit.as_str();
        *self.spans.entry((duration.count, unit)).or_insert_with(|| Span::of(duration.count, unit))
    }

    /// A module; the index comes from a name table, so it is in range, and the root stands in for any other.
    pub(crate) fn module(&self, module: usize) -> Option<&'a Module<'a>> {
        self.modules.get(module)
    }

    /// Reports an error; more can be said of it through `with`.
    pub(crate) fn error(
        &mut self,
        module: usize,
        code: &'static str,
        span: ast::Span,
        message: impl Into<String>,
        with: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let file = self.module(module).map_or(0, |module| module.file);
        self.diagnostics.push(with(Diagnostic::error(code, file, range(span), message)));
    }

    /// Reports a warning.
    pub(crate) fn warning(
        &mut self,
        module: usize,
        code: &'static str,
        span: ast::Span,
        message: impl Into<String>,
        with: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let file = self.module(module).map_or(0, |module| module.file);
        self.diagnostics.push(with(Diagnostic::warning(code, file, range(span), message)));
    }

    /// Index of a module's file among those that the caller gave.
    pub(crate) fn file_of(&self, module: usize) -> usize {
        self.module(module).map_or(0, |module| module.file)
    }

    /// Whether suggestions are left: what gathers candidates asks first, so that many mistakes stay cheap.
    pub(crate) fn may_suggest(&self) -> bool {
        self.suggestions_left > 0
    }

    /// The nearest name, while suggestions last.
    pub(crate) fn nearest<'c>(
        &mut self,
        written: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        suggest::nearest(written, candidates)
    }

    pub(crate) fn origin(&self, module: usize, span: ast::Span) -> Origin {
        self.module(module).map_or_else(Origin::default, |found| found.origin(module, span))
    }

    pub(crate) fn one_line(&self, module: usize, span: ast::Span) -> String {
        self.module(module).map_or_else(String::new, |module| module.one_line(span))
    }

    /// Adds a node.
    pub(crate) fn push_expr(&mut self, expr: Expr) -> ExprId {
        let id = ExprId(u32::try_from(self.exprs.len()).unwrap_or(u32::MAX));
        self.exprs.push(expr);
        id
    }

    pub(crate) fn expr(&self, id: ExprId) -> Option<&Expr> {
        self.exprs.get(id.0 as usize)
    }

    pub(crate) fn push_requirement(&mut self, requirement: Requirement, known: Known) -> RequirementId {
        let id = RequirementId(u32::try_from(self.requirements.len()).unwrap_or(u32::MAX));
        self.requirements.push(requirement);
        self.known.push(known);
        id
    }

    pub(crate) fn requirement(&self, id: RequirementId) -> Option<&Requirement> {
        self.requirements.get(id.0 as usize)
    }

    pub(crate) fn known(&self, id: RequirementId) -> Known {
        self.known.get(id.0 as usize).copied().unwrap_or_default()
    }

    /// Resolves `cites SOURCE "CLAUSE"`.
    pub(crate) fn citation(&mut self, module: usize, cites: &ast::Cites<'a>) -> Option<Citation> {
        let index = self.find_source(module, cites.source)?;
        let source = self.names.sources.entry(index)?.node;
        let mut citation = Citation {
            source: cites.source.text.to_owned(),
            title: source.title.text.clone().into_owned(),
            edition: String::new(),
            clause: cites.clause.text.clone().into_owned(),
            unverified: false,
        };
        for item in &source.items {
            match &item.kind {
                ast::SourceItemKind::Edition(edition) => citation.edition = edition.text.clone().into_owned(),
                ast::SourceItemKind::Unverified => citation.unverified = true,
                ast::SourceItemKind::Status(_) | ast::SourceItemKind::Error => {}
            }
        }
        Some(citation)
    }
}
