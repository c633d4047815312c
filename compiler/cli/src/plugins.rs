//! Sandboxed formats from files, where this build has a sandbox. Without one there is no option to name them with.
use crate::cli::Plugins;
use crate::failure::Failure;
use pkic_evidence::plugin::Plugin;

/// Compiles the modules that are named, and asks each what it is.
#[cfg(feature = "plugins")]
pub(crate) fn load(named: &Plugins) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    use crate::files;
    use pkic_plugin::{MODULE_LEN_BYTES_MAX, Module};
    if named.plugin.len() > pkic_vocab::limits::EVIDENCE_ITEMS_MAX {
        let limit = pkic_vocab::limits::EVIDENCE_ITEMS_MAX;
        return Err(Failure::usage(format!("at most {limit} plugins can be named")));
    }
    let mut plugins: Vec<Box<dyn Plugin>> = Vec::new();
    for path in &named.plugin {
        let wasm = files::read_bytes(path, MODULE_LEN_BYTES_MAX)?;
        plugins.push(Box::new(Module::load(&wasm).map_err(|error| Failure::content(path, error))?));
    }
    Ok(plugins)
}

/// There is no sandbox, and nothing to name.
#[cfg(not(feature = "plugins"))]
pub(crate) fn load(_: &Plugins) -> Result<Vec<Box<dyn Plugin>>, Failure> {
    Ok(Vec::new())
}

/// The plugins as the runtime takes them.
pub(crate) fn borrowed(plugins: &[Box<dyn Plugin>]) -> Vec<&dyn Plugin> {
    plugins.iter().map(AsRef::as_ref).collect()
}
