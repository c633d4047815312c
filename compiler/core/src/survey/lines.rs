//! The seven items as a reader sees them: text, place, clause, and what stands around them.
use super::{Clause, Line, LineKind, Reader, Way, doc};
use crate::items::leftmost;
use pkic_ir::Strength;
use pkic_syntax::ast::{self, ItemKind, WindowEdge};

/// A walk over items, with what stands around them. Blocks nest no deeper than the parser lets them.
#[derive(Clone)]
pub(super) struct Walk<'c, 'a> {
    reader: &'c Reader<'c, 'a>,
    module: usize,
    strength: Strength,
    cites: Option<Clause>,
    when: Vec<String>,
    from: Option<i64>,
    before: Option<i64>,
    doc: Option<String>,
}

impl<'c, 'a> Walk<'c, 'a> {
    pub(super) fn new(reader: &'c Reader<'c, 'a>, module: usize) -> Walk<'c, 'a> {
        Walk {
            reader,
            module,
            strength: Strength::Must,
            cites: None,
            when: Vec::new(),
            from: None,
            before: None,
            doc: None,
        }
    }

    /// The same walk below something that cites a clause.
    pub(super) fn citing(self, cites: Option<Clause>) -> Walk<'c, 'a> {
        Walk { cites, ..self }
    }

    /// The clause that `cites` names, with its source.
    pub(super) fn clause(&self, cites: &ast::Cites<'_>) -> Option<Clause> {
        let policy = &self.reader.cx.module(self.module)?.name;
        let index = self.reader.cx.names.sources.find(&format!("{policy}.{}", cites.source.text))?;
        let source = self.reader.source(index)?;
        Some(Clause { source, clause: cites.clause.text.clone().into_owned() })
    }

    /// Adds what an item comes to.
    pub(super) fn item(&self, item: &ast::Item<'a>, lines: &mut Vec<Line>) {
        let docs = doc(&item.docs).or_else(|| self.doc.clone());
        match &item.kind {
            ItemKind::Error => {}
            ItemKind::Require(require) => lines.push(self.require(require, docs)),
            ItemKind::Prefer(prefer) => {
                let should = Walk { strength: Strength::Should, ..self.clone() };
                lines.push(should.require(&prefer.require, docs));
            }
            ItemKind::Approve(approve) => {
                let id = format!("approve.{}", approve.group.text);
                lines.push(self.line(LineKind::Approval, id, item.span, approve.cites.as_ref(), docs));
            }
            ItemKind::Oblige(oblige) => {
                let id = oblige.name.text.to_owned();
                lines.push(self.line(LineKind::Obligation, id, item.span, oblige.cites.as_ref(), docs));
            }
            ItemKind::OneOf(one_of) => lines.push(self.one_of(one_of, item.span, docs)),
            ItemKind::When(when) => {
                let mut inner = Walk { doc: docs, ..self.clone() };
                inner.when.push(self.reader.cx.one_line(self.module, when.cond.span));
                when.items.iter().for_each(|item| inner.item(item, lines));
            }
            ItemKind::Dated(dated) => {
                let mut inner = Walk { doc: docs, ..self.clone() };
                for window in &dated.windows {
                    let date = window.date.unix_s;
                    match window.edge {
                        WindowEdge::From => {
                            inner.from = Some(inner.from.map_or(date, |from| from.max(date)));
                        }
                        WindowEdge::Before => {
                            inner.before = Some(inner.before.map_or(date, |before| before.min(date)));
                        }
                    }
                }
                dated.items.iter().for_each(|item| inner.item(item, lines));
            }
        }
    }

    /// A requirement.
    pub(super) fn require(&self, require: &ast::Require<'a>, docs: Option<String>) -> Line {
        let id = require.label.map(|label| label.text).or_else(|| leftmost(&require.cond)).unwrap_or("");
        self.line(LineKind::Requirement, id.to_owned(), require.span, require.cites.as_ref(), docs)
    }

    fn one_of(&self, one_of: &ast::OneOf<'a>, span: ast::Span, docs: Option<String>) -> Line {
        let mut line =
            self.line(LineKind::OneOf, one_of.name.text.to_owned(), span, one_of.cites.as_ref(), docs);
        let inner = Walk {
            strength: Strength::Must,
            cites: line.cites.clone(),
            when: Vec::new(),
            from: None,
            before: None,
            doc: None,
            ..self.clone()
        };
        for way in &one_of.ways {
            let mut of_way = Vec::new();
            way.items.iter().for_each(|item| inner.item(item, &mut of_way));
            let name = way.name.map(|name| name.text.to_owned()).unwrap_or_default();
            line.ways.push(Way { name, doc: doc(&way.docs), lines: of_way });
        }
        let names: Vec<&str> = line.ways.iter().map(|way| way.name.as_str()).collect();
        line.text = format!("one of {} {{ {} }}", one_of.name.text, names.join(", "));
        line
    }

    fn line(
        &self,
        kind: LineKind,
        id: String,
        span: ast::Span,
        cites: Option<&ast::Cites<'a>>,
        docs: Option<String>,
    ) -> Line {
        let origin = self.reader.cx.origin(self.module, span);
        let end = cites.map_or(span.end, |cites| cites.span.start);
        Line {
            kind,
            id,
            text: self.reader.cx.one_line(self.module, ast::Span { start: span.start, end }),
            demands: self.reader.demands.of(origin),
            doc: docs,
            strength: self.strength,
            from: self.from,
            before: self.before,
            when: self.when.clone(),
            cites: match cites {
                Some(cites) => self.clause(cites),
                None => self.cites.clone(),
            },
            ways: Vec::new(),
            origin,
        }
    }
}
