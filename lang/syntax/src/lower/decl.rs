//! The head, the declarations and their settings.

use alloc::format;
use alloc::vec::Vec;

use pest::iterators::Pair;

use super::{Kids, Lower, exact};
use crate::ast::{
    Adopt, Anchor, AnchorKind, Anchors, Authority, AuthorityItem, AuthorityItemKind, Cardinality, Cites,
    Constraint, Decl, DeclKind, Declare, Exception, ExceptionItem, ExceptionItemKind, Field, Head, Let,
    Mandate, MandateItem, MandateItemKind, Member, MemberKind, Profile, ProfileItem, ProfileItemKind,
    Reading, Signers, SignersItem, SignersItemKind, Source, SourceItem, SourceItemKind, Span, Str, Use,
};
use crate::grammar::Rule;
use crate::tree::NodeKind;

impl<'t> Lower<'t, '_> {
    pub(super) fn head(&mut self, pair: Pair<'_, Rule>) -> Head<'t> {
        let start = exact(&pair).start;
        let docs = self.docs(start);
        let node = self.open(NodeKind::Head, start);
        let mut kids = Kids::new(pair.clone().into_inner());
        let edition = self.int(&mut kids);
        let lab = kids.take(Rule::kw_lab).map(|lab| exact(&lab));
        let policy = self.path(&mut kids);
        let version = self.string(&mut kids);
        let span = exact(&pair);
        self.shut(node, span);
        Head { docs, edition, lab, policy, version, span }
    }

    pub(super) fn decl(&mut self, pair: Pair<'_, Rule>) -> Decl<'t> {
        let start = exact(&pair).start;
        let docs = self.docs(start);
        if pair.as_rule() == Rule::bad {
            return Decl { docs, kind: DeclKind::Error, span: self.bad_span(&pair) };
        }
        let node = self.open(NodeKind::Decl, start);
        let mut kids = Kids::new(pair.clone().into_inner());
        let kind = self.decl_kind(pair.as_rule(), &mut kids);
        let span = self.span_of(&pair);
        self.shut(node, span);
        Decl { docs, kind, span }
    }

    fn decl_kind(&mut self, rule: Rule, kids: &mut Kids<'_>) -> DeclKind<'t> {
        match rule {
            Rule::use_decl => DeclKind::Use(Use { policy: self.path(kids), version: self.string(kids) }),
            Rule::adopt => DeclKind::Adopt(self.adopt(kids)),
            Rule::let_decl => {
                let (name, type_name) = (self.name(kids), self.word(kids));
                kids.take(Rule::assign);
                DeclKind::Let(Let { name, type_name, value: self.value(kids) })
            }
            Rule::source => {
                let (name, title) = (self.name(kids), self.string(kids));
                DeclKind::Source(Source { name, title, items: self.body(kids, Self::source_item) })
            }
            Rule::declare => self.declare(kids),
            Rule::authority => {
                let (name, title) = (self.name(kids), self.string(kids));
                DeclKind::Authority(Authority { name, title, items: self.body(kids, Self::authority_item) })
            }
            Rule::anchors => {
                let (name, title) = (self.name(kids), self.string(kids));
                DeclKind::Anchors(Anchors { name, title, items: self.body(kids, Self::anchor) })
            }
            Rule::signers => {
                let (kind, title) = (self.name(kids), self.string(kids));
                DeclKind::Signers(Signers { kind, title, items: self.body(kids, Self::signers_item) })
            }
            Rule::profile => {
                let name = self.name(kids);
                let refines = kids.take(Rule::kw_refines).map(|_| self.path(kids));
                DeclKind::Profile(Profile { name, refines, items: self.body(kids, Self::profile_item) })
            }
            Rule::mandate => {
                let (name, title) = (self.name(kids), self.string(kids));
                let none = Cites {
                    source: name,
                    clause: Str { text: "".into(), span: Span::default() },
                    span: Span::default(),
                };
                let cites = self.cites(kids).unwrap_or(none);
                DeclKind::Mandate(Mandate { name, title, cites, items: self.body(kids, Self::mandate_item) })
            }
            Rule::exception => {
                let (name, profile) = (self.name(kids), self.path(kids));
                DeclKind::Exception(Exception { name, profile, items: self.body(kids, Self::exception_item) })
            }
            Rule::test => DeclKind::Test(self.test(kids)),
            _ => DeclKind::Error,
        }
    }

    /// What stands between the braces that come next, one `item` after the other.
    pub(super) fn body<T>(
        &mut self,
        kids: &mut Kids<'_>,
        item: fn(&mut Self, Pair<'_, Rule>) -> T,
    ) -> Vec<T> {
        let mut items = Vec::new();
        let Some(open) = kids.seek(Rule::lbrace) else { return items };
        let node = self.open(NodeKind::Block, exact(&open).start);
        let mut end = exact(&open);
        while let Some(pair) = kids.next() {
            if pair.as_rule() == Rule::rbrace {
                end = self.brace(exact(&open), &pair);
                break;
            }
            items.push(item(self, pair));
        }
        self.shut(node, exact(&open).to(end));
        items
    }

    /// Opens the node of a line, lowers it with `kind`, shuts it; a bad line has a node of its own.
    pub(super) fn line<K>(
        &mut self,
        pair: &Pair<'_, Rule>,
        error: K,
        kind: impl FnOnce(&mut Self, &mut Kids<'_>) -> K,
    ) -> (K, Span) {
        if pair.as_rule() == Rule::bad {
            return (error, self.bad_span(pair));
        }
        let node = self.open(NodeKind::Item, exact(pair).start);
        let kind = kind(self, &mut Kids::new(pair.clone().into_inner()));
        let span = self.span_of(pair);
        self.shut(node, span);
        (kind, span)
    }

    fn adopt(&mut self, kids: &mut Kids<'_>) -> Adopt<'t> {
        let mandate = self.path(kids);
        let (mut with, mut as_advice) = (None, None);
        while let Some(pair) = kids.next() {
            match pair.as_rule() {
                Rule::list => with = Some(self.list_of(pair)),
                Rule::kw_advice => as_advice = Some(exact(&pair)),
                _ => {}
            }
        }
        Adopt { mandate, with, as_advice }
    }

    fn declare(&mut self, kids: &mut Kids<'_>) -> DeclKind<'t> {
        let (kind, name) = (self.name(kids), self.name(kids));
        let oid = kids.take(Rule::oid).map(|pair| self.oid_of(&pair));
        let meaning = self.string(kids);
        let has_block = kids.pairs.clone().any(|pair| pair.as_rule() == Rule::lbrace);
        let members = has_block.then(|| self.body(kids, Self::member));
        DeclKind::Declare(Declare { kind, name, oid, meaning, members })
    }

    fn member(&mut self, pair: Pair<'_, Rule>) -> Member<'t> {
        let docs = self.docs(exact(&pair).start);
        let (kind, span) = self.line(&pair, MemberKind::Error, |lower, kids| MemberKind::Key {
            name: lower.name(kids),
            public_key: lower.string(kids),
        });
        Member { docs, kind, span }
    }

    fn source_item(&mut self, pair: Pair<'_, Rule>) -> SourceItem<'t> {
        let rule = pair.as_rule();
        let (kind, span) = self.line(&pair, SourceItemKind::Error, |lower, kids| match rule {
            Rule::source_edition => SourceItemKind::Edition(lower.string(kids)),
            Rule::source_status => SourceItemKind::Status(lower.name(kids)),
            _ => SourceItemKind::Unverified,
        });
        SourceItem { kind, span }
    }

    fn authority_item(&mut self, pair: Pair<'_, Rule>) -> AuthorityItem<'t> {
        let rule = pair.as_rule();
        let (kind, span) = self.line(&pair, AuthorityItemKind::Error, |lower, kids| match rule {
            Rule::certified_as => AuthorityItemKind::CertifiedAs(lower.path(kids)),
            Rule::parent => AuthorityItemKind::Parent(lower.path(kids)),
            Rule::trust => AuthorityItemKind::Trust(lower.name(kids)),
            _ => AuthorityItemKind::State(lower.name(kids)),
        });
        AuthorityItem { kind, span }
    }

    fn anchor(&mut self, pair: Pair<'_, Rule>) -> Anchor<'t> {
        let docs = self.docs(exact(&pair).start);
        let (kind, span) = self.line(&pair, AnchorKind::Error, |lower, kids| AnchorKind::Key {
            name: lower.string(kids),
            spki: lower.digest(kids),
            purpose: lower.word(kids),
            formats: kids.seek(Rule::list).map(|list| lower.list_of(list)),
        });
        Anchor { docs, kind, span }
    }

    fn signers_item(&mut self, pair: Pair<'_, Rule>) -> SignersItem<'t> {
        let rule = pair.as_rule();
        let docs = self.docs(exact(&pair).start);
        let (kind, span) = self.line(&pair, SignersItemKind::Error, |lower, kids| match rule {
            Rule::max_age => SignersItemKind::MaxAge(lower.duration(kids)),
            _ => SignersItemKind::Signer { name: lower.string(kids), spki: lower.digest(kids) },
        });
        SignersItem { docs, kind, span }
    }

    fn profile_item(&mut self, pair: Pair<'_, Rule>) -> ProfileItem<'t> {
        let rule = pair.as_rule();
        let is_setting = matches!(
            rule,
            Rule::bad
                | Rule::role
                | Rule::tags
                | Rule::operations
                | Rule::issued_by
                | Rule::adopt
                | Rule::contents
        );
        if !is_setting {
            let item = self.item(pair);
            return ProfileItem {
                docs: item.docs.clone(),
                span: item.span,
                kind: ProfileItemKind::Item(item),
            };
        }
        let docs = self.docs(exact(&pair).start);
        let (kind, span) = self.line(&pair, ProfileItemKind::Error, |lower, kids| match rule {
            Rule::role => ProfileItemKind::Role(lower.value(kids)),
            Rule::tags => ProfileItemKind::Tags(lower.list(kids)),
            Rule::operations => ProfileItemKind::Operations(lower.list(kids)),
            Rule::issued_by => ProfileItemKind::IssuedBy(lower.list(kids)),
            Rule::adopt => ProfileItemKind::Adopt(lower.adopt(kids)),
            _ => ProfileItemKind::Contents(lower.body(kids, Self::field)),
        });
        ProfileItem { docs, kind, span }
    }

    fn field(&mut self, pair: Pair<'_, Rule>) -> Field<'t> {
        let docs = self.docs(exact(&pair).start);
        let empty = Field {
            docs: docs.clone(),
            path: None,
            cardinality: None,
            critical: None,
            constraint: None,
            default: None,
            cites: None,
            span: Span::default(),
        };
        let (mut field, span) = self.line(&pair, empty.clone(), |lower, kids| lower.field_parts(empty, kids));
        field.span = span;
        field
    }

    fn field_parts(&mut self, mut field: Field<'t>, kids: &mut Kids<'_>) -> Field<'t> {
        while let Some(pair) = kids.next() {
            match pair.as_rule() {
                Rule::path_of_field => field.path = Some(self.path_of(&pair)),
                Rule::optional => field.cardinality = Some(Cardinality::Optional(exact(&pair))),
                Rule::int => field.cardinality = Some(self.cardinality(&pair, kids)),
                Rule::kw_critical => field.critical = Some(exact(&pair)),
                Rule::rel => {
                    let (rel, rel_span) = self.rel_of(&pair);
                    field.constraint = Some(Constraint { rel, rel_span, value: self.value(kids) });
                }
                Rule::kw_default => field.default = Some(self.value(kids)),
                Rule::cites => field.cites = Some(self.cites_of(&pair)),
                _ => {}
            }
        }
        field
    }

    fn cardinality(&mut self, first: &Pair<'_, Rule>, kids: &mut Kids<'_>) -> Cardinality {
        let least = self.int_of(first);
        if kids.take(Rule::range).is_none() {
            return Cardinality::Exactly(least);
        }
        let most = self.int(kids);
        if least.value > most.value {
            let message = format!("`{}..{}` holds no number", least.value, most.value);
            self.report("E0045", least.span.to(most.span), message, Some("write the smaller number first"));
        }
        Cardinality::Between(least, most)
    }

    fn mandate_item(&mut self, pair: Pair<'_, Rule>) -> MandateItem<'t> {
        let rule = pair.as_rule();
        if !matches!(rule, Rule::bad | Rule::selector | Rule::reading) {
            let item = self.item(pair);
            return MandateItem {
                docs: item.docs.clone(),
                span: item.span,
                kind: MandateItemKind::Item(item),
            };
        }
        let docs = self.docs(exact(&pair).start);
        let (kind, span) = self.line(&pair, MandateItemKind::Error, |lower, kids| match rule {
            Rule::selector => MandateItemKind::For(lower.cond(kids)),
            _ => MandateItemKind::Reading(Reading {
                name: lower.name(kids),
                title: lower.string(kids),
                items: lower.block(kids),
            }),
        });
        MandateItem { docs, kind, span }
    }

    fn exception_item(&mut self, pair: Pair<'_, Rule>) -> ExceptionItem<'t> {
        let rule = pair.as_rule();
        let docs = self.docs(exact(&pair).start);
        let of_require = docs.clone();
        let whole = pair.clone();
        let (kind, span) = self.line(&pair, ExceptionItemKind::Error, |lower, kids| match rule {
            Rule::waives => ExceptionItemKind::Waives(lower.ids(kids)),
            Rule::applies_when => ExceptionItemKind::When(lower.cond(kids)),
            Rule::applies_from => ExceptionItemKind::From(lower.date(kids)),
            Rule::applies_before => ExceptionItemKind::Before(lower.date(kids)),
            Rule::at_most => ExceptionItemKind::AtMost(lower.int(kids)),
            Rule::reason => ExceptionItemKind::Reason(lower.string(kids)),
            Rule::approve => ExceptionItemKind::Approve(lower.approve(kids)),
            _ => ExceptionItemKind::Require(lower.require(&whole, of_require)),
        });
        ExceptionItem { docs, kind, span }
    }
}
