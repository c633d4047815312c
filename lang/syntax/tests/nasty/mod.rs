//! Inputs that no honest writer makes, and the bound that every reader keeps on them: an answer, whatever it is, on a
//! small stack and in bounded time. The tests `hostile.rs` of all crates share this file.
#![allow(dead_code)]

pub mod policy;

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Bytes of the largest input.
pub const SIZE: usize = 1 << 20;
/// Bytes of the stack that a reader has.
pub const STACK: usize = 512 << 10;
/// Processor time that an answer may take: two seconds in a build as it is shipped. A build for tests is slower, on a
/// slow machine more so; its bound still tells time that grows with the input from time that grows with its square.
pub const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 2 });
/// Time on the clock after which a reader hangs, however busy the machine is.
const HANG: Duration = Duration::from_secs(120);

/// An input: what it is, and its bytes.
pub type Nasty = (String, Vec<u8>);

/// Gives each input to a reader.
///
/// # Panics
/// Where one is not answered within [`LIMIT`] on a stack of [`STACK`] bytes. A stack that overflows ends the process.
pub fn answers(reader: &'static str, inputs: impl IntoIterator<Item = Nasty>, read: fn(&[u8])) {
    let mut slowest = (Duration::ZERO, String::new());
    let (mut count, mut total, mut late) = (0, Duration::ZERO, Vec::new());
    for (name, bytes) in inputs {
        let name = format!("{reader}: {name}");
        let (tell, told) = mpsc::channel();
        let worker = std::thread::Builder::new().name(name.clone()).stack_size(STACK).spawn(move || {
            let before = thread_time();
            read(&bytes);
            tell.send(thread_time().saturating_sub(before)).unwrap();
        });
        let took = match told.recv_timeout(HANG) {
            Ok(took) => took,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: no answer"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                worker.unwrap().join().unwrap();
                panic!("{name}: panicked");
            }
        };
        count += 1;
        total += took;
        if took >= LIMIT {
            late.push(format!("{name}: {took:?}"));
        }
        slowest = slowest.max((took, name));
    }
    assert!(late.is_empty(), "more than {LIMIT:?}:\n{}", late.join("\n"));
    assert!(count > 0, "{reader} was given nothing");
    println!("{reader}: {count} inputs in {total:?}, at most {:?} ({})", slowest.0, slowest.1);
}

/// What this thread had of a processor, or the clock where the system does not tell. Others' load does not count.
fn thread_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// Numbers that look like chance and are the same in each run (xorshift64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(0x9e37_79b9_7f4a_7c15 ^ seed)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// Words with something between them.
    pub fn words(&mut self, words: &[&str], between: &str, len: usize) -> String {
        let mut text = String::new();
        while text.len() < len {
            text.push_str(words[self.below(words.len())]);
            text.push_str(between);
        }
        cut(text, len)
    }
}

