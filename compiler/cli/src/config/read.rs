//! Reading a deployment file: TOML with places, every mistake at once. Nothing that it names is opened.
use super::data::{At, Authority, Deployment, Inputs, Log, Setting, Store};
use super::peers;
use super::schema::{self, Form, StoreKind};
use super::values::{Reader, Table, Value, Values, listed};
use crate::files;
use crate::report::finding::count;
use crate::report::{Finding, Sources};
use crate::suggest::nearest;
use pkic_backend::uri::{Dialect, KeyUri};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;

/// The version of the layout.
const VERSION: u64 = 1;
/// Milliseconds that a call to a store may take where the deployment says nothing.
const TIMEOUT_MS: u64 = 10_000;
/// The most that it may say: nobody waits longer for a certificate.
const TIMEOUT_MS_MAX: u64 = 600_000;
/// Stores, and authorities, of a deployment.
const TABLES_MAX: usize = 1024;
/// Bytes of a location in a certificate.
pub(super) const LOCATION_LEN_BYTES_MAX: usize = 2048;

/// What became of a file.
pub(crate) struct Parsed {
    /// The deployment, unless there was an error.
    pub(crate) deployment: Option<Deployment>,
    /// Everything that was found.
    pub(crate) findings: Vec<Finding>,
    /// The text, without secrets.
    pub(crate) sources: Sources,
    /// Files and folders that it names, each with what it must be.
    pub(crate) files: Vec<(Form, At<PathBuf>)>,
}

/// Reads the text of a deployment file.
pub(crate) fn read(path: &Path, text: &str) -> Parsed {
    let mut reader = Reader::new(&files::folder(path));
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        reader.say("E0601", &span, format!("the file is no TOML: {what}"), "see toml.io");
    }
    let mut deployment = None;
    if errors.is_empty() {
        let table = Table { title: "the file".to_owned(), span: 0..0, entries: tree.get_ref() };
        deployment = self::deployment(&mut reader, &table);
    }
    let mut sources = Sources::default();
    sources.add(files::shown(path), without_secrets(text, &reader.secrets));
    if count(&reader.findings).0 > 0 {
        deployment = None;
    }
    Parsed { deployment, findings: reader.findings, sources, files: reader.files }
}

/// The text with everything masked that is, or by its key would be, a secret. Places stay what they are.
fn without_secrets(text: &str, secrets: &[Range<usize>]) -> String {
    let mut masked: Vec<Range<usize>> = secrets.to_vec();
    let mut start = 0usize;
    for line in text.split_inclusive('\n') {
        if let Some((key, value)) = line.split_once('=')
            && key
                .rsplit(['.', '{', ','])
                .next()
                .is_some_and(|key| schema::is_secret(key.trim().trim_matches('"')))
        {
            let end = start.saturating_add(line.len());
            masked.push(end.saturating_sub(value.len())..end);
        }
        start = start.saturating_add(line.len());
    }
    masked.sort_by_key(|span| span.start);
    let (mut later, mut end) = (masked.into_iter().peekable(), 0usize);
    let mut is_masked = move |at: usize| {
        while let Some(span) = later.next_if(|span| span.start <= at) {
            end = end.max(span.end);
        }
        at < end
    };
    text.char_indices()
        .flat_map(|(at, c)| match c {
            c if c.is_whitespace() || !is_masked(at) => std::iter::repeat_n(c, 1),
            c => std::iter::repeat_n('*', c.len_utf8()),
        })
        .collect()
}

