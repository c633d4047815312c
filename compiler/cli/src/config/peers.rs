//! Services of others that a deployment names: logs of certificate transparency, and witnesses of its own log. How many of
//! them are needed is the policy's to say, or the caller's; a deployment says where they are.
use super::data::{At, Deployment};
use super::read::{self, named};
use super::schema;
use super::values::{Reader, Table, Values, finding};
use crate::report::Finding;
use crate::{ct, http};
use pkic_audit::{KeyKind, VerifierKey};
use pkic_ir::Program;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// Tables of one kind: an answer that is waited for from each.
const PEERS_MAX: usize = 64;

/// A service of others.
#[derive(Debug)]
pub(crate) struct Peer<K> {
    /// The name of its table's kind: `ct`.
    section: &'static str,
    /// Its name in the file, at its place there.
    pub(crate) name: At<String>,
    /// What its paths follow.
    #[cfg_attr(not(feature = "cloud"), allow(dead_code))] // nothing is called without it
    pub(crate) url: At<String>,
    /// Its key.
    pub(crate) key: At<K>,
    /// The time that a call may take, with all its attempts.
    #[cfg_attr(not(feature = "cloud"), allow(dead_code))] // nothing is called without it
    pub(crate) timeout: Duration,
}

impl<K> Peer<K> {
    /// Its table, as it stands in the file: `[ct.argon]`.
    pub(crate) fn title(&self) -> String {
        format!("[{}.{}]", self.section, read::shown(&self.name))
    }
}

/// The logs of certificate transparency, by name.
pub(super) fn logs(reader: &mut Reader, top: &Table<'_>) -> Vec<Peer<PathBuf>> {
    peers(reader, top, &schema::CT, |_, values| values.path("key"))
}

/// The witnesses, by name.
pub(super) fn witnesses(reader: &mut Reader, top: &Table<'_>) -> Vec<Peer<VerifierKey>> {
    peers(reader, top, &schema::WITNESS, |reader, values| {
        let At { value, span } = values.text("key")?;
        match VerifierKey::parse(&value) {
            Ok(key) if key.kind() == KeyKind::Witness => Some(At { value: key, span }),
            Ok(_) => {
                let help = "ask its operator for the key of its cosignatures, of signature type 0x04";
                reader.say("E0603", &span, "it is the key of a log, and of no witness".to_owned(), help);
                None
            }
            Err(error) => {
                let help = "write `<name>+<key id>+<base64>`, as its operator publishes it";
                reader.say("E0603", &span, format!("`key` is no verifier key: {error}"), help);
                None
            }
        }
    })
}

fn peers<K>(
    reader: &mut Reader,
    top: &Table<'_>,
    section: &'static schema::Section,
    key: impl Fn(&mut Reader, &mut Values) -> Option<At<K>>,
) -> Vec<Peer<K>> {
    let tables = named(reader, top, section.name);
    if let Some((name, _)) = tables.get(PEERS_MAX) {
        let message = format!("there are more than {PEERS_MAX} tables under `{}`", section.name);
        reader.say("E0603", &name.span, message, "name those that are needed");
    }
    let mut found = Vec::new();
    for (name, table) in tables {
        let mut values = reader.values(&table, section.keys, &[]);
        let timeout = read::timeout(reader, &mut values, &table.title);
        let (url, key) = (values.text("url"), key(reader, &mut values));
        if let Some(url) = url.as_ref().filter(|url| !is_url(url)) {
            let message = format!("`url` of {} is no URL of a service", table.title);
            reader.say("E0603", &url.span, message, "write `https://ct.example/2026h2`");
        }
        if let Some((url, key)) = url.zip(key) {
            found.push(Peer { section: section.name, name, url, key, timeout });
        }
    }
    found
}

/// Plain HTTP is refused when the service is called, unless it leads to this machine.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain =
        |rest: &str| rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
    rest.is_some_and(|rest| !rest.is_empty() && is_plain(rest)) && text.len() <= read::LOCATION_LEN_BYTES_MAX
}

/// What is wrong with the services of a deployment, as far as its policy, files and this build tell.
pub(super) fn check(deployment: &Deployment, program: Option<&Program>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, span: &Range<usize>, message, help: &str| {
        findings.push(finding(code, span, message, help));
    };
    let titles = deployment.ct.iter().map(|peer| (peer.title(), &peer.name));
    let titles = titles.chain(deployment.witnesses.iter().map(|peer| (peer.title(), &peer.name)));
    for (title, name) in titles.filter(|_| !http::IS_BUILT) {
        let message = format!("{title} needs the feature `cloud`, which this pkic was built without");
        say("W0613", &name.span, message, "use a pkic that was built with it: docs/deployment.md");
    }
    let mut keys: Vec<(Vec<u8>, String)> = Vec::new();
    for peer in &deployment.ct {
        // A file that does not read is told where files are checked.
        let Ok(spki) = ct::key(&peer.key) else { continue };
        match keys.iter().find(|(known, _)| *known == spki) {
            Some((_, first)) => {
                let message = format!("{} has the key of {first}: together they count once", peer.title());
                say("W0612", &peer.name.span, message, "leave one of them out");
            }
            None => keys.push((spki, peer.title())),
        }
    }
    for profile in program.iter().flat_map(|program| &program.profiles) {
        let obliged = profile.obligations.iter().filter(|each| each.name == "ct");
        let counts = obliged.flat_map(|each| &each.arguments).filter_map(|(_, count)| count.parse().ok());
        let wanted: usize = counts.max().unwrap_or(0);
        if keys.len() < wanted {
            let message = format!("`{}` obliges {wanted} logs, and here are {}", profile.name, keys.len());
            let help = "add tables `[ct.NAME]`: nothing is issued with fewer";
            say("W0612", &deployment.policy.span, message, help);
        }
    }
    findings
}
