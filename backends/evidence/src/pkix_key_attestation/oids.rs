//! The object identifiers of the draft, in one table: they are temporary, and change with its publication.
//!
//! Source: draft-ietf-rats-pkix-key-attestation-07, section 8; the arc `{ 1 3 6 1 5 5 999 }` is that of its samples.
use pkic_facts::der;

/// `id-evidence`, temporary: content octets.
pub(super) const ID_EVIDENCE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x87, 0x67];
/// `id-kp-attestationKey`, temporary.
pub(super) const ATTESTATION_KEY_PURPOSE: &str = "1.3.6.1.5.5.7.3.999";

/// `id-evidence-element-transaction`, below `id-evidence`.
pub(super) const TRANSACTION: [u8; 2] = [0, 0];
/// `id-evidence-element-platform`.
pub(super) const PLATFORM: [u8; 2] = [0, 1];
/// `id-evidence-element-key`.
pub(super) const KEY: [u8; 2] = [0, 2];

const UTF8_STRING: u32 = 0x0c;
const BOOLEAN: u32 = 0x01;
const GENERALIZED_TIME: u32 = 0x18;

/// A type of claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClaimType {
    /// Its arcs below `id-evidence`.
    pub(super) arcs: [u8; 3],
    /// Its name without `id-evidence-claim-`.
    pub(super) name: &'static str,
    /// Tag octet of its value.
    pub(super) tag: u32,
    /// Whether an element may have more than one.
    pub(super) is_repeatable: bool,
}

const fn once(group: u8, number: u8, name: &'static str, tag: u32) -> ClaimType {
    ClaimType { arcs: [1, group, number], name, tag, is_repeatable: false }
}

const fn repeatable(group: u8, number: u8, name: &'static str, tag: u32) -> ClaimType {
    ClaimType { is_repeatable: true, ..once(group, number, name, tag) }
}

pub(super) const NONCE: ClaimType = once(0, 0, "transaction-nonce", der::OCTET_STRING);
pub(super) const TIMESTAMP: ClaimType = once(0, 1, "transaction-timestamp", GENERALIZED_TIME);
pub(super) const AK_SPKI: ClaimType = repeatable(0, 2, "transaction-ak-spki", der::OCTET_STRING);

pub(super) const VENDOR: ClaimType = once(1, 0, "platform-vendor", UTF8_STRING);
pub(super) const HWMODEL: ClaimType = once(1, 2, "platform-hwmodel", der::OCTET_STRING);
pub(super) const HWSERIAL: ClaimType = once(1, 4, "platform-hwserial", UTF8_STRING);
pub(super) const SWVERSION: ClaimType = once(1, 6, "platform-swversion", UTF8_STRING);
pub(super) const DEBUGSTAT: ClaimType = once(1, 7, "platform-debugstat", der::INTEGER);
pub(super) const FIPSBOOT: ClaimType = once(1, 10, "platform-fipsboot", BOOLEAN);

pub(super) const IDENTIFIER: ClaimType = repeatable(2, 0, "key-identifier", UTF8_STRING);
pub(super) const SPKI: ClaimType = once(2, 1, "key-spki", der::OCTET_STRING);
pub(super) const EXTRACTABLE: ClaimType = once(2, 2, "key-extractable", BOOLEAN);
pub(super) const SENSITIVE: ClaimType = once(2, 3, "key-sensitive", BOOLEAN);
pub(super) const NEVER_EXTRACTABLE: ClaimType = once(2, 4, "key-never-extractable", BOOLEAN);
pub(super) const LOCAL: ClaimType = once(2, 5, "key-local", BOOLEAN);

/// Every claim of the draft. Those that become no fact are here for their form: one that stands twice is refused.
pub(super) const CLAIMS: &[ClaimType] = &[
    NONCE,
    TIMESTAMP,
    AK_SPKI,
    VENDOR,
    once(1, 1, "platform-oemid", der::OCTET_STRING),
    HWMODEL,
    once(1, 3, "platform-hwversion", UTF8_STRING),
    HWSERIAL,
    once(1, 5, "platform-swname", UTF8_STRING),
    SWVERSION,
    DEBUGSTAT,
    once(1, 8, "platform-uptime", der::INTEGER),
    once(1, 9, "platform-bootcount", der::INTEGER),
    FIPSBOOT,
    once(1, 11, "platform-fipsver", UTF8_STRING),
    once(1, 12, "platform-fipslevel", der::INTEGER),
    once(1, 13, "platform-fipsmodule", UTF8_STRING),
    IDENTIFIER,
    SPKI,
    EXTRACTABLE,
    SENSITIVE,
    NEVER_EXTRACTABLE,
    LOCAL,
    once(2, 6, "key-expiry", GENERALIZED_TIME),
    once(2, 7, "key-purpose", der::SEQUENCE),
];
