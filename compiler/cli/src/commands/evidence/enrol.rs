//! `pkic evidence enrol`: the keys that a CoRIM endorses, as the operator would list them. It trusts nobody: what it
//! prints counts when the operator has put it into `anchors.toml`.
use crate::World;
use crate::cli::EvidenceEnrol;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page};
use crate::{files, inputs, pem};
use pkic_evidence::corim::{Origin, attest_keys, listing};
use pkic_facts::reject::Reject;
use pkic_vocab::limits;
use std::path::Path;

/// Runs the command.
pub(super) fn run(arguments: &EvidenceEnrol, world: World) -> Outcome {
    let now = inputs::moment(arguments.at, world.now)?;
    let manifest = files::read_bytes(&arguments.manifest, limits::EVIDENCE_LEN_BYTES_MAX)?;
    let signer = arguments.signer.as_deref().map(public_key).transpose()?;
    let origin = signer.as_deref().map_or(Origin::LocalConfiguration, Origin::SignedBy);
    let keys =
        attest_keys(&manifest, origin, now).map_err(|reject| refused(&arguments.manifest, origin, reject))?;
    if keys.is_empty() {
        let what = format!("`{}` endorses no attestation key", files::shown(&arguments.manifest));
        return Err(Failure::usage_with_help(what, "a CoRIM endorses keys in its attest-key-triples"));
    }
    let blocks: String = keys.iter().map(|key| pem::encode("PUBLIC KEY", &key.spki)).collect();
    files::write_atomically(&arguments.output, blocks.as_bytes())?;
    let mut page = Page::default();
    page.block(&listing(&keys, arguments.purpose, &arguments.formats));
    Ok(Answer::new(page, Exit::Holds))
}

fn public_key(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = files::read_text(path, limits::CERTIFICATE_LEN_BYTES_MAX)?;
    pem::block("PUBLIC KEY", &text).ok_or_else(|| {
        let what = format!("`{}` is not one public key in PEM", files::shown(path));
        Failure::usage_with_help(what, "`openssl x509 -pubkey -noout` takes it out of a certificate")
    })
}

/// Whether somebody has to have signed is the operator's to say; all else is wrong with the file.
fn refused(path: &Path, origin: Origin<'_>, reject: Reject) -> Failure {
    match (&reject, origin) {
        (Reject::FieldMissing { .. }, Origin::LocalConfiguration) => {
            let what = format!("`{}`: {reject}", files::shown(path));
            Failure::usage_with_help(what, "name the key of who signed it with `--signer`")
        }
        _ => Failure::content(path, reject),
    }
}
