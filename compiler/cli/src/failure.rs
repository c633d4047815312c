//! What stops a command before it has an answer, and the exit codes.
use pkic_audit::LogError;
use pkic_backend::error::{Problem, StoreError};
use pkic_runtime::authority::AuthorityError;
use pkic_runtime::ca::IssueError;
use pkic_runtime::input::InputError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How a command ended, as its exit code says it (design section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It holds; permit.
    Holds,
    /// A finding; refuse.
    Finding,
    /// Usage, or input that cannot be read.
    Unreadable,
    /// A device or I/O failed.
    Device,
}

impl Exit {
    /// The process exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Holds => 0,
            Exit::Finding => 1,
            Exit::Unreadable => 2,
            Exit::Device => 3,
        }
    }

    /// A store that was asked for what it does not have is used wrongly; in any other case the store fails.
    pub(crate) const fn of_store(problem: Problem) -> Exit {
        match problem {
            Problem::Configuration | Problem::KeyAmbiguous | Problem::KeyUnknown => Exit::Unreadable,
            _ => Exit::Device,
        }
    }

    /// A refusal is a finding; what cannot be read is the caller's; all else is the machine's.
    pub(crate) fn of_issue(error: &IssueError) -> Exit {
        match error {
            IssueError::Refused(..) | IssueError::Lint(_) | IssueError::Timestamped(_) => Exit::Finding,
            IssueError::Authority(AuthorityError::Store(error)) => Exit::of_store(error.problem),
            IssueError::Log(error) => Exit::of_log(error),
            IssueError::Random(_) | IssueError::Timestamps { .. } => Exit::Device,
            _ => Exit::Unreadable,
        }
    }

    /// A log that another program has, or that the disk does not give, is the machine's; what is spent is a finding.
    pub(crate) fn of_log(error: &LogError) -> Exit {
        match error {
            LogError::AlreadySpent { .. } | LogError::SequenceLower { .. } => Exit::Finding,
            LogError::Io { .. } | LogError::Locked { .. } | LogError::Poisoned { .. } => Exit::Device,
            _ => Exit::Unreadable,
        }
    }

    /// `Holds` where there is nothing to report.
    pub(crate) const fn finding_if(found: bool) -> Exit {
        if found { Exit::Finding } else { Exit::Holds }
    }
}

/// Why there is no answer: the operation and its object.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file or folder cannot be read.
    Read { path: PathBuf, error: io::Error },
    /// A file is longer than its kind may be.
    TooLong { path: PathBuf, bytes_max: usize },
    /// A folder holds more than is read.
    TooMany { path: PathBuf, what: &'static str, max: usize },
    /// A file was read and does not hold what it should.
    Content { path: PathBuf, reason: String },
    /// A policy or deployment file that does not hold, with all that is wrong with it, laid out.
    Findings { what: &'static str, text: String },
    /// Arguments that do not fit together.
    Usage { reason: String, help: Option<String> },
    /// A file cannot be written.
    Write { path: PathBuf, error: io::Error },
    /// A key store did not do what it was asked.
    Store(StoreError),
    /// Nothing was issued, or a record was not read, for a reason that is no decision.
    Issue { exit: Exit, what: String },
}

impl Failure {
    /// Arguments that do not fit together.
    pub(crate) fn usage(reason: impl Into<String>) -> Failure {
        Failure::Usage { reason: reason.into(), help: None }
    }

    /// Arguments that do not fit together, and how to mend them.
    pub(crate) fn usage_with_help(reason: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::Usage { reason: reason.into(), help: Some(help.into()) }
    }

    /// A file that does not hold what it should.
    pub(crate) fn content(path: &Path, reason: impl fmt::Display) -> Failure {
        Failure::Content { path: path.to_path_buf(), reason: reason.to_string() }
    }

    /// The exit code that it ends with.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Failure::Write { .. } => Exit::Device,
            Failure::Store(error) => Exit::of_store(error.problem),
            Failure::Issue { exit, .. } => *exit,
            Failure::Read { .. }
            | Failure::TooLong { .. }
            | Failure::TooMany { .. }
            | Failure::Content { .. }
            | Failure::Findings { .. }
            | Failure::Usage { .. } => Exit::Unreadable,
        }
    }

    /// What is laid out already, before the error itself.
    pub(crate) fn text(&self) -> &str {
        match self {
            Failure::Findings { text, .. } => text,
            _ => "",
        }
    }

    /// How to mend it, where that is known.
    pub(crate) fn help(&self) -> Option<&str> {
        match self {
            Failure::Usage { help, .. } => help.as_deref(),
            Failure::Store(error) => Some(&error.help),
            _ => None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl From<&InputError> for Failure {
    fn from(error: &InputError) -> Failure {
        let place = error.line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::usage_with_help(format!("{}{place}: {}", error.input, error.what), &error.help)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Read { path, error } => {
                write!(f, "cannot read `{}`: {}", path.display(), reason(error))
            }
            Failure::TooLong { path, bytes_max } => {
                write!(f, "cannot read `{}`: it has more than {bytes_max} bytes", path.display())
            }
            Failure::TooMany { path, what, max } => {
                write!(f, "cannot read `{}`: it holds more than {max} {what}", path.display())
            }
            Failure::Content { path, reason } => write!(f, "`{}`: {reason}", path.display()),
            Failure::Findings { what, .. } => f.write_str(what),
            Failure::Usage { reason, .. } => f.write_str(reason),
            Failure::Write { path, error } => {
                write!(f, "cannot write `{}`: {}", path.display(), reason(error))
            }
            Failure::Store(error) => write!(f, "{}: {}", error.at, error.what),
            Failure::Issue { what, .. } => f.write_str(what),
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
