//! The seven items and conditions.

use alloc::boxed::Box;
use alloc::vec::Vec;

use pest::iterators::Pair;

use super::{Kids, Lower, exact};
use crate::ast::{
    Approve, Argument, ArgumentKind, Atom, AtomTest, Cond, CondKind, Dated, Docs, Item, ItemKind, Oblige,
    OneOf, Path, Prefer, Quantifier, Rel, Require, Span, Way, When, Window, WindowEdge,
};
use crate::grammar::Rule;
use crate::tree::NodeKind;

impl<'t> Lower<'t, '_> {
    /// An item with the doc comment above it.
    pub(super) fn item(&mut self, pair: Pair<'_, Rule>) -> Item<'t> {
        let start = exact(&pair).start;
        let docs = self.docs(start);
        if pair.as_rule() == Rule::bad {
            return Item { docs, kind: ItemKind::Error, span: self.bad_span(&pair) };
        }
        let node = self.open(NodeKind::Item, start);
        let item = self.bare_item(pair, docs);
        self.shut(node, item.span);
        item
    }

    fn bare_item(&mut self, pair: Pair<'_, Rule>, docs: Docs<'t>) -> Item<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let kind = match pair.as_rule() {
            Rule::dated => ItemKind::Dated(self.dated(kids)),
            Rule::prefer => ItemKind::Prefer(Prefer { require: self.preferred(&mut kids) }),
            Rule::when => ItemKind::When(When { cond: self.cond(&mut kids), items: self.block(&mut kids) }),
            Rule::one_of => ItemKind::OneOf(self.one_of(kids)),
            Rule::approve => ItemKind::Approve(self.approve(&mut kids)),
            Rule::oblige => ItemKind::Oblige(self.oblige(&mut kids)),
            Rule::require => ItemKind::Require(self.require(&pair, docs.clone())),
            _ => ItemKind::Error,
        };
        let span = if pair.as_rule() == Rule::bad { self.bad_span(&pair) } else { self.span_of(&pair) };
        Item { docs, kind, span }
    }

    /// The items between the braces that come next.
    pub(super) fn block(&mut self, kids: &mut Kids<'_>) -> Vec<Item<'t>> {
        let mut items = Vec::new();
        let Some(open) = kids.seek(Rule::lbrace) else { return items };
        let node = self.open(NodeKind::Block, exact(&open).start);
        let mut end = exact(&open);
        while let Some(pair) = kids.next() {
            if pair.as_rule() == Rule::rbrace {
                end = self.brace(exact(&open), &pair);
                break;
            }
            items.push(self.item(pair));
        }
        self.shut(node, exact(&open).to(end));
        items
    }

    fn dated(&mut self, mut kids: Kids<'_>) -> Dated<'t> {
        let mut windows = Vec::new();
        while let Some(pair) = kids.take(Rule::window) {
            let mut inner = Kids::new(pair.clone().into_inner());
            let edge =
                if inner.take(Rule::kw_from).is_some() { WindowEdge::From } else { WindowEdge::Before };
            windows.push(Window { edge, date: self.date(&mut inner), span: exact(&pair) });
        }
        if kids.pairs.peek().is_some_and(|pair| pair.as_rule() == Rule::lbrace) {
            return Dated { windows, items: self.block(&mut kids), is_block: true };
        }
        let mut items = Vec::new();
        if let Some(pair) = kids.next() {
            let docs = self.docs(exact(&pair).start);
            items.push(self.bare_item(pair, docs));
        }
        Dated { windows, items, is_block: false }
    }

    fn preferred(&mut self, kids: &mut Kids<'_>) -> Require<'t> {
        match kids.seek(Rule::require) {
            Some(pair) => self.require(&pair, Docs::default()),
            None => Require {
                docs: Docs::default(),
                label: None,
                cond: Cond { kind: CondKind::And(Vec::new()), span: Span::default() },
                grade: None,
                cites: None,
                span: Span::default(),
            },
        }
    }

    pub(super) fn require(&mut self, pair: &Pair<'_, Rule>, docs: Docs<'t>) -> Require<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let label = kids.take(Rule::label).map(|label| self.name(&mut Kids::new(label.into_inner())));
        let cond = self.cond(&mut kids);
        let grade = self.grade(&mut kids);
        let cites = self.cites(&mut kids);
        Require { docs, label, cond, grade, cites, span: self.span_of(pair) }
    }

    fn one_of(&mut self, mut kids: Kids<'_>) -> OneOf<'t> {
        let name = self.name(&mut kids);
        let cites = self.cites(&mut kids);
        let mut ways = Vec::new();
        let Some(open) = kids.seek(Rule::lbrace) else { return OneOf { name, cites, ways } };
        let node = self.open(NodeKind::Block, exact(&open).start);
        let mut end = exact(&open);
        while let Some(pair) = kids.next() {
            match pair.as_rule() {
                Rule::rbrace => {
                    end = self.brace(exact(&open), &pair);
                    break;
                }
                _ => ways.push(self.way(pair)),
            }
        }
        self.shut(node, exact(&open).to(end));
        OneOf { name, cites, ways }
    }

    fn way(&mut self, pair: Pair<'_, Rule>) -> Way<'t> {
        let start = exact(&pair).start;
        let docs = self.docs(start);
        if pair.as_rule() == Rule::bad {
            return Way { docs, name: None, items: Vec::new(), span: self.bad_span(&pair) };
        }
        let node = self.open(NodeKind::Item, start);
        let mut kids = Kids::new(pair.clone().into_inner());
        let name = Some(self.name(&mut kids));
        let items = self.block(&mut kids);
        let span = self.span_of(&pair);
        self.shut(node, span);
        Way { docs, name, items, span }
    }

    pub(super) fn approve(&mut self, kids: &mut Kids<'_>) -> Approve<'t> {
        Approve { count: self.int(kids), group: self.name(kids), cites: self.cites(kids) }
    }

    fn oblige(&mut self, kids: &mut Kids<'_>) -> Oblige<'t> {
        let name = self.name(kids);
        let (mut arguments, mut cites) = (Vec::new(), None);
        while let Some(pair) = kids.next() {
            match pair.as_rule() {
                Rule::argument => arguments.extend(self.argument(pair)),
                Rule::cites => cites = Some(self.cites_of(&pair)),
                _ => {}
            }
        }
        Oblige { name, arguments, cites }
    }

    fn argument(&mut self, pair: Pair<'_, Rule>) -> Option<Argument<'t>> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let first = kids.next()?;
        let kind = match first.as_rule() {
            Rule::int => ArgumentKind::Int(self.int_of(&first).value),
            Rule::string => ArgumentKind::Str(self.string_of(&first)),
            _ => {
                let name = self.name_of(&first);
                match kids.take(Rule::colon) {
                    Some(_) => ArgumentKind::Named { name, value: self.value(&mut kids) },
                    None => ArgumentKind::Word(name),
                }
            }
        };
        Some(Argument { kind, span: self.span_of(&pair) })
    }

    /// The condition that comes next.
    pub(super) fn cond(&mut self, kids: &mut Kids<'_>) -> Cond<'t> {
        while let Some(pair) = kids.next() {
            if matches!(pair.as_rule(), Rule::cond | Rule::cond_plain) {
                return self.cond_of(pair);
            }
        }
        Cond { kind: CondKind::And(Vec::new()), span: Span::default() }
    }

    fn cond_of(&mut self, pair: Pair<'_, Rule>) -> Cond<'t> {
        let operands = self.operands(&pair);
        let span = self.span_of(&pair);
        match pair.as_rule() {
            Rule::cond | Rule::cond_plain => joined(operands, CondKind::Or, span),
            Rule::conj | Rule::conj_plain => joined(operands, CondKind::And, span),
            Rule::paren => {
                Cond { kind: CondKind::Paren(Box::new(joined(operands, CondKind::And, span))), span }
            }
            Rule::not => self.negated(&pair, joined(operands, CondKind::And, span), span),
            _ => Cond { kind: CondKind::Atom(self.atom(&pair)), span },
        }
    }

    fn operands(&mut self, pair: &Pair<'_, Rule>) -> Vec<Cond<'t>> {
        if pair.as_rule() == Rule::atom {
            return Vec::new();
        }
        let is_cond = |rule| {
            matches!(rule, Rule::cond | Rule::conj | Rule::conj_plain | Rule::atom | Rule::paren | Rule::not)
        };
        pair.clone()
            .into_inner()
            .filter(|pair| is_cond(pair.as_rule()))
            .map(|pair| self.cond_of(pair))
            .collect()
    }

    fn negated(&self, pair: &Pair<'_, Rule>, inner: Cond<'t>, span: Span) -> Cond<'t> {
        let mut cond = inner;
        let bangs: Vec<u32> = (pair.clone().into_inner())
            .filter(|pair| pair.as_rule() == Rule::bang)
            .map(|pair| exact(&pair).start)
            .collect();
        for start in bangs.into_iter().rev() {
            cond = Cond { kind: CondKind::Not(Box::new(cond)), span: Span { start, end: span.end } };
        }
        cond
    }

    fn atom(&mut self, pair: &Pair<'_, Rule>) -> Atom<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let mut atom = Atom {
            path: Path { text: "", segments: Vec::new(), span: Span::default() },
            test: AtomTest::Holds,
        };
        let (mut rel, mut rel_span) = (Rel::Equal, Span::default());
        while let Some(part) = kids.next() {
            match part.as_rule() {
                Rule::path_of_fact => atom.path = self.path_of(&part),
                Rule::rel => (rel, rel_span) = self.rel_of(&part),
                Rule::quantified => atom.test = self.quantified(part),
                _ => atom.test = AtomTest::Compare { rel, rel_span, value: self.value_of(part) },
            }
        }
        atom
    }

    fn quantified(&mut self, pair: Pair<'_, Rule>) -> AtomTest<'t> {
        let mut kids = Kids::new(pair.into_inner());
        let quantifier = match kids.seek(Rule::quantifier) {
            Some(pair) if pair.as_str() == ".exists" => Quantifier::Exists,
            _ => Quantifier::All,
        };
        AtomTest::Quantify { quantifier, binder: self.name(&mut kids), body: Box::new(self.cond(&mut kids)) }
    }
}

/// One operand stands for itself.
fn joined<'t>(mut operands: Vec<Cond<'t>>, join: fn(Vec<Cond<'t>>) -> CondKind<'t>, span: Span) -> Cond<'t> {
    match operands.pop() {
        Some(only) if operands.is_empty() => only,
        last => {
            operands.extend(last);
            Cond { kind: join(operands), span }
        }
    }
}
