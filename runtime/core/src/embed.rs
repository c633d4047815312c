//! What a CA that embeds pkic names, in one place. The types are documented where they are made; nothing is made here.
//!
//! The order of calls, all of which `examples/embed` makes:
//!
//! 1. [`bundle::open`] reads the policy that `pkic build` wrote.
//! 2. [`Log::create`] once, and [`Log::open`] at every start: the record, with a [`NoteKey`] of its own.
//! 3. [`Ca::open`] puts both together with the time and random octets of an [`Outside`]. It closes what a crash left
//!    open, and says how much that was.
//! 4. [`Ca::found`] once, for the authority that nobody is above. Others get their certificate by [`Ca::issue`] from
//!    the one above, for [`request_of`] their key.
//! 5. [`Authority::new`] puts an authority's certificate before the key in a [`KeyStore`] that signs for it: one of the
//!    `pkic-backend-*` crates, or your own.
//! 6. [`Ca::issue`] for each [`Order`]: it appraises the evidence, decides, writes the intent, has the key sign, checks
//!    what was signed, writes the outcome, and only then hands out [`Issued`]. Threads share the [`Ca`].
//!
//! Where the disk fails, every order is refused until [`Ca::resume`] opens the log again.
//!
//! [`Ca::keeping_evidence`] keeps what each order brings to its appraisal, so that [`crate::record::replay`] goes back to it.
//!
//! [`Ca::logging_to`] gives it the logs of certificate transparency that profiles with `oblige ct(logs: 2)` are logged in.
//!
//! To look before anything is signed there are the two doors of the crate: [`decide()`] reports and signs nothing, and
//! [`appraise::facts`] with [`authorize()`] make the permit that [`Ca::issue`] spends.
pub use crate::appraise;
pub use crate::authority::{Authority, AuthorityError};
pub use crate::authorize::{Refusal, authorize};
pub use crate::bundle::{self, BundleError, Loaded, Trust, Unsigned};
pub use crate::ca::{
    Act, Asking, Ca, Founding, IssueError, Issued, IssuedList, Order, Outside, Place, Signed, request_of,
};
pub use crate::decide::decide;
pub use crate::input::{Given, InputError, Speaker};
pub use crate::record::Locations;
pub use crate::transparency::{TimestampError, TransparencyLog};
pub use crate::trust::{Held, Trusted};
pub use pkic_audit::{KeyKind as NoteKind, Log, LogError, NoteKey, Reader, Receipt, VerifierKey};
pub use pkic_backend::error::{Problem, StoreError};
pub use pkic_backend::file::create_private;
pub use pkic_backend::observed::Observed;
pub use pkic_backend::store::{Attester, Generator, Identity, KeyStore, Listed, NewKey, Signer, schemes_of};
pub use pkic_backend::uri::{Dialect, KeyUri, UriScheme};
pub use pkic_facts::crypto::{KeyKind, Scheme, Sha256Digest};
pub use pkic_facts::request::CertificationRequest;
pub use pkic_facts::verified::Evidence;
pub use pkic_vocab::words::Words;
