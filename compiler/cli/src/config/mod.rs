//! The deployment file `pkic.toml`: where keys, files and the log are (design D11). It says where and never what: it can
//! take away what a policy permits, and add nothing to it.
//!
//! [`schema`] lists the settings, [`read`] reads them with the place of each, [`check`] holds them against the disk, the
//! policy and the stores. A command that works with a deployment starts with [`Deployment::load`].
pub(crate) mod check;
mod data;
mod peers;
pub(crate) mod read;
pub(crate) mod schema;
mod values;

#[cfg(test)]
mod flips;

pub(crate) use data::{At, Deployment, Setting, Store, Unloaded};
pub(crate) use peers::Peer;

/// The name that the file has unless another is given.
pub(crate) const FILE: &str = "pkic.toml";
/// Bytes of a deployment file: a thousand authorities.
pub(crate) const FILE_LEN_BYTES_MAX: usize = 1 << 20;
