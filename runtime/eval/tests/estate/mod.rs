//! An estate of any number of profiles, each of ten requirements: one-of, when, dated, two mandated ones.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]
use pkic_ir::*;
use pkic_vocab::fields::{FIELDS, Filler};
use pkic_vocab::time::{DAY_S, Span};
use pkic_vocab::*;

pub const NOW: i64 = 1_800_000_000;

pub fn path(name: &str) -> Path {
    FactId::from_path(name).unwrap().into()
}

struct Builder(Program);

impl Builder {
    fn expr(&mut self, expr: Expr) -> ExprId {
        self.0.exprs.push(expr);
        ExprId(self.0.exprs.len() as u32 - 1)
    }

    fn atom(&mut self, name: &str, test: Test) -> ExprId {
        self.expr(Expr::Atom(Atom { left: Operand::Fact(path(name)), test, guard: Guard::FLOOR }))
    }

    fn is_in(&mut self, name: &str, words: Words, named: &[&str]) -> ExprId {
        let mut named: Vec<Word> = named.iter().map(|name| words.word(name).unwrap()).collect();
        named.sort();
        self.atom(name, Test::In(Constant::Words { words, named }))
    }

    fn is(&mut self, name: &str, value: Value) -> ExprId {
        self.atom(name, Test::Compare(Relation::Equal, Constant::Value(value)))
    }

    fn line(&mut self, id: &str, body: Body) -> RequirementId {
        self.0.requirements.push(Requirement {
            id: id.into(),
            strength: Strength::Must,
            from: None,
            before: None,
            when: Vec::new(),
            body,
            text: format!("{id} as asked"),
            doc: None,
            cites: None,
            origin: Origin::default(),
            mandate: None,
        });
        RequirementId(self.0.requirements.len() as u32 - 1)
    }

    fn last(&mut self) -> &mut Requirement {
        self.0.requirements.last_mut().unwrap()
    }

    fn field(&mut self, name: &str, constraint: Option<ExprId>) -> Field {
        let def = FIELDS.iter().find(|field| field.name == name).unwrap();
        let path = path(def.fact);
        let max = if matches!(path.fact.def().ty, Type::List(_)) { 100 } else { 1 };
        Field {
            name: name.into(),
            path,
            extension: def.extension().map(Into::into),
            min: 1,
            max,
            critical: name == "key-usage",
            constraint,
            fixed: None,
            default: None,
            span_s_max: None,
            filler: def.filler,
            text: name.into(),
            cites: None,
            origin: Origin::default(),
        }
    }

    fn profile(&mut self, at: usize) {
        let mut ids = Vec::new();
        let storage = self.is_in("key.storage", Words::Storage, &["hsm", "tpm", "se"]);
        ids.push(self.line("key.storage", Body::Expr(storage)));
        let export = self.is_in("key.export", Words::Export, &["never"]);
        ids.push(self.line("key.export", Body::Expr(export)));
        let algorithm = self.is_in("key.algorithm", Words::Algorithm, &["ecdsa-p256", "rsa-3072"]);
        ids.push(self.line("key.algorithm", Body::Expr(algorithm)));
        let bound = self.is("evidence.bound", Value::Bool(true));
        ids.push(self.line("evidence.bound", Body::Expr(bound)));
        let possession = self.is("request.proof-of-possession", Value::Bool(true));
        ids.push(self.line("request.proof-of-possession", Body::Expr(possession)));
        let vendor = self.is_in("module.vendor", Words::Vendor, &["infineon", "nuvoton"]);
        let fresh = self.is_in("evidence.freshness", Words::Freshness, &["nonce", "request-nonce"]);
        let origin = self.is_in("key.origin", Words::Origin, &["generated"]);
        let hsm = self.is_in("key.storage", Words::Storage, &["hsm"]);
        let inner: Vec<RequirementId> =
            [hsm, vendor, fresh].into_iter().map(|expr| self.line("inner", Body::Expr(expr))).collect();
        let way = |name: &str, ids: &[RequirementId]| Way {
            name: name.into(),
            doc: None,
            requirements: ids.to_vec(),
        };
        let ways = vec![way("module", &inner[..1]), way("chip", &inner[1..])];
        ids.push(self.line("device-key", Body::OneOf(ways)));
        let tag = Constant::Value(Value::Name("high-value".into()));
        let high_value = self.atom("request.tags", Test::Contains(tag));
        ids.push(self.line("high-value", Body::Expr(hsm)));
        self.last().when = vec![high_value];
        let short = Test::Compare(
            Relation::LessOrEqual,
            Constant::Span(Span::exact((100 + at as i64 % 100) * DAY_S)),
        );
        let short = self.atom("certificate.validity", short);
        ids.push(self.line("certificate.validity", Body::Expr(short)));
        self.last().from = Some(NOW - DAY_S);
        ids.push(self.line("certificate.validity", Body::Expr(origin)));
        self.last().before = Some(NOW);
        ids.push(self.line("key.origin", Body::Expr(origin)));
        self.last().mandate = Some(0);
        let under =
            self.atom("certificate.san.dns", Test::Under(vec![Value::DnsName("bank.example".into())]));
        let year = Test::Compare(Relation::LessOrEqual, Constant::Span(Span::exact(366 * DAY_S)));
        let year = self.atom("certificate.validity", year);
        let mut contents = vec![
            self.field("validity", Some(year)),
            self.field("subject.common-name", None),
            self.field("san.dns", Some(under)),
            self.field("key-usage", None),
            self.field("extended-key-usage", None),
            self.field("authority-key-identifier", None),
        ];
        contents[5].filler = Filler::Issuer;
        self.0.profiles.push(Profile {
            name: format!("estate.profile-{at:05}"),
            doc: None,
            role: Words::Role.word("tls-server"),
            tags: Vec::new(),
            operations: vec![Words::Operation.word("issue").unwrap()],
            issued_by: vec![0],
            refines: None,
            contents,
            requirements: ids,
            obligations: Vec::new(),
            exceptions: Vec::new(),
            mandates: Vec::new(),
            cost: 0,
            origin: Origin::default(),
        });
    }
}

