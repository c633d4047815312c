//! What the policies of a program declare, as data for documents and explanations: see [`survey`].
//!
//! A program holds what decides; a survey holds what an auditor reads: every profile, mandate, reading and source of
//! the root and of what it uses, adopted or not, each line as written with its place, its clause and the status of
//! its source, how well it wants to know its facts, and the matrix of mandates and profiles. Nothing here decides a request.

mod demands;
mod lines;
mod matrix;

use demands::Demands;

pub use demands::Demand;
pub use matrix::{Adoption, Cell, Matrix, Row, Timing};

use crate::context::Cx;
use crate::profiles::Effective;
use crate::{Compilation, Headers, Options, SourceFile};
use pkic_ir::{AnchorSet, Origin, Strength};
use pkic_syntax::ast::{self, MandateItemKind, ProfileItemKind, SourceItemKind};

/// What the policies of a program say, adopted or not. Names are qualified; every list is sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The policies, in the order of [`pkic_ir::Program::files`]: the root stands last.
    pub policies: Vec<Policy>,
    /// Every source.
    pub sources: Vec<Source>,
    /// Every `let`.
    pub values: Vec<NamedValue>,
    /// Every profile.
    pub profiles: Vec<Declaration>,
    /// Every mandate.
    pub mandates: Vec<Declaration>,
    /// Every exception.
    pub exceptions: Vec<Declaration>,
    /// Every anchor set.
    pub anchors: Vec<AnchorSet>,
    /// How mandates relate to profiles.
    pub matrix: Matrix,
}

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is a lab policy.
    pub is_lab: bool,
    /// The doc comment at its head.
    pub doc: Option<String>,
}

/// A document that requirements cite.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Qualified name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its edition; empty where none is stated.
    pub edition: String,
    /// Its status, as the policy says it: `in-force`, `draft`; `None` where none is stated.
    pub status: Option<String>,
    /// Whether the policy says that nobody has read the clauses against the document.
    pub unverified: bool,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// `let NAME : TYPE = VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// Qualified name.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// Its value, as written, on one line.
    pub value: String,
    /// All of it, without the word `let`: `hardware : storage = [hsm, tpm]`.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
}

/// A clause of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// The source.
    pub source: Source,
    /// The clause.
    pub clause: String,
}

/// A profile, a mandate or an exception, as its own text has it: what it inherits or waives is not repeated here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declaration {
    /// Qualified name.
    pub name: String,
    /// Its title, for a mandate, or its reason, for an exception.
    pub title: Option<String>,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What it refines, as written, for a profile; the profile that it is for, for an exception.
    pub of: Option<String>,
    /// The clause of a mandate.
    pub cites: Option<Clause>,
    /// The condition after `for`, as written; of an exception the one after `when`.
    pub condition: Option<String>,
    /// Its lines, in the order of the text.
    pub lines: Vec<Line>,
    /// The readings of a mandate.
    pub readings: Vec<Reading>,
    /// The fields of the `contents` of a profile.
    pub fields: Vec<Field>,
    /// Where it stands.
    pub origin: Origin,
}

/// A reading of a mandate: in force only where it is adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What it adds.
    pub lines: Vec<Line>,
    /// Where it stands.
    pub origin: Origin,
}

/// A field of `contents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// Its clause.
    pub cites: Option<Clause>,
    /// Where it stands.
    pub origin: Origin,
}

/// Which item a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// `approve N of GROUP`.
    Approval,
    /// `oblige NAME(…)`.
    Obligation,
    /// `one of NAME { … }`.
    OneOf,
    /// A condition.
    Requirement,
}

/// A requirement, preference, choice, approval or obligation, with everything around it that bears on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which item.
    pub kind: LineKind,
    /// Its id: the left path, a label, the name of a `one of`, `approve.GROUP`, the name of an obligation.
    pub id: String,
    /// As written, on one line, without its citation; a `one of` shows the names of its ways.
    pub text: String,
    /// How well each fact in it must be known. Empty for what is no condition.
    pub demands: Vec<Demand>,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// Whether it refuses or warns.
    pub strength: Strength,
    /// First second at which it holds.
    pub from: Option<i64>,
    /// First second at which it holds no more.
    pub before: Option<i64>,
    /// Conditions of the `when` blocks around it, as written, outermost first.
    pub when: Vec<String>,
    /// Its clause, or that of the mandate or `one of` around it.
    pub cites: Option<Clause>,
    /// The ways of a `one of`.
    pub ways: Vec<Way>,
    /// Where it stands; the same as in the program.
    pub origin: Origin,
}

/// A way of a `one of`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What it asks.
    pub lines: Vec<Line>,
}

