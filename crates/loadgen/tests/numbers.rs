//! The numbers themselves: what is counted and timed, against servers, proxies and links of which it is
//! known what the numbers are.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::faulty::{self, Fate};
use support::front;
use support::manner::{Manner, cases};
use support::proxy::Proxy;
use support::{Bench, PATIENCE, publish, until, within};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    Control, DEFAULT_FEED, Dialer, Progress, Settings, Target, drive, subscribe,
};
use wirebench_measure::{Event, Invalid, Measurement, Recorder, Sequence, Window};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{After, Timestamp, Transport};
use wirebench_scenario::{Connections, Faults, Headers, Http, Link, Reconnect, Run, Timing};
use wirebench_server::{Feed, Payload as Published, Server};

/// One at a time: these measure, and would measure each other.
static ALONE: Mutex<()> = Mutex::const_new(());

const SUBSCRIBERS: usize = 20;

fn run(transport: Transport) -> Run {
    Run {
        id: transport.name().to_owned(),
        repeat: 1,
        transport,
        subscribers: SUBSCRIBERS,
        ramp: Duration::from_millis(50),
        rate: 100.0,
        pace: Pace::Steady,
        payload: Payload::Bytes(64),
        window: 10_000,
        timing: Timing {
            warm_up: Duration::from_millis(200),
            measure: Duration::from_millis(1300),
            drain: Duration::from_secs(10),
            repeat: 1,
        },
        link: Link::default(),
        http: Http::default(),
        interval: transport.polls().then_some(Duration::from_millis(50)),
        reconnect: Reconnect::default(),
        faults: Faults::default(),
        hold: transport.polls().then_some(Duration::from_secs(5)),
        seed: 7,
    }
}

/// The control API of a bench.
fn control(bench: &Bench) -> Control {
    let listener = support::listen();
    let api = Control::new(&format!("http://{}", listener.local_addr().unwrap()), support::TOKEN);
    let serving = wirebench_server::Control::new(bench.server.clone(), support::token());
    tokio::spawn(async move { serving.serve(listener).await });
    api
}

/// Drives a run whose subscribers connect to `address`.
async fn measure(
    run: &Run,
    address: SocketAddr,
    control: &Control,
    mut observe: impl FnMut(Progress) + Send,
) -> Measurement {
    let target = support::target(address);
    let driving = drive(run, &target, control, 2, &mut observe, CancellationToken::new(), None);
    let what = format!("{}: a measurement", run.transport);
    within(PATIENCE, what, driving).await.unwrap_or_else(|error| panic!("{}: {error}", run.id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_loses_repeats_and_swaps_is_counted_exactly() {
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let mut run = run(transport);
        // Some never come: the drain takes all of its time.
        run.timing.drain = Duration::from_secs(2);
        let faulty = faulty::start(bench.feed.clone());
        let measured = measure(&run, faulty, &control(&bench), |_| {}).await;

        let window = bench.feed.counted().unwrap();
        let (first, last) = (window.first_seq.unwrap(), window.last_seq.unwrap());
        let (mut gone, mut twice, mut swapped) = (0, 0, 0);
        for (place, seq) in
            (0..SUBSCRIBERS as u64).flat_map(|p| (first..=last).map(move |s| (p, s)))
        {
            match faulty::fate(place, seq) {
                Fate::Swapped if seq < bench.feed.published() => swapped += 1,
                Fate::Swapped | Fate::Lost => gone += 1,
                Fate::Twice => twice += 1,
                Fate::Delivered => {}
            }
        }
        assert!(gone > 50 && twice > 100 && swapped > 50, "{transport}: too few faults to tell");
        let seen = &measured.seen;
        assert_eq!(measured.missing(), Some(gone), "{transport}: missing");
        assert_eq!(seen.duplicate, twice, "{transport}: duplicate");
        assert_eq!(seen.out_of_order, swapped, "{transport}: out of order");
        assert_eq!(seen.gaps, 0, "{transport}: nobody announced anything");
        let expected = window.published * SUBSCRIBERS as u64;
        assert_eq!(seen.received, expected - gone, "{transport}: received");
        assert_eq!(seen.delivery.len(), seen.received, "{transport}: first arrivals have a time");
        assert_eq!(seen.payload_bytes, 64 * seen.received, "{transport}: payload");
        let missing = Invalid::Missing { missing: gone, expected };
        assert!(measured.invalid.contains(&missing), "{transport}: {:?}", measured.invalid);
        assert_eq!(measured.traffic.opened, SUBSCRIBERS as u64, "{transport}: one connection each");
    }))
    .await;
}

