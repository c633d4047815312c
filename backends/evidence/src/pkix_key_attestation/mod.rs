//! PKIX key attestation: the IETF's own evidence of a hardware security module about itself and its keys.
//!
//! A token is a list of elements, each with claims: the transaction (nonce, time, the signing keys), the platform, and
//! any number of keys. One or more attestation keys sign it. It proves what PKCS #11 attributes a key has in the module
//! of that attestation key: whether it was generated there, and whether it can leave. It does not prove what kind of
//! module that is, since the draft counts smart cards and TPMs among them: `key.storage` is a catalogue's to say.
//! The FIPS level that a module says of itself is no certification, and becomes no fact; that it runs in FIPS mode does.
//!
//! The item is the token in PEM (`EVIDENCE`) or DER; further parts are certificates that help to reach the attestation
//! key. A signer without certificate is looked for by its key identifier among these and the operator's certificates,
//! or among enrolled keys. Signature blocks can be taken away and added by anyone: one under a key that an anchor
//! vouches for is enough, and must hold. Of several keys, the request's own is meant. A token without keys is about the
//! platform, and so about its attestation key alone.
//!
//! Source: draft-ietf-rats-pkix-key-attestation-07, sections 4 to 6 and 8.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{PublicKey, Scheme, Sha256Digest, Strength};
use pkic_facts::der::{self, Element};
use pkic_facts::facts::Statement as _;
use pkic_facts::path::{KeyPurpose, PathInput, PathProfile, verify_path};
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, Verified, join, mint};
use token::{Said, Token};

mod oids;
mod token;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "draft-ietf-rats-pkix-key-attestation-07",
    proves: "PKCS #11 attributes of keys in the signer's module",
    leaves_open: "what kind of module; the level it claims",
    unsigned: "certificates beside the signatures; signature blocks of signers that no anchor reaches",
    detect: |input| Item::read(input.evidence.bytes()).is_ok_and(|item| Token::is_present(&item.tbs)),
    appraise,
};

const NAME: &str = "pkix-key-attestation";

const PROFILE: PathProfile = PathProfile {
    key_purpose: KeyPurpose::Required(oids::ATTESTATION_KEY_PURPOSE),
    ..PathProfile::strict(NAME, 5)
};