/// Compiles as [`crate::compile_among`] does, and says besides what all policies that were read declare.
///
/// A policy with errors has a survey of what could be read; only that of one that compiles is complete.
pub fn survey(
    files: &[SourceFile],
    headers: &Headers,
    root: usize,
    rank: &dyn Fn(usize) -> u8,
    options: &Options,
) -> (Compilation, Survey) {
    crate::compile_then(files, headers, root, rank, options, |cx, effective| cx.survey(effective))
}

fn doc(docs: &ast::Docs<'_>) -> Option<String> {
    Some(docs.text()).filter(|doc| !doc.is_empty())
}

impl<'a> Cx<'a> {
    fn survey(&mut self, effective: &[Effective]) -> Survey {
        let policies = self.modules.iter().map(|module| Policy {
            name: module.name.clone(),
            version: module.version.clone(),
            is_lab: module.is_lab,
            doc: module.ast.head.as_ref().and_then(|head| doc(&head.docs)),
        });
        let policies = policies.collect();
        let demands = self.all_demands();
        let reader = Reader { cx: self, demands: &demands };
        let sources = reader.all(&self.names.sources.sorted(), |reader, index| reader.source(index));
        let values = reader.all(&self.names.lets.sorted(), |reader, index| reader.value(index));
        let profiles = reader.all(&self.names.profiles.sorted(), Reader::profile);
        let mandates = reader.all(&self.names.mandates.sorted(), Reader::mandate);
        let exceptions = reader.all(&self.names.exceptions.sorted(), Reader::exception);
        let anchors = self.all_anchors();
        let matrix = self.matrix(effective, &mandates);
        Survey { policies, sources, values, profiles, mandates, exceptions, anchors, matrix }
    }
}

impl Cx<'_> {
    /// Every anchor set, in force or not; what is wrong with one is reported already where it is in force.
    fn all_anchors(&mut self) -> Vec<AnchorSet> {
        let reported = self.diagnostics.len();
        let order = self.names.anchors.sorted();
        let sets = order.into_iter().filter_map(|index| self.anchor_set(index)).collect();
        self.diagnostics.truncate(reported);
        sets
    }
}

/// Reads declarations, with what their conditions were found to demand.
struct Reader<'c, 'a> {
    cx: &'c Cx<'a>,
    demands: &'c Demands,
}

