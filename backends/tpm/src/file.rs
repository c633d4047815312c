//! A key in a file that only its TPM can open: `TSS2 PRIVATE KEY`, which OpenSSL's TPM providers read and write too.
//!
//! Source: draft-bottomley-tpm2-keys, section 3.1 (TPMKey). Read are loadable keys under the storage root key or a
//! persistent parent; keys with policies, imported ones and sealed data are refused.
use der::asn1::{Any, ContextSpecific, ObjectIdentifier, OctetString, OctetStringRef};
use der::pem::{LineEnding, decode_vec, encode_string};
use der::{Decode, Encode, Tag, TagMode, TagNumber, Tagged};
use pkic_backend::error::{Problem, StoreError};
use std::fmt::Display;

/// Bytes of a file: that of an RSA-4096 key has 1.6 kB.
pub(crate) const FILE_LEN_BYTES_MAX: u64 = 16 << 10;
/// The label of the PEM form.
const LABEL: &str = "TSS2 PRIVATE KEY";
/// `id-loadablekey`.
const LOADABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.10.1.3");
/// TPM_RH_OWNER: the parent is the storage root key, made from the owner's seed.
const OWNER: u32 = 0x4000_0001;
/// Handles of persistent objects start so. Source: TPM 2.0 Library, Part 2, section 7.2.
const PERSISTENT: u32 = 0x81;

/// What a key hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The storage root key.
    StorageRoot,
    /// The object at this persistent handle.
    Persistent(u32),
}

/// A key in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFile {
    pub(crate) parent: Parent,
    /// Whether it has no authorisation value.
    pub(crate) is_auth_empty: bool,
    /// TPMT_PUBLIC.
    pub(crate) public: Vec<u8>,
    /// The contents of TPM2B_PRIVATE.
    pub(crate) private: Vec<u8>,
}

impl KeyFile {
    /// The PEM text.
    pub(crate) fn to_pem(&self) -> der::Result<String> {
        let empty_auth = ContextSpecific {
            tag_number: TagNumber(0),
            tag_mode: TagMode::Explicit,
            value: self.is_auth_empty,
        };
        let parent = match self.parent {
            Parent::StorageRoot => OWNER,
            Parent::Persistent(handle) => handle,
        };
        let fields = vec![
            Any::encode_from(&LOADABLE)?,
            Any::encode_from(&empty_auth)?,
            Any::encode_from(&parent)?,
            Any::encode_from(&OctetString::new(sized(&self.public)?)?)?,
            Any::encode_from(&OctetString::new(sized(&self.private)?)?)?,
        ];
        Ok(encode_string(LABEL, LineEnding::LF, &fields.to_der()?)?)
    }

    /// Reads PEM or DER.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Unsupported`: what is not such a key, or one that is not used here.
    pub(crate) fn read(octets: &[u8], at: &dyn Display) -> Result<KeyFile, StoreError> {
        let unfit = |what: &str, help: &str| StoreError::new(Problem::Unsupported, at, what, help);
        let broken =
            || unfit("it is no `TSS2 PRIVATE KEY`", "make the key with `pkic` or an OpenSSL TPM provider");
        let decoded = if octets.first() == Some(&0x30) {
            octets.to_vec()
        } else {
            let (label, decoded) = decode_vec(octets).map_err(|_| broken())?;
            if label != LABEL {
                return Err(broken());
            }
            decoded
        };
        let fields = Vec::<Any>::from_der(&decoded).map_err(|_| broken())?;
        let Some((kind, rest)) = fields.split_first() else { return Err(broken()) };
        if kind.decode_as::<ObjectIdentifier>().map_err(|_| broken())? != LOADABLE {
            return Err(unfit(
                "it is no loadable key",
                "import the key with its tool, and give what that wrote",
            ));
        }
        let (optional, fixed): (Vec<&Any>, Vec<&Any>) =
            rest.iter().partition(|field| matches!(field.tag(), Tag::ContextSpecific { .. }));
        let is_auth_empty = read_optional(&optional, &unfit)?;
        let [parent, public, private] = fixed.as_slice() else { return Err(broken()) };
        let parent = match parent.decode_as::<u32>().map_err(|_| broken())? {
            OWNER => Parent::StorageRoot,
            handle if handle >> 24 == PERSISTENT => Parent::Persistent(handle),
            _ => {
                let help = "make it under the owner's storage root key";
                return Err(unfit("its parent is another hierarchy", help));
            }
        };
        let octets_of = |field: &Any| {
            let octets = field.decode_as::<&OctetStringRef>().ok()?;
            unsized_of(octets.as_bytes()).map(<[u8]>::to_vec)
        };
        let public = octets_of(public).ok_or_else(broken)?;
        let private = octets_of(private).ok_or_else(broken)?;
        Ok(KeyFile { parent, is_auth_empty, public, private })
    }
}

