//! Approvals of exceptions: once, over what the exception was compiled to.
//!
//! The approval holds for as long as the exception says the same, in whatever edition of the policy: lines that move
//! and groups that get or lose members change nothing of it, its profile, waivers, dates, number of uses, reason,
//! conditions and controls do. Who signed must still be a member when it is used.
use super::text::{is_hidden, moment};
use super::{Approvals, Keys, Refused, Signer, Void, Why, check_count};
use crate::bundle::Loaded;
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::{
    Approval, Body, Exception, Expr, ExprId, Group, Origin, Profile, Program, Requirement, RequirementId, Way,
};
use pkic_vocab::limits::{EXPRESSION_DEPTH_MAX, NESTING_MAX};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The namespace of signatures that approve an exception: `ssh-keygen -Y sign -n pkic-exception@1`.
pub const NAMESPACE: &str = "pkic-exception@1";

/// The first line of the text: what it is, and the version of its form.
const HEAD: &str = "pkic exception 1";

/// Approvals of an exception whose signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionApprovals<'p> {
    /// For [`pkic_eval::Ask::exception_approvals`]: the exception, index of a group, name of the member who approved.
    pub approvals: Vec<(&'p str, u32, &'p str)>,
    /// Whose signatures count, for the record.
    pub signers: Vec<Signer<'p>>,
    /// Which signatures do not count, and why.
    pub refused: Vec<Refused>,
}

/// The very text that is signed for an exception: what it says in lines, and SHA-256 of what it was compiled to.
///
/// # Errors
/// [`Void::ExceptionUnknown`] where the policy has none of that qualified name, or more than one.
pub fn text(loaded: &Loaded, exception: &str) -> Result<String, Void> {
    let program = loaded.program();
    let (profile, found) = find(program, exception)?;
    let unknown = || Void::ExceptionUnknown { exception: exception.to_owned() };
    let bytes = Slice::new(program).bytes(profile, found).ok_or_else(unknown)?;
    let mut text = format!("{HEAD}\nexception: {}\nprofile: {}\n", shown(&found.name), shown(&profile.name));
    // Writing into memory does not fail.
    for id in &found.waives {
        let _ = writeln!(text, "waives: {}", shown(id));
    }
    let _ = writeln!(text, "from: {}", found.from.map_or("always".to_owned(), moment));
    let _ = write!(text, "before: {}\nat-most: {}\n", moment(found.before), found.at_most);
    if found.when.is_some() {
        text.push_str("when: a condition, as compiled\n");
    }
    for approval in &found.approvals {
        let group = usize::try_from(approval.group).ok().and_then(|index| program.groups.get(index));
        let group = group.ok_or_else(unknown)?;
        let _ = writeln!(text, "approve: {} of {}", approval.count, shown(&group.name));
    }
    let _ = writeln!(text, "reason: {}", shown(&found.reason));
    for control in found.requirements.iter().filter_map(|id| program.requirement(*id)) {
        let _ = writeln!(text, "instead: {}", shown(&control.text));
    }
    let _ = writeln!(text, "compiled: {}", Sha256Digest::of(&bytes));
    Ok(text)
}

/// Checks signatures under an exception's [`text`], each as `ssh-keygen -Y sign` writes it.
///
/// They are not spent: the exception says how often it may be used, and the log counts.
///
/// # Errors
/// [`Void`] where there are too many signatures, or no such exception.
pub fn check<'p>(
    loaded: &'p Loaded,
    exception: &str,
    signatures: &[&[u8]],
) -> Result<ExceptionApprovals<'p>, Void> {
    check_count(signatures)?;
    let (_, found) = find(loaded.program(), exception)?;
    let text = text(loaded, exception)?;
    let keys = Keys::new(loaded.program());
    let Approvals { approvals, signers, refused } =
        keys.count(signatures, NAMESPACE, text.as_bytes(), |_| Ok::<(), Why>(()));
    let approvals = approvals.into_iter().map(|(group, member)| (found.name.as_str(), group, member));
    Ok(ExceptionApprovals { approvals: approvals.collect(), signers, refused })
}

fn find<'p>(program: &'p Program, name: &str) -> Result<(&'p Profile, &'p Exception), Void> {
    let all =
        program.profiles.iter().flat_map(|profile| profile.exceptions.iter().map(move |e| (profile, e)));
    let mut named = all.filter(|(_, exception)| exception.name == name);
    match (named.next(), named.next()) {
        (Some(found), None) => Ok(found),
        _ => Err(Void::ExceptionUnknown { exception: name.to_owned() }),
    }
}

