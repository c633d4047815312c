//! A table of the file against its settings: what is unknown, missing or of another form becomes a finding at its place.
use super::data::At;
use super::schema::{Form, Key, Need, SECTIONS, is_secret};
use crate::report::{Finding, Place, Severity};
use crate::suggest::nearest;
use pkic_backend::secret::SecretSource;
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::limits;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value that has the form of its setting.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Boolean(bool),
    Digests(Vec<At<Sha256Digest>>),
    Natural(u64),
    Path(PathBuf),
    Paths(Vec<At<PathBuf>>),
    Secret(SecretSource),
    Span(i64),
    Text(String),
    Texts(Vec<At<String>>),
}

/// The settings of a table by name.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<&'static str, At<Value>>);

/// Takes a value of one form out of [`Values`]; nothing where it is not there.
macro_rules! takers {
    ($($name:ident $variant:ident $ty:ty;)*) => {
        $(pub(super) fn $name(&mut self, key: &str) -> Option<At<$ty>> {
            match self.0.remove(key)? {
                At { value: Value::$variant(value), span } => Some(At { value, span }),
                At { .. } => None,
            }
        })*
    };
}

impl Values {
    takers! {
        boolean Boolean bool;
        digests Digests Vec<At<Sha256Digest>>;
        natural Natural u64;
        path Path PathBuf;
        paths Paths Vec<At<PathBuf>>;
        span Span i64;
        text Text String;
        texts Texts Vec<At<String>>;
    }

    /// What is left.
    pub(super) fn rest(self) -> impl Iterator<Item = (&'static str, At<Value>)> {
        self.0.into_iter()
    }
}

/// A table, and what messages call it.
pub(super) struct Table<'t> {
    /// `[store.hsm]`, or `the file`.
    pub(super) title: String,
    /// Where it begins.
    pub(super) span: Range<usize>,
    /// What stands in it.
    pub(super) entries: &'t DeTable<'t>,
}

/// Reads values, and collects what is wrong with them.
pub(super) struct Reader {
    /// The folder of the file; empty for the one that pkic was started in.
    pub(super) folder: PathBuf,
    /// What was found.
    pub(super) findings: Vec<Finding>,
    /// Files and folders that were named, each with what it must be.
    pub(super) files: Vec<(Form, At<PathBuf>)>,
    /// Where secrets stand that must not be shown again.
    pub(super) secrets: Vec<Range<usize>>,
}

impl Reader {
    /// A reader for a file in that folder, from which paths count.
    pub(super) fn new(folder: &Path) -> Reader {
        let folder = if folder == Path::new(".") { PathBuf::new() } else { folder.to_path_buf() };
        Reader { folder, findings: Vec::new(), files: Vec::new(), secrets: Vec::new() }
    }

    /// Adds a finding.
    pub(super) fn say(&mut self, code: &str, span: &Range<usize>, message: String, help: impl Into<String>) {
        self.findings.push(finding(code, span, message, help));
    }

    /// Reads what stands in a table. Names in `tables` are tables of their own, which are left alone.
    pub(super) fn values(&mut self, table: &Table<'_>, keys: &[Key], tables: &[&str]) -> Values {
        let mut values = Values::default();
        for (name, value) in table.entries.iter() {
            let name_span = name.span();
            let name = name.get_ref().as_ref();
            match keys.iter().find(|key| key.name == name) {
                Some(key) => {
                    if let Some(read) = self.value(&table.title, key, value) {
                        values.0.insert(key.name, At { value: read, span: value.span() });
                    }
                }
                None if tables.contains(&name) => {}
                None if is_secret(name) => {
                    self.secrets.push(value.span());
                    self.say(
                        "E0605",
                        &name_span,
                        format!("`{name}` would hold a secret in the file"),
                        "say where it comes from: `pin-source = \"env:NAME\"` or `\"file:PATH\"`",
                    );
                }
                None => self.unknown(table, name, &name_span, value.get_ref(), keys, tables),
            }
        }
        for key in keys.iter().filter(|key| key.need == Need::Needed) {
            if !table.entries.iter().any(|(name, _)| name.get_ref() == key.name) {
                let help = format!("write `{} = {}`", key.name, example(key));
                self.say("E0604", &table.span, format!("{} has no `{}`", table.title, key.name), help);
            }
        }
        values
    }

