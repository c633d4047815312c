//! What a store of this family takes from the machine that it runs on.
use std::time::{Duration, SystemTime};

/// Environment, clock and sleep. They are handed in, so that two stores of one process may have two.
pub trait Machine: Send + Sync {
    /// The value of an environment variable that is set, is text and is not empty.
    fn variable(&self, name: &str) -> Option<String>;

    /// The time of day, by which requests are signed and tokens expire.
    fn now(&self) -> SystemTime;

    /// Waits.
    fn pause(&self, time: Duration);
}

/// The machine as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
