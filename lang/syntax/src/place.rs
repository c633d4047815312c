//! The places of a file: which rules read them, and which words can begin an item there.

use crate::bounds::is_decl_keyword;
use crate::grammar::Rule;
use crate::words::{is_kebab, is_reserved};

/// A kind of block, or the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anchors,
    Authority,
    Contents,
    Exception,
    File,
    Group,
    Items,
    Mandate,
    Profile,
    Signers,
    Source,
    Test,
    Ways,
}

impl Place {
    /// The rule of an item here.
    pub(crate) fn item(self) -> Rule {
        match self {
            Place::Anchors => Rule::anchor_item,
            Place::Authority => Rule::authority_item,
            Place::Contents => Rule::field_item,
            Place::Exception => Rule::exception_item,
            Place::File => Rule::decl,
            Place::Group => Rule::member_item,
            Place::Items => Rule::item,
            Place::Mandate => Rule::mandate_item,
            Place::Profile => Rule::profile_item,
            Place::Signers => Rule::signers_item,
            Place::Source => Rule::source_item,
            Place::Test => Rule::test_item,
            Place::Ways => Rule::way_item,
        }
    }

    /// The same, and then a look at what follows.
    pub(crate) fn item_then(self) -> Rule {
        match self {
            Place::Anchors => Rule::anchor_item_then,
            Place::Authority => Rule::authority_item_then,
            Place::Contents => Rule::field_item_then,
            Place::Exception => Rule::exception_item_then,
            Place::File => Rule::decl_then,
            Place::Group => Rule::member_item_then,
            Place::Items => Rule::item_then,
            Place::Mandate => Rule::mandate_item_then,
            Place::Profile => Rule::profile_item_then,
            Place::Signers => Rule::signers_item_then,
            Place::Source => Rule::source_item_then,
            Place::Test => Rule::test_item_then,
            Place::Ways => Rule::way_item_then,
        }
    }

    /// What an item here is called.
    pub(crate) fn item_words(self) -> &'static str {
        match self {
            Place::Anchors => "an `anchor`",
            Place::Authority => "`certified-as`, `parent`, `trust` or `state`",
            Place::Contents => "a field",
            Place::Exception => "a setting of the exception or a requirement",
            Place::File => "a declaration",
            Place::Group => "a `member`",
            Place::Items => "a requirement or another item",
            Place::Mandate => "`for`, a `reading` or an item",
            Place::Profile => "a setting of the profile or an item",
            Place::Signers => "`max-age` or a `signer`",
            Place::Source => "`edition`, `status` or `unverified`",
            Place::Test => "`request`, `at`, `anchors`, `with`, `expect` or a row",
            Place::Ways => "the name of a way",
        }
    }

    /// Whether a word can begin an item here.
    pub(crate) fn begins_with(self, word: &str) -> bool {
        let is_root = matches!(word, "authority" | "profile" | "request" | "source" | "test");
        let is_name = is_kebab(word) && !is_reserved(word);
        let is_item = is_name
            || is_root
            || matches!(word, "from" | "before" | "prefer" | "when" | "one" | "approve" | "oblige");
        match self {
            Place::Anchors => word == "anchor",
            Place::Authority => matches!(word, "certified-as" | "parent" | "trust" | "state"),
            Place::Contents | Place::Ways => is_name,
            Place::Exception => {
                is_name
                    || is_root
                    || matches!(
                        word,
                        "waives" | "when" | "from" | "before" | "at-most" | "reason" | "approve"
                    )
            }
            Place::File => is_decl_keyword(word),
            Place::Group => word == "member",
            Place::Items => is_item,
            Place::Mandate => is_item || matches!(word, "for" | "reading"),
            Place::Profile => {
                is_item || matches!(word, "role" | "tags" | "operations" | "issued-by" | "adopt" | "contents")
            }
            Place::Signers => matches!(word, "max-age" | "signer"),
            Place::Source => matches!(word, "edition" | "status" | "unverified"),
            Place::Test => matches!(word, "request" | "at" | "anchors" | "with" | "expect" | "|"),
        }
    }

    /// The rule of what stands before the block of an item that begins with `word`, and the place inside.
    pub(crate) fn head(self, word: &str) -> Option<(Rule, Place)> {
        match (self, word) {
            (Place::Ways, _) => Some((Rule::way_head, Place::Items)),
            (Place::Profile, "contents") => Some((Rule::contents_head, Place::Contents)),
            (Place::Mandate, "reading") => Some((Rule::reading_head, Place::Items)),
            (Place::Profile | Place::Mandate | Place::Items, "when") => Some((Rule::when_head, Place::Items)),
            (Place::Profile | Place::Mandate | Place::Items, "one") => Some((Rule::one_of_head, Place::Ways)),
            (Place::Profile | Place::Mandate | Place::Items, "from" | "before") => {
                Some((Rule::dated_head, Place::Items))
            }
            _ => None,
        }
    }
}

/// The same for a declaration.
pub(crate) fn decl_head(word: &str) -> Option<(Rule, Place)> {
    match word {
        "anchors" => Some((Rule::anchors_head, Place::Anchors)),
        "authority" => Some((Rule::authority_head, Place::Authority)),
        "declare" => Some((Rule::declare_head, Place::Group)),
        "exception" => Some((Rule::exception_head, Place::Exception)),
        "mandate" => Some((Rule::mandate_head, Place::Mandate)),
        "profile" => Some((Rule::profile_head, Place::Profile)),
        "signers" => Some((Rule::signers_head, Place::Signers)),
        "source" => Some((Rule::source_head, Place::Source)),
        "test" => Some((Rule::test_head, Place::Test)),
        _ => None,
    }
}
