//! Key URIs: where a key is, never what it is. RFC 7512 for PKCS#11, smallstep's family for the rest.
//!
//! Two tools read one text differently: smallstep parses `;` as `&` of a query, so that `+` is a space, takes the `id` of
//! a PKCS#11 URI as hexadecimal digits, and has `module-path` before the `?`. The reader therefore says which [`Dialect`]
//! a text is in, and [`KeyUri::warnings`] names what another tool would read differently. One key has one canonical
//! spelling, which is what [`fmt::Display`] writes. A PIN in a URI is refused.
use crate::error::{Problem, StoreError};
use std::fmt;

/// Bytes of a URI.
pub const URI_LEN_BYTES_MAX: usize = 2048;

/// Whose reading of a URI counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// RFC 7512 and RFC 3986: `+` is a plus, `id` is octets, percent-encoded where they are no text.
    #[default]
    Rfc7512,
    /// smallstep's: `+` is a space, `id` is hexadecimal digits, attributes stand on either side of `?`.
    Smallstep,
}

/// The kind of store that a URI leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UriScheme {
    /// A PKCS#11 token (RFC 7512).
    Pkcs11,
    /// A key file.
    File,
    /// AWS KMS.
    AwsKms,
    /// Azure Key Vault and Managed HSM.
    AzureKms,
    /// Google Cloud KMS.
    CloudKms,
    /// A TPM key by the name under which its blobs are kept.
    TpmKms,
    /// A TPM key by its persistent handle.
    Tpm2,
    /// A YubiKey's PIV slot.
    YubiKey,
    /// A YubiHSM 2 object.
    YubiHsm,
}

/// An attribute that a scheme knows: its name, and whether it stands after the `?`.
type Known = (&'static str, bool);

impl UriScheme {
    /// All schemes.
    pub const ALL: [UriScheme; 9] = [
        UriScheme::Pkcs11,
        UriScheme::File,
        UriScheme::AwsKms,
        UriScheme::AzureKms,
        UriScheme::CloudKms,
        UriScheme::TpmKms,
        UriScheme::Tpm2,
        UriScheme::YubiKey,
        UriScheme::YubiHsm,
    ];

    /// What stands before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            UriScheme::Pkcs11 => "pkcs11",
            UriScheme::File => "file",
            UriScheme::AwsKms => "awskms",
            UriScheme::AzureKms => "azurekms",
            UriScheme::CloudKms => "cloudkms",
            UriScheme::TpmKms => "tpmkms",
            UriScheme::Tpm2 => "tpm2",
            UriScheme::YubiKey => "yubikey",
            UriScheme::YubiHsm => "yubihsm",
        }
    }

    /// Its attributes in canonical order. Sources: RFC 7512 section 2.3; smallstep crypto, `kms/*/uri`.
    const fn attributes(self) -> &'static [Known] {
        match self {
            UriScheme::Pkcs11 => &[
                ("token", false),
                ("manufacturer", false),
                ("model", false),
                ("serial", false),
                ("object", false),
                ("id", false),
                ("type", false),
                ("library-manufacturer", false),
                ("library-description", false),
                ("library-version", false),
                ("slot-description", false),
                ("slot-manufacturer", false),
                ("slot-id", false),
                ("module-name", true),
                ("module-path", true),
                ("pin-source", true),
            ],
            UriScheme::File => &[("path", false)],
            UriScheme::AwsKms => &[("key-id", false), ("region", false), ("profile", false)],
            UriScheme::AzureKms => &[("name", false), ("vault", false), ("version", true), ("hsm", true)],
            UriScheme::CloudKms => &[("resource", false)],
            UriScheme::TpmKms => &[("name", false), ("ak", false), ("device", false)],
            UriScheme::Tpm2 => &[("handle", false), ("device", false)],
            UriScheme::YubiKey => &[("slot-id", false), ("serial", false)],
            UriScheme::YubiHsm => &[("serial", false), ("object-id", false)],
        }
    }

    /// The attributes without which nothing is located.
    const fn needed(self) -> &'static [&'static str] {
        match self {
            UriScheme::Pkcs11 => &[],
            UriScheme::File => &["path"],
            UriScheme::AwsKms => &["key-id"],
            UriScheme::AzureKms => &["name", "vault"],
            UriScheme::CloudKms => &["resource"],
            UriScheme::TpmKms => &["name"],
            UriScheme::Tpm2 => &["handle"],
            UriScheme::YubiKey => &["slot-id"],
            UriScheme::YubiHsm => &["object-id"],
        }
    }
}

/// A key's URI, read and in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyUri {
    scheme: UriScheme,
    attributes: Vec<(&'static str, Vec<u8>)>,
    warnings: Vec<String>,
}

