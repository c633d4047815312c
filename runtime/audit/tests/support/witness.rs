//! A witness that is not there: written from C2SP tlog-witness and tlog-cosignature, and by none of the log's own code. It
//! knows one log, verifies its signature and consistency proof, remembers what it cosigned, and signs with a key of its
//! own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

type Hash = [u8; 32];

/// A status code, a media type and a body.
pub type Told = (u16, &'static str, Vec<u8>);

pub struct Seer {
    name: String,
    pair: Ed25519KeyPair,
    /// Origin and public key of the log that it knows.
    log: (String, Vec<u8>),
    /// Size and root of what it cosigned last.
    pub seen: (u64, Hash),
    pub time: u64,
}

fn sha256(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat()).as_ref().try_into().unwrap()
}

/// Name and 32 octets of a verifier key of this type.
fn verifier(text: &str, kind: u8) -> (String, Vec<u8>) {
    let (name, rest) = text.split_once('+').unwrap();
    let (_, key) = rest.split_once('+').unwrap();
    let key = STANDARD.decode(key).unwrap();
    assert_eq!(key[0], kind);
    (name.to_owned(), key[1..].to_vec())
}

impl Seer {
    /// A witness of this name that knows the log with this verifier key.
    pub fn new(name: &str, seed: u8, log: &str) -> Seer {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let (log, name) = (verifier(log, 1), name.to_owned());
        Seer { name, pair, log, seen: (0, [0; 32]), time: 1_800_000_000 }
    }

    fn key_id(&self) -> [u8; 4] {
        let hash = sha256(&[self.name.as_bytes(), b"\n\x04", self.pair.public_key().as_ref()]);
        hash[..4].try_into().unwrap()
    }

    /// Its verifier key, as an operator publishes it.
    pub fn key(&self) -> String {
        let id: String = self.key_id().iter().map(|octet| format!("{octet:02x}")).collect();
        let key = STANDARD.encode([&[4], self.pair.public_key().as_ref()].concat());
        format!("{}+{id}+{key}", self.name)
    }

    /// `POST <submission prefix>/add-checkpoint`.
    pub fn add_checkpoint(&mut self, body: &[u8]) -> Told {
        let plain = |status: u16| (status, "text/plain", b"no\n".to_vec());
        let body = std::str::from_utf8(body).unwrap();
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).unwrap();
        let proof: Vec<Hash> = lines.map(hash).collect();
        assert!(proof.len() <= 63);
        let (text, signatures) = note.split_once("\n\n").unwrap();
        let text = format!("{text}\n");
        let mut of = text.lines();
        let (origin, size, root) = (of.next().unwrap(), of.next().unwrap(), hash(of.next().unwrap()));
        if origin != self.log.0 {
            return plain(404);
        }
        if !signatures.lines().any(|line| self.is_of_log(&text, line)) {
            return plain(403);
        }
        let (old, size): (u64, u64) = (old.parse().unwrap(), size.parse().unwrap());
        if old > size {
            return plain(400);
        }
        if old != self.seen.0 || (old == size && root != self.seen.1) {
            return (409, "text/x.tlog.size", format!("{}\n", self.seen.0).into_bytes());
        }
        let is_consistent = match old {
            0 => proof.is_empty(),
            _ if old == size => proof.is_empty(),
            _ => leads(old, size, &self.seen.1, &root, &proof),
        };
        if !is_consistent {
            return plain(422);
        }
        self.seen = (size, root);
        (200, "text/plain", self.cosign(&text).into_bytes())
    }

    /// A signature line over a checkpoint: tlog-cosignature, Ed25519.
    pub fn cosign(&self, text: &str) -> String {
        let message = format!("cosignature/v1\ntime {}\n{text}", self.time);
        let signature = self.pair.sign(message.as_bytes());
        let bytes = [&self.key_id()[..], &self.time.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }

    fn is_of_log(&self, text: &str, line: &str) -> bool {
        let (name, signature) = line.strip_prefix("\u{2014} ").unwrap().split_once(' ').unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, &self.log.1);
        name == self.log.0 && key.verify(text.as_bytes(), &signature[4..]).is_ok()
    }
}

fn hash(text: &str) -> Hash {
    STANDARD.decode(text).unwrap().try_into().unwrap()
}

/// Whether the proof leads from the first tree to the second: RFC 9162 section 2.1.4.2, step by step, for `0 < from < to`.
fn leads(from: u64, to: u64, first: &Hash, second: &Hash, proof: &[Hash]) -> bool {
    let above = |left: &Hash, right: &Hash| sha256(&[&[1], left, right]);
    let mut path = proof.to_vec();
    if from.is_power_of_two() {
        path.insert(0, *first);
    }
    let Some((start, path)) = path.split_first() else { return false };
    let (mut at, mut last) = (from - 1, to - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut of_first, mut of_second) = (*start, *start);
    for node in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_first = above(node, &of_first);
            of_second = above(node, &of_second);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            of_second = above(&of_second, node);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    of_first == *first && of_second == *second && last == 0
}