fn deployment(reader: &mut Reader, top: &Table<'_>) -> Option<Deployment> {
    let sections = schema::SECTIONS.map(|section| section.name);
    let mut values = reader.values(top, schema::TOP.keys, &sections);
    if let Some(version) = values.natural("version").filter(|version| version.value != VERSION) {
        let message = format!("version {} of deployment files is not known", version.value);
        reader.say("E0603", &version.span, message, format!("write `version = {VERSION}`"));
    }
    let inputs = section(reader, top, &schema::INPUTS).map(inputs).unwrap_or_default();
    let challenge_key = section(reader, top, &schema::CHALLENGES).and_then(|mut values| values.path("key"));
    let log = section(reader, top, &schema::LOG).and_then(log);
    let listen = section(reader, top, &schema::SERVER).map(|values| listen(reader, values));
    let mut stores = BTreeMap::new();
    let tables = named(reader, top, schema::STORE.name);
    let declared: Vec<String> = tables.iter().map(|(name, _)| name.value.clone()).collect();
    for (name, table) in tables {
        if let Some(store) = store(reader, name, &table) {
            stores.insert(store.name.value.clone(), store);
        }
    }
    let mut authorities = BTreeMap::new();
    for (name, table) in named(reader, top, schema::AUTHORITY.name) {
        if let Some(authority) = authority(reader, name, &table, &declared, &mut stores) {
            authorities.insert(authority.name.value.clone(), authority);
        }
    }
    let (ct, witnesses) = (peers::logs(reader, top), peers::witnesses(reader, top));
    let signers = values.digests("bundle-signers").map(|list| list.value).unwrap_or_default();
    Some(Deployment {
        lab: values.boolean("lab").unwrap_or(At { value: false, span: 0..0 }),
        policy: values.path("policy")?,
        bundle_signers: signers.into_iter().map(|digest| digest.value).collect(),
        inputs,
        challenge_key,
        log,
        listen: listen.unwrap_or_default(),
        stores,
        authorities,
        ct,
        witnesses,
    })
}

/// The table of that name under `parent`.
fn table<'t>(reader: &mut Reader, parent: &Table<'t>, name: &str) -> Option<Table<'t>> {
    let (key, value) = parent.entries.iter().find(|(key, _)| key.get_ref() == name)?;
    let Some(entries) = value.get_ref().as_table() else {
        let help = format!("write `[{name}]` on a line of its own, and the settings below it");
        reader.say("E0603", &value.span(), format!("`{name}` is a table"), help);
        return None;
    };
    Some(Table { title: format!("[{name}]"), span: key.span(), entries })
}

/// The settings of a table that stands once.
fn section(reader: &mut Reader, top: &Table<'_>, section: &schema::Section) -> Option<Values> {
    let table = table(reader, top, section.name)?;
    Some(reader.values(&table, section.keys, &[]))
}

/// The tables under a name: `[store.a]`, `[store.b]`.
pub(super) fn named<'t>(reader: &mut Reader, top: &Table<'t>, section: &str) -> Vec<(At<String>, Table<'t>)> {
    let Some(parent) = table(reader, top, section) else { return Vec::new() };
    if parent.entries.len() > TABLES_MAX {
        let message = format!("there are more than {TABLES_MAX} tables under `{section}`");
        reader.say("E0603", &parent.span, message, "divide the deployment");
    }
    let mut found = Vec::new();
    for (key, value) in parent.entries.iter().take(TABLES_MAX) {
        let name = At { value: key.get_ref().to_string(), span: key.span() };
        match value.get_ref().as_table() {
            Some(entries) => {
                let title = format!("[{section}.{}]", shown(&name.value));
                found.push((name, Table { title, span: key.span(), entries }));
            }
            None => {
                let message = format!("`{}` stands in no table of `{section}`", name.value);
                reader.say("E0602", &name.span, message, format!("begin a table: `[{section}.NAME]`"));
            }
        }
    }
    found
}

/// A key as TOML writes it.
pub(super) fn shown(name: &str) -> String {
    let is_bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { name.to_owned() } else { format!("\"{name}\"") }
}

fn inputs(mut values: Values) -> Inputs {
    let mut files = |name| values.paths(name).map(|list| list.value).unwrap_or_default();
    let (catalogues, statements, crls) = (files("catalogues"), files("statements"), files("crls"));
    let plugins = files("plugins");
    Inputs {
        anchors: values.path("anchors"),
        catalogues,
        statements,
        plugins,
        crls,
        status_list: values.path("status-list"),
        status_list_age_s_max: values.span("status-list-max-age"),
    }
}

fn log(mut values: Values) -> Option<Log> {
    Some(Log {
        directory: values.path("directory")?,
        key: values.path("key")?,
        origin: values.text("origin")?,
        keeps_evidence: values.boolean("keep-evidence").is_some_and(|said| said.value),
    })
}

