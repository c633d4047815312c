//! Attestation: keys of the store certified, and registers quoted, by an attestation key of the same TPM.
//!
//! Source: TPM 2.0 Library, Part 3, sections 18.2 (TPM2_Certify) and 18.4 (TPM2_Quote).
use crate::device::{authorized, authorized_twice};
use crate::error::{Failure, unread};
use crate::object::{Object, read_public};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use pkic_backend::uri::KeyUri;
use pkic_evidence::container;
use pkic_evidence::tpm::public::Public as PublicArea;
use pkic_evidence::tpm::structures::{Attest, Attested};
use pkic_facts::crypto::Hash;
use tss_esapi::Context;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::structures::{Data, PcrSelectionList, PcrSelectionListBuilder, PcrSlot, SignatureScheme};
use tss_esapi::traits::Marshall;

/// Times that registers are read again because they changed while they were read.
const READINGS_MAX: usize = 4;
/// Reads of one selection: a TPM answers with at least one register each.
const READS_MAX: usize = 32;

/// Who vouches for the store's attestation key.
#[derive(Debug, Clone, Default)]
pub enum Vouching {
    /// The endorsement key: the attestation key answered the registrar's credential.
    Activation {
        /// The endorsement key's certificate, then its issuers', in DER.
        ek_chain: Vec<Vec<u8>>,
        /// What [`TpmStore::activate_credential`](crate::TpmStore::activate_credential) gave back.
        secret: Secret,
    },
    /// Its own certificate, then the issuers', in DER.
    Certificate(Vec<Vec<u8>>),
    /// Nobody: whoever appraises has enrolled that very key.
    #[default]
    Enrolment,
}

/// The attestation key of a store.
pub(crate) struct Attestation {
    pub(crate) object: Object,
    pub(crate) vouching: Vouching,
}

impl Attestation {
    /// Its public area, asked of the TPM, which must say that it is an attestation key.
    pub(crate) fn public(&self, context: &mut Context) -> Result<PublicArea, Failure> {
        let uri = self.object.uri();
        let (_, area) = self.object.with(context, |context, key| read_public(context, key, uri))?;
        match area.attributes().not_an_attestation_key() {
            None => Ok(area),
            Some((attribute, is_set)) => {
                let what = format!("it is no attestation key: {attribute} is {is_set}");
                let help = "make one: restricted, for signing, fixed in its TPM and made there";
                Err(StoreError::new(Problem::Configuration, uri, what, help).into())
            }
        }
    }

    /// Writes what was attested as evidence.
    fn write(&self, format: &str, members: &[(&str, &[u8])], ak_public: &[u8]) -> Vec<u8> {
        let mut members = members.to_vec();
        members.push(("ak-public", ak_public));
        let (list, chain) = match &self.vouching {
            Vouching::Enrolment => return container::write(format, &members, &[]),
            Vouching::Certificate(chain) => ("ak-chain", chain),
            Vouching::Activation { ek_chain, secret } => {
                members.push(("activation-secret", secret.expose()));
                ("ek-chain", ek_chain)
            }
        };
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        container::write(format, &members, &[(list, &chain)])
    }
}

/// Certifies a key: `tpm2-certify`.
pub(crate) fn certify(
    context: &mut Context,
    key: &Object,
    by: &Attestation,
    nonce: &[u8],
) -> Result<Vec<u8>, Failure> {
    let ak_public = by.public(context)?;
    let nonce = data_of(nonce, key.uri())?;
    let (public, attest, signature) = key.with(context, |context, key_handle| {
        let (_, public) = read_public(context, key_handle, key.uri())?;
        let (attest, signature) = by.object.with(context, |context, ak| {
            authorized_twice(context, None, |context| {
                context.certify(key_handle.into(), ak, nonce, SignatureScheme::Null)
            })
        })?;
        Ok((public, attest.marshall()?, signature.marshall()?))
    })?;
    let members =
        [("attest", attest.as_slice()), ("signature", signature.as_slice()), ("public", public.bytes())];
    Ok(by.write("tpm2-certify", &members, ak_public.bytes()))
}

