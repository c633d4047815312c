//! Synthetic PKIX key attestation, afresh for each test. Nothing here was made by a device.
use super::made::{Chain, chain, element, key, sign, spki};
use rcgen::{KeyPair, KeyUsagePurpose};

pub const PURPOSE: &str = "1.3.6.1.5.5.7.3.999";
pub const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
pub const TRUE: &[u8] = &[1, 1, 0xff];
pub const FALSE: &[u8] = &[1, 1, 0];

pub fn oid(arcs: &[u8]) -> Vec<u8> {
    element(6, &[&[0x2b, 6, 1, 5, 5, 0x87, 0x67], arcs])
}

pub fn claim(group: u8, number: u8, value: &[u8]) -> Vec<u8> {
    element(0x30, &[&oid(&[1, group, number]), value])
}

pub fn reported(kind: u8, claims: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &[&oid(&[0, kind]), &element(0x30, &[&claims.concat()])])
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    element(4, &[bytes])
}

pub fn text(text: &str) -> Vec<u8> {
    element(0x0c, &[text.as_bytes()])
}

/// Claims of a key that was made in the module and cannot leave it.
pub fn kept(name: &str, key: &KeyPair) -> Vec<Vec<u8>> {
    let identity = [claim(2, 0, &text(name)), claim(2, 1, &octets(&spki(key)))];
    let flags = [(2, FALSE), (4, TRUE), (3, TRUE), (5, TRUE)];
    identity.into_iter().chain(flags.map(|(number, value)| claim(2, number, value))).collect()
}

/// Claims of a key that may leave in plain form.
pub fn loose(name: &str, key: &KeyPair) -> Vec<Vec<u8>> {
    let identity = [claim(2, 0, &text(name)), claim(2, 1, &octets(&spki(key)))];
    identity.into_iter().chain([claim(2, 2, TRUE), claim(2, 3, FALSE)]).collect()
}

/// A token under construction. The default is a good one about two keys, of which the request is for the first.
pub struct Token {
    pub version: u8,
    pub chain: Chain,
    /// Who signs, if not the key of the chain's leaf.
    pub signer: Option<KeyPair>,
    pub keys: [KeyPair; 2],
    pub elements: Vec<Vec<u8>>,
    /// What the signer is named by: key identifier, key, certificate.
    pub named_by: [bool; 3],
    pub further_blocks: Vec<Vec<u8>>,
    pub certificates: Vec<Vec<u8>>,
}

impl Token {
    pub fn new() -> Token {
        Token::under(chain("Vendor Root", &[KeyUsagePurpose::DigitalSignature], Some(PURPOSE)))
    }

    pub fn under(chain: Chain) -> Token {
        let keys = [key(), key()];
        let transaction = [claim(0, 0, &octets(b"ours")), claim(0, 2, &octets(&spki(&chain.leaf_key)))];
        let platform = [claim(1, 6, &text("7.0")), claim(1, 7, &[2, 1, 1]), claim(1, 10, FALSE)];
        let elements = vec![
            reported(0, &transaction),
            reported(1, &platform),
            reported(2, &kept("one", &keys[0])),
            reported(2, &loose("two", &keys[1])),
        ];
        Token {
            version: 1,
            chain,
            signer: None,
            keys,
            elements,
            named_by: [false, false, true],
            further_blocks: Vec::new(),
            certificates: Vec::new(),
        }
    }

    pub fn block(&self, key: &KeyPair, certificate: &[u8], tbs: &[u8]) -> Vec<u8> {
        let named = [
            element(0xa0, &[&octets(b"key id")]),
            element(0xa1, &[&spki(key)]),
            element(0xa2, &[certificate]),
        ];
        let named: Vec<u8> = named
            .into_iter()
            .zip(self.named_by)
            .filter(|(_, is_there)| *is_there)
            .flat_map(|(n, _)| n)
            .collect();
        element(0x30, &[&element(0x30, &[&named]), ECDSA_WITH_SHA256, &octets(&sign(key, tbs))])
    }

    pub fn tbs(&self) -> Vec<u8> {
        element(0x30, &[&[2, 1, self.version], &element(0x30, &[&self.elements.concat()])])
    }

    pub fn make(&self) -> Vec<u8> {
        let tbs = self.tbs();
        let signer = self.signer.as_ref().unwrap_or(&self.chain.leaf_key);
        let block = self.block(signer, &self.chain.leaf, &tbs);
        let blocks = [self.further_blocks.concat(), block].concat();
        let certificates = element(0xa0, &[&self.certificates.concat()]);
        element(0x30, &[&tbs, &element(0x30, &[&blocks]), &certificates])
    }
}
