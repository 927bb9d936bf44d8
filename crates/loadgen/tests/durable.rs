//! What every transport guarantees of a feed that is kept in a store, over a file of SQLite.
//!
//! Without SQLite in the build these tests have nothing to do: `cargo test --all-features` builds it
//! in.

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use support::{Bench, TIMEOUT, client, until, within};
use tempfile::TempDir;
use wirebench_loadgen::{
    DEFAULT_FEED, HttpClient, SubscribeError, SubscriberSettings, Target, subscribe,
};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, Seq, ShortPollingMode, Transport};
use wirebench_server::{Feed, JsonPayload, PublishOptions, Server, StoreMetrics};
use wirebench_store::{Database, Store, StoreOptions, StoreUrl};

/// The folder of a store. `None` if SQLite is not built in.
#[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
fn folder() -> Option<TempDir> {
    if Database::Sqlite.is_built_in() {
        return Some(TempDir::new().expect("a folder for the store"));
    }
    assert!(
        std::env::var_os("WIREBENCH_REQUIRE_DATABASES").is_none(),
        "SQLite is required, but not built in"
    );
    eprintln!("skipped: SQLite is not built in");
    None
}

/// Serves the feed of the store, as a process that has just started would.
async fn serve(folder: &TempDir, window: usize) -> Bench {
    let url = StoreUrl::sqlite(folder.path().join("feeds.db"));
    let metrics = StoreMetrics::default();
    let store = Store::open(&url, &StoreOptions::default(), metrics.clone()).await;
    let stored = store.expect("a new file").feed("bench").await.expect("a new feed");
    let feed = Feed::new(window).durable(stored).await.expect("the feed can be read");
    let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
    Bench::of(server.with_store_metrics(metrics), feed)
}

/// Publishes, and waits until it is acknowledged.
async fn publish(bench: &Bench, json: &str) -> Cursor {
    let payload = JsonPayload::from_json(json.as_bytes()).expect("a test publishes JSON");
    let published = within(TIMEOUT, "the database", bench.feed.publish(payload)).await;
    published.expect("it is stored").cursor
}

fn settings() -> SubscriberSettings {
    SubscriberSettings { interval: Duration::from_millis(5), ..SubscriberSettings::default() }
}

/// A subscription, and over what it is.
struct Reader<'a> {
    transport: Transport,
    events: BoxStream<'a, Result<Event, SubscribeError>>,
}

impl<'a> Reader<'a> {
    fn new(transport: Transport, client: &'a HttpClient, target: &'a Target, after: After) -> Self {
        let events = subscribe(transport, client, target, after, &settings());
        Self { transport, events }
    }

    /// Returns the next event that changes what the subscriber knows.
    async fn news(&mut self) -> Event {
        let transport = self.transport;
        loop {
            let next = within(TIMEOUT, transport, self.events.next()).await;
            match next {
                Some(Ok(
                    Event::Request { .. }
                    | Event::Empty { .. }
                    | Event::Closing
                    | Event::Connected { .. }
                    | Event::Retry { .. },
                )) => {}
                Some(Ok(event)) => return event,
                other => panic!("{transport}: {other:?}"),
            }
        }
    }

    /// Waits until it is subscribed, at this place.
    async fn connected(&mut self, expected: Seq) {
        let transport = self.transport;
        loop {
            match within(TIMEOUT, transport, self.events.next()).await {
                Some(Ok(Event::Request { .. })) => {}
                Some(Ok(Event::Connected { cursor, .. })) => {
                    return assert_eq!(cursor.seq, expected, "{transport}");
                }
                other => panic!("{transport}: {other:?}"),
            }
        }
    }

    async fn messages(&mut self, expected: impl IntoIterator<Item = Seq>) {
        for seq in expected {
            match self.news().await {
                Event::Received { cursor, .. } => {
                    assert_eq!(cursor.seq, seq, "{}", self.transport);
                }
                event => panic!("{}: {event:?} instead of message {seq}", self.transport),
            }
        }
    }

    async fn gap(&mut self) -> Gap {
        match self.news().await {
            Event::Gap { gap, .. } => gap,
            event => panic!("{}: {event:?} instead of a gap", self.transport),
        }
    }
}

#[tokio::test]
async fn what_is_acknowledged_reaches_subscribers_of_every_transport() {
    let Some(folder) = folder() else { return };
    let bench = serve(&folder, 100).await;
    let (client, target) = (client(), bench.target());
    let mut readers =
        Transport::ALL.map(|transport| Reader::new(transport, &client, &target, After::Start));
    publish(&bench, "1").await;
    publish(&bench, "2").await;
    for reader in &mut readers {
        reader.messages([1, 2]).await;
    }
}

