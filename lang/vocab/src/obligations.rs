//! Obligations: the closed list of what a policy may ask the CA to do besides deciding.

/// When an obligation must have been met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the certificate is signed.
    BeforeSigning,
    /// Before the certificate is released.
    BeforeRelease,
}

impl Moment {
    /// The moment in words, for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Moment::BeforeSigning => "before-signing",
            Moment::BeforeRelease => "before-release",
        }
    }
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentType {
    /// A whole number of at least 1.
    Count,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The name of a declared `source`.
    Source,
}

/// An argument of an obligation.
pub struct ArgumentDef {
    /// Its name; empty for the argument that stands alone.
    pub name: &'static str,
    /// What it is.
    pub ty: ArgumentType,
    /// Whether it may be left out.
    pub optional: bool,
}

/// An obligation.
pub struct ObligationDef {
    /// Its name after `oblige`.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static [ArgumentDef],
    /// When it must have been met.
    pub moment: Moment,
    /// What it asks.
    pub doc: &'static str,
}

/// Every obligation.
pub const OBLIGATIONS: &[ObligationDef] = &[
    ObligationDef {
        name: "ct",
        arguments: &[ArgumentDef { name: "logs", ty: ArgumentType::Count, optional: false }],
        moment: Moment::BeforeRelease,
        doc: "log the certificate in so many certificate transparency logs (RFC 6962)",
    },
    ObligationDef {
        name: "lint",
        arguments: &[
            ArgumentDef {
                name: "",
                ty: ArgumentType::OneOf(&["zlint", "pkilint", "certlint"]),
                optional: false,
            },
            ArgumentDef { name: "source", ty: ArgumentType::Source, optional: true },
        ],
        moment: Moment::BeforeSigning,
        doc: "run a linter over the certificate to be signed",
    },
    ObligationDef {
        name: "record",
        arguments: &[ArgumentDef {
            name: "",
            ty: ArgumentType::OneOf(&["evidence", "ceremony-minutes"]),
            optional: false,
        }],
        moment: Moment::BeforeRelease,
        doc: "keep these bytes beside the audit record",
    },
];

impl ObligationDef {
    /// The obligation of that name.
    pub fn from_name(name: &str) -> Option<&'static ObligationDef> {
        OBLIGATIONS.iter().find(|obligation| obligation.name == name)
    }
}
