//! The text that people sign: one line for each thing that is approved, and one spelling of it.
use crate::input::InputError;
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::Word;
use pkic_vocab::hex::Hex;
use pkic_vocab::limits::EVIDENCE_ITEMS_MAX;
use pkic_vocab::time::{format_date, parse_date};
use pkic_vocab::words::Words;
use std::fmt::{self, Write};

/// Bytes of the text: sixteen items of evidence and three names of full length fit.
pub const TEXT_LEN_BYTES_MAX: usize = 8 << 10;
/// Bytes of a name in the text: a qualified name of a policy is at most a tenth of it.
const NAME_LEN_BYTES_MAX: usize = 1024;
/// The first line: what it is, and the version of its form.
const HEAD: &str = "pkic approval 1";

/// What an approval is spent by: 128 random bits, shown as hexadecimal digits. The caller draws them from a
/// cryptographic generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApprovalId(pub [u8; 16]);

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl ApprovalId {
    /// The id that 32 lower-case hexadecimal digits stand for.
    pub fn from_text(text: &str) -> Option<ApprovalId> {
        let mut id = [0u8; 16];
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (at, to) in id.iter_mut().enumerate() {
            let from = at.checked_mul(2)?;
            *to = u8::from_str_radix(text.get(from..from.checked_add(2)?)?, 16).ok()?;
        }
        Some(ApprovalId(id))
    }
}

/// What is asked of an authority, as far as people approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The operation.
    pub operation: Word,
    /// Qualified name of the authority that would sign.
    pub authority: String,
    /// Qualified name of the profile.
    pub profile: String,
    /// Who asks, as the embedding authority vouches for them: what they claim of themselves does not count. They
    /// approve nothing of this request. The name is theirs in the groups of the policy as well.
    pub requester: String,
    /// SHA-256 of the PKCS#10 request in DER; for a revocation, of the certificate; for a revocation list, of the
    /// tbsCertList.
    pub request: Sha256Digest,
    /// SHA-256 of each item of evidence, in any order.
    pub evidence: Vec<Sha256Digest>,
    /// SHA-256 of the program's canonical bytes: [`crate::bundle::Loaded::digest`].
    pub program: Sha256Digest,
}

/// An approval that people are asked for. Its text is what they sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    id: ApprovalId,
    asked: Asked,
    not_after: i64,
}

impl ApprovalRequest {
    /// Asks for approvals that count until a moment, in seconds since 1970-01-01T00:00:00Z, that one included.
    ///
    /// # Errors
    /// [`InputError`] for a name that is empty, too long, or holds what cannot be seen; for too much evidence; for a
    /// moment outside 1970 to 9999.
    pub fn new(id: ApprovalId, asked: Asked, not_after: i64) -> Result<ApprovalRequest, InputError> {
        let wrong = |what: String, help: &str| Err(InputError::new("approval request", what, help));
        for (field, name) in
            [("authority", &asked.authority), ("profile", &asked.profile), ("requester", &asked.requester)]
        {
            if name.is_empty() || name.len() > NAME_LEN_BYTES_MAX || name.trim() != name.as_str() {
                return wrong(
                    format!("the {field} is empty, too long, or has space around it"),
                    "give its name",
                );
            }
            if name.chars().any(is_hidden) {
                return wrong(
                    format!("the {field} holds characters that cannot be seen"),
                    "give a plain name",
                );
            }
        }
        if asked.evidence.len() > EVIDENCE_ITEMS_MAX {
            let what =
                format!("{} items of evidence, the limit is {EVIDENCE_ITEMS_MAX}", asked.evidence.len());
            return wrong(what, "give fewer");
        }
        if parse_date(&format_date(not_after)) != Some(not_after) || not_after < 0 {
            return wrong("the end of the approval is outside 1970 to 9999".to_owned(), "give another");
        }
        let mut asked = asked;
        asked.evidence.sort_unstable();
        asked.evidence.dedup();
        Ok(ApprovalRequest { id, asked, not_after })
    }

    /// What it is spent by.
    pub fn id(&self) -> ApprovalId {
        self.id
    }

