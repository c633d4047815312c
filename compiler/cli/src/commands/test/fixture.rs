//! The good request of a test, and what stands beside its file.
use crate::failure::Failure;
use crate::{activation, files, inputs};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_runtime::input::{Given, Speaker};
use pkic_vocab::limits;
use std::path::{Component, Path, PathBuf};

/// A request with everything that came with it.
pub(crate) struct Fixture {
    /// The request.
    pub(crate) csr: CertificationRequest,
    /// Items of evidence: one item of all files `NAME.evidence.*`, in the order of their names.
    pub(crate) evidence: Vec<Evidence>,
    /// Trust anchors: the folder `anchors` beside the request.
    pub(crate) anchors: AnchorSet,
    /// `NAME.claims.json`.
    pub(crate) claims: Given,
    /// `NAME.requester.json`.
    pub(crate) requester: Given,
    /// `NAME.nonce`: hexadecimal digits.
    pub(crate) nonce: Option<Vec<u8>>,
    /// `NAME.activation.json`.
    pub(crate) activation: Option<Activation>,
}

impl Fixture {
    /// Reads the request `name` beside a policy, with the files that stand beside it.
    pub(crate) fn read(policy: Option<&Path>, name: &str) -> Result<Fixture, Failure> {
        let path = beside(policy, name)?;
        let csr = inputs::request(&path)?;
        let sibling = |suffix: &str| Some(path.with_extension(suffix)).filter(|path| path.is_file());
        let parts = evidence_files(&path)?;
        let evidence = if parts.is_empty() { Vec::new() } else { vec![inputs::evidence(&parts)?] };
        let anchors = Some(path.with_file_name("anchors")).filter(|folder| folder.is_dir());
        let nonce = match sibling("nonce") {
            Some(path) => Some(files::read_text(&path, limits::TEXT_LEN_BYTES_MAX)?),
            None => None,
        };
        Ok(Fixture {
            csr,
            evidence,
            anchors: inputs::anchors(anchors.as_deref())?,
            claims: inputs::given(sibling("claims.json").as_deref(), Speaker::Requester)?,
            requester: inputs::given(sibling("requester.json").as_deref(), Speaker::Authority)?,
            nonce: inputs::nonce(nonce.as_deref().map(str::trim))?,
            activation: activation::read(sibling("activation.json").as_deref())?,
        })
    }
}

/// The path of a fixture: relative to the policy file, and below or beside it, whatever the policy says.
fn beside(policy: Option<&Path>, name: &str) -> Result<PathBuf, Failure> {
    let relative = Path::new(name);
    let is_relative =
        relative.components().all(|part| !matches!(part, Component::RootDir | Component::Prefix(_)));
    match policy {
        Some(policy) if is_relative => Ok(policy.with_file_name("").join(relative)),
        Some(_) => Err(Failure::usage(format!("`{name}` is not relative to the policy"))),
        None => Err(Failure::usage(format!("`{name}` belongs to an embedded policy, and is not embedded"))),
    }
}

fn evidence_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let head = format!("{stem}.evidence.");
    let is_part = |path: &PathBuf| {
        path.is_file() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&head))
    };
    Ok(files::entries(&files::folder(path))?.into_iter().filter(is_part).collect())
}
