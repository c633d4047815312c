//! Whether a program is well formed: what every reader of a program may rely on.
use crate::cost::Costs;
use crate::error::DecodeError;
use crate::program::{
    Approval, Body, Citation, Exception, Field, Origin, Profile, Program, Requirement, RequirementId,
};
use crate::typing;
use crate::{Constant, ExprId};
use alloc::string::String;
use alloc::vec::Vec;
use pkic_vocab::{Purpose, Type, Word, Words, limits};

/// Checks everything that the evaluator, the analysis and the emitters rely on.
///
/// Indices are in range and point backwards; conditions are of bounded depth, and fit their types; each profile
/// states its cost, which is bounded; tables
/// are sorted, each name once; ways are not empty; dates have an extent; texts are within their limit.
///
/// # Errors
/// [`DecodeError`] with the first thing that is wrong.
pub fn check(program: &Program) -> Result<(), DecodeError> {
    limit("files", 0, program.files.len(), limits::PROFILES_MAX)?;
    limit("exprs", 0, program.exprs.len(), limits::EXPRESSIONS_MAX)?;
    limit("requirements", 0, program.requirements.len(), limits::EXPRESSIONS_MAX)?;
    limit("profiles", 0, program.profiles.len(), limits::PROFILES_MAX)?;
    for text in [&program.policy, &program.version] {
        limit("text", 0, text.len(), limits::TEXT_LEN_BYTES_MAX)?;
    }
    let roots = typing::check_exprs(program)?;
    let costs = Costs::new(program);
    let checker = Checker { program, roots, nesting: check_requirements_nest(program)? };
    for (at, requirement) in program.requirements.iter().enumerate() {
        checker.requirement(at, requirement)?;
    }
    checker.tables()?;
    sorted("profile", program.profiles.iter().map(|profile| &profile.name))?;
    for (at, profile) in program.profiles.iter().enumerate() {
        checker.profile(at, profile)?;
        let cost = costs.of_profile(profile);
        let max = limits::PROFILE_COST_MAX;
        if cost > max {
            return Err(DecodeError::Limit { what: "cost of a profile", at, found: cost, max });
        }
        if cost != profile.cost {
            return Err(DecodeError::Cost { at, stated: profile.cost, found: cost });
        }
    }
    Ok(())
}

fn limit(what: &'static str, at: usize, found: usize, max: usize) -> Result<(), DecodeError> {
    if found <= max {
        return Ok(());
    }
    Err(DecodeError::Limit { what, at, found: found as u64, max: max as u64 })
}

fn text(at: usize, text: &str) -> Result<(), DecodeError> {
    limit("text", at, text.len(), limits::TEXT_LEN_BYTES_MAX)
}

/// Whether each stands after the one before it.
fn sorted<T: Ord>(what: &'static str, entries: impl Iterator<Item = T>) -> Result<(), DecodeError> {
    let mut last = None;
    for (at, entry) in entries.enumerate() {
        if last.as_ref().is_some_and(|last| *last >= entry) {
            return Err(DecodeError::Order { what, at });
        }
        last = Some(entry);
    }
    Ok(())
}

fn extent(at: usize, from: Option<i64>, before: Option<i64>) -> Result<(), DecodeError> {
    match (from, before) {
        (Some(from), Some(before)) if from >= before => Err(DecodeError::Range { what: "dates", at }),
        _ => Ok(()),
    }
}

/// How deep each requirement nests, while showing that those inside ways stand before the `one of` around them.
fn check_requirements_nest(program: &Program) -> Result<Vec<usize>, DecodeError> {
    let mut nesting: Vec<usize> = Vec::with_capacity(program.requirements.len());
    for (at, requirement) in program.requirements.iter().enumerate() {
        let mut deepest = 0;
        if let Body::OneOf(ways) = &requirement.body {
            for id in ways.iter().flat_map(|way| &way.requirements) {
                let inner = usize::try_from(id.0).ok().and_then(|index| nesting.get(index));
                let inner = inner.ok_or(DecodeError::Index { what: "requirement of a way", at })?;
                deepest = deepest.max(inner.saturating_add(1));
            }
        }
        limit("nesting of ways", at, deepest, limits::NESTING_MAX - 1)?;
        nesting.push(deepest);
    }
    Ok(nesting)
}