#[tokio::test]
async fn bytes_are_those_of_a_counting_proxy() {
    let _alone = ALONE.lock().await;
    let emulated = Link { delay: Duration::from_millis(3), jitter: Duration::from_millis(2) };
    for (transport, manner) in cases() {
        for (link, headers) in [(Link::default(), Headers::Browser), (emulated, Headers::Bare)] {
            let to_the_end = manner == Manner::default();
            let bench = Bench::speaking(manner, 1000);
            let proxy = Proxy::start(bench.address);
            let target = bench.target_by_way_of(proxy.address);
            let dialer = Dialer::new(link, 1).speaking(manner.0);
            let settings =
                Settings { interval: Duration::from_millis(20), headers, ..Settings::default() };
            let subscriber = || async {
                let mut events = subscribe(transport, &dialer, &target, After::Start, &settings);
                let mut received = 0;
                // HTTP/1.1 to the end of the connection: what is read is all that was sent. A poll that
                // the server's end cuts off is an error, and has its bytes. HTTP/2 and TLS take their
                // leave with bytes that the other end need not wait for: there, in the middle of it.
                while let Some(Ok(event)) =
                    within(PATIENCE, format_args!("{transport}: the end"), events.next()).await
                {
                    received += u64::from(matches!(event, Event::Received { .. }));
                    if received == 200 && matches!(event, Event::Received { .. }) {
                        if !to_the_end {
                            let read = || {
                                let counts = dialer.counts();
                                (counts.bytes_up, counts.bytes_down) == proxy.bytes()
                            };
                            tokio::select! {
                                () = until(format!("{transport} over {manner}: all"), read) => {}
                                () = async { while events.next().await.is_some() {} } => {}
                            }
                            break;
                        }
                        bench.begin_stop();
                    }
                }
                assert_eq!(received, 200, "{transport}");
            };
            let publishing = async {
                for number in 0..200 {
                    bench.publish(&format!("\"{}\"", "x".repeat(number * 7)));
                    tokio::task::yield_now().await;
                }
            };
            tokio::join!(subscriber(), publishing);
            let counts = dialer.counts();
            if to_the_end {
                until(format_args!("{transport}: the proxy's end"), || proxy.open() == 0).await;
                let counted = (counts.bytes_up, counts.bytes_down);
                let what = format!("{transport} over {manner}, {link:?}: up and down");
                assert_eq!(counted, proxy.bytes(), "{what}");
            }
            assert!(
                counts.bytes_up > 50 && counts.bytes_down > 200 * 7 * 100,
                "{transport}: {counts:?}"
            );
        }
    }
}

