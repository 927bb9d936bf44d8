//! What is counted and timed is exact: measured against servers, proxies and links whose numbers
//! are known.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{join_all, poll_fn};
use support::faulty_server::{self, Fate};
use support::http_variant::{HttpVariant, cases};
use support::http2_proxy;
use support::paused_server::PausedServer;
use support::proxy::TestProxy;
use support::runs::{small_run, small_timing};
use support::socket_reads::Reads;
use support::{Bench, TIMEOUT, connections_to_subscribe, publish, until, within};
use tokio::sync::Mutex;
use wirebench_loadgen::{
    ControlClient, DEFAULT_FEED, Drive, Progress, SubscriberSettings, drive, subscribe,
};
use wirebench_measure::theory::framing_bytes;
use wirebench_measure::{Event, Invalid, Latency, Measurement, Recorder, Sequence, Window};
use wirebench_protocol::{After, SocketIoMode, Timestamp, Transport};
use wirebench_scenario::{ConnectionSharing, Headers, HttpSettings, LinkSettings, Run};
use wirebench_server::{Feed, JsonPayload as Published, Server};

/// The tests run one at a time, because they would disturb each other's measurements.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const SUBSCRIBERS: usize = 20;

fn run(transport: Transport) -> Run {
    Run {
        subscribers: SUBSCRIBERS,
        rate: 100.0,
        timing: small_timing(Duration::from_millis(1300)),
        socket_io_mode: (transport == Transport::SocketIo).then_some(SocketIoMode::WebSocket),
        ..small_run(transport)
    }
}

/// Serves the control API of a test server, and returns a client of it.
fn control(bench: &Bench) -> ControlClient {
    let listener = support::listen();
    let api =
        ControlClient::new(&format!("http://{}", listener.local_addr().unwrap()), support::TOKEN);
    let serving = wirebench_server::ControlApi::new(bench.server.clone(), support::token());
    tokio::spawn(async move { serving.serve(listener).await });
    api
}

/// Drives a run whose subscribers connect to `address`.
async fn measure(
    run: &Run,
    address: SocketAddr,
    control: &ControlClient,
    mut observe: impl FnMut(Progress) + Send,
) -> Measurement {
    let target = support::target(address);
    let two_workers = Drive::new(run, &target, control, 2);
    let driving = drive(two_workers, &mut observe);
    let what = format!("{}: a measurement", run.transport);
    within(TIMEOUT, what, driving).await.unwrap_or_else(|error| panic!("{}: {error}", run.id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_loses_repeats_and_swaps_is_counted_exactly() {
    let _alone = ONE_AT_A_TIME.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let mut run = run(transport);
        // Some messages never arrive, so the drain takes all of its time. Everything else arrives
        // in it.
        run.timing.drain = Duration::from_secs(8);
        let faulty_server = faulty_server::start(bench.feed.clone());
        let measured = measure(&run, faulty_server, &control(&bench), |_| {}).await;

        let window = bench.feed.counted().unwrap();
        let (first, last) = (window.first_seq.unwrap(), window.last_seq.unwrap());
        let (mut gone, mut twice, mut swapped) = (0, 0, 0);
        for (place, seq) in
            (0..SUBSCRIBERS as u64).flat_map(|p| (first..=last).map(move |s| (p, s)))
        {
            match faulty_server::fate(place, seq) {
                Fate::Swapped if seq < bench.feed.published() => swapped += 1,
                Fate::Swapped | Fate::Lost => gone += 1,
                Fate::Twice => twice += 1,
                Fate::Delivered => {}
            }
        }
        assert!(gone > 10 && twice > 20 && swapped > 10, "{transport}: too few faults");
        let seen = &measured.seen;
        assert_eq!(measured.missing(), Some(gone), "{transport}: missing");
        assert_eq!(seen.duplicate, twice, "{transport}: duplicate");
        assert_eq!(seen.out_of_order, swapped, "{transport}: out of order");
        assert_eq!(seen.gaps, 0, "{transport}: no gap was announced");
        let expected = window.published * SUBSCRIBERS as u64;
        assert_eq!(seen.received, expected - gone, "{transport}: received");
        assert_eq!(
            seen.delivery.len(),
            seen.received,
            "{transport}: each first arrival has a delay"
        );
        assert_eq!(seen.payload_bytes, 64 * seen.received, "{transport}: payload");
        let missing = Invalid::Missing { missing: gone, expected };
        assert!(measured.invalid.contains(&missing), "{transport}: {:?}", measured.invalid);
        assert_eq!(measured.traffic.opened, SUBSCRIBERS as u64, "{transport}: one connection each");
    }))
    .await;
}

