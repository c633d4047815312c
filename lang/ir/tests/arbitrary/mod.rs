//! Arbitrary well-formed programs from a seed: small domains, so that conditions are often met.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]
use pkic_ir::*;
use pkic_vocab::fields::{FIELDS, Filler};
use pkic_vocab::names::Dn;
use pkic_vocab::time::{DAY_S, Span};
use pkic_vocab::types::NameKind;
use pkic_vocab::{BasisSet, FactId, Grade, Path, Purpose, Type, Value, Word, Words};

/// The moment around which dates fall.
pub const NOW: i64 = 1_800_000_000;

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

pub fn fact(path: &str) -> FactId {
    FactId::from_path(path).unwrap_or_else(|| unreachable!("no fact {path}"))
}

pub fn path(rng: &mut Rng, id: FactId) -> Path {
    let name = id.def().is_keyed().then(|| rng.pick(&["1.2.3", "1.2.4"]).to_owned());
    Path { fact: id, name }
}

pub fn word(rng: &mut Rng, words: Words) -> Word {
    let all: Vec<Word> = words.all().take(15).collect();
    rng.pick(&all)
}

/// A value of a type; lists of up to three members.
pub fn value(rng: &mut Rng, ty: Type) -> Value {
    let small = rng.below(3) as i64;
    let text = |rng: &mut Rng, from: &[&str]| rng.pick(from).to_owned();
    match ty {
        Type::Bool => Value::Bool(small != 0),
        Type::Int => Value::Int(small),
        Type::Date => Value::Date(NOW + small * DAY_S),
        Type::Span => Value::Span(if rng.one_in(9) { i64::MAX } else { small * DAY_S }),
        Type::Word(words) => Value::Word(word(rng, words)),
        Type::Name(NameKind::Authority) => Value::Name(text(rng, &["p.a0", "p.a1"])),
        Type::Name(_) => Value::Name(text(rng, &["t0", "t1"])),
        Type::Oid => Value::Oid(text(rng, &["1.2.3", "1.2.3.4", "1.2.4"])),
        Type::Dn => Value::Dn(Dn::parse(&text(rng, &["O=a", "CN=b, O=a", "CN=b"])).unwrap()),
        Type::DnsName => Value::DnsName(text(rng, &["a.example", "b.a.example", "ba.example"])),
        Type::Uri => Value::Uri(text(rng, &["x://a", "x://a/b", "x://ab"])),
        Type::Ip => Value::Ip(text(rng, &["::1", "10.0.0.1"])),
        Type::Email => Value::Email(text(rng, &["a@a.example", "b@a.example"])),
        Type::Bytes => Value::Bytes(vec![rng.below(2) as u8]),
        Type::Text => Value::Text(text(rng, &["a", "b"])),
        Type::List(element) => {
            let len = rng.below(4);
            Value::List((0..len).map(|_| value(rng, *element)).collect())
        }
        Type::Record(fields) => {
            let field = |rng: &mut Rng, ty| (!rng.one_in(5)).then(|| value(rng, ty));
            Value::Record(fields.iter().map(|f| field(rng, f.ty)).collect())
        }
    }
}

fn words(rng: &mut Rng, words: Words, count: usize) -> Constant {
    let mut named: Vec<Word> = (0..count).map(|_| word(rng, words)).collect();
    named.sort();
    named.dedup();
    Constant::Words { words, named }
}

/// One value of a scalar type.
fn single(rng: &mut Rng, ty: Type) -> Constant {
    match ty {
        Type::Word(ws) => words(rng, ws, 1),
        Type::Span if rng.one_in(4) => Constant::Span(Span::FOREVER),
        Type::Span => {
            let min_s = rng.below(3) as i64 * DAY_S;
            Constant::Span(Span { min_s, max_s: min_s + rng.below(2) as i64 * DAY_S })
        }
        _ => Constant::Value(value(rng, ty)),
    }
}

fn several(rng: &mut Rng, ty: Type) -> Constant {
    let count = 1 + rng.below(3);
    match ty {
        Type::Word(ws) => words(rng, ws, count),
        _ => Constant::List((0..count).map(|_| value(rng, ty)).collect()),
    }
}