impl KeyUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Configuration` for a scheme or attribute that pkic does not know, an attribute that
    /// stands twice or is missing, a broken percent-encoding, a PIN, or a text over [`URI_LEN_BYTES_MAX`].
    pub fn parse(text: &str, dialect: Dialect) -> Result<KeyUri, StoreError> {
        let shown: String = text.chars().take(80).collect();
        let unfit = |what: String, help: &str| StoreError::new(Problem::Configuration, &shown, what, help);
        if text.len() > URI_LEN_BYTES_MAX {
            return Err(unfit(
                format!("it is longer than {URI_LEN_BYTES_MAX} bytes"),
                "give the key's URI alone",
            ));
        }
        let (name, rest) = text.split_once(':').ok_or_else(|| {
            unfit("it has no scheme".to_owned(), "write `file:PATH`, `pkcs11:…` and the like")
        })?;
        let scheme = UriScheme::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or_else(|| {
            let known: Vec<&str> = UriScheme::ALL.iter().map(|scheme| scheme.name()).collect();
            unfit(format!("no store has the scheme `{name}`"), &format!("one of: {}", known.join(", ")))
        })?;
        if scheme == UriScheme::File {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(unfit("it has no path".to_owned(), "write `file:PATH`"));
            }
            return Ok(KeyUri::new(scheme, vec![("path", path.as_bytes().to_vec())]));
        }
        let mut uri = KeyUri::new(scheme, Vec::new());
        for (is_query, pair) in pairs(rest, dialect) {
            uri.add(pair, is_query, dialect).map_err(|(what, help)| unfit(what, &help))?;
        }
        for needed in scheme.needed() {
            if uri.octets(needed).is_none() {
                return Err(unfit(format!("it has no `{needed}`"), &format!("add `{needed}=…`")));
            }
        }
        let order = |name: &str| scheme.attributes().iter().position(|(known, _)| *known == name);
        uri.attributes.sort_by_key(|(name, _)| order(name));
        Ok(uri)
    }

    /// The URI of a key file.
    pub fn of_file(path: &str) -> KeyUri {
        KeyUri::new(UriScheme::File, vec![("path", path.as_bytes().to_vec())])
    }

    /// A URI of these attributes: those that the scheme knows, in its order.
    pub fn of(scheme: UriScheme, attributes: &[(&str, &[u8])]) -> KeyUri {
        let given = |name: &str| attributes.iter().find(|(given, _)| *given == name);
        let known = scheme.attributes().iter();
        let attributes =
            known.filter_map(|(name, _)| given(name).map(|(_, octets)| (*name, octets.to_vec())));
        KeyUri::new(scheme, attributes.collect())
    }

    /// Where it leads.
    pub fn scheme(&self) -> UriScheme {
        self.scheme
    }

    /// The octets of an attribute.
    pub fn octets(&self, name: &str) -> Option<&[u8]> {
        self.attributes.iter().find(|(held, _)| *held == name).map(|(_, octets)| octets.as_slice())
    }

    /// An attribute that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.octets(name).and_then(|octets| std::str::from_utf8(octets).ok())
    }

    /// The same URI without what says how to reach the store: module and PIN source. Two URIs of one PKCS#11 key
    /// through two modules are equal after this.
    pub fn without_access(&self) -> KeyUri {
        let mut uri = self.clone();
        uri.attributes.retain(|(name, _)| !["module-name", "module-path", "pin-source"].contains(name));
        uri
    }

    /// The same URI with another value of an attribute, or with one more. A name that the scheme lacks changes nothing.
    pub fn with(&self, name: &str, octets: &[u8]) -> KeyUri {
        let held = self.attributes.iter().map(|(name, octets)| (*name, octets.as_slice()));
        let others = held.filter(|(held, _)| *held != name);
        let attributes: Vec<(&str, &[u8])> = others.chain([(name, octets)]).collect();
        KeyUri::of(self.scheme, &attributes)
    }

    /// What another tool would read differently in the text that this was read from.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn new(scheme: UriScheme, attributes: Vec<(&'static str, Vec<u8>)>) -> KeyUri {
        KeyUri { scheme, attributes, warnings: Vec::new() }
    }

    fn add(&mut self, pair: &str, is_query: bool, dialect: Dialect) -> Result<(), (String, String)> {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| (format!("`{pair}` is no attribute"), "write `name=value`".to_owned()))?;
        if name == "pin-value" {
            let help = "use `pin-source=env:NAME` or `pin-source=file:PATH`";
            return Err(("it holds a PIN".to_owned(), help.to_owned()));
        }
        let known = self.scheme.attributes();
        let Some((name, belongs_in_query)) = known.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let what = format!("`{}` has no attribute `{name}`", self.scheme.name());
            return Err((what, format!("one of: {}", known.join(", "))));
        };
        if dialect == Dialect::Rfc7512 && *belongs_in_query != is_query {
            let (side, help) = match belongs_in_query {
                true => ("before the `?`", "write it after the `?`, or say `dialect = \"smallstep\"`"),
                false => ("after the `?`", "write it before the `?`, or say `dialect = \"smallstep\"`"),
            };
            return Err((format!("`{name}` stands {side}"), help.to_owned()));
        }
        if self.octets(name).is_some() {
            return Err((format!("`{name}` stands twice"), "give it once".to_owned()));
        }
        let octets = self.read_value(name, value, dialect)?;
        self.attributes.push((name, octets));
        Ok(())
    }

    fn read_value(&mut self, name: &str, value: &str, dialect: Dialect) -> Result<Vec<u8>, (String, String)> {
        let is_pkcs11_id = self.scheme == UriScheme::Pkcs11 && name == "id";
        if value.contains('+') {
            self.warnings.push(match dialect {
                Dialect::Rfc7512 => format!("the `+` of `{name}` is a plus here, and a space to smallstep"),
                Dialect::Smallstep => format!("the `+` of `{name}` is a space here, and a plus by RFC 7512"),
            });
        }
        let value = match dialect {
            Dialect::Smallstep => value.replace('+', " "),
            Dialect::Rfc7512 => value.to_owned(),
        };
        let is_hex =
            !value.is_empty() && value.len() % 2 == 0 && value.bytes().all(|c| c.is_ascii_hexdigit());
        if is_pkcs11_id && is_hex && dialect == Dialect::Rfc7512 {
            let what =
                format!("`id={value}` is {} octets of text here, and hexadecimal to smallstep", value.len());
            self.warnings.push(what);
        }
        if is_pkcs11_id && dialect == Dialect::Smallstep && !value.contains('%') {
            let help = "smallstep's `id` is an even number of hexadecimal digits".to_owned();
            return from_hex(&value)
                .filter(|_| is_hex)
                .ok_or((format!("`id={value}` is not hexadecimal"), help));
        }
        let decoded = percent_decode(&value);
        decoded.ok_or_else(|| {
            (
                format!("`{name}` has a broken percent-encoding"),
                "write `%` and two hexadecimal digits".to_owned(),
            )
        })
    }
}

impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == UriScheme::File {
            return write!(f, "file:{}", self.text("path").unwrap_or_default());
        }
        write!(f, "{}:", self.scheme.name())?;
        let is_query = |name: &str| self.scheme.attributes().contains(&(name, true));
        let (query, path): (Vec<_>, Vec<_>) = self.attributes.iter().partition(|(name, _)| is_query(name));
        for (attributes, first, between) in [(path, "", ";"), (query, "?", "&")] {
            for (index, (name, octets)) in attributes.iter().enumerate() {
                f.write_str(if index == 0 { first } else { between })?;
                write!(f, "{name}=")?;
                let is_binary = self.scheme == UriScheme::Pkcs11 && *name == "id";
                write_encoded(f, octets, is_binary)?;
            }
        }
        Ok(())
    }
}

/// The attributes of a URI, each with whether it stands after the `?`. Empty ones are left out, as smallstep does.
fn pairs(rest: &str, dialect: Dialect) -> impl Iterator<Item = (bool, &str)> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let separators = move |is_query: bool| {
        move |c: char| match dialect {
            Dialect::Smallstep => c == ';' || c == '&',
            Dialect::Rfc7512 => c == if is_query { '&' } else { ';' },
        }
    };
    let path = path.split(separators(false)).map(|pair| (false, pair));
    let query = query.split(separators(true)).map(|pair| (true, pair));
    path.chain(query).filter(|(_, pair)| !pair.is_empty())
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        octets.extend(from_hex(std::str::from_utf8(digits).ok()?)?);
        rest = after;
    }
    Some(octets)
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let text =
                std::str::from_utf8(pair).ok().filter(|text| text.bytes().all(|c| c.is_ascii_hexdigit()))?;
            u8::from_str_radix(text, 16).ok().filter(|_| pair.len() == 2)
        })
        .collect()
}

