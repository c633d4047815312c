//! DICE certificates of the Trusted Computing Group: a chain from the identity of a device over the aliases of its layers.
//!
//! A layer's certificate says by TcbInfo (or several in one MultiTcbInfo) what was measured: digests of firmware, operational flags, which of the flags the device
//! keeps at all. Each digest becomes a record of `platform.layers` with the mode that its TcbInfo's flags say; a TcbInfo without digests becomes one without a code hash, and one without flags one
//! without a mode. A device in debug mode, or not configured, is a fact and no refusal; a digest of zeros is refused. Vendor, model and version of a TcbInfo are
//! those of a component that a layer names by itself, and are no facts about the module. A UEID is the device's serial number, the same in every certificate; one of zeros names nobody.
//! `dice` says what a chain proves and what not. Where the last key is kept, and how it was made, no field says.
//!
//! The first key is the initial identity (IDevID). A maker's CA certifies it, or it is known by a request that the maker kept (Caliptra): then that request is part of the item, and an operator has enrolled its key.
//! Other vendors' readings are taken: NVIDIA has TcbInfo under an identifier of its own, and RIoT a composite device identity inside a subjectAltName that is no strict
//! DER, with one digest and no flags. There is neither nonce nor time. NVIDIA's form and RIoT's have no verified sample: their vectors are synthetic.
//!
//! Source: TCG DICE Attestation Architecture 1.1, sections 6.1 and 7; TCG DICE Certificate Profiles 1.0, sections 5 and 8 (key purposes);
//! Caliptra main specification, section on DICE certificates; Microsoft RIoT core, RiotX509Bldr.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::dice::{self, Layer, Layered, Measured, Parts, Reader, code_hash};
use crate::formats::Format;
use pkic_facts::certificate::Tbs;
use pkic_facts::der::{self, Element};
use pkic_facts::reject::{Operand, Reject};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "TCG DICE Attestation Architecture 1.1",
    proves: "firmware digests and flags of each layer",
    leaves_open: "where the last key is kept",
    unsigned: "which certificate comes first; the firmware itself: digests are signed, no bytes",
    detect,
    appraise,
};

const NAME: &str = "tcg-dice";

/// `tcg-dice-TcbInfo`; inside a subjectAltName the composite device identity of RIoT.
const TCB_INFO: &str = "2.23.133.5.4.1";
/// TcbInfo of NVIDIA's newer processors.
const TCB_INFO_NVIDIA: &str = "2.23.133.5.4.1.1";
/// `tcg-dice-Ueid`.
const UEID: &str = "2.23.133.5.4.4";
/// `tcg-dice-MultiTcbInfo`.
const MULTI_TCB_INFO: &str = "2.23.133.5.4.5";
/// Key purposes of DICE certificates are below this arc.
const KEY_PURPOSES: &str = "2.23.133.5.4.100.";
/// `tcg-dice-kp-eca`: the key certifies others.
const KEY_PURPOSE_ECA: &str = "2.23.133.5.4.100.12";
const SUBJECT_ALT_NAME: &str = "2.5.29.17";
/// Identifier octet of `GeneralName.otherName`.
const OTHER_NAME: u32 = 0xa0;

/// TcbInfo in one MultiTcbInfo, and digests in one TcbInfo: Caliptra has two and one.
const INFOS_MAX: usize = 16;
/// Fields of a TcbInfo: [0] to [11].
const FIELDS_MAX: usize = 12;
/// Bytes of a UEID: 17 in the sample, at most 33 (RFC 9711, section 4.2.1).
const UEID_LEN_BYTES_MAX: usize = 33;

const CRITICAL_KNOWN: &[&str] = &{
    let [a, b, c, d, e] = dice::CRITICAL_KNOWN;
    [a, b, c, d, e, TCB_INFO, TCB_INFO_NVIDIA, UEID, MULTI_TCB_INFO]
};

const READER: Reader = Reader { format: NAME, critical_known: CRITICAL_KNOWN, read: read_certificate };

