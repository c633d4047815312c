//! Conditions, lowered: a list of nodes in which children stand before their parents.
use alloc::vec::Vec;
use pkic_vocab::time::Span;
use pkic_vocab::words::WordSet;
use pkic_vocab::{BasisSet, Grade, Path, Value, Word, Words};

/// Index of a node in `Program::exprs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A node. Its value is true, false or unknown by strong Kleene logic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// The same whatever is known: `key.storage in any` is `true`.
    Always(bool),
    /// A test of one fact.
    Atom(Atom),
    /// The opposite.
    Not(ExprId),
    /// All of these; true where there are none.
    And(Vec<ExprId>),
    /// At least one of these; false where there are none.
    Or(Vec<ExprId>),
    /// The body holds for all, or for at least one, of the members of a list fact.
    ///
    /// An unknown list gives unknown. Members may be nested two deep; [`Operand::Member`] counts outwards.
    Each {
        /// All or at least one.
        quantifier: Quantifier,
        /// The list, and how well it must be known.
        list: Path,
        /// How well the list must be known.
        guard: Guard,
        /// The condition on each member.
        body: ExprId,
    },
}

/// Over which members a body must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// Every member; true where there is none.
    All,
    /// At least one member; false where there is none.
    Exists,
}

/// A test of one operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atom {
    /// What is tested.
    pub left: Operand,
    /// The test.
    pub test: Test,
    /// How well the facts in it must be known, or they count as unknown.
    pub guard: Guard,
}

/// Something that has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A fact of the table, or of the program for `profile.*` and `authority.*`.
    Fact(Path),
    /// The member that an enclosing [`Expr::Each`] is at.
    Member {
        /// 0 for the innermost `Each`, 1 for the one around it.
        depth: u8,
        /// Index of a field, for members that are records.
        field: Option<u8>,
    },
}

/// A relation between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What is asked of an operand. On a list, `In`, `Under` and `==` speak of the whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The value stands in this relation to a constant.
    Compare(Relation, Constant),
    /// The value stands in this relation to another operand. Both must be known well enough.
    CompareWith(Relation, Operand),
    /// The value, or every member of the list, is one of the constants.
    In(Constant),
    /// The value, or every member of the list, is a member of the other operand's list.
    InOperand(Operand),
    /// The value, or every member of the list, is one of the names or stands below one.
    Under(Vec<Value>),
    /// The list has the constant as a member.
    Contains(Constant),
}

/// A constant of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// A single value; never a word or a span.
    Value(Value),
    /// A span with its bounds; a comparison that the bounds leave open is unknown.
    Span(Span),
    /// Words of one enumeration, as named by the policy, at least one; they stand for their subtrees.
    Words {
        /// The enumeration.
        words: Words,
        /// The words, sorted, each once.
        named: Vec<Word>,
    },
    /// Several values of one type; never words.
    List(Vec<Value>),
}

impl Constant {
    /// The leaves that words of a policy accept; empty for a constant that is none.
    #[inline]
    pub fn accepted(&self) -> WordSet {
        match self {
            Constant::Words { named, .. } => {
                named.iter().fold(WordSet::EMPTY, |set, word| set.union(word.accepted()))
            }
            Constant::Value(_) | Constant::Span(_) | Constant::List(_) => WordSet::EMPTY,
        }
    }
}

/// `@ GRADE by BASIS within AGE`: facts that are known less well count as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The lowest grade; `None` is the floor of each fact.
    pub grade: Option<Grade>,
    /// What the value may rest on.
    pub basis: BasisSet,
    /// The oldest that evidence on file may be, in seconds; `None` asks for evidence with this request.
    pub within_s: Option<i64>,
}

impl Guard {
    /// The floor grade of each fact, on any basis, with this request.
    pub const FLOOR: Guard = Guard { grade: None, basis: BasisSet::ANY, within_s: None };
}