/// The window of both servers holds two messages: the rest comes from the store.
#[tokio::test]
async fn a_subscriber_of_every_transport_continues_after_a_restart() {
    let Some(folder) = folder() else { return };
    let bench = serve(&folder, 2).await;
    let mut cursors = Vec::new();
    for number in 1..=20 {
        cursors.push(publish(&bench, &number.to_string()).await);
    }
    bench.stop(TIMEOUT, "the first server").await;

    let bench = serve(&folder, 2).await;
    let (client, target) = (client(), bench.target());
    for (transport, seq) in
        Transport::ALL.into_iter().zip([1_u64, 5, 10, 17, 18].into_iter().cycle())
    {
        let after = After::Cursor(cursors[usize::try_from(seq).expect("small") - 1]);
        let mut reader = Reader::new(transport, &client, &target, after);
        reader.messages(seq + 1..=20).await;
    }
    let mut readers = Transport::ALL
        .map(|transport| Reader::new(transport, &client, &target, After::Cursor(cursors[18])));
    assert_eq!(publish(&bench, "21").await.seq, 21);
    for reader in &mut readers {
        reader.messages([20, 21]).await;
    }
}

/// The window holds two messages of twenty.
#[tokio::test]
async fn a_scrape_says_what_subscribers_of_every_transport_got_from_the_store() {
    let Some(folder) = folder() else { return };
    let bench = serve(&folder, 2).await;
    for number in 1..=20 {
        publish(&bench, &number.to_string()).await;
    }
    let (client, target) = (client(), bench.target());
    for transport in Transport::ALL {
        let counted = |name: &str| {
            let name = format!("wirebench_{name}{{transport=\"{transport}\"}} ");
            let text = bench.server.metrics_text();
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.map_or(0, |value| value.parse::<u64>().expect("a count"))
        };
        let mut reader = Reader::new(transport, &client, &target, After::Start);
        reader.messages(1..=20).await;
        until(transport, || counted("messages_sent_total") == 20).await;
        // Pages of the store end at the window, so that none of its messages is read twice.
        assert_eq!(counted("store_replayed_messages_total"), 18, "{transport}");
        let replayed = if transport.polls() { 0 } else { 20 };
        assert_eq!(counted("replayed_messages_total"), replayed, "{transport}");
    }
}

/// The window holds two messages: most of what is read comes from the store.
#[tokio::test]
async fn in_each_mode_short_polling_brings_every_message_once_and_in_order() {
    let transport = Transport::ShortPolling;
    for mode in ShortPollingMode::ALL {
        let Some(folder) = folder() else { return };
        let bench = serve(&folder, 2).await;
        let (client, target) = (client(), bench.target());
        let settings = SubscriberSettings { short_polling_mode: mode, ..settings() };
        let reader = |after| Reader {
            transport,
            events: subscribe(transport, &client, &target, after, &settings),
        };
        // An empty table, and one that is not empty.
        for first in [1, 31] {
            let (mut start, mut newest) = (reader(After::Start), reader(After::Newest));
            newest.connected(first - 1).await;
            let publishing = async {
                for number in first..first + 30 {
                    publish(&bench, &number.to_string()).await;
                }
            };
            let reading = async {
                tokio::join!(newest.messages(first..first + 30), start.messages(1..first + 30))
            };
            tokio::join!(publishing, reading);
        }
        let cursor = bench.cursor(40);
        reader(After::Cursor(cursor)).messages(41..=60).await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_feed_is_reset_and_everything_that_is_kept_is_delivered() {
    let Some(folder) = folder() else { return };
    let bench = serve(&folder, 2).await;
    for number in 1..=9 {
        publish(&bench, &number.to_string()).await;
    }
    let (client, target) = (client(), bench.target());
    let stranger = Feed::new(1).locate(After::Newest).expect("the newest of an empty feed");
    for transport in Transport::ALL {
        let mut reader = Reader::new(transport, &client, &target, After::Cursor(stranger));
        assert_eq!(reader.gap().await, Gap::Reset, "{transport}");
        reader.messages(1..=9).await;
    }
}

#[tokio::test]
async fn a_key_is_known_after_a_restart() {
    let Some(folder) = folder() else { return };
    let options = PublishOptions { key: "k".parse().ok(), ..PublishOptions::default() };
    let bench = serve(&folder, 2).await;
    let first = bench.feed.offer_with(b"1", &options).await.expect("it is stored");
    bench.stop(TIMEOUT, "the first server").await;
    let bench = serve(&folder, 2).await;
    let again = bench.feed.offer_with(b"1", &options).await.expect("it is known");
    assert_eq!((again.cursor, again.repeated), (first.cursor, true));
}
