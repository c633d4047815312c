//! Equality of typed views that leaves out where things stand.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::ast::*;

/// Whether two files say the same: all but spans is compared, doc comments included.
pub fn ast_eq(one: &File<'_>, other: &File<'_>) -> bool {
    one.same(other)
}

trait Same {
    fn same(&self, other: &Self) -> bool;
}

impl Same for Span {
    fn same(&self, _: &Self) -> bool {
        true
    }
}

impl<T: Same> Same for Vec<T> {
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(one, other)| one.same(other))
    }
}

impl<T: Same> Same for Option<T> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.same(other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Same> Same for Box<T> {
    fn same(&self, other: &Self) -> bool {
        (**self).same(&**other)
    }
}

macro_rules! plain {
    ($($type:ty),*) => { $(impl Same for $type {
        fn same(&self, other: &Self) -> bool {
            self == other
        }
    })* };
}

macro_rules! fields {
    ($($type:ident $(<$life:lifetime>)? { $($field:ident),* })*) => { $(impl Same for $type $(<$life>)? {
        fn same(&self, other: &Self) -> bool {
            let Self { $($field),* } = self;
            $($field.same(&other.$field))&&*
        }
    })* };
}

macro_rules! variants {
    ($($type:ident $(<$life:lifetime>)? {
        $($unit:ident),*; $($tuple:ident ( $($part:ident / $twin:ident),* )),*; $($named:ident { $($field:ident / $other:ident),* }),*
    })*) => { $(impl Same for $type $(<$life>)? {
        fn same(&self, other: &Self) -> bool {
            match (self, other) {
                $((Self::$unit, Self::$unit) => true,)*
                $((Self::$tuple($($part),*), Self::$tuple($($twin),*)) => true $(&& $part.same($twin))*,)*
                $((Self::$named { $($field),* }, Self::$named { $($field: $other),* }) => true $(&& $field.same($other))*,)*
                _ => false,
            }
        }
    })* };
}

plain!(u64, i64, bool, &str, Cow<'_, str>, [u8; 32], Unit, WindowEdge, Quantifier, Rel, ColumnKind);

fields! {
    File<'_> { head, decls, span }
    Head<'_> { docs, edition, lab, policy, version, span }
    Decl<'_> { docs, kind, span }
    Use<'_> { policy, version }
    Adopt<'_> { mandate, with, as_advice }
    Source<'_> { name, title, items }
    SourceItem<'_> { kind, span }
    Declare<'_> { kind, name, oid, meaning, members }
    Member<'_> { docs, kind, span }
    Let<'_> { name, type_name, value }
    Authority<'_> { name, title, items }
    AuthorityItem<'_> { kind, span }
    Profile<'_> { name, refines, items }
    ProfileItem<'_> { docs, kind, span }
    Field<'_> { docs, path, cardinality, critical, constraint, default, cites, span }
    Constraint<'_> { rel, rel_span, value }
    Mandate<'_> { name, title, cites, items }
    MandateItem<'_> { docs, kind, span }
    Reading<'_> { name, title, items }
    Exception<'_> { name, profile, items }
    ExceptionItem<'_> { docs, kind, span }
    Anchors<'_> { name, title, items }
    Anchor<'_> { docs, kind, span }
    Signers<'_> { kind, title, items }
    SignersItem<'_> { docs, kind, span }
    Name<'_> { text, span }
    Path<'_> { text, segments, span }
    Str<'_> { text, span }
    Docs<'_> { lines, span }
    Int { value, span }
    Duration { count, unit, span }
    Date { unix_s, has_time, span }
    Oid<'_> { text, span }
    Digest { sha256, span }
    Value<'_> { kind, span }
    List<'_> { elements, span }
    Element<'_> { value, grade, span }
    Record<'_> { fields, span }
    RecordField<'_> { name, value, span }
    Item<'_> { docs, kind, span }
    Require<'_> { docs, label, cond, grade, cites, span }
    Prefer<'_> { require }
    Dated<'_> { windows, items, is_block }
    Window { edge, date, span }
    When<'_> { cond, items }
    OneOf<'_> { name, cites, ways }
    Way<'_> { docs, name, items, span }
    Approve<'_> { count, group, cites }
    Oblige<'_> { name, arguments, cites }
    Argument<'_> { kind, span }
    Grade<'_> { name, by, within, span }
    Basis<'_> { words, is_list, span }
    Cites<'_> { source, clause, span }
    Cond<'_> { kind, span }
    Atom<'_> { path, test }
    Test<'_> { name, items, table }
    TestItem<'_> { kind, span }
    Given<'_> { path, value, grade, span }
    Outcome<'_> { kind, span }
    Table<'_> { columns, rows, span }
    Column { kind, span }
    Row<'_> { cells, span }
    Cell<'_> { kind, span }
}

variants! {
    DeclKind<'_> {
        Error;
        Adopt(a / b), Anchors(a / b), Authority(a / b), Declare(a / b), Exception(a / b), Let(a / b), Mandate(a / b),
        Profile(a / b), Signers(a / b), Source(a / b), Test(a / b), Use(a / b);
    }
    SourceItemKind<'_> { Error, Unverified; Edition(a / b), Status(a / b); }
    MemberKind<'_> { Error; ; Key { name / n, public_key / k } }
    AuthorityItemKind<'_> { Error; CertifiedAs(a / b), Parent(a / b), State(a / b), Trust(a / b); }
    ProfileItemKind<'_> {
        Error;
        Adopt(a / b), Contents(a / b), IssuedBy(a / b), Item(a / b), Operations(a / b), Role(a / b), Tags(a / b);
    }
    Cardinality { ; Optional(a / b), Exactly(a / b), Between(a / b, c / d); }
    MandateItemKind<'_> { Error; For(a / b), Item(a / b), Reading(a / b); }
    ExceptionItemKind<'_> {
        Error;
        Approve(a / b), AtMost(a / b), Before(a / b), From(a / b), Reason(a / b), Require(a / b), Waives(a / b), When(a / b);
    }
    AnchorKind<'_> { Error; ; Key { name / n, spki / s, purpose / p, formats / f } }
    SignersItemKind<'_> { Error; MaxAge(a / b); Signer { name / n, spki / s } }
    ValueKind<'_> {
        Any, Unknown;
        Date(a / b), Duration(a / b), Int(a / b), List(a / b), Oid(a / b), Path(a / b), Record(a / b), Str(a / b);
    }
    ItemKind<'_> {
        Error;
        Approve(a / b), Dated(a / b), Oblige(a / b), OneOf(a / b), Prefer(a / b), Require(a / b), When(a / b);
    }
    ArgumentKind<'_> { ; Int(a / b), Str(a / b), Word(a / b); Named { name / n, value / v } }
    CondKind<'_> { ; And(a / b), Atom(a / b), Not(a / b), Or(a / b), Paren(a / b); }
    AtomTest<'_> {
        Holds; ;
        Compare { rel / r, rel_span / s, value / v }, Quantify { quantifier / q, binder / n, body / c }
    }
    TestItemKind<'_> {
        Error; Anchors(a / b), At(a / b), Expect(a / b), With(a / b);
        Request { profile / p, operation / o, file / f }
    }
    OutcomeKind<'_> { Permit; Refuse(a / b), Warn(a / b); }
    CellKind<'_> { ; At(a / b), Expect(a / b), With(a / b); }
}