/// Polls every 20 ms, and opens a Socket.IO session as a WebSocket.
fn with_headers(headers: Headers) -> SubscriberSettings {
    SubscriberSettings {
        interval: Duration::from_millis(20),
        socket_io_mode: SocketIoMode::WebSocket,
        headers,
        ..SubscriberSettings::default()
    }
}

#[tokio::test]
async fn bytes_are_those_of_a_counting_proxy() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let emulated =
        LinkSettings { delay: Duration::from_millis(3), jitter: Duration::from_millis(2) };
    let links = [(LinkSettings::default(), Headers::Browser), (emulated, Headers::Bare)];
    for (transport, variant) in cases() {
        for (link, headers) in links {
            let to_the_end = variant == HttpVariant::default();
            let bench = Bench::speaking(variant, 1000);
            let proxy = TestProxy::start(bench.address);
            let target = bench.target_by_way_of(proxy.address);
            let client = variant.client_over(link);
            let settings = with_headers(headers);
            let subscriber = || async {
                let mut events = subscribe(transport, &client, &target, After::Start, &settings);
                let mut received = 0;
                // HTTP/1.1 is read to the end of the connection, so everything that was sent is
                // counted. A poll that the end of the server cuts off is an error, and its bytes
                // count. HTTP/2 and TLS end with bytes that the other end need not wait for, so
                // they are compared before.
                while let Some(Ok(event)) =
                    within(TIMEOUT, format_args!("{transport}: the end"), events.next()).await
                {
                    received += u64::from(matches!(event, Event::Received { .. }));
                    if received == 200 && matches!(event, Event::Received { .. }) {
                        if !to_the_end {
                            let read = || {
                                let counts = client.dialer().counts();
                                (counts.bytes_up, counts.bytes_down) == proxy.bytes()
                            };
                            tokio::select! {
                                () = until(format!("{transport} over {variant}: all"), read) => {}
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
            let counts = client.dialer().counts();
            if to_the_end {
                until(format_args!("{transport}: the proxy's end"), || proxy.open() == 0).await;
                let counted = (counts.bytes_up, counts.bytes_down);
                let what = format!("{transport} over {variant}, {link:?}: up and down");
                assert_eq!(counted, proxy.bytes(), "{what}");
            }
            assert!(
                counts.bytes_up > 50 && counts.bytes_down > 200 * 7 * 100,
                "{transport}: {counts:?}"
            );
        }
    }
}

/// A subscriber that reads two messages late, which arrived one after the other, sees when each of
/// them arrived. A library that reads everything before it returns anything would stamp both with
/// the later time.
#[tokio::test]
async fn on_an_own_connection_each_message_has_its_own_stamp_however_late_it_is_read() {
    // Larger than anything else that arrives, so that the test knows when it is read.
    const PAYLOAD: usize = 4000;
    let _alone = ONE_AT_A_TIME.lock().await;
    let own = |variant: HttpVariant| variant.0.connections == ConnectionSharing::Own;
    for (transport, variant) in cases().filter(|&(t, variant)| !t.polls() && own(variant)) {
        let what = format!("{transport} over {variant}");
        let bench = Bench::speaking(variant, 1000);
        let target = bench.target();
        let delay = Duration::from_millis(150);
        let link = LinkSettings { delay, ..LinkSettings::default() };
        let client = variant.client_over(link);
        let settings = SubscriberSettings {
            socket_io_mode: SocketIoMode::WebSocket,
            ..SubscriberSettings::default()
        };
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        let first = within(TIMEOUT, &what, events.next()).await.unwrap().unwrap();
        assert!(matches!(first, Event::Connected { .. }), "{what}: {first:?}");
        // Each is published when the link holds the one before and has not handed it out yet.
        let (mut stamps, mut taken) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            bench.publish(&format!("\"{}\"", "x".repeat(PAYLOAD)));
            let mut reads = Reads::new(client.dialer());
            let take = poll_fn(|context| {
                while let Poll::Ready(event) = reads.note(|| events.poll_next_unpin(context)) {
                    if let Event::Received { received_at, .. } = event.unwrap().unwrap() {
                        stamps.push(received_at);
                    }
                }
                if reads.have(PAYLOAD as u64) { Poll::Ready(()) } else { Poll::Pending }
            });
            within(TIMEOUT, &what, take).await;
            taken.push(Timestamp::now());
            // One stamp for both would then be wrong by more than the reading takes.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(2 * delay).await;
        while stamps.len() < 2 {
            let event = within(TIMEOUT, &what, events.next()).await.unwrap().unwrap();
            if let Event::Received { received_at, .. } = event {
                stamps.push(received_at);
            }
        }
        assert!(stamps[0] <= taken[0] + delay, "{what}: the first has the stamp of the second");
        assert!(stamps[1] > taken[0] + delay, "{what}: the second has the stamp of the first");
        assert!(stamps[1] <= taken[1] + delay, "{what}: the second has a stamp of its own");
    }
}

/// A server that allows four streams gets as many connections as needed, and no stream too many: a
/// stream that waits for the end of another would wait for ever.
#[tokio::test]
async fn shared_connections_are_as_many_as_the_streams_need() {
    const STREAMS: u32 = 4;
    let _alone = ONE_AT_A_TIME.lock().await;
    for transport in Transport::ALL {
        let bench = Bench::start(1000);
        let address = http2_proxy::start(bench.address, STREAMS);
        let proxy = TestProxy::start(address);
        let target = support::target(proxy.address);
        let shared = ConnectionSharing::Shared;
        let client = HttpVariant(HttpSettings {
            version: 2,
            connections: shared,
            ..HttpSettings::default()
        })
        .client();
        let settings = SubscriberSettings {
            socket_io_mode: SocketIoMode::WebSocket,
            interval: Duration::from_millis(5),
            ..SubscriberSettings::default()
        };
        let received = join_all((0..18).map(async |_| {
            let mut events = subscribe(transport, &client, &target, After::Start, &settings);
            let mut received = 0;
            while received < 10 {
                let next = within(TIMEOUT, format!("{transport}: message"), events.next());
                let event = next.await.unwrap().unwrap();
                received += u64::from(matches!(event, Event::Received { .. }));
            }
            // No subscriber ends before all have connected.
            (received, events)
        }));
        let publishing = async {
            for _ in 0..10 {
                bench.publish("0");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let (received, ()) = tokio::join!(received, publishing);
        let counts = client.dialer().counts();
        assert_eq!(received.len(), 18);
        assert_eq!((counts.opened, counts.open, counts.peak), (5, 5, 5), "{transport}");
        assert_eq!((proxy.accepted(), proxy.open()), (5, 5), "{transport}");
        drop(received);
        until(format_args!("{transport}: no connection"), || proxy.open() == 0).await;
        assert_eq!(client.dialer().counts().open, 0, "{transport}");
    }
}

/// A whole run over every variant of HTTP: nothing is missing, and the counts are those of the
/// proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_over_any_variant_of_http_counts_what_the_proxy_counts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    for (transport, variant) in cases() {
        let bench = Bench::speaking(variant, 10_000);
        let proxy = TestProxy::start(bench.address);
        let mut run = Run { http: variant.0, ..run(transport) };
        run.timing.measure = Duration::from_millis(300);
        let target = bench.target_by_way_of(proxy.address);
        let control = control(&bench);
        let mut observe = |_| {};
        let two_workers = Drive::new(&run, &target, &control, 2);
        let driving = drive(two_workers, &mut observe);
        let what = format!("{transport} over {variant}: a measurement");
        let measured = within(TIMEOUT, &what, driving).await.unwrap();
        assert_eq!(measured.missing(), Some(0), "{what}");
        let seen = &measured.seen;
        assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{what}");
        // The subscribers of each of the two workers share one connection.
        let shared = variant.0.connections == ConnectionSharing::Shared;
        let expected = if shared { 2 } else { SUBSCRIBERS as u64 };
        let traffic = measured.traffic;
        assert_eq!(
            (traffic.attempted, traffic.opened, traffic.peak),
            (expected, expected, expected)
        );
        assert_eq!((proxy.accepted(), proxy.peak()), (expected, expected), "{what}");
        assert_eq!(seen.connect.len(), SUBSCRIBERS as u64, "{what}: each has a connect time");
        assert_eq!(traffic.reconnects, 0, "{what}");
    }
}

/// A whole run in every mode of Socket.IO.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_any_mode_of_socket_io_counts_what_the_proxy_counts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    for mode in SocketIoMode::ALL {
        let bench = Bench::start(10_000);
        let proxy = TestProxy::start(bench.address);
        let mut run = Run { socket_io_mode: Some(mode), ..run(Transport::SocketIo) };
        run.timing.measure = Duration::from_millis(300);
        let measured = measure(&run, proxy.address, &control(&bench), |_| {}).await;
        assert_eq!(measured.missing(), Some(0), "{mode}");
        let seen = &measured.seen;
        assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{mode}");
        assert_eq!(seen.connect.len(), SUBSCRIBERS as u64, "{mode}: each has a connect time");
        let one = connections_to_subscribe(Transport::SocketIo, mode);
        let (expected, traffic) = (one * SUBSCRIBERS as u64, measured.traffic);
        assert_eq!((traffic.attempted, traffic.opened), (expected, expected), "{mode}");
        assert_eq!((proxy.accepted(), traffic.reconnects), (expected, 0), "{mode}");
        let pushed = mode != SocketIoMode::Polling;
        assert_eq!(seen.requests == 0, pushed, "{mode}: {} requests", seen.requests);
        // A request counts when it is sent, and a message when it is due. So what was due in the
        // warm-up and answered in the window has requests here, but no messages.
        let warm_up = bench.feed.counted().unwrap().first_seq.unwrap() - 1;
        let answered = seen.received + warm_up * SUBSCRIBERS as u64;
        assert!(seen.requests <= answered, "{mode}: no answer has less than a message");
    }
}

/// Holds for every message, and not only for the median: its stamp is that of a read from the
/// socket plus 20 ms.
#[tokio::test]
async fn a_link_of_20_ms_moves_every_stamp_by_20_ms() {
    const MESSAGES: u64 = 20;
    let _alone = ONE_AT_A_TIME.lock().await;
    let delay = Duration::from_millis(20);
    for transport in Transport::ALL {
        let bench = Bench::start(1000);
        let target = bench.target();
        let client =
            HttpVariant::default().client_over(LinkSettings { delay, ..LinkSettings::default() });
        let settings = SubscriberSettings {
            socket_io_mode: SocketIoMode::WebSocket,
            interval: Duration::from_millis(50),
            ..SubscriberSettings::default()
        };
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        let mut reads = Reads::new(client.dialer());
        let (mut subscribed, mut published, mut received) = (false, 0, 0);
        while received < MESSAGES {
            let next = poll_fn(|context| reads.note(|| events.poll_next_unpin(context)));
            let event = within(TIMEOUT, format_args!("{transport}: an event"), next).await;
            match event.unwrap().unwrap() {
                Event::Received { published_at, received_at, .. } => {
                    received += 1;
                    let times = format!("{transport}: {received_at:?}, published {published_at:?}");
                    assert!(received_at >= published_at + delay, "{times}: too early");
                    assert!(reads.explain(received_at, delay), "{times}: {reads:?}");
                    reads.clear();
                }
                Event::Connected { .. } => subscribed = true,
                Event::Empty { .. } => reads.clear(),
                _ => {}
            }
            // The next one is published when the one before has arrived.
            if subscribed && published == received && received < MESSAGES {
                bench.publish("0");
                published += 1;
            }
        }
    }
}

/// How long a standstill lasts, and how many messages of the window have to be due in it.
const STANDSTILL: Duration = Duration::from_millis(500);
const HELD: usize = 20;

/// A standstill. Nothing that was due after `from` was delivered before `to`.
#[derive(Clone, Copy, Debug)]
struct Standstill {
    from: Timestamp,
    to: Timestamp,
}

/// Drives a run in whose window something stands still. `stop` and `go` cause that, on a thread
/// that may block.
async fn standing_still(
    run: &Run,
    address: SocketAddr,
    control: &ControlClient,
    stop: impl FnOnce() + Send + 'static,
    go: impl FnOnce() + Send + 'static,
) -> (Measurement, Standstill, Window) {
    let (mut still, mut from) = (None, None);
    let (mut stop, mut go) = (Some(stop), Some(go));
    let warm_up = run.timing.warm_up;
    let measured = measure(run, address, control, |progress| match progress {
        Progress::WarmUp => {
            if let Some((stop, go)) = stop.take().zip(go.take()) {
                still = Some(tokio::task::spawn_blocking(move || {
                    std::thread::sleep(warm_up + Duration::from_millis(300));
                    stop();
                    let from = Timestamp::now();
                    std::thread::sleep(STANDSTILL);
                    let to = Timestamp::now();
                    go();
                    Standstill { from, to }
                }));
            }
        }
        Progress::Second(second) => _ = from.get_or_insert(second.from),
        Progress::Ramp { .. } => {}
    })
    .await;
    let from = from.expect("a window has a first second");
    let window = Window { from, to: from + run.timing.measure };
    (measured, still.expect("there was a warm-up").await.unwrap(), window)
}

/// Returns the lower and upper bounds of the delivery delays. Known is when each message of the
/// window was due, that nothing arrived during the standstill, and that everything had arrived by
/// `end`. `None` if too few messages were due in the standstill: on a busy machine it may miss the
/// window.
fn bounds(dues: &[Timestamp], still: Standstill, end: Timestamp) -> Option<[Latency; 2]> {
    let (mut least, mut most) = (Latency::new(), Latency::new());
    let held = |due: &&Timestamp| (still.from..still.to).contains(due);
    for due in dues {
        let waited = if held(&due) { still.to.saturating_since(*due) } else { Duration::ZERO };
        for _ in 0..SUBSCRIBERS {
            least.record(waited);
            most.record(end.saturating_since(*due));
        }
    }
    (dues.iter().filter(held).count() >= HELD).then_some([least, most])
}

/// Checks that each percentile lies within those of the bounds.
fn assert_between(delivery: &Latency, [least, most]: &[Latency; 2], transport: Transport) {
    assert_eq!(delivery.len(), least.len(), "{transport}: every message counts");
    for percentile in [1.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 100.0] {
        let of = |latency: &Latency| latency.value_at_percentile(percentile).unwrap();
        let (found, bounds) = (of(delivery), of(least)..=of(most));
        assert!(bounds.contains(&found), "{transport}: p{percentile} {found:?} not in {bounds:?}");
    }
}

/// How often a test tries to make the standstill fall into the window.
const TRIES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standstill_of_half_a_second_shows_in_the_upper_percentiles() {
    let _alone = ONE_AT_A_TIME.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        for _ in 0..TRIES {
            let bench = Bench::start(10_000);
            let proxy = Arc::new(TestProxy::start(bench.address));
            let (stops, goes) = (Arc::clone(&proxy), Arc::clone(&proxy));
            let (run, control) = (run(transport), control(&bench));
            let (stop, go) = (move || stops.pause(), move || goes.resume());
            let (measured, still, window) =
                standing_still(&run, proxy.address, &control, stop, go).await;
            let end = Timestamp::now();
            assert_eq!(measured.missing(), Some(0), "{transport}");
            let entries = bench.feed.read(bench.cursor(0)).entries;
            let dues: Vec<_> = entries.iter().map(|entry| entry.published_at).collect();
            let dues: Vec<_> = dues.into_iter().filter(|due| window.contains(*due)).collect();
            if let Some(bounds) = bounds(&dues, still, end) {
                return assert_between(&measured.seen.delivery, &bounds, transport);
            }
        }
        panic!("{transport}: no standstill fell into the window");
    }))
    .await;
}

