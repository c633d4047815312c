//! Trust anchors: which keys an operator trusts, what for, and which certificates help to reach them.
//!
//! Evidence never anchors itself: an anchor comes from this set alone, and is matched by its name and key, so that a
//! root re-issued on the same key stays the same anchor and another key under the same name does not become one.
use crate::certificate::Certificate;
use crate::crypto::{Sha256Digest, Strength, verify_signature};
use crate::pem::{self, Block};
use crate::reject::Reject;
use crate::revocation::RevocationData;
use pkic_vocab::words::Words;
use pkic_vocab::{Purpose, limits};
use serde::Deserialize;
use std::collections::HashSet;
use std::fmt;
use toml::Spanned;

/// What the operator says about an anchor; it travels with every fact that hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorRef {
    /// Its name: from `anchors.toml`, or the file's name.
    pub name: String,
    /// What it may be used for.
    pub purpose: Purpose,
    /// SHA-256 of its subjectPublicKeyInfo.
    pub spki: Sha256Digest,
}

/// A trust anchor: a name and a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    reference: AnchorRef,
    subject: Vec<u8>,
    spki: Vec<u8>,
    formats: Vec<String>,
}

impl Anchor {
    /// What the operator says about it.
    pub fn reference(&self) -> &AnchorRef {
        &self.reference
    }

    /// Its subject name, in the bytes of its certificate.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Its subjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether evidence of that format may hang on it.
    pub fn serves(&self, format: &str) -> bool {
        serves(&self.formats, format)
    }
}

fn serves(formats: &[String], format: &str) -> bool {
    formats.is_empty() || formats.iter().any(|name| name == format)
}

/// A key that is enrolled without a certificate, such as an attestation key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EnrolledKey {
    reference: AnchorRef,
    formats: Vec<String>,
}

/// A file of the anchor folder, already read.
#[derive(Debug, Clone, Copy)]
pub struct AnchorFile<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// PEM with one or more certificates, or with public keys alone, or one certificate in DER.
    pub bytes: &'a [u8],
}

/// The files that a set was read from: whoever has them reads the same set again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnchorSources {
    /// The text of `anchors.toml`.
    pub listing: String,
    /// Name and bytes of every other file, in their order.
    pub files: Vec<(String, Vec<u8>)>,
}

impl AnchorSources {
    /// Reads the set again.
    ///
    /// # Errors
    /// As [`AnchorSet::load`].
    pub fn load(&self) -> Result<AnchorSet, AnchorError> {
        let files: Vec<AnchorFile<'_>> =
            self.files.iter().map(|(name, bytes)| AnchorFile { name, bytes }).collect();
        AnchorSet::load(&files, &self.listing)
    }
}

/// Why an anchor folder was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorError {
    /// The file.
    pub file: String,
    /// The line, from 1, where the file is text.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: String,
}

impl fmt::Display for AnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}; {}", self.file, self.what, self.help),
            None => write!(f, "{}: {}; {}", self.file, self.what, self.help),
        }
    }
}

impl std::error::Error for AnchorError {}

