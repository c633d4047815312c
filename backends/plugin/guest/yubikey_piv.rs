//! Yubico PIV attestation as a plugin: the facts of the certificate of a slot's key, as `backends/evidence/src/yubikey_piv.rs`
//! reads them. What that file checks of the device's own certificate is left out: a plugin sees one payload.
//!
//! It uses `core` alone, and no pointer is ever followed: input and output stand in statics of atomics, which on
//! WebAssembly are plain octets. `build` has the command that makes the module.
#![no_std]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

const ABI_VERSION: i32 = 1;

/// A certificate of a slot has about 800 octets, with a key of RSA-4096 about 1,100.
const INPUT_LEN_BYTES: usize = 4 << 10;
const OUTPUT_LEN_BYTES: usize = 1 << 10;

/// Repeated, not shared.
#[allow(clippy::declare_interior_mutable_const)]
const ZERO: AtomicU8 = AtomicU8::new(0);
static INPUT: [AtomicU8; INPUT_LEN_BYTES] = [ZERO; INPUT_LEN_BYTES];
static OUTPUT: [AtomicU8; OUTPUT_LEN_BYTES] = [ZERO; OUTPUT_LEN_BYTES];

static DESCRIPTION: &str = r#"{
"name": "yubikey-piv",
"envelope": {"certificate": {"extension": "1.3.6.1.4.1.41482.3.8", "may-lack-ca-bit": true}},
"facts": ["key.storage", "key.origin", "key.export", "key.user-presence",
          "module.vendor", "module.firmware", "module.serial", "module.model"]
}"#;

// 1.3.6.1.4.1.41482.3.N: firmware version, serial number, PIN and touch policy, form factor.
const ARC: [u8; 9] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a, 0x03];
const FIRMWARE: u8 = 3;
const SERIAL: u8 = 7;
const POLICIES: u8 = 8;
const FORM_FACTOR: u8 = 9;
/// commonName.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const SLOT_NAME: &[u8] = b"YubiKey PIV Attestation ";

#[no_mangle]
pub extern "C" fn pkic_abi_version() -> i32 {
    ABI_VERSION
}

#[no_mangle]
pub extern "C" fn pkic_describe() -> i64 {
    place(DESCRIPTION.as_ptr() as usize, DESCRIPTION.len())
}

/// Where the payload goes: one that is too long goes nowhere, which pkic refuses.
#[no_mangle]
pub extern "C" fn pkic_alloc(len: i32) -> i32 {
    if len < 0 || len as usize > INPUT_LEN_BYTES {
        return -1;
    }
    INPUT.as_ptr() as usize as i32
}

#[no_mangle]
pub extern "C" fn pkic_decode(_at: i32, len: i32) -> i64 {
    let mut payload = [0; INPUT_LEN_BYTES];
    let payload = payload.get_mut(..len as usize).unwrap_or_default();
    for (to, from) in payload.iter_mut().zip(INPUT.iter()) {
        *to = from.load(Relaxed);
    }
    let mut out = Output { len: 0 };
    if let Err(why) = decode(payload, &mut out) {
        out.len = 0;
        out.put(b"\"");
        out.put(why.as_bytes());
        out.put(b"\"");
    }
    place(OUTPUT.as_ptr() as usize, out.len)
}

fn place(at: usize, len: usize) -> i64 {
    ((at as u64) << 32 | len as u64) as i64
}