/// Writes octets as RFC 7512 section 2.3 has them: unreserved characters and `:[]@!$'()*,+/` plain where they are safe
/// on both sides of the `?` and to both dialects, all others percent-encoded; an id wholly encoded.
fn write_encoded(f: &mut fmt::Formatter<'_>, octets: &[u8], is_binary: bool) -> fmt::Result {
    octets.iter().try_for_each(|octet| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' if !is_binary => {
            write!(f, "{}", char::from(*octet))
        }
        _ => write!(f, "%{octet:02X}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str, dialect: Dialect) -> String {
        KeyUri::parse(text, dialect).unwrap().to_string()
    }

    #[test]
    fn one_key_has_one_spelling() {
        for (dialect, text, expected) in [
            (Dialect::Rfc7512, "pkcs11:object=ca;token=My%20Token", "pkcs11:token=My%20Token;object=ca"),
            (Dialect::Rfc7512, "pkcs11:id=%10%00?module-path=/m.so", "pkcs11:id=%10%00?module-path=/m.so"),
            (Dialect::Smallstep, "pkcs11:module-path=/m.so;id=1000", "pkcs11:id=%10%00?module-path=/m.so"),
            (Dialect::Smallstep, "pkcs11:token=My+Token;object=ca", "pkcs11:token=My%20Token;object=ca"),
            (Dialect::Rfc7512, "pkcs11:token=A+B", "pkcs11:token=A%2BB"),
            (Dialect::Smallstep, "awskms:region=eu-west-1;key-id=abc", "awskms:key-id=abc;region=eu-west-1"),
            (
                Dialect::Rfc7512,
                "azurekms:name=k;vault=v?hsm=true&version=1",
                "azurekms:name=k;vault=v?version=1&hsm=true",
            ),
            (Dialect::Rfc7512, "file:///etc/ca.pem", "file:/etc/ca.pem"),
            (Dialect::Rfc7512, "tpm2:handle=0x81010001", "tpm2:handle=0x81010001"),
        ] {
            let found = canonical(text, dialect);
            assert_eq!(found, expected, "{text}");
            assert_eq!(canonical(&found, Dialect::Rfc7512), expected, "{text}, read again");
        }
    }

    #[test]
    fn what_locates_no_key_is_refused_with_its_mend() {
        for (text, what) in [
            ("pkcs11:token=a?pin-value=1234", "it holds a PIN"),
            ("pkcs11:token=a;pin-value=1234", "it holds a PIN"),
            ("pkcs11:token=a;module-path=/m.so", "`module-path` stands before the `?`"),
            ("pkcs11:token=a;token=b", "`token` stands twice"),
            ("pkcs11:tokn=a", "`pkcs11` has no attribute `tokn`"),
            ("pkcs11:token", "`token` is no attribute"),
            ("pkcs11:token=%4", "`token` has a broken percent-encoding"),
            ("awskms:region=eu-west-1", "it has no `key-id`"),
            ("kmip:name=a", "no store has the scheme `kmip`"),
            ("ca.pem", "it has no scheme"),
            ("file:", "it has no path"),
        ] {
            let error = KeyUri::parse(text, Dialect::Rfc7512).unwrap_err();
            assert_eq!((error.problem, error.what.as_str()), (Problem::Configuration, what), "{text}");
            assert!(!error.help.is_empty() && !error.to_string().contains("1234") || text.contains("1234"));
        }
    }

    #[test]
    fn an_attribute_is_changed_in_its_place() {
        let uri = KeyUri::parse("pkcs11:token=t;object=a?module-path=/m.so", Dialect::Rfc7512).unwrap();
        assert_eq!(uri.with("object", b"b").to_string(), "pkcs11:token=t;object=b?module-path=/m.so");
        assert_eq!(
            uri.with("serial", b"1").to_string(),
            "pkcs11:token=t;serial=1;object=a?module-path=/m.so"
        );
        assert_eq!(uri.with("handle", b"1"), uri);
    }

    #[test]
    fn what_another_tool_reads_differently_is_named() {
        let hex = KeyUri::parse("pkcs11:id=1000", Dialect::Rfc7512).unwrap();
        assert_eq!(hex.octets("id"), Some(&b"1000"[..]));
        assert!(hex.warnings()[0].contains("hexadecimal to smallstep"));
        let plus = KeyUri::parse("pkcs11:token=a+b", Dialect::Smallstep).unwrap();
        assert_eq!(plus.text("token"), Some("a b"));
        assert_eq!(plus.warnings().len(), 1);
        assert!(KeyUri::parse("pkcs11:id=%10%00", Dialect::Rfc7512).unwrap().warnings().is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_canonical_text_reads_as_itself(text in "[a-z0-9:]{0,8}\\PC{0,60}") {
            for dialect in [Dialect::Rfc7512, Dialect::Smallstep] {
                for text in [text.clone(), format!("pkcs11:{text}"), format!("awskms:key-id={text}")] {
                    if let Ok(uri) = KeyUri::parse(&text, dialect) {
                        let again = KeyUri::parse(&uri.to_string(), Dialect::Rfc7512).unwrap();
                        prop_assert_eq!(&again.attributes, &uri.attributes);
                    }
                }
            }
        }
    }
}
