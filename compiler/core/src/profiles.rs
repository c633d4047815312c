//! Profiles: bases before those that refine them; what is inherited, what may only shrink.
use crate::contents::Contents;
use crate::context::Cx;
use crate::items::{Frame, Lines};
use crate::mandates::{Adopted, Mandates};
use crate::select::Static;
use pkic_ir::{Obligation, Profile, RequirementId};
use pkic_syntax::ast::{self, ProfileItemKind, ValueKind};
use pkic_vocab::{Type, Word, Words, limits};
use std::collections::HashSet;

/// A profile with everything that it inherits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effective {
    pub(crate) role: Option<Word>,
    pub(crate) tags: Vec<String>,
    pub(crate) operations: Option<Vec<Word>>,
    /// Entries of authorities.
    pub(crate) issued_by: Option<Vec<usize>>,
    pub(crate) contents: Contents,
    /// Inherited lines, then own ones; mandates are not among them.
    pub(crate) lines: Vec<RequirementId>,
    obligations: Vec<Obligation>,
    pub(crate) adopted: Adopted,
    /// Whether something in it or in a base was wrong, so that what seems missing may only be unread.
    pub(crate) has_error: bool,
    /// Steps to the farthest base.
    depth: usize,
}

impl Effective {
    /// What a profile has of its base before its own text; contents are merged by themselves.
    fn inherited(&self) -> Effective {
        Effective {
            role: self.role,
            tags: self.tags.clone(),
            operations: self.operations.clone(),
            issued_by: self.issued_by.clone(),
            contents: Contents::default(),
            lines: self.lines.clone(),
            obligations: self.obligations.clone(),
            adopted: self.adopted.clone(),
            has_error: self.has_error,
            depth: self.depth,
        }
    }

    /// Whether a certificate can come of it: it has operations that make one, and somebody who signs.
    pub(crate) fn is_issuable(&self) -> bool {
        let makes_one = |word: &Word| !matches!(word.name(), "revoke" | "crl-sign");
        self.operations.iter().flatten().any(makes_one)
            && self.issued_by.as_ref().is_some_and(|authorities| !authorities.is_empty())
    }
}

/// What the text of a profile says itself.
#[derive(Default)]
struct Text<'a> {
    lines: Lines,
    fields: Vec<&'a ast::Field<'a>>,
    stated: HashSet<&'static str>,
}

/// What a list of names in a profile is for.
struct Listed<'l, 'a> {
    list: &'l ast::List<'a>,
    kind: &'static str,
}

impl<'a> Cx<'a> {
    /// Lowers all profiles: those of the program in its order, and what the checks of exceptions need, by entry.
    pub(crate) fn profiles(&mut self, mandates: &mut Mandates) -> (Vec<Profile>, Vec<Effective>) {
        let count = self.names.profiles.entries().len();
        if count > limits::PROFILES_MAX {
            let root = self.modules.len().saturating_sub(1);
            let message = format!("there are {count} profiles, and at most {}", limits::PROFILES_MAX);
            self.error(root, "E0308", ast::Span::default(), message, |diagnostic| diagnostic);
            return (Vec::new(), Vec::new());
        }
        let (order, parents) = self.refinement_order();
        let mut effective: Vec<Effective> = vec![Effective::default(); count];
        let mut lowered: Vec<Option<Profile>> = vec![None; count];
        for index in order {
            let parent = parents.get(index).copied().flatten();
            let base = parent.and_then(|parent| effective.get_mut(parent)).map(std::mem::take);
            let own = self.effective(index, base.as_ref(), mandates).unwrap_or_default();
            if let (Some(base), Some(slot)) = (base, parent.and_then(|parent| effective.get_mut(parent))) {
                *slot = base;
            }
            let parent_name =
                parent.and_then(|parent| self.names.profiles.entry(parent)).map(|entry| entry.name.clone());
            let profile = self.lowered_profile(index, &own, parent_name, mandates);
            let place = self.names.profile_places.get(index).map_or(usize::MAX, |place| *place as usize);
            if let Some(slot) = lowered.get_mut(place) {
                *slot = profile;
            }
            if let Some(slot) = effective.get_mut(index) {
                *slot = own;
            }
        }
        (lowered.into_iter().flatten().collect(), effective)
    }

