//! The seven items, lowered to requirements and obligations.
use crate::collect::refuse_vocabulary;
use crate::context::{Cx, Known};
use crate::source::range;
use pkic_ir::{Approval, Body, Citation, ExprId, Obligation, Requirement, RequirementId, Strength, Way};
use pkic_syntax::ast::{self, CondKind, ItemKind, WindowEdge};
use pkic_vocab::obligations::{ArgumentDef, ArgumentType, OBLIGATIONS, ObligationDef};
use pkic_vocab::time;

/// What stands around an item.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) module: usize,
    pub(crate) strength: Strength,
    /// Citation of the mandate or `one of` around it.
    pub(crate) cites: Option<Citation>,
    /// Index in the program of the mandate around it.
    pub(crate) mandate: Option<u32>,
    pub(crate) when: Vec<ExprId>,
    from: Option<i64>,
    before: Option<i64>,
    doc: Option<String>,
    is_way: bool,
}

impl Frame {
    /// The frame of the items of a profile.
    pub(crate) fn new(module: usize) -> Frame {
        Frame {
            module,
            strength: Strength::Must,
            cites: None,
            mandate: None,
            when: Vec::new(),
            from: None,
            before: None,
            doc: None,
            is_way: false,
        }
    }

    fn is_unconditional(&self) -> bool {
        self.when.is_empty()
            && self.from.is_none()
            && self.before.is_none()
            && self.strength == Strength::Must
    }

    fn doc_of(&self, docs: &ast::Docs<'_>) -> Option<String> {
        if docs.lines.is_empty() { self.doc.clone() } else { Some(docs.text()) }
    }
}

/// What items come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    pub(crate) requirements: Vec<RequirementId>,
    pub(crate) obligations: Vec<Obligation>,
    /// Whether an item could not be read, so that what is missing may stand there.
    pub(crate) has_error: bool,
}

impl<'a> Cx<'a> {
    /// Lowers an item into `lines`.
    pub(crate) fn item(&mut self, frame: &Frame, item: &'a ast::Item<'a>, lines: &mut Lines) {
        let lowered = match &item.kind {
            ItemKind::Error => None,
            ItemKind::Require(require) => self.require(frame, require, frame.doc_of(&item.docs), lines),
            ItemKind::Prefer(prefer) => self.prefer(frame, prefer, item, lines),
            ItemKind::Approve(approve) => self.approve(frame, approve, item, lines),
            ItemKind::Oblige(oblige) => self.oblige(frame, oblige, item, lines),
            ItemKind::OneOf(one_of) => self.one_of(frame, one_of, item, lines),
            ItemKind::When(when) => self.when(frame, when, item, lines),
            ItemKind::Dated(dated) => self.dated(frame, dated, item, lines),
        };
        lines.has_error |= lowered.is_none();
    }

