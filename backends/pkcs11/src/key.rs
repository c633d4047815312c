//! One private key of a token, and its signatures.
use crate::failure::Answer;
use crate::mechanism::Way;
use crate::object::{self, PrivateKey};
use crate::observed;
use crate::pool::{Held, Pool};
use crate::public::{self, Source};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Signer, schemes_of};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_facts::crypto::{KeyKind, PublicKey, Scheme, ecdsa_der_of_fixed};
use std::sync::Arc;

/// What one session knows of a key.
#[derive(Debug, Clone)]
pub(crate) struct Handles {
    private: ObjectHandle,
    key_type: KeyType,
    public: Source,
    mechanisms: Arc<[MechanismType]>,
    wants_login: bool,
}

/// A key of a token. Whatever session it signs in, its public half is the one that it was opened with.
pub(crate) struct TokenKey {
    number: u64,
    uri: KeyUri,
    pool: Arc<Pool>,
    spki: Vec<u8>,
    kind: KeyKind,
}

impl TokenKey {
    /// Opens the one key at a URI.
    pub(crate) fn open(pool: Arc<Pool>, uri: &KeyUri) -> Result<TokenKey, StoreError> {
        let number = pool.number();
        let (own, spki) = pool.with(uri, |held| {
            let key = object::private_key(&held.session, uri)?;
            let (public, spki) = public_half(&held.session, &key, uri)?;
            let own = uri_of(&pool, &key);
            let handles = handles(&pool, &held.session, &key, public)?;
            held.remember(number, handles);
            Ok((own, spki))
        })?;
        let kind = PublicKey::from_spki(&spki).map(|key| key.kind).map_err(|reject| {
            let help = "RSA, ECDSA on P-256, P-384 or P-521, Ed25519 and ML-DSA are";
            StoreError::new(Problem::Unsupported, uri, reject.to_string(), help)
        })?;
        Ok(TokenKey { number, uri: own, pool, spki, kind })
    }

    /// The key's handles in a session: found anew where the session is new, by the same label and id, and used only if
    /// the public half is the same.
    fn handles(&self, held: &mut Held) -> Answer<Handles> {
        if let Some(handles) = held.handles(self.number) {
            return Ok(handles);
        }
        let key = object::private_key(&held.session, &self.uri)?;
        let (public, spki) = public_half(&held.session, &key, &self.uri)?;
        self.require_same(&spki)?;
        let handles = handles(&self.pool, &held.session, &key, public)?;
        held.remember(self.number, handles.clone());
        Ok(handles)
    }

    fn require_same(&self, spki: &[u8]) -> Answer<()> {
        if spki == self.spki {
            return Ok(());
        }
        let what = "the token now shows another key under this URI than the one that was opened";
        let help = "open the key anew, if it was replaced on purpose";
        Err(StoreError::new(Problem::KeyUnknown, &self.uri, what, help).into())
    }

    /// The signature in the form that X.509 carries.
    fn finish(&self, signature: Vec<u8>) -> Answer<Vec<u8>> {
        let width = match self.kind {
            KeyKind::P256 => 32,
            KeyKind::P384 => 48,
            KeyKind::P521 => 66,
            _ => return Ok(signature),
        };
        ecdsa_der_of_fixed(&signature, width).ok_or_else(|| {
            let what =
                format!("the signature has {} bytes, not {}", signature.len(), width.saturating_mul(2));
            StoreError::new(Problem::Answer, &self.uri, what, "update the module, or report it to its vendor")
                .into()
        })
    }
}

impl Signer for TokenKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        self.pool.with(&self.uri, |held| {
            let handles = self.handles(held)?;
            let spki = public::read(&held.session, handles.public, handles.key_type)?;
            let spki = spki.ok_or_else(|| no_public_half(&self.uri))?;
            self.require_same(&spki)?;
            Ok(spki)
        })
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        self.pool.with(&self.uri, |held| {
            let handles = self.handles(held)?;
            let mechanisms = mechanisms(&self.pool, &held.session, handles.private)?;
            let is_here = |scheme: &&Scheme| Way::of(**scheme, &mechanisms, handles.wants_login).is_some();
            Ok(schemes_of(self.kind).iter().filter(is_here).copied().collect())
        })
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        self.pool.with(&self.uri, |held| {
            let handles = self.handles(held)?;
            observed::of_key(&held.session, handles.private, self.pool.token().info())
        })
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.pool.with(&self.uri, |held| {
            let handles = self.handles(held)?;
            let way = Way::of(scheme, &handles.mechanisms, handles.wants_login);
            let way = way.filter(|_| schemes_of(self.kind).contains(&scheme));
            let way = way.ok_or_else(|| StoreError::scheme_unsupported(&self.uri, scheme))?;
            let (session, input) = (&held.session, way.input(message)?);
            let signature = match handles.wants_login {
                false => session.sign(&way.mechanism, handles.private, &input)?,
                true => {
                    session.sign_init(&way.mechanism, handles.private)?;
                    self.pool.token().log_in_for_operation(session)?;
                    session.sign_update(&input)?;
                    session.sign_final()?
                }
            };
            self.finish(signature)
        })
    }
}

/// The URI of a key: the token by label and serial number, the key by label and id.
pub(crate) fn uri_of(pool: &Pool, key: &PrivateKey) -> KeyUri {
    let info = pool.token().info();
    let attributes = [
        ("token", info.label().as_bytes()),
        ("serial", info.serial_number().as_bytes()),
        ("object", key.label.as_slice()),
        ("id", key.id.as_slice()),
    ];
    let said: Vec<(&str, &[u8])> = attributes.into_iter().filter(|(_, octets)| !octets.is_empty()).collect();
    KeyUri::of(UriScheme::Pkcs11, &said)
}

fn public_half(session: &Session, key: &PrivateKey, uri: &KeyUri) -> Answer<(Source, Vec<u8>)> {
    public::of_key(session, key)?.ok_or_else(|| no_public_half(uri).into())
}

fn no_public_half(uri: &KeyUri) -> StoreError {
    let what = "the token shows no public half of it that pkic reads";
    let help = "store its public key or a certificate under the same id";
    StoreError::new(Problem::Unsupported, uri, what, help)
}

fn handles(pool: &Pool, session: &Session, key: &PrivateKey, public: Source) -> Answer<Handles> {
    let mechanisms = mechanisms(pool, session, key.handle)?.into();
    let always = AttributeType::AlwaysAuthenticate;
    let wants_login =
        object::flag_of(&object::read_all(session, key.handle, &[always])?, always) == Some(true);
    Ok(Handles { private: key.handle, key_type: key.key_type, public, mechanisms, wants_login })
}

/// The slot's mechanisms that the key allows.
fn mechanisms(pool: &Pool, session: &Session, key: ObjectHandle) -> Answer<Vec<MechanismType>> {
    let slot = session.get_session_info()?.slot_id();
    let of_slot = pool.token().module().context().get_mechanism_list(slot)?;
    let allowed = object::allowed_mechanisms(session, key)?;
    let is_allowed = |mechanism: &MechanismType| allowed.as_ref().is_none_or(|all| all.contains(mechanism));
    Ok(of_slot.into_iter().filter(is_allowed).collect())
}
