//! Tests of the root policy: resolved and typed, not run.
mod given;

use crate::context::Cx;
use crate::source::range;
use crate::testcase::{Change, Expect, TestCase, TestRow};
use pkic_ir::Profile;
use pkic_syntax::ast::{self, CellKind, DeclKind, OutcomeKind, TestItemKind, ValueKind};
use pkic_vocab::fields::{FieldDef, OTHER_EXTENSIONS};
use pkic_vocab::{Word, Words};
use std::collections::BTreeSet;

/// What stands before the table of a test.
#[derive(Default)]
struct Head {
    request: Option<(String, Word, String, ast::Span)>,
    at: Option<i64>,
    anchors_test: bool,
    changes: Vec<Change>,
    expect: Option<(Expect, ast::Span)>,
    has_error: bool,
}

impl<'a> Cx<'a> {
    /// Resolves the tests of the root. Those with a mistake are left out, and the mistake is reported.
    pub(crate) fn test_cases(&mut self, profiles: &[Profile]) -> Vec<TestCase> {
        let root = self.modules.len().saturating_sub(1);
        let mut cases = Vec::new();
        for decl in self.module(root).iter().flat_map(|module| &module.ast.decls) {
            if let DeclKind::Test(test) = &decl.kind {
                cases.extend(self.test_case(root, test, decl.span, profiles));
            }
        }
        cases
    }

    fn test_case(
        &mut self,
        module: usize,
        test: &ast::Test<'a>,
        span: ast::Span,
        profiles: &[Profile],
    ) -> Option<TestCase> {
        let mut head = Head::default();
        for item in &test.items {
            if self.test_item(module, &item.kind, &mut head).is_none() {
                head.has_error = true;
            }
        }
        if head.request.is_none() && !head.has_error {
            let message = format!("test \"{}\" asks for nothing", test.name.text);
            self.error(module, "E0501", test.name.span, message, |diagnostic| {
                diagnostic.with_help("`request PROFILE issue from \"fixtures/FILE\"`")
            });
        }
        let rows = match &test.table {
            Some(table) => self.rows(module, table, &mut head),
            None => {
                let (expect, at) = head.expect.clone().unzip();
                self.expected(module, test, &mut head, expect, at)
            }
        };
        let (profile, operation, fixture, _) = head.request.filter(|_| !head.has_error)?;
        self.check_ids(module, test, &profile, profiles);
        self.check_givens(module, test, &profile, profiles);
        Some(TestCase {
            name: test.name.text.clone().into_owned(),
            profile,
            operation,
            fixture,
            at: head.at,
            anchors_test: head.anchors_test,
            rows,
            file: self.file_of(module),
            span: range(span),
        })
    }

    fn expected(
        &mut self,
        module: usize,
        test: &ast::Test<'a>,
        head: &mut Head,
        expect: Option<Expect>,
        span: Option<ast::Span>,
    ) -> Vec<TestRow> {
        match (expect, span) {
            (Some(expect), Some(span)) => {
                vec![TestRow { at: head.at, changes: head.changes.clone(), expect, span: range(span) }]
            }
            _ => {
                if !head.has_error {
                    let message = format!("test \"{}\" expects nothing", test.name.text);
                    self.error(module, "E0501", test.name.span, message, |diagnostic| {
                        diagnostic.with_help("`expect permit`, `expect refuse [ids]` or a table")
                    });
                }
                head.has_error = true;
                Vec::new()
            }
        }
    }

    fn test_item(&mut self, module: usize, item: &TestItemKind<'a>, head: &mut Head) -> Option<()> {
        match item {
            TestItemKind::Error => None,
            TestItemKind::Anchors(word) if word.text == "test" => {
                head.anchors_test = true;
                Some(())
            }
            TestItemKind::Anchors(word) => {
                self.unknown_word(
                    module,
                    word.span,
                    "kind of anchors for a test",
                    word.text,
                    ["test"].into_iter(),
                );
                None
            }
            TestItemKind::At(date) => {
                head.at = Some(date.unix_s);
                Some(())
            }
            TestItemKind::Expect(outcome) => {
                head.expect = Some((self.outcome(module, outcome)?, outcome.span));
                Some(())
            }
            TestItemKind::With(given) => {
                let change = self.change(module, given, head.at)?;
                head.changes.push(change);
                Some(())
            }
            TestItemKind::Request { profile, operation, file } => {
                let operation = self.operation(module, *operation);
                let index = self.find_profile(module, profile)?;
                let name = self.names.profiles.entry(index)?.name.clone();
                head.request = Some((name, operation?, file.text.clone().into_owned(), profile.span));
                Some(())
            }
        }
    }

    fn operation(&mut self, module: usize, name: ast::Name<'_>) -> Option<Word> {
        let word = Words::Operation.word(name.text);
        if word.is_none() {
            let known = Words::Operation.words().iter().map(|def| def.name);
            self.unknown_word(module, name.span, "operation", name.text, known);
        }
        word
    }