fn detect(input: &Input<'_>) -> bool {
    let is_dice = |tbs: &Tbs| {
        [TCB_INFO, TCB_INFO_NVIDIA, UEID, MULTI_TCB_INFO].iter().any(|oid| tbs.extension(oid).is_some())
            || tbs.key_purposes().iter().any(|purpose| purpose.starts_with(KEY_PURPOSES))
            || composite_identity(tbs).is_some()
    };
    Parts::of(input)
        .is_ok_and(|parts| parts.certificates.iter().any(|certificate| is_dice(certificate.tbs())))
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let chain = Parts::of(input)?.chain(&READER, input)?;
    input.conclude(&chain.conclude::<TcgDice>(CRITICAL_KNOWN, input.now)?)
}

/// The line of this format.
#[derive(Debug)]
struct TcgDice;

impl Layered for TcgDice {
    const NAME: &'static str = NAME;
    const IS_KEY_DERIVED: bool = false;
}

fn read_certificate(tbs: &Tbs) -> Result<Layer, Reject> {
    let mut layer = Layer::of_certificate(tbs);
    let purposes = tbs.key_purposes();
    let has_purpose = purposes.iter().any(|purpose| purpose.starts_with(KEY_PURPOSES));
    layer.may_certify &= !has_purpose || purposes.iter().any(|purpose| purpose == KEY_PURPOSE_ECA);
    for oid in [TCB_INFO, TCB_INFO_NVIDIA] {
        if let Some(extension) = tbs.extension(oid) {
            let what = "TcbInfo";
            layer.measured.extend(read_tcb_info(der::only(what, der::SEQUENCE, &extension.value)?)?);
        }
    }
    if let Some(extension) = tbs.extension(MULTI_TCB_INFO) {
        let what = "MultiTcbInfo";
        for info in der::elements(what, der::only(what, der::SEQUENCE, &extension.value)?, INFOS_MAX)? {
            layer.measured.extend(read_tcb_info(der::only(what, der::SEQUENCE, info.raw)?)?);
        }
    }
    if let Some(identity) = composite_identity(tbs) {
        layer.measured.push(read_composite_identity(identity)?);
    }
    if let Some(extension) = tbs.extension(UEID) {
        layer.ueid = read_ueid(&extension.value)?;
    }
    Ok(layer)
}

/// A UEID: its type and an identity. The type 0 is none, and zeros are what devices without an identity have.
fn read_ueid(value: &[u8]) -> Result<Option<Vec<u8>>, Reject> {
    let what = "ueid";
    let ueid = der::only(what, der::OCTET_STRING, der::only(what, der::SEQUENCE, value)?)?;
    if ueid.len() > UEID_LEN_BYTES_MAX {
        return Err(Reject::TooLarge { what, size: ueid.len(), limit: UEID_LEN_BYTES_MAX });
    }
    match ueid.split_first() {
        Some((kind, identity)) if *kind != 0 && identity.iter().any(|octet| *octet != 0) => {
            Ok(Some(ueid.to_vec()))
        }
        _ => Ok(None),
    }
}

/// What one TcbInfo measured: `fwids [6]`, `flags [7]` and `flagsMask [10]`; fields stand in their order, each once.
fn read_tcb_info(content: &[u8]) -> Result<Vec<Measured>, Reject> {
    let what = "TcbInfo";
    let fields = der::elements(what, content, FIELDS_MAX)?;
    // The low five bits are the field's number.
    if !fields.is_sorted_by(|a, b| a.tag & 0x1f < b.tag & 0x1f)
        || fields.iter().any(|field| field.tag & !0x3f != 0x80)
    {
        return Err(Reject::Malformed { what });
    }
    let field = |number: u32| fields.iter().find(|field| field.tag & 0x1f == number);
    let flags = field(7).map(|field| bits("OperationalFlags", field)).transpose()?;
    let mask = field(10).map(|field| bits("OperationalFlagsMask", field)).transpose()?;
    let mode = flags.and_then(|flags| mode_of(flags, mask));
    let Some(fwids) = field(6) else { return Ok(vec![Measured { mode, code_hash: None }]) };
    let fwids = der::elements("fwids", fwids.content, INFOS_MAX)?;
    let measured = |fwid: &Element<'_>| {
        Ok(Measured { mode, code_hash: Some(read_fwid(der::only("fwid", der::SEQUENCE, fwid.raw)?)?) })
    };
    match fwids.as_slice() {
        [] => Ok(vec![Measured { mode, code_hash: None }]),
        fwids => fwids.iter().map(measured).collect(),
    }
}

