//! Keys in AWS KMS, over its JSON interface: requests signed by `aws-sigv4`, sent by `pkic-backend-rest`.
//!
//! Endpoint, region and credentials are found as the AWS tools find them, but for roles, single sign-on and credential
//! processes, which are not read here and said to be so. A key's alias or id is resolved to its ARN once, when it is
//! opened: aliases move. What is observed of a key is what `DescribeKey` says; AWS attests to nothing.
//!
//! Start with [`AwsKms`].
mod credentials;
mod facts;
mod key;
mod profile;
mod service;
mod store;

pub use store::{AwsKms, Settings};
