//! Names: one table for each kind, and the look-up of a path in it.
//!
//! Profiles, mandates, authorities, exceptions, lets and sources belong to their policy: `NAME` is one of this
//! policy, `a.b.NAME` one of a policy that it uses. What `declare` introduces means something outside of every
//! policy (a tag of the inventory, an OID, a board of people), so it is one name in the whole program.
use crate::context::Cx;
use crate::suggest;
use pkic_syntax::ast;
use std::collections::HashMap;

/// A declaration with a name.
pub(crate) struct Entry<'a, T> {
    /// The module that it stands in.
    pub(crate) module: usize,
    /// Its qualified name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) name_span: ast::Span,
    /// The whole declaration.
    pub(crate) span: ast::Span,
    /// The doc comment above it.
    pub(crate) docs: &'a ast::Docs<'a>,
    /// The declaration.
    pub(crate) node: &'a T,
}

/// All declarations of a kind, by qualified name.
pub(crate) struct Table<'a, T> {
    by_name: HashMap<String, usize>,
    entries: Vec<Entry<'a, T>>,
}

impl<T> Default for Table<'_, T> {
    fn default() -> Self {
        Table { by_name: HashMap::new(), entries: Vec::new() }
    }
}

impl<'a, T> Table<'a, T> {
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry<'a, T>> {
        self.entries.get(index)
    }

    pub(crate) fn entry_mut(&mut self, index: usize) -> Option<&mut Entry<'a, T>> {
        self.entries.get_mut(index)
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn entries(&self) -> &[Entry<'a, T>] {
        &self.entries
    }

    /// Adds an entry, or gives back where the name stands already.
    pub(crate) fn add(&mut self, entry: Entry<'a, T>) -> Result<(), usize> {
        if let Some(first) = self.by_name.get(&entry.name) {
            return Err(*first);
        }
        self.by_name.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// Indices of the entries, sorted by name: their order in the program.
    pub(crate) fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|index| self.entry(*index).map(|entry| entry.name.as_str()));
        order
    }
}

/// Every table.
#[derive(Default)]
pub(crate) struct Names<'a> {
    pub(crate) profiles: Table<'a, ast::Profile<'a>>,
    pub(crate) mandates: Table<'a, ast::Mandate<'a>>,
    pub(crate) authorities: Table<'a, ast::Authority<'a>>,
    pub(crate) exceptions: Table<'a, ast::Exception<'a>>,
    pub(crate) sources: Table<'a, ast::Source<'a>>,
    pub(crate) lets: Table<'a, ast::Let<'a>>,
    pub(crate) anchors: Table<'a, ast::Anchors<'a>>,
    pub(crate) tags: Table<'a, ast::Declare<'a>>,
    pub(crate) attributes: Table<'a, ast::Declare<'a>>,
    pub(crate) extensions: Table<'a, ast::Declare<'a>>,
    pub(crate) references: Table<'a, ast::Declare<'a>>,
    pub(crate) groups: Table<'a, ast::Declare<'a>>,
    /// Place of each profile in the program, by entry.
    pub(crate) profile_places: Vec<u32>,
    /// Place of each authority in the program, by entry.
    pub(crate) authority_places: Vec<u32>,
    /// Place of each group in the program, by entry.
    pub(crate) group_places: Vec<u32>,
}

/// What a look-up is about, for messages.
struct Wanted<'p> {
    kind: &'static str,
    path: &'p str,
    span: ast::Span,
}

impl<'a> Cx<'a> {
    /// Qualified name of a group: that of the policy that says who its members are.
    pub(crate) fn group_name(&self, index: usize) -> String {
        let entry = self.names.groups.entry(index);
        let policy =
            entry.and_then(|entry| self.module(entry.module)).map_or("", |module| module.name.as_str());
        format!("{policy}.{}", entry.map_or("", |entry| entry.name.as_str()))
    }

