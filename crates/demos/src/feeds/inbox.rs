//! The feed `inbox`: the number of unread messages of an inbox. Messages arrive at random times,
//! ten times as often as in life, so that a class sees enough of them within a minute. Reading
//! marks all of them as read.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;
use serde::Serialize;
use wirebench_server::Feed;

use crate::feeds::internal::{publish, read_only};

/// The mean time between two messages before it is limited to [`PAUSE_LIMITS`], in seconds.
const MEAN_PAUSE: f64 = 1.5;

/// The limits of the time between two messages, in seconds. The lower one keeps the number
/// readable, the upper one keeps a class from waiting too long.
const PAUSE_LIMITS: (f64, f64) = (0.2, 6.0);

#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) feed: Feed,
    unread: Mutex<u64>,
}

#[derive(Serialize)]
struct UnreadCount {
    unread: u64,
}

impl Inbox {
    /// Returns an inbox without unread messages. The first message of its feed says so.
    pub(crate) fn new() -> Self {
        let inbox = Self { feed: read_only(100), unread: Mutex::new(0) };
        inbox.change(|_| 0);
        inbox
    }

    /// Receives messages until dropped.
    pub(crate) async fn run(&self) {
        loop {
            tokio::time::sleep(pause(rand::random())).await;
            self.change(|unread| unread + 1);
        }
    }

    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        Router::new().route("/demo/inbox/read", post(read)).with_state(Arc::clone(self))
    }

    fn change(&self, change: impl FnOnce(u64) -> u64) {
        let mut unread = self.unread.lock();
        *unread = change(*unread);
        // Under the lock, so that the messages are published in the order of the changes.
        publish(&self.feed, &UnreadCount { unread: *unread });
    }
}

/// Returns the time until the next message: exponentially distributed if `uniform` is uniformly
/// distributed from 0 to 1, because messages arrive independently of each other.
fn pause(uniform: f64) -> Duration {
    let seconds = -MEAN_PAUSE * (1.0 - uniform).ln();
    Duration::from_secs_f64(seconds.clamp(PAUSE_LIMITS.0, PAUSE_LIMITS.1))
}

async fn read(State(inbox): State<Arc<Inbox>>) -> StatusCode {
    inbox.change(|_| 0);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::After;

    use super::*;

    #[test]
    fn pauses_are_exponential_within_their_limits() {
        assert_eq!(pause(0.0), Duration::from_millis(200));
        assert_eq!(pause(1.0), Duration::from_secs(6));
        let mean = pause(1.0 - 1.0 / std::f64::consts::E).as_secs_f64();
        assert!((mean - MEAN_PAUSE).abs() < 1e-6, "{mean}");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_arrive_one_by_one_and_reading_marks_all_as_read() {
        let inbox = Inbox::new();
        let time = Duration::from_secs(45);
        assert!(tokio::time::timeout(time, inbox.run()).await.is_err(), "it never returns");
        let received = inbox.feed.published() - 1;
        assert!((5..=99).contains(&received), "{received}");
        assert_eq!(*inbox.unread.lock(), received);
        inbox.change(|_| 0);
        let start = inbox.feed.locate(After::Start).unwrap();
        let entries = inbox.feed.read(start).entries;
        let unread = |entry: &Arc<wirebench_server::Entry>| {
            let message: serde_json::Value = serde_json::from_slice(&entry.json).unwrap();
            message["payload"]["unread"].as_u64().unwrap()
        };
        let expected: Vec<u64> = (0..=received).chain([0]).collect();
        assert_eq!(entries.iter().map(unread).collect::<Vec<_>>(), expected);
    }
}