/// A subscriber who comes late to two messages, which arrived one after the other, sees when each of them
/// did. A library that reads all there is before it hands anything over would stamp both with the later
/// time.
#[tokio::test]
async fn on_an_own_connection_each_message_keeps_its_stamp_however_late_it_is_taken() {
    let _alone = ALONE.lock().await;
    let own = |manner: Manner| manner.0.connections == Connections::Own;
    for (transport, manner) in cases().filter(|&(t, manner)| !t.polls() && own(manner)) {
        let what = format!("{transport} over {manner}");
        let bench = Bench::speaking(manner, 1000);
        let target = bench.target();
        let delay = Duration::from_millis(150);
        let link = Link { delay, ..Link::default() };
        let dialer = Dialer::new(link, 1).speaking(manner.0);
        let settings = Settings::default();
        let mut events = subscribe(transport, &dialer, &target, After::Newest, &settings);
        let first = within(PATIENCE, &what, events.next()).await.unwrap().unwrap();
        assert!(matches!(first, Event::Connected { .. }), "{what}: {first:?}");
        if transport == Transport::Sse {
            let retry = within(PATIENCE, &what, events.next()).await.unwrap().unwrap();
            assert!(matches!(retry, Event::Retry { .. }), "{what}: {retry:?}");
        }
        for _ in 0..2 {
            bench.publish("0");
            // The link takes it in, and does not hand it out yet.
            let early = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
            assert!(early.is_err(), "{what}: {early:?}");
        }
        tokio::time::sleep(2 * delay).await;
        let mut stamps = Vec::new();
        while stamps.len() < 2 {
            let event = within(PATIENCE, &what, events.next()).await.unwrap().unwrap();
            if let Event::Received { received_at, .. } = event {
                stamps.push(received_at);
            }
        }
        let apart = stamps[1].saturating_since(stamps[0]);
        assert!(apart >= Duration::from_millis(40), "{what}: {apart:?} apart");
    }
}