    fn rows(&mut self, module: usize, table: &ast::Table<'a>, head: &mut Head) -> Vec<TestRow> {
        let mut rows = Vec::new();
        for row in &table.rows {
            let (mut at, mut changes, mut expect) = (head.at, head.changes.clone(), head.expect.clone());
            let mut is_whole = true;
            for cell in &row.cells {
                match &cell.kind {
                    CellKind::At(date) => at = Some(date.unix_s),
                    CellKind::Expect(outcome) => match self.outcome(module, outcome) {
                        Some(outcome) => expect = Some((outcome, row.span)),
                        None => is_whole = false,
                    },
                    CellKind::With(given) => match self.change(module, given, at) {
                        Some(change) => changes.push(change),
                        None => is_whole = false,
                    },
                }
            }
            match expect.filter(|_| is_whole) {
                Some((expect, _)) => rows.push(TestRow { at, changes, expect, span: range(row.span) }),
                None => {
                    if is_whole {
                        self.error(module, "E0501", row.span, "this row expects nothing", |diagnostic| {
                            diagnostic.with_help("add a column `expect`")
                        });
                    }
                    head.has_error = true;
                }
            }
        }
        rows
    }

    fn outcome(&mut self, module: usize, outcome: &ast::Outcome<'a>) -> Option<Expect> {
        let (list, make): (_, fn(Vec<String>) -> Expect) = match &outcome.kind {
            OutcomeKind::Permit => return Some(Expect::Permit),
            OutcomeKind::Refuse(list) => (list, Expect::Refuse),
            OutcomeKind::Warn(list) => (list, Expect::Warn),
        };
        let mut ids = BTreeSet::new();
        for element in &list.elements {
            let ValueKind::Path(path) = &element.value.kind else {
                self.error(module, "E0501", element.span, "this is no id", |diagnostic| {
                    diagnostic.with_help("name ids of requirements: paths, labels, names of `one of`")
                });
                return None;
            };
            ids.insert(path.text.to_owned());
        }
        Some(make(ids.into_iter().collect()))
    }

    /// Warns of ids that look like a slip: no requirement has them, and one has nearly the same.
    fn check_ids(
        &mut self,
        module: usize,
        test: &ast::Test<'a>,
        profile: &str,
        profiles: &[Profile],
    ) -> Option<()> {
        let index = profiles.binary_search_by(|other| other.name.as_str().cmp(profile)).ok()?;
        let profile = profiles.get(index)?;
        let of_exceptions = profile.exceptions.iter().flat_map(|exception| &exception.requirements);
        let of_contents = profile.contents.iter().map(|field| format!("contents.{}", field.name));
        let known: BTreeSet<String> = profile
            .requirements
            .iter()
            .chain(of_exceptions)
            .filter_map(|id| self.requirement(*id))
            .map(|requirement| requirement.id.clone())
            .chain(of_contents)
            .chain(IDS_OF_GRANTS.map(str::to_owned))
            .collect();
        let before = test.items.iter().filter_map(|item| match &item.kind {
            TestItemKind::Expect(outcome) => Some(outcome),
            _ => None,
        });
        let rows = test.table.iter().flat_map(|table| &table.rows).flat_map(|row| &row.cells);
        let in_rows = rows.filter_map(|cell| match &cell.kind {
            CellKind::Expect(outcome) => Some(outcome),
            _ => None,
        });
        for outcome in before.chain(in_rows) {
            let (OutcomeKind::Refuse(list) | OutcomeKind::Warn(list)) = &outcome.kind else { continue };
            for element in &list.elements {
                let ValueKind::Path(path) = &element.value.kind else { continue };
                if known.contains(path.text) || is_id_of_stray(path.text) {
                    continue;
                }
                let near = self.nearest(path.text, known.iter().map(String::as_str)).map(str::to_owned);
                if let Some(near) = near {
                    let message = format!("no requirement of `{}` has the id `{}`", profile.name, path.text);
                    self.warning(module, "W0502", element.span, message, |diagnostic| {
                        diagnostic.with_help(format!("did you mean `{near}`?"))
                    });
                }
            }
        }
        Some(())
    }
}

/// What fails where a profile does not grant what is asked: ids that no policy writes.
const IDS_OF_GRANTS: [&str; 4] = ["draft", "issued-by", "operations", "profile"];

/// Whether an id is one of what a certificate holds and its profile does not permit: any field, extensions for which
/// there is none, or the object identifier of an attribute or extension.
fn is_id_of_stray(id: &str) -> bool {
    let Some(field) = id.strip_prefix("contents.") else { return false };
    let is_oid = |text: &str| text.split('.').all(|arc| arc.parse::<u128>().is_ok());
    FieldDef::from_name(field).is_some()
        || OTHER_EXTENSIONS.def().path.strip_prefix("certificate.") == Some(field)
        || ["subject.", "extension."].iter().any(|stem| field.strip_prefix(stem).is_some_and(is_oid))
}
