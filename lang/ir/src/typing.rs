//! Types of conditions: what may be compared with what.
use crate::error::DecodeError;
use crate::expr::{Atom, Constant, Expr, ExprId, Guard, Operand, Relation, Test};
use crate::program::Program;
use alloc::vec::Vec;
use pkic_vocab::catalogue::Openness;
use pkic_vocab::fields::{ATTRIBUTE_FACT, EXTENSION_FACT, FIELDS};
use pkic_vocab::{BasisSet, Path, Type, Value, limits};

/// Folds may nest this deep (language.md section 3).
const FOLDS_MAX: usize = 2;

/// What the folds around a node range over, innermost first.
type Around = [Option<Type>; FOLDS_MAX];

/// What is known about a node from its children.
#[derive(Clone, Copy)]
struct Shape {
    depth: usize,
    folds: usize,
    /// How many folds must stand around it for its members to mean something.
    free: usize,
}

/// Checks all conditions, and says of each whether it can stand alone.
pub(crate) fn check_exprs(program: &Program) -> Result<Vec<bool>, DecodeError> {
    let shapes = shapes(program)?;
    let mut around: Vec<Option<Around>> = alloc::vec![None; shapes.len()];
    // Parents stand after their children, so that each is met before the nodes that it surrounds.
    for (at, expr) in program.exprs.iter().enumerate().rev() {
        let mine = around.get(at).copied().flatten().unwrap_or_default();
        let surround = |around: &mut Vec<Option<Around>>, id: ExprId, folds: Around| {
            let child = usize::try_from(id.0).unwrap_or(usize::MAX);
            if shapes.get(child).is_none_or(|shape| shape.free == 0) {
                return Ok(());
            }
            match around.get_mut(child) {
                Some(place @ None) => *place = Some(folds),
                Some(Some(other)) if *other == folds => {}
                _ => return Err(DecodeError::Type { what: "shared member", at }),
            }
            Ok(())
        };
        match expr {
            Expr::Always(_) => {}
            Expr::Atom(atom) if shapes.get(at).is_some_and(|shape| shape.free == 0) => {
                check_atom(at, atom, Around::default())?;
            }
            // Members that nothing surrounds are met as roots, and refused where one stands for itself.
            Expr::Atom(atom) => match around.get(at).copied().flatten() {
                Some(mine) => check_atom(at, atom, mine)?,
                None => return Err(DecodeError::Type { what: "member outside of a fold", at }),
            },
            Expr::Not(id) => surround(&mut around, *id, mine)?,
            Expr::And(ids) | Expr::Or(ids) => {
                ids.iter().try_for_each(|id| surround(&mut around, *id, mine))?;
            }
            Expr::Each { list, guard, body, .. } => {
                check_guard(at, guard)?;
                let Type::List(element) = path_type(at, list)? else {
                    return Err(DecodeError::Type { what: "list of a fold", at });
                };
                surround(&mut around, *body, [Some(*element), mine.first().copied().flatten()])?;
            }
        }
    }
    Ok(shapes.iter().map(|shape| shape.free == 0).collect())
}

