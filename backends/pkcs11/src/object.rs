//! Objects of a token: private keys that sign, and their attributes, of which modules lack some.
use crate::failure::Answer;
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::uri::KeyUri;

/// Objects that a search looks at.
const OBJECTS_MAX: usize = 10_000;
/// Keys that an error names.
const NAMED_MAX: usize = 8;

/// A private key that signs.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKey {
    /// Its handle in the session that found it.
    pub(crate) handle: ObjectHandle,
    /// CKA_KEY_TYPE.
    pub(crate) key_type: KeyType,
    /// CKA_ID.
    pub(crate) id: Vec<u8>,
    /// CKA_LABEL.
    pub(crate) label: Vec<u8>,
}

/// Objects that have all these attributes.
pub(crate) fn find(session: &Session, template: &[Attribute]) -> Answer<Vec<ObjectHandle>> {
    let found: Vec<ObjectHandle> =
        session.iter_objects(template)?.take(OBJECTS_MAX.saturating_add(1)).collect::<Result<_, _>>()?;
    if found.len() > OBJECTS_MAX {
        let help = "give the keys a token of their own";
        let what = format!("it has more than {OBJECTS_MAX} objects");
        return Err(StoreError::new(Problem::Answer, "token", what, help).into());
    }
    Ok(found)
}

/// Private keys with CKA_SIGN that have the label and id of a URI, where it has them.
pub(crate) fn private_keys(session: &Session, uri: Option<&KeyUri>) -> Answer<Vec<PrivateKey>> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)];
    let named = |name| uri.and_then(|uri| uri.octets(name)).map(<[u8]>::to_vec);
    template.extend(named("object").map(Attribute::Label));
    template.extend(named("id").map(Attribute::Id));
    let mut keys = Vec::new();
    for handle in find(session, &template)? {
        let of = [AttributeType::Sign, AttributeType::Id, AttributeType::Label];
        let read_now = read_all(session, handle, &of)?;
        if flag_of(&read_now, AttributeType::Sign) != Some(true) {
            continue;
        }
        // Read by itself: a type that the library does not know would spoil the others.
        let Some(Attribute::KeyType(key_type)) = read(session, handle, AttributeType::KeyType)? else {
            continue;
        };
        let octets = |of| octets_of(&read_now, of).unwrap_or_default().to_vec();
        keys.push(PrivateKey {
            handle,
            key_type,
            id: octets(AttributeType::Id),
            label: octets(AttributeType::Label),
        });
    }
    Ok(keys)
}

/// The one private key at a URI.
pub(crate) fn private_key(session: &Session, uri: &KeyUri) -> Answer<PrivateKey> {
    let mut keys = private_keys(session, Some(uri))?;
    let named: Vec<String> = keys.iter().take(NAMED_MAX).map(name).collect();
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (None, _) => {
            let help = "`pkic store probe` lists the signing keys that the login shows";
            Err(StoreError::key_unknown(uri, help).into())
        }
        (Some(_), false) => {
            let count = keys.len().saturating_add(1);
            let what = format!("{count} signing keys answer to it: {}", named.join(", "));
            let help = "add `id=…`, or give the keys labels and ids of their own";
            Err(StoreError::new(Problem::KeyAmbiguous, uri, what, help).into())
        }
    }
}

fn name(key: &PrivateKey) -> String {
    let id: String = key.id.iter().map(|octet| format!("%{octet:02X}")).collect();
    format!("`{}` (id `{id}`)", String::from_utf8_lossy(&key.label))
}

/// An attribute; nothing where the object lacks it or the module keeps it back.
pub(crate) fn read(session: &Session, object: ObjectHandle, of: AttributeType) -> Answer<Option<Attribute>> {
    Ok(read_all(session, object, &[of])?.pop())
}

/// Those of some attributes that the object has and the module shows, in one call: a network HSM is far away.
pub(crate) fn read_all(
    session: &Session,
    object: ObjectHandle,
    of: &[AttributeType],
) -> Answer<Vec<Attribute>> {
    Ok(session.get_attributes(object, of)?)
}

/// Of attributes that were read, one that is true or false.
pub(crate) fn flag_of(read: &[Attribute], of: AttributeType) -> Option<bool> {
    match read.iter().find(|attribute| attribute.attribute_type() == of)? {
        Attribute::AlwaysAuthenticate(flag)
        | Attribute::AlwaysSensitive(flag)
        | Attribute::Extractable(flag)
        | Attribute::Local(flag)
        | Attribute::NeverExtractable(flag)
        | Attribute::Sensitive(flag)
        | Attribute::Sign(flag) => Some(*flag),
        _ => None,
    }
}

/// Of attributes that were read, the octets of one; nothing for none.
pub(crate) fn octets_of(read: &[Attribute], of: AttributeType) -> Option<&[u8]> {
    match read.iter().find(|attribute| attribute.attribute_type() == of)? {
        Attribute::EcParams(octets)
        | Attribute::EcPoint(octets)
        | Attribute::Id(octets)
        | Attribute::Label(octets)
        | Attribute::Modulus(octets)
        | Attribute::PublicExponent(octets)
        | Attribute::PublicKeyInfo(octets)
        | Attribute::Value(octets)
            if !octets.is_empty() =>
        {
            Some(octets)
        }
        _ => None,
    }
}

/// An attribute that is octets; nothing for none.
pub(crate) fn octets(session: &Session, object: ObjectHandle, of: AttributeType) -> Answer<Option<Vec<u8>>> {
    Ok(octets_of(&read_all(session, object, &[of])?, of).map(<[u8]>::to_vec))
}

/// CKA_ALLOWED_MECHANISMS; nothing where the key has no such limit.
pub(crate) fn allowed_mechanisms(
    session: &Session,
    object: ObjectHandle,
) -> Answer<Option<Vec<MechanismType>>> {
    Ok(match read(session, object, AttributeType::AllowedMechanisms)? {
        Some(Attribute::AllowedMechanisms(allowed)) if !allowed.is_empty() => Some(allowed),
        _ => None,
    })
}
