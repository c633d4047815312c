//! Sandboxed formats from files, or from a log that keeps them, where this build has a sandbox.
use crate::failure::Failure;
use pkic_evidence::plugin::Plugin;
#[cfg(feature = "plugins")]
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::record::{Objects, Particulars};
use std::path::PathBuf;

/// Whether this build has a sandbox.
pub(crate) const ARE_BUILT: bool = cfg!(feature = "plugins");

/// Compiles the modules in these files, and asks each what it is.
#[cfg(feature = "plugins")]
pub(crate) fn load(paths: &[PathBuf]) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    use crate::files;
    use pkic_plugin::{MODULE_LEN_BYTES_MAX, Module};
    let limit = pkic_vocab::limits::EVIDENCE_ITEMS_MAX;
    if paths.len() > limit {
        return Err(Failure::usage(format!("at most {limit} plugins can be named")));
    }
    let mut plugins: Vec<Box<dyn Plugin>> = Vec::new();
    for path in paths {
        let wasm = files::read_bytes(path, MODULE_LEN_BYTES_MAX)?;
        plugins.push(Box::new(Module::load(&wasm).map_err(|error| Failure::content(path, error))?));
    }
    Ok(plugins)
}

/// There is no sandbox: a file that is named is never passed over.
#[cfg(not(feature = "plugins"))]
pub(crate) fn load(paths: &[PathBuf]) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let help = "leave `plugins` out, or use a pkic that was built with them: docs/plugins.md";
    Err(Failure::usage_with_help("plugins are not built in this binary", help))
}

/// The modules that read the evidence of a record, as its log keeps them: `object` hands one out by its digest. One that is
/// not kept is passed over, and the replay says so.
#[cfg(feature = "plugins")]
pub(crate) fn kept(
    particulars: Option<&Particulars>,
    object: &Objects<'_>,
) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    let items = particulars.and_then(|of| of.kept.as_ref()).into_iter().flat_map(|kept| &kept.evidence);
    let mut plugins: Vec<Box<dyn Plugin>> = Vec::new();
    for (name, digest) in items.filter_map(|item| item.plugin.as_ref()) {
        let is_there = plugins.iter().any(|plugin| plugin.digest().to_string() == *digest);
        let Some(digest) = Sha256Digest::from_text(digest).filter(|_| !is_there) else { continue };
        let unfit = |what: &dyn std::fmt::Display| Failure::usage(format!("the plugin `{name}`: {what}"));
        if let Some(wasm) = object(&digest).map_err(|error| unfit(&error))? {
            plugins.push(Box::new(pkic_plugin::Module::load(&wasm).map_err(|error| unfit(&error))?));
        }
    }
    Ok(plugins)
}

/// There is no sandbox: the replay says which module it lacks.
#[cfg(not(feature = "plugins"))]
pub(crate) fn kept(_: Option<&Particulars>, _: &Objects<'_>) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    Ok(Vec::new())
}

/// The plugins as the runtime takes them.
pub(crate) fn borrowed(plugins: &[Box<dyn Plugin>]) -> Vec<&dyn Plugin> {
    plugins.iter().map(AsRef::as_ref).collect()
}
