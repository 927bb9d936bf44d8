//! A whole run, on a small scale, against the server of this project.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use support::connections_to_subscribe;
use support::runs::{small_run, small_timing};
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    ControlClient, ControlError, CountedMessages, Drive, DriveError, FeedControl, Progress,
    ServerControl, ServerUsage, Survivors, Target, drive,
};
use wirebench_measure::{Invalid, Measurement, Second};
use wirebench_protocol::Transport;
use wirebench_protocol::control::{CountWindow, Publisher};
use wirebench_scenario::Run;
use wirebench_server::{Feed, JsonPayload as Published, Server, Token};

const TOKEN: &str = "a-token-of-some-length";

fn run(transport: Transport) -> Run {
    Run {
        subscribers: 60,
        ramp: Duration::from_millis(100),
        rate: 50.0,
        window: 1000,
        timing: small_timing(Duration::from_millis(1200)),
        ..small_run(transport)
    }
}

/// Serves this feed, and its control API, until the token is cancelled.
async fn serve(feed: &Feed) -> (Target, ControlClient, CancellationToken) {
    let server = Server::new([("bench".to_owned(), feed.clone())]);
    let feeds = wirebench_server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let control = wirebench_server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let target = format!("http://{}", feeds.local_addr().unwrap());
    let api = ControlClient::new(&format!("http://{}", control.local_addr().unwrap()), TOKEN);
    let end = CancellationToken::new();
    let stop = end.clone();
    tokio::spawn(async move {
        let serving = wirebench_server::ControlApi::new(server.clone(), Token::new(TOKEN).unwrap());
        tokio::join!(
            stop.run_until_cancelled(serving.serve(control)),
            server.serve(feeds, stop.cancelled()),
        );
    });
    (Target::resolve(&target).await.unwrap(), api, end)
}