/// Signature blocks of one token: two algorithms of two owners are four.
const BLOCKS_MAX: usize = 8;
/// Certificates in one token.
const CERTIFICATES_MAX: usize = 16;
/// Certificates with one key identifier that are tried: a renewed one beside the old.
const LEAVES_MAX: usize = 4;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let mut item = Item::read(input.evidence.bytes())?;
    for part in input.evidence.parts().iter().skip(1) {
        item.certificates.extend(Certificate::all_from_file(part)?);
    }
    let mut refusal = NotVerified::Refused(Reject::FieldMissing { field: "SignatureBlock" });
    for (index, block) in item.blocks.iter().enumerate() {
        match block.reach(&item, input) {
            Ok(key) => {
                let signed = block.signed(&item)?;
                let token = mint(&signed, &key, Strength::Current, Token::decode)?;
                item.check_signers(token.value().ak_spkis(), &key)?;
                return conclude(input, token, &key);
            }
            Err(reject) if index == 0 => refusal = reject,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// Ends with what the token says of the request's key. Which element that is, is chosen here; that it is about the
/// request's key is found out by [`Input::conclude`] alone.
fn conclude(
    input: &Input<'_>,
    token: Verified<Token>,
    signer: &TrustedKey,
) -> Result<Appraised, NotVerified> {
    let keys = token.value().keys();
    let first = token.project(Token::first)?;
    if keys == 0 {
        let signer = signer.decode(|spki| Ok(spki.to_vec()))?;
        return input.conclude(&join(&first, &signer, Said::of_platform)?);
    }
    let Some(request) = input.request else {
        return match keys {
            1 => input.conclude(&first),
            _ => Err(Reject::FieldMissing { field: "request, which tells the one of several keys" }.into()),
        };
    };
    let wanted = PublicKey::from_spki(request.spki())?;
    let is_wanted = |said: &Verified<Said>| PublicKey::from_spki(said.value().attested_key()) == Ok(wanted);
    let mut chosen = None;
    let mut rest = token;
    for _ in 0..keys {
        let said = rest.project(Token::first)?;
        // The same key in two places of one module has two histories: neither can be told from the other's.
        if is_wanted(&said) && chosen.replace(said).is_some() {
            return Err(Reject::FieldRepeated { field: "key-spki" }.into());
        }
        rest = rest.project(Token::others)?;
    }
    match chosen {
        Some(said) => input.conclude(&said),
        None => Err(other_key(input, &first)),
    }
}

/// None of the keys is the request's. A request that does not prove possession of its key is refused for that.
fn other_key(input: &Input<'_>, first: &Verified<Said>) -> NotVerified {
    match input.conclude(first) {
        Err(refusal) if !first.value().attested_key().is_empty() => refusal,
        _ => NotVerified::Refused(Reject::FieldMissing { field: "key element of the request's key" }),
    }
}

/// A token with what came beside it, taken apart. Nothing is checked.
struct Item {
    tbs: Vec<u8>,
    blocks: Vec<Block>,
    certificates: Vec<Certificate>,
}

impl Item {
    /// `Evidence`: tbs, signature blocks, certificates.
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "Evidence";
        let bytes = der_of(bytes)?;
        let fields = der::elements(what, der::only(what, der::SEQUENCE, &bytes)?, 3)?;
        let (tbs, blocks, certificates) = match fields.as_slice() {
            [tbs, blocks] => (tbs, blocks, &[][..]),
            [tbs, blocks, certificates] if certificates.tag == 0xa0 => (tbs, blocks, certificates.content),
            _ => return Err(Reject::Malformed { what }),
        };
        let blocks = der::elements(what, der::only(what, der::SEQUENCE, blocks.raw)?, BLOCKS_MAX)?;
        let certificates = der::elements(what, certificates, CERTIFICATES_MAX)?;
        Ok(Self {
            tbs: tbs.raw.to_vec(),
            blocks: blocks.iter().map(Block::read).collect::<Result<_, _>>()?,
            certificates: certificates
                .iter()
                .map(|item| Certificate::from_der(item.raw))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Where the attester says which keys it signs with, the key that the token was verified with must be one of them,
    /// and every other key that a block names.
    fn check_signers(&self, ak_spkis: &[Vec<u8>], key: &TrustedKey) -> Result<(), Reject> {
        let named = self.blocks.iter().filter_map(Block::spki).chain([key.spki()]);
        let is_said = |spki: &[u8]| ak_spkis.iter().any(|ak_spki| ak_spki == spki);
        match named.into_iter().find(|spki| !is_said(spki)) {
            Some(other) if !ak_spkis.is_empty() => Err(Reject::FieldMismatch {
                field: oids::AK_SPKI.name,
                expected: Operand::Digest(Sha256Digest::of(other)),
                found: ak_spkis
                    .first()
                    .map_or(Operand::Absent, |said| Operand::Digest(Sha256Digest::of(said))),
            }),
            _ => Ok(()),
        }
    }
}

/// The DER of a token in PEM or DER.
fn der_of(bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "Evidence";
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    pem::only(what, bytes, |label| label == "EVIDENCE")
}

/// `SignatureBlock`: who is said to have signed, and the signature.
struct Block {
    key_id: Option<Vec<u8>>,
    spki: Option<Vec<u8>>,
    certificate: Option<Certificate>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Block {
    fn read(element: &Element<'_>) -> Result<Self, Reject> {
        let what = "SignatureBlock";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, element.raw)?, 3)?;
        let [signer, algorithm, signature] = fields.as_slice() else {
            return Err(Reject::Malformed { what });
        };
        let signer = der::elements(what, der::only(what, der::SEQUENCE, signer.raw)?, 3)?;
        if signer.is_empty() || !signer.is_sorted_by(|a, b| a.tag < b.tag) {
            return Err(Reject::Malformed { what });
        }
        let choice = |tag| signer.iter().find(|field| field.tag == tag).map(|field| field.content);
        let key_id = choice(0xa0).map(|content| der::only(what, der::OCTET_STRING, content)).transpose()?;
        Ok(Self {
            key_id: key_id.map(<[u8]>::to_vec),
            spki: choice(0xa1).map(<[u8]>::to_vec),
            certificate: choice(0xa2).map(Certificate::from_der).transpose()?,
            algorithm: algorithm.raw.to_vec(),
            signature: der::only(what, der::OCTET_STRING, signature.raw)?.to_vec(),
        })
    }

    fn signed(&self, item: &Item) -> Result<SignedBytes, Reject> {
        Ok(SignedBytes {
            what: "tbsEvidence",
            message: item.tbs.clone(),
            scheme: Scheme::from_algorithm_identifier(&self.algorithm)?,
            signature: self.signature.clone(),
        })
    }

    /// The key that the block names, where it names one.
    fn spki(&self) -> Option<&[u8]> {
        self.spki.as_deref().or(self.certificate.as_ref().map(|certificate| certificate.tbs().spki()))
    }

    /// The signer's key, as far as an anchor vouches for it.
    fn reach(&self, item: &Item, input: &Input<'_>) -> Result<TrustedKey, NotVerified> {
        if let Some(certificate) = &self.certificate {
            return Ok(self.reach_by(certificate, item, input)?);
        }
        let known = item.certificates.iter().chain(input.anchors.candidates());
        let leaves = known.filter(|certificate| self.is_of(certificate.tbs())).take(LEAVES_MAX);
        let mut refusal = None;
        for leaf in leaves {
            match self.reach_by(leaf, item, input) {
                Ok(key) => return Ok(key),
                Err(reject) => refusal = Some(NotVerified::Refused(reject)),
            }
        }
        // A bare key identifier is no key: what the token says of its signing keys tells which enrolled ones to try.
        let said = Token::decode(&item.tbs)?;
        let hints = self.spki.iter().chain(said.ak_spkis().iter().filter(|_| self.spki.is_none()));
        for spki in hints.take(LEAVES_MAX) {
            match TrustedKey::enrolled(input.anchors, spki, NAME, input.evidence, input.now) {
                Ok(key) => return Ok(key),
                Err(reject) => refusal = refusal.or(Some(NotVerified::Unproven(reject))),
            }
        }
        Err(refusal.unwrap_or(NotVerified::Unproven(Reject::FieldMissing { field: "signer's certificate" })))
    }

    fn is_of(&self, tbs: &Tbs) -> bool {
        match (&self.spki, &self.key_id) {
            (Some(spki), _) => tbs.spki() == spki,
            (None, Some(key_id)) => tbs.extension("2.5.29.14").is_some_and(|extension| {
                der::only("subjectKeyIdentifier", der::OCTET_STRING, &extension.value) == Ok(key_id)
            }),
            (None, None) => false,
        }
    }

    fn reach_by(&self, leaf: &Certificate, item: &Item, input: &Input<'_>) -> Result<TrustedKey, Reject> {
        if self.spki.as_deref().is_some_and(|spki| spki != leaf.tbs().spki()) {
            let digest = |spki: &[u8]| Operand::Digest(Sha256Digest::of(spki));
            let (expected, found) =
                (digest(leaf.tbs().spki()), digest(self.spki.as_deref().unwrap_or_default()));
            return Err(Reject::FieldMismatch { field: "sid.subjectPublicKeyInfo", expected, found });
        }
        let path = verify_path(&PathInput {
            evidence: input.evidence,
            leaf,
            carried: &item.certificates,
            anchors: input.anchors,
            profile: &PROFILE,
            now: input.now,
        })?;
        path.decode_leaf(check_attestation_key)?;
        Ok(TrustedKey::of_path(&path))
    }
}

/// An attestation key's certificate allows signatures.
fn check_attestation_key(tbs: &Tbs) -> Result<(), Reject> {
    let field = "keyUsage.digitalSignature";
    let extension = tbs.extension("2.5.29.15").ok_or(Reject::FieldMissing { field })?;
    match der::only("keyUsage", der::BIT_STRING, &extension.value)? {
        [_, bits, ..] if bits & 0x80 != 0 => Ok(()),
        _ => Err(Reject::PropertyRefused {
            field,
            expected: Operand::Word("set"),
            found: Operand::Word("clear"),
        }),
    }
}
