//! `pkic explain`: the page of a code, the catalogue row of a fact, the words of a type, a name of a policy.
mod named;

use crate::World;
use crate::cli::Explain;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page};
use crate::pages::CODES;
use crate::suggest::nearest;
use pkic_compiler::rules::{self, RULES};
use pkic_vocab::catalogue::Openness;
use pkic_vocab::{CATALOGUE, FactDef, Type, Words};

/// Runs the command.
pub(crate) fn run(arguments: &Explain, world: World) -> Outcome {
    let mut page = Page::default();
    let Some(subject) = arguments.subject.as_deref() else {
        list(&mut page);
        return Ok(Answer::new(page, Exit::Holds));
    };
    let code = subject.to_ascii_uppercase();
    if let Some(rule) = rules::by_code(&code) {
        page.block(rule.page);
    } else if let Some(own) = CODES.iter().find(|own| own.code == code) {
        page.block(own.page);
    } else if let Some(def) = CATALOGUE.iter().find(|def| def.path == subject) {
        fact(&mut page, def);
    } else if let Some(words) = Words::from_name(subject) {
        words_of(&mut page, words);
    } else {
        let shelves = match named::shelves(arguments.policy.as_ref(), world)? {
            Ok(shelves) => shelves,
            Err(findings) => return Ok(findings),
        };
        return match named::page(&shelves, subject) {
            Some(outcome) => outcome,
            None => Err(unknown(subject, &code, named::suggestion(&shelves, subject))),
        };
    }
    Ok(Answer::new(page, Exit::Holds))
}

fn list(page: &mut Page) {
    let own = CODES.iter().map(|own| [own.code, own.severity(), own.summary]);
    let rules = RULES.iter().map(|rule| [rule.code, rule.severity.name(), rule.summary]);
    let mut rows: Vec<Vec<String>> = rules.chain(own).map(|row| row.map(str::to_owned).to_vec()).collect();
    rows.sort();
    page.table("", &rows);
    page.gap();
    page.line(
        "`pkic explain CODE` shows a page, `pkic explain key.storage` a fact, `pkic explain storage` a type,",
    );
    page.line("`pkic explain std.ca-signing` a profile or mandate, `pkic explain std.ca-signing.key.storage` one of its lines.");
}

fn unknown(subject: &str, code: &str, named: Option<String>) -> Failure {
    let names = CATALOGUE.iter().map(|def| def.path).chain(Words::ALL.iter().map(|words| words.name()));
    let codes = RULES.iter().map(|rule| rule.code).chain(CODES.iter().map(|own| own.code));
    let near = nearest(subject, names).or_else(|| nearest(code, codes)).map(str::to_owned).or(named);
    let reason = format!("`{subject}` is no code, fact, type or name");
    match near {
        Some(near) => Failure::usage_with_help(reason, format!("did you mean `{near}`?")),
        None => {
            Failure::usage_with_help(reason, "`pkic explain` lists the codes, `pkic emit facts` the facts")
        }
    }
}

fn fact(page: &mut Page, def: &FactDef) {
    page.line(format_args!("{}: {}", def.path, type_name(def.ty)));
    page.gap();
    page.hanging("  ", def.doc);
    page.gap();
    let mut rows = vec![vec!["subject".to_owned(), def.subject.name().to_owned()]];
    if def.is_graded() {
        rows.push(vec![
            "floor grade".to_owned(),
            format!("{}: known less well, it counts as unknown", def.floor.name()),
        ]);
    }
    let absence = match def.openness {
        Openness::Closed => "closed: that it is absent is known",
        Openness::Open => "open: absent is unknown",
    };
    rows.push(vec!["absence".to_owned(), absence.to_owned()]);
    rows.push(vec!["source".to_owned(), def.source.to_owned()]);
    page.table("  ", &rows);
    if let Type::Record(fields) = def.ty.element() {
        page.gap();
        let rows: Vec<Vec<String>> =
            fields.iter().map(|field| vec![field.name.to_owned(), field.ty.name().to_owned()]).collect();
        page.table("  ", &rows);
    }
    if let Type::Word(words) = def.ty.element() {
        page.gap();
        words_of(page, words);
    }
}

/// `storage`, `list of oid`.
pub(crate) fn type_name(ty: Type) -> String {
    match ty {
        Type::List(element) => format!("list of {}", element.name()),
        other => other.name().to_owned(),
    }
}

fn words_of(page: &mut Page, words: Words) {
    let order = if words.is_ordered() { ", in ascending order" } else { "" };
    page.line(format_args!("{}{order}", words.name()));
    page.gap();
    let rows: Vec<Vec<String>> = words
        .words()
        .iter()
        .map(|word| {
            let named = if word.named_only { " (only where it is named)" } else { "" };
            vec![word.name.to_owned(), format!("{}{named}", word.doc)]
        })
        .collect();
    page.table("  ", &rows);
}