/// The trust anchors of a deployment, the certificates that help to reach them, and the lists that take trust back.
#[derive(Debug, Clone, Default)]
pub struct AnchorSet {
    anchors: Vec<Anchor>,
    keys: Vec<EnrolledKey>,
    public_keys: Vec<Vec<u8>>,
    candidates: Vec<Certificate>,
    /// Keys below which nobody publishes a list, says the operator.
    unpublished: HashSet<Sha256Digest>,
    revocation: RevocationData,
    sources: AnchorSources,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Listing {
    #[serde(default)]
    anchor: Vec<Entry>,
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    spki: Spanned<String>,
    purpose: Spanned<String>,
    #[serde(default)]
    formats: Vec<Spanned<String>>,
    revocation: Option<Spanned<String>>,
}

/// The name under which messages speak of the listing.
const LISTING: &str = "anchors.toml";

impl AnchorSet {
    /// Reads a folder of certificates and the text of its `anchors.toml`.
    ///
    /// A certificate becomes an anchor if the listing names the SHA-256 of its subjectPublicKeyInfo, or if it is
    /// self-signed and the signature verifies (purpose `unspecified`). Every other one only helps to build paths. A
    /// public key is for evidence that names its root alone; the listing decides whether it is enrolled.
    ///
    /// # Errors
    /// [`AnchorError`] for the first file that does not read, entry that is unknown, wrong or listed twice, or listed
    /// anchor without a certificate.
    pub fn load(files: &[AnchorFile<'_>], listing: &str) -> Result<AnchorSet, AnchorError> {
        let entries = read_listing(listing)?;
        let mut set = AnchorSet::default();
        let mut used = vec![false; entries.anchors.len()];
        for file in files {
            if let Some(keys) = public_keys_of(file.bytes) {
                set.public_keys.extend(keys);
                continue;
            }
            let certificates = Certificate::all_from_file(file.bytes).map_err(|reject| AnchorError {
                file: file.name.to_owned(),
                line: None,
                what: reject.to_string(),
                help: "give certificates in PEM, or one in DER".to_owned(),
            })?;
            for certificate in certificates {
                set.take(file.name, certificate, &entries.anchors, &mut used);
            }
            if set.candidates.len().max(set.anchors.len()) > limits::PATH_CANDIDATES_MAX {
                let what = format!("more than {} certificates", limits::PATH_CANDIDATES_MAX);
                let help = "split the folder by evidence format".to_owned();
                return Err(AnchorError { file: LISTING.to_owned(), line: None, what, help });
            }
        }
        if let Some((entry, _)) = entries.anchors.iter().zip(&used).find(|(_, used)| !**used) {
            let what = format!("no certificate has the key `{}`", entry.key.reference.spki);
            let help = "put its certificate beside anchors.toml, or list it as `[[key]]`".to_owned();
            let line = Some(line_of(listing, entry.at));
            return Err(AnchorError { file: LISTING.to_owned(), line, what, help });
        }
        let unpublished = entries.anchors.iter().chain(&entries.keys).filter(|entry| entry.is_unpublished);
        set.unpublished = unpublished.map(|entry| entry.key.reference.spki).collect();
        set.keys = entries.keys.into_iter().map(|entry| entry.key).collect();
        set.sources = AnchorSources {
            listing: listing.to_owned(),
            files: files.iter().map(|file| (file.name.to_owned(), file.bytes.to_vec())).collect(),
        };
        Ok(set)
    }

    /// The set with what a deployment knows of revocation: every path to these anchors is held against it.
    #[must_use]
    pub fn with_revocation(self, revocation: RevocationData) -> AnchorSet {
        AnchorSet { revocation, ..self }
    }

    /// What the deployment knows of revocation.
    pub fn revocation(&self) -> &RevocationData {
        &self.revocation
    }

    /// The files that it was read from; the lists of revocation have theirs apart.
    pub fn sources(&self) -> &AnchorSources {
        &self.sources
    }

    /// Whether the operator says of an anchor that nobody publishes a list of what is revoked below it.
    pub(crate) fn is_unpublished(&self, spki: Sha256Digest) -> bool {
        self.unpublished.contains(&spki)
    }

    /// The subjectPublicKeyInfo of every key that came as a file, enrolled or not.
    pub fn public_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.public_keys.iter().map(Vec::as_slice)
    }

    /// The anchors that are certificates.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The certificates that are no anchors.
    pub fn candidates(&self) -> &[Certificate] {
        &self.candidates
    }

    /// What the operator says about a key that is enrolled by itself, for evidence of that format.
    pub fn enrolled(&self, spki: Sha256Digest, format: &str) -> Option<&AnchorRef> {
        let of_key = |key: &&EnrolledKey| key.reference.spki == spki && serves(&key.formats, format);
        self.keys.iter().find(of_key).map(|key| &key.reference)
    }

    /// SHA-256 over what the operator says of every anchor, for the record of a decision. Lists have digests of their own.
    pub fn digest(&self) -> Sha256Digest {
        let line = |reference: &AnchorRef, subject: &[u8], formats: &[String]| {
            let subject = Sha256Digest::of(subject);
            let formats = formats.join(",");
            let unpublished = if self.is_unpublished(reference.spki) { " unpublished" } else { "" };
            format!(
                "{} {subject} {} {formats}{unpublished} {}\n",
                reference.spki,
                reference.purpose.name(),
                reference.name
            )
        };
        let certificates =
            self.anchors.iter().map(|anchor| line(&anchor.reference, &anchor.subject, &anchor.formats));
        let keys = self.keys.iter().map(|key| line(&key.reference, &[], &key.formats));
        let mut lines: Vec<String> = certificates.chain(keys).collect();
        lines.sort();
        Sha256Digest::of(lines.concat().as_bytes())
    }

