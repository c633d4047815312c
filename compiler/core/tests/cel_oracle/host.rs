//! A host that speaks CEL: the facts of a table as variables, and the host functions, written for this test alone.
use cel::objects::{Key, Map};
use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, Value as Cel, extractors::This};
use pkic_vocab::{Fact, FactId, FactTable, Grade, Path, Slot, Type, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Whether the text is true; an error is not.
pub fn is_true(text: &str, table: &FactTable, now: i64) -> bool {
    let expression = PrattParser::new().parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let result = Cel::resolve(&expression, &context(table, now));
    match result {
        Ok(Cel::Bool(value)) => value,
        Ok(other) => panic!("{text} is {other:?}"),
        Err(ExecutionError::NoSuchKey(_) | ExecutionError::UndeclaredReference(_)) => false,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn context(table: &FactTable, now: i64) -> Context<'static, 'static> {
    thread_local! {
        static ENV: Arc<Env> = Arc::new(Env::stdlib());
    }
    let mut context = Context::with_env(ENV.with(Arc::clone));
    let mut root = Tree::default();
    for id in FactId::all() {
        let steps = steps(&pkic_compiler::cel::fact(&Path { fact: id, name: None }));
        let map_len = if id.def().is_keyed() { steps.len() } else { steps.len() - 1 };
        root.insert_map(&steps[..map_len]);
        if *table.get(id) == Slot::Absent && matches!(id.def().ty, Type::List(_)) {
            root.insert(&steps, Cel::List(Arc::default()));
        }
    }
    for (path, fact) in table.known() {
        if let Some(value) = cel_value(path.fact.def().ty, &fact.value) {
            root.insert(&steps(&pkic_compiler::cel::fact(&path)), value);
        }
    }
    for (name, tree) in root.fields {
        context.add_variable_from_value(name, tree.into_value());
    }
    context.add_variable_from_value("now", now);
    context
        .add_function("duration", |text: Arc<String>| text.strip_suffix('s').unwrap().parse::<i64>().unwrap())
        .unwrap();
    context.add_function("timestamp", |text: Arc<String>| parse_timestamp(&text)).unwrap();
    context.add_function("under", under).unwrap();
    add_guards(&mut context, table, now);
    context
}

fn parse_timestamp(text: &str) -> i64 {
    pkic_vocab::time::parse_date(text).unwrap()
}

fn add_guards(context: &mut Context<'static, 'static>, table: &FactTable, now: i64) {
    let known: BTreeMap<String, Fact> =
        table.known().map(|(path, fact)| (dotted(&path), fact.clone())).collect();
    let known = Arc::new(known);
    let grade = |name: &str| Grade::from_name(name).unwrap();
    let facts = Arc::clone(&known);
    context
        .add_function("known", move |name: Arc<String>, asked: Arc<String>| {
            facts.get(name.as_str()).is_some_and(|fact| {
                fact.grade >= grade(&asked) && (fact.on_file_since.is_none() || fact.basis.has_witness())
            })
        })
        .unwrap();
    let facts = Arc::clone(&known);
    context
        .add_function("known_within", move |name: Arc<String>, asked: Arc<String>, age: i64| {
            facts.get(name.as_str()).is_some_and(|fact| {
                fact.grade >= grade(&asked) && fact.on_file_since.is_none_or(|since| now - since <= age)
            })
        })
        .unwrap();
    context
        .add_function("rests_on", move |name: Arc<String>, bases: Cel| {
            let Cel::List(bases) = bases else { panic!("no list of bases") };
            let allowed: Vec<String> = bases.iter().map(text).collect();
            known.get(name.as_str()).is_some_and(|fact| {
                fact.basis.names().all(|basis| allowed.iter().any(|allowed| allowed == basis))
            })
        })
        .unwrap();
}

fn dotted(path: &Path) -> String {
    let text = path.fact.def().path;
    path.name.as_ref().map_or_else(|| text.to_owned(), |name| text.replace('*', name))
}

fn text(value: &Cel) -> String {
    match value {
        Cel::String(text) => text.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

/// Whole labels, arcs, path segments and parts of a name, compared part by part.
fn under(This(name): This<Arc<String>>, kind: Arc<String>, bases: Cel) -> bool {
    let Cel::List(bases) = bases else { panic!("no list of names") };
    let parts = |text: &str| -> Vec<String> {
        match kind.as_str() {
            "dns-name" => text.split('.').rev().map(str::to_owned).collect(),
            "oid" => text.split('.').map(str::to_owned).collect(),
            "uri" => text.strip_suffix('/').unwrap_or(text).split('/').map(str::to_owned).collect(),
            "dn" => split_dn(text),
            other => panic!("`{other}` has no hierarchy"),
        }
    };
    bases.iter().any(|base| parts(&name).starts_with(&parts(&text(base))))
}

fn split_dn(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut().unwrap().extend([c, chars.next().unwrap()]),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.reverse();
    parts
}

/// `a.b["c"]` as `a`, `b`, `c`.
fn steps(text: &str) -> Vec<String> {
    let (plain, key) = text.split_once('[').map_or((text, None), |(plain, key)| (plain, Some(key)));
    let key = key.map(|key| key.trim_matches(['"', ']']).to_owned());
    plain.split('.').map(str::to_owned).chain(key).collect()
}

#[derive(Default)]
struct Tree {
    fields: BTreeMap<String, Tree>,
    value: Option<Cel>,
}

impl Tree {
    fn insert(&mut self, steps: &[String], value: Cel) {
        match steps {
            [] => self.value = Some(value),
            [first, rest @ ..] => self.fields.entry(first.clone()).or_default().insert(rest, value),
        }
    }

    fn insert_map(&mut self, steps: &[String]) {
        if let [first, rest @ ..] = steps {
            self.fields.entry(first.clone()).or_default().insert_map(rest);
        }
    }

    fn into_value(self) -> Cel {
        assert!(self.value.is_none() || self.fields.is_empty(), "a value cannot have fields");
        self.value
            .unwrap_or_else(|| map(self.fields.into_iter().map(|(name, tree)| (name, tree.into_value()))))
    }
}

fn map(fields: impl Iterator<Item = (String, Cel)>) -> Cel {
    let map: HashMap<Key, Cel> = fields.map(|(name, value)| (Key::from(name), value)).collect();
    Cel::Map(Map { map: Arc::new(map) })
}

/// The value as the host gives it; `None` is left out.
fn cel_value(ty: Type, value: &Value) -> Option<Cel> {
    let string = |text: &str| Cel::String(Arc::new(text.to_owned()));
    Some(match (ty, value) {
        (_, Value::Bool(value)) => Cel::Bool(*value),
        (_, Value::Int(value) | Value::Date(value) | Value::Span(value)) => Cel::Int(*value),
        (_, Value::Word(word)) => string(word.name()),
        (_, Value::Dn(dn)) => string(&pkic_compiler::cel::dn(dn)),
        (_, Value::Bytes(_)) => string(&value.to_string()),
        (
            _,
            Value::Name(text)
            | Value::Oid(text)
            | Value::DnsName(text)
            | Value::Uri(text)
            | Value::Ip(text)
            | Value::Email(text)
            | Value::Text(text),
        ) => string(text),
        (Type::List(element), Value::List(values)) => {
            let values: Option<Vec<Cel>> = values.iter().map(|value| cel_value(*element, value)).collect();
            Cel::List(Arc::new(values?))
        }
        (Type::Record(fields), Value::Record(values)) => {
            map(fields.iter().zip(values).filter_map(|(field, value)| {
                Some((field.name.replace('-', "_"), cel_value(field.ty, value.as_ref()?)?))
            }))
        }
        (ty, value) => panic!("{value} is no {}", ty.name()),
    })
}