    /// Lowers a requirement.
    pub(crate) fn require(
        &mut self,
        frame: &Frame,
        require: &ast::Require<'a>,
        doc: Option<String>,
        lines: &mut Lines,
    ) -> Option<()> {
        if let Some(label) = require.label {
            refuse_vocabulary(self, frame.module, label, "label");
        }
        let cites = match &require.cites {
            None => frame.cites.clone(),
            Some(cites) => self.citation(frame.module, cites),
        };
        let expr = self.graded_condition(frame.module, &require.cond, require.grade.as_ref())?;
        let id = match require.label {
            Some(label) => label.text,
            None => leftmost(&require.cond)?,
        };
        let known =
            Known { size: 1, states_storage: frame.is_unconditional() && states_storage(&require.cond) };
        let text = self.one_line(frame.module, text_span(require));
        self.push_line(frame, id, Body::Expr(expr), (text, doc, cites), require.span, known, lines);
        Some(())
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where a requirement is put together")]
    fn push_line(
        &mut self,
        frame: &Frame,
        id: &str,
        body: Body,
        said: (String, Option<String>, Option<Citation>),
        span: ast::Span,
        known: Known,
        lines: &mut Lines,
    ) {
        let (text, doc, cites) = said;
        let requirement = Requirement {
            id: id.to_owned(),
            strength: frame.strength,
            from: frame.from,
            before: frame.before,
            when: frame.when.clone(),
            body,
            text,
            doc,
            cites,
            origin: self.origin(frame.module, span),
            mandate: frame.mandate,
        };
        let id = self.push_requirement(requirement, known);
        lines.requirements.push(id);
    }

    /// What decides nothing by itself has no place inside of a way.
    fn outside_of_ways(
        &mut self,
        frame: &Frame,
        item: &ast::Item<'a>,
        why: &'static str,
        help: &'static str,
    ) -> Option<()> {
        if frame.is_way {
            self.error(frame.module, "E0212", item.span, why, |diagnostic| diagnostic.with_help(help));
            return None;
        }
        Some(())
    }

    fn prefer(
        &mut self,
        frame: &Frame,
        prefer: &ast::Prefer<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        let why = "a preference decides nothing inside of a way";
        self.outside_of_ways(frame, item, why, "move it out of the `one of`, or make it a requirement")?;
        let should = Frame { strength: Strength::Should, ..frame.clone() };
        self.require(&should, &prefer.require, frame.doc_of(&item.docs), lines)
    }

    fn approve(
        &mut self,
        frame: &Frame,
        approve: &ast::Approve<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        let cites = match &approve.cites {
            None => frame.cites.clone(),
            Some(cites) => self.citation(frame.module, cites),
        };
        let approval = self.approval(frame.module, approve)?;
        let id = format!("approve.{}", approve.group.text);
        let text = format!("approve {} of {}", approve.count.value, approve.group.text);
        let known = Known { size: 1, states_storage: false };
        let doc = frame.doc_of(&item.docs);
        self.push_line(frame, &id, Body::Approve(approval), (text, doc, cites), item.span, known, lines);
        Some(())
    }

    /// `approve N of GROUP`, checked against the group.
    pub(crate) fn approval(&mut self, module: usize, approve: &ast::Approve<'a>) -> Option<Approval> {
        let index = self.find_declared(|names| &names.groups, "group", module, approve.group)?;
        let (group_module, group_span, node) =
            self.names.groups.entry(index).map(|entry| (entry.module, entry.name_span, entry.node))?;
        let members = node.members.as_ref().map(|members| members.len() as u64);
        let wanted = approve.count.value;
        if wanted == 0 || members.is_some_and(|members| members < wanted) || wanted > 256 {
            let message = match members.filter(|_| wanted > 0) {
                Some(members) => format!("{wanted} of the {members} members of `{}`", approve.group.text),
                None => format!("{wanted} approvals"),
            };
            let file = self.file_of(group_module);
            self.error(
                module,
                "E0220",
                approve.count.span,
                format!("{message} can't be had"),
                |diagnostic| {
                    let diagnostic = match members {
                        Some(_) => diagnostic.with_related(file, range(group_span), "the group"),
                        None => diagnostic,
                    };
                    diagnostic.with_help("ask for at least one person, and for no more than there are")
                },
            );
            return None;
        }
        let group = self.names.group_places.get(index).copied()?;
        Some(Approval { count: u32::try_from(wanted).ok()?, group })
    }

    fn one_of(
        &mut self,
        frame: &Frame,
        one_of: &'a ast::OneOf<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        refuse_vocabulary(self, frame.module, one_of.name, "`one of`");
        let cites = match &one_of.cites {
            None => frame.cites.clone(),
            Some(cites) => self.citation(frame.module, cites),
        };
        let inner = Frame {
            strength: Strength::Must,
            cites: cites.clone(),
            when: Vec::new(),
            from: None,
            before: None,
            doc: None,
            is_way: true,
            ..frame.clone()
        };
        let mut ways: Vec<Way> = Vec::new();
        let mut known =
            Known { size: 1, states_storage: frame.is_unconditional() && !one_of.ways.is_empty() };
        let mut is_whole = true;
        for way in &one_of.ways {
            let Some(name) = way.name else {
                is_whole = false;
                continue;
            };
            let mut of_way = Lines::default();
            for item in &way.items {
                self.item(&inner, item, &mut of_way);
            }
            let is_twice = ways.iter().any(|other| other.name == name.text);
            is_whole &= self.way_fits(frame.module, way, name, &of_way, is_twice);
            let inside: Vec<Known> = of_way.requirements.iter().map(|id| self.known(*id)).collect();
            known.size = inside.iter().fold(known.size, |size, inner| size.saturating_add(inner.size));
            known.states_storage &= inside.iter().any(|inner| inner.states_storage);
            let doc = Some(way.docs.text()).filter(|doc| !doc.is_empty());
            ways.push(Way { name: name.text.to_owned(), doc, requirements: of_way.requirements });
        }
        if one_of.ways.is_empty() {
            self.error(
                frame.module,
                "E0217",
                item.span,
                "a choice of nothing can't be satisfied",
                |diagnostic| diagnostic.with_help("name at least one way"),
            );
            return None;
        }
        is_whole.then_some(())?;
        let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
        let text = format!("one of {} {{ {} }}", one_of.name.text, names.join(", "));
        let doc = frame.doc_of(&item.docs);
        self.push_line(
            frame,
            one_of.name.text,
            Body::OneOf(ways),
            (text, doc, cites),
            item.span,
            known,
            lines,
        );
        Some(())
    }

    fn way_fits(
        &mut self,
        module: usize,
        way: &ast::Way<'a>,
        name: ast::Name<'a>,
        lines: &Lines,
        is_twice: bool,
    ) -> bool {
        if is_twice {
            self.error(
                module,
                "E0104",
                name.span,
                format!("way `{}` stands twice", name.text),
                |diagnostic| {
                    diagnostic
                        .with_help("give one of them another name: the decision says which way was taken")
                },
            );
        }
        let is_empty = lines.requirements.is_empty() && !lines.has_error;
        if is_empty {
            let message = format!("way `{}` asks for nothing", name.text);
            self.error(module, "E0217", way.span, message, |diagnostic| {
                diagnostic
                    .with_note("a way without requirements is always satisfied")
                    .with_help("say what it asks, or leave it out")
            });
        }
        !is_twice && !is_empty && !lines.has_error
    }

    fn when(
        &mut self,
        frame: &Frame,
        when: &'a ast::When<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        let cond = self.condition(frame.module, &when.cond);
        let mut inner = Frame { doc: frame.doc_of(&item.docs), ..frame.clone() };
        inner.when.extend(cond);
        for item in &when.items {
            self.item(&inner, item, lines);
        }
        cond.map(|_| ())
    }

    fn dated(
        &mut self,
        frame: &Frame,
        dated: &'a ast::Dated<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        let mut inner = Frame { doc: frame.doc_of(&item.docs), ..frame.clone() };
        for window in &dated.windows {
            let date = window.date.unix_s;
            match window.edge {
                WindowEdge::From => inner.from = Some(inner.from.map_or(date, |from| from.max(date))),
                WindowEdge::Before => {
                    inner.before = Some(inner.before.map_or(date, |before| before.min(date)))
                }
            }
        }
        let mut is_whole = true;
        if let (Some(from), Some(before)) = (inner.from, inner.before)
            && from >= before
        {
            let span = dated.windows.iter().fold(item.span, |_, window| window.span);
            let message = format!(
                "no day is from {} and before {}",
                time::format_date(from),
                time::format_date(before)
            );
            self.error(frame.module, "E0216", span, message, |diagnostic| {
                diagnostic.with_help("`from` takes its day in, `before` leaves it out")
            });
            is_whole = false;
        }
        for item in &dated.items {
            self.item(&inner, item, lines);
        }
        is_whole.then_some(())
    }

    fn oblige(
        &mut self,
        frame: &Frame,
        oblige: &ast::Oblige<'a>,
        item: &ast::Item<'a>,
        lines: &mut Lines,
    ) -> Option<()> {
        let why = "an obligation can't stand inside of a way";
        self.outside_of_ways(
            frame,
            item,
            why,
            "move it out of the `one of`: it holds whichever way is taken",
        )?;
        let Some(def) = ObligationDef::from_name(oblige.name.text) else {
            let known = OBLIGATIONS.iter().map(|def| def.name);
            self.unknown_word(frame.module, oblige.name.span, "obligation", oblige.name.text, known);
            return None;
        };
        let arguments = self.arguments(frame.module, def, oblige)?;
        let cites = match &oblige.cites {
            None => frame.cites.clone(),
            Some(cites) => self.citation(frame.module, cites),
        };
        // What is adopted as advice obliges nobody.
        if frame.strength == Strength::Must {
            lines.obligations.push(Obligation {
                name: def.name.to_owned(),
                arguments,
                from: frame.from,
                before: frame.before,
                when: frame.when.clone(),
                cites,
                origin: self.origin(frame.module, item.span),
            });
        }
        Some(())
    }

    fn arguments(
        &mut self,
        module: usize,
        def: &'static ObligationDef,
        oblige: &ast::Oblige<'a>,
    ) -> Option<Vec<(String, String)>> {
        let mut given: Vec<(String, String)> = Vec::new();
        for argument in &oblige.arguments {
            let (name, value, span) = self.argument(module, argument)?;
            let slot = def.arguments.iter().find(|slot| slot.name == name);
            let is_twice = given.iter().any(|(other, _)| *other == name);
            let Some(slot) = slot.filter(|_| !is_twice) else {
                self.bad_argument(
                    module,
                    def,
                    argument.span,
                    format!("`{}` takes no such argument", def.name),
                );
                return None;
            };
            if !self.argument_fits(module, slot, &value, span) {
                return None;
            }
            given.push((name, value));
        }
        let missing = def
            .arguments
            .iter()
            .find(|slot| !slot.optional && !given.iter().any(|(name, _)| name == slot.name));
        if missing.is_some() {
            self.bad_argument(module, def, oblige.name.span, format!("`{}` lacks an argument", def.name));
            return None;
        }
        Some(given)
    }

    fn argument(
        &mut self,
        module: usize,
        argument: &ast::Argument<'a>,
    ) -> Option<(String, String, ast::Span)> {
        let plain = |text: &str| Some((String::new(), text.to_owned(), argument.span));
        match &argument.kind {
            ast::ArgumentKind::Int(number) => plain(&number.to_string()),
            ast::ArgumentKind::Str(text) => plain(&text.text),
            ast::ArgumentKind::Word(word) => plain(word.text),
            ast::ArgumentKind::Named { name, value } => {
                let text = value.span.text(self.module(module)?.text).to_owned();
                Some((name.text.to_owned(), text, value.span))
            }
        }
    }

    fn argument_fits(&mut self, module: usize, slot: &ArgumentDef, value: &str, span: ast::Span) -> bool {
        match slot.ty {
            ArgumentType::Count => {
                let is_count = value.parse::<u32>().is_ok_and(|count| count > 0);
                if !is_count {
                    self.error(module, "E0213", span, format!("`{value}` is no count"), |diagnostic| {
                        diagnostic.with_help("write a whole number of at least 1")
                    });
                }
                is_count
            }
            ArgumentType::OneOf(words) => {
                let is_known = words.contains(&value);
                if !is_known {
                    self.unknown_word(module, span, "argument", value, words.iter().copied());
                }
                is_known
            }
            ArgumentType::Source => self.find_source(module, ast::Name { text: value, span }).is_some(),
        }
    }

    fn bad_argument(&mut self, module: usize, def: &'static ObligationDef, span: ast::Span, message: String) {
        let shape: Vec<String> = def
            .arguments
            .iter()
            .map(|slot| {
                let what = match slot.ty {
                    ArgumentType::Count => "N".to_owned(),
                    ArgumentType::OneOf(words) => words.join("|"),
                    ArgumentType::Source => "SOURCE".to_owned(),
                };
                if slot.name.is_empty() { what } else { format!("{}: {what}", slot.name) }
            })
            .collect();
        self.error(module, "E0213", span, message, |diagnostic| {
            diagnostic.with_help(format!("write `oblige {}({})`", def.name, shape.join(", ")))
        });
    }
}

/// The part of a requirement that says what is needed: without its citation.
fn text_span(require: &ast::Require<'_>) -> ast::Span {
    let end = require.grade.as_ref().map_or(require.cond.span, |grade| grade.span);
    require.span.to(ast::Span { start: require.span.start, end: end.end })
}

/// The path that stands leftmost in a condition: the id of a requirement without a label.
pub(crate) fn leftmost<'a>(cond: &ast::Cond<'a>) -> Option<&'a str> {
    let mut at = cond;
    loop {
        at = match &at.kind {
            CondKind::Atom(atom) => return Some(atom.path.text),
            CondKind::And(parts) | CondKind::Or(parts) => parts.first()?,
            CondKind::Not(inner) | CondKind::Paren(inner) => inner,
        };
    }
}

/// Whether a condition is a plain statement of where the key may be, possibly with more behind `&&`.
fn states_storage(cond: &ast::Cond<'_>) -> bool {
    match &cond.kind {
        CondKind::Atom(atom) => {
            let says =
                matches!(&atom.test, ast::AtomTest::Compare { rel: ast::Rel::In | ast::Rel::Equal, .. });
            says && atom.path.text == "key.storage"
        }
        CondKind::And(parts) => parts.iter().any(states_storage),
        CondKind::Paren(inner) => states_storage(inner),
        CondKind::Or(parts) => parts.iter().all(states_storage),
        CondKind::Not(_) => false,
    }
}