fn check(run: &Run, measured: &Measurement, seconds: &[Second]) {
    let transport = run.transport;
    let Measurement { seen, traffic, .. } = measured;
    let published = measured.published.unwrap();
    assert!(published > 0, "{transport}: nothing was published");
    assert_eq!(measured.subscribed, 60, "{transport}");
    // The last subscriber dials when the ramp is nearly over.
    let all_connected = measured.all_connected.expect("all are subscribed");
    let last_dialled = run.ramp.mul_f64(59.0 / 60.0);
    assert!(all_connected >= last_dialled, "{transport}: {all_connected:?}");
    assert_eq!(seen.received, published * 60, "{transport}: {measured:?}");
    assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{transport}");
    let mode = run.socket_io_mode.unwrap_or_default();
    let opened = 60 * connections_to_subscribe(transport, mode);
    assert_eq!((traffic.attempted, traffic.opened), (opened, opened), "{transport}");
    // A session that has moved to its WebSocket has closed the others.
    assert!((60..=opened).contains(&traffic.peak), "{transport}: {traffic:?}");
    assert_eq!(traffic.reconnects, 0, "{transport}");
    assert!(traffic.bytes_down > published * 60 * 64, "{transport}: {traffic:?}");
    assert!(transport.polls() || seen.requests == 0, "{transport}: {} requests", seen.requests);
    assert_eq!(measured.duration, Duration::from_millis(1200), "{transport}");
    assert!(measured.server.is_some_and(|server| !server.cpu.is_zero()), "{transport}");
    assert_eq!(measured.store, None, "{transport}: the feed is in memory");
    let received: u64 = seconds.iter().map(|second| second.seen.received).sum();
    assert_eq!(received, seen.received, "{transport}: the timeline adds up to the whole");
    assert!(seconds.iter().enumerate().all(|(i, second)| second.index == i as u64), "{transport}");
    assert_eq!(seconds[1].length, Duration::from_millis(200), "{transport}: the window's rest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_over_each_transport_delivers_everything() {
    for transport in Transport::ALL {
        let (target, control, end) = serve(&Feed::new(1000)).await;
        let mut seconds = Vec::new();
        let mut observe = |progress| {
            if let Progress::Second(second) = progress {
                seconds.push(*second);
            }
        };
        let run = run(transport);
        let two_workers = Drive::new(&run, &target, &control, 2);
        let measured = drive(two_workers, &mut observe).await.unwrap();
        check(&run, &measured, &seconds);
        end.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_keeps_what_was_measured() {
    const MESSAGES: u64 = 20;
    let feed = Feed::new(1000);
    let (target, control, _end) = serve(&feed).await;
    let mut run = run(Transport::Sse);
    run.timing.measure = Duration::from_mins(10);
    // Everything is published by hand, and the run is interrupted when all of it has arrived,
    // because the drain of an interrupted run is short.
    run.rate = 0.001;
    let (stop, mut received) = (CancellationToken::new(), 0);
    let mut observe = |progress| {
        let Progress::Second(second) = progress else { return };
        if second.index == 0 {
            for _ in 0..MESSAGES {
                feed.publish_due(Published::from_json(b"0").unwrap(), second.from);
            }
        }
        received += second.seen.received;
        if received == MESSAGES * 60 {
            stop.cancel();
        }
    };
    let stopped = Drive { stop: stop.clone(), ..Drive::new(&run, &target, &control, 1) };
    let measured = drive(stopped, &mut observe).await.unwrap();
    assert!(measured.invalid.contains(&Invalid::Interrupted), "{:?}", measured.invalid);
    assert_eq!(measured.missing(), Some(0));
    assert!(measured.duration >= Duration::from_secs(1), "{:?}", measured.duration);
    assert!(measured.duration < run.timing.measure, "{:?}", measured.duration);
    assert_eq!((measured.published, measured.seen.received), (Some(MESSAGES), MESSAGES * 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_server_goes_away_fails_with_that_reason() {
    let (target, control, end) = serve(&Feed::new(1000)).await;
    let mut run = run(Transport::WebSocket);
    run.timing.measure = Duration::from_mins(10);
    let mut observe = |progress| {
        if matches!(progress, Progress::Second(_)) {
            end.cancel();
        }
    };
    let result = drive(Drive::new(&run, &target, &control, 1), &mut observe).await;
    assert!(matches!(result, Err(DriveError::Server { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_cannot_subscribe_reports_why() {
    let (mut target, control, _end) = serve(&Feed::new(1000)).await;
    "nowhere".clone_into(&mut target.feed);
    let mut observe = |_| {};
    let mut run = run(Transport::LongPolling);
    run.subscribers = 3;
    let result = drive(Drive::new(&run, &target, &control, 1), &mut observe).await;
    let Err(error @ DriveError::NoneConnected { .. }) = result else { panic!("{result:?}") };
    assert!(error.to_string().contains("404"), "{error}");
}

/// A server that is slow to start a publisher, and to take note of a window for the first time.
#[derive(Debug)]
struct SlowToBegin {
    control: FeedControl,
    took_note: AtomicU32,
}

impl SlowToBegin {
    /// Longer than the warm-up.
    const STALL: Duration = Duration::from_millis(400);
}

impl ServerControl for SlowToBegin {
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
        self.control.usage()
    }

    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            self.control.count(window).await?;
            if self.took_note.fetch_add(1, Ordering::Relaxed) == 0 {
                tokio::time::sleep(Self::STALL).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
        self.control.counted()
    }

    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>> {
        async move {
            tokio::time::sleep(Self::STALL).await;
            self.control.start_publisher(plan).await
        }
        .boxed()
    }

    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
        self.control.stop_publisher()
    }

    fn survivors(&self) -> Survivors<'_> {
        self.control.survivors()
    }

    fn process(&self) -> Option<u32> {
        self.control.process()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_begins_once_both_ends_are_ready_for_it_however_slow_they_are() {
    let (target, control, _end) = serve(&Feed::new(1000)).await;
    let run = run(Transport::WebSocket);
    let two_workers = Drive::new(&run, &target, &control, 2);
    let control = FeedControl::new(control, &*target.feed);
    let slow = Arc::new(SlowToBegin { control, took_note: AtomicU32::new(0) });
    let mut seconds = Vec::new();
    let mut observe = |progress| {
        if let Progress::Second(second) = progress {
            seconds.push(*second);
        }
    };
    let two_workers = Drive { control: slow.clone(), ..two_workers };
    let measured = drive(two_workers, &mut observe).await.unwrap();
    assert!(slow.took_note.load(Ordering::Relaxed) >= 2, "it was announced again");
    check(&run, &measured, &seconds);
    // All of the window has messages: 60 are due in 1.2 s.
    assert!(measured.published.unwrap() > 45, "{:?}", measured.published);
}
