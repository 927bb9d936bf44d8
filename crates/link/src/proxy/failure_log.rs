//! Logs that the upstream server does not answer, without filling the log.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// At most one warning is logged per interval.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Counts the requests that a proxy could not pass on.
#[derive(Debug, Default)]
pub(super) struct FailureLog(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    last_logged: Option<Instant>,
    /// The number of failures since the last warning.
    unlogged: u64,
}

impl FailureLog {
    /// Counts a failure, and logs a warning if the last one is long enough ago.
    pub(super) fn add(&self, upstream: SocketAddr, error: &dyn Display) {
        if let Some(refused) = self.due() {
            tracing::warn!(
                %upstream, %error, refused,
                "the upstream server does not answer; requests are answered with 502"
            );
        }
    }

    /// Counts a failure. If a warning is due, returns the number of failures since the last one.
    fn due(&self) -> Option<u64> {
        let mut failures = self.0.lock();
        failures.unlogged += 1;
        if failures.last_logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            return None;
        }
        failures.last_logged = Some(Instant::now());
        Some(std::mem::take(&mut failures.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_failures_are_one_warning_per_interval_with_their_number() {
        let failures = FailureLog::default();
        let due: Vec<_> = (0..5).map(|_| failures.due()).collect();
        assert_eq!(due, [Some(1), None, None, None, None]);
        tokio::time::advance(LOG_INTERVAL).await;
        assert_eq!(failures.due(), Some(5));
        assert_eq!(failures.due(), None);
    }
}
