//! What a profile that issues certificates must say, and whether its role fits its contents.
use crate::context::{Cx, Known};
use crate::profiles::Effective;
use pkic_ir::{Body, Constant, Expr, ExprId, Field, Operand, Requirement, RequirementId, Strength, Test};
use pkic_syntax::ast;
use pkic_vocab::{Value, Word, oids};

/// Id of the line that says where the key may be, and of that which stands for its absence.
const STORAGE: &str = "key.storage";

impl<'a> Cx<'a> {
    /// Whether a profile grants operations and does not say of every request where the key may be.
    pub(crate) fn leaves_storage_open(&self, own: &Effective) -> bool {
        own.operations.as_ref().is_some_and(|operations| !operations.is_empty())
            && !own.lines.iter().any(|id| self.known(*id).states_storage)
    }

    /// The requirement of such a profile, which nothing satisfies. It is no line of it: nobody inherits it, and no
    /// exception can waive it.
    pub(crate) fn storage_left_open(&mut self, module: usize, name: ast::Span) -> RequirementId {
        let never = self.push_expr(Expr::Always(false));
        let requirement = Requirement {
            id: STORAGE.to_owned(),
            strength: Strength::Must,
            from: None,
            before: None,
            when: Vec::new(),
            body: Body::Expr(never),
            text: "a profile that refines this one says where its key may be".to_owned(),
            doc: None,
            cites: None,
            origin: self.origin(module, name),
            mandate: None,
        };
        self.push_requirement(requirement, Known { size: 1, states_storage: false })
    }

    /// Refuses an exception that names the missing line: it would waive the silence with it.
    pub(crate) fn check_storage_stays(
        &mut self,
        module: usize,
        span: ast::Span,
        own: &Effective,
        waives: &[String],
    ) {
        if !self.leaves_storage_open(own) || !waives.iter().any(|id| id == STORAGE) {
            return;
        }
        let message = "nobody can waive that a profile says where its key may be";
        self.error(module, "E0402", span, message, |diagnostic| {
            diagnostic
                .with_note("its lines on `key.storage` do not say it of every request")
                .with_help("`key.storage in [...]` in the profile, outside of `when`, dates and `prefer`")
        });
    }

    /// Checks a profile after everything that it inherits is known.
    pub(crate) fn check_issuable(&mut self, module: usize, node: &ast::Profile<'a>, own: &Effective) {
        if own.has_error {
            return;
        }
        self.warn_of_software_alone(module, own);
        self.check_role(module, node, own);
        if !own.is_issuable() {
            return;
        }
        let name = node.name.text;
        if self.leaves_storage_open(own) {
            let message = format!("profile `{name}` does not say where its key may be");
            self.error(module, "E0302", node.name.span, message, |diagnostic| {
                diagnostic
                    .with_label("it has operations and somebody who signs")
                    .with_note("a line under `when`, under a date or behind `prefer` does not say it of every request")
                    .with_help("`key.storage in [...]`, or `key.storage in any` for policy on trust")
            });
        }
        if !own.contents.fields.iter().any(|field| field.name == "validity") {
            let message = format!("profile `{name}` does not permit a validity");
            self.error(module, "E0309", node.name.span, message, |diagnostic| {
                diagnostic
                    .with_note("every certificate has one, and `contents` lists all that may stand in it")
                    .with_help("`contents { validity <= 90d … }`")
            });
        }
        if own.contents.offers_private
            && !own.contents.fields.iter().any(|field| field.path.name.is_some())
            && node.items.iter().any(offers_private)
        {
            let message = format!("profile `{name}` issues, so it must name the attributes that it permits");
            self.error(module, "E0309", node.name.span, message, |diagnostic| {
                diagnostic.with_help(
                    "`subject.private` is for a base: write `subject.NAME` of a declared attribute",
                )
            });
        }
    }

    fn warn_of_software_alone(&mut self, module: usize, own: &Effective) {
        for id in &own.lines {
            let Some(requirement) = self.requirement(*id) else { continue };
            let pkic_ir::Body::Expr(expr) = requirement.body else { continue };
            let origin = requirement.origin;
            if origin.file as usize != module || !self.is_software_alone(expr) {
                continue;
            }
            let Some(span) = self.span_of(module, origin) else { continue };
            self.warning(module, "W0307", span, "`[software]` refuses every key in hardware", |diagnostic| {
                diagnostic
                    .with_note("a set names what is good: a better place that it does not name is refused")
                    .with_help("if software is enough, write `key.storage in any`")
            });
        }
    }

    /// The first word of a line: enough to point at.
    fn span_of(&self, module: usize, origin: pkic_ir::Origin) -> Option<ast::Span> {
        let here = self.module(module)?;
        let start = here.places.offset(here.text, origin.line, origin.column)?;
        let rest = here.text.get(start as usize..)?;
        let len = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
        Some(ast::Span { start, end: start.saturating_add(u32::try_from(len).ok()?) })
    }

