//! The races that could lose or repeat messages, over real sockets: between reading and going to
//! sleep, and between one answer and the next request. `server/src/feed.rs` and
//! `server/tests/routes.rs` force the same races, one order of events after the other.

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use futures::StreamExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use support::paused_server::PausedServer;
use support::{Bench, TIMEOUT, publish, within};
use tokio::task::JoinSet;
use wirebench_loadgen::{SubscriberSettings, Target, subscribe};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Delivery, Transport};
use wirebench_scenario::Headers;
use wirebench_server::{Feed, Server};

/// How many subscriptions are opened and closed over each transport, and how many at the same time.
const CYCLES: u64 = 2000;
const CONCURRENT: u64 = 4;

/// How far behind the newest message a subscription begins at most, and how far ahead of the
/// slowest reader the publisher gets at most. Together they fit well into the window, so nobody
/// misses messages.
const BEHIND: u64 = 2000;
const AHEAD: u64 = 4000;
const WINDOW: usize = 1 << 14;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_at_random_places_miss_and_repeat_nothing_while_a_publisher_runs() {
    let bench = Bench::start(WINDOW);
    let count = Transport::ALL.len() as u64 * CONCURRENT;
    // Where each reader began last.
    let places: Arc<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let publisher = std::thread::spawn({
        let (feed, places) = (bench.feed.clone(), Arc::clone(&places));
        move || publish_beside(&feed, &places)
    });
    let mut readers = JoinSet::new();
    for seed in 0..count {
        let transport =
            Transport::ALL[usize::try_from(seed / CONCURRENT).expect("an index of a transport")];
        let (feed, target) = (bench.feed.clone(), bench.target());
        let (start, places) = (bench.cursor(0), Arc::clone(&places));
        readers.spawn(async move {
            let mut random = SmallRng::seed_from_u64(seed);
            let place = &places[usize::try_from(seed).expect("an index of a reader")];
            for _ in 0..CYCLES / CONCURRENT {
                let behind = match random.random_range(0..4) {
                    0 => 0,
                    1..3 => random.random_range(0..20),
                    _ => random.random_range(0..BEHIND),
                };
                let after = start.at(feed.published().saturating_sub(behind));
                place.store(after.seq, SeqCst);
                let count = random.random_range(1..40);
                let what = format!("{transport}: {count} messages after {after}");
                within(TIMEOUT, what, read(transport, &target, after, count)).await;
            }
            place.store(u64::MAX, SeqCst);
        });
    }
    while let Some(finished) = readers.join_next().await {
        finished.expect("no reader fails");
    }
    publisher.join().expect("the publisher does not panic");
}

/// Publishes at full speed until all readers are done, with pauses that are long enough for readers
/// to go to sleep.
fn publish_beside(feed: &Feed, places: &[AtomicU64]) {
    let mut random = SmallRng::seed_from_u64(1);
    loop {
        let slowest = places.iter().map(|place| place.load(SeqCst)).min().unwrap_or(u64::MAX);
        if slowest == u64::MAX {
            return;
        }
        let room = (slowest + AHEAD).saturating_sub(feed.published());
        for _ in 0..random.random_range(1..=100).min(room) {
            publish(feed, "0");
        }
        std::thread::sleep(Duration::from_micros(random.random_range(0..=3000)));
    }
}

/// Subscribes, checks that the next messages are those after the cursor, one by one, and closes the
/// connection.
async fn read(transport: Transport, target: &Target, after: Cursor, count: u64) {
    let client = support::client();
    let settings = SubscriberSettings {
        interval: Duration::from_millis(1),
        headers: Headers::Bare,
        ..SubscriberSettings::default()
    };
    let mut events = subscribe(transport, &client, target, After::Cursor(after), &settings);
    let mut newest = after;
    while newest.seq < after.seq + count {
        match events.next().await {
            Some(Ok(Event::Request { .. } | Event::Retry { .. })) => {}
            Some(Ok(Event::Connected { cursor, .. } | Event::Empty { cursor, .. })) => {
                assert_eq!(cursor, newest, "{transport} after {after} skips messages");
            }
            Some(Ok(Event::Received { cursor, .. })) => {
                assert_eq!(cursor, newest.at(newest.seq + 1), "{transport} after {after}");
                newest = cursor;
            }
            end => panic!("{transport} after {after}: {end:?} instead of the next message"),
        }
    }
}

/// Publishes messages up to `last`, with a pause after each. Each waits until the last but one
/// before it has arrived, so no more than two are under way, and no answer has more than two.
fn publish_closely(feed: &Feed, last: u64, arrivals: &Receiver<u64>, mut pause: impl FnMut()) {
    let mut arrived = 0;
    for number in 1..=last {
        // The reader has a deadline. When it passes, the channel closes.
        while arrived + 2 < number {
            arrived = arrivals.recv().expect("the reader continues");
        }
        publish(feed, "0");
        pause();
    }
}

/// How many messages a reader gets over each transport.
const MESSAGES: u64 = 4000;

/// A reader that has slept this long has missed its message. Less than the time after which a
/// client gives up a silent stream.
const OVERSLEPT: Duration = Duration::from_secs(30);