pub fn program(profiles: usize) -> Program {
    let mut builder = Builder(Program { policy: "estate".into(), version: "1".into(), ..Program::default() });
    builder.0.files.push(("estate.pki".into(), [0; 32]));
    for at in 0..profiles {
        builder.profile(at);
    }
    let mut program = builder.0;
    program.authorities.push(Authority {
        name: "estate.ca".into(),
        title: "CA".into(),
        certified_as: None,
        parent: None,
        trust: Words::Trust.word("private"),
        state: None,
        origin: Origin::default(),
    });
    program.mandates.push(Mandate {
        name: "estate.m".into(),
        title: "M".into(),
        cites: None,
        origin: Origin::default(),
    });
    program.fill_costs();
    check(&program).unwrap();
    program
}

pub fn set(table: &mut FactTable, name: &str, value: Value, grade: Grade) {
    table.set(path(name), Fact::new(value, grade, BasisSet::STATEMENT)).unwrap();
}

pub fn word(words: Words, name: &str) -> Value {
    Value::Word(words.word(name).unwrap())
}

/// A good request.
pub fn table() -> FactTable {
    let mut table = FactTable::new();
    let t = &mut table;
    set(t, "key.storage", word(Words::Storage, "tpm.discrete"), Grade::Attested);
    set(t, "key.export", word(Words::Export, "never"), Grade::Attested);
    set(t, "key.origin", word(Words::Origin, "generated"), Grade::Attested);
    set(t, "key.algorithm", word(Words::Algorithm, "ecdsa-p256"), Grade::Claimed);
    set(t, "evidence.bound", Value::Bool(true), Grade::Attested);
    set(t, "evidence.freshness", word(Words::Freshness, "nonce"), Grade::Attested);
    set(t, "module.vendor", word(Words::Vendor, "infineon"), Grade::Attested);
    set(t, "request.proof-of-possession", Value::Bool(true), Grade::Claimed);
    set(t, "request.tags", Value::List(Vec::new()), Grade::Observed);
    set(t, "certificate.validity", Value::Span(47 * DAY_S), Grade::Claimed);
    set(t, "certificate.subject.common-name", Value::Text("www.bank.example".into()), Grade::Claimed);
    let dns = ["www.bank.example", "api.bank.example"].map(|name| Value::DnsName(name.into()));
    set(t, "certificate.san.dns", Value::List(dns.to_vec()), Grade::Claimed);
    let usage = vec![word(Words::KeyUsage, "digital-signature")];
    set(t, "certificate.key-usage", Value::List(usage), Grade::Claimed);
    let eku = vec![Value::Oid("1.3.6.1.5.5.7.3.1".into())];
    set(t, "certificate.extended-key-usage", Value::List(eku), Grade::Claimed);
    set(t, "certificate.critical", Value::List(vec![Value::Oid("2.5.29.15".into())]), Grade::Claimed);
    table.close();
    table
}