impl<'a> Reader<'_, 'a> {
    fn all<T>(&self, order: &[usize], one: impl Fn(&Self, usize) -> Option<T>) -> Vec<T> {
        order.iter().filter_map(|index| one(self, *index)).collect()
    }

    fn source(&self, index: usize) -> Option<Source> {
        let entry = self.cx.names.sources.entry(index)?;
        let mut source = Source {
            name: entry.name.clone(),
            title: entry.node.title.text.clone().into_owned(),
            doc: doc(entry.docs),
            origin: self.cx.origin(entry.module, entry.span),
            ..Source::default()
        };
        for item in &entry.node.items {
            match &item.kind {
                SourceItemKind::Edition(edition) => source.edition = edition.text.clone().into_owned(),
                SourceItemKind::Status(status) => source.status = Some(status.text.to_owned()),
                SourceItemKind::Unverified => source.unverified = true,
                SourceItemKind::Error => {}
            }
        }
        Some(source)
    }

    fn value(&self, index: usize) -> Option<NamedValue> {
        let entry = self.cx.names.lets.entry(index)?;
        let node = entry.node;
        let value = self.cx.one_line(entry.module, node.value.span);
        Some(NamedValue {
            name: entry.name.clone(),
            type_name: node.type_name.text.to_owned(),
            text: format!("{} : {} = {value}", node.name.text, node.type_name.text),
            value,
            origin: self.cx.origin(entry.module, entry.span),
        })
    }

    fn profile(&self, index: usize) -> Option<Declaration> {
        let entry = self.cx.names.profiles.entry(index)?;
        let walk = lines::Walk::new(self, entry.module);
        let mut own = Declaration {
            name: entry.name.clone(),
            doc: doc(entry.docs),
            of: entry.node.refines.as_ref().map(|path| path.text.to_owned()),
            origin: self.cx.origin(entry.module, entry.span),
            ..Declaration::default()
        };
        for item in &entry.node.items {
            match &item.kind {
                ProfileItemKind::Item(item) => walk.item(item, &mut own.lines),
                ProfileItemKind::Contents(fields) => own.fields.extend(fields.iter().filter_map(|field| {
                    Some(Field {
                        name: field.path.as_ref()?.text.to_owned(),
                        doc: doc(&field.docs),
                        cites: field.cites.as_ref().and_then(|cites| walk.clause(cites)),
                        origin: self.cx.origin(entry.module, field.span),
                    })
                })),
                ProfileItemKind::Adopt(_)
                | ProfileItemKind::Error
                | ProfileItemKind::IssuedBy(_)
                | ProfileItemKind::Operations(_)
                | ProfileItemKind::Role(_)
                | ProfileItemKind::Tags(_) => {}
            }
        }
        Some(own)
    }

    fn mandate(&self, index: usize) -> Option<Declaration> {
        let entry = self.cx.names.mandates.entry(index)?;
        let walk = lines::Walk::new(self, entry.module);
        let cites = walk.clause(&entry.node.cites);
        let walk = walk.citing(cites.clone());
        let mut own = Declaration {
            name: entry.name.clone(),
            title: Some(entry.node.title.text.clone().into_owned()),
            doc: doc(entry.docs),
            cites,
            origin: self.cx.origin(entry.module, entry.span),
            ..Declaration::default()
        };
        for item in &entry.node.items {
            match &item.kind {
                MandateItemKind::Error => {}
                MandateItemKind::For(cond) => {
                    own.condition = Some(self.cx.one_line(entry.module, cond.span));
                }
                MandateItemKind::Item(item) => walk.item(item, &mut own.lines),
                MandateItemKind::Reading(reading) => {
                    let mut of_reading = Vec::new();
                    reading.items.iter().for_each(|item| walk.item(item, &mut of_reading));
                    own.readings.push(Reading {
                        name: reading.name.text.to_owned(),
                        title: reading.title.text.clone().into_owned(),
                        doc: doc(&item.docs),
                        lines: of_reading,
                        origin: self.cx.origin(entry.module, item.span),
                    });
                }
            }
        }
        Some(own)
    }

    fn exception(&self, index: usize) -> Option<Declaration> {
        use ast::ExceptionItemKind as Kind;
        let entry = self.cx.names.exceptions.entry(index)?;
        let walk = lines::Walk::new(self, entry.module);
        let mut own = Declaration {
            name: entry.name.clone(),
            doc: doc(entry.docs),
            of: Some(entry.node.profile.text.to_owned()),
            origin: self.cx.origin(entry.module, entry.span),
            ..Declaration::default()
        };
        for item in &entry.node.items {
            match &item.kind {
                Kind::Require(require) => own.lines.push(walk.require(require, doc(&require.docs))),
                Kind::When(cond) => own.condition = Some(self.cx.one_line(entry.module, cond.span)),
                Kind::Reason(reason) => own.title = Some(reason.text.clone().into_owned()),
                Kind::Approve(_)
                | Kind::AtMost(_)
                | Kind::Before(_)
                | Kind::Error
                | Kind::From(_)
                | Kind::Waives(_) => {}
            }
        }
        Some(own)
    }
}

impl Clause {
    /// The clause in one line: title, edition, clause, status, and whether anybody has checked it.
    pub fn sentence(&self) -> String {
        let source = &self.source;
        let edition = if source.edition.is_empty() { String::new() } else { format!(", {}", source.edition) };
        let status = source.status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
        let unverified = if source.unverified { ", unverified" } else { "" };
        format!("{}{edition}{status}, {}{unverified}", source.title, self.clause)
    }
}

impl Survey {
    /// The named values that a line speaks of, directly or through another, each once.
    pub fn values_in(&self, line: &Line) -> Vec<&NamedValue> {
        let mut found: Vec<&NamedValue> = Vec::new();
        for line in line.with_inner() {
            for text in line.when.iter().chain([&line.text]) {
                self.add_values(line.origin.file, text, &mut found);
            }
        }
        let mut next = 0;
        while let Some(value) = found.get(next).copied() {
            self.add_values(value.origin.file, &value.value, &mut found);
            next = next.saturating_add(1);
        }
        found
    }

    /// A bare name is one of the policy that the text stands in.
    fn add_values<'s>(&'s self, file: u32, text: &str, found: &mut Vec<&'s NamedValue>) {
        let policy = usize::try_from(file).ok().and_then(|index| self.policies.get(index));
        let own = policy.map(|policy| policy.name.as_str()).unwrap_or_default();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
        for word in words.filter(|word| !word.is_empty()) {
            let is_named = |value: &&NamedValue| {
                value.name == word
                    || value.name.rsplit_once('.').is_some_and(|(of, name)| of == own && name == word)
            };
            let value = self.values.iter().find(is_named);
            found.extend(value.filter(|value| !found.iter().any(|one| one.name == value.name)));
        }
    }
}

impl Line {
    /// This line and the lines of its ways, outermost first.
    pub fn with_inner(&self) -> Vec<&Line> {
        let inner = self.ways.iter().flat_map(|way| &way.lines).flat_map(Line::with_inner);
        std::iter::once(self).chain(inner).collect()
    }
}