    fn unknown(
        &mut self,
        table: &Table<'_>,
        name: &str,
        span: &Range<usize>,
        value: &DeValue<'_>,
        keys: &[Key],
        tables: &[&str],
    ) {
        let names = || keys.iter().map(|key| key.name).chain(tables.iter().copied());
        let elsewhere = SECTIONS.iter().find(|section| section.keys.iter().any(|key| key.name == name));
        let help = match (nearest(name, names()), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(section)) if section.name.is_empty() => "it stands before the first table".to_owned(),
            (None, Some(section)) if section.is_named => format!("it belongs into `[{}.NAME]`", section.name),
            (None, Some(section)) => format!("it belongs into `[{}]`", section.name),
            (None, None) if value.as_table().is_some() && table.title.starts_with("[authority") => {
                "quote a name with dots: `[authority.\"policy.authority\"]`".to_owned()
            }
            (None, None) => format!("it may have {}", listed(names())),
        };
        self.say("E0602", span, format!("{} has no setting `{name}`", table.title), help);
    }

    /// The value of a setting in its form.
    fn value(&mut self, title: &str, key: &Key, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let span = value.span();
        let read = match key.form {
            Form::Boolean => value.get_ref().as_bool().map(Value::Boolean),
            Form::Natural => natural(value.get_ref()).map(Value::Natural),
            Form::Text => text(value.get_ref()).map(|text| Value::Text(text.to_owned())),
            Form::Texts => self.list(value, |text| Some(text.to_owned())).map(Value::Texts),
            Form::Digests => self.list(value, Sha256Digest::from_text).map(Value::Digests),
            Form::Span => text(value.get_ref()).and_then(span_s).map(Value::Span),
            Form::SecretSource => text(value.get_ref()).and_then(|text| self.secret(text)).map(Value::Secret),
            Form::File | Form::Folder | Form::NewFolder | Form::PrivateFile => {
                let path = text(value.get_ref()).map(|text| self.folder.join(text));
                path.map(|path| self.expect(key.form, At { value: path, span: span.clone() }))
                    .map(Value::Path)
            }
            Form::Files => {
                let folder = self.folder.clone();
                let paths = self.list(value, |text| Some(folder.join(text)));
                self.files.extend(paths.iter().flatten().map(|path| (Form::File, path.clone())));
                paths.map(Value::Paths)
            }
        };
        if read.is_none() {
            let message = format!("`{}` of {title} takes {}", key.name, taken(key.form));
            self.say("E0603", &span, message, format!("write `{} = {}`", key.name, example(key)));
            if key.form == Form::SecretSource {
                self.secrets.push(span);
            }
        }
        read
    }

    fn expect(&mut self, form: Form, path: At<PathBuf>) -> PathBuf {
        let value = path.value.clone();
        self.files.push((form, path));
        value
    }

    /// A list of texts, each read by itself. What does not read makes the list wrong as a whole.
    fn list<T>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<At<T>>> {
        let array = value.get_ref().as_array().filter(|array| array.len() <= limits::LIST_LEN_MAX)?;
        let items = array.iter().map(|item| {
            let value = read(text(item.get_ref())?)?;
            Some(At { value, span: item.span() })
        });
        items.collect()
    }

    /// `env:NAME`, or a file. The path of a file counts from the folder of the deployment file.
    fn secret(&self, text: &str) -> Option<SecretSource> {
        let (source, rest) = text.split_once(':').filter(|(source, _)| ["env", "file"].contains(source))?;
        let path = || self.folder.join(rest.strip_prefix("//").unwrap_or(rest));
        let located = match source {
            "env" => text.to_owned(),
            _ if rest.is_empty() => return None,
            _ => format!("file:{}", path().display()),
        };
        SecretSource::parse(&located).ok()
    }
}

/// A finding in the deployment file. Codes that begin with `W` are warnings.
pub(super) fn finding(code: &str, span: &Range<usize>, message: String, help: impl Into<String>) -> Finding {
    Finding {
        severity: if code.starts_with('W') { Severity::Warning } else { Severity::Error },
        code: code.to_owned(),
        message,
        place: Some(Place { file: 0, start: span.start, end: span.end }),
        label: None,
        help: Some(help.into()),
        related: Vec::new(),
        fix: None,
    }
}

/// `` `a`, `b` ``.
pub(super) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A text that is not empty and within the limit of texts.
fn text<'t>(value: &'t DeValue<'_>) -> Option<&'t str> {
    value.as_str().filter(|text| (1..=limits::TEXT_LEN_BYTES_MAX).contains(&text.len()))
}

fn natural(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| *number > 0)
}

fn span_s(text: &str) -> Option<i64> {
    match pkic_vocab::Value::parse(pkic_vocab::Type::Span, text) {
        Ok(pkic_vocab::Value::Span(seconds)) if seconds > 0 => Some(seconds),
        Ok(_) | Err(_) => None,
    }
}

const fn taken(form: Form) -> &'static str {
    match form {
        Form::Boolean => "`true` or `false`",
        Form::Digests => "a list of digests, `sha256:` and 64 hexadecimal digits",
        Form::File | Form::PrivateFile => "the path of a file",
        Form::Files => "a list of paths",
        Form::Folder | Form::NewFolder => "the path of a folder",
        Form::Natural => "a number from 1",
        Form::SecretSource => "the source of a secret, `env:NAME` or `file:PATH`",
        Form::Span => "a span of time",
        Form::Text => "a text",
        Form::Texts => "a list of texts",
    }
}

fn example(key: &Key) -> &'static str {
    match (key.name, key.form) {
        ("version", _) => "1",
        ("policy", _) => "\"policy.pkib\"",
        ("kind", _) => "\"software\"",
        ("listen", _) => "[\"127.0.0.1:8443\"]",
        ("key", Form::Text) => "\"pkcs11:token=…;object=…\"",
        ("url", _) => "\"https://ct.example/2026h2\"",
        (_, Form::Boolean) => "true",
        (_, Form::Digests) => "[\"sha256:…\"]",
        (_, Form::File | Form::PrivateFile) => "\"FILE\"",
        (_, Form::Files) => "[\"FILE\"]",
        (_, Form::Folder | Form::NewFolder) => "\"FOLDER\"",
        (_, Form::Natural) => "1000",
        (_, Form::SecretSource) => "\"env:NAME\"",
        (_, Form::Span) => "\"6h\"",
        (_, Form::Text) => "\"…\"",
        (_, Form::Texts) => "[\"…\"]",
    }
}
