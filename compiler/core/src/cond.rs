//! Conditions: typed and lowered in one walk.
use crate::context::Cx;
use crate::facts::{Binder, Typed};
use crate::source::range;
use crate::values::{Constants, Element, Scalar};
use pkic_ir::{Atom, Constant, Expr, ExprId, Guard, Operand, Relation, Test};
use pkic_syntax::ast::{self, AtomTest, CondKind, Rel, ValueKind};
use pkic_vocab::{Type, Value};

/// Quantifiers, one within the other.
const QUANTIFIERS_MAX: usize = 2;

/// A condition being lowered.
pub(crate) struct Lowering<'c, 'a> {
    pub(crate) cx: &'c mut Cx<'a>,
    pub(crate) module: usize,
    binders: Vec<Binder<'a>>,
    /// The grade of the whole requirement.
    guard: Guard,
    /// Whether some fact took that grade.
    is_guard_used: bool,
}

impl<'a> Cx<'a> {
    /// Lowers a condition that has no grade of its own.
    pub(crate) fn condition(&mut self, module: usize, cond: &ast::Cond<'a>) -> Option<ExprId> {
        Lowering::new(self, module, Guard::FLOOR).cond(cond)
    }

    /// Lowers the condition of a requirement, at the grade of the requirement.
    pub(crate) fn graded_condition(
        &mut self,
        module: usize,
        cond: &ast::Cond<'a>,
        grade: Option<&ast::Grade<'a>>,
    ) -> Option<ExprId> {
        let guard = match grade {
            None => Guard::FLOOR,
            Some(grade) => match self.guard(module, grade) {
                Some(guard) => guard,
                None => {
                    Lowering::new(self, module, Guard::FLOOR).cond(cond);
                    return None;
                }
            },
        };
        let mut lowering = Lowering::new(self, module, guard);
        let lowered = lowering.cond(cond)?;
        if let Some(grade) = grade.filter(|_| !lowering.is_guard_used) {
            ungraded(self, module, grade.span);
            return None;
        }
        Some(lowered)
    }

    /// Lowers `FIELD REL VALUE` of a `contents` record.
    pub(crate) fn comparison(
        &mut self,
        module: usize,
        left: &Typed,
        constraint: &ast::Constraint<'a>,
        text: &str,
    ) -> Option<ExprId> {
        let subject = Subject { typed: left.clone(), text };
        Lowering::new(self, module, Guard::FLOOR).compare(
            &subject,
            constraint.rel,
            constraint.rel_span,
            &constraint.value,
        )
    }
}

/// Reports a grade where none can be.
pub(crate) fn ungraded(cx: &mut Cx<'_>, module: usize, span: ast::Span) {
    cx.error(module, "E0206", span, "a grade on what is known by itself", |diagnostic| {
        diagnostic
            .with_note(
                "the certificate is ours, and the policy is: nobody vouches for them, so they have no grade",
            )
            .with_help("leave the grade out")
            .with_fix(range(span), "", false)
    });
}

/// The left of a relation, with how it is written.
struct Subject<'s> {
    typed: Typed,
    text: &'s str,
}

impl<'c, 'a> Lowering<'c, 'a> {
    fn new(cx: &'c mut Cx<'a>, module: usize, guard: Guard) -> Lowering<'c, 'a> {
        Lowering { cx, module, binders: Vec::new(), guard, is_guard_used: false }
    }

    /// Lowers a condition, and reports everything that is wrong in it.
    fn cond(&mut self, cond: &ast::Cond<'a>) -> Option<ExprId> {
        match &cond.kind {
            CondKind::Paren(inner) => self.cond(inner),
            CondKind::Not(inner) => {
                let inner = self.cond(inner)?;
                Some(self.cx.push_expr(Expr::Not(inner)))
            }
            CondKind::And(parts) => {
                let parts = self.all_of(parts)?;
                Some(self.cx.push_expr(Expr::And(parts)))
            }
            CondKind::Or(parts) => {
                let parts = self.all_of(parts)?;
                Some(self.cx.push_expr(Expr::Or(parts)))
            }
            CondKind::Atom(atom) => self.atom(atom, cond.span),
        }
    }

