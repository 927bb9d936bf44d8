//! The feed `clock`: the time, published once a second, on the second.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use wirebench_server::Feed;

use crate::feeds::internal::{publish, read_only};

#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) feed: Feed,
}

#[derive(Serialize)]
struct Tick {
    time: String,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { feed: read_only(60) }
    }

    /// Publishes every second until dropped.
    pub(crate) async fn run(&self) {
        loop {
            let (second, wait) = next_second(Timestamp::now());
            tokio::time::sleep(wait).await;
            // Publish the second that was waited for and not the present time: the timer may be
            // late, and the clock may have been set in the meantime.
            publish(&self.feed, &Tick { time: second.to_string() });
        }
    }
}

/// Returns the next whole second after `now`, and the time until then.
fn next_second(now: Timestamp) -> (Timestamp, Duration) {
    let second = Timestamp::from_second(now.as_second() + 1).unwrap_or(now);
    (second, second.duration_since(now).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_second_is_whole_and_ahead() {
        let check = |now: &str, second: &str, millis: u64| {
            let (found, wait) = next_second(now.parse().unwrap());
            assert_eq!(
                (found.to_string(), wait),
                (second.to_owned(), Duration::from_millis(millis))
            );
        };
        check("2026-11-21T09:29:59.250Z", "2026-11-21T09:30:00Z", 750);
        check("2026-11-21T09:30:00Z", "2026-11-21T09:30:01Z", 1_000);
        check("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z", 1);
    }
}
