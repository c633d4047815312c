//! Filters of queries: a CEL expression over JSON, evaluated by the `cel` crate. It never decides anything.
use super::parse;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// A filter that was read.
pub struct Filter {
    expression: IdedExpr,
    environment: Arc<Env>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

impl Filter {
    /// Reads an expression, within the limits of nesting and nodes that emitted conditions have as well.
    ///
    /// # Errors
    /// The parser's first message.
    pub fn parse(text: &str) -> Result<Filter, String> {
        Ok(Filter { expression: parse::read(text)?, environment: Arc::new(Env::stdlib()) })
    }

    /// Whether the expression is true where each name stands for its value. A record that has not what the expression
    /// asks for does not match.
    ///
    /// # Errors
    /// A sentence, where the expression is of another type than bool, compares what cannot be compared, or names what no
    /// record has.
    pub fn holds<'a, V: Serialize + 'a>(
        &self,
        names: impl IntoIterator<Item = (&'a str, &'a V)>,
    ) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&self.environment));
        for (name, value) in names {
            context.add_variable(name, value).map_err(|error| error.to_string())?;
        }
        match context.resolve(&self.expression) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the expression is no condition: it has to be true or false".to_owned()),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use std::collections::BTreeMap;

    fn holds(text: &str) -> Result<bool, String> {
        let fact: BTreeMap<&str, &str> =
            BTreeMap::from([("key.storage", "tpm.discrete"), ("module.model", "M1")]);
        Filter::parse(text)?.holds([("fact", &fact)])
    }

    #[test]
    fn a_filter_is_true_or_false_or_says_why_it_is_neither() {
        assert_eq!(holds(r#"fact["key.storage"].startsWith("tpm")"#), Ok(true));
        assert_eq!(holds(r#"fact["key.storage"] == "hsm""#), Ok(false));
        assert_eq!(holds(r#"fact["key.origin"] == "generated""#), Ok(false), "not known");
        assert_eq!(holds(r#""module.model" in fact && fact["module.model"] == "M1""#), Ok(true));
        for wrong in ["fact", "facts == 1", r#"fact["key.storage"] > 1"#, "fact[", "1 +"] {
            assert!(holds(wrong).is_err(), "{wrong}");
        }
    }
}
