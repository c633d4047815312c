//! `TPM2_Quote`: an attestation key of a TPM signs the digest of platform configuration registers.
//!
//! It says nothing about a key that anybody might want certified: the key that it is about is the attestation key that signs, and what is known of
//! that one is where it is. So a quote binds no request but one of the attestation key's own. Of the platform it says which registers were chosen and
//! the digest over their values; the values themselves, where they come along, are as good as signed once their digest is the quoted one. What a value means, a
//! reference value decides: registers are extended by whatever runs, and an honest TPM quotes a compromised machine.
//!
//! Fresh if `extraData` is our nonce. [`super::members`] has the parts of the item; without a certificate or an enrolment of the attestation key
//! nothing is proven. Old attestation keys sign with SHA-1, which is tolerated and said in `module.weak-hash`; a bank of SHA-1 shows by the length of its digests.
//!
//! Source: TPM 2.0 Library, Part 1, section 17; Part 2, section 10.12; Part 3, section 18.4; TCG PC Client Platform Firmware Profile, section 3.3.
use super::certify::{carried, other_type};
use super::ek::Device;
use super::members::{Kind, Members};
use super::structures::{Attest, Attested, PcrSelection, digest_len_bytes, hash_from_id};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use pkic_facts::crypto::{Hash, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::Reject;
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, Verified, join, mint};
use pkic_vocab::Value;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: Kind::Quote.name(),
    source: "TPM 2.0 Library, Part 3, section 18.4 (TPM2_Quote)",
    proves: "what the platform configuration registers held",
    leaves_open: "anything of a key but the attestation key",
    unsigned: "names of the container's members; register values whose digest is not the quoted one; an event log: none is read",
    detect: |input| Kind::Quote.is_in(input),
    appraise,
};

/// Registers 0 to 7 hold what booted before the operating system.
const BOOT_REGISTERS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let members = Members::open(Kind::Quote, input)?;
    let (key, device) = members.signer.trust(Kind::Quote.name(), input)?;
    let platform = platform(&members.signed, &key, members.pcr_values.as_deref())?;
    let signer = key.decode(|spki| Ok(spki.to_vec()))?;
    let quoted = join(&platform, &signer, |platform, signer| {
        Ok(Quoted { platform: platform.clone(), signer: signer.clone(), device: Device::default() })
    })?;
    match device {
        Some(device) => input.conclude(&join(&quoted, &device, Quoted::on)?),
        None => input.conclude(&quoted),
    }
}

/// What a quote says of the platform, and the registers' values where they come along.
pub(super) fn platform(
    signed: &SignedBytes,
    key: &TrustedKey,
    values: Option<&[u8]>,
) -> Result<Verified<Platform>, Reject> {
    let attest = mint(signed, key, Strength::Sha1Tolerated, Attest::read)?;
    let platform = attest.project(Platform::of_quote)?;
    let Some(values) = values else { return Ok(platform) };
    let values = attest.preimage(quoted_digest, values, |bytes| Ok(bytes.to_vec()))?;
    join(&platform, &values, Platform::with_values)
}

/// `pcrDigest`, whose length tells the hash function of the signature.
fn quoted_digest(attest: &Attest) -> Result<HashOf, Reject> {
    let Attested::Quote { pcr_digest, .. } = &attest.attested else {
        return Err(other_type("TPM_ST_ATTEST_QUOTE", &attest.attested));
    };
    let hashes = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let hash = hashes.into_iter().find(|hash| digest_len_bytes(*hash) == pcr_digest.len());
    let hash = hash.ok_or(Reject::Malformed { what: "TPMS_QUOTE_INFO.pcrDigest" })?;
    Ok(HashOf { what: "pcr-values", hash, digest: pcr_digest.clone() })
}

/// What a quote says of a platform.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    extra_data: Vec<u8>,
    selection: Vec<PcrSelection>,
    digest: Vec<u8>,
    values: Vec<(usize, Vec<u8>)>,
}

impl Platform {
    fn of_quote(attest: &Attest) -> Result<Self, Reject> {
        let Attested::Quote { selection, pcr_digest } = &attest.attested else {
            return Err(other_type("TPM_ST_ATTEST_QUOTE", &attest.attested));
        };
        Ok(Self {
            extra_data: attest.extra_data.clone(),
            selection: selection.clone(),
            digest: pcr_digest.clone(),
            values: Vec::new(),
        })
    }

    /// Takes the values apart, which stand in the order of the selection, each as long as its bank's hash.
    fn with_values(&self, values: &Vec<u8>) -> Result<Self, Reject> {
        let what = "pcr-values";
        let mut rest = values.as_slice();
        let mut found = Vec::new();
        for PcrSelection { bank, registers } in &self.selection {
            let len = digest_len_bytes(hash_from_id(*bank)?);
            for register in registers {
                let (value, after) = rest.split_at_checked(len).ok_or(Reject::Malformed { what })?;
                found.push((*register, value.to_vec()));
                rest = after;
            }
        }
        match rest {
            [] => Ok(Self { values: found, ..self.clone() }),
            _ => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
        }
    }

    /// `TPMS_ATTEST.extraData`.
    pub(super) fn extra_data(&self) -> &[u8] {
        &self.extra_data
    }

    /// Says the facts about the platform.
    pub(super) fn emit(&self, to: &mut Emission) {
        // A digest over more registers than those of the boot, or over two banks, is no digest over the boot.
        if let [PcrSelection { bank, registers }] = self.selection.as_slice() {
            let is_current = hash_from_id(*bank).is_ok_and(|hash| hash != Hash::Sha1);
            if *registers == BOOT_REGISTERS && is_current && self.digest.len() > digest_len_bytes(Hash::Sha1)
            {
                to.statement("node.pcr.boot", Value::Bytes(self.digest.clone()));
            }
        }
        if !self.values.is_empty() {
            let measurement = |(register, value): &(usize, Vec<u8>)| {
                let name = Value::Text(format!("pcr{register}"));
                Value::Record(vec![Some(name), Some(Value::Bytes(value.clone()))])
            };
            to.statement("platform.measurements", Value::List(self.values.iter().map(measurement).collect()));
        }
    }
}

/// A quote with the key that signed it.
#[derive(Clone, Debug)]
struct Quoted {
    platform: Platform,
    signer: Vec<u8>,
    device: Device,
}

impl Quoted {
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn on(&self, device: &Device) -> Result<Self, Reject> {
        Ok(Self { device: device.clone(), ..self.clone() })
    }
}

impl Statement for Quoted {
    const FORMAT: &'static str = Kind::Quote.name();

    fn attested_key(&self) -> &[u8] {
        &self.signer
    }

    fn freshness(&self) -> Carried<'_> {
        carried(&self.platform.extra_data)
    }

    fn emit(&self, to: &mut Emission) {
        self.device.emit(to);
        self.platform.emit(to);
    }
}
