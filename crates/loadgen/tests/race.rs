//! The races that lose or repeat messages: between reading and going to sleep, and between one answer
//! and the next request.

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures::StreamExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use support::{Bench, PATIENCE, publish, within};
use tokio::task::JoinSet;
use wirebench_loadgen::{Dialer, Settings, Target, subscribe};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Transport};
use wirebench_scenario::{Headers, Link};
use wirebench_server::{Feed, Server};

/// How many subscriptions are opened and closed over each transport, and by how many at a time.
const CYCLES: u64 = 2000;
const ABREAST: u64 = 4;

/// Some seconds of the publisher: nobody falls behind it.
const WINDOW: usize = 1 << 18;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_at_random_places_miss_and_repeat_nothing_while_a_publisher_runs() {
    let bench = Bench::start(WINDOW);
    let done = Arc::new(AtomicBool::new(false));
    let publisher = std::thread::spawn({
        let (feed, done) = (bench.feed.clone(), Arc::clone(&done));
        move || {
            let mut random = SmallRng::seed_from_u64(1);
            while !done.load(Relaxed) {
                // At full speed, and now and then long enough without one that readers go to sleep.
                for _ in 0..random.random_range(1..=100) {
                    publish(&feed, "0");
                }
                std::thread::sleep(Duration::from_micros(random.random_range(0..=3000)));
            }
        }
    });
    let mut readers = JoinSet::new();
    for transport in Transport::ALL {
        for seed in 0..ABREAST {
            let (feed, target) = (bench.feed.clone(), bench.target());
            let start = bench.cursor(0);
            readers.spawn(async move {
                let mut random = SmallRng::seed_from_u64(seed);
                for _ in 0..CYCLES / ABREAST {
                    let behind = match random.random_range(0..4) {
                        0 => 0,
                        1..3 => random.random_range(0..20),
                        _ => random.random_range(0..2000),
                    };
                    let after = start.at(feed.published().saturating_sub(behind));
                    let count = random.random_range(1..40);
                    let what = format!("{transport}: {count} messages after {after}");
                    within(PATIENCE, what, read(transport, &target, after, count)).await;
                }
            });
        }
    }
    while let Some(finished) = readers.join_next().await {
        finished.expect("no reader fails");
    }
    done.store(true, Relaxed);
    publisher.join().expect("the publisher does not panic");
}

/// One subscription: the next messages are those after the cursor, one by one. Then it is closed.
async fn read(transport: Transport, target: &Target, after: Cursor, count: u64) {
    let dialer = Dialer::new(Link::default(), 1);
    let settings = Settings {
        interval: Duration::from_millis(1),
        headers: Headers::Bare,
        ..Settings::default()
    };
    let mut events = subscribe(transport, &dialer, target, After::Cursor(after), &settings);
    let mut newest = after;
    while newest.seq < after.seq + count {
        match events.next().await {
            Some(Ok(Event::Request { .. } | Event::Retry { .. })) => {}
            Some(Ok(Event::Connected { cursor, .. } | Event::Empty { cursor, .. })) => {
                assert_eq!(cursor, newest, "{transport} after {after} passes messages over");
            }
            Some(Ok(Event::Received { cursor, .. })) => {
                assert_eq!(cursor, newest.at(newest.seq + 1), "{transport} after {after}");
                newest = cursor;
            }
            end => panic!("{transport} after {after}: {end:?} instead of the next message"),
        }
    }
}

/// Pairs of messages that a reader is sent over each transport.
const PAIRS: u64 = 4000;

/// Who has slept this long has missed its message. Shorter than any hold or heartbeat, which would wake it
/// and hide that.
const OVERSLEPT: Duration = Duration::from_secs(8);