/// `FWID`: a hash function and a digest. The function is not looked at: reference values are digests.
fn read_fwid(content: &[u8]) -> Result<Vec<u8>, Reject> {
    let (_, rest) = der::expect("fwid", der::OBJECT_IDENTIFIER, content)?;
    code_hash("fwid", der::only("fwid", der::OCTET_STRING, rest)?)
}

/// The first 32 bits of a BIT STRING, bit 0 highest.
fn bits(what: &'static str, field: &Element<'_>) -> Result<u32, Reject> {
    let Some((unused, octets)) = field.content.split_first() else { return Err(Reject::Malformed { what }) };
    if *unused > 7 || octets.len() > 4 {
        return Err(Reject::Malformed { what });
    }
    let padded = octets.iter().copied().chain(std::iter::repeat(0)).take(4);
    Ok(padded.fold(0u32, |value, octet| value << 8 | u32::from(octet)))
}

const NOT_CONFIGURED: u32 = 1 << 31;
const NOT_SECURE: u32 = 1 << 30;
const RECOVERY: u32 = 1 << 29;
const DEBUG: u32 = 1 << 28;

/// The mode that these flags say, the worst first. Normal only where the device keeps the flags that would say otherwise: a flag outside the mask is not kept,
/// and without a mask all are. A device without a recovery mode keeps no flag for it.
const fn mode_of(flags: u32, mask: Option<u32>) -> Option<&'static str> {
    const KEPT: u32 = NOT_CONFIGURED | NOT_SECURE | DEBUG;
    if flags & DEBUG != 0 {
        return Some("debug");
    }
    if flags & (NOT_CONFIGURED | NOT_SECURE) != 0 {
        return Some("not-configured");
    }
    if flags & RECOVERY != 0 {
        return Some("recovery");
    }
    match mask {
        Some(mask) if mask & KEPT != KEPT => None,
        _ => Some("normal"),
    }
}

/// The composite device identity of RIoT: the value of an otherName, which should stand in an explicit tag and does not.
fn composite_identity(tbs: &Tbs) -> Option<&[u8]> {
    let what = "subjectAltName";
    let value = &tbs.extension(SUBJECT_ALT_NAME)?.value;
    let names = der::elements(what, der::only(what, der::SEQUENCE, value).ok()?, INFOS_MAX).ok()?;
    names.iter().filter(|name| name.tag == OTHER_NAME).find_map(|name| {
        let (oid, value) = der::expect(what, der::OBJECT_IDENTIFIER, name.content).ok()?;
        (der::oid_text(oid)? == TCB_INFO).then_some(value)
    })
}

/// `{ version 1, deviceID SubjectPublicKeyInfo, fwid FWID }`.
fn read_composite_identity(value: &[u8]) -> Result<Measured, Reject> {
    let what = "CompositeDeviceID";
    let value = match der::read(what, value)? {
        (explicit, []) if explicit.tag == OTHER_NAME => explicit.content,
        _ => value,
    };
    let fields = der::elements(what, der::only(what, der::SEQUENCE, value)?, 3)?;
    let [version, _, fwid] = fields.as_slice() else { return Err(Reject::Malformed { what }) };
    if version.tag != der::INTEGER || version.content != [1] {
        let (expected, found) = (Operand::Number(1), Operand::bytes(version.content));
        return Err(Reject::FieldMismatch { field: "version of CompositeDeviceID", expected, found });
    }
    Ok(Measured { mode: None, code_hash: Some(read_fwid(der::only("fwid", der::SEQUENCE, fwid.raw)?)?) })
}
