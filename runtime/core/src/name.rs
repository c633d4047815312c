//! Subject and issuer names: from the bytes of a certificate or request to attributes.
use crate::unfit::Unfit;
use pkic_facts::der;
use pkic_vocab::fields::{ATTRIBUTE_FACT, FIELDS, Place};
use pkic_vocab::names::{Attribute, Dn};
use pkic_vocab::{FactId, Path, Value, limits};

/// Attributes of one name: an X.500 name of a public CA has at most ten.
const ATTRIBUTES_MAX: usize = 32;

/// Reads a Name.
///
/// # Errors
/// [`Unfit`] where it does not decode, or an attribute is no text.
pub(crate) fn read(raw: &[u8]) -> Result<Dn, Unfit> {
    let malformed = |_| Unfit::new("name", "it does not decode");
    let mut rdns = Vec::new();
    let body = der::only("name", der::SEQUENCE, raw).map_err(malformed)?;
    for rdn in der::elements("name", body, ATTRIBUTES_MAX).map_err(malformed)? {
        let set = der::only("name", der::SET, rdn.raw).map_err(malformed)?;
        let attributes = der::elements("name", set, ATTRIBUTES_MAX).map_err(malformed)?;
        rdns.push(attributes.iter().map(|one| read_attribute(one.raw)).collect::<Result<Vec<_>, Unfit>>()?);
    }
    Ok(Dn::from_rdns(rdns))
}

fn read_attribute(raw: &[u8]) -> Result<Attribute, Unfit> {
    let malformed = |_| Unfit::new("attribute", "it does not decode");
    let body = der::only("attribute", der::SEQUENCE, raw).map_err(malformed)?;
    let (oid, rest) = der::expect("attribute", der::OBJECT_IDENTIFIER, body).map_err(malformed)?;
    let oid = der::oid_text(oid).ok_or(Unfit::new("attribute", "its type does not decode"))?;
    let (value, rest) = der::read("attribute", rest).map_err(malformed)?;
    if !rest.is_empty() {
        return Err(Unfit::new(&oid, "bytes follow its value"));
    }
    let text = text(value.tag, value.content).ok_or(Unfit::new(&oid, "its value is no printable text"))?;
    Ok(Attribute::new(&oid, text))
}

/// The text of a PrintableString, UTF8String or IA5String, without control characters. The other string types have
/// more than one reading in the field, so they are refused.
fn text(tag: u32, content: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(content).ok()?;
    let fits = match tag {
        0x0c => true,
        0x13 => text.bytes().all(is_printable),
        0x16 => text.is_ascii(),
        _ => false,
    };
    let plain = !text.is_empty() && !text.chars().any(char::is_control);
    (fits && plain && text.len() <= limits::TEXT_LEN_BYTES_MAX).then_some(text)
}

/// The characters of a PrintableString (X.680 section 41.4).
pub(crate) fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// The path of the fact that stands for a subject attribute of that type.
pub(crate) fn attribute_path(oid: &str) -> Result<Path, Unfit> {
    let field = FIELDS.iter().find(|field| matches!(field.place, Place::Subject(known) if known == oid));
    let known = field.and_then(|field| field.fact_id()).map(Path::from);
    let declared = || FactId::from_path(ATTRIBUTE_FACT).map(|fact| Path { fact, name: Some(oid.to_owned()) });
    known.or_else(declared).ok_or(Unfit::new(oid, "no fact stands for it"))
}

/// The attributes of a subject as facts, one attribute in each relative distinguished name and each type once.
///
/// # Errors
/// [`Unfit`] for an attribute that no fact can stand for: the second of its type, or one of several in one RDN.
pub(crate) fn subject_facts(subject: &Dn) -> Vec<Result<(Path, Value), Unfit>> {
    let mut seen: Vec<&str> = Vec::new();
    let mut facts = Vec::new();
    for rdn in subject.rdns() {
        for attribute in rdn {
            let fact = if rdn.len() > 1 {
                Err(Unfit::new(&attribute.oid, "it shares its relative distinguished name with others"))
            } else if seen.contains(&attribute.oid.as_str()) {
                Err(Unfit::new(&attribute.oid, "it stands more than once"))
            } else {
                attribute_path(&attribute.oid).map(|path| (path, Value::Text(attribute.value.clone())))
            };
            seen.push(&attribute.oid);
            facts.push(fact);
        }
    }
    facts
}