fn listen(reader: &mut Reader, mut values: Values) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for text in values.texts("listen").map(|list| list.value).unwrap_or_default() {
        match text.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => reader.say(
                "E0603",
                &text.span,
                format!("`{}` is no address to listen at", text.value),
                "write an IP address and a port: `127.0.0.1:8443`, `[::1]:8443`",
            ),
        }
    }
    addresses
}

fn store(reader: &mut Reader, name: At<String>, table: &Table<'_>) -> Option<Store> {
    let said = table.entries.iter().find(|(key, _)| key.get_ref() == "kind").map(|(_, value)| value);
    let kind = said.and_then(|value| value.get_ref().as_str());
    let known = kind.and_then(|kind| StoreKind::ALL.into_iter().find(|known| known.name() == kind));
    let Some(kind) = known else {
        let names = || StoreKind::ALL.iter().map(|kind| kind.name());
        let (span, help) = match (said, kind.and_then(|kind| nearest(kind, names()))) {
            (Some(value), Some(near)) => (value.span(), format!("did you mean `{near}`?")),
            (Some(value), None) => (value.span(), format!("it is one of {}", listed(names()))),
            (None, _) => (table.span.clone(), format!("write `kind = …`, one of {}", listed(names()))),
        };
        let code = if said.is_some() { "E0603" } else { "E0604" };
        reader.say(code, &span, format!("{} is of no known kind", table.title), help);
        return None;
    };
    let keys: Vec<schema::Key> = schema::STORE.keys.iter().chain(kind.keys()).copied().collect();
    let title = format!("{}, of the kind `{}`,", table.title, kind.name());
    let table = Table { title, span: table.span.clone(), entries: table.entries };
    let mut values = reader.values(&table, &keys, &[]);
    values.text("kind");
    let dialect = values.text("dialect").map(|dialect| self::dialect(reader, &dialect));
    let timeout = timeout(reader, &mut values, &table.title);
    let settings = values.rest().filter_map(|(name, At { value, span })| {
        let value = match value {
            Value::Natural(number) => Setting::Natural(number),
            Value::Path(path) => Setting::Path(path),
            Value::Secret(source) => Setting::Secret(source),
            Value::Text(text) => Setting::Text(text),
            Value::Boolean(_) | Value::Digests(_) | Value::Paths(_) | Value::Span(_) | Value::Texts(_) => {
                return None;
            }
        };
        Some((name, At { value, span }))
    });
    let store =
        Store { name, kind, dialect: dialect.unwrap_or_default(), timeout, settings: settings.collect() };
    if let Some(At { value: Setting::Text(uri), span }) = store.settings.get("attestation-key") {
        key(reader, &At { value: uri.clone(), span: span.clone() }, Some(&store));
    }
    Some(store)
}

/// The time that a call may take.
pub(super) fn timeout(reader: &mut Reader, values: &mut Values, title: &str) -> Duration {
    let timeout_ms = values.natural("timeout-ms").map_or(TIMEOUT_MS, |timeout_ms| {
        if timeout_ms.value > TIMEOUT_MS_MAX {
            let message = format!("`timeout-ms` of {title} is more than {TIMEOUT_MS_MAX}");
            reader.say("E0603", &timeout_ms.span, message, "write at most ten minutes");
        }
        timeout_ms.value.min(TIMEOUT_MS_MAX)
    });
    Duration::from_millis(timeout_ms)
}

fn dialect(reader: &mut Reader, text: &At<String>) -> Dialect {
    match text.as_str() {
        "rfc7512" => Dialect::Rfc7512,
        "smallstep" => Dialect::Smallstep,
        other => {
            let message = format!("`{other}` is no dialect of key URIs");
            reader.say(
                "E0603",
                &text.span,
                message,
                "write `rfc7512`, which is also the default, or `smallstep`",
            );
            Dialect::Rfc7512
        }
    }
}

