//! Comparing values with values and constants, three-valued.
use crate::logic::Truth;
use crate::lookup::Item;
use core::cmp::Ordering;
use pkic_ir::{Constant, Relation};
use pkic_vocab::time::Span;
use pkic_vocab::words::WordSet;
use pkic_vocab::{Value, Word, Words, names};

/// Whether two single values are equal. Values of different types are never known to be.
pub(crate) fn same(a: Item<'_>, b: Item<'_>) -> Truth {
    if let (Some(a), Some(b)) = (a.word(), b.word()) {
        return same_words(a, b);
    }
    if let (Some(a), Some(b)) = (a.name(), b.name()) {
        return Truth::from(a == b);
    }
    match (a, b) {
        (Item::Value(Value::List(_)), _) => Truth::Unknown,
        (Item::Value(a), Item::Value(b)) if core::mem::discriminant(a) == core::mem::discriminant(b) => {
            Truth::from(a == b)
        }
        _ => Truth::Unknown,
    }
}

fn same_words(a: Word, b: Word) -> Truth {
    let (possible, other) = (a.possible(), b.possible());
    if a.words() != b.words() {
        Truth::Unknown
    } else if possible.disjoint(other) {
        Truth::False
    } else if possible == other && possible.is_single() {
        Truth::True
    } else {
        Truth::Unknown
    }
}

#[inline]
fn is_one_of_words(item: Item<'_>, words: Words, accepted: WordSet) -> Truth {
    let Some(word) = item.word() else {
        return Truth::Unknown;
    };
    let possible = word.possible();
    if word.words() != words || possible.is_empty() {
        Truth::Unknown
    } else if possible.within(accepted) {
        Truth::True
    } else if possible.disjoint(accepted) {
        Truth::False
    } else {
        Truth::Unknown
    }
}

/// Whether a single value is (one of) the constant.
#[inline(always)] // words are what policies ask for most, and cost less than a call
pub(crate) fn is_in(item: Item<'_>, constant: &Constant) -> Truth {
    match constant {
        Constant::Words { words, .. } => is_one_of_words(item, *words, constant.accepted()),
        Constant::Value(value) => same(item, Item::Value(value)),
        Constant::Span(span) => is_span(item, *span),
        Constant::List(values) => is_one_of(item, values),
    }
}

fn is_span(item: Item<'_>, span: Span) -> Truth {
    match item {
        Item::Value(Value::Span(seconds)) => span_relation(*seconds, Relation::Equal, span),
        _ => Truth::Unknown,
    }
}

fn is_one_of(item: Item<'_>, values: &[Value]) -> Truth {
    values.iter().fold(Truth::False, |any, value| any.or(same(item, Item::Value(value))))
}

/// Whether all members, or the single value, are in the constant.
#[inline(always)]
pub(crate) fn all_in(item: Item<'_>, constant: &Constant) -> Truth {
    match item.members_len() {
        None => is_in(item, constant),
        Some(_) => all_members_in(item, constant),
    }
}

#[inline(never)]
fn all_members_in(list: Item<'_>, constant: &Constant) -> Truth {
    list.members().fold(Truth::True, |all, member| all.and(is_in(member, constant)))
}

/// Whether all members, or the single value, are members of a list.
pub(crate) fn all_in_list(item: Item<'_>, list: Item<'_>) -> Truth {
    if list.members_len().is_none() {
        return Truth::Unknown;
    }
    let held = |member: Item<'_>| list.members().fold(Truth::False, |any, other| any.or(same(member, other)));
    match item.members_len() {
        None => held(item),
        Some(_) => item.members().fold(Truth::True, |all, member| all.and(held(member))),
    }
}

/// Whether a list has a member that is (one of) the constant.
#[inline(never)]
pub(crate) fn contains(list: Item<'_>, constant: &Constant) -> Truth {
    match list.members_len() {
        None => Truth::Unknown,
        Some(_) => list.members().fold(Truth::False, |any, member| any.or(is_in(member, constant))),
    }
}

/// Whether all members, or the single value, are one of the names or stand below one.
#[inline(never)]
pub(crate) fn all_under(item: Item<'_>, bases: &[Value]) -> Truth {
    let under = |member: Item<'_>| match member {
        Item::Value(value) => bases.iter().fold(Truth::False, |any, base| {
            any.or(names::is_under(value, base).map_or(Truth::Unknown, Truth::from))
        }),
        _ => Truth::Unknown,
    };
    match item.members_len() {
        None => under(item),
        Some(_) => item.members().fold(Truth::True, |all, member| all.and(under(member))),
    }
}

