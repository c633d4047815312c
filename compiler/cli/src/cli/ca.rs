//! Arguments of the commands that issue, revoke and read the record.
use super::request::{Answered, Requested};
use super::{ShowFormat, date};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Which deployment, and the lab's clock.
#[derive(Debug, Args)]
pub(crate) struct Deployed {
    /// The deployment file
    #[arg(long, value_name = "FILE", default_value = "pkic.toml")]
    pub(crate) config: PathBuf,
    /// As of this moment, in a lab alone [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// What people signed.
#[derive(Debug, Args)]
pub(crate) struct Approvals {
    /// The approval that was asked for (docs/approvals.md)
    #[arg(long, value_name = "FILE", requires = "approval_signature")]
    pub(crate) approval: Option<PathBuf>,
    /// An SSH signature over it, as `ssh-keygen -Y sign` writes it; may be given several times
    #[arg(long, value_name = "FILE.sig", requires = "approval")]
    pub(crate) approval_signature: Vec<PathBuf>,
    /// An SSH signature over an exception, `NAME=FILE.sig`; may be given several times
    #[arg(long, value_name = "NAME=FILE.sig")]
    pub(crate) exception: Vec<String>,
}

/// What people are to sign.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    /// Where approvals alone are missing, write the text that people sign to this file, which must be new
    #[arg(long, value_name = "FILE", conflicts_with = "approval")]
    pub(crate) ask_approval: Option<PathBuf>,
}

/// `pkic issue`.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    #[command(flatten)]
    pub(crate) requested: Requested,
    #[command(flatten)]
    pub(crate) answered: Answered,
    /// The certificate that is renewed or rekeyed; this authority issued it
    #[arg(long, value_name = "FILE")]
    pub(crate) previous: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) approvals: Approvals,
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// Where the certificate goes, in PEM; its receipt goes beside it, with `.tlog-proof` and `.entry` after the name
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) deployed: Deployed,
}

/// `pkic ca`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ca {
    /// Make a two-level lab CA on software keys in this folder: policy, keys, log, certificates, `pkic.toml`
    Init {
        /// The folder
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
        /// As of this moment [default: the system clock]
        #[arg(long, value_name = "DATE", value_parser = date)]
        at: Option<i64>,
    },
    /// Certify an authority's key, wherever `pkic.toml` has it, and write its certificate
    Certify(Box<Certify>),
}

/// `pkic ca certify`.
#[derive(Debug, Args)]
pub(crate) struct Certify {
    /// The authority to be certified, as the policy and `pkic.toml` name it
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: String,
    /// Its subject, as RFC 4514 writes it
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) approvals: Approvals,
    #[command(flatten)]
    pub(crate) deployed: Deployed,
}

/// `pkic revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The authority that issued it
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: String,
    /// The profile that grants the operation `revoke`
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// The certificate
    #[arg(long, value_name = "FILE", required_unless_present = "serial")]
    pub(crate) cert: Option<PathBuf>,
    /// Its serial number, in hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "cert")]
    pub(crate) serial: Option<String>,
    /// Why: `key-compromise`, `superseded` and the like (RFC 5280 section 5.3.1)
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
    /// What the caller vouches for of whoever asks, as JSON; grade observed
    #[arg(long, value_name = "FILE.json")]
    pub(crate) requester: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) approvals: Approvals,
    #[command(flatten)]
    pub(crate) asking: Asking,
    #[command(flatten)]
    pub(crate) deployed: Deployed,
}

/// `pkic crl-sign`.
#[derive(Debug, Args)]
pub(crate) struct CrlSign {
    /// The authority whose list it is
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: String,
    /// The profile that grants the operation `crl-sign`
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// What the caller vouches for of whoever asks, as JSON; grade observed
    #[arg(long, value_name = "FILE.json")]
    pub(crate) requester: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) approvals: Approvals,
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// Where the list goes, in PEM
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) deployed: Deployed,
}

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct Logged {
    /// The deployment file that names log and key
    #[arg(long, value_name = "FILE", default_value = "pkic.toml", conflicts_with_all = ["log", "log_key"])]
    pub(crate) config: PathBuf,
    /// The log's folder, without a deployment file
    #[arg(long, value_name = "DIR", requires = "log_key")]
    pub(crate) log: Option<PathBuf>,
    /// The log's verifier key, `<name>+<hash>+<base64>`
    #[arg(long, value_name = "KEY", requires = "log")]
    pub(crate) log_key: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// Which witnesses count, and how many.
#[derive(Debug, Args)]
pub(crate) struct Witnesses {
    /// A witness's verifier key whose cosignature counts; may be given several times [default: those of the deployment]
    #[arg(long, value_name = "KEY")]
    pub(crate) witness: Vec<String>,
    /// How many of them must have cosigned
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) witnesses_min: usize,
}

/// `pkic audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Say what held the key of a certificate, and prove that the record has said so since
    Prove {
        /// The certificate (PEM or DER)
        #[arg(long, value_name = "FILE")]
        cert: PathBuf,
        #[command(flatten)]
        witnesses: Witnesses,
        #[command(flatten)]
        logged: Logged,
    },
    /// Verify the whole log: every entry, tile and checkpoint, and that it continues an older checkpoint
    Verify {
        /// An older checkpoint of this log
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
        #[command(flatten)]
        witnesses: Witnesses,
        #[command(flatten)]
        logged: Logged,
    },
    /// Have the witnesses of the deployment cosign the log as it is
    Witness {
        /// The deployment file that names log and witnesses
        #[arg(long, value_name = "FILE", default_value = "pkic.toml")]
        config: PathBuf,
        /// How to report
        #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
        format: ShowFormat,
    },
    /// Write a certificate that was released before to a file again
    Fetch {
        /// Index of its intent, as `pkic audit query` shows it
        #[arg(value_name = "INDEX")]
        index: u64,
        /// Where the certificate goes, in PEM
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        logged: Logged,
    },
    /// Find records
    Query(Box<Query>),
}

/// `pkic audit query`.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Of this profile
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Of this authority
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,
    /// With a key in this place, or below it
    #[arg(long, value_name = "STORAGE")]
    pub(crate) storage: Option<String>,
    /// Where that is known at least so well
    #[arg(long, value_name = "GRADE")]
    pub(crate) grade: Option<String>,
    /// With a module of this model, or vendor
    #[arg(long, value_name = "NAME")]
    pub(crate) module: Option<String>,
    /// With this serial number, in hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) serial: Option<String>,
    /// Decided at this moment or later
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<i64>,
    /// Decided before this moment
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<i64>,
    /// Where this CEL expression holds of the record, such as `fact["key.storage"].startsWith("tpm")`
    #[arg(long = "where", value_name = "CEL")]
    pub(crate) condition: Option<String>,
    #[command(flatten)]
    pub(crate) logged: Logged,
}

/// `pkic replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Index of the intent, as `pkic audit query` shows it
    #[arg(value_name = "INDEX")]
    pub(crate) index: u64,
    #[command(flatten)]
    pub(crate) logged: Logged,
}