    fn take(&mut self, file: &str, certificate: Certificate, entries: &[Listed], used: &mut [bool]) {
        let spki = certificate.tbs().spki_digest();
        let listed = entries.iter().zip(used).find(|(entry, _)| entry.key.reference.spki == spki);
        let (reference, formats) = match listed {
            Some((entry, used)) => {
                *used = true;
                (entry.key.reference.clone(), entry.key.formats.clone())
            }
            None if is_self_signed(&certificate) => {
                (AnchorRef { name: file.to_owned(), purpose: Purpose::Unspecified, spki }, Vec::new())
            }
            None => {
                if !self.candidates.contains(&certificate) {
                    self.candidates.push(certificate);
                }
                return;
            }
        };
        let (subject, spki) = (certificate.tbs().subject().to_vec(), certificate.tbs().spki().to_vec());
        let anchor = Anchor { reference, subject, spki, formats };
        let is_new = |held: &Anchor| held.subject != anchor.subject || held.spki != anchor.spki;
        if self.anchors.iter().all(is_new) {
            self.anchors.push(anchor);
        }
    }
}

/// The keys of a file of PEM blocks `PUBLIC KEY`; nothing where it is another file.
fn public_keys_of(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let is_pem = bytes.len() <= limits::EVIDENCE_LEN_BYTES_MAX && bytes.first() != Some(&0x30);
    let blocks = is_pem.then(|| pem::blocks(bytes).take(limits::PATH_CANDIDATES_MAX))?;
    let blocks: Vec<Block<'_>> = blocks.collect::<Result<_, _>>().ok()?;
    let is_keys = !blocks.is_empty() && blocks.iter().all(|block| block.label == "PUBLIC KEY");
    is_keys.then(|| blocks.iter().map(|block| block.contents().ok()).collect())?
}

/// Whether issuer and subject are one name and the certificate's own key verifies its signature, SHA-1 included: the
/// signature marks a root here and proves nothing.
fn is_self_signed(certificate: &Certificate) -> bool {
    let tbs = certificate.tbs();
    let verifies = |scheme| {
        verify_signature(tbs.spki(), scheme, Strength::LegacyTolerated, tbs.raw(), certificate.signature())
    };
    tbs.issuer() == tbs.subject() && certificate.scheme().and_then(verifies).is_ok()
}

struct Listed {
    key: EnrolledKey,
    is_unpublished: bool,
    /// Where its digest stands in the listing.
    at: usize,
}

struct Entries {
    anchors: Vec<Listed>,
    keys: Vec<Listed>,
}

fn read_listing(text: &str) -> Result<Entries, AnchorError> {
    if text.len() > limits::EVIDENCE_LEN_BYTES_MAX {
        let size = text.len();
        let what =
            Reject::TooLarge { what: LISTING, size, limit: limits::EVIDENCE_LEN_BYTES_MAX }.to_string();
        return Err(AnchorError { file: LISTING.to_owned(), line: None, what, help: "split it".to_owned() });
    }
    let listing: Listing = toml::from_str(text).map_err(|error| AnchorError {
        file: LISTING.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        what: error.message().lines().collect::<Vec<_>>().join(", "),
        help:
            "an entry is `[[anchor]]` or `[[key]]` with `name`, `spki`, `purpose` and, if wanted, `formats` and \
             `revocation`"
                .to_owned(),
    })?;
    let read = |entries: Vec<Entry>| {
        entries.into_iter().map(|entry| read_entry(text, entry)).collect::<Result<Vec<_>, _>>()
    };
    let entries = Entries { anchors: read(listing.anchor)?, keys: read(listing.key)? };
    let mut seen: HashSet<Sha256Digest> = HashSet::new();
    for listed in entries.anchors.iter().chain(&entries.keys) {
        let spki = listed.key.reference.spki;
        if !seen.insert(spki) {
            let what = format!("the key `{spki}` is listed twice");
            let help = "keep one entry for each key".to_owned();
            let line = Some(line_of(text, listed.at));
            return Err(AnchorError { file: LISTING.to_owned(), line, what, help });
        }
    }
    Ok(entries)
}

fn read_entry(text: &str, entry: Entry) -> Result<Listed, AnchorError> {
    let at = |offset: usize, what: String, help: &str| AnchorError {
        file: LISTING.to_owned(),
        line: Some(line_of(text, offset)),
        what,
        help: help.to_owned(),
    };
    let spki = Sha256Digest::from_text(entry.spki.get_ref()).ok_or_else(|| {
        let what = format!("`{}` is no key digest", entry.spki.get_ref());
        at(
            entry.spki.span().start,
            what,
            "write `sha256:` and the 64 hexadecimal digits of its SubjectPublicKeyInfo",
        )
    })?;
    let purpose =
        Purpose::from_name(entry.purpose.get_ref()).filter(|purpose| *purpose != Purpose::Unspecified);
    let purpose = purpose.ok_or_else(|| {
        let what = format!("`{}` is no purpose", entry.purpose.get_ref());
        at(entry.purpose.span().start, what, "write `production`, `preview`, `test` or `simulator`")
    })?;
    let mut formats = Vec::new();
    for format in entry.formats {
        if Words::Format.word(format.get_ref()).is_none() {
            let what = format!("`{}` is no evidence format", format.get_ref());
            return Err(at(format.span().start, what, "`pkic evidence formats` lists them"));
        }
        formats.push(format.into_inner());
    }
    if let Some(word) = entry.revocation.as_ref().filter(|word| word.get_ref() != "unpublished") {
        let what = format!("`{}` is nothing to say of revocation", word.get_ref());
        return Err(at(word.span().start, what, "write `unpublished`, or leave it out"));
    }
    Ok(Listed {
        is_unpublished: entry.revocation.is_some(),
        key: EnrolledKey { reference: AnchorRef { name: entry.name, purpose, spki }, formats },
        at: entry.spki.span().start,
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count().saturating_add(1)
}
