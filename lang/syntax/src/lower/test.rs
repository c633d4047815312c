//! Tests and their tables.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pest::iterators::Pair;

use super::{Kids, Lower, exact};
use crate::ast::{
    Cell, CellKind, Column, ColumnKind, Given, Outcome, OutcomeKind, Row, Table, Test, TestItem, TestItemKind,
};
use crate::grammar::Rule;
use crate::limits;
use crate::tree::NodeKind;

impl<'t> Lower<'t, '_> {
    pub(super) fn test(&mut self, kids: &mut Kids<'_>) -> Test<'t> {
        let mut test = Test { name: self.string(kids), items: Vec::new(), table: None };
        let mut is_head_bad = false;
        let Some(open) = kids.seek(Rule::lbrace) else { return test };
        let node = self.open(NodeKind::Block, exact(&open).start);
        let mut end = exact(&open);
        while let Some(pair) = kids.next() {
            match pair.as_rule() {
                Rule::rbrace => {
                    end = self.brace(exact(&open), &pair);
                    break;
                }
                Rule::table_head if test.table.is_none() => test.table = Some(self.table_head(&pair)),
                Rule::table_head => self.out_of_place(&pair, "a test has one table"),
                Rule::row => match &mut test.table {
                    Some(table) => self.row(table, pair),
                    None if is_head_bad => {}
                    None => self.out_of_place(&pair, "a table begins with the names of its columns"),
                },
                rule => {
                    if test.table.is_some() && rule != Rule::bad {
                        self.out_of_place(&pair, "the table is the last thing in a test");
                    }
                    is_head_bad |= rule == Rule::bad;
                    test.items.push(self.test_item(&pair));
                }
            }
        }
        self.shut(node, exact(&open).to(end));
        if let Some(table) = &mut test.table {
            self.check_row_count(table);
        }
        test
    }

    fn out_of_place(&mut self, pair: &Pair<'_, Rule>, message: &str) {
        let help = Some("`| at | with | expect |` with the columns that are needed, then one line a row");
        self.report("E0032", exact(pair), message.to_string(), help);
    }

    fn check_row_count(&mut self, table: &Table<'_>) {
        if table.rows.len() > limits::TEST_ROWS_MAX {
            let message =
                format!("a test has at most {} rows, this one {}", limits::TEST_ROWS_MAX, table.rows.len());
            self.report("E0007", table.span, message, Some("make a second test of it"));
        }
    }

    fn test_item(&mut self, pair: &Pair<'_, Rule>) -> TestItem<'t> {
        let rule = pair.as_rule();
        let (kind, span) = self.line(pair, TestItemKind::Error, |lower, kids| match rule {
            Rule::request => TestItemKind::Request {
                profile: lower.path(kids),
                operation: lower.name(kids),
                file: lower.string(kids),
            },
            Rule::at_date => TestItemKind::At(lower.date(kids)),
            Rule::test_anchors => TestItemKind::Anchors(lower.word(kids)),
            Rule::with => kids
                .seek(Rule::given)
                .map_or(TestItemKind::Error, |given| TestItemKind::With(lower.given(&given))),
            _ => {
                kids.take(Rule::kw_expect);
                kids.next()
                    .map_or(TestItemKind::Error, |outcome| TestItemKind::Expect(lower.outcome(&outcome)))
            }
        });
        TestItem { kind, span }
    }

    fn given(&mut self, pair: &Pair<'_, Rule>) -> Given<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let path = self.path(&mut kids);
        kids.take(Rule::assign);
        let value = self.value(&mut kids);
        let grade = self.grade(&mut kids);
        Given { path, value, grade, span: self.span_of(pair) }
    }

    fn outcome(&mut self, pair: &Pair<'_, Rule>) -> Outcome<'t> {
        let mut kids = Kids::new(pair.clone().into_inner());
        let kind = match pair.as_rule() {
            Rule::refuse => OutcomeKind::Refuse(self.ids(&mut kids)),
            Rule::warn => OutcomeKind::Warn(self.ids(&mut kids)),
            _ => OutcomeKind::Permit,
        };
        Outcome { kind, span: self.span_of(pair) }
    }

    fn table_head(&mut self, pair: &Pair<'_, Rule>) -> Table<'t> {
        let span = exact(pair);
        if self.text(span).contains('\n') {
            self.report("E0031", span, "the head of a table stands on one line".to_string(), None);
        }
        self.leaf(NodeKind::Row, span);
        let mut columns = Vec::new();
        for part in pair.clone().into_inner() {
            let kind = match part.as_rule() {
                Rule::kw_at => ColumnKind::At,
                Rule::kw_expect => ColumnKind::Expect,
                Rule::kw_with => ColumnKind::With,
                _ => continue,
            };
            columns.push(Column { kind, span: exact(&part) });
        }
        Table { columns, rows: Vec::new(), span }
    }

    fn row(&mut self, table: &mut Table<'t>, pair: Pair<'_, Rule>) {
        let span = exact(&pair);
        self.leaf(NodeKind::Row, span);
        table.span = table.span.to(span);
        let mut cells = Vec::new();
        for part in pair.into_inner() {
            let kind = match part.as_rule() {
                Rule::date => CellKind::At(self.date_of(&part)),
                Rule::given => CellKind::With(self.given(&part)),
                Rule::permit | Rule::refuse | Rule::warn => CellKind::Expect(self.outcome(&part)),
                _ => continue,
            };
            let span = self.span_of(&part);
            cells.push(Cell { kind, span });
        }
        let message = match self.text(span).contains('\n') {
            true => Some("a row stands on one line".to_string()),
            false => misfit(&table.columns, &cells),
        };
        match message {
            Some(message) => {
                self.report("E0031", span, message, Some("one cell for each column, each row on its line"))
            }
            None => table.rows.push(Row { cells, span }),
        }
    }
}

fn misfit(columns: &[Column], cells: &[Cell<'_>]) -> Option<String> {
    if columns.len() != cells.len() {
        return Some(format!("the table has {} columns, this row {} cells", columns.len(), cells.len()));
    }
    let kind_of = |cell: &Cell<'_>| match cell.kind {
        CellKind::At(_) => (ColumnKind::At, "at"),
        CellKind::Expect(_) => (ColumnKind::Expect, "expect"),
        CellKind::With(_) => (ColumnKind::With, "with"),
    };
    let wrong = columns.iter().zip(cells).position(|(column, cell)| column.kind != kind_of(cell).0)?;
    let found = cells.get(wrong).map_or("", |cell| kind_of(cell).1);
    Some(format!("cell {} of this row belongs into a column `{found}`", wrong + 1))
}