    /// Entries in an order in which every base stands before what refines it, and the base of each.
    fn refinement_order(&mut self) -> (Vec<usize>, Vec<Option<usize>>) {
        let count = self.names.profiles.entries().len();
        let mut parents: Vec<Option<usize>> = Vec::with_capacity(count);
        for index in 0..count {
            let found = self.names.profiles.entry(index).map(|entry| (entry.module, entry.node));
            let parent = found.and_then(|(module, node)| self.find_profile(module, node.refines.as_ref()?));
            parents.push(parent);
        }
        let mut done = vec![false; count];
        let mut order = Vec::with_capacity(count);
        for start in 0..count {
            let mut chain = Vec::new();
            let mut on_chain: HashSet<usize> = HashSet::new();
            let mut at = Some(start);
            while let Some(index) = at.filter(|index| !done.get(*index).copied().unwrap_or(true)) {
                if !on_chain.insert(index) {
                    self.refines_itself(index);
                    if let Some(parent) = parents.get_mut(index) {
                        *parent = None;
                    }
                    break;
                }
                chain.push(index);
                at = parents.get(index).copied().flatten();
            }
            while let Some(index) = chain.pop() {
                if let Some(done) = done.get_mut(index) {
                    *done = true;
                }
                order.push(index);
            }
        }
        (order, parents)
    }

    fn refines_itself(&mut self, index: usize) {
        let Some((module, node)) = self.names.profiles.entry(index).map(|entry| (entry.module, entry.node))
        else {
            return;
        };
        let span = node.refines.as_ref().map_or(node.name.span, |path| path.span);
        let message = format!("profile `{}` refines itself", node.name.text);
        self.error(module, "E0301", span, message, |diagnostic| {
            diagnostic.with_label("closes the circle").with_help("a base must not depend on what refines it")
        });
    }

    fn effective(
        &mut self,
        index: usize,
        base: Option<&Effective>,
        mandates: &Mandates,
    ) -> Option<Effective> {
        let (module, node) = self.names.profiles.entry(index).map(|entry| (entry.module, entry.node))?;
        let is_lost = node.refines.is_some() && base.is_none();
        let depth = base.map_or(0, |base| base.depth.saturating_add(1));
        if depth == limits::REFINES_DEPTH_MAX.saturating_add(1) {
            let message = format!(
                "profile `{}` stands more than {} steps from its base",
                node.name.text,
                limits::REFINES_DEPTH_MAX
            );
            self.error(module, "E0308", node.name.span, message, |diagnostic| {
                diagnostic.with_help("refine a base that is nearer")
            });
        }
        let mut own = base.map(Effective::inherited).unwrap_or_default();
        own.depth = depth;
        own.has_error |= is_lost;
        let root = self.modules.len().saturating_sub(1);
        let of_root = mandates.of_policies.get(root);
        let of_module = mandates.of_policies.get(module).filter(|_| module != root);
        let of_profile = mandates.of_profiles.get(&index);
        for adoption in [of_root, of_module, of_profile].into_iter().flatten().flatten() {
            Mandates::adopt(&mut own.adopted, adoption);
        }
        let mut text = Text::default();
        for item in &node.items {
            let setting = self.profile_item(module, &item.kind, &mut own, &mut text);
            if setting.is_some_and(|setting| !text.stated.insert(setting)) {
                self.repeated(module, item.span);
            }
        }
        let Text { lines, fields, stated } = text;
        own.has_error |= lines.has_error;
        own.lines.extend(lines.requirements);
        own.obligations.extend(lines.obligations);
        self.cap(module, node.name.span, &mut own);
        let parent = base.map(|base| &base.contents);
        match self.contents(module, &fields, parent.filter(|_| !is_lost), stated.contains("contents")) {
            Some(contents) => own.contents = contents,
            None => own.has_error = true,
        }
        Some(own)
    }

