//! Making a key inside a token: not extractable, sensitive, for signing alone.
use crate::failure::Answer;
use crate::object::{self, PrivateKey};
use crate::public;
use aws_lc_rs::rand;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, MlDsaParameterSetType, ObjectClass};
use cryptoki::session::Session;
use der::Encode;
use der::asn1::ObjectIdentifier;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::NewKey;
use pkic_facts::crypto::KeyKind;

/// Octets of a new CKA_ID.
const ID_LEN_BYTES: usize = 16;
/// Octets of a label: tokens of small chips take no more.
const LABEL_LEN_BYTES_MAX: usize = 64;
/// 65537.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

/// How a key of some kind is made.
struct Recipe {
    mechanism: Mechanism<'static>,
    key_type: KeyType,
    /// What the public half is told beside what all are.
    public: Vec<Attribute>,
    /// What the private key is kept from beside what all are.
    private: Vec<Attribute>,
}

/// Makes the key and returns it.
pub(crate) fn generate(session: &Session, key: &NewKey) -> Answer<PrivateKey> {
    let label = key.label.clone().into_bytes();
    let unfit = |problem, what: &str, help: &str| StoreError::new(problem, &key.label, what, help);
    if label.is_empty() || label.len() > LABEL_LEN_BYTES_MAX {
        let help = "give it 1 to 64 bytes";
        return Err(unfit(Problem::Configuration, "the label is empty or too long", help).into());
    }
    let recipe = recipe(key).ok_or_else(|| {
        let help = "RSA of 2048, 3072 or 4096 bits, ECDSA, Ed25519 and ML-DSA are";
        unfit(Problem::Unsupported, "such a key is not made here", help)
    })?;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        let same = [Attribute::Class(class), Attribute::Token(true), Attribute::Label(label.clone())];
        if !object::find(session, &same)?.is_empty() {
            let help = "choose another label";
            return Err(unfit(Problem::Configuration, "the token has a key of that label", help).into());
        }
    }
    let mut id = vec![0; ID_LEN_BYTES];
    rand::fill(&mut id).map_err(|_| unfit(Problem::Answer, "no id was made", "the random source failed"))?;
    let both = [Attribute::Token(true), Attribute::Label(label.clone()), Attribute::Id(id.clone())];
    let public = [Attribute::Private(false), Attribute::Verify(true)];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    let public: Vec<Attribute> = [&both[..], &public, &recipe.public].concat();
    let private: Vec<Attribute> = [&both[..], &private, &recipe.private].concat();
    let (_, handle) = session.generate_key_pair(&recipe.mechanism, &public, &private)?;
    Ok(PrivateKey { handle, key_type: recipe.key_type, id, label })
}

/// How a key is made; nothing for a kind or size that is not made here.
fn recipe(key: &NewKey) -> Option<Recipe> {
    let curve = |mechanism, key_type, oid: ObjectIdentifier| {
        let public = vec![Attribute::EcParams(oid.to_der().ok()?)];
        Some(Recipe { mechanism, key_type, public, private: vec![Attribute::Derive(false)] })
    };
    let parameters = |set: MlDsaParameterSetType| Recipe {
        mechanism: Mechanism::MlDsaKeyPairGen,
        key_type: KeyType::ML_DSA,
        public: vec![Attribute::ParameterSet(set.into())],
        private: Vec::new(),
    };
    let ec = |oid| curve(Mechanism::EccKeyPairGen, KeyType::EC, oid);
    match (key.kind, key.bits) {
        (KeyKind::Rsa, bits) => {
            let bits = u32::from(bits.unwrap_or(3072));
            [2048, 3072, 4096].contains(&bits).then(|| Recipe {
                mechanism: Mechanism::RsaPkcsKeyPairGen,
                key_type: KeyType::RSA,
                public: vec![
                    Attribute::ModulusBits(cryptoki::types::Ulong::new(bits.into())),
                    Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec()),
                    Attribute::Encrypt(false),
                    Attribute::Wrap(false),
                ],
                private: vec![Attribute::Decrypt(false), Attribute::Unwrap(false)],
            })
        }
        (_, Some(_)) => None,
        (KeyKind::P256, _) => ec(public::P256),
        (KeyKind::P384, _) => ec(public::P384),
        (KeyKind::P521, _) => ec(public::P521),
        (KeyKind::Ed25519, _) => curve(Mechanism::EccEdwardsKeyPairGen, KeyType::EC_EDWARDS, public::ED25519),
        (KeyKind::MlDsa44, _) => Some(parameters(MlDsaParameterSetType::ML_DSA_44)),
        (KeyKind::MlDsa65, _) => Some(parameters(MlDsaParameterSetType::ML_DSA_65)),
        (KeyKind::MlDsa87, _) => Some(parameters(MlDsaParameterSetType::ML_DSA_87)),
        (KeyKind::Dsa | KeyKind::HssLms, _) => None,
    }
}