/// A message is published while the reader of the one before goes back to sleep. The clock of the
/// server is paused, so no end of a hold, no heartbeat and no ping wakes a reader that has missed
/// its message.
#[tokio::test]
async fn a_message_published_while_its_reader_goes_to_sleep_wakes_it() {
    // A short poll is answered at once: its reader does not sleep.
    let sleeping = Transport::ALL.into_iter().filter(|each| each.delivery() != Delivery::Polled);
    for transport in sleeping {
        let server = PausedServer::start(WINDOW);
        let target = support::target(server.address);
        let start = server.feed.locate(After::Newest).expect("a feed always has a newest position");
        let (arrived, arrivals) = channel();
        let publisher = std::thread::spawn({
            let feed = server.feed.clone();
            move || {
                let mut random = SmallRng::seed_from_u64(1);
                publish_closely(&feed, MESSAGES, &arrivals, || {
                    let pause = Duration::from_micros(random.random_range(0..200));
                    let began = Instant::now();
                    while began.elapsed() < pause {
                        std::hint::spin_loop();
                    }
                });
            }
        });
        let client = support::client();
        let settings =
            SubscriberSettings { headers: Headers::Bare, ..SubscriberSettings::default() };
        let mut events = subscribe(transport, &client, &target, After::Cursor(start), &settings);
        let mut newest = 0;
        while newest < MESSAGES {
            let what = format!("{transport}: message {}", newest + 1);
            let event = within(OVERSLEPT, what, events.next()).await;
            if let Some(Ok(Event::Received { cursor, .. })) = event {
                assert_eq!(cursor.seq, newest + 1, "{transport}");
                newest = cursor.seq;
                // The publisher is done before the last messages have arrived.
                let _ = arrived.send(newest);
            }
        }
        publisher.join().expect("the publisher does not panic");
    }
}

/// The number of messages on each feed, and the number of feeds. Each has one subscriber and one
/// publisher.
const ROUNDS: u64 = 1500;
const FEEDS: u64 = 16;

/// A message may be published while an answer is on its way, while the next request is, or just
/// before the hold ends. It is in exactly one answer, and no empty answer has a cursor past it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_published_around_the_edge_of_a_long_poll_is_in_exactly_one_answer() {
    let feeds: Vec<_> = (0..FEEDS).map(|feed| (feed.to_string(), Feed::new(WINDOW))).collect();
    let server = Server::new(feeds.iter().cloned());
    let listener = support::listen();
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { server.serve(listener, std::future::pending()).await });

    let mut subscribers = JoinSet::new();
    let mut publishers = Vec::new();
    for (seed, (name, feed)) in (0..).zip(feeds) {
        // On every other feed, holds also end at every moment at which a message may be published.
        let hold = Duration::from_millis(if seed % 2 == 0 { 10_000 } else { 1 });
        let target = Target { feed: name, ..support::target(address) };
        let start = feed.locate(After::Newest).expect("a feed always has a newest position");
        let (arrived, arrivals) = channel();
        subscribers.spawn(async move { long_polls(hold, &target, start, &arrived).await });
        publishers.push(std::thread::spawn(move || {
            let mut random = SmallRng::seed_from_u64(seed);
            publish_closely(&feed, ROUNDS, &arrivals, || {
                // A thread's sleep, unlike a tokio timer's, is not rounded to milliseconds.
                std::thread::sleep(Duration::from_micros(random.random_range(0..=5000)));
            });
        }));
    }
    let answers: u64 = subscribers.join_all().await.into_iter().sum();
    for publisher in publishers {
        publisher.join().expect("no publisher panics");
    }
    assert!(answers >= ROUNDS * FEEDS / 2, "only {answers} answers: more than two messages in one");
}

/// Follows a feed by long polls up to its last message. Returns how many answers that took.
async fn long_polls(hold: Duration, target: &Target, start: Cursor, arrived: &Sender<u64>) -> u64 {
    let client = support::client();
    let settings =
        SubscriberSettings { hold, headers: Headers::Bare, ..SubscriberSettings::default() };
    let after = After::Cursor(start);
    let mut events = subscribe(Transport::LongPolling, &client, target, after, &settings);
    let (mut newest, mut answers) = (start, 0);
    while newest.seq < ROUNDS {
        let what = format!("long-polling: message {} of {ROUNDS}", newest.seq + 1);
        match within(TIMEOUT, what, events.next()).await {
            Some(Ok(Event::Request { .. })) => answers += 1,
            Some(Ok(Event::Connected { cursor, .. })) => assert_eq!(cursor, start, "long-polling"),
            Some(Ok(Event::Empty { cursor, .. })) => {
                assert_eq!(cursor, newest, "long-polling skips messages");
            }
            Some(Ok(Event::Received { cursor, .. })) => {
                assert_eq!(cursor, newest.at(newest.seq + 1), "long-polling");
                newest = cursor;
                // The publisher is done before the last messages have arrived.
                let _ = arrived.send(newest.seq);
            }
            end => panic!("long-polling: {end:?} instead of an answer"),
        }
    }
    answers
}
