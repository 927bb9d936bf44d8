//! What the way over NATS takes: from the order to append a message until its publisher has the
//! acknowledgement, and until another server has the message in memory.
//!
//! `cargo bench -p wirebench-store --features nats --bench hop`, with `nats-server` in the path. Nothing
//! else should run on the machine.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[path = "../tests/servers/nats_server.rs"]
mod nats_server;

use std::time::{Duration, Instant};

use bytes::Bytes;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{Recipients, Timestamp};
use wirebench_store::{Changes, NewMessage, Store, StoreOptions, StoredFeed, WatchMode};

use self::nats_server::NatsServer;

/// The number of messages, one after the other.
const MESSAGES: usize = 2_000;

/// The pause before each.
const PAUSE: Duration = Duration::from_millis(5);

/// Two servers that share a feed.
struct Servers {
    publishing: StoredFeed,
    other: StoredFeed,
    /// What the other one hears.
    changes: Changes,
}

impl Servers {
    async fn connect(nats: &NatsServer) -> Self {
        let open = async || {
            let url = nats.url().parse().unwrap();
            let store = Store::open(&url, &StoreOptions::default(), ()).await.unwrap();
            let feed = store.feed("bench").await.unwrap();
            (store, feed)
        };
        let ((_, publishing), (store, other)) = (open().await, open().await);
        let mut changes = store.watch(WatchMode::Listen).unwrap();
        changes.next().await.unwrap();
        Self { publishing, other, changes }
    }

    /// Appends a message. Returns how long it took until it was acknowledged, and until the other
    /// server had it.
    async fn append(&mut self) -> [Duration; 2] {
        let Self { publishing, other, changes } = self;
        let began = Instant::now();
        let acknowledge = async {
            let appended = publishing.append(&[message()]).await.unwrap();
            (appended[0].seq(), began.elapsed())
        };
        let hear = async {
            let news = changes.next().await.unwrap();
            let newest = news.last().unwrap().newest;
            let read = other.read(newest - 1, 1, u64::MAX).await.unwrap();
            (read[0].seq, began.elapsed())
        };
        let ((appended, acknowledged), (read, heard)) = tokio::join!(acknowledge, hear);
        assert_eq!(appended, read);
        [acknowledged, heard]
    }
}

fn message() -> NewMessage {
    NewMessage {
        payload: Bytes::from(vec![b'1'; 200]),
        kind: PayloadKind::Json,
        recipients: Recipients::Everyone,
        due: Timestamp::now(),
        key: None,
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it prints its figures")]
async fn main() {
    let Some(nats) = NatsServer::start() else { return };
    let mut servers = Servers::connect(&nats).await;
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..MESSAGES {
        tokio::time::sleep(PAUSE).await;
        let [acknowledged, heard] = servers.append().await;
        took[0].push(acknowledged);
        took[1].push(heard);
    }
    for (what, mut took) in ["acknowledged", "at another server"].into_iter().zip(took) {
        took.sort_unstable();
        let [median, p99] = [50, 99].map(|percent| took[MESSAGES * percent / 100]);
        println!("{what}: p50 {median:.0?}, p99 {p99:.0?}");
    }
}
