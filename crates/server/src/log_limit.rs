//! Limits how often a warning that anybody can cause is logged.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// At most one warning of a kind is logged per interval.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Remembers when a kind of warning was last logged.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Option<Instant>>);

impl LogLimit {
    /// Returns true if the warning may be logged now. The interval then starts again.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_due_once_per_interval() {
        let limit = LogLimit::default();
        assert!(limit.is_due());
        assert!(!limit.is_due());
        *limit.0.lock() = Instant::now().checked_sub(LOG_INTERVAL);
        assert!(limit.is_due());
    }
}
