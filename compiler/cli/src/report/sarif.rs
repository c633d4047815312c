//! Findings as SARIF 2.1.0 (OASIS), for code scanning services.
use super::finding::{Finding, Fix, Place, Severity, Sources};
use serde::Serialize;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A log with one run.
#[derive(Debug, Serialize)]
pub(crate) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<ResultObject>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
    help: Message,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<FixObject>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FixObject {
    description: Message,
    artifact_changes: [ArtifactChange; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: ArtifactLocation,
    replacements: [Replacement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Message,
}

/// The findings as a log. `title` gives the title of a code.
pub(crate) fn log(findings: &[Finding], sources: &Sources, title: impl Fn(&str) -> String) -> Log {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let results = findings.iter().map(|finding| result(finding, sources, &codes)).collect();
    let rules = codes
        .iter()
        .map(|code| Rule {
            id: (*code).to_owned(),
            short_description: Message { text: title(code) },
            help: Message { text: format!("pkic explain {code}") },
        })
        .collect();
    let driver = Driver { name: "pkic", version: env!("CARGO_PKG_VERSION"), rules };
    let run = Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results };
    Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn result(finding: &Finding, sources: &Sources, codes: &[&str]) -> ResultObject {
    let mut text = finding.message.clone();
    if let Some(help) = &finding.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let remarks = finding.related.iter().filter(|other| other.place.is_none());
    for remark in remarks {
        text.push_str(&format!("\nnote: {}", remark.message));
    }
    ResultObject {
        rule_id: finding.code.clone(),
        rule_index: codes.binary_search(&finding.code.as_str()).unwrap_or(0),
        level: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "note",
        },
        message: Message { text },
        locations: finding.place.map(|place| location(place, None, sources)).into_iter().collect(),
        related_locations: finding
            .related
            .iter()
            .filter_map(|other| Some(location(other.place?, Some(other.message.clone()), sources)))
            .collect(),
        fixes: finding.fix.iter().map(|fix| fix_object(fix, sources)).collect(),
    }
}

fn location(place: Place, message: Option<String>, sources: &Sources) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri(sources.name(place.file)) },
            region: region(place, sources),
        },
        message: message.map(|text| Message { text }),
    }
}

fn region(place: Place, sources: &Sources) -> Region {
    let (start, end) = sources.range(place);
    Region { start_line: start.line, start_column: start.column, end_line: end.line, end_column: end.column }
}

fn fix_object(fix: &Fix, sources: &Sources) -> FixObject {
    FixObject {
        description: Message { text: format!("write `{}`", fix.text) },
        artifact_changes: [ArtifactChange {
            artifact_location: ArtifactLocation { uri: uri(sources.name(fix.place.file)) },
            replacements: [Replacement {
                deleted_region: region(fix.place, sources),
                inserted_content: Message { text: fix.text.clone() },
            }],
        }],
    }
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and slashes is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("a b/c:d.pki"), "a%20b/c%3Ad.pki");
        assert_eq!(uri("/x/ü.pki"), "file:///x/%C3%BC.pki");
    }
}
