//! The rules of one profile of the estate as somebody would write them in Rust, without a policy.
use crate::estate;
use pkic_vocab::fields::{ATTRIBUTE, CRITICAL, EXTENSION, FIELD_FACTS, OTHER_EXTENSIONS};
use pkic_vocab::time::DAY_S;
use pkic_vocab::words::WordSet;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Purpose, Slot, Value, Word, Words};

/// What is looked up once, before the first request.
pub(crate) struct ByHand {
    facts: [FactId; 14],
    granted: [FactId; 6],
    storage: WordSet,
    hsm: WordSet,
    never: WordSet,
    algorithm: WordSet,
    vendor: WordSet,
    fresh: WordSet,
    generated: WordSet,
    issue: Word,
}

fn words(words: Words, names: &[&str]) -> WordSet {
    names.iter().fold(WordSet::EMPTY, |set, name| set.union(words.word(name).unwrap().accepted()))
}

fn good(table: &FactTable, fact: FactId, grade: Grade) -> Option<&Value> {
    match table.get(fact) {
        Slot::Known(Fact { value, grade: found, basis, purpose, on_file_since: None, .. })
            if *found >= grade && basis.within(BasisSet::ANY) && *purpose == Purpose::Production =>
        {
            Some(value)
        }
        _ => None,
    }
}

fn is_in(value: Option<&Value>, set: WordSet) -> bool {
    matches!(value, Some(Value::Word(word)) if word.possible().within(set))
}

fn len(table: &FactTable, fact: FactId) -> Option<usize> {
    match table.get(fact) {
        Slot::Absent => Some(0),
        Slot::Known(Fact { value: Value::List(values), .. }) => Some(values.len()),
        Slot::Known(_) => Some(1),
        Slot::Unknown | Slot::Conflict => None,
    }
}

impl ByHand {
    pub(crate) fn new() -> ByHand {
        let fact = |name: &str| estate::path(name).fact;
        let granted = [
            "certificate.validity",
            "certificate.subject.common-name",
            "certificate.san.dns",
            "certificate.key-usage",
            "certificate.extended-key-usage",
            "certificate.authority-key-identifier",
        ]
        .map(fact);
        let [validity, name, dns, usage, extended, _] = granted;
        let facts = [
            fact("key.storage"),
            fact("key.export"),
            fact("key.algorithm"),
            fact("evidence.bound"),
            fact("request.proof-of-possession"),
            fact("module.vendor"),
            fact("evidence.freshness"),
            fact("key.origin"),
            fact("request.tags"),
            validity,
            name,
            dns,
            usage,
            extended,
        ];
        ByHand {
            facts,
            granted,
            storage: words(Words::Storage, &["hsm", "tpm", "se"]),
            hsm: words(Words::Storage, &["hsm"]),
            never: words(Words::Export, &["never"]),
            algorithm: words(Words::Algorithm, &["ecdsa-p256", "rsa-3072"]),
            vendor: words(Words::Vendor, &["infineon", "nuvoton"]),
            fresh: words(Words::Freshness, &["nonce", "request-nonce"]),
            generated: words(Words::Origin, &["generated"]),
            issue: Words::Operation.word("issue").unwrap(),
        }
    }

    /// Which rules do not hold, a bit each.
    pub(crate) fn failing(&self, table: &FactTable, operation: Word, authority: u32, now: i64) -> u32 {
        let [storage, export, algorithm, bound, possession, vendor, fresh, origin, tags, validity, ..] =
            self.facts;
        let attested = |fact| good(table, fact, Grade::Attested);
        let claimed = |fact| good(table, fact, Grade::Claimed);
        let yes = Some(&Value::Bool(true));
        let is_hsm = is_in(attested(storage), self.hsm);
        let is_chip = is_in(attested(vendor), self.vendor) && is_in(attested(fresh), self.fresh);
        let is_ordinary = match good(table, tags, Grade::Observed) {
            Some(Value::List(tags)) => !tags.iter().any(|t| matches!(t, Value::Name(n) if n == "high-value")),
            _ => false,
        };
        let lasts = |days: i64| matches!(claimed(validity), Some(Value::Span(s)) if *s <= days * DAY_S);
        let is_generated = is_in(attested(origin), self.generated);
        let rules = [
            operation == self.issue && authority == 0,
            is_in(attested(storage), self.storage),
            is_in(attested(export), self.never),
            is_in(claimed(algorithm), self.algorithm),
            attested(bound) == yes,
            claimed(possession) == yes,
            is_hsm || is_chip,
            is_ordinary || is_hsm,
            now < estate::NOW - DAY_S || lasts(100),
            is_generated,
            now >= estate::NOW || is_generated,
            lasts(366),
            self.contents(table),
        ];
        rules.iter().zip(0u32..).fold(0, |failing, (holds, bit)| failing | u32::from(!holds) << bit)
    }

    fn contents(&self, table: &FactTable) -> bool {
        let [.., name, dns, usage, extended] = self.facts;
        let marked = |oid: &str| match table.get(CRITICAL) {
            Slot::Absent => Some(false),
            Slot::Known(Fact { value: Value::List(oids), .. }) => {
                Some(oids.iter().any(|value| matches!(value, Value::Oid(other) if other == oid)))
            }
            _ => None,
        };
        let is_ours = |name: &Value| {
            matches!(name, Value::DnsName(name)
                if name.strip_suffix("bank.example").is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        };
        let names_are_ours = matches!(table.get(dns), Slot::Known(Fact { value: Value::List(names), .. })
            if (1..=100).contains(&names.len()) && names.iter().all(is_ours));
        let is_absent = |fact: &FactId| self.granted.contains(fact) || len(table, *fact) == Some(0);
        len(table, name) == Some(1)
            && names_are_ours
            && marked("2.5.29.17") == Some(false)
            && len(table, usage).is_some_and(|len| (1..=100).contains(&len))
            && marked("2.5.29.15") == Some(true)
            && len(table, extended).is_some_and(|len| (1..=100).contains(&len))
            && marked("2.5.29.37") == Some(false)
            && FIELD_FACTS.iter().all(is_absent)
            && len(table, OTHER_EXTENSIONS) == Some(0)
            && [ATTRIBUTE, EXTENSION].iter().all(|row| *table.unnamed(*row) == Slot::Absent)
            && table.named().all(|(_, slot)| *slot == Slot::Absent)
    }
}
