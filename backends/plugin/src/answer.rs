//! What a module answers: a JSON object from fact paths to values, or a JSON string that says why it refuses.
use pkic_facts::json::{Entries, value_of};
use pkic_facts::reject::PluginFault;
use pkic_vocab::{FactId, Value};

/// Characters of a module's own words that are shown.
const SHOWN_LEN_MAX: usize = 200;

/// Reads an answer.
///
/// # Errors
/// [`PluginFault`] with what is wrong.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(FactId, Value)>, PluginFault> {
    let malformed =
        |error: serde_json::Error| PluginFault::OutputMalformed { why: shown(&error.to_string()) };
    if bytes.first() == Some(&b'"') {
        let why: String = serde_json::from_slice(bytes).map_err(malformed)?;
        return Err(PluginFault::Refused { why: shown(&why) });
    }
    let Entries(entries) = serde_json::from_slice(bytes).map_err(malformed)?;
    let fact = |(path, value): (String, serde_json::Value)| {
        let fact = FactId::from_path(&path).ok_or(PluginFault::FactUnknown { path: shown(&path) })?;
        let def = fact.def();
        let unfit = |why: String| PluginFault::ValueUnfit { path: def.path, why: shown(&why) };
        Ok((fact, value_of(def.ty, &value).map_err(unfit)?))
    };
    entries.into_iter().map(fact).collect()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_LEN_MAX).collect()
}