/// A server that allows four streams is given as many connections as it takes, and no stream too many:
/// one that had to wait for another's end would wait for ever.
#[tokio::test]
async fn shared_connections_are_as_many_as_the_streams_need() {
    const STREAMS: u32 = 4;
    let _alone = ALONE.lock().await;
    for transport in Transport::ALL {
        let bench = Bench::start(1000);
        let address = front::start(bench.address, STREAMS);
        let proxy = Proxy::start(address);
        let target = support::target(proxy.address);
        let shared = Connections::Shared;
        let dialer = Manner(Http { version: 2, connections: shared, ..Http::default() }).dialer();
        let settings = Settings { interval: Duration::from_millis(5), ..Settings::default() };
        let received = join_all((0..18).map(async |_| {
            let mut events = subscribe(transport, &dialer, &target, After::Start, &settings);
            let mut received = 0;
            while received < 10 {
                let next = within(PATIENCE, format!("{transport}: message"), events.next());
                let event = next.await.unwrap().unwrap();
                received += u64::from(matches!(event, Event::Received { .. }));
            }
            // Nobody leaves before all have come.
            (received, events)
        }));
        let publishing = async {
            for _ in 0..10 {
                bench.publish("0");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let (received, ()) = tokio::join!(received, publishing);
        let counts = dialer.counts();
        assert_eq!(received.len(), 18);
        assert_eq!((counts.opened, counts.open, counts.peak), (5, 5, 5), "{transport}");
        assert_eq!((proxy.accepted(), proxy.open()), (5, 5), "{transport}");
        drop(received);
        until(format_args!("{transport}: nobody"), || proxy.open() == 0).await;
        assert_eq!(dialer.counts().open, 0, "{transport}");
    }
}

/// A whole run in every manner: nothing is missing, and the counts are the proxy's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_any_manner_counts_what_the_proxy_counts() {
    let _alone = ALONE.lock().await;
    for (transport, manner) in cases() {
        let bench = Bench::speaking(manner, 10_000);
        let proxy = Proxy::start(bench.address);
        let mut run = Run { http: manner.0, ..run(transport) };
        run.timing.measure = Duration::from_millis(300);
        let target = bench.target_by_way_of(proxy.address);
        let control = control(&bench);
        let mut observe = |_| {};
        let stop = CancellationToken::new();
        let driving = drive(&run, &target, &control, 2, &mut observe, stop, None);
        let what = format!("{transport} over {manner}: a measurement");
        let measured = within(PATIENCE, &what, driving).await.unwrap();
        assert_eq!(measured.missing(), Some(0), "{what}");
        let seen = &measured.seen;
        assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{what}");
        // Each of the two workers shares one connection among its own.
        let shared = manner.0.connections == Connections::Shared;
        let expected = if shared { 2 } else { SUBSCRIBERS as u64 };
        let traffic = measured.traffic;
        assert_eq!(
            (traffic.attempted, traffic.opened, traffic.peak),
            (expected, expected, expected)
        );
        assert_eq!((proxy.accepted(), proxy.peak()), (expected, expected), "{what}");
        assert_eq!(seen.connect.len(), SUBSCRIBERS as u64, "{what}: each has its time");
        assert_eq!(traffic.reconnects, 0, "{what}");
    }
}

/// The median delivery to `subscribers` over `link` of what is published until `last`.
async fn median(
    transport: Transport,
    link: Link,
    target: &Target,
    window: Window,
    last: u64,
    standing: impl Fn(),
) -> Duration {
    // Short polls spread evenly over their interval, so that no median depends on how they fall.
    let subscribers: u32 = if transport == Transport::ShortPolling { 20 } else { 4 };
    let interval = Duration::from_millis(100);
    let seen = join_all((0..subscribers).map(async |place| {
        let dialer = Dialer::new(link, u64::from(place));
        let phase = interval * place / subscribers;
        let settings = Settings { interval, phase, ..Settings::default() };
        let mut events = subscribe(transport, &dialer, target, After::Newest, &settings);
        let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
        loop {
            let event = within(PATIENCE, format_args!("{transport}: {last}"), events.next()).await;
            let event = event.unwrap().unwrap();
            recorder.observe(Some(window), &mut sequence, &event);
            match event {
                Event::Connected { .. } => standing(),
                Event::Received { cursor, .. } if cursor.seq == last => return recorder,
                _ => {}
            }
        }
    }));
    let mut all = Recorder::new();
    seen.await.iter().for_each(|recorder| all.merge(recorder));
    assert_eq!(all.delivery.len(), last * u64::from(subscribers), "{transport}");
    all.delivery.percentile(50.0).unwrap()
}

/// Both crowds hear the same messages at the same time, so whatever else the machine does, it does to
/// both.
#[tokio::test]
async fn a_link_of_20_ms_moves_the_median_by_20_ms() {
    const MESSAGES: u64 = 40;
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(1000);
        let target = bench.target();
        let slow = Link { delay: Duration::from_millis(20), ..Link::default() };
        let window = Window { from: Timestamp::now(), to: Timestamp::from_nanos(u64::MAX) };
        let stood = std::cell::Cell::new(0);
        let standing = || stood.set(stood.get() + 1);
        let wanted = if transport == Transport::ShortPolling { 40 } else { 8 };
        let publisher = async {
            until(format_args!("{transport}: everybody"), || stood.get() == wanted).await;
            for number in 0..MESSAGES {
                // Longer apart than the round trip, so that a long poll is always there in time; and
                // not in step with the short polls.
                tokio::time::sleep(Duration::from_millis(61 + number * 7 % 13)).await;
                bench.publish("0");
            }
        };
        let (near, far, ()) = tokio::join!(
            median(transport, Link::default(), &target, window, MESSAGES, standing),
            median(transport, slow, &target, window, MESSAGES, standing),
            publisher,
        );
        let moved = far.saturating_sub(near);
        let band = Duration::from_millis(17)..=Duration::from_millis(23);
        assert!(band.contains(&moved), "{transport}: moved by {moved:?}, from {near:?} to {far:?}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standstill_of_half_a_second_shows_in_the_upper_percentiles() {
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let proxy = Arc::new(Proxy::start(bench.address));
        let run = run(transport);
        let warm_up = run.timing.warm_up;
        let measured = measure(&run, proxy.address, &control(&bench), |progress| {
            if matches!(progress, Progress::WarmUp) {
                let proxy = Arc::clone(&proxy);
                tokio::spawn(async move {
                    tokio::time::sleep(warm_up + Duration::from_millis(300)).await;
                    proxy.pause();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    proxy.resume();
                });
            }
        })
        .await;
        assert_eq!(measured.missing(), Some(0), "{transport}");
        let delivery = &measured.seen.delivery;
        let (p99, max) = (delivery.percentile(99.0).unwrap(), delivery.max().unwrap());
        // Of 1.3 s, half a second stood still: whoever was due first waited for all of it.
        assert!(p99 >= Duration::from_millis(440), "{transport}: p99 {p99:?}");
        assert!(max >= Duration::from_millis(480), "{transport}: max {max:?}");
        let median = delivery.percentile(50.0).unwrap();
        assert!(median < p99 / 2, "{transport}: a median of {median:?} says that all stood still");
    }))
    .await;
}

