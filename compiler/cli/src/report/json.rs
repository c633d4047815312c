//! Findings in JSON, as `docs/check.schema.json` describes them.
use super::finding::{Finding, Place, Sources};
use serde::Serialize;

/// A finding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JsonFinding {
    code: String,
    severity: &'static str,
    message: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    place: Option<JsonPlace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    related: Vec<JsonRelated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<JsonFix>,
}

/// Where something stands: lines and columns in characters, from 1; the end is the first character behind it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JsonPlace {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

/// Another place, or a remark.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonRelated {
    message: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    place: Option<JsonPlace>,
}

/// A safe edit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFix {
    #[serde(flatten)]
    place: JsonPlace,
    text: String,
}

/// Findings as JSON has them.
pub(crate) fn findings(findings: &[Finding], sources: &Sources) -> Vec<JsonFinding> {
    findings
        .iter()
        .map(|finding| JsonFinding {
            code: finding.code.clone(),
            severity: finding.severity.name(),
            message: finding.message.clone(),
            place: finding.place.map(|at| place(at, sources)),
            label: finding.label.clone(),
            help: finding.help.clone(),
            related: finding
                .related
                .iter()
                .map(|other| JsonRelated {
                    message: other.message.clone(),
                    place: other.place.map(|at| place(at, sources)),
                })
                .collect(),
            fix: finding
                .fix
                .as_ref()
                .map(|fix| JsonFix { place: place(fix.place, sources), text: fix.text.clone() }),
        })
        .collect()
}

fn place(place: Place, sources: &Sources) -> JsonPlace {
    let (start, end) = sources.range(place);
    JsonPlace {
        file: sources.name(place.file).to_owned(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
