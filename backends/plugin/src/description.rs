//! What a module says of itself: its format's name, the envelope that its payload comes in, the facts that it reads.
use crate::error::LoadError;
use pkic_evidence::plugin::Envelope;
use pkic_facts::facts::is_of_device;
use pkic_vocab::FactId;
use serde::Deserialize;

/// Characters of a format's name: the longest of pkic's own has 22.
const NAME_LEN_MAX: usize = 64;
/// Characters of a media type or object identifier.
const TYPE_LEN_MAX: usize = 128;
/// Octets that a detached payload begins with. Fewer than two recognise too much.
const PREFIX_LEN_BYTES: std::ops::RangeInclusive<usize> = 2..=32;

/// A description that can be used.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) envelope: Envelope,
    pub(crate) facts: Vec<FactId>,
}

/// As the module writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    envelope: WrittenEnvelope,
    facts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum WrittenEnvelope {
    Certificate {
        extension: String,
        #[serde(default)]
        may_lack_ca_bit: bool,
    },
    CoseSign1 {
        content_type: String,
    },
    Jws {
        typ: String,
    },
    Cms {
        content_type: String,
    },
    Detached {
        prefix: String,
    },
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// [`LoadError::Description`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Description, LoadError> {
        let wrong = |why: String| LoadError::Description { why };
        let written: Written = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        let is_in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=NAME_LEN_MAX).contains(&written.name.len()) || !written.name.chars().all(is_in_name) {
            return Err(wrong("a name is 1 to 64 small letters, digits and hyphens".to_owned()));
        }
        if written.facts.is_empty() {
            return Err(wrong("it declares no facts".to_owned()));
        }
        let mut facts = Vec::new();
        for path in &written.facts {
            let shown: String = path.chars().filter(|c| !c.is_control()).take(TYPE_LEN_MAX).collect();
            let fact = FactId::from_path(path).ok_or_else(|| wrong(format!("`{shown}` is no fact")))?;
            if !is_of_device(fact.def()) {
                return Err(wrong(format!("`{shown}` is not a plugin's to say")));
            }
            if facts.contains(&fact) {
                return Err(wrong(format!("`{shown}` is declared twice")));
            }
            facts.push(fact);
        }
        Ok(Description { name: written.name, envelope: envelope(written.envelope).map_err(wrong)?, facts })
    }
}

fn envelope(written: WrittenEnvelope) -> Result<Envelope, String> {
    Ok(match written {
        WrittenEnvelope::Certificate { extension, may_lack_ca_bit } => {
            // Extensions of RFC 5280 tell no format from another.
            if extension.starts_with("2.5.29.") {
                return Err("an extension of X.509 itself marks no format".to_owned());
            }
            Envelope::Certificate { extension: oid(extension)?, may_lack_ca_bit }
        }
        WrittenEnvelope::CoseSign1 { content_type } => {
            Envelope::CoseSign1 { content_type: media_type(content_type)? }
        }
        WrittenEnvelope::Jws { typ } => Envelope::Jws { typ: media_type(typ)? },
        WrittenEnvelope::Cms { content_type } => Envelope::Cms { content_type: oid(content_type)? },
        WrittenEnvelope::Detached { prefix } => Envelope::Detached { prefix: octets(&prefix)? },
    })
}

fn oid(text: String) -> Result<String, String> {
    if text.len() <= TYPE_LEN_MAX && pkic_vocab::oids::is_dotted(&text) {
        return Ok(text);
    }
    Err("an object identifier is written with dots".to_owned())
}

fn media_type(text: String) -> Result<String, String> {
    if (1..=TYPE_LEN_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text);
    }
    Err("a type is 1 to 128 visible characters".to_owned())
}

fn octets(digits: &str) -> Result<Vec<u8>, String> {
    let pairs = digits.as_bytes().chunks(2);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let octets: Option<Vec<u8>> = pairs.map(octet).collect();
    let is_whole = digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let octets = octets.filter(|octets| is_whole && PREFIX_LEN_BYTES.contains(&octets.len()));
    octets.ok_or("a prefix is 2 to 32 octets in hexadecimal digits".to_owned())
}
