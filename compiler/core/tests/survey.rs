//! The survey says what a policy's text says, and the matrix what its mandates bind, on each side of a date.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pkic_compiler::survey::{Survey, Timing, survey};
use pkic_compiler::{Headers, Options, SourceFile};
use pkic_ir::Standing;
use pkic_vocab::{Grade, time};

const LAW: &str = r#"edition 2026
policy acme.law "1"

source br "Rules" { edition "2" status in-force unverified }
let good : storage = [hsm, tpm]
let better : storage = good

mandate shorter "Shorter" cites br "6" {
    for profile.role == tls-server
    from 2027-01-01 before 2028-01-01 certificate.validity <= 47d
    reading held "Held well" {
        key.storage in better @ observed by api within 2d
    }
}

mandate nobodys "Nobody's" cites br "7" {
    for profile.role == code-signing
    key.origin == generated && key.export == never
}

anchors roots "Roots" {
    anchor "one" spki "sha256:1ae751fd29896d0f1f13fe226c063f445d40d8938acc6245c251ecc0679330bd" purpose production
}
"#;

const OWN: &str = r#"edition 2026
policy acme.own "1"

use acme.law "1"
adopt acme.law.shorter

profile server { role tls-server operations [issue] key.storage in any }
profile signer { role code-signing operations [issue] key.storage in any }
"#;

fn surveyed(own: &str, at: &str) -> Survey {
    let files: Vec<SourceFile> = [("law.pki", LAW), ("own.pki", own)]
        .map(|(name, text)| SourceFile { name: name.to_owned(), text: text.to_owned() })
        .into();
    let headers = Headers::read(&files);
    let options = Options { at: time::parse_date(at) };
    let (compilation, survey) = survey(&files, &headers, 1, &|_| 0, &options);
    assert!(compilation.program.is_some(), "{:?}", compilation.diagnostics);
    survey
}

fn timing(own: &str, at: &str) -> Timing {
    let survey = surveyed(own, at);
    let row = survey.matrix.rows.iter().find(|row| row.mandate == "acme.law.shorter").unwrap();
    row.cells.iter().find(|cell| cell.profile == "acme.own.server").unwrap().timing
}

#[test]
fn a_mandate_holds_between_its_dates_and_a_reading_that_always_holds_keeps_it_alive() {
    let (from, before) = (time::parse_date("2027-01-01").unwrap(), time::parse_date("2028-01-01").unwrap());
    assert_eq!(timing(OWN, "2026-12-31T23:59:59Z"), Timing::NotBefore(from));
    assert_eq!(timing(OWN, "2027-01-01"), Timing::Holds);
    assert_eq!(timing(OWN, "2027-12-31T23:59:59Z"), Timing::Holds);
    assert_eq!(timing(OWN, "2028-01-01"), Timing::OverSince(before));
    assert_eq!(timing(OWN, ""), Timing::Holds);
    let with = OWN.replace("acme.law.shorter\n", "acme.law.shorter with [held]\n");
    assert_eq!(timing(&with, "2028-01-01"), Timing::Holds);
}

#[test]
fn what_nobody_adopts_is_there_and_says_whom_it_would_select() {
    let survey = surveyed(OWN, "2027-01-01");
    let rows = &survey.matrix.rows;
    let adopted: Vec<bool> = rows.iter().map(|row| row.is_adopted).collect();
    assert_eq!(adopted, [false, true]);
    let standings: Vec<Standing> = rows[0].cells.iter().map(|cell| cell.standing).collect();
    assert_eq!(standings, [Standing::NotSelected, Standing::Selected]);
    assert!(rows[0].cells.iter().all(|cell| cell.adoption.is_none()));
    assert_eq!(rows[1].cells[1].because, "`profile.role` is `code-signing`, needs `tls-server`");
    let line = &survey.mandates[0].lines[0];
    let paths: Vec<&str> = line.demands.iter().map(|demand| demand.path.fact.def().path).collect();
    assert_eq!(paths, ["key.origin", "key.export"]);
    assert!(line.demands.iter().all(|demand| demand.is_floor && demand.grade == Grade::Attested));
    assert_eq!(survey.anchors[0].anchors[0].name, "one");
}

#[test]
fn a_line_has_its_clause_its_demands_and_the_values_that_it_names() {
    let survey = surveyed(OWN, "2027-01-01");
    let line = &survey.mandates[1].readings[0].lines[0];
    assert_eq!(line.text, "key.storage in better @ observed by api within 2d");
    assert_eq!(line.cites.as_ref().unwrap().sentence(), "Rules, 2 (in-force), 6, unverified");
    let demand = &line.demands[0];
    assert_eq!((demand.grade, demand.is_floor, demand.within_s), (Grade::Observed, false, Some(2 * 86_400)));
    let values: Vec<&str> = survey.values_in(line).iter().map(|value| value.name.as_str()).collect();
    assert_eq!(values, ["acme.law.better", "acme.law.good"]);
}
