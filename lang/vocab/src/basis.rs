//! How well a fact is known: its grade, its basis, and the purpose of the anchor that it hangs on.

/// How well a value is known, weakest first (design D1). A derived fact has the lowest grade among its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The requester says so.
    Claimed,
    /// Our own back end, or the embedding CA, vouches for it.
    Observed,
    /// A named person or body signed a statement with scope and expiry.
    Witnessed,
    /// It rests on bytes whose signature chains to a trust anchor.
    Attested,
}

impl Grade {
    /// All grades, weakest first.
    pub const ALL: [Grade; 4] = [Grade::Claimed, Grade::Observed, Grade::Witnessed, Grade::Attested];

    /// The word for this grade in policies and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Grade::Claimed => "claimed",
            Grade::Observed => "observed",
            Grade::Witnessed => "witnessed",
            Grade::Attested => "attested",
        }
    }

    /// The grade that a policy names, if it is one.
    pub fn from_name(name: &str) -> Option<Grade> {
        Grade::ALL.into_iter().find(|grade| grade.name() == name)
    }
}

/// What the anchor that a fact hangs on may be used for.
///
/// Only [`Purpose::Production`] satisfies a hardware requirement outside a lab policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A vendor's production root.
    Production,
    /// A vendor's preview root, whose devices are not for sale.
    Preview,
    /// A test root.
    Test,
    /// The root of a simulator such as swtpm.
    Simulator,
    /// A self-signed certificate that nobody gave a purpose.
    Unspecified,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Purpose; 5] =
        [Purpose::Production, Purpose::Preview, Purpose::Test, Purpose::Simulator, Purpose::Unspecified];

    /// The word for this purpose in policies, `anchors.toml` and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Purpose::Production => "production",
            Purpose::Preview => "preview",
            Purpose::Test => "test",
            Purpose::Simulator => "simulator",
            Purpose::Unspecified => "unspecified",
        }
    }

    /// The purpose of that name, if it is one.
    pub fn from_name(name: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// The set of things a value rests on. A policy may limit it: `by [statement, catalogue]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BasisSet(u32);

/// Each basis with its word. The kinds of witness statement follow `witness` and imply it.
const BASES: [(&str, u32); 15] = [
    ("statement", 1),
    ("practice", 1 << 1),
    ("catalogue", 1 << 2),
    ("api", 1 << 3),
    ("request", 1 << 4),
    ("plugin", 1 << 5),
    ("witness", WITNESS),
    ("it-audit", 1 << 8),
    ("ceremony", 1 << 9),
    ("ca-shipment", 1 << 10),
    ("ca-library", 1 << 11),
    ("cloud-report", 1 << 12),
    ("service-agreement", 1 << 13),
    ("verifier", 1 << 14),
    ("key-transfer", 1 << 15),
];
const WITNESS: u32 = 0xff00;

impl BasisSet {
    /// Rests on nothing: the basis of an absent value.
    pub const EMPTY: BasisSet = BasisSet(0);
    /// The signed bytes say so.
    pub const STATEMENT: BasisSet = BasisSet(1);
    /// The vendor's CA certifies only such keys.
    pub const PRACTICE: BasisSet = BasisSet(1 << 1);
    /// Joined on a module identity from a dated catalogue.
    pub const CATALOGUE: BasisSet = BasisSet(1 << 2);
    /// An API of the operator's own machine or account says so.
    pub const API: BasisSet = BasisSet(1 << 3);
    /// The request says so.
    pub const REQUEST: BasisSet = BasisSet(1 << 4);
    /// A sandboxed format said so.
    pub const PLUGIN: BasisSet = BasisSet(1 << 5);
    /// Every basis.
    pub const ANY: BasisSet = BasisSet(0xff3f);

    /// The basis or kind of witness statement of that name.
    pub fn from_name(name: &str) -> Option<BasisSet> {
        BASES.iter().find(|(word, _)| *word == name).map(|(_, bits)| BasisSet(*bits))
    }

    /// Every word that may stand after `by`.
    pub fn words() -> impl Iterator<Item = &'static str> {
        BASES.iter().map(|(word, _)| *word)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: BasisSet) -> BasisSet {
        BasisSet(self.0 | other.0)
    }

    /// Whether everything in `self` is also in `other`.
    pub const fn within(self, other: BasisSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether anything in the set is a statement of a witness.
    pub const fn has_witness(self) -> bool {
        self.0 & WITNESS != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the set: single bases and kinds, or `witness` where all kinds are in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all_witnesses = self.0 & WITNESS == WITNESS;
        BASES
            .iter()
            .filter(move |(_, bits)| {
                let is_kind = bits & WITNESS != 0 && *bits != WITNESS;
                self.0 & bits == *bits && !(is_kind && all_witnesses)
            })
            .map(|(word, _)| *word)
    }
}
