//! Why nothing was issued, in words for whoever asked.
use crate::authority::AuthorityError;
use crate::authorize::Refusal;
use crate::input::InputError;
use crate::lint;
use crate::transparency::TimestampError;
use pkic_audit::LogError;
use pkic_vocab::time::format_date;
use std::fmt;

/// Why nothing was issued.
#[derive(Debug)]
pub enum IssueError {
    /// An input does not read.
    Input(InputError),
    /// The policy refuses, or nothing may be signed at all. It stands in the record at this index.
    Refused(Box<Refusal>, u64),
    /// The key that would sign is not at hand, or did not sign right.
    Authority(AuthorityError),
    /// The draft is no certificate by RFC 5280: the policy asks for something that no certificate can say.
    Lint(Vec<lint::Finding>),
    /// The clock shows a time before the log's last record.
    ClockBack {
        /// The clock's time.
        now: i64,
        /// The latest time of the log.
        last: i64,
    },
    /// The permit ended before it was spent.
    Expired(crate::permit::Expired),
    /// The record could not be written: nothing was released.
    Log(LogError),
    /// The generator gave nothing.
    Random(String),
    /// A lab policy was loaded where the deployment does not say lab.
    LabUnwanted,
    /// A part could not be encoded.
    Encoding(String),
    /// Fewer logs of certificate transparency promise to publish it than the policy obliges.
    Timestamps {
        /// How many the policy wants.
        wanted: usize,
        /// How many gave a timestamp that holds.
        given: usize,
        /// By name, why the others did not.
        why: Vec<(String, TimestampError)>,
    },
    /// With the timestamps of logs in it, the certificate is not what the policy permits: ids of what refuses.
    Timestamped(Vec<String>),
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssueError::Input(error) => error.fmt(f),
            IssueError::Refused(refusal, _) => refusal.fmt(f),
            IssueError::Authority(error) => error.fmt(f),
            IssueError::Lint(findings) => {
                let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
                write!(f, "the draft is no certificate by RFC 5280: {}", shown.join("; "))
            }
            IssueError::ClockBack { now, last } => {
                let (now, last) = (format_date(*now), format_date(*last));
                write!(f, "the clock shows {now}, and the log's last record is of {last}: set the clock")
            }
            IssueError::Expired(expired) => expired.fmt(f),
            IssueError::Log(error @ LogError::AlreadySpent { .. }) => {
                write!(f, "the nonce, the approval or the use of the exception was spent before: {error}")
            }
            IssueError::Log(error) => {
                write!(f, "nothing was released, since the record could not be written: {error}")
            }
            IssueError::Random(what) => write!(f, "no random octets: {what}"),
            IssueError::LabUnwanted => {
                f.write_str("the policy is a lab policy, and the deployment does not say `lab = true`")
            }
            IssueError::Encoding(what) => f.write_str(what),
            IssueError::Timestamps { wanted, given, why } => {
                write!(f, "the policy wants timestamps of {wanted} logs, and {given} gave one that holds")?;
                why.iter().try_for_each(|(name, error)| write!(f, "; {name}: {error}"))
            }
            IssueError::Timestamped(failing) => {
                write!(f, "with the timestamps of logs in it, the policy refuses: {}", failing.join(", "))
            }
        }
    }
}

impl std::error::Error for IssueError {}

impl From<LogError> for IssueError {
    fn from(error: LogError) -> IssueError {
        IssueError::Log(error)
    }
}

impl From<InputError> for IssueError {
    fn from(error: InputError) -> IssueError {
        IssueError::Input(error)
    }
}

impl From<AuthorityError> for IssueError {
    fn from(error: AuthorityError) -> IssueError {
        IssueError::Authority(error)
    }
}
