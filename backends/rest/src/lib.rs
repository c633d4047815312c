//! HTTP calls to key services that end: what the stores of cloud providers share, and nothing that one of them alone has.
//!
//! A call has a time and a number of attempts, an answer has a length, a pause between attempts doubles, and no error
//! text holds a secret. Plain HTTP leads to this machine alone. Redirects are not followed: a key service has none, and
//! credentials would follow. Clock, environment and sleep come from a [`machine::Machine`] that is handed in.
//!
//! It knows no provider: how a request is signed, and what an error's name means, the stores say.
pub mod client;
pub mod document;
pub mod machine;
pub mod token;