struct Checker<'a> {
    program: &'a Program,
    /// Which conditions stand for themselves: they use no member of a fold around them.
    roots: Vec<bool>,
    nesting: Vec<usize>,
}

impl Checker<'_> {
    fn condition(&self, at: usize, what: &'static str, id: ExprId) -> Result<(), DecodeError> {
        match usize::try_from(id.0).ok().and_then(|index| self.roots.get(index)) {
            Some(true) => Ok(()),
            Some(false) => Err(DecodeError::Type { what, at }),
            None => Err(DecodeError::Index { what, at }),
        }
    }

    fn conditions(&self, at: usize, ids: &[ExprId]) -> Result<(), DecodeError> {
        limit("conditions around a line", at, ids.len(), limits::LIST_LEN_MAX)?;
        ids.iter().try_for_each(|id| self.condition(at, "condition around a line", *id))
    }

    fn origin(&self, at: usize, origin: Origin) -> Result<(), DecodeError> {
        index(at, "source file", origin.file, self.program.files.len())
    }

    fn cites(&self, at: usize, cites: Option<&Citation>) -> Result<(), DecodeError> {
        cites.map_or(Ok(()), |cites| {
            [&cites.source, &cites.title, &cites.edition, &cites.clause]
                .into_iter()
                .try_for_each(|t| text(at, t))
        })
    }

    fn approval(&self, at: usize, approval: &Approval) -> Result<(), DecodeError> {
        index(at, "group", approval.group, self.program.groups.len())?;
        if approval.count == 0 {
            return Err(DecodeError::Empty { what: "count of approvals", at });
        }
        limit("approvals", at, usize::try_from(approval.count).unwrap_or(usize::MAX), limits::LIST_LEN_MAX)
    }

    fn requirement(&self, at: usize, requirement: &Requirement) -> Result<(), DecodeError> {
        self.origin(at, requirement.origin)?;
        self.cites(at, requirement.cites.as_ref())?;
        self.conditions(at, &requirement.when)?;
        extent(at, requirement.from, requirement.before)?;
        text(at, &requirement.text)?;
        text(at, requirement.doc.as_deref().unwrap_or_default())?;
        name(at, "id", &requirement.id)?;
        if let Some(mandate) = requirement.mandate {
            index(at, "mandate", mandate, self.program.mandates.len())?;
        }
        match &requirement.body {
            Body::Expr(id) => self.condition(at, "condition", *id),
            Body::Approve(approval) => self.approval(at, approval),
            Body::OneOf(ways) => {
                if ways.is_empty() {
                    return Err(DecodeError::Empty { what: "ways", at });
                }
                limit("ways", at, ways.len(), limits::LIST_LEN_MAX)?;
                for way in ways {
                    name(at, "name of a way", &way.name)?;
                    text(at, way.doc.as_deref().unwrap_or_default())?;
                    limit("lines of a way", at, way.requirements.len(), limits::LIST_LEN_MAX)?;
                    if way.requirements.is_empty() {
                        return Err(DecodeError::Empty { what: "way", at });
                    }
                }
                Ok(())
            }
        }
    }

    fn lines(&self, at: usize, ids: &[RequirementId]) -> Result<(), DecodeError> {
        limit("requirements of a profile", at, ids.len(), limits::PROFILE_REQUIREMENTS_MAX)?;
        let mut seen: Vec<RequirementId> = ids.to_vec();
        seen.sort_unstable();
        sorted("requirement of a profile", seen.iter())?;
        ids.iter().try_for_each(|id| index(at, "requirement", id.0, self.nesting.len()))
    }

    fn profile(&self, at: usize, profile: &Profile) -> Result<(), DecodeError> {
        name(at, "name", &profile.name)?;
        text(at, profile.doc.as_deref().unwrap_or_default())?;
        text(at, profile.refines.as_deref().unwrap_or_default())?;
        self.origin(at, profile.origin)?;
        word(at, profile.role, Words::Role)?;
        strings(at, &profile.tags)?;
        limit("operations", at, profile.operations.len(), limits::LIST_LEN_MAX)?;
        profile.operations.iter().try_for_each(|op| word(at, Some(*op), Words::Operation))?;
        limit("authorities of a profile", at, profile.issued_by.len(), limits::LIST_LEN_MAX)?;
        for authority in &profile.issued_by {
            index(at, "authority", *authority, self.program.authorities.len())?;
        }
        self.lines(at, &profile.requirements)?;
        limit("contents", at, profile.contents.len(), limits::LIST_LEN_MAX)?;
        for (field, entry) in profile.contents.iter().enumerate() {
            self.field(at, entry)?;
            if profile.contents.iter().take(field).any(|other| other.path == entry.path) {
                return Err(DecodeError::Order { what: "field of contents", at: field });
            }
        }
        limit("obligations", at, profile.obligations.len(), limits::LIST_LEN_MAX)?;
        for obligation in &profile.obligations {
            self.origin(at, obligation.origin)?;
            self.conditions(at, &obligation.when)?;
            extent(at, obligation.from, obligation.before)?;
            self.cites(at, obligation.cites.as_ref())?;
            name(at, "name of an obligation", &obligation.name)?;
            limit("arguments", at, obligation.arguments.len(), limits::LIST_LEN_MAX)?;
            obligation.arguments.iter().try_for_each(|(key, value)| text(at, key).and(text(at, value)))?;
        }
        limit("exceptions", at, profile.exceptions.len(), limits::EXCEPTIONS_MAX)?;
        profile.exceptions.iter().try_for_each(|exception| self.exception(at, exception))?;
        limit("mandates of a profile", at, profile.mandates.len(), limits::PROFILES_MAX)?;
        for entry in &profile.mandates {
            index(at, "mandate", entry.mandate, self.program.mandates.len())?;
            strings(at, &entry.readings)?;
            text(at, &entry.because)?;
        }
        Ok(())
    }

    fn field(&self, at: usize, field: &Field) -> Result<(), DecodeError> {
        self.origin(at, field.origin)?;
        self.cites(at, field.cites.as_ref())?;
        name(at, "name of a field", &field.name)?;
        text(at, &field.text)?;
        if !typing::is_field(&field.path) {
            return Err(DecodeError::Type { what: "fact of a field", at });
        }
        let ty = field.path.fact.def().ty;
        let most = if matches!(ty, Type::List(_)) { limits::FACT_LIST_LEN_MAX } else { 1 };
        limit("values of a field", at, usize::try_from(field.max).unwrap_or(usize::MAX), most)?;
        if field.min > field.max || field.max == 0 {
            return Err(DecodeError::Range { what: "number of values", at });
        }
        if let Some(oid) = &field.extension
            && !pkic_vocab::oids::is_dotted(oid)
        {
            return Err(DecodeError::Type { what: "extension of a field", at });
        }
        if let Some(id) = field.constraint {
            self.condition(at, "constraint of a field", id)?;
        }
        let fits = |constant: &Option<Constant>| {
            constant.as_ref().is_none_or(|constant| typing::is_value_of(constant, ty))
        };
        if fits(&field.fixed) && fits(&field.default) {
            return Ok(());
        }
        Err(DecodeError::Type { what: "value of a field", at })
    }

    fn exception(&self, at: usize, exception: &Exception) -> Result<(), DecodeError> {
        self.origin(at, exception.origin)?;
        name(at, "name of an exception", &exception.name)?;
        text(at, &exception.reason)?;
        strings(at, &exception.waives)?;
        extent(at, exception.from, Some(exception.before))?;
        if let Some(id) = exception.when {
            self.condition(at, "condition of an exception", id)?;
        }
        limit("approvals", at, exception.approvals.len(), limits::LIST_LEN_MAX)?;
        exception.approvals.iter().try_for_each(|approval| self.approval(at, approval))?;
        self.lines(at, &exception.requirements)
    }

    fn tables(&self) -> Result<(), DecodeError> {
        let program = self.program;
        program.files.iter().enumerate().try_for_each(|(at, (name, _))| text(at, name))?;
        sorted("authority", program.authorities.iter().map(|authority| &authority.name))?;
        for (at, authority) in program.authorities.iter().enumerate() {
            self.origin(at, authority.origin)?;
            name(at, "name", &authority.name)?;
            text(at, &authority.title)?;
            text(at, authority.parent.as_deref().unwrap_or_default())?;
            word(at, authority.trust, Words::Trust)?;
            word(at, authority.state, Words::AuthorityState)?;
            if let Some(profile) = authority.certified_as {
                index(at, "profile", profile, program.profiles.len())?;
            }
        }
        sorted("mandate", program.mandates.iter().map(|mandate| &mandate.name))?;
        for (at, mandate) in program.mandates.iter().enumerate() {
            self.origin(at, mandate.origin)?;
            self.cites(at, mandate.cites.as_ref())?;
            name(at, "name", &mandate.name)?;
            text(at, &mandate.title)?;
        }
        sorted("group", program.groups.iter().map(|group| &group.name))?;
        for (at, group) in program.groups.iter().enumerate() {
            name(at, "name", &group.name)?;
            text(at, &group.title)?;
            limit("members", at, group.members.len(), limits::LIST_LEN_MAX)?;
            sorted("member", group.members.iter().map(|member| &member.name))?;
            group.members.iter().try_for_each(|m| name(at, "member", &m.name).and(text(at, &m.key)))?;
        }
        self.trust()
    }

    fn trust(&self) -> Result<(), DecodeError> {
        sorted("anchor set", self.program.anchors.iter().map(|set| &set.name))?;
        for (at, set) in self.program.anchors.iter().enumerate() {
            text(at, &set.name).and(text(at, &set.title))?;
            limit("anchors", at, set.anchors.len(), limits::PATH_CANDIDATES_MAX)?;
            for anchor in &set.anchors {
                text(at, &anchor.name)?;
                limit("formats", at, anchor.formats.len(), limits::LIST_LEN_MAX)?;
                anchor.formats.iter().try_for_each(|format| word(at, Some(*format), Words::Format))?;
                if anchor.purpose == Purpose::Unspecified {
                    return Err(DecodeError::Empty { what: "purpose of an anchor", at });
                }
            }
        }
        sorted("signer set", self.program.signers.iter().map(|set| (&set.kind, &set.name)))?;
        for (at, set) in self.program.signers.iter().enumerate() {
            if !matches!(set.kind.as_str(), "catalogues" | "plugins" | "statements" | "verifiers") {
                return Err(DecodeError::Type { what: "kind of signers", at });
            }
            let is_aged_code = set.kind == "plugins" && set.age_s_max.is_some();
            if is_aged_code || set.age_s_max.is_some_and(|age| age < 0) {
                return Err(DecodeError::Range { what: "age", at });
            }
            text(at, &set.name)?;
            limit("signers", at, set.signers.len(), limits::PROFILES_MAX)?;
            set.signers.iter().try_for_each(|(name, _)| text(at, name))?;
        }
        Ok(())
    }
}

fn name(at: usize, what: &'static str, name: &str) -> Result<(), DecodeError> {
    if name.is_empty() { Err(DecodeError::Empty { what, at }) } else { text(at, name) }
}

fn strings(at: usize, entries: &[String]) -> Result<(), DecodeError> {
    limit("names", at, entries.len(), limits::LIST_LEN_MAX)?;
    entries.iter().try_for_each(|entry| name(at, "name", entry))
}

fn index(at: usize, what: &'static str, found: u32, len: usize) -> Result<(), DecodeError> {
    let ok = usize::try_from(found).is_ok_and(|found| found < len);
    if ok { Ok(()) } else { Err(DecodeError::Index { what, at }) }
}

fn word(at: usize, word: Option<Word>, words: Words) -> Result<(), DecodeError> {
    if word.is_none_or(|word| word.words() == words) {
        return Ok(());
    }
    Err(DecodeError::Type { what: "word", at })
}
