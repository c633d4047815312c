//! The container of formats that have none of their own: a JSON object whose `format` names the format and whose other members are base64.
//!
//! TPM tools write each structure into a file of its own, and a WebAuthn registration is two byte strings; evidence is one. Members
//! are standard base64 with padding; lists are arrays of such strings. A member that the format does not have is refused. Nothing
//! signs the container: what its members are worth, their own signatures decide.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::Evidence;
use serde_json::{Map, Value};

/// Bytes of one member: a certificate, of which the largest sample has 4 kB, or a WebAuthn attestation object with a chain.
pub const MEMBER_LEN_BYTES_MAX: usize = 64 << 10;
/// Strings of one list: certificates of one path.
pub const LIST_LEN_MAX: usize = 10;

/// The members of a container that are not yet taken.
#[derive(Debug)]
pub struct Container(Map<String, Value>);

impl Container {
    /// Whether the first part of the item is a container of that format.
    pub fn is_of(format: &str, evidence: &Evidence) -> bool {
        let json = evidence.reading(Json::read);
        json.0.as_ref().and_then(|map| map.get("format")).and_then(Value::as_str) == Some(format)
    }

    /// Opens the first part of the item, a container of that format.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where the bytes are no JSON object; [`Reject::FieldMismatch`] where `format` is another.
    pub fn open(format: &'static str, evidence: &Evidence) -> Result<Self, Reject> {
        let json = evidence.reading(Json::read);
        let mut map = json.0.clone().ok_or(Reject::Malformed { what: "container" })?;
        let found = map.remove("format").ok_or(Reject::FieldMissing { field: "format" })?;
        if found.as_str() != Some(format) {
            let found = found.as_str().map_or(Operand::Absent, Operand::text);
            return Err(Reject::FieldMismatch { field: "format", expected: Operand::Word(format), found });
        }
        Ok(Self(map))
    }

    /// Takes a member, if it is there.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where it is no base64; [`Reject::TooLarge`] beyond [`MEMBER_LEN_BYTES_MAX`].
    pub fn take(&mut self, name: &'static str) -> Result<Option<Vec<u8>>, Reject> {
        self.0.remove(name).map(|value| decode(name, &value)).transpose()
    }

    /// Takes a member that must be there.
    ///
    /// # Errors
    /// Those of [`Container::take`]; [`Reject::FieldMissing`].
    pub fn require(&mut self, name: &'static str) -> Result<Vec<u8>, Reject> {
        self.take(name)?.ok_or(Reject::FieldMissing { field: name })
    }

    /// Takes a list; it is empty where there is none.
    ///
    /// # Errors
    /// Those of [`Container::take`] for each string; [`Reject::TooLarge`] beyond [`LIST_LEN_MAX`] strings.
    pub fn take_list(&mut self, name: &'static str) -> Result<Vec<Vec<u8>>, Reject> {
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() > LIST_LEN_MAX => {
                Err(Reject::TooLarge { what: name, size: items.len(), limit: LIST_LEN_MAX })
            }
            Some(Value::Array(items)) => items.iter().map(|item| decode(name, item)).collect(),
            Some(_) => Err(Reject::Malformed { what: name }),
        }
    }

    /// Asserts that every member was taken.
    ///
    /// # Errors
    /// [`Reject::FieldMismatch`] with the first member left.
    pub fn finish(self) -> Result<(), Reject> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Reject::FieldMismatch {
                field: "container member",
                expected: Operand::Word("a member of the format"),
                found: Operand::text(name),
            }),
        }
    }
}

/// Writes a container.
pub fn write(format: &str, members: &[(&str, &[u8])], lists: &[(&str, &[&[u8]])]) -> Vec<u8> {
    let mut map = Map::new();
    map.insert("format".to_owned(), Value::String(format.to_owned()));
    for (name, bytes) in members {
        map.insert((*name).to_owned(), Value::String(STANDARD.encode(bytes)));
    }
    for (name, items) in lists {
        let items = items.iter().map(|item| Value::String(STANDARD.encode(item))).collect();
        map.insert((*name).to_owned(), Value::Array(items));
    }
    Value::Object(map).to_string().into_bytes()
}

/// The first part of an item, where it is a JSON object.
pub(crate) struct Json(pub(crate) Option<Map<String, Value>>);

impl Json {
    pub(crate) fn read(evidence: &Evidence) -> Self {
        let bytes = evidence.bytes();
        let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        match is_object.then(|| serde_json::from_slice(bytes)) {
            Some(Ok(Value::Object(map))) => Self(Some(map)),
            _ => Self(None),
        }
    }
}

/// The octets of a base64 string.
///
/// # Errors
/// [`Reject::Malformed`]; [`Reject::TooLarge`] beyond [`MEMBER_LEN_BYTES_MAX`].
pub(crate) fn decode(what: &'static str, value: &Value) -> Result<Vec<u8>, Reject> {
    let text = value.as_str().ok_or(Reject::Malformed { what })?;
    let (size, limit) = (text.len() / 4 * 3, MEMBER_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what, size, limit });
    }
    STANDARD.decode(text).map_err(|_| Reject::Malformed { what })
}
