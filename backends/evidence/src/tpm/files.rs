//! The parts of a TPM attestation as the files that TPM tools write, in any order: each is known by its content.
//!
//! `tpm2_certify` and its kin write TPMS_ATTEST, TPMT_SIGNATURE, TPM2B_PUBLIC and TPM2B_CREATION_DATA into a file each; certificates are PEM or DER. Telling them
//! apart is no trust: what each is worth, [`super::members`] and the mint decide. Of two public areas the certified key's is the one
//! whose Name the attestation has, the other is the attestation key's. One file that is none of these is what the attestation has no type for: the
//! quoted registers, or the secret that answers a credential.
use super::certificate::{certificates_of, leaf_first};
use super::ek::Role;
use super::members::{Kind, Members, Signer, signed};
use super::public::Public;
use super::structures::{Attest, Attested, CreationData, Signature};
use crate::appraise::Input;
use pkic_facts::certificate::Certificate;
use pkic_facts::reject::Reject;

/// The magic value that starts TPMS_ATTEST.
const MAGIC: &[u8] = b"\xffTCG";

/// The kind of attestation among the files, where there is one.
pub(super) fn kind(input: &Input<'_>) -> Option<Kind> {
    input.evidence.parts().iter().find_map(|part| match part.strip_prefix(MAGIC) {
        Some([0x80, 0x17, ..]) => Some(Kind::Certify),
        Some([0x80, 0x1a, ..]) => Some(Kind::Creation),
        Some([0x80, 0x18, ..]) => Some(Kind::Quote),
        _ => None,
    })
}

/// The files of an item, by what they are.
#[derive(Default)]
struct Files {
    attest: Option<Vec<u8>>,
    signature: Option<Signature>,
    publics: Vec<Public>,
    creation_data: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    other: Option<Vec<u8>>,
}

/// Takes the item apart by its files.
pub(super) fn open(kind: Kind, input: &Input<'_>) -> Result<Members, Reject> {
    let mut files = Files::default();
    for part in input.evidence.parts() {
        files.take(part)?;
    }
    let attest = files.attest.ok_or(Reject::FieldMissing { field: "attest" })?;
    let signature = files.signature.ok_or(Reject::FieldMissing { field: "signature" })?;
    let (public, ak_public) = by_name(kind, &attest, files.publics)?;
    let (ak_chain, ek_chain) = by_role(files.certificates)?;
    let is_quote = kind == Kind::Quote;
    let (pcr_values, activation_secret) = if is_quote { (files.other, None) } else { (None, files.other) };
    Ok(Members {
        signed: signed(attest, &signature),
        public,
        creation_data: files.creation_data,
        pcr_values,
        signer: Signer { ak_public, ak_chain, ek_chain, activation_secret },
    })
}

impl Files {
    fn take(&mut self, part: &[u8]) -> Result<(), Reject> {
        let is_repeated =
            |field, is_there| if is_there { Err(Reject::FieldRepeated { field }) } else { Ok(()) };
        if part.starts_with(MAGIC) {
            return is_repeated("attest", self.attest.replace(part.to_vec()).is_some());
        }
        if part.first() == Some(&0x30) || part.starts_with(b"-----BEGIN") {
            self.certificates.extend(certificates_of(part)?);
            return Ok(());
        }
        if let Ok(signature) = Signature::read(part) {
            return is_repeated("signature", self.signature.replace(signature).is_some());
        }
        if let Ok(public) = Public::read(part) {
            self.publics.push(public);
            return Ok(());
        }
        if let Ok(data) = CreationData::read(part) {
            return is_repeated("creation-data", self.creation_data.replace(data.bytes().to_vec()).is_some());
        }
        is_repeated("file of unknown content", self.other.replace(part.to_vec()).is_some())
    }
}

type PublicAreas = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The public areas of the certified key and of the attestation key.
fn by_name(kind: Kind, attest: &[u8], publics: Vec<Public>) -> Result<PublicAreas, Reject> {
    let name = match (kind, Attest::read(attest)?.attested) {
        (Kind::Certify, Attested::Certify { name }) => Some(name),
        (Kind::Creation, Attested::Creation { object_name, .. }) => Some(object_name),
        _ => None,
    };
    let is_certified = |public: &Public| name.as_ref().is_some_and(|name| *name == public.name());
    let (certified, others): (Vec<Public>, Vec<Public>) = publics.into_iter().partition(is_certified);
    let one = |publics: Vec<Public>, field| match publics.as_slice() {
        [] => Ok(None),
        [public] => Ok(Some(public.bytes().to_vec())),
        _ => Err(Reject::FieldRepeated { field }),
    };
    Ok((one(certified, "public")?, one(others, "ak-public")?))
}

/// The chains of the attestation key and of the endorsement key. Certificates of neither role are held to those of an attestation key.
fn by_role(certificates: Vec<Certificate>) -> Result<(Vec<Certificate>, Vec<Certificate>), Reject> {
    let role = certificates.iter().find_map(|certificate| Role::of(certificate.tbs()));
    match role {
        None => Ok((certificates, Vec::new())),
        Some(_) => {
            let chain = leaf_first(certificates)?;
            let role = chain.first().and_then(|leaf| Role::of(leaf.tbs()));
            Ok(if role == Some(Role::Endorsement) { (Vec::new(), chain) } else { (chain, Vec::new()) })
        }
    }
}
