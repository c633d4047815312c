//! Sandboxed formats from files, where this build has a sandbox.
use crate::failure::Failure;
use pkic_evidence::plugin::Plugin;
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

/// The plugins as the runtime takes them.
pub(crate) fn borrowed(plugins: &[Box<dyn Plugin>]) -> Vec<&dyn Plugin> {
    plugins.iter().map(AsRef::as_ref).collect()
}
