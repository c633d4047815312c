//! The system clock: the only place that reads it.
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in seconds since 1970-01-01T00:00:00Z; `None` for a clock that stands before that or beyond 64 bits.
pub(crate) fn now() -> Option<i64> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(elapsed.as_secs()).ok()
}
