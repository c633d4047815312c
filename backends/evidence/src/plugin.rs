//! Sandboxed formats: what the rest of pkic knows of a format that is not part of this build.
//!
//! A plugin names one of our envelopes. This file and [`envelope`] open it, reach the signing key from an anchor and mint
//! the payload; `pkic_facts::facts` hands that to the plugin and judges what it says. Nothing here runs any code of others.
//! A built-in format is never displaced: plugins are asked where no built-in format recognises the item.
use crate::appraise::{Appraisal, Appraised, Input, NotVerified, answer};
use crate::formats;
use pkic_facts::facts::PayloadDecoder;
use pkic_facts::reject::Reject;

pub mod envelope;

pub use envelope::Envelope;

/// The word of every sandboxed format in the vocabulary. Anchors that are limited to formats serve plugins by this word.
pub const NAME: &str = "plugin";

/// A sandboxed format.
pub trait Plugin: PayloadDecoder + Send + Sync {
    /// The format's own name.
    fn name(&self) -> &str;

    /// The bytes that its digest is of, for the record.
    fn module(&self) -> &[u8];

    /// What its payload comes in.
    fn envelope(&self) -> &Envelope;
}

/// The plugin that recognises an item which no built-in format does. The first counts.
pub fn detect<'a>(plugins: &[&'a dyn Plugin], input: &Input<'_>) -> Option<&'a dyn Plugin> {
    if formats::detect(input).is_some() {
        return None;
    }
    plugins.iter().copied().find(|plugin| plugin.envelope().is_present(input))
}

/// Appraises an item by a plugin, whether or not a built-in format recognises it.
pub fn appraise(plugin: &dyn Plugin, input: &Input<'_>) -> Appraisal {
    told_of(plugin, answer(Some(NAME), input, read(plugin, input)))
}

/// Refuses an item for a reason that lies outside it, such as a plugin that the policy does not name.
pub fn refuse(plugin: &dyn Plugin, input: &Input<'_>, reject: Reject) -> Appraisal {
    told_of(plugin, answer(Some(NAME), input, Err(NotVerified::Refused(reject))))
}

fn told_of(plugin: &dyn Plugin, appraisal: Appraisal) -> Appraisal {
    Appraisal { plugin: Some((plugin.name().to_owned(), plugin.digest())), ..appraisal }
}

fn read(plugin: &dyn Plugin, input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let payload = plugin.envelope().open(input)?;
    if let Some(stale_after) = payload.value().not_after.filter(|end| *end < input.now) {
        return Err(Reject::Stale { stale_after, now: input.now }.into());
    }
    input.conclude_decoded(&payload, plugin)
}