    fn is_software_alone(&self, expr: ExprId) -> bool {
        let Some(Expr::Atom(atom)) = self.expr(expr) else { return false };
        let Operand::Fact(path) = &atom.left else { return false };
        let (Test::In(constant) | Test::Compare(pkic_ir::Relation::Equal, constant)) = &atom.test else {
            return false;
        };
        let Constant::Words { named, .. } = constant else { return false };
        path.fact.def().path == "key.storage" && named.iter().all(|word| word.name().starts_with("software"))
    }

    /// Compares the role with what `contents` permits for certain.
    fn check_role(&mut self, module: usize, node: &ast::Profile<'a>, own: &Effective) {
        let (Some(role), true) = (own.role, own.contents.is_stated) else { return };
        let find = |name: &str| own.contents.fields.iter().find(|field| field.name == name);
        let is_ca = matches!(role.name(), "root-ca" | "issuing-ca");
        let ca = find("basic-constraints.ca");
        let usages = find("extended-key-usage");
        let contradiction = if is_ca && ca.and_then(fixed_bool) != Some(true) {
            let is_final = own.is_issuable() || ca.and_then(fixed_bool) == Some(false);
            is_final.then(|| "certificates without `basic-constraints.ca critical == true`".to_owned())
        } else if !is_ca && ca.and_then(fixed_bool) == Some(true) {
            Some("`basic-constraints.ca == true`, which makes a certification authority".to_owned())
        } else if !is_ca && find("key-usage").is_some_and(requires_cert_sign) {
            Some("key usage `key-cert-sign`, which makes a certification authority".to_owned())
        } else if is_ca {
            // In the certificate of an authority the purposes bound those of what it issues: they are no role of it.
            None
        } else {
            self.usage_contradiction(role, usages, own.is_issuable())
        };
        let Some(contradiction) = contradiction else { return };
        let message = format!("role `{}` does not fit its contents", role.name());
        let span = node
            .items
            .iter()
            .find_map(|item| matches!(item.kind, ast::ProfileItemKind::Role(_)).then_some(item.span))
            .unwrap_or(node.name.span);
        self.error(module, "E0305", span, message, |diagnostic| {
            diagnostic
                .with_note(format!("contents permit {contradiction}"))
                .with_note("mandates select by role, so a role must be what its certificates can be used for")
                .with_help("state the role that the contents have, or the contents that the role needs")
        });
    }

    fn usage_contradiction(&self, role: Word, field: Option<&Field>, is_issuable: bool) -> Option<String> {
        let needed = match role.name() {
            "tls-server" => Some("server-auth"),
            "tls-client" => Some("client-auth"),
            "code-signing" => Some("code-signing"),
            "time-stamping" => Some("time-stamping"),
            _ => None,
        };
        let permitted = field.map(|field| self.permitted_oids(field));
        if let Some(needed) = needed {
            let oid = oids::by_name(needed)?;
            let lacks = match &permitted {
                None => is_issuable,
                Some(None) => false,
                Some(Some(permitted)) => !permitted.iter().any(|permitted| permitted == oid),
            };
            return lacks.then(|| format!("no extended key usage `{needed}`"));
        }
        let permitted = permitted.flatten()?;
        let other = ["code-signing", "time-stamping"].into_iter().find(|usage| {
            oids::by_name(usage).is_some_and(|oid| permitted.iter().any(|permitted| permitted == oid))
        })?;
        Some(format!("extended key usage `{other}`, which is a role of its own"))
    }

    /// The key purposes that a field can hold; `None` where it is not plain.
    fn permitted_oids(&self, field: &Field) -> Option<Vec<String>> {
        let mut at = field.constraint?;
        if let Some(Expr::And(parts)) = self.expr(at) {
            at = *parts.last()?;
        }
        let Some(Expr::Atom(atom)) = self.expr(at) else { return None };
        let (Test::In(Constant::List(values))
        | Test::Compare(pkic_ir::Relation::Equal, Constant::List(values))) = &atom.test
        else {
            return None;
        };
        Some(
            values
                .iter()
                .filter_map(|value| match value {
                    Value::Oid(oid) => Some(oid.clone()),
                    _ => None,
                })
                .collect(),
        )
    }
}

fn offers_private(item: &ast::ProfileItem<'_>) -> bool {
    match &item.kind {
        ast::ProfileItemKind::Contents(fields) => {
            fields.iter().any(|field| field.path.as_ref().is_some_and(|path| path.text == "subject.private"))
        }
        _ => false,
    }
}

fn fixed_bool(field: &Field) -> Option<bool> {
    match (&field.fixed, field.min) {
        (Some(Constant::Value(Value::Bool(value))), _) => Some(*value),
        _ => None,
    }
}

fn requires_cert_sign(field: &Field) -> bool {
    match &field.fixed {
        Some(Constant::Words { named, .. }) => named.iter().any(|word| word.name() == "key-cert-sign"),
        _ => false,
    }
}
