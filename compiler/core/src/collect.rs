//! Second pass: every declared name goes into its table, once, and hides no word of the vocabulary.
use crate::context::Cx;
use crate::names::{Entry, Names, Table};
use crate::source::range;
use pkic_syntax::ast::{self, DeclKind};
use pkic_vocab::basis::{BasisSet, Grade};
use pkic_vocab::{Words, oids};

/// The kinds after `declare`.
const DECLARED: [&str; 5] = ["attribute", "extension", "group", "reference", "tag"];

/// Fills the tables of names, and fixes the order that profiles, authorities and groups have in the program.
pub(crate) fn collect(cx: &mut Cx<'_>) {
    for module in 0..cx.modules.len() {
        let Some(here) = cx.module(module) else { continue };
        for decl in &here.ast.decls {
            declaration(cx, module, decl);
        }
        if let Some(head) = here.ast.head.as_ref().filter(|_| here.is_lab) {
            let root_is_lab = cx.modules.last().is_some_and(|root| root.is_lab);
            if !root_is_lab {
                let message = format!("`{}` is a lab policy, and the policy that uses it is not", here.name);
                cx.error(module, "E0219", head.span, message, |diagnostic| {
                    diagnostic.with_help("mark the using policy `lab policy`, or use another")
                });
            }
        }
    }
    cx.names.profile_places = places(&cx.names.profiles.sorted());
    cx.names.authority_places = places(&cx.names.authorities.sorted());
    cx.names.group_places = places(&cx.groups_in_order());
}

/// The place of each entry in an order of all entries.
fn places(order: &[usize]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, index) in (0u32..).zip(order) {
        if let Some(slot) = places.get_mut(*index) {
            *slot = place;
        }
    }
    places
}

fn declaration<'a>(cx: &mut Cx<'a>, module: usize, decl: &'a ast::Decl<'a>) {
    match &decl.kind {
        DeclKind::Profile(node) => {
            add(cx, module, decl, node.name, node, "profile", |names| &mut names.profiles)
        }
        DeclKind::Mandate(node) => {
            add(cx, module, decl, node.name, node, "mandate", |names| &mut names.mandates)
        }
        DeclKind::Authority(node) => {
            add(cx, module, decl, node.name, node, "authority", |names| &mut names.authorities);
        }
        DeclKind::Exception(node) => {
            add(cx, module, decl, node.name, node, "exception", |names| &mut names.exceptions);
        }
        DeclKind::Source(node) => {
            add(cx, module, decl, node.name, node, "source", |names| &mut names.sources)
        }
        DeclKind::Anchors(node) => {
            add(cx, module, decl, node.name, node, "anchors", |names| &mut names.anchors)
        }
        DeclKind::Let(node) => {
            refuse_vocabulary(cx, module, node.name, "`let`");
            add(cx, module, decl, node.name, node, "let", |names| &mut names.lets);
        }
        DeclKind::Declare(node) => declare(cx, module, decl, node),
        DeclKind::Adopt(_)
        | DeclKind::Error
        | DeclKind::Signers(_)
        | DeclKind::Test(_)
        | DeclKind::Use(_) => {}
    }
}

fn add<'a, T>(
    cx: &mut Cx<'a>,
    module: usize,
    decl: &'a ast::Decl<'a>,
    name: ast::Name<'a>,
    node: &'a T,
    kind: &'static str,
    table: for<'n> fn(&'n mut Names<'a>) -> &'n mut Table<'a, T>,
) {
    let policy = cx.module(module).map_or("", |here| here.name.as_str());
    let entry = Entry {
        module,
        name: format!("{policy}.{}", name.text),
        name_span: name.span,
        span: decl.span,
        docs: &decl.docs,
        node,
    };
    if let Err(first) = table(&mut cx.names).add(entry) {
        let at = table(&mut cx.names).entry(first).map(|entry| entry.name_span).unwrap_or_default();
        duplicate(cx, module, kind, name, at);
    }
}

/// Reports that a name stands twice in one policy.
pub(crate) fn duplicate(cx: &mut Cx<'_>, module: usize, kind: &str, name: ast::Name<'_>, first: ast::Span) {
    let file = cx.file_of(module);
    cx.error(module, "E0104", name.span, format!("{kind} `{}` stands twice", name.text), |diagnostic| {
        diagnostic.with_related(file, range(first), "first here").with_help("give one of them another name")
    });
}

