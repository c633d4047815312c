//! Paths of facts, and members of lists inside of `all` and `exists`.
use crate::context::Cx;
use crate::suggest;
use pkic_ir::Operand;
use pkic_syntax::ast;
use pkic_vocab::{CATALOGUE, FactId, Path, Type};

/// An operand with its type.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) operand: Operand,
    pub(crate) ty: Type,
    /// Whether a grade can be asked of it.
    pub(crate) is_graded: bool,
}

/// `a` in `key.advisories.all(a, …)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binder<'a> {
    pub(crate) name: &'a str,
    pub(crate) ty: Type,
}

impl<'a> Cx<'a> {
    /// What a path stands for, without a word where it stands for nothing. Binders: the innermost last.
    pub(crate) fn seek(&self, binders: &[Binder<'_>], path: &ast::Path<'_>) -> Option<Typed> {
        self.seek_member(binders, path).or_else(|| {
            let fact = match self.facts.get(path.text) {
                Some(id) => Path::from(*id),
                None => self.seek_keyed(path)?,
            };
            let def = fact.fact.def();
            Some(Typed { operand: Operand::Fact(fact), ty: def.ty, is_graded: def.is_graded() })
        })
    }

    fn seek_member(&self, binders: &[Binder<'_>], path: &ast::Path<'_>) -> Option<Typed> {
        let first = path.segments.first()?;
        let (depth, binder) =
            (0u8..).zip(binders.iter().rev()).find(|(_, binder)| binder.name == first.text)?;
        let (field, ty) = match (path.segments.get(1), binder.ty) {
            (None, ty) => (None, ty),
            (Some(name), Type::Record(fields)) if path.segments.len() == 2 => {
                let (index, field) = (0u8..).zip(fields).find(|(_, field)| field.name == name.text)?;
                (Some(index), field.ty)
            }
            _ => return None,
        };
        Some(Typed { operand: Operand::Member { depth, field }, ty, is_graded: false })
    }

    /// A fact whose last part is a declared name.
    fn seek_keyed(&self, path: &ast::Path<'_>) -> Option<Path> {
        let (stem, name) = path.text.rsplit_once('.')?;
        let fact = *self.facts.get(format!("{stem}.*").as_str())?;
        let table = match stem {
            "reference" => {
                self.names.references.find(name)?;
                return Some(Path { fact, name: Some(name.to_owned()) });
            }
            "certificate.extension" => &self.names.extensions,
            _ => &self.names.attributes,
        };
        let oid = table.entry(table.find(name)?)?.node.oid?;
        Some(Path { fact, name: Some(oid.text.to_owned()) })
    }

    /// What a path stands for; `None` is reported.
    pub(crate) fn resolve(
        &mut self,
        module: usize,
        binders: &[Binder<'_>],
        path: &ast::Path<'_>,
    ) -> Option<Typed> {
        let found = self.seek(binders, path);
        if found.is_some() {
            return found;
        }
        let first = path.segments.first()?;
        if let Some(binder) = binders.iter().rev().find(|binder| binder.name == first.text) {
            let help = match binder.ty {
                Type::Record(fields) => {
                    format!("its fields are {}", suggest::choices(fields.iter().map(|field| field.name)))
                }
                ty => format!("it is a `{}` and has no fields", ty.name()),
            };
            let message = format!("unknown field `{}` of `{}`", path.text, first.text);
            self.error(module, "E0101", path.span, message, |diagnostic| diagnostic.with_help(help));
            return None;
        }
        if let (Some(("reference", _)), Some(name)) = (path.text.rsplit_once('.'), path.segments.last()) {
            self.find_declared(|names| &names.references, "reference", module, *name);
            return None;
        }
        self.unknown_fact(module, path);
        None
    }

    fn unknown_fact(&mut self, module: usize, path: &ast::Path<'_>) {
        let attributes: Vec<String> = self
            .names
            .attributes
            .entries()
            .iter()
            .filter(|_| self.may_suggest())
            .flat_map(|entry| {
                ["certificate", "authority"].map(|subject| format!("{subject}.subject.{}", entry.name))
            })
            .collect();
        let candidates = CATALOGUE
            .iter()
            .map(|def| def.path)
            .filter(|path| !path.ends_with('*'))
            .chain(attributes.iter().map(String::as_str));
        let near = self.nearest(path.text, candidates).map(str::to_owned);
        let below = format!("{}.", path.text);
        let members: Vec<&str> =
            CATALOGUE.iter().map(|def| def.path).filter(|fact| fact.starts_with(&below)).collect();
        let help = if let Some(near) = near {
            format!("did you mean `{near}`?{}", meaning(&near))
        } else if !members.is_empty() {
            format!("a fact stands below it: {}", suggest::choices(members))
        } else if path.text.starts_with("certificate.subject.") {
            "declare it: `declare attribute NAME OID \"what it means\"`".to_owned()
        } else if path.segments.len() == 1 {
            format!(
                "a requirement begins with a fact, as `key.storage in […]`; is `{}` a label without `:`?",
                path.text
            )
        } else {
            let subjects: std::collections::BTreeSet<&str> =
                CATALOGUE.iter().filter_map(|def| def.path.split('.').next()).collect();
            format!("facts begin with {}", subjects.into_iter().collect::<Vec<_>>().join(", "))
        };
        self.error(module, "E0101", path.span, format!("unknown fact `{}`", path.text), |diagnostic| {
            diagnostic.with_help(help)
        });
    }
}

/// The words that a fact may take, if they are few: ` (never, domain, wrapped, plain)`.
fn meaning(fact: &str) -> String {
    match FactId::from_path(fact).map(|id| id.def().ty.element()) {
        Some(Type::Word(words)) if words.words().len() <= 8 => {
            let names: Vec<&str> = words.words().iter().map(|def| def.name).collect();
            format!(" ({})", names.join(", "))
        }
        _ => String::new(),
    }
}