/// Set for the process that [`a_server_process`] is to be.
const SERVER_PROCESS: &str = "WIREBENCH_TEST_SERVER_PROCESS";

/// The server of the next test, which runs this binary once more for it; by itself, nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_process() {
    if std::env::var_os(SERVER_PROCESS).is_none() {
        return;
    }
    let server = Server::new([(DEFAULT_FEED.to_owned(), Feed::new(10_000))]);
    let (feeds, control) = (support::listen(), support::listen());
    let addresses = [&feeds, &control].map(|listener| listener.local_addr().unwrap());
    writeln!(std::io::stdout(), "\nserving {} {}", addresses[0], addresses[1]).unwrap();
    let api = wirebench_server::Control::new(server.clone(), support::token());
    let parent_gone =
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    tokio::select! {
        () = api.serve(control) => {}
        () = server.serve(feeds, std::future::pending()) => {}
        _ = parent_gone => {}
    }
}

/// A process that can be stopped, and ends with this value.
struct Process(std::process::Child);

impl Process {
    /// A server, the address of its feeds and the URL of its control API.
    fn serve() -> (Self, SocketAddr, String) {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["a_server_process", "--exact", "--nocapture"])
            .env(SERVER_PROCESS, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Self(child);
        let output = std::io::BufReader::new(process.0.stdout.take().unwrap());
        let ready = output.lines().find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("serving ").map(str::to_owned)
        });
        let ready = ready.expect("the server says where it is");
        let (feeds, control) = ready.split_once(' ').unwrap();
        (process, feeds.parse().unwrap(), format!("http://{control}"))
    }

    /// Sends it a signal. The shell does, since this workspace forbids unsafe code.
    fn signal(id: u32, signal: &str) {
        let kill = format!("kill -{signal} {id}");
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The publisher stands still with the server: only stamps of the time at which messages were due, and a
/// publisher that skips none, can show that anybody waited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_for_half_a_second_does_not_hide_it() {
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let (process, address, control) = Process::serve();
        let (id, run) = (process.0.id(), run(transport));
        let warm_up = run.timing.warm_up;
        let measured =
            measure(&run, address, &Control::new(&control, support::TOKEN), |progress| {
                if matches!(progress, Progress::WarmUp) {
                    tokio::spawn(async move {
                        tokio::time::sleep(warm_up + Duration::from_millis(300)).await;
                        Process::signal(id, "STOP");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                        Process::signal(id, "CONT");
                    });
                }
            })
            .await;
        assert_eq!(measured.missing(), Some(0), "{transport}");
        let delivery = &measured.seen.delivery;
        let (p99, max) = (delivery.percentile(99.0).unwrap(), delivery.max().unwrap());
        assert!(p99 >= Duration::from_millis(440), "{transport}: p99 {p99:?}");
        assert!(max >= Duration::from_millis(480), "{transport}: max {max:?}");
        let published = measured.published.unwrap();
        assert!(published >= 120, "{transport}: {published} of 130 published");
        let late = measured.server.unwrap().late_publishes;
        assert!(late >= 40, "{transport}: {late} of 50 published late");
    }))
    .await;
}