/// Whether a value stands in a relation to a constant. A list equals one with the same members, in any order.
#[inline]
pub(crate) fn compare(item: Item<'_>, relation: Relation, constant: &Constant) -> Truth {
    match relation {
        Relation::NotEqual => !compare(item, Relation::Equal, constant),
        Relation::Equal if item.members_len().is_some() => all_in(item, constant).and(holds(item, constant)),
        Relation::Equal => is_in(item, constant),
        Relation::Less | Relation::LessOrEqual | Relation::Greater | Relation::GreaterOrEqual => {
            match (item, constant) {
                (Item::Value(Value::Span(seconds)), Constant::Span(span)) => {
                    span_relation(*seconds, relation, *span)
                }
                (_, Constant::Value(value)) => ordered(item, relation, Item::Value(value)),
                (_, Constant::Words { named, .. }) => match named.as_slice() {
                    [word] => ordered(item, relation, Item::Word(word)),
                    _ => Truth::Unknown,
                },
                (_, Constant::Span(_) | Constant::List(_)) => Truth::Unknown,
            }
        }
    }
}

/// Whether each value that the constant names is a member of the list.
fn holds(list: Item<'_>, constant: &Constant) -> Truth {
    let held = |value: Item<'_>| list.members().fold(Truth::False, |any, member| any.or(same(member, value)));
    match constant {
        Constant::Value(value) => held(Item::Value(value)),
        Constant::Span(_) => Truth::Unknown,
        Constant::Words { words, named } => named.iter().fold(Truth::True, |all, word| {
            let member_is = |member| is_one_of_words(member, *words, word.accepted());
            all.and(list.members().fold(Truth::False, |any, member| any.or(member_is(member))))
        }),
        Constant::List(values) => {
            values.iter().fold(Truth::True, |all, value| all.and(held(Item::Value(value))))
        }
    }
}

/// Whether a value stands in a relation to another.
pub(crate) fn compare_with(a: Item<'_>, relation: Relation, b: Item<'_>) -> Truth {
    let is_equality = matches!(relation, Relation::Equal | Relation::NotEqual);
    match (a.members_len(), b.members_len()) {
        (None, None) => match relation {
            Relation::Equal => same(a, b),
            Relation::NotEqual => !same(a, b),
            _ => ordered(a, relation, b),
        },
        (Some(_), Some(_)) if is_equality => {
            let equal = all_in_list(a, b).and(all_in_list(b, a));
            if relation == Relation::Equal { equal } else { !equal }
        }
        _ => Truth::Unknown,
    }
}

fn ordered(a: Item<'_>, relation: Relation, b: Item<'_>) -> Truth {
    let ordering = match (a, b) {
        (Item::Value(Value::Int(a)), Item::Value(Value::Int(b)))
        | (Item::Value(Value::Date(a)), Item::Value(Value::Date(b)))
        | (Item::Value(Value::Span(a)), Item::Value(Value::Span(b))) => a.cmp(b),
        _ => {
            let (Some(a), Some(b)) = (a.word(), b.word()) else {
                return Truth::Unknown;
            };
            let is_leaf = |word: Word| word.possible().is_single();
            if a.words() != b.words() || !a.words().is_ordered() || !is_leaf(a) || !is_leaf(b) {
                return Truth::Unknown;
            }
            a.index().cmp(&b.index())
        }
    };
    Truth::from(match relation {
        Relation::Equal => ordering == Ordering::Equal,
        Relation::NotEqual => ordering != Ordering::Equal,
        Relation::Less => ordering == Ordering::Less,
        Relation::LessOrEqual => ordering != Ordering::Greater,
        Relation::Greater => ordering == Ordering::Greater,
        Relation::GreaterOrEqual => ordering != Ordering::Less,
    })
}

/// A span against the bounds of a span of the policy: what the bounds leave open is unknown.
fn span_relation(seconds: i64, relation: Relation, span: Span) -> Truth {
    let decide = |is_true: bool, is_false: bool| {
        if is_true {
            Truth::True
        } else if is_false {
            Truth::False
        } else {
            Truth::Unknown
        }
    };
    let Span { min_s, max_s } = span;
    match relation {
        Relation::Equal => decide(span.is_exact() && seconds == min_s, seconds < min_s || seconds > max_s),
        Relation::NotEqual => !span_relation(seconds, Relation::Equal, span),
        Relation::Less => decide(seconds < min_s, seconds >= max_s),
        Relation::LessOrEqual => decide(seconds <= min_s, seconds > max_s),
        Relation::Greater => decide(seconds > max_s, seconds <= min_s),
        Relation::GreaterOrEqual => decide(seconds >= max_s, seconds < min_s),
    }
}