/// The longest beginning of a text within `len` bytes.
pub fn cut(mut text: String, len: usize) -> String {
    let end = (0..=len.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    text.truncate(end);
    text
}

/// `head`, then `part` as often as it fits into `len` bytes.
pub fn filled(head: impl AsRef<[u8]>, part: impl AsRef<[u8]>, len: usize) -> Vec<u8> {
    let (mut bytes, part) = (head.as_ref().to_vec(), part.as_ref());
    while bytes.len() + part.len() <= len {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// `head`, then what `part` makes of 0, 1, 2 … as often as it fits with `tail`, then `tail`.
pub fn numbered(head: &str, part: impl Fn(usize) -> String, tail: &str, len: usize) -> String {
    let mut text = head.to_owned();
    for index in 0.. {
        let next = part(index);
        if text.len() + next.len() + tail.len() > len {
            break;
        }
        text.push_str(&next);
    }
    text + tail
}

/// `open` as often as fits, something inside, and each closed again.
pub fn nested(open: &str, inside: &str, close: &str, levels: usize) -> Vec<u8> {
    format!("{}{inside}{}", open.repeat(levels), close.repeat(levels)).into_bytes()
}

/// Shapes that are wrong for every reader: noise, one byte over and over, broken UTF-8.
pub fn noise(len: usize) -> Vec<Nasty> {
    let mut inputs = vec![
        ("nothing".to_owned(), Vec::new()),
        ("noise".to_owned(), Random::new(1).bytes(len)),
        ("printable noise".to_owned(), Random::new(2).bytes(len).iter().map(|byte| 32 + byte % 95).collect()),
        ("long lines".to_owned(), filled([], "a".repeat(65_535) + "\n", len)),
        ("short lines".to_owned(), filled([], "a\n", len)),
        ("crossed line ends".to_owned(), filled([], "\r\n\n\r", len)),
        ("surrogates".to_owned(), filled([], b"\xed\xa0\x80", len)),
        ("overlong".to_owned(), filled([], b"\xc0\xaf", len)),
        ("text that breaks at its end".to_owned(), [filled([], "\u{e9}", len - 2), vec![0xc3]].concat()),
        ("combining".to_owned(), filled("e", "\u{301}", len)),
        ("marks of direction".to_owned(), filled([], "\u{202e}", len)),
    ];
    for byte in [0, 0x04, 0x1f, 0x20, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x9b, 0x9f, 0xa1, 0xbf, 0xd8, 0xf4, 0xff]
    {
        inputs.push((format!("{byte:#04x} alone"), vec![byte; len]));
    }
    inputs
}

/// Shapes for readers of DER.
pub fn der(len: usize) -> Vec<Nasty> {
    let mut inputs = Vec::new();
    for (name, tag) in [("SEQUENCE", 0x30), ("SET", 0x31), ("context tag", 0xa0), ("OCTET STRING", 0x04)] {
        inputs.push((format!("nested {name}"), nested_der(tag, len)));
        inputs.push((format!("{name} without an end"), filled([], [tag, 0x80], len)));
        inputs.push((
            format!("{name} longer than told"),
            filled([tag, 0x84, 0x7f, 0xff, 0xff, 0xff], [tag, 0], len),
        ));
    }
    let items: [(&str, &[u8]); 7] = [
        ("NULL", &[5, 0]),
        ("INTEGER", &[2, 1, 0]),
        ("empty SEQUENCE", &[0x30, 0]),
        ("OBJECT IDENTIFIER", &[6, 1, 0x2a]),
        ("attribute", &[0x30, 7, 6, 1, 0x2a, 0x31, 2, 5, 0]),
        ("end of contents", &[0, 0]),
        ("high tag", &[0x1f, 0x81, 0x81, 1, 0]),
    ];
    for (name, item) in items {
        let body = filled([], item, len - 5);
        inputs.push((format!("many of {name}"), element(0x30, &body)));
        inputs.push((
            format!("three levels of many of {name}"),
            element(0x30, &element(0x30, &element(0x30, &body[..body.len() - 10]))),
        ));
    }
    inputs.push(("a long OBJECT IDENTIFIER".to_owned(), element(6, &vec![0x81; len - 5])));
    inputs.push(("a long INTEGER".to_owned(), element(2, &vec![0x7f; len - 5])));
    inputs
}

/// One element of DER.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    let width = 4 - len.iter().take_while(|octet| **octet == 0).count().min(3);
    let head = if content.len() < 128 { vec![tag] } else { vec![tag, 0x80 + width as u8] };
    [&head, &len[4 - width..], content].concat()
}

fn nested_der(tag: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    for level in 0..len / 5 {
        let inside = u32::try_from((len / 5 - level - 1) * 5).unwrap().to_be_bytes();
        bytes.extend([tag, 0x83, inside[1], inside[2], inside[3]]);
    }
    bytes
}

/// Shapes for readers of CBOR.
pub fn cbor(len: usize) -> Vec<Nasty> {
    let mut inputs = Vec::new();
    let opened: [(&str, &[u8]); 8] = [
        ("arrays", &[0x81]),
        ("endless arrays", &[0x9f]),
        ("maps", &[0xa1, 0]),
        ("maps in keys", &[0xa1]),
        ("endless maps", &[0xbf, 0]),
        ("tags", &[0xc1]),
        ("long tags", &[0xd8, 18]),
        ("pairs", &[0x82, 0]),
    ];
    for (name, open) in opened {
        inputs.push((format!("nested {name}"), filled([], open, len)));
    }
    for major in [0x40, 0x60, 0x80, 0xa0, 0xc0] {
        for told in [u64::MAX, 1 << 62, 1 << 40, 1 << 31, 1 << 24] {
            let head = [&[major | 27][..], &told.to_be_bytes()].concat();
            inputs.push((format!("{told} told in {major:#x}"), filled(&head, [0x61, b'a'], len)));
            inputs.push((format!("{told} told in {major:#x} over and over"), filled([], &head, len)));
        }
    }
    let items: [(&str, &[u8]); 7] = [
        ("0", &[0]),
        ("empty arrays", &[0x80]),
        ("empty maps", &[0xa0]),
        ("empty texts", &[0x60]),
        ("nulls", &[0xf6]),
        ("floats", &[0xf9, 0x7e, 0]),
        ("strings in pieces", &[0x5f, 0x41, 0, 0x41, 0, 0xff]),
    ];
    for (name, item) in items {
        let body = filled([], item, len - 5);
        let count = u32::try_from(body.len() / item.len()).unwrap();
        inputs.push((format!("many {name}"), [&[0x9a][..], &count.to_be_bytes(), &body].concat()));
        inputs.push((
            format!("a map of many {name}"),
            [&[0xba][..], &(count / 2).to_be_bytes(), &body].concat(),
        ));
        inputs.push((format!("many {name} in four places"), filled([0x84, 0x41, 0xa0, 0xa0], &body, len)));
    }
    inputs.push(("pieces without an end".to_owned(), filled([0x5f], [0x41, 0], len)));
    inputs.push(("texts without an end".to_owned(), filled([0x7f], [0x61, b'a'], len)));
    inputs
}

/// Shapes for readers of JSON.
pub fn json(len: usize) -> Vec<Nasty> {
    let many =
        |part: fn(usize) -> String, open: &str, close: &str| numbered(open, part, close, len).into_bytes();
    let half = len / 2;
    let mut inputs: Vec<(&str, Vec<u8>)> = vec![
        ("nested arrays", nested("[", "", "]", half)),
        ("nested objects", nested("{\"a\":", "0", "}", len / 6)),
        ("objects in arrays", nested("[{\"a\":", "0", "}]", len / 8)),
        ("arrays just within serde's depth", nested("[", "", "]", 127)),
        ("objects just within serde's depth", nested("{\"format\":", "0", "}", 127)),
        (
            "arrays in a member",
            [b"{\"format\":".to_vec(), nested("[", "", "]", half - 20), b"}".to_vec()].concat(),
        ),
        ("open arrays", filled([], "[", len)),
        ("open objects", filled([], "{\"a\":", len)),
        ("open strings", filled([], "\"", len)),
        ("many numbers", many(|_| "0,".to_owned(), "[", "0]")),
        ("many numbers in a member", many(|_| "0,".to_owned(), "{\"format\":[", "0]}")),
        ("many members", many(|index| format!("\"m{index}\":0,"), "{", "\"format\":0}")),
        ("one member over and over", many(|_| "\"a\":0,".to_owned(), "{", "\"format\":0}")),
        ("many objects", many(|_| "{},".to_owned(), "[", "{}]")),
        ("many nulls", many(|_| "null,".to_owned(), "[", "null]")),
        ("a long string", many(|_| "a".to_owned(), "{\"format\":\"", "\"}")),
        ("a long name", many(|_| "a".to_owned(), "{\"", "\":0}")),
        ("escapes", many(|_| "\\u0000".to_owned(), "{\"format\":\"", "\"}")),
        ("surrogates in escapes", many(|_| "\\ud83d\\ude00".to_owned(), "{\"format\":\"", "\"}")),
        ("halves of surrogates", many(|_| "\\ud83d".to_owned(), "{\"format\":\"", "\"}")),
        ("backslashes", many(|_| "\\\\".to_owned(), "{\"format\":\"", "\"}")),
        ("digits", filled([], "9", len)),
        ("digits in a member", many(|_| "9".to_owned(), "{\"key.size\":", "}")),
        ("digits behind a point", filled("0.", "9", len)),
        ("an exponent", filled("1e", "9", len)),
        ("minus", filled([], "-", len)),
        ("white space", many(|_| " ".to_owned(), "{", "}")),
        ("white space first", filled([], " ", len - 2)),
        ("colons", filled("{\"a\"", ":", len)),
        ("commas", filled("[", ",", len)),
        ("bad text in a string", filled("{\"a\":\"", b"\xff", len)),
    ];
    inputs.push(("line ends", many(|_| "\n".to_owned(), "{", "!}")));
    inputs.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Shapes for readers of PEM, for blocks of that label.
pub fn pem(label: &str, len: usize) -> Vec<Nasty> {
    let (begin, end) = (format!("-----BEGIN {label}-----\n"), format!("-----END {label}-----\n"));
    let lines = format!("{}\n", "MDAw".repeat(16)).repeat(1_000);
    let inputs = [
        ("many beginnings", filled([], &begin, len)),
        ("many ends", filled([], &end, len)),
        ("empty blocks", filled([], format!("{begin}{end}"), len)),
        ("small blocks", filled([], format!("{begin}MAA=\n{end}"), len)),
        ("blocks of another label", filled([], "-----BEGIN X-----\nMAA=\n-----END X-----\n", len)),
        ("one long line", [begin.as_bytes(), &filled([], "MDAw", len - 100), b"\n", end.as_bytes()].concat()),
        ("one block without an end", filled(&begin, &lines, len)),
        ("empty lines", [begin.as_bytes(), &filled([], "\n", len - 100), end.as_bytes()].concat()),
        ("white space", [begin.as_bytes(), &filled([], " \t", len - 100), end.as_bytes()].concat()),
        ("padding", [begin.as_bytes(), &filled([], "====", len - 100), b"\n", end.as_bytes()].concat()),
        ("headers", [begin.as_bytes(), &filled([], "A: b\n", len - 100), b"\n", end.as_bytes()].concat()),
        ("dashes", filled([], "-", len)),
        ("beginnings without a label", filled([], "-----BEGIN ", len)),
        (
            "beginnings that differ",
            numbered("", |index| format!("-----BEGIN {index}-----\n"), "", len).into_bytes(),
        ),
    ];
    inputs.into_iter().map(|(name, bytes)| (format!("PEM, {name}"), bytes)).collect()
}

/// A PEM block.
pub fn pem_block(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----");
    for (index, three) in der.chunks(3).enumerate() {
        if index % 16 == 0 {
            text.push('\n');
        }
        let bits = three.iter().chain([&0; 2]).take(3).fold(0, |bits, octet| bits << 8 | usize::from(*octet));
        let digits = (0..4).map(|at| DIGITS[bits >> (18 - 6 * at) & 63] as char);
        text.extend(digits.take(three.len() + 1).chain("==".chars()).take(4));
    }
    text + &format!("\n-----END {label}-----\n")
}
