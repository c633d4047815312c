//! What a store's own interface says of a key.
use pkic_facts::facts::Facts;
use pkic_facts::reject::Reject;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// Facts about a key and the module that holds it, as the store's interface tells them. They become facts of the grade
/// `observed` and no other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    entries: Vec<(&'static str, Value)>,
}

impl Observed {
    /// Nothing is known.
    pub fn new() -> Observed {
        Observed::default()
    }

    /// Adds a value.
    pub fn say(&mut self, path: &'static str, value: Value) {
        self.entries.push((path, value));
    }

    /// Adds a text, unless it is empty: of what a device leaves blank nothing is known.
    pub fn text(&mut self, path: &'static str, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.say(path, Value::Text(text.to_owned()));
        }
    }

    /// Adds a word of an enumeration. A word that the enumeration lacks is dropped: unknown.
    pub fn word(&mut self, path: &'static str, words: Words, name: &str) {
        if let Some(word) = words.word(name) {
            self.say(path, Value::Word(word));
        }
    }

    /// The paths and values, in the order in which they were said.
    pub fn entries(&self) -> &[(&'static str, Value)] {
        &self.entries
    }

    /// The facts: observed, bound to no request.
    ///
    /// # Errors
    /// [`Reject::FactReserved`] and [`Reject::ValueUnfit`] where a store says what no store can say.
    pub fn facts(&self) -> Result<Facts, Reject> {
        let mut facts = Facts::new();
        for (path, value) in &self.entries {
            facts.observe(path, value.clone())?;
        }
        Ok(facts)
    }
}