/// The stamp says what belongs to the window. Here some are an hour old, which nobody could overlook.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_due_before_the_window_counts_nowhere() {
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let run = run(transport);
        let (feed, hour) = (bench.feed.clone(), Duration::from_hours(1));
        let old = Published::from_json(b"\"old\"").unwrap();
        let measured = measure(&run, bench.address, &control(&bench), move |progress| {
            // Once in the warm-up, and once in the middle of the window.
            if matches!(progress, Progress::WarmUp | Progress::Second(_)) {
                for _ in 0..10 {
                    feed.publish_due(&old, Timestamp::now() - hour);
                }
            }
        })
        .await;
        let published = bench.feed.counted().unwrap().published;
        assert!(bench.feed.published() > published + 20, "{transport}: nothing before the window");
        assert_eq!(measured.published, Some(published), "{transport}");
        let seen = &measured.seen;
        assert_eq!(seen.received, published * SUBSCRIBERS as u64, "{transport}");
        assert_eq!(seen.delivery.len(), seen.received, "{transport}");
        assert_eq!(seen.payload_bytes, 64 * seen.received, "{transport}");
        assert!(seen.delivery.max().unwrap() < hour / 2, "{transport}: {:?}", seen.delivery.max());
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_counted_exactly_also_when_all_are_cut() {
    let _alone = ALONE.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let proxy = Proxy::start(bench.address);
        let (mut run, mut cut) = (run(transport), false);
        // Messages have to come after the cut: a run in which nobody misses any ends at once, and an event
        // stream comes back only after the time that it was told.
        run.timing.measure = Duration::from_millis(2_500);
        let measured = measure(&run, proxy.address, &control(&bench), |progress| {
            if matches!(progress, Progress::Second(_)) && !std::mem::replace(&mut cut, true) {
                proxy.cut();
            }
        })
        .await;
        let (traffic, all) = (measured.traffic, SUBSCRIBERS as u64);
        assert_eq!((traffic.attempted, traffic.opened), (2 * all, 2 * all), "{transport}");
        assert_eq!(proxy.accepted(), 2 * all, "{transport}");
        assert_eq!((traffic.peak, traffic.reconnects), (all, all), "{transport}");
        let seen = &measured.seen;
        assert_eq!(measured.missing(), Some(0), "{transport}: {traffic:?}");
        assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{transport}");
        assert_eq!(seen.connect.len(), 2 * all, "{transport}: every connection has its time");
    }))
    .await;
}

#[tokio::test]
async fn requests_are_those_that_the_server_counts() {
    let _alone = ALONE.lock().await;
    let window = Window { from: Timestamp::from_nanos(0), to: Timestamp::from_nanos(u64::MAX) };
    for transport in Transport::ALL {
        let bench = Bench::start(1000);
        let target = bench.target();
        let settings = Settings {
            interval: Duration::from_millis(3),
            hold: Duration::from_millis(5),
            ..Settings::default()
        };
        let subscribers = join_all((0..5).map(async |seed| {
            let dialer = Dialer::new(Link::default(), seed);
            let mut events = subscribe(transport, &dialer, &target, After::Start, &settings);
            let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
            // Up to an answer: no request is under way that only one side has counted.
            while recorder.received < 30 {
                let what = format!("{transport}: an event");
                let next = within(PATIENCE, what, events.next());
                let event = next.await.unwrap().unwrap();
                recorder.observe(Some(window), &mut sequence, &event);
            }
            recorder
        }));
        let publishing = async {
            for _ in 0..30 {
                // Time for each of the five to ask in vain.
                let asked = bench.server.requests() + 10;
                if transport.polls() {
                    until("polls", || bench.server.requests() >= asked).await;
                }
                publish(&bench.feed, "0");
            }
        };
        let (seen, ()) = tokio::join!(subscribers, publishing);
        let requests: u64 = seen.iter().map(|recorder| recorder.requests).sum();
        let empty: u64 = seen.iter().map(|recorder| recorder.empty).sum();
        if transport.polls() {
            assert_eq!(requests, bench.server.requests(), "{transport}");
            assert!(empty > 0 && empty < requests, "{transport}: {empty} of {requests} empty");
        } else {
            // What opens a stream is a connection, not a request.
            assert_eq!((requests, empty, bench.server.requests()), (0, 0, 5), "{transport}");
        }
    }
}