/// The second of two messages is published while the reader of the first goes back to sleep, and nothing
/// comes after it that could wake a reader who missed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_published_while_its_reader_goes_to_sleep_wakes_it() {
    // Short polling does not sleep.
    for transport in [Transport::LongPolling, Transport::Sse, Transport::WebSocket] {
        let bench = Bench::start(WINDOW);
        let (target, start) = (bench.target(), bench.cursor(0));
        let (arrived, arrivals) = std::sync::mpsc::channel();
        let publisher = std::thread::spawn({
            let feed = bench.feed.clone();
            move || {
                let mut random = SmallRng::seed_from_u64(1);
                for pair in 1..=PAIRS {
                    publish(&feed, "1");
                    let apart = Duration::from_micros(random.random_range(0..200));
                    let first = Instant::now();
                    while first.elapsed() < apart {
                        std::hint::spin_loop();
                    }
                    publish(&feed, "2");
                    // The reader has the deadline, and hangs up when it has passed.
                    while arrivals.recv().expect("the reader wakes up") < 2 * pair {}
                }
            }
        });
        let dialer = Dialer::new(Link::default(), 1);
        let settings = Settings { headers: Headers::Bare, ..Settings::default() };
        let mut events = subscribe(transport, &dialer, &target, After::Cursor(start), &settings);
        let mut newest = 0;
        while newest < 2 * PAIRS {
            let what = format!("{transport}: message {}", newest + 1);
            let event = within(OVERSLEPT, what, events.next()).await;
            if let Some(Ok(Event::Received { cursor, .. })) = event {
                assert_eq!(cursor.seq, newest + 1, "{transport}");
                newest = cursor.seq;
                arrived.send(newest).expect("the publisher waits for it");
            }
        }
        publisher.join().expect("the publisher does not panic");
    }
}

/// Rounds on each feed, and feeds: one subscriber and one publisher a feed.
const ROUNDS: u64 = 1500;
const FEEDS: u64 = 16;

/// A message that is published while an answer is on its way, while the next request is, or just before
/// the hold ends, is in exactly one answer, and no empty answer has a cursor past it.
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
        // Every other feed also has holds that end at every moment at which a message may come.
        let hold = Duration::from_millis(if seed % 2 == 0 { 10_000 } else { 1 });
        let target = Target { feed: name, ..support::target(address) };
        let start = feed.locate(After::Newest).expect("there is always a newest");
        let (standing, stands) = std::sync::mpsc::channel();
        subscribers.spawn(async move {
            let dialer = Dialer::new(Link::default(), seed);
            let settings = Settings { hold, headers: Headers::Bare, ..Settings::default() };
            let after = After::Cursor(start);
            let mut events = subscribe(Transport::LongPolling, &dialer, &target, after, &settings);
            let mut newest = start;
            let mut answers = 0_u64;
            while newest.seq < ROUNDS {
                let what = format!("long-polling: message {} of {ROUNDS}", newest.seq + 1);
                match within(PATIENCE, what, events.next()).await {
                    Some(Ok(Event::Request { .. })) => answers += 1,
                    Some(Ok(Event::Connected { cursor, .. })) => {
                        assert_eq!(cursor, start, "long-polling");
                        let _ = standing.send(());
                    }
                    Some(Ok(Event::Empty { cursor, .. })) => {
                        assert_eq!(cursor, newest, "long-polling passes messages over");
                    }
                    Some(Ok(Event::Received { cursor, .. })) => {
                        assert_eq!(cursor, newest.at(newest.seq + 1), "long-polling");
                        newest = cursor;
                    }
                    end => panic!("long-polling: {end:?} instead of an answer"),
                }
            }
            answers
        });
        publishers.push(std::thread::spawn(move || {
            let mut random = SmallRng::seed_from_u64(seed);
            stands.recv().expect("the subscriber stands");
            for _ in 0..ROUNDS {
                publish(&feed, "0");
                // A thread's sleep, unlike a tokio timer's, is not rounded to milliseconds.
                std::thread::sleep(Duration::from_micros(random.random_range(0..=5000)));
            }
        }));
    }
    let answers: u64 = subscribers.join_all().await.into_iter().sum();
    for publisher in publishers {
        publisher.join().expect("no publisher panics");
    }
    assert!(answers > ROUNDS * FEEDS / 4, "only {answers} answers: most messages came in bulk");
}
