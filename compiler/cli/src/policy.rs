//! A policy as commands take it: a text that is compiled, or a bundle that is opened.
use crate::World;
use crate::failure::Failure;
use crate::output::Page;
use crate::report::human;
use crate::workspace::{Workspace, finding};
use crate::{files, pem};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope;
use pkic_runtime::bundle::{self, BundleError, Loaded, Trust, Unsigned};
use pkic_vocab::limits;
use std::path::{Path, PathBuf};

/// Reads the bytes of a bundle.
pub(crate) fn read_bundle(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read_bytes(path, envelope::ENVELOPE_LEN_BYTES_MAX)
}

/// Whom a command trusts to sign bundles: a digest, a public key, or nobody named.
pub(crate) fn signers(digest: Option<&str>, key: Option<&Path>) -> Result<Vec<Sha256Digest>, Failure> {
    let mut signers = Vec::new();
    if let Some(text) = digest {
        let read = Sha256Digest::from_text(text).ok_or_else(|| {
            let help = "write `sha256:` and the 64 hexadecimal digits of the signer's SubjectPublicKeyInfo";
            Failure::usage_with_help(format!("`{text}` is no digest"), help)
        })?;
        signers.push(read);
    }
    if let Some(path) = key {
        let bytes = files::read_bytes(path, limits::CERTIFICATE_LEN_BYTES_MAX)?;
        let der = std::str::from_utf8(&bytes).ok().and_then(|text| pem::block("PUBLIC KEY", text));
        let spki = der.unwrap_or(bytes);
        if pkic_facts::crypto::PublicKey::from_spki(&spki).is_err() {
            let reason = "it is no public key (SubjectPublicKeyInfo, PEM or DER)";
            return Err(Failure::content(path, reason));
        }
        signers.push(Sha256Digest::of(&spki));
    }
    Ok(signers)
}

/// The signatures that a command takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trusted<'a> {
    /// Who counts as a signer; empty where nobody is named.
    pub(crate) signers: &'a [Sha256Digest],
    /// The last sequence number that was accepted.
    pub(crate) last_sequence: Option<u64>,
}

/// Loads a policy to decide by: a text, an unsigned bundle, or a signed one whose signature holds.
///
/// Where no signer is named, any key may have signed: a file at hand is taken at its word, as a text is. Where one is,
/// only a bundle that it signed is taken.
pub(crate) fn load(path: &Path, trusted: Trusted<'_>, now: i64, world: World) -> Result<Loaded, Failure> {
    let Trusted { signers, last_sequence } = trusted;
    if signers.is_empty() && last_sequence.is_some() {
        let help = "name the signer with `--trust sha256:…` or `--trust-key FILE`";
        return Err(Failure::usage_with_help("`--last-sequence` counts the bundles of a signer", help));
    }
    if path.extension().is_none_or(|extension| extension != "pkib") {
        if signers.is_empty() {
            return compile(path, world);
        }
        let help =
            "give the bundle (`.pkib`) that the signer signed, or leave out `--trust` and `--trust-key`";
        return Err(Failure::usage_with_help(
            format!("`{}` is no bundle: nobody signs a text", path.display()),
            help,
        ));
    }
    let bytes = read_bundle(path)?;
    let opened = match signers {
        [] => bundle::open_for_evaluation(&bytes, now),
        signers => open(&bytes, signers, last_sequence, now),
    };
    opened.map_err(|error| Failure::content(path, error))
}

/// Opens a bundle that one of the signers signed, under the name that it has itself.
pub(crate) fn open(
    bytes: &[u8],
    signers: &[Sha256Digest],
    last_seen: Option<u64>,
    now: i64,
) -> Result<Loaded, BundleError> {
    let policy = envelope::peek(bytes).map(|peeked| peeked.manifest.name).unwrap_or_default();
    bundle::open(bytes, &Trust { policy: &policy, signers, last_seen, unsigned: Unsigned::Refuse, now })
}

fn compile(path: &Path, world: World) -> Result<Loaded, Failure> {
    let path = PathBuf::from(path);
    let workspace = Workspace::read(std::slice::from_ref(&path))?;
    let compilation = workspace.compile(0, None);
    let Some(program) = compilation.program else {
        let findings: Vec<_> = compilation.diagnostics.iter().map(finding).collect();
        let mut page = Page::default();
        human::findings(&mut page, &findings, &workspace.sources(), world.colour);
        page.line(human::tally(&findings, 1));
        return Err(Failure::Findings { what: "the policy does not compile", text: page.into_text() });
    };
    Loaded::unsigned(program).map_err(|error| Failure::content(&path, error))
}
