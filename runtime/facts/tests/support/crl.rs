//! Revocation lists written octet by octet, so that each rule can be broken.
#![allow(dead_code)]

use crate::support::Node;
use rcgen::{KeyPair, SigningKey};

/// 2026-01-01T00:00:00Z and 2026-02-01T00:00:00Z: when lists here begin and end.
pub const FROM: i64 = 1_767_225_600;
pub const UNTIL: i64 = 1_769_904_000;
/// A moment between.
pub const NOW: i64 = 1_768_000_000;

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = match len {
        0..=0x7f => vec![tag, len as u8],
        0x80..=0xff => vec![tag, 0x81, len as u8],
        0x100..=0xffff => vec![tag, 0x82, (len >> 8) as u8, len as u8],
        _ => vec![tag, 0x84, (len >> 24) as u8, (len >> 16) as u8, (len >> 8) as u8, len as u8],
    };
    [head, content.to_vec()].concat()
}

pub fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

/// An extension `2.5.29.LAST`.
pub fn extension(last: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(0x01, &[0xff]) } else { Vec::new() };
    tlv(0x30, &[tlv(0x06, &[0x55, 0x1d, last]), critical, tlv(0x04, value)].concat())
}

/// A list before it is signed. Its fields are in DER.
pub struct Draft {
    pub version: Vec<u8>,
    pub issuer: Vec<u8>,
    pub this_update: Vec<u8>,
    pub next_update: Vec<u8>,
    pub entries: Vec<u8>,
    pub extensions: Vec<u8>,
}

impl Draft {
    /// An empty list of that authority.
    pub fn of(issuer: &Node) -> Draft {
        Draft {
            version: tlv(0x02, &[1]),
            issuer: issuer.certificate.tbs().subject().to_vec(),
            this_update: utc("260101000000Z"),
            next_update: utc("260201000000Z"),
            entries: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// Names a serial number, in the octets of an INTEGER.
    pub fn naming(mut self, serial: &[u8]) -> Draft {
        self.entries.extend(entry(serial, &[]));
        self
    }

    pub fn extended(mut self, extension: Vec<u8>) -> Draft {
        self.extensions.extend(extension);
        self
    }

    pub fn signed(&self, key: &KeyPair) -> Vec<u8> {
        // ecdsa-with-SHA256
        let algorithm = tlv(0x30, &tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
        let sequence = |content: &[u8]| if content.is_empty() { Vec::new() } else { tlv(0x30, content) };
        let extensions = match sequence(&self.extensions) {
            list if list.is_empty() => list,
            list => tlv(0xa0, &list),
        };
        let tbs = [
            &self.version,
            &algorithm,
            &self.issuer,
            &self.this_update,
            &self.next_update,
            &sequence(&self.entries),
            &extensions,
        ];
        let tbs = tlv(0x30, &tbs.map(|field| field.as_slice()).concat());
        let signature = [vec![0], key.sign(&tbs).unwrap()].concat();
        tlv(0x30, &[tbs, algorithm, tlv(0x03, &signature)].concat())
    }
}

/// An entry of 2026-01-05.
pub fn entry(serial: &[u8], extensions: &[u8]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0x30, extensions) };
    tlv(0x30, &[tlv(0x02, serial), utc("260105000000Z"), extensions].concat())
}