/// Reads the optional fields: whether the authorisation value is empty. A description says nothing to us; the others
/// change how the key is used.
fn read_optional(fields: &[&Any], unfit: &dyn Fn(&str, &str) -> StoreError) -> Result<bool, StoreError> {
    let mut is_auth_empty = false;
    for field in fields {
        let number = match field.tag() {
            Tag::ContextSpecific { number, .. } => number.value(),
            _ => u32::MAX,
        };
        match number {
            0 => is_auth_empty = bool::from_der(field.value()).unwrap_or(false),
            4 => {}
            1 | 3 => return Err(unfit("it has a policy", "make a key that its authorisation value opens")),
            _ => return Err(unfit(&format!("it has the field [{number}]"), "make it anew")),
        }
    }
    Ok(is_auth_empty)
}

/// A `TPM2B`.
fn sized(octets: &[u8]) -> der::Result<Vec<u8>> {
    let len = u16::try_from(octets.len()).map_err(|_| der::ErrorKind::Overflow)?;
    Ok([&len.to_be_bytes(), octets].concat())
}

/// The contents of a `TPM2B` that is all there is.
fn unsized_of(octets: &[u8]) -> Option<&[u8]> {
    let (len, contents) = octets.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*len)) == contents.len()).then_some(contents)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key() -> KeyFile {
        KeyFile {
            parent: Parent::StorageRoot,
            is_auth_empty: true,
            public: vec![1; 90],
            private: vec![2; 126],
        }
    }

    /// The DER of a file whose fields were changed.
    fn changed(change: impl FnOnce(&mut Vec<Any>)) -> Vec<u8> {
        let der = decode_vec(key().to_pem().unwrap().as_bytes()).unwrap().1;
        let mut fields = Vec::<Any>::from_der(&der).unwrap();
        change(&mut fields);
        fields.to_der().unwrap()
    }

    fn tagged(number: u32) -> Any {
        let field =
            ContextSpecific { tag_number: TagNumber(number), tag_mode: TagMode::Explicit, value: true };
        Any::encode_from(&field).unwrap()
    }

    #[test]
    fn a_file_reads_back() {
        let at_handle = KeyFile { parent: Parent::Persistent(0x8100_0001), is_auth_empty: false, ..key() };
        for key in [key(), at_handle] {
            assert_eq!(KeyFile::read(key.to_pem().unwrap().as_bytes(), &"key"), Ok(key));
        }
        assert_eq!(KeyFile::read(&changed(|_| ()), &"key"), Ok(key()));
        let described = changed(|fields| fields.insert(2, tagged(4)));
        assert_eq!(KeyFile::read(&described, &"key"), Ok(key()));
        let without = changed(|fields| drop(fields.remove(1)));
        assert!(!KeyFile::read(&without, &"key").unwrap().is_auth_empty);
    }

    #[test]
    fn what_is_used_in_another_way_is_refused() {
        let importable = ObjectIdentifier::new_unwrap("2.23.133.10.1.4");
        for (file, what) in [
            (changed(|fields| fields[0] = Any::encode_from(&importable).unwrap()), "no loadable key"),
            (changed(|fields| fields.insert(2, tagged(1))), "a policy"),
            (changed(|fields| fields.insert(2, tagged(3))), "a policy"),
            (changed(|fields| fields.insert(2, tagged(5))), "the field [5]"),
            (changed(|fields| fields[2] = Any::encode_from(&0x4000_000bu32).unwrap()), "another hierarchy"),
            (changed(|fields| fields.truncate(4)), "no `TSS2 PRIVATE KEY`"),
            (changed(|fields| fields.push(fields[4].clone())), "no `TSS2 PRIVATE KEY`"),
            (changed(|fields| fields[4] = Any::new(Tag::OctetString, vec![0, 9, 1]).unwrap()), "no `TSS2"),
            (Vec::new(), "no `TSS2"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec(), "no `TSS2"),
        ] {
            let error = KeyFile::read(&file, &"key").unwrap_err();
            assert_eq!(error.problem, Problem::Unsupported);
            assert!(error.what.contains(what), "{what}: {error}");
        }
    }
}