fn decode(tbs: &[u8], out: &mut Output) -> Result<(), &'static str> {
    let mut body = only(0x30, tbs)?;
    let mut extensions: &[u8] = &[];
    let mut sequences = 0;
    let mut subject: &[u8] = &[];
    while !body.is_empty() {
        let (tag, content, rest) = element(body)?;
        // signature, issuer, validity, subject, subjectPublicKeyInfo
        sequences += (tag == 0x30) as u32;
        if tag == 0x30 && sequences == 4 {
            subject = content;
        }
        if tag == 0xa3 {
            extensions = only(0x30, content)?;
        }
        body = rest;
    }
    if !is_slot(subject)? {
        return Err("the subject is no slot that attests");
    }
    let firmware = extension(extensions, FIRMWARE)?.ok_or("there is no firmware version")?;
    let [major, minor, patch] = octets(firmware, "the firmware version has not three octets")?;
    let policies = extension(extensions, POLICIES)?.ok_or("there is no PIN and touch policy")?;
    let [pin, touch] = octets(policies, "the PIN and touch policy have not two octets")?;
    out.put(br#"{"key.storage":"se.token","key.origin":"generated","key.export":"never","module.vendor":"yubico""#);
    out.put(br#","module.firmware":""#);
    out.number(u64::from(major));
    out.put(b".");
    out.number(u64::from(minor));
    out.put(b".");
    out.number(u64::from(patch));
    out.put(b"\"");
    if let Some(serial) = extension(extensions, SERIAL)? {
        out.put(br#","module.serial":""#);
        out.number(integer(only(0x02, serial)?)?);
        out.put(b"\"");
    }
    if let Some(form_factor) = extension(extensions, FORM_FACTOR)? {
        let [form_factor] = octets(form_factor, "the form factor has not one octet")?;
        if let Some(model) = model(form_factor) {
            out.put(if form_factor & 0x80 == 0 {
                br#","module.model":"YubiKey "#
            } else {
                br#","module.model":"YubiKey FIPS "#
            });
            out.put(model);
            out.put(b"\"");
        }
    }
    if let Some(presence) = presence(pin, touch) {
        out.put(br#","key.user-presence":""#);
        out.put(presence);
        out.put(b"\"");
    }
    out.put(b"}");
    Ok(())
}

fn presence(pin: u8, touch: u8) -> Option<&'static [u8]> {
    match (pin, touch) {
        (1, 1) => Some(b"none"),
        (1, 2 | 3) => Some(b"touch"),
        (2 | 3, 1) => Some(b"pin"),
        (2 | 3, 2 | 3) => Some(b"pin-and-touch"),
        (4 | 5, 1..=3) => Some(b"biometric"),
        _ => None,
    }
}

fn model(form_factor: u8) -> Option<&'static [u8]> {
    match form_factor & 0x0f {
        1 => Some(b"USB-A Keychain"),
        2 => Some(b"USB-A Nano"),
        3 => Some(b"USB-C Keychain"),
        4 => Some(b"USB-C Nano"),
        5 => Some(b"USB-C Lightning"),
        6 => Some(b"Bio USB-A Keychain"),
        7 => Some(b"Bio USB-C Keychain"),
        _ => None,
    }
}

/// Whether the commonName ends in a slot that attests: 9a, 9c, 9d, 9e, 82 to 95.
fn is_slot(mut name: &[u8]) -> Result<bool, &'static str> {
    while !name.is_empty() {
        let (_, relative, rest) = element(name)?;
        let (_, attribute, _) = element(relative)?;
        let (_, kind, value) = element(attribute)?;
        if kind == COMMON_NAME {
            let (_, text, _) = element(value)?;
            let slot = text.strip_prefix(SLOT_NAME).unwrap_or_default();
            return Ok(matches!(
                slot,
                [b'9', b'a' | b'c' | b'd' | b'e' | b'0'..=b'5'] | [b'8', b'2'..=b'9' | b'a'..=b'f']
            ));
        }
        name = rest;
    }
    Ok(false)
}

/// The value of Yubico's extension of that number; one that stands twice is refused.
fn extension(mut extensions: &[u8], number: u8) -> Result<Option<&[u8]>, &'static str> {
    let mut found = None;
    while !extensions.is_empty() {
        let (_, body, rest) = element(extensions)?;
        extensions = rest;
        let (_, oid, mut value) = element(body)?;
        if oid.strip_prefix(&ARC) != Some(&[number]) {
            continue;
        }
        let (mut tag, mut content, mut after) = element(value)?;
        if tag == 0x01 {
            value = after;
            (tag, content, after) = element(value)?;
        }
        if tag != 0x04 || !after.is_empty() || found.is_some() {
            return Err("an extension does not read, or stands twice");
        }
        found = Some(content);
    }
    Ok(found)
}

fn octets<const N: usize>(content: &[u8], why: &'static str) -> Result<[u8; N], &'static str> {
    content.try_into().map_err(|_| why)
}

/// A non-negative INTEGER.
fn integer(content: &[u8]) -> Result<u64, &'static str> {
    match content.first() {
        Some(0..=0x7f) if content.len() <= 8 => {
            Ok(content.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
        }
        _ => Err("the serial number is out of range"),
    }
}

/// Tag, content and what follows, of DER with tags of one octet and lengths of at most two.
fn element(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), &'static str> {
    let cut = "the certificate does not read";
    let (len, from) = match *bytes {
        [_, len @ 0..=0x7f, ..] => (usize::from(len), 2),
        [_, 0x81, len, ..] => (usize::from(len), 3),
        [_, 0x82, high, low, ..] => (usize::from(high) << 8 | usize::from(low), 4),
        _ => return Err(cut),
    };
    let tag = bytes.first().ok_or(cut)?;
    let content = bytes.get(from..from + len).ok_or(cut)?;
    Ok((*tag, content, bytes.get(from + len..).unwrap_or_default()))
}

fn only(tag: u8, bytes: &[u8]) -> Result<&[u8], &'static str> {
    match element(bytes)? {
        (found, content, []) if found == tag => Ok(content),
        _ => Err("the certificate does not read"),
    }
}

/// What is said so far. What does not fit is cut, and then does not read.
struct Output {
    len: usize,
}

impl Output {
    fn put(&mut self, octets: &[u8]) {
        for octet in octets {
            if let Some(place) = OUTPUT.get(self.len) {
                place.store(*octet, Relaxed);
                self.len += 1;
            }
        }
    }

    fn number(&mut self, number: u64) {
        let mut divisor = 1;
        while number / divisor >= 10 {
            divisor *= 10;
        }
        while divisor > 0 {
            self.put(&[b'0' + (number / divisor % 10) as u8]);
            divisor /= 10;
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