fn shapes(program: &Program) -> Result<Vec<Shape>, DecodeError> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(program.exprs.len());
    for (at, expr) in program.exprs.iter().enumerate() {
        let child = |id: &ExprId| -> Result<Shape, DecodeError> {
            let found = usize::try_from(id.0).ok().and_then(|index| shapes.get(index));
            found.copied().ok_or(DecodeError::Index { what: "condition", at })
        };
        let mut shape = Shape { depth: 0, folds: 0, free: 0 };
        let mut under = |inner: Shape| {
            shape.depth = shape.depth.max(inner.depth);
            shape.folds = shape.folds.max(inner.folds);
            shape.free = shape.free.max(inner.free);
        };
        match expr {
            Expr::Always(_) => {}
            Expr::Atom(atom) => under(Shape { depth: 0, folds: 0, free: free_members(atom) }),
            Expr::Not(id) => under(child(id)?),
            Expr::And(ids) | Expr::Or(ids) => {
                too_many("children", at, ids.len(), limits::LIST_LEN_MAX)?;
                for id in ids {
                    under(child(id)?);
                }
            }
            Expr::Each { body, .. } => {
                let inner = child(body)?;
                let (folds, free) = (inner.folds.saturating_add(1), inner.free.saturating_sub(1));
                under(Shape { depth: inner.depth, folds, free });
            }
        }
        shape.depth = shape.depth.saturating_add(1);
        too_many("depth of a condition", at, shape.depth, limits::EXPRESSION_DEPTH_MAX)?;
        too_many("nested folds", at, shape.folds, FOLDS_MAX)?;
        shapes.push(shape);
    }
    Ok(shapes)
}

fn too_many(what: &'static str, at: usize, found: usize, max: usize) -> Result<(), DecodeError> {
    if found <= max {
        return Ok(());
    }
    Err(DecodeError::Limit { what, at, found: found as u64, max: max as u64 })
}

fn free_members(atom: &Atom) -> usize {
    let free = |operand: &Operand| match operand {
        Operand::Fact(_) => 0,
        Operand::Member { depth, .. } => usize::from(*depth).saturating_add(1),
    };
    let right = match &atom.test {
        Test::CompareWith(_, operand) | Test::InOperand(operand) => free(operand),
        Test::Compare(..) | Test::In(_) | Test::Under(_) | Test::Contains(_) => 0,
    };
    free(&atom.left).max(right)
}

fn path_type(at: usize, path: &Path) -> Result<Type, DecodeError> {
    let def = path.fact.def();
    let name_len = path.name.as_ref().map_or(0, |name| name.len());
    too_many("text", at, name_len, limits::TEXT_LEN_BYTES_MAX)?;
    if def.is_keyed() == path.name.is_some() {
        return Ok(def.ty);
    }
    Err(DecodeError::Type { what: "declared name of a fact", at })
}

fn operand_type(at: usize, operand: &Operand, around: Around) -> Result<Type, DecodeError> {
    let what = "member of a fold";
    match operand {
        Operand::Fact(path) => path_type(at, path),
        Operand::Member { depth, field } => {
            let member = around.get(usize::from(*depth)).copied().flatten();
            match (member.ok_or(DecodeError::Type { what, at })?, field) {
                (Type::Record(fields), Some(field)) => {
                    let field = fields.get(usize::from(*field));
                    field.map(|field| field.ty).ok_or(DecodeError::Type { what: "field of a record", at })
                }
                (Type::Record(_), None) | (_, Some(_)) => {
                    Err(DecodeError::Type { what: "field of a record", at })
                }
                (ty, None) => Ok(ty),
            }
        }
    }
}

fn check_guard(at: usize, guard: &Guard) -> Result<(), DecodeError> {
    if guard.basis == BasisSet::EMPTY {
        return Err(DecodeError::Empty { what: "basis of a guard", at });
    }
    if guard.within_s.is_some_and(|within| within < 0) {
        return Err(DecodeError::Range { what: "age of a guard", at });
    }
    Ok(())
}

fn check_atom(at: usize, atom: &Atom, around: Around) -> Result<(), DecodeError> {
    check_guard(at, &atom.guard)?;
    let ty = operand_type(at, &atom.left, around)?;
    let is_list = matches!(ty, Type::List(_));
    let element = ty.element();
    if matches!(element, Type::Record(_)) {
        return Err(DecodeError::Type { what: "test of a record", at });
    }
    let fits = match &atom.test {
        Test::Compare(relation, constant) => compares(*relation, constant, ty),
        Test::CompareWith(relation, operand) => {
            let other = operand_type(at, operand, around)?;
            other == ty && (is_equality(*relation) || ty.is_ordered())
        }
        Test::In(constant) => is_set_of(constant, element),
        Test::InOperand(operand) => match operand_type(at, operand, around)? {
            Type::List(member) => *member == element,
            _ => false,
        },
        Test::Under(values) => {
            too_many("names", at, values.len(), limits::LIST_LEN_MAX)?;
            element.is_hierarchical() && values.iter().all(|value| is_normal(value, element))
        }
        Test::Contains(constant) => {
            is_list && !matches!(constant, Constant::List(_)) && is_set_of(constant, element)
        }
    };
    if fits { Ok(()) } else { Err(DecodeError::Type { what: "test", at }) }
}