/// Quotes registers of the SHA-256 bank, with their values: `tpm2-quote`.
pub(crate) fn quote(
    context: &mut Context,
    registers: &[u8],
    by: &Attestation,
    nonce: &[u8],
) -> Result<Vec<u8>, Failure> {
    let uri = by.object.uri();
    let ak_public = by.public(context)?;
    for _ in 0..READINGS_MAX {
        let (selection, nonce) = (select(registers, uri)?, data_of(nonce, uri)?);
        let (attest, signature) = by.object.with(context, |context, ak| {
            authorized(context, |context| context.quote(ak, nonce, SignatureScheme::Null, selection))
        })?;
        let (attest, signature) = (attest.marshall()?, signature.marshall()?);
        let values = read_registers(context, registers, uri)?;
        let quoted = quoted(&attest, uri)?;
        // Made with the hash function of the attestation key's scheme.
        if [Hash::Sha256, Hash::Sha384, Hash::Sha512].iter().any(|hash| hash.digest(&values) == quoted) {
            let members = [
                ("attest", attest.as_slice()),
                ("signature", signature.as_slice()),
                ("pcr-values", values.as_slice()),
            ];
            return Ok(by.write("tpm2-quote", &members, ak_public.bytes()));
        }
    }
    let what = "the registers changed while they were quoted, again and again";
    Err(StoreError::new(Problem::Answer, uri, what, "leave out registers that are extended all the time")
        .into())
}

/// The digest over the registers.
fn quoted(attest: &[u8], uri: &KeyUri) -> Result<Vec<u8>, Failure> {
    match Attest::read(attest).map_err(|reject| unread(&reject, uri))?.attested {
        Attested::Quote { pcr_digest, .. } => Ok(pcr_digest),
        Attested::Certify { .. } | Attested::Creation { .. } => Ok(Vec::new()),
    }
}

/// The values of registers in rising order, one behind the other.
fn read_registers(context: &mut Context, registers: &[u8], uri: &KeyUri) -> Result<Vec<u8>, Failure> {
    let mut rest = select(registers, uri)?;
    let mut values = Vec::new();
    for _ in 0..READS_MAX {
        if rest.is_empty() {
            return Ok(values);
        }
        let asked = rest.clone();
        let (_, answered, digests) = context.execute_without_session(|context| context.pcr_read(asked))?;
        digests.value().iter().for_each(|digest| values.extend_from_slice(digest.value()));
        rest.subtract(&answered)?;
    }
    let what = "the TPM does not read its registers out";
    Err(StoreError::new(Problem::Answer, uri, what, "see `tpm2_pcrread`").into())
}

fn select(registers: &[u8], uri: &KeyUri) -> Result<PcrSelectionList, Failure> {
    let slot = |register: &u8| {
        let bit = 1u32.checked_shl(u32::from(*register)).unwrap_or(0);
        PcrSlot::try_from(bit).map_err(|_| {
            let what = format!("there is no register {register}");
            Failure::Store(StoreError::new(Problem::Configuration, uri, what, "a TPM has registers 0 to 23"))
        })
    };
    let slots = registers.iter().map(slot).collect::<Result<Vec<PcrSlot>, Failure>>()?;
    Ok(PcrSelectionListBuilder::new().with_selection(HashingAlgorithm::Sha256, &slots).build()?)
}

/// A nonce as qualifying data.
fn data_of(nonce: &[u8], uri: &KeyUri) -> Result<Data, Failure> {
    Data::try_from(nonce).map_err(|_| {
        let what = format!("a nonce of {} bytes is too long", nonce.len());
        let help = format!("a TPM takes at most {} bytes", Data::MAX_SIZE);
        Failure::Store(StoreError::new(Problem::Configuration, uri, what, help))
    })
}