/// Set in the environment of the process that runs [`a_server_process`].
const SERVER_PROCESS: &str = "WIREBENCH_TEST_SERVER_PROCESS";

/// Serves the next test, which runs this binary a second time. Does nothing otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_process() {
    if std::env::var_os(SERVER_PROCESS).is_none() {
        return;
    }
    let server = Server::new([(DEFAULT_FEED.to_owned(), Feed::new(10_000))]);
    let (feeds, control) = (support::listen(), support::listen());
    let addresses = [&feeds, &control].map(|listener| listener.local_addr().unwrap());
    writeln!(std::io::stdout(), "\nserving {} {}", addresses[0], addresses[1]).unwrap();
    let api = wirebench_server::ControlApi::new(server.clone(), support::token());
    let parent_gone =
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    tokio::select! {
        () = api.serve(control) => {}
        () = server.serve(feeds, std::future::pending()) => {}
        _ = parent_gone => {}
    }
}

/// A process that can be stopped. Killed when dropped.
struct StoppableServer(std::process::Child);

impl StoppableServer {
    /// Starts a server. Returns it, the address of its feeds, and the URL of its control API.
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
        let ready = ready.expect("the server prints its addresses");
        let (feeds, control) = ready.split_once(' ').unwrap();
        (process, feeds.parse().unwrap(), format!("http://{control}"))
    }

    /// Stops a process and waits until all of its threads have stopped.
    fn stop(id: u32) {
        Self::signal(id, "STOP");
        let began = std::time::Instant::now();
        let runs = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
            // After the name, which is in parentheses, comes the state: `T` for stopped.
            stat.is_ok_and(|stat| !stat.contains(") T "))
        };
        while std::fs::read_dir(format!("/proc/{id}/task")).unwrap().any(runs) {
            assert!(began.elapsed() < TIMEOUT, "a process that was stopped still runs");
            std::thread::yield_now();
        }
    }

    /// Sends a signal to a process, by the shell, because this workspace forbids unsafe code.
    fn signal(id: u32, signal: &str) {
        let kill = format!("kill -{signal} {id}");
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for StoppableServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The publisher stands still together with the server. That somebody waited shows only if messages
/// carry the time at which they were due, and if the publisher skips none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_for_half_a_second_does_not_hide_it() {
    let _alone = ONE_AT_A_TIME.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        for _ in 0..TRIES {
            let (process, address, control) = StoppableServer::serve();
            let (id, run) = (process.0.id(), run(transport));
            let control = ControlClient::new(&control, support::TOKEN);
            let (stop, go) =
                (move || StoppableServer::stop(id), move || StoppableServer::signal(id, "CONT"));
            let (measured, still, window) = standing_still(&run, address, &control, stop, go).await;
            let end = Timestamp::now();
            assert_eq!(measured.missing(), Some(0), "{transport}");
            let all = dues(address).await;
            let apart = all.windows(2).map(|two| two[1].saturating_since(two[0]).as_micros());
            // A hundred a second, each at most 5 % early or late.
            let mut skipped = apart.filter(|apart| !(9_000..=11_000).contains(apart));
            assert_eq!(skipped.next(), None, "{transport}: the publisher skips messages");
            let dues: Vec<_> = all.iter().copied().filter(|due| window.contains(*due)).collect();
            let Some(bounds) = bounds(&dues, still, end) else { continue };
            assert_between(&measured.seen.delivery, &bounds, transport);
            // Late is more than 5 ms after it was due.
            let in_vain = still.from..still.to - Duration::from_millis(5);
            let in_vain = all.iter().filter(|due| in_vain.contains(due)).count() as u64;
            let late = measured.server.unwrap().late_publishes.unwrap();
            assert!(late >= in_vain, "{transport}: {late} of at least {in_vain} published late");
            return;
        }
        panic!("{transport}: no standstill fell into the window");
    }))
    .await;
}