    fn all_of(&mut self, parts: &[ast::Cond<'a>]) -> Option<Vec<ExprId>> {
        let lowered: Vec<Option<ExprId>> = parts.iter().map(|part| self.cond(part)).collect();
        lowered.into_iter().collect()
    }

    fn error(
        &mut self,
        code: &'static str,
        span: ast::Span,
        message: impl Into<String>,
        with: impl FnOnce(crate::Diagnostic) -> crate::Diagnostic,
    ) {
        self.cx.error(self.module, code, span, message, with);
    }

    fn atom(&mut self, atom: &ast::Atom<'a>, span: ast::Span) -> Option<ExprId> {
        match &atom.test {
            AtomTest::Compare { rel, rel_span, value } => {
                if *rel == Rel::In
                    && let ValueKind::Path(list) = &value.kind
                    && let Some(list) = self.cx.seek(&self.binders, list)
                    && let Type::List(element) = list.ty
                    && self.cx.seek(&self.binders, &atom.path).is_none()
                {
                    return self.contains(&atom.path, list, *element);
                }
                let typed = self.cx.resolve(self.module, &self.binders, &atom.path)?;
                let subject = Subject { typed, text: atom.path.text };
                self.compare(&subject, *rel, *rel_span, value)
            }
            AtomTest::Holds => {
                let typed = self.cx.resolve(self.module, &self.binders, &atom.path)?;
                if typed.ty != Type::Bool {
                    let message =
                        format!("`{}` is a `{}`, so it must be compared", atom.path.text, typed.ty.name());
                    let help = match typed.ty.is_ordered() {
                        true => format!("`{} >= …`", atom.path.text),
                        false => format!("`{} in [ … ]`", atom.path.text),
                    };
                    self.error("E0201", span, message, |diagnostic| {
                        diagnostic
                            .with_note("there is no way to ask whether a fact is there: absence is unknown")
                            .with_help(help)
                    });
                    return None;
                }
                let test = Test::Compare(Relation::Equal, Constant::Value(Value::Bool(true)));
                Some(self.push_atom(&typed, test, None))
            }
            AtomTest::Quantify { quantifier, binder, body } => self.each(atom, *quantifier, *binder, body),
        }
    }

    /// `WORD in LIST`.
    fn contains(&mut self, word: &ast::Path<'a>, list: Typed, element: Type) -> Option<ExprId> {
        let value = ast::Value { kind: ValueKind::Path(word.clone()), span: word.span };
        let constants = self.cx.constants(self.module, element, &value, 0)?;
        let constant = constant_of(constants.elements.into_iter().map(|element| element.scalar).collect())?;
        Some(self.push_atom(&list, Test::Contains(constant), None))
    }

    fn each(
        &mut self,
        atom: &ast::Atom<'a>,
        quantifier: ast::Quantifier,
        binder: ast::Name<'a>,
        body: &ast::Cond<'a>,
    ) -> Option<ExprId> {
        let typed = self.cx.resolve(self.module, &self.binders, &atom.path)?;
        let (Operand::Fact(list), Type::List(element)) = (typed.operand.clone(), typed.ty) else {
            self.error("E0210", atom.path.span, format!("`{}` is no list", atom.path.text), |diagnostic| {
                diagnostic.with_help("`all` and `exists` go over the members of a list fact")
            });
            return None;
        };
        if self.binders.len() >= QUANTIFIERS_MAX {
            self.error("E0210", atom.path.span, "`all` and `exists` stand at most two deep", |diagnostic| {
                diagnostic.with_help("split the condition into requirements of their own")
            });
            return None;
        }
        if self.binders.iter().any(|outer| outer.name == binder.text)
            || self.cx.facts.contains_key(binder.text)
        {
            self.error(
                "E0104",
                binder.span,
                format!("`{}` names a member already", binder.text),
                |diagnostic| diagnostic.with_help("give the inner member another name"),
            );
            return None;
        }
        self.binders.push(Binder { name: binder.text, ty: *element });
        let lowered = self.cond(body);
        self.binders.pop();
        let guard = self.guard_of(typed.is_graded);
        let quantifier = match quantifier {
            ast::Quantifier::All => pkic_ir::Quantifier::All,
            ast::Quantifier::Exists => pkic_ir::Quantifier::Exists,
        };
        Some(self.cx.push_expr(Expr::Each { quantifier, list, guard, body: lowered? }))
    }

    fn guard_of(&mut self, is_graded: bool) -> Guard {
        if is_graded {
            self.is_guard_used = true;
            return self.guard;
        }
        Guard::FLOOR
    }

    fn push_atom(&mut self, left: &Typed, test: Test, own: Option<Guard>) -> ExprId {
        let is_graded = left.is_graded;
        let guard = match own {
            Some(guard) => {
                self.is_guard_used = true;
                guard
            }
            None => self.guard_of(is_graded),
        };
        self.cx.push_expr(Expr::Atom(Atom { left: left.operand.clone(), test, guard }))
    }

    fn compare(
        &mut self,
        left: &Subject<'_>,
        rel: Rel,
        rel_span: ast::Span,
        value: &ast::Value<'a>,
    ) -> Option<ExprId> {
        if let ValueKind::Any = value.kind {
            if rel == Rel::In {
                return Some(self.cx.push_expr(Expr::Always(true)));
            }
            self.error("E0203", value.span, format!("`{} any` has no meaning", rel.as_str()), |diagnostic| {
                diagnostic.with_help("write `in any`").with_fix(range(rel_span), "in", true)
            });
            return None;
        }
        if !self.relation_fits(left, rel, rel_span) {
            return None;
        }
        if let ValueKind::Path(path) = &value.kind
            && !self.cx.is_word_of(self.module, left.typed.ty.element(), path)
            && self.cx.seek_let(self.module, path.text).is_none()
        {
            if let Some(right) = self.cx.seek(&self.binders, path) {
                return self.compare_with(left, rel, rel_span, right, path);
            }
            if path.segments.len() > 1 && self.looks_like_a_fact(path) {
                self.cx.resolve(self.module, &self.binders, path);
                return None;
            }
        }
        let constants = self.cx.constants(self.module, left.typed.ty.element(), value, 0)?;
        self.test(left, rel, value, constants)
    }

    fn looks_like_a_fact(&self, path: &ast::Path<'_>) -> bool {
        let Some(first) = path.segments.first() else { return false };
        matches!(
            first.text,
            "key"
                | "module"
                | "platform"
                | "node"
                | "workload"
                | "evidence"
                | "witness"
                | "request"
                | "certificate"
                | "profile"
                | "authority"
                | "reference"
                | "predecessor"
                | "companion"
        )
    }

    /// Whether a relation has a meaning for the left side.
    fn relation_fits(&mut self, left: &Subject<'_>, rel: Rel, rel_span: ast::Span) -> bool {
        let ty = left.typed.ty;
        let is_order = matches!(rel, Rel::Less | Rel::LessOrEqual | Rel::Greater | Rel::GreaterOrEqual);
        let (fits, help) = match rel {
            _ if matches!(ty.element(), Type::Record(_)) => (false, "use `all` or `exists` on its members"),
            Rel::Under => (
                ty.element().is_hierarchical(),
                "`under` is for dns-name, dn, uri and oid; `in [ … ]` lists values",
            ),
            _ if is_order => {
                (ty.is_ordered(), "only numbers, dates, spans, `export` and `severity` have an order")
            }
            _ => (true, ""),
        };
        if !fits {
            let kind = if matches!(ty, Type::List(_)) { "list of " } else { "" };
            let message = format!(
                "`{}` has no meaning for `{}`, which is a {kind}`{}`",
                rel.as_str(),
                left.text,
                ty.name()
            );
            self.error("E0202", rel_span, message, |diagnostic| diagnostic.with_help(help));
        }
        fits
    }

    fn compare_with(
        &mut self,
        left: &Subject<'_>,
        rel: Rel,
        rel_span: ast::Span,
        right: Typed,
        path: &ast::Path<'_>,
    ) -> Option<ExprId> {
        let (left_ty, right_ty) = (left.typed.ty, right.ty);
        let is_graded = left.typed.is_graded || right.is_graded;
        if rel == Rel::Under {
            self.error("E0202", rel_span, "`under` needs names that are written out", |diagnostic| {
                diagnostic.with_help("compare two facts with `==` or `in`")
            });
            return None;
        }
        let is_list = |ty: Type| matches!(ty, Type::List(_));
        let fits = left_ty.element() == right_ty.element()
            && match rel {
                Rel::In => is_list(right_ty),
                Rel::Equal => true,
                _ => is_list(left_ty) == is_list(right_ty),
            };
        if !fits {
            let article =
                |ty: Type| format!("{}`{}`", if is_list(ty) { "a list of " } else { "a " }, ty.name());
            let message = format!(
                "`{}` is {}, and `{}` is {}: they can't be compared by `{}`",
                left.text,
                article(left_ty),
                path.text,
                article(right_ty),
                rel.as_str()
            );
            self.error("E0201", path.span, message, |diagnostic| diagnostic);
            return None;
        }
        let guard = self.guard_of(is_graded);
        let left = left.typed.operand.clone();
        if is_list(right_ty) && !is_list(left_ty) && rel == Rel::Equal {
            return self.is_the_only_member(left, right.operand, guard);
        }
        let test = match relation(rel) {
            Some(relation) => Test::CompareWith(relation, right.operand),
            None => Test::InOperand(right.operand),
        };
        Some(self.cx.push_expr(Expr::Atom(Atom { left, test, guard })))
    }

    /// `fact == list`: the list holds the fact and nothing else.
    fn is_the_only_member(&mut self, fact: Operand, list: Operand, guard: Guard) -> Option<ExprId> {
        let Operand::Fact(path) = &list else { return None };
        let (path, outer) = (path.clone(), inside(fact.clone()));
        let member = Operand::Member { depth: 0, field: None };
        let is_fact = Atom { left: member, test: Test::CompareWith(Relation::Equal, outer), guard };
        let body = self.cx.push_expr(Expr::Atom(is_fact));
        let quantifier = pkic_ir::Quantifier::All;
        let all = self.cx.push_expr(Expr::Each { quantifier, list: path, guard, body });
        let holds = self.cx.push_expr(Expr::Atom(Atom { left: fact, test: Test::InOperand(list), guard }));
        Some(self.cx.push_expr(Expr::And(vec![holds, all])))
    }

    /// A comparison with constants.
    fn test(
        &mut self,
        left: &Subject<'_>,
        rel: Rel,
        value: &ast::Value<'a>,
        constants: Constants,
    ) -> Option<ExprId> {
        let left_is_list = matches!(left.typed.ty, Type::List(_));
        let wants_list = rel == Rel::In || (left_is_list && matches!(rel, Rel::Equal | Rel::NotEqual));
        if wants_list && !constants.is_list {
            let text = value.span.text(self.cx.module(self.module)?.text);
            self.error("E0201", value.span, format!("`{}` takes a list here", rel.as_str()), |diagnostic| {
                diagnostic.with_help(format!("`[{text}]`")).with_fix(
                    range(value.span),
                    format!("[{text}]"),
                    true,
                )
            });
            return None;
        }
        if !wants_list && constants.is_list && rel != Rel::Under {
            self.error(
                "E0201",
                value.span,
                format!("`{}` takes one value here", rel.as_str()),
                |diagnostic| match rel {
                    Rel::Equal => diagnostic.with_help("one of several values: `in [ … ]`"),
                    _ => diagnostic.with_help("write one value"),
                },
            );
            return None;
        }
        if !self.element_grades_fit(left, rel, &constants.elements)
            || !self.spans_fit(rel, &constants.elements)
        {
            return None;
        }
        self.groups(left, rel, constants.elements)
    }

    fn element_grades_fit(&mut self, left: &Subject<'_>, rel: Rel, elements: &[Element]) -> bool {
        let Some(graded) = elements.iter().find(|element| element.guard.is_some()) else { return true };
        if !left.typed.is_graded {
            ungraded(self.cx, self.module, graded.span);
            return false;
        }
        if rel != Rel::In || matches!(left.typed.ty, Type::List(_)) {
            self.error(
                "E0211",
                graded.span,
                "a grade on one element needs `in` and a fact of one value",
                |diagnostic| diagnostic.with_help("write the grade behind the whole line"),
            );
            return false;
        }
        true
    }

    /// Equality with a calendar span could never be known to hold.
    fn spans_fit(&mut self, rel: Rel, elements: &[Element]) -> bool {
        if !matches!(rel, Rel::Equal | Rel::NotEqual | Rel::In) {
            return true;
        }
        let open = elements.iter().find_map(|element| match &element.scalar {
            Scalar::Span(span) if !span.is_exact() => Some((*span, element.span)),
            _ => None,
        });
        let Some((span, at)) = open else { return true };
        let days = |seconds: i64| seconds.checked_div(pkic_vocab::time::DAY_S).unwrap_or(0);
        let message =
            format!("months and years differ: this is {} to {} days", days(span.min_s), days(span.max_s));
        self.error("E0207", at, message, |diagnostic| diagnostic.with_help("write days"));
        false
    }

    /// One atom for each grade that elements name, joined by or.
    fn groups(&mut self, left: &Subject<'_>, rel: Rel, elements: Vec<Element>) -> Option<ExprId> {
        let mut groups: Vec<(Option<Guard>, Vec<Scalar>)> = Vec::new();
        for element in elements {
            match groups.iter_mut().find(|(guard, _)| *guard == element.guard) {
                Some((_, scalars)) => scalars.push(element.scalar),
                None => groups.push((element.guard, vec![element.scalar])),
            }
        }
        let mut atoms = Vec::new();
        for (guard, scalars) in groups {
            let test = if rel == Rel::Under {
                Test::Under(scalars.into_iter().filter_map(Scalar::into_value).collect())
            } else {
                let constant = match scalars.is_empty() {
                    true => Constant::List(Vec::new()),
                    false if rel == Rel::In => list_of(scalars),
                    false if matches!(left.typed.ty, Type::List(_)) => list_of(scalars),
                    false => constant_of(scalars)?,
                };
                match relation(rel) {
                    Some(relation) => Test::Compare(relation, constant),
                    None => Test::In(constant),
                }
            };
            atoms.push(self.push_atom(&left.typed, test, guard));
        }
        match atoms.as_slice() {
            [] => Some(self.push_atom(&left.typed, Test::In(Constant::List(Vec::new())), None)),
            [single] => Some(*single),
            _ => Some(self.cx.push_expr(Expr::Or(atoms))),
        }
    }
}

impl Scalar {
    fn into_value(self) -> Option<Value> {
        match self {
            Scalar::Value(value) => Some(value),
            Scalar::Span(span) => Some(Value::Span(span.min_s)),
            Scalar::Word(_) => None,
        }
    }
}

/// An operand as it is written one quantifier further in.
fn inside(operand: Operand) -> Operand {
    match operand {
        Operand::Member { depth, field } => Operand::Member { depth: depth.saturating_add(1), field },
        fact @ Operand::Fact(_) => fact,
    }
}

fn relation(rel: Rel) -> Option<Relation> {
    match rel {
        Rel::Equal => Some(Relation::Equal),
        Rel::NotEqual => Some(Relation::NotEqual),
        Rel::Less => Some(Relation::Less),
        Rel::LessOrEqual => Some(Relation::LessOrEqual),
        Rel::Greater => Some(Relation::Greater),
        Rel::GreaterOrEqual => Some(Relation::GreaterOrEqual),
        Rel::In | Rel::Under => None,
    }
}

/// The constant of a single value; words of a set stay together.
pub(crate) fn constant_of(scalars: Vec<Scalar>) -> Option<Constant> {
    match scalars.as_slice() {
        [Scalar::Span(span)] => Some(Constant::Span(*span)),
        [Scalar::Value(value)] => Some(Constant::Value(value.clone())),
        [] => None,
        _ => Some(list_of(scalars)),
    }
}

/// The constant of a list; words of one enumeration stand sorted, each once.
pub(crate) fn list_of(scalars: Vec<Scalar>) -> Constant {
    if let Some(Scalar::Word(first)) = scalars.first() {
        let words = first.words();
        let mut named: Vec<_> = scalars
            .iter()
            .filter_map(|scalar| match scalar {
                Scalar::Word(word) => Some(*word),
                Scalar::Span(_) | Scalar::Value(_) => None,
            })
            .collect();
        named.sort_unstable();
        named.dedup();
        return Constant::Words { words, named };
    }
    Constant::List(scalars.into_iter().filter_map(Scalar::into_value).collect())
}
