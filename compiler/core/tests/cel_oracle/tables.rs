//! Random fact tables from small pools of values, so that equal ones meet.
use core::fmt;
use pkic_vocab::names::Dn;
use pkic_vocab::{BasisSet, CATALOGUE, Fact, FactId, FactTable, Grade, Path, Subject, Type, Value};
use proptest::prelude::*;

/// The declared name that keyed facts are asked under.
pub const DECLARED: &str = "1.3.6.1.4.1.55555.1.7";

/// How much a table knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// Every fact, at the best grade, with this request.
    Full,
    /// Some facts, at any grade, on any basis, from any time.
    Partial,
}

/// A table as numbers, so that it shrinks: what is known of each row of the catalogue.
#[derive(Clone)]
pub struct Table {
    rows: Vec<Row>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table(…)")
    }
}

#[derive(Debug, Clone)]
struct Row {
    value: u8,
    grade: u8,
    basis: u8,
    age: u8,
}

/// Random tables.
pub fn table() -> impl Strategy<Value = Table> {
    let row = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(value, grade, basis, age)| Row { value, grade, basis, age });
    prop::collection::vec(row, CATALOGUE.len()).prop_map(|rows| Table { rows })
}

/// The path by which tests ask for a row.
pub fn path(id: FactId) -> Path {
    Path { fact: id, name: id.def().is_keyed().then(|| DECLARED.to_owned()) }
}

/// The path of the operation, which the evaluator takes from what is asked.
pub fn operation() -> Path {
    Path::from(FactId::from_path("request.operation").unwrap())
}

/// Whether a table, and not the program, gives a fact.
pub fn is_given(id: FactId) -> bool {
    id.def().subject != Subject::Policy || id.def().path.starts_with("reference.")
}

impl Table {
    /// The table at that moment.
    pub fn facts(&self, knowledge: Knowledge, now: i64) -> FactTable {
        self.facts_with(knowledge, now, &[])
    }

    /// The table at that moment, with what it says of declared facts said of these, too.
    pub fn facts_with(&self, knowledge: Knowledge, now: i64, named: &[Path]) -> FactTable {
        let mut table = FactTable::new();
        table.close();
        for (id, row) in FactId::all().zip(&self.rows).filter(|(id, _)| is_given(*id)) {
            let mut fact = Fact::new(value(id.def().ty, row.value), Grade::Attested, BasisSet::STATEMENT);
            if knowledge == Knowledge::Partial {
                if row.grade % 5 == 4 && path(id) != operation() {
                    continue;
                }
                fact.grade = Grade::ALL[usize::from(row.grade % 5).min(3)];
                fact.basis =
                    [BasisSet::STATEMENT, BasisSet::API, BasisSet::STATEMENT.union(BasisSet::CATALOGUE)]
                        [usize::from(row.basis % 3)];
                let is_appraised = id.def().floor > Grade::Claimed;
                let age = if is_appraised { row.age } else { 0 };
                fact.on_file_since = [None, Some(now - 1000), Some(now - 1_000_000)][usize::from(age % 3)];
            } else if let Value::Word(word) = fact.value {
                fact.value = Value::Word(leaf(word, row.value));
            }
            if path(id) == operation() {
                fact.value = value(id.def().ty, row.value);
                fact = Fact::new(fact.value, Grade::Observed, BasisSet::API);
            }
            for path in named.iter().filter(|path| path.fact == id) {
                table.set(path.clone(), fact.clone()).unwrap();
            }
            table.set(path(id), fact).unwrap();
        }
        table
    }
}

fn leaf(word: pkic_vocab::Word, seed: u8) -> pkic_vocab::Word {
    let leaves: Vec<_> = word.words().all().filter(|leaf| word.possible().contains(*leaf)).collect();
    leaves[usize::from(seed) % leaves.len()]
}

/// The values that tests use of a type, chosen by a number.
pub fn value(ty: Type, seed: u8) -> Value {
    let pick = |pool: &[&str]| Value::parse(ty, pool[usize::from(seed) % pool.len()]).unwrap();
    match ty {
        Type::Bool => Value::Bool(!seed.is_multiple_of(2)),
        Type::Int => pick(&["0", "2", "3", "128", "3072"]),
        Type::Date => {
            pick(&["1999-12-31", "2026-09-22", "2027-03-14T23:59:59Z", "2027-03-15", "9999-12-31T23:59:59Z"])
        }
        Type::Span => {
            pick(&["0s", "47d", "365d", "366d", "393d", "395d", "397d", "398d", "20000d", "forever"])
        }
        Type::Word(words) => {
            let all: Vec<_> = words.all().collect();
            Value::Word(all[usize::from(seed) % all.len()])
        }
        Type::Name(_) => pick(&["a", "b", "high-value"]),
        Type::Oid => pick(&["1.3.6.1", "1.3.6.1.5", "1.3.61", "2.5.4.3", "server-auth"]),
        Type::Dn => {
            let pool =
                ["CN=a, O=Acme", "cn=A,o=acme", "O=Acme", "CN=a+OU=b, O=Acme", "CN=a\\, O=x, O=b \"c\"", ""];
            Value::Dn(Dn::parse(pool[usize::from(seed) % pool.len()]).unwrap())
        }
        Type::DnsName => {
            pick(&["bank.example", "www.bank.example", "evilbank.example", "*.bank.example", "a.b"])
        }
        Type::Uri => {
            pick(&["spiffe://a.example", "spiffe://a.example/ns/x", "spiffe://a.example/ns/x-y", "urn:a"])
        }
        Type::Ip => pick(&["10.0.0.1", "::1", "2001:db8::1"]),
        Type::Email => pick(&["a@b.example", "A@b.example"]),
        Type::Bytes => pick(&["", "00", "00ff"]),
        Type::Text => pick(&["a", "A", "quote \" and \\", "1.3.6.1.5", "line\nbreak", "b"]),
        Type::List(element) => {
            let members = (0..3).filter(|place| seed >> place & 1 == 1);
            Value::List(members.map(|place: u8| value(*element, (seed >> 3).wrapping_add(place))).collect())
        }
        Type::Record(fields) => {
            let fields = fields.iter().zip(0u8..);
            Value::Record(
                fields.map(|(field, place)| Some(value(field.ty, seed.wrapping_add(place)))).collect(),
            )
        }
    }
}