/// Returns when each message of the feed of a server was due.
async fn dues(address: SocketAddr) -> Vec<Timestamp> {
    let mut http = support::http::RawHttp::connect(address).await;
    http.get("/feeds/bench/short-polling?after=start").await;
    let (_, body) = within(TIMEOUT, "all messages", http.answer()).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let due = |message: &serde_json::Value| message["published_ns"].as_u64().unwrap();
    messages.iter().map(|message| Timestamp::from_nanos(due(message))).collect()
}

/// The stamp decides what belongs to the window. Here some messages are an hour old, which would
/// show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_due_before_the_window_counts_nowhere() {
    let _alone = ONE_AT_A_TIME.lock().await;
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
async fn connections_are_counted_exactly_even_when_all_are_cut() {
    let _alone = ONE_AT_A_TIME.lock().await;
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(10_000);
        let proxy = TestProxy::start(bench.address);
        let (run, mut cut) = (run(transport), false);
        let (feed, extra) = (bench.feed.clone(), Published::from_json(&[b'7'; 64]).unwrap());
        let measured = measure(&run, proxy.address, &control(&bench), |progress| {
            let Progress::Second(second) = progress else { return };
            if !std::mem::replace(&mut cut, true) {
                proxy.cut();
                // Everybody is cut off before this message is published, so everybody has to
                // reconnect for it. It belongs to the window by its stamp, however late it is
                // published.
                let began = std::time::Instant::now();
                while proxy.closed() < SUBSCRIBERS as u64 {
                    assert!(began.elapsed() < TIMEOUT, "{transport}: not all connections are cut");
                    std::thread::yield_now();
                }
                feed.publish_due(&extra, second.from);
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

/// Messages that come alone, of lengths between which headers grow.
#[tokio::test]
async fn the_bytes_around_a_message_are_those_that_theory_predicts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    for transport in Transport::ALL {
        let server = PausedServer::start(100);
        match transport {
            Transport::ShortPolling | Transport::LongPolling => {
                bytes_of_polls(&server, transport).await;
            }
            Transport::Sse | Transport::WebSocket => bytes_of_pushes(&server, transport).await,
            Transport::SocketIo => {
                bytes_of_pushes(&server, transport).await;
                bytes_of_socket_io_polls(&server).await;
            }
        }
    }
}

/// Publishes a message. Returns its object and the bytes that theory expects around it.
fn publish_predicted(
    server: &PausedServer,
    transport: Transport,
    mode: SocketIoMode,
    payload: &str,
) -> (usize, usize) {
    let cursor = publish(&server.feed, payload);
    let entries = server.feed.read(cursor.at(cursor.seq - 1)).entries;
    let object = entries[0].json.len();
    (object, framing_bytes(transport, mode, DEFAULT_FEED, cursor.seq, object))
}

fn payloads() -> [String; 4] {
    ["1".to_owned(), "2".repeat(60), "3".repeat(200), "4".repeat(70_000)]
}

async fn bytes_of_pushes(server: &PausedServer, transport: Transport) {
    let (client, target) = (support::client(), support::target(server.address));
    let settings = with_headers(Headers::Bare);
    let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
    let mut received = async || {
        let event = within(TIMEOUT, transport, events.next()).await.unwrap().unwrap();
        matches!(event, Event::Received { .. })
    };
    assert!(!received().await, "{transport}: it is connected");
    // Everything that comes before the messages has arrived with the first of them.
    for (number, payload) in std::iter::once("0".to_owned()).chain(payloads()).enumerate() {
        let before = client.dialer().counts().bytes_down;
        let mode = settings.socket_io_mode;
        let (object, around) = publish_predicted(server, transport, mode, &payload);
        while !received().await {}
        let bytes = client.dialer().counts().bytes_down - before;
        if number > 0 {
            assert_eq!(bytes, (object + around) as u64, "{transport}: {object} bytes");
        }
    }
}

async fn bytes_of_polls(server: &PausedServer, transport: Transport) {
    let mut http = support::http::RawHttp::connect(server.address).await;
    for payload in payloads() {
        let before = server.feed.locate(After::Newest).unwrap();
        let mode = SocketIoMode::default();
        let (object, around) = publish_predicted(server, transport, mode, &payload);
        http.get(&format!("{}?after={before}", transport.path(DEFAULT_FEED))).await;
        let (_, body) = within(TIMEOUT, transport, http.answer()).await;
        assert_eq!(body.len(), object + around, "{transport}: {object} bytes");
    }
    // A further message in an answer takes a comma.
    let before = server.feed.locate(After::Newest).unwrap();
    let two = ["1", "2"]
        .map(|payload| publish_predicted(server, transport, SocketIoMode::default(), payload));
    http.get(&format!("{}?after={before}", transport.path(DEFAULT_FEED))).await;
    let (_, body) = within(TIMEOUT, transport, http.answer()).await;
    assert_eq!(body.len(), two[0].0 + 1 + two[1].0 + two[1].1, "{transport}");
}

async fn bytes_of_socket_io_polls(server: &PausedServer) {
    let (transport, mode) = (Transport::SocketIo, SocketIoMode::Polling);
    let mut http = support::http::RawHttp::connect(server.address).await;
    let mut poll = async |path: &str| {
        http.get(path).await;
        let (_, body) = within(TIMEOUT, mode, http.answer()).await;
        String::from_utf8(body).unwrap()
    };
    let path = format!("{}?EIO=4&transport=polling", transport.path(DEFAULT_FEED));
    let open = poll(&path).await;
    let open: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    let path = format!("{path}&sid={}", open["sid"].as_str().unwrap());
    let mut posts = support::http::RawHttp::connect(server.address).await;
    assert_eq!(posts.post(&path, b"40/feeds/bench,").await, 200);
    while !poll(&path).await.contains("\"hello\"") {}
    for payload in payloads() {
        let (object, around) = publish_predicted(server, transport, mode, &payload);
        assert_eq!(poll(&path).await.len(), object + around, "{mode}: {object} bytes");
    }
}

/// A session that upgrades has one request more at the server: the handshake of its WebSocket.
#[tokio::test]
async fn requests_of_a_socket_io_session_are_those_that_the_server_counts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let window = Window { from: Timestamp::from_nanos(0), to: Timestamp::from_nanos(u64::MAX) };
    for mode in SocketIoMode::ALL {
        let bench = Bench::start(1000);
        let (target, client) = (bench.target(), support::client());
        let settings = SubscriberSettings { socket_io_mode: mode, ..SubscriberSettings::default() };
        let mut events = subscribe(Transport::SocketIo, &client, &target, After::Start, &settings);
        let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
        // Ends with an answer, so that no request is under way that only one side has counted.
        let receiving = async {
            while recorder.received < 30 {
                let event = within(TIMEOUT, mode, events.next()).await.unwrap().unwrap();
                recorder.observe(Some(window), &mut sequence, &event);
            }
        };
        let publishing = async {
            // A session that polls keeps both of its connections, the others have one in the end.
            let connections = if mode == SocketIoMode::Polling { 2 } else { 1 };
            let opened = connections_to_subscribe(Transport::SocketIo, mode);
            until(format_args!("{mode}: a session that stays as it is"), || {
                let counts = client.dialer().counts();
                counts.opened == opened && counts.open == connections
            })
            .await;
            for _ in 0..30 {
                publish(&bench.feed, "0");
            }
        };
        tokio::join!(receiving, publishing);
        let handshakes = u64::from(mode != SocketIoMode::Polling);
        assert_eq!(recorder.requests + handshakes, bench.server.requests(), "{mode}");
        // The packet `noop`, with which a session leaves polling.
        let upgrades = mode == SocketIoMode::Upgrade;
        assert_eq!(recorder.empty > 0, upgrades, "{mode}: {} empty", recorder.empty);
    }
}

#[tokio::test]
async fn requests_are_those_that_the_server_counts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let window = Window { from: Timestamp::from_nanos(0), to: Timestamp::from_nanos(u64::MAX) };
    for transport in Transport::ALL {
        let bench = Bench::start(1000);
        let target = bench.target();
        let settings = SubscriberSettings {
            socket_io_mode: SocketIoMode::WebSocket,
            interval: Duration::from_millis(3),
            hold: Duration::from_millis(5),
            ..SubscriberSettings::default()
        };
        let subscribers = join_all((0..5).map(async |_| {
            let client = support::client();
            let mut events = subscribe(transport, &client, &target, After::Start, &settings);
            let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
            // Ends with an answer, so that no request is under way that only one side has counted.
            while recorder.received < 30 {
                let what = format!("{transport}: an event");
                let next = within(TIMEOUT, what, events.next());
                let event = next.await.unwrap().unwrap();
                recorder.observe(Some(window), &mut sequence, &event);
            }
            recorder
        }));
        let publishing = async {
            for _ in 0..30 {
                // Each of the five has time for an empty poll.
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
            // The request that opens a stream counts as part of the connection.
            assert_eq!((requests, empty, bench.server.requests()), (0, 0, 5), "{transport}");
        }
    }
}
