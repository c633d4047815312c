//! Leaf sets of words, computed when this is compiled: `Word::possible` and `Word::accepted` as table look-ups.
use pkic_vocab::{Word, Words};

const WORDS_MAX: usize = 128;
type Table = [[u128; WORDS_MAX]; Words::ALL.len()];

static POSSIBLE: Table = table(Naming::Value);
static ACCEPTED: Table = table(Naming::Policy);

/// Who names a word.
#[derive(Clone, Copy)]
enum Naming {
    Value,
    Policy,
}

#[allow(
    clippy::indexing_slicing,
    reason = "runs in the compiler, where an index out of range does not build"
)]
const fn table(naming: Naming) -> Table {
    let mut table = [[0; WORDS_MAX]; Words::ALL.len()];
    let mut at = 0;
    while at < Words::ALL.len() {
        let words = Words::ALL[at];
        let defs = words.words();
        let mut leaf = 0;
        while leaf < defs.len() {
            if is_leaf(words, leaf) {
                let mut above = leaf;
                loop {
                    let kept = matches!(naming, Naming::Value) || above == leaf || !defs[leaf].named_only;
                    if kept {
                        table[words as usize][above] |= 1 << leaf;
                    }
                    match defs[above].parent {
                        Some(parent) => above = parent as usize,
                        None => break,
                    }
                }
            }
            leaf += 1;
        }
        at += 1;
    }
    table
}

#[allow(
    clippy::indexing_slicing,
    reason = "runs in the compiler, where an index out of range does not build"
)]
const fn is_leaf(words: Words, index: usize) -> bool {
    let defs = words.words();
    let mut at = 0;
    while at < defs.len() {
        if let Some(parent) = defs[at].parent
            && parent as usize == index
        {
            return false;
        }
        at += 1;
    }
    true
}

fn find(table: &'static Table, word: Word) -> u128 {
    let row = table.get(word.words() as usize);
    row.and_then(|row| row.get(usize::from(word.index()))).copied().unwrap_or(0)
}

/// Every leaf that a value of this word may turn out to be.
pub(crate) fn possible(word: Word) -> u128 {
    find(&POSSIBLE, word)
}

/// Every leaf that a policy accepts by naming these words.
pub(crate) fn accepted(named: &[Word]) -> u128 {
    named.iter().fold(0, |set, word| set | find(&ACCEPTED, *word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_vocabulary_says() {
        for words in Words::ALL {
            for word in words.all() {
                for other in words.all() {
                    let bit = 1u128 << other.index();
                    assert_eq!(
                        possible(word) & bit != 0,
                        word.possible().contains(other),
                        "{word:?} {other:?}"
                    );
                    assert_eq!(accepted(&[word]) & bit != 0, word.accepted().contains(other), "{word:?}");
                }
                assert_ne!(possible(word), 0, "{word:?} can be nothing");
            }
        }
    }
}