/// The text on one line, with nothing in it that cannot be seen.
fn shown(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            c if is_hidden(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// The part of a program that an exception is compiled to, as a program of its own.
struct Slice<'p> {
    from: &'p Program,
    to: Program,
    exprs: BTreeMap<ExprId, ExprId>,
    requirements: BTreeMap<RequirementId, RequirementId>,
    groups: Vec<u32>,
}

impl<'p> Slice<'p> {
    fn new(from: &'p Program) -> Slice<'p> {
        let (exprs, requirements) = (BTreeMap::new(), BTreeMap::new());
        Slice { from, to: Program::default(), exprs, requirements, groups: Vec::new() }
    }

    /// The canonical bytes; nothing where the program is not well formed.
    fn bytes(mut self, profile: &Profile, exception: &Exception) -> Option<Vec<u8>> {
        let when = match exception.when {
            Some(id) => Some(self.expr(id, EXPRESSION_DEPTH_MAX)?),
            None => None,
        };
        let approvals =
            exception.approvals.iter().map(|one| self.approval(one)).collect::<Option<Vec<Approval>>>()?;
        let requirements = self.lines(&exception.requirements, NESTING_MAX)?;
        let exception =
            Exception { when, approvals, requirements, origin: Origin::default(), ..exception.clone() };
        self.to.profiles.push(Profile {
            name: profile.name.clone(),
            doc: None,
            role: None,
            tags: Vec::new(),
            operations: Vec::new(),
            issued_by: Vec::new(),
            refines: None,
            contents: Vec::new(),
            requirements: Vec::new(),
            obligations: Vec::new(),
            exceptions: vec![exception],
            mandates: Vec::new(),
            cost: 0,
            origin: Origin::default(),
        });
        Some(self.to.encode())
    }

    fn lines(&mut self, ids: &[RequirementId], depth: usize) -> Option<Vec<RequirementId>> {
        ids.iter().map(|id| self.requirement(*id, depth)).collect()
    }

    fn requirement(&mut self, id: RequirementId, depth: usize) -> Option<RequirementId> {
        if let Some(known) = self.requirements.get(&id) {
            return Some(*known);
        }
        let depth = depth.checked_sub(1)?;
        let from = self.from.requirement(id)?;
        let when: Option<Vec<ExprId>> =
            from.when.iter().map(|id| self.expr(*id, EXPRESSION_DEPTH_MAX)).collect();
        let body = match &from.body {
            Body::Expr(id) => Body::Expr(self.expr(*id, EXPRESSION_DEPTH_MAX)?),
            Body::Approve(approval) => Body::Approve(self.approval(approval)?),
            Body::OneOf(ways) => {
                let mut sliced = Vec::with_capacity(ways.len());
                for way in ways {
                    let requirements = self.lines(&way.requirements, depth)?;
                    sliced.push(Way { requirements, ..way.clone() });
                }
                Body::OneOf(sliced)
            }
        };
        let to = Requirement { when: when?, body, origin: Origin::default(), mandate: None, ..from.clone() };
        let place = RequirementId(u32::try_from(self.to.requirements.len()).ok()?);
        self.to.requirements.push(to);
        self.requirements.insert(id, place);
        Some(place)
    }

    fn expr(&mut self, id: ExprId, depth: usize) -> Option<ExprId> {
        if let Some(known) = self.exprs.get(&id) {
            return Some(*known);
        }
        let depth = depth.checked_sub(1)?;
        let to = match self.from.expr(id)? {
            Expr::Not(inner) => Expr::Not(self.expr(*inner, depth)?),
            Expr::And(parts) => Expr::And(self.parts(parts, depth)?),
            Expr::Or(parts) => Expr::Or(self.parts(parts, depth)?),
            Expr::Each { quantifier, list, guard, body } => {
                let body = self.expr(*body, depth)?;
                Expr::Each { quantifier: *quantifier, list: list.clone(), guard: *guard, body }
            }
            leaf @ (Expr::Always(_) | Expr::Atom(_)) => leaf.clone(),
        };
        let place = ExprId(u32::try_from(self.to.exprs.len()).ok()?);
        self.to.exprs.push(to);
        self.exprs.insert(id, place);
        Some(place)
    }

    fn parts(&mut self, ids: &[ExprId], depth: usize) -> Option<Vec<ExprId>> {
        ids.iter().map(|id| self.expr(*id, depth)).collect()
    }

    /// A group stands in the slice by its name alone.
    fn approval(&mut self, approval: &Approval) -> Option<Approval> {
        let known = self.groups.iter().position(|group| *group == approval.group);
        let place = match known {
            Some(place) => place,
            None => {
                let group = self.from.groups.get(usize::try_from(approval.group).ok()?)?;
                let (title, members) = (String::new(), Vec::new());
                self.to.groups.push(Group { name: group.name.clone(), title, members });
                self.groups.push(approval.group);
                self.groups.len().checked_sub(1)?
            }
        };
        Some(Approval { count: approval.count, group: u32::try_from(place).ok()? })
    }
}
