//! What is asked, and what the caller knows besides facts.
use pkic_vocab::Word;

/// A request for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Index of the profile that the request names; [`pkic_ir::ProgramIndex`] finds it by name.
    pub profile: u32,
    /// What is asked of the CA. It is also the value of `request.operation`, whatever the table says.
    pub operation: Word,
    /// Index of the authority that would sign; `None` leaves every `authority.*` fact unknown.
    pub authority: Option<u32>,
    /// Approvals of this very request: index of the group, and name of the member. The caller has checked each
    /// signature, that its id was not spent before, and that the requester is not among them.
    pub approvals: &'a [(u32, &'a str)],
    /// Approvals of exceptions, each over the exception's compiled bytes: exception, index of the group, member.
    pub exception_approvals: &'a [(&'a str, u32, &'a str)],
    /// How often each exception was used before; one that is not named was never used.
    pub exception_uses: &'a [(&'a str, u32)],
    /// Whether facts under a test anchor count as if it were a production anchor: `anchors test`, for `pkic test` alone.
    pub admit_test_anchors: bool,
}

impl<'a> Ask<'a> {
    /// Asks for an operation on a profile, without approvals, and without an authority.
    pub const fn new(profile: u32, operation: Word) -> Ask<'a> {
        Ask {
            profile,
            operation,
            authority: None,
            approvals: &[],
            exception_approvals: &[],
            exception_uses: &[],
            admit_test_anchors: false,
        }
    }
}
