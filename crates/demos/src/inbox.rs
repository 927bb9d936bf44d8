//! The feed `inbox`: how many messages are unread. One comes now and then; reading takes them all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Serialize;
use wirebench_server::Feed;

use crate::{Demos, feeds};

/// Seconds between two messages, on average before they are kept within bounds.
const MEAN: f64 = 15.0;

/// Seconds: not so short that the badge runs, not so long that a class waits.
const BOUNDS: (f64, f64) = (3.0, 60.0);

#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) feed: Feed,
    unread: Mutex<u64>,
}

#[derive(Serialize)]
struct Unread {
    unread: u64,
}

impl Inbox {
    /// An inbox in which nothing is unread, which is the first thing that its feed says.
    pub(crate) fn new() -> Self {
        let inbox = Self { feed: feeds::read_only(100), unread: Mutex::new(0) };
        inbox.set(|_| 0);
        inbox
    }

    /// Receives messages until dropped.
    pub(crate) async fn run(&self) {
        loop {
            tokio::time::sleep(pause(rand::random())).await;
            self.set(|unread| unread + 1);
        }
    }

    fn set(&self, change: impl FnOnce(u64) -> u64) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        *unread = change(*unread);
        // Under the lock, so that the last thing published is the last thing that happened.
        feeds::publish(&self.feed, &Unread { unread: *unread });
    }
}

/// Exponential for a uniform number from 0 to 1: messages come independently of each other.
fn pause(uniform: f64) -> Duration {
    let seconds = -MEAN * (1.0 - uniform).ln();
    Duration::from_secs_f64(seconds.clamp(BOUNDS.0, BOUNDS.1))
}

pub(crate) fn router() -> Router<Demos> {
    Router::new().route("/demo/inbox/read", post(read))
}

async fn read(State(demos): State<Demos>) -> StatusCode {
    demos.0.inbox.set(|_| 0);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::After;

    use super::*;

    #[test]
    fn pauses_are_exponential_within_their_bounds() {
        assert_eq!(pause(0.0), Duration::from_secs(3));
        assert_eq!(pause(1.0), Duration::from_mins(1));
        let mean = pause(1.0 - 1.0 / std::f64::consts::E).as_secs_f64();
        assert!((mean - MEAN).abs() < 1e-6, "{mean}");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_come_one_by_one_and_reading_takes_them_all() {
        let inbox = Inbox::new();
        let three = Duration::from_mins(3);
        assert!(tokio::time::timeout(three, inbox.run()).await.is_err(), "it never ends");
        let received = inbox.feed.published() - 1;
        assert!((3..=60).contains(&received), "{received}");
        assert_eq!(*inbox.unread.lock().unwrap(), received);
        inbox.set(|_| 0);
        let start = inbox.feed.locate(After::Start).unwrap();
        let entries = inbox.feed.read(start).entries;
        let unread = |entry: &std::sync::Arc<wirebench_server::Entry>| {
            let message: serde_json::Value = serde_json::from_slice(&entry.json).unwrap();
            message["payload"]["unread"].as_u64().unwrap()
        };
        let expected: Vec<u64> = (0..=received).chain([0]).collect();
        assert_eq!(entries.iter().map(unread).collect::<Vec<_>>(), expected);
    }
}