fn authority(
    reader: &mut Reader,
    name: At<String>,
    table: &Table<'_>,
    declared: &[String],
    stores: &mut BTreeMap<String, Store>,
) -> Option<Authority> {
    let mut values = reader.values(table, schema::AUTHORITY.keys, &[]);
    let (ca_issuers, ocsp, crl_distribution_points) = (
        locations(reader, &mut values, "ca-issuers"),
        locations(reader, &mut values, "ocsp"),
        locations(reader, &mut values, "crl-distribution-points"),
    );
    let store = values.text("store");
    let found = store.as_ref().and_then(|store| stores.get(&store.value));
    if let Some(store) = store.as_ref().filter(|store| !declared.contains(&store.value)) {
        let near = nearest(store, declared.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a table `[store.{}]`", shown(store)),
        };
        reader.say("E0607", &store.span, format!("there is no store `{}`", store.value), help);
    }
    // Without its store nobody knows how the URI is to be read.
    let is_readable = found.is_some() || store.as_ref().is_none_or(|store| !declared.contains(&store.value));
    let key = values.text("key").filter(|_| is_readable).and_then(|text| key(reader, &text, found));
    let key = key?;
    let store = match store {
        Some(store) => store,
        None => of_key(reader, &key, stores)?,
    };
    Some(Authority {
        name,
        store,
        key,
        certificate: values.path("certificate")?,
        chain: values.path("chain"),
        ca_issuers,
        ocsp,
        crl_distribution_points,
    })
}

/// The store that a key's URI leads to by itself; key files are under the deployment's folder.
fn of_key(reader: &mut Reader, key: &At<KeyUri>, stores: &mut BTreeMap<String, Store>) -> Option<At<String>> {
    let name = At { value: key.value.to_string(), span: key.span.clone() };
    match crate::stores::of_uri(&key.value) {
        Ok(mut store) => {
            if store.kind == StoreKind::Software {
                let folder = Path::new(".").join(&reader.folder);
                store
                    .settings
                    .insert("directory", At { value: Setting::Path(folder), span: key.span.clone() });
            }
            stores.insert(name.value.clone(), Store { name: name.clone(), ..store });
            Some(name)
        }
        Err(error) => {
            reader.say("E0606", &key.span, error.what, error.help);
            None
        }
    }
}

/// The key's URI, as its store reads it.
fn key(reader: &mut Reader, text: &At<String>, store: Option<&Store>) -> Option<At<KeyUri>> {
    let uri = match KeyUri::parse(text, store.map(|store| store.dialect).unwrap_or_default()) {
        Ok(uri) => uri,
        Err(error) => {
            let holds_secret = text.contains("pin-value");
            if holds_secret {
                reader.secrets.push(text.span.clone());
            }
            let code = if holds_secret { "E0605" } else { "E0606" };
            reader.say(code, &text.span, format!("the key's URI does not read: {}", error.what), error.help);
            return None;
        }
    };
    for warning in uri.warnings() {
        let help = format!("write it so that every tool reads one key: `{uri}`");
        reader.say("W0611", &text.span, warning.clone(), help);
    }
    if let Some(store) = store.filter(|store| !store.kind.schemes().contains(&uri.scheme())) {
        let message = format!("a `{}` store has no keys under `{}:`", store.kind.name(), uri.scheme().name());
        let schemes = store.kind.schemes().iter().map(|scheme| scheme.name());
        reader.say(
            "E0606",
            &text.span,
            message,
            format!("name another store, or a key under {}", listed(schemes)),
        );
    }
    Some(At { value: uri, span: text.span.clone() })
}

/// Locations that go into certificates (RFC 5280 sections 4.2.1.13 and 4.2.2.1).
fn locations(reader: &mut Reader, values: &mut Values, name: &str) -> Vec<String> {
    let list = values.texts(name).map(|list| list.value).unwrap_or_default();
    let is_location = |text: &str| {
        let has_scheme = ["http://", "https://", "ldap://"].iter().any(|scheme| text.starts_with(scheme));
        has_scheme && text.len() <= LOCATION_LEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    for text in list.iter().filter(|text| !is_location(text)) {
        let message = format!("`{name}` names no location: `{}`", text.value);
        reader.say("E0603", &text.span, message, "write a URL: `http://pki.example/issuing-ca.crl`");
    }
    list.into_iter().map(|text| text.value).collect()
}
