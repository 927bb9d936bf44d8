//! Logs that the upstream server is not there, without filling the log.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// At most one warning is logged per interval.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The requests that a proxy could not pass on.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    logged: Option<Instant>,
    /// Those since the last warning.
    unsaid: u64,
}

impl Outages {
    /// Counts one more, and logs a warning if the last one is long enough ago.
    pub(super) fn note(&self, upstream: SocketAddr, error: &dyn Display) {
        if let Some(refused) = self.due() {
            tracing::warn!(
                %upstream, %error, refused,
                "the upstream server does not answer; requests are answered with 502"
            );
        }
    }

    /// Counts one more. Returns how many there were since the last warning, if another is due.
    fn due(&self) -> Option<u64> {
        let mut state = self.0.lock();
        state.unsaid += 1;
        if state.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            return None;
        }
        state.logged = Some(Instant::now());
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_refusals_is_one_warning_in_ten_seconds_with_their_number() {
        let outages = Outages::default();
        let due: Vec<_> = (0..5).map(|_| outages.due()).collect();
        assert_eq!(due, [Some(1), None, None, None, None]);
        tokio::time::advance(LOG_INTERVAL).await;
        assert_eq!(outages.due(), Some(5));
        assert_eq!(outages.due(), None);
    }
}
