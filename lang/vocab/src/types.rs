//! The types of facts and of the values that policies compare them with.
use crate::words::Words;

/// The type of a fact or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A moment, in seconds since 1970-01-01T00:00:00Z.
    Date,
    /// A length of time, in seconds.
    Span,
    /// A word of an enumeration or tree.
    Word(Words),
    /// A name that a policy declares.
    Name(NameKind),
    /// An object identifier.
    Oid,
    /// A distinguished name (RFC 4514).
    Dn,
    /// A DNS name in lower-case A-labels.
    DnsName,
    /// A URI (RFC 3986).
    Uri,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An RFC 822 mail address.
    Email,
    /// Bytes, written as lower-case hexadecimal digits.
    Bytes,
    /// Text, compared character by character.
    Text,
    /// A list. Its length is bounded by [`crate::limits::FACT_LIST_LEN_MAX`].
    List(&'static Type),
    /// A record with named fields, as a member of a list.
    Record(&'static [RecordField]),
}

/// The kinds of names that policies declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    /// `declare tag`.
    Tag,
    /// `authority`.
    Authority,
    /// `profile`.
    Profile,
}

/// A field of a record.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordField {
    /// Its name in kebab-case.
    pub name: &'static str,
    /// Its type, never a list or record.
    pub ty: Type,
}

impl Type {
    /// What a list holds; a type that is no list is its own element.
    pub const fn element(self) -> Type {
        match self {
            Type::List(element) => *element,
            other => other,
        }
    }

    /// Whether `<`, `<=`, `>`, `>=` have a meaning.
    pub const fn is_ordered(self) -> bool {
        match self {
            Type::Int | Type::Date | Type::Span => true,
            Type::Word(words) => words.is_ordered(),
            _ => false,
        }
    }

    /// Whether `under` has a meaning: names that form a hierarchy.
    pub const fn is_hierarchical(self) -> bool {
        matches!(self, Type::DnsName | Type::Dn | Type::Uri | Type::Oid)
    }

    /// The word for this type in policies, messages and docs. A list is named by its element.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Date => "date",
            Type::Span => "span",
            Type::Word(words) => words.name(),
            Type::Name(NameKind::Tag) => "tag",
            Type::Name(NameKind::Authority) => "authority",
            Type::Name(NameKind::Profile) => "profile",
            Type::Oid => "oid",
            Type::Dn => "dn",
            Type::DnsName => "dns-name",
            Type::Uri => "uri",
            Type::Ip => "ip",
            Type::Email => "email",
            Type::Bytes => "bytes",
            Type::Text => "string",
            Type::List(element) => element.name(),
            Type::Record(_) => "record",
        }
    }

    /// The scalar type that `let NAME : WORD` names.
    pub fn from_name(name: &str) -> Option<Type> {
        const SCALARS: [Type; 15] = [
            Type::Bool,
            Type::Int,
            Type::Date,
            Type::Span,
            Type::Name(NameKind::Tag),
            Type::Name(NameKind::Authority),
            Type::Name(NameKind::Profile),
            Type::Oid,
            Type::Dn,
            Type::DnsName,
            Type::Uri,
            Type::Ip,
            Type::Email,
            Type::Bytes,
            Type::Text,
        ];
        SCALARS.into_iter().find(|ty| ty.name() == name).or_else(|| Words::from_name(name).map(Type::Word))
    }
}