/// Reports a name that is a word of the vocabulary: a reader could not tell which is meant.
pub(crate) fn refuse_vocabulary(cx: &mut Cx<'_>, module: usize, name: ast::Name<'_>, what: &str) {
    let in_words = Words::ALL.into_iter().find(|words| words.word(name.text).is_some()).map(Words::name);
    let meaning = in_words
        .or_else(|| oids::by_name(name.text).map(|_| "oid"))
        .or_else(|| Grade::from_name(name.text).map(|_| "grade"))
        .or_else(|| BasisSet::from_name(name.text).map(|_| "basis"))
        .or_else(|| matches!(name.text, "true" | "false" | "forever").then_some("value"));
    if let Some(meaning) = meaning {
        let message = format!("the name `{}` is a word of the vocabulary already", name.text);
        cx.error(module, "E0105", name.span, message, |diagnostic| {
            diagnostic
                .with_label(format!("a word of `{meaning}`"))
                .with_help(format!("give the {what} another name: words of the vocabulary can't be hidden"))
        });
    }
}

fn declare<'a>(cx: &mut Cx<'a>, module: usize, decl: &'a ast::Decl<'a>, node: &'a ast::Declare<'a>) {
    type Select<'a> = for<'n> fn(&'n mut Names<'a>) -> &'n mut Table<'a, ast::Declare<'a>>;
    let select: Select<'a> = match node.kind.text {
        "attribute" => |names| &mut names.attributes,
        "extension" => |names| &mut names.extensions,
        "group" => |names| &mut names.groups,
        "reference" => |names| &mut names.references,
        "tag" => |names| &mut names.tags,
        other => {
            cx.unknown_word(module, node.kind.span, "kind of declaration", other, DECLARED.into_iter());
            return;
        }
    };
    refuse_vocabulary(cx, module, node.name, node.kind.text);
    check_shape(cx, module, node);
    let entry = Entry {
        module,
        name: node.name.text.to_owned(),
        name_span: node.name.span,
        span: decl.span,
        docs: &decl.docs,
        node,
    };
    let Err(first) = select(&mut cx.names).add(entry) else { return };
    let Some(first) = select(&mut cx.names).entry(first) else { return };
    let (first_module, first_span, first_node) = (first.module, first.name_span, first.node);
    if first_module == module {
        duplicate(cx, module, node.kind.text, node.name, first_span);
        return;
    }
    let first_file = cx.file_of(first_module);
    let clashes = match node.kind.text {
        "group" => first_node.members.is_some() && node.members.is_some(),
        _ => first_node.oid.map(|oid| oid.text) != node.oid.map(|oid| oid.text),
    };
    if clashes {
        let message =
            format!("{} `{}` is declared otherwise in another policy", node.kind.text, node.name.text);
        cx.error(module, "E0104", node.name.span, message, |diagnostic| {
            diagnostic.with_related(first_file, range(first_span), "first here").with_help(
                "a declared name means one thing in the whole program: give one of them another name",
            )
        });
    }
    if node.kind.text == "group" && node.members.is_some() {
        replace(select(&mut cx.names), node, module, decl);
    }
}

/// Whether a declaration has what its kind needs, and nothing else.
fn check_shape(cx: &mut Cx<'_>, module: usize, node: &ast::Declare<'_>) {
    let needs_oid = matches!(node.kind.text, "attribute" | "extension");
    if needs_oid && node.oid.is_none() {
        let message = format!("{} `{}` has no object identifier", node.kind.text, node.name.text);
        cx.error(module, "E0215", node.name.span, message, |diagnostic| {
            diagnostic.with_help("write it behind the name: `1.3.6.1.4.1.…`")
        });
    }
    if let Some(oid) = node.oid.filter(|_| !needs_oid) {
        cx.error(
            module,
            "E0212",
            oid.span,
            format!("a {} has no object identifier", node.kind.text),
            |diagnostic| {
                diagnostic
                    .with_fix(range(oid.span), "", false)
                    .with_help("only attributes and extensions have one")
            },
        );
    }
    if node.members.is_some() && node.kind.text != "group" {
        cx.error(
            module,
            "E0212",
            node.name.span,
            format!("a {} has no members", node.kind.text),
            |diagnostic| diagnostic.with_help("only a group has members"),
        );
    }
}

/// A group that a used policy leaves open gets the members that a policy above it declares.
fn replace<'a>(
    table: &mut Table<'a, ast::Declare<'a>>,
    node: &'a ast::Declare<'a>,
    module: usize,
    decl: &'a ast::Decl<'a>,
) {
    let Some(entry) = table.find(node.name.text).and_then(|index| table.entry_mut(index)) else { return };
    if entry.node.members.is_none() {
        entry.node = node;
        entry.module = module;
        entry.span = decl.span;
        entry.name_span = node.name.span;
        entry.docs = &decl.docs;
    }
}