    /// Refuses a profile over the limits and empties it, so that what refines it does not inherit its length.
    fn cap(&mut self, module: usize, span: ast::Span, own: &mut Effective) {
        let passed = [
            ("requirements", own.lines.len(), limits::PROFILE_REQUIREMENTS_MAX),
            ("obligations", own.obligations.len(), limits::LIST_LEN_MAX),
            ("tags", own.tags.len(), limits::LIST_LEN_MAX),
        ];
        for (what, found, max) in passed {
            if found > max {
                let message = format!("a profile has {found} {what}, and at most {max} can be");
                self.error(module, "E0308", span, message, |diagnostic| {
                    diagnostic.with_help("join them, or split the profile")
                });
                own.lines.clear();
                own.obligations.clear();
                own.tags.clear();
                own.has_error = true;
                return;
            }
        }
    }

    /// Reads one item of a profile, and gives the word of the setting that it is.
    fn profile_item(
        &mut self,
        module: usize,
        item: &'a ProfileItemKind<'a>,
        own: &mut Effective,
        text: &mut Text<'a>,
    ) -> Option<&'static str> {
        match item {
            ProfileItemKind::Error => {
                own.has_error = true;
                None
            }
            ProfileItemKind::Adopt(_) => None,
            ProfileItemKind::Item(item) => {
                self.item(&Frame::new(module), item, &mut text.lines);
                None
            }
            ProfileItemKind::Contents(fields) => {
                text.fields.extend(fields);
                Some("contents")
            }
            ProfileItemKind::Role(value) => {
                own.has_error |= self.role(module, value, &mut own.role).is_none();
                Some("role")
            }
            ProfileItemKind::Tags(list) => {
                own.has_error |= self.tags(module, list, &mut own.tags).is_none();
                Some("tags")
            }
            ProfileItemKind::Operations(list) => {
                let listed = Listed { list, kind: "operation" };
                let found = self.operations(module, &listed, own.operations.as_deref());
                own.has_error |= found.is_none();
                own.operations = found.or_else(|| own.operations.take());
                Some("operations")
            }
            ProfileItemKind::IssuedBy(list) => {
                let listed = Listed { list, kind: "authority" };
                let found = self.issued_by(module, &listed, own.issued_by.as_deref());
                own.has_error |= found.is_none();
                own.issued_by = found.or_else(|| own.issued_by.take());
                Some("issued-by")
            }
        }
    }

    fn role(&mut self, module: usize, value: &ast::Value<'a>, role: &mut Option<Word>) -> Option<()> {
        let inherited = *role;
        if let ValueKind::Any = value.kind {
            if let Some(inherited) = inherited {
                self.other_role(module, value.span, "any", inherited);
                return None;
            }
            return Some(());
        }
        let constants = self.constants(module, Type::Word(Words::Role), value, 0)?;
        let [element] = constants.elements.as_slice() else {
            self.error(module, "E0201", value.span, "a profile has one role", |diagnostic| {
                diagnostic.with_help("write a profile for each role")
            });
            return None;
        };
        let crate::values::Scalar::Word(word) = element.scalar else { return None };
        match inherited {
            Some(inherited) if inherited != word => {
                self.other_role(module, value.span, word.name(), inherited);
                None
            }
            _ => {
                *role = Some(word);
                Some(())
            }
        }
    }

    fn other_role(&mut self, module: usize, span: ast::Span, written: &str, inherited: Word) {
        let message =
            format!("role `{written}` is not the role of the refined profile, `{}`", inherited.name());
        self.error(module, "E0304", span, message, |diagnostic| {
            diagnostic
                .with_note("mandates select by role: another one would slip those that bind the base")
                .with_help("refine a profile of this role, or one of `role any`")
        });
    }

    fn tags(&mut self, module: usize, list: &ast::List<'a>, tags: &mut Vec<String>) -> Option<()> {
        let value = ast::Value { kind: ValueKind::List(list.clone()), span: list.span };
        if list.elements.is_empty() {
            return Some(());
        }
        let constants = self.constants(module, Type::Name(pkic_vocab::types::NameKind::Tag), &value, 0)?;
        for element in constants.elements {
            if let crate::values::Scalar::Value(pkic_vocab::Value::Name(tag)) = element.scalar
                && !tags.contains(&tag)
            {
                tags.push(tag);
            }
        }
        Some(())
    }

    fn operations(
        &mut self,
        module: usize,
        listed: &Listed<'_, 'a>,
        inherited: Option<&[Word]>,
    ) -> Option<Vec<Word>> {
        let value = ast::Value { kind: ValueKind::List(listed.list.clone()), span: listed.list.span };
        let constants = self.constants(module, Type::Word(Words::Operation), &value, 0)?;
        let mut words = Vec::new();
        for element in constants.elements {
            let crate::values::Scalar::Word(word) = element.scalar else { continue };
            if inherited.is_some_and(|inherited| !inherited.contains(&word)) {
                self.wider_list(module, element.span, listed, word.name());
                return None;
            }
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Some(words)
    }

    fn issued_by(
        &mut self,
        module: usize,
        listed: &Listed<'_, 'a>,
        inherited: Option<&[usize]>,
    ) -> Option<Vec<usize>> {
        let mut authorities = Vec::new();
        let mut is_whole = true;
        for element in &listed.list.elements {
            let ValueKind::Path(path) = &element.value.kind else {
                self.error(module, "E0201", element.span, "an authority is a name", |diagnostic| {
                    diagnostic.with_help("name declared authorities, first choice first")
                });
                is_whole = false;
                continue;
            };
            let Some(found) = self.find_authority(module, path) else {
                is_whole = false;
                continue;
            };
            if inherited.is_some_and(|inherited| !inherited.contains(&found)) {
                self.wider_list(module, element.span, listed, path.text);
                is_whole = false;
            } else if !authorities.contains(&found) {
                authorities.push(found);
            }
        }
        is_whole.then_some(authorities)
    }

    fn wider_list(&mut self, module: usize, span: ast::Span, listed: &Listed<'_, 'a>, written: &str) {
        let message = format!("the refined profile does not permit {} `{written}`", listed.kind);
        self.error(module, "E0303", span, message, |diagnostic| {
            diagnostic
                .with_note("grants only shrink: once a base states a list, refining can only shorten it")
                .with_help("leave it out, or refine another base")
        });
    }

    fn lowered_profile(
        &mut self,
        index: usize,
        own: &Effective,
        refines: Option<String>,
        mandates: &mut Mandates,
    ) -> Option<Profile> {
        let entry = self.names.profiles.entry(index)?;
        let (module, name, node, docs, span) =
            (entry.module, entry.name.clone(), entry.node, entry.docs, entry.span);
        self.check_issuable(module, node, own);
        let mut of_mandates = Lines::default();
        let authorities = own.issued_by.clone().unwrap_or_default();
        let known = Static { role: own.role, tags: &own.tags, authorities: &authorities };
        let has_operations = own.operations.as_ref().is_some_and(|operations| !operations.is_empty());
        let uses = self.bind(mandates, &own.adopted, &known, (&name, has_operations), &mut of_mandates);
        let mut requirements = own.lines.clone();
        if self.leaves_storage_open(own) {
            requirements.push(self.storage_left_open(module, node.name.span));
        }
        requirements.extend(of_mandates.requirements);
        let size = requirements.iter().fold(0usize, |sum, id| sum.saturating_add(self.known(*id).size));
        if size > limits::PROFILE_REQUIREMENTS_MAX {
            let message = format!(
                "profile `{}` is bound by {size} requirements, and at most {} can be",
                node.name.text,
                limits::PROFILE_REQUIREMENTS_MAX
            );
            self.error(module, "E0308", node.name.span, message, |diagnostic| {
                diagnostic.with_help("join requirements, or adopt less")
            });
        }
        let mut obligations = own.obligations.clone();
        obligations.extend(of_mandates.obligations);
        let place = |authority: &usize| self.names.authority_places.get(*authority).copied();
        Some(Profile {
            name,
            doc: Some(docs.text()).filter(|doc| !doc.is_empty()),
            role: own.role,
            tags: own.tags.clone(),
            operations: own.operations.clone().unwrap_or_default(),
            issued_by: authorities.iter().filter_map(place).collect(),
            refines,
            contents: own.contents.fields.clone(),
            requirements,
            obligations,
            exceptions: Vec::new(),
            mandates: uses,
            cost: 0,
            origin: self.origin(module, span),
        })
    }
}