fn guard(rng: &mut Rng) -> Guard {
    Guard {
        grade: (!rng.one_in(3)).then(|| rng.pick(&Grade::ALL)),
        basis: if rng.one_in(4) { BasisSet::STATEMENT.union(BasisSet::API) } else { BasisSet::ANY },
        within_s: rng.one_in(3).then_some(DAY_S),
    }
}

fn relation(rng: &mut Rng, ty: Type) -> Relation {
    use Relation::*;
    if ty.is_ordered() {
        return rng.pick(&[Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    }
    rng.pick(&[Equal, NotEqual])
}

/// An atom over a left operand of that type, which is no record and no list of records.
fn atom(rng: &mut Rng, left: Operand, ty: Type, with_lists: bool) -> Expr {
    let same_type: Vec<FactId> = FactId::all().filter(|id| id.def().ty == ty).collect();
    let lists: Vec<FactId> = FactId::all()
        .filter(|id| matches!(id.def().ty, Type::List(element) if *element == ty.element()))
        .collect();
    let test = match rng.below(6) {
        0 if !same_type.is_empty() => {
            let other = rng.pick(&same_type);
            Test::CompareWith(relation(rng, ty), Operand::Fact(path(rng, other)))
        }
        1 if with_lists && !lists.is_empty() => {
            let other = rng.pick(&lists);
            Test::InOperand(Operand::Fact(path(rng, other)))
        }
        2 if ty.element().is_hierarchical() => Test::Under(vec![value(rng, ty.element())]),
        3 if matches!(ty, Type::List(_)) => Test::Contains(single(rng, ty.element())),
        4 if ty.element() != Type::Span => Test::In(several(rng, ty.element())),
        _ => match ty {
            Type::List(element) => Test::Compare(relation(rng, ty), several(rng, *element)),
            _ => Test::Compare(relation(rng, ty), single(rng, ty)),
        },
    };
    Expr::Atom(Atom { left, test, guard: guard(rng) })
}

/// Facts that conditions are written over: few, so that tables often say something about them.
fn facts() -> Vec<FactId> {
    FactId::all().filter(|id| id.index() % 3 == 0 || id.def().path.starts_with("key.")).collect()
}

struct Exprs {
    nodes: Vec<Expr>,
    /// Conditions that stand for themselves, with their depth.
    roots: Vec<(ExprId, usize)>,
}

impl Exprs {
    fn push(&mut self, expr: Expr) -> ExprId {
        self.nodes.push(expr);
        ExprId(self.nodes.len() as u32 - 1)
    }

    fn grow(&mut self, rng: &mut Rng) {
        let shallow: Vec<(ExprId, usize)> = self.roots.iter().copied().filter(|(_, d)| *d < 5).collect();
        let some = |rng: &mut Rng| -> Vec<(ExprId, usize)> {
            (0..1 + rng.below(3)).map(|_| rng.pick(&shallow)).collect()
        };
        let (id, depth) = match rng.below(8) {
            0 if !shallow.is_empty() => {
                let (id, depth) = rng.pick(&shallow);
                (self.push(Expr::Not(id)), depth)
            }
            kind @ (1 | 2) if !shallow.is_empty() => {
                let picked = some(rng);
                let ids = picked.iter().map(|(id, _)| *id).collect();
                let depth = picked.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
                (self.push(if kind == 1 { Expr::And(ids) } else { Expr::Or(ids) }), depth)
            }
            3 => (self.each(rng), 2),
            4 if rng.one_in(3) => (self.push(Expr::Always(rng.one_in(2))), 0),
            _ => {
                let plain: Vec<FactId> = facts()
                    .into_iter()
                    .filter(|id| !matches!(id.def().ty.element(), Type::Record(_)))
                    .collect();
                let id = rng.pick(&plain);
                let left = Operand::Fact(path(rng, id));
                let expr = atom(rng, left, id.def().ty, true);
                (self.push(expr), 0)
            }
        };
        self.roots.push((id, depth + 1));
    }

    fn each(&mut self, rng: &mut Rng) -> ExprId {
        let lists: Vec<FactId> = FactId::all().filter(|id| matches!(id.def().ty, Type::List(_))).collect();
        let id = rng.pick(&lists);
        let (ty, field) = match id.def().ty.element() {
            Type::Record(fields) => {
                let at = rng.below(fields.len());
                (fields[at].ty, Some(at as u8))
            }
            ty => (ty, None),
        };
        let is_nested = rng.one_in(3);
        let member = Operand::Member { depth: u8::from(is_nested), field };
        let mut body = atom(rng, member, ty, !is_nested);
        if is_nested {
            let inner = self.push(body);
            let list = rng.pick(&lists);
            body = Expr::Each {
                quantifier: rng.pick(&[Quantifier::All, Quantifier::Exists]),
                list: path(rng, list),
                guard: guard(rng),
                body: inner,
            };
        }
        let body = self.push(body);
        let (quantifier, list) = (rng.pick(&[Quantifier::All, Quantifier::Exists]), path(rng, id));
        let guard = guard(rng);
        self.push(Expr::Each { quantifier, list, guard, body })
    }

    fn root(&self, rng: &mut Rng) -> ExprId {
        rng.pick(&self.roots).0
    }
}

fn dates(rng: &mut Rng) -> (Option<i64>, Option<i64>) {
    match rng.below(6) {
        0 => (Some(NOW - DAY_S), None),
        1 => (Some(NOW + 1), None),
        2 => (None, Some(NOW)),
        3 => (Some(NOW), Some(NOW + 1)),
        _ => (None, None),
    }
}

fn citation() -> Citation {
    Citation {
        source: "s".into(),
        title: "S".into(),
        edition: "1".into(),
        clause: "2".into(),
        unverified: false,
    }
}

fn requirement(rng: &mut Rng, exprs: &Exprs, at: usize, groups: usize) -> Requirement {
    let (from, before) = dates(rng);
    let body = match rng.below(9) {
        0 if groups > 0 => {
            Body::Approve(Approval { count: 1 + rng.below(2) as u32, group: rng.below(groups) as u32 })
        }
        1 | 2 if at > 1 => Body::OneOf(
            (0..1 + rng.below(3))
                .map(|way| Way {
                    name: format!("w{way}"),
                    doc: None,
                    requirements: (0..1 + rng.below(2))
                        .map(|_| RequirementId(rng.below(at.min(4)) as u32))
                        .collect(),
                })
                .collect(),
        ),
        _ => Body::Expr(exprs.root(rng)),
    };
    let is_nestable = at < 4;
    Requirement {
        id: format!("r{at}"),
        strength: if rng.one_in(5) { Strength::Should } else { Strength::Must },
        from,
        before,
        when: if rng.one_in(3) { vec![exprs.root(rng)] } else { Vec::new() },
        body: if is_nestable && matches!(body, Body::OneOf(_)) { Body::Expr(exprs.root(rng)) } else { body },
        text: format!("needs {at}"),
        doc: rng.one_in(3).then(|| "why".to_owned()),
        cites: rng.one_in(3).then(citation),
        origin: Origin { file: 0, line: at as u32, column: 1 },
        mandate: rng.one_in(4).then_some(0),
    }
}

/// A field of the vocabulary, granted without a constraint.
pub fn field(at: usize, path: Path) -> Field {
    let def = FIELDS.get(at);
    let is_list = matches!(path.fact.def().ty, Type::List(_));
    Field {
        name: def.map_or("subject.x".into(), |def| def.name.into()),
        path,
        extension: def.and_then(|def| def.extension()).map(Into::into),
        min: 0,
        max: if is_list { 3 } else { 1 },
        critical: false,
        constraint: None,
        fixed: None,
        default: None,
        span_s_max: None,
        filler: def.map_or(Filler::Draft, |def| def.filler),
        text: String::new(),
        cites: None,
        origin: Origin::default(),
    }
}

fn contents(rng: &mut Rng, exprs: &Exprs) -> Vec<Field> {
    let mut fields = Vec::new();
    for (at, def) in FIELDS.iter().enumerate() {
        if rng.one_in(40) {
            continue;
        }
        let mut entry = field(at, def.fact_id().unwrap().into());
        entry.critical = rng.one_in(60);
        entry.min = u32::from(rng.one_in(60));
        entry.constraint = rng.one_in(20).then(|| exprs.root(rng));
        fields.push(entry);
    }
    for name in ["1.2.3", "1.2.4"] {
        let path = Path { fact: fact("certificate.subject.*"), name: Some(name.into()) };
        fields.push(field(usize::MAX, path));
    }
    fields
}

fn exception(rng: &mut Rng, exprs: &Exprs, at: usize, requirements: usize) -> Exception {
    Exception {
        name: format!("p.e{at}"),
        waives: (0..requirements).filter(|_| !rng.one_in(3)).map(|at| format!("r{at}")).collect(),
        when: rng.one_in(2).then(|| exprs.root(rng)),
        from: None,
        before: if rng.one_in(4) { NOW } else { NOW + 1 },
        at_most: rng.below(3) as u32,
        approvals: if rng.one_in(2) { vec![Approval { count: 1, group: 0 }] } else { Vec::new() },
        reason: "because".into(),
        requirements: (0..rng.below(2)).map(|_| RequirementId(rng.below(requirements) as u32)).collect(),
        origin: Origin::default(),
    }
}

fn profile(rng: &mut Rng, exprs: &Exprs, at: usize, requirements: usize) -> Profile {
    let mut ids: Vec<RequirementId> =
        (0..1 + rng.below(3)).map(|_| RequirementId(rng.below(requirements) as u32)).collect();
    ids.sort();
    ids.dedup();
    let count = if rng.one_in(3) { 1 + rng.below(2) } else { 0 };
    Profile {
        name: format!("p.profile{at}"),
        doc: None,
        role: rng.one_in(2).then(|| word(rng, Words::Role)),
        tags: if rng.one_in(2) { vec!["t0".into()] } else { Vec::new() },
        operations: vec![Words::Operation.word("issue").unwrap()],
        issued_by: if rng.one_in(3) { Vec::new() } else { vec![1, 0] },
        refines: None,
        contents: contents(rng, exprs),
        requirements: ids,
        obligations: vec![Obligation {
            name: "ct".into(),
            arguments: vec![("logs".into(), "2".into())],
            from: None,
            before: None,
            when: if rng.one_in(2) { vec![exprs.root(rng)] } else { Vec::new() },
            cites: None,
            origin: Origin::default(),
        }],
        exceptions: (0..count).map(|at| exception(rng, exprs, at, requirements)).collect(),
        mandates: vec![MandateUse {
            mandate: 0,
            standing: Standing::Conditional,
            readings: vec!["r".into()],
            because: "for".into(),
        }],
        cost: 0,
        origin: Origin::default(),
    }
}

/// A well-formed program of one to three profiles.
pub fn program(seed: u64) -> Program {
    let rng = &mut Rng(seed);
    let mut exprs = Exprs { nodes: Vec::new(), roots: Vec::new() };
    for _ in 0..4 + rng.below(16) {
        exprs.grow(rng);
    }
    let groups = 2;
    let requirements: Vec<Requirement> =
        (0..2 + rng.below(10)).map(|at| requirement(rng, &exprs, at, groups)).collect();
    let profiles: Vec<Profile> =
        (0..1 + rng.below(2)).map(|at| profile(rng, &exprs, at, requirements.len())).collect();
    let member = |name: &str| Member { name: name.into(), key: "ssh-ed25519 AAAA".into() };
    let authority = |name: &str, trust: &str| Authority {
        name: name.into(),
        title: name.into(),
        certified_as: Some(0),
        parent: None,
        trust: Words::Trust.word(trust),
        state: None,
        origin: Origin::default(),
    };
    let mut program = Program {
        policy: "p".into(),
        version: "1".into(),
        lab: rng.one_in(6),
        files: vec![("p.pki".into(), [7; 32])],
        exprs: exprs.nodes,
        requirements,
        profiles,
        authorities: vec![authority("p.a0", "public"), authority("p.a1", "private")],
        mandates: vec![Mandate {
            name: "p.m".into(),
            title: "M".into(),
            cites: Some(citation()),
            origin: Origin::default(),
        }],
        groups: vec![
            Group { name: "p.g0".into(), title: "G".into(), members: vec![member("ann"), member("bob")] },
            Group { name: "p.g1".into(), title: "H".into(), members: vec![member("bob"), member("cyd")] },
        ],
        anchors: vec![AnchorSet {
            name: "p.anchors".into(),
            title: "A".into(),
            anchors: vec![AnchorDef {
                name: "root".into(),
                spki_sha256: [1; 32],
                purpose: Purpose::Test,
                formats: vec![Words::Format.word("yubikey-piv").unwrap()],
            }],
        }],
        signers: vec![SignerSet {
            kind: "catalogues".into(),
            name: "modules".into(),
            age_s_max: Some(DAY_S),
            signers: vec![("s".into(), [2; 32])],
        }],
    };
    program.fill_costs();
    program
}