    /// Entries of the groups in the order of the program.
    pub(crate) fn groups_in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.names.groups.entries().len()).collect();
        order.sort_by_cached_key(|index| self.group_name(*index));
        order
    }

    /// Where a path leads: the qualified name that it stands for, and whether its policy can be seen from here.
    fn qualify(&self, module: usize, path: &str) -> (String, bool) {
        let Some(here) = self.module(module) else { return (path.to_owned(), false) };
        match path.rsplit_once('.') {
            None => (format!("{}.{path}", here.name), true),
            Some((policy, _)) => {
                let is_seen = policy == here.name
                    || here
                        .uses
                        .iter()
                        .any(|used| self.module(*used).is_some_and(|module| module.name == policy));
                (path.to_owned(), is_seen)
            }
        }
    }

    /// Looks a name up in one of the tables of policies.
    fn find_in<T>(
        &mut self,
        table: for<'n> fn(&'n Names<'a>) -> &'n Table<'a, T>,
        module: usize,
        wanted: &Wanted<'_>,
    ) -> Option<usize> {
        let (qualified, is_seen) = self.qualify(module, wanted.path);
        let found = table(&self.names).find(&qualified);
        if is_seen && found.is_some() {
            return found;
        }
        if !is_seen && self.is_missing(module, &qualified) {
            return None;
        }
        let message = format!("unknown {} `{}`", wanted.kind, wanted.path);
        let policy = qualified.rsplit_once('.').map_or("", |(policy, _)| policy).to_owned();
        let help = if found.is_some() || (!is_seen && self.modules.iter().any(|module| module.name == policy))
        {
            let version = self.modules.iter().find(|module| module.name == policy);
            format!(
                "it stands in another policy: `use {policy} \"{}\"`",
                version.map_or("", |module| module.version.as_str())
            )
        } else {
            self.suggest_in(table, module, wanted.path).unwrap_or_else(|| {
                if is_seen {
                    "declare it, or `use` the policy that has it and write its qualified name".to_owned()
                } else {
                    format!("no policy `{policy}` is used here")
                }
            })
        };
        self.error(module, "E0103", wanted.span, message, |diagnostic| diagnostic.with_help(help));
        None
    }

    /// Whether a name is of a policy that could not be found: that is reported already.
    fn is_missing(&self, module: usize, qualified: &str) -> bool {
        let missing = self.module(module).map_or(&[][..], |here| &here.missing);
        missing
            .iter()
            .any(|policy| qualified.strip_prefix(policy.as_str()).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The nearest name as it must be written in a module.
    fn suggest_in<T>(
        &mut self,
        table: for<'n> fn(&'n Names<'a>) -> &'n Table<'a, T>,
        module: usize,
        written: &str,
    ) -> Option<String> {
        let here = self.module(module).filter(|_| self.may_suggest())?;
        let own = format!("{}.", here.name);
        let policies: Vec<&str> = here
            .uses
            .iter()
            .filter_map(|used| self.modules.get(*used))
            .map(|module| module.name.as_str())
            .collect();
        let mut spellings: Vec<String> = Vec::new();
        for entry in table(&self.names).entries() {
            match entry.name.strip_prefix(&own).filter(|rest| !rest.contains('.')) {
                Some(local) => spellings.push(local.to_owned()),
                None if policies.iter().any(|policy| entry.name.starts_with(policy)) => {
                    spellings.push(entry.name.clone());
                }
                None => {}
            }
        }
        self.nearest(written, spellings.iter().map(String::as_str))
            .map(|name| format!("did you mean `{name}`?"))
    }

    pub(crate) fn find_profile(&mut self, module: usize, path: &ast::Path<'_>) -> Option<usize> {
        let wanted = Wanted { kind: "profile", path: path.text, span: path.span };
        self.find_in(|names| &names.profiles, module, &wanted)
    }

    pub(crate) fn find_mandate(&mut self, module: usize, path: &ast::Path<'_>) -> Option<usize> {
        let wanted = Wanted { kind: "mandate", path: path.text, span: path.span };
        self.find_in(|names| &names.mandates, module, &wanted)
    }

    pub(crate) fn find_authority(&mut self, module: usize, path: &ast::Path<'_>) -> Option<usize> {
        let wanted = Wanted { kind: "authority", path: path.text, span: path.span };
        self.find_in(|names| &names.authorities, module, &wanted)
    }

    pub(crate) fn find_source(&mut self, module: usize, name: ast::Name<'_>) -> Option<usize> {
        let wanted = Wanted { kind: "source", path: name.text, span: name.span };
        self.find_in(|names| &names.sources, module, &wanted)
    }

    /// A `let` that a path names, without a word where there is none.
    pub(crate) fn seek_let(&self, module: usize, path: &str) -> Option<usize> {
        let (qualified, is_seen) = self.qualify(module, path);
        self.names.lets.find(&qualified).filter(|_| is_seen)
    }

    /// An anchor set that a path names, without a word where there is none or a mandate has the name.
    pub(crate) fn seek_anchors(&self, module: usize, path: &str) -> Option<usize> {
        let (qualified, is_seen) = self.qualify(module, path);
        let is_mandate = self.names.mandates.find(&qualified).is_some();
        self.names.anchors.find(&qualified).filter(|_| is_seen && !is_mandate)
    }

    /// Looks up what a `declare` introduced.
    pub(crate) fn find_declared(
        &mut self,
        table: for<'n> fn(&'n Names<'a>) -> &'n Table<'a, ast::Declare<'a>>,
        kind: &'static str,
        module: usize,
        name: ast::Name<'_>,
    ) -> Option<usize> {
        if let Some(found) = table(&self.names).find(name.text) {
            return Some(found);
        }
        let known: Vec<String> = table(&self.names)
            .entries()
            .iter()
            .filter(|_| self.may_suggest())
            .map(|entry| entry.name.clone())
            .collect();
        let near = self.nearest(name.text, known.iter().map(String::as_str)).map(str::to_owned);
        let oid = if matches!(kind, "attribute" | "extension") { " OID" } else { "" };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `declare {kind} {}{oid} \"what it means\"`", name.text),
        };
        let message = format!("unknown {kind} `{}`", name.text);
        self.error(module, "E0103", name.span, message, |diagnostic| diagnostic.with_help(help));
        None
    }

    /// Reports a word that is none of a closed list.
    pub(crate) fn unknown_word<'c>(
        &mut self,
        module: usize,
        span: ast::Span,
        kind: &str,
        written: &str,
        words: impl Iterator<Item = &'c str> + Clone,
    ) {
        let help = match self.nearest(written, words.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {}", suggest::choices(words)),
        };
        let message = format!("`{written}` is no {kind}");
        self.error(module, "E0102", span, message, |diagnostic| diagnostic.with_help(help));
    }
}