const fn is_equality(relation: Relation) -> bool {
    matches!(relation, Relation::Equal | Relation::NotEqual)
}

fn compares(relation: Relation, constant: &Constant, ty: Type) -> bool {
    if is_equality(relation) {
        return is_value_of(constant, ty)
            || matches!((constant, ty), (Constant::Words { .. }, Type::Word(_)) if is_set_of(constant, ty));
    }
    let single = match constant {
        Constant::Words { named, .. } => named.len() == 1,
        Constant::Value(_) | Constant::Span(_) => true,
        Constant::List(_) => false,
    };
    single && ty.is_ordered() && is_set_of(constant, ty)
}

/// Whether the constant is a value of that type: one value for a scalar, any number for a list.
pub(crate) fn is_value_of(constant: &Constant, ty: Type) -> bool {
    match (constant, ty) {
        (Constant::List(values), Type::List(element)) => {
            values.len() <= limits::LIST_LEN_MAX && values.iter().all(|value| is_normal(value, *element))
        }
        (Constant::List(_), _) => false,
        (Constant::Words { named, .. }, Type::Word(_)) => named.len() == 1 && is_set_of(constant, ty),
        _ => is_set_of(constant, ty.element()),
    }
}

/// Whether the constant is one or several values of that scalar type.
fn is_set_of(constant: &Constant, element: Type) -> bool {
    match constant {
        Constant::Value(value) => is_normal(value, element),
        Constant::Span(span) => element == Type::Span && 0 <= span.min_s && span.min_s <= span.max_s,
        Constant::Words { words, named } => {
            element == Type::Word(*words)
                && !named.is_empty()
                && named.len() <= limits::LIST_LEN_MAX
                && named.iter().all(|word| word.words() == *words)
                && named.windows(2).all(|pair| matches!(pair, [a, b] if a < b))
        }
        Constant::List(values) => {
            values.len() <= limits::LIST_LEN_MAX && values.iter().all(|value| is_normal(value, element))
        }
    }
}

/// Whether the value is of the type, and in the one form that facts of that type have.
fn is_normal(value: &Value, ty: Type) -> bool {
    let is_read_back = |text: &str| Value::parse(ty, text).is_ok_and(|read| read == *value);
    value.has_type(ty)
        && match value {
            Value::Oid(text)
            | Value::DnsName(text)
            | Value::Uri(text)
            | Value::Ip(text)
            | Value::Email(text) => is_read_back(text),
            Value::Word(_) | Value::List(_) | Value::Record(_) => false,
            Value::Dn(dn) => dn.rdns().iter().flatten().all(|attribute| {
                pkic_vocab::oids::is_dotted(&attribute.oid)
                    && attribute.value.len() <= limits::TEXT_LEN_BYTES_MAX
            }),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Date(_)
            | Value::Span(_)
            | Value::Name(_)
            | Value::Bytes(_)
            | Value::Text(_) => true,
        }
}

/// Whether a path is one of the fields that `contents` can grant.
pub(crate) fn is_field(path: &Path) -> bool {
    let def = path.fact.def();
    def.openness == Openness::Closed
        && def.is_keyed() == path.name.is_some()
        && (FIELDS.iter().any(|field| field.fact == def.path)
            || matches!(def.path, ATTRIBUTE_FACT | EXTENSION_FACT))
}