    /// What is approved, its evidence sorted.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The last second at which it counts, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.text().as_bytes())
    }

    /// The very text that is signed: lines of a name, a colon, a space and a value, each ended by a line feed.
    pub fn text(&self) -> String {
        let Asked { operation, authority, profile, requester, request, evidence, program } = &self.asked;
        let operation = operation.name();
        let mut text = format!("{HEAD}\nid: {}\noperation: {operation}\n", self.id);
        // Writing into memory does not fail.
        let _ = write!(text, "authority: {authority}\nprofile: {profile}\nrequester: {requester}\n");
        let _ = writeln!(text, "request: {request}");
        for item in evidence {
            let _ = writeln!(text, "evidence: {item}");
        }
        if evidence.is_empty() {
            text.push_str("evidence: none\n");
        }
        let _ = write!(text, "program: {program}\nnot-after: {}\n", moment(self.not_after));
        text
    }

    /// Reads the text, in its one spelling: what reads writes the same bytes again.
    ///
    /// # Errors
    /// [`InputError`] with the line that does not read.
    pub fn from_text(input: &str, bytes: &[u8]) -> Result<ApprovalRequest, InputError> {
        if bytes.len() > TEXT_LEN_BYTES_MAX {
            let what = format!("{} bytes, the limit is {TEXT_LEN_BYTES_MAX}", bytes.len());
            return Err(InputError::new(input, what, HELP));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InputError::new(input, "it is no UTF-8", HELP))?;
        let mut lines = Lines { input, rest: text, line: 0 };
        lines.head()?;
        let id = lines.value("id", ApprovalId::from_text)?;
        let operation = lines.value("operation", |name| Words::Operation.word(name))?;
        let authority = lines.value("authority", |name| Some(name.to_owned()))?;
        let profile = lines.value("profile", |name| Some(name.to_owned()))?;
        let requester = lines.value("requester", |name| Some(name.to_owned()))?;
        let request = lines.value("request", Sha256Digest::from_text)?;
        let first = lines.value("evidence", |value| match value {
            "none" => Some(None),
            digest => Sha256Digest::from_text(digest).map(Some),
        })?;
        let mut evidence: Vec<Sha256Digest> = first.into_iter().collect();
        while first.is_some() && lines.rest.starts_with("evidence: ") && evidence.len() <= EVIDENCE_ITEMS_MAX
        {
            evidence.push(lines.value("evidence", Sha256Digest::from_text)?);
        }
        let program = lines.value("program", Sha256Digest::from_text)?;
        let not_after = lines.value("not-after", parse_date)?;
        let asked = Asked { operation, authority, profile, requester, request, evidence, program };
        let read = ApprovalRequest::new(id, asked, not_after)
            .map_err(|error| InputError::new(input, error.what, error.help))?;
        if read.text() != text {
            return Err(InputError::new(input, "it is not in the one spelling of such a text", HELP));
        }
        Ok(read)
    }

    /// The first line in which something else was approved than is asked.
    pub(super) fn difference(&self, asked: &Asked) -> Option<(&'static str, String, String)> {
        let listed = |digests: &[Sha256Digest]| {
            let mut digests: Vec<String> = digests.iter().map(ToString::to_string).collect();
            digests.sort_unstable();
            digests.dedup();
            if digests.is_empty() { "none".to_owned() } else { digests.join(", ") }
        };
        let lines = |asked: &Asked| {
            let Asked { operation, authority, profile, requester, request, evidence, program } = asked;
            [
                ("operation", operation.name().to_owned()),
                ("authority", authority.clone()),
                ("profile", profile.clone()),
                ("requester", requester.clone()),
                ("request", request.to_string()),
                ("evidence", listed(evidence)),
                ("program", program.to_string()),
            ]
        };
        let pairs = lines(&self.asked).into_iter().zip(lines(asked));
        pairs.map(|((field, a), (_, b))| (field, a, b)).find(|(_, approved, asked)| approved != asked)
    }
}

/// A moment to the second, so that nobody takes a day for its end.
pub(super) fn moment(at: i64) -> String {
    let text = format_date(at);
    if text.contains('T') { text } else { format!("{text}T00:00:00Z") }
}

const HELP: &str = "take the file as pkic wrote it, and change nothing in it";

/// Control characters, and characters that change how others are shown: with them a text could be read as another.
pub(super) fn is_hidden(c: char) -> bool {
    let invisible = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}'];
    let formatting = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || formatting || invisible.contains(&c) || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// The lines that are not read yet.
struct Lines<'a> {
    input: &'a str,
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, InputError> {
        self.line = self.line.saturating_add(1);
        let (line, rest) = self.rest.split_once('\n').ok_or_else(|| self.wrong("the text ends early"))?;
        self.rest = rest;
        Ok(line)
    }

    fn wrong(&self, what: impl Into<String>) -> InputError {
        InputError { line: Some(self.line), ..InputError::new(self.input, what, HELP) }
    }

    fn head(&mut self) -> Result<(), InputError> {
        if self.next()? == HEAD { Ok(()) } else { Err(self.wrong(format!("expected `{HEAD}`"))) }
    }

    /// The value of the next line, which has that name.
    fn value<T>(&mut self, name: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, InputError> {
        let line = self.next()?;
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
        value.and_then(read).ok_or_else(|| self.wrong(format!("expected a line `{name}: …`")))
    }
}
