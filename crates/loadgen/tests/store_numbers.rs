//! What a run says of the store of its server is exact: an observer of the test counts the same, over
//! a file of SQLite. Without SQLite in the build these tests have nothing to do.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use support::runs::{small_run, small_timing};
use support::{Bench, TIMEOUT, until, within};
use tempfile::TempDir;
use wirebench_loadgen::{ControlClient, DEFAULT_FEED, Drive, Progress, drive};
use wirebench_measure::{Latency, Measurement, Window};
use wirebench_protocol::{ShortPollingMode, SocketIoMode, Timestamp, Transport};
use wirebench_scenario::{FeedStore, Run};
use wirebench_server::{Feed, Server, StoreMetrics};
use wirebench_store::{Database, Store, StoreObserver, StoreOptions, StoreUrl};

const SUBSCRIBERS: usize = 8;

fn run(transport: Transport, mode: ShortPollingMode) -> Run {
    Run {
        id: format!("{transport}-{mode}"),
        subscribers: SUBSCRIBERS,
        rate: 100.0,
        store: FeedStore::Sqlite,
        timing: small_timing(Duration::from_millis(1500)),
        short_polling_mode: (transport == Transport::ShortPolling).then_some(mode),
        socket_io_mode: (transport == Transport::SocketIo).then_some(SocketIoMode::WebSocket),
        ..small_run(transport)
    }
}

/// What a store told its observer.
#[derive(Clone, Copy, Debug)]
enum Told {
    Queried(u64),
    Read(u64),
    Committed(u64, Duration),
}

/// Counts for itself what it passes on to the metrics of the server, which do the same between the
/// two times.
#[derive(Clone, Default)]
struct Witness {
    metrics: StoreMetrics,
    told: Arc<Mutex<Vec<(Timestamp, Told, Timestamp)>>>,
}

impl Witness {
    fn pass_on(&self, told: Told) {
        let before = Timestamp::now();
        match told {
            Told::Queried(statements) => self.metrics.queried(statements),
            Told::Read(messages) => self.metrics.read(messages),
            Told::Committed(messages, took) => self.metrics.committed(messages, took),
        }
        self.told.lock().push((before, told, Timestamp::now()));
    }

    /// Returns the sum over what was told in a window: from what lies in it for certain to what may.
    fn sum(&self, window: Window, count: impl Fn(Told) -> u64) -> RangeInclusive<u64> {
        let told = self.told.lock();
        let certain = told.iter().filter(|(before, _, after)| {
            (window.from..window.to).contains(before) && (window.from..window.to).contains(after)
        });
        let possible =
            told.iter().filter(|(before, _, after)| *before < window.to && *after >= window.from);
        certain.map(|(_, told, _)| count(*told)).sum()
            ..=possible.map(|(_, told, _)| count(*told)).sum()
    }

    /// Returns how many messages were read, in how many queries, over all.
    fn reads(&self) -> (u64, u64) {
        let told = self.told.lock();
        let reads = told.iter().filter_map(|(_, told, _)| match told {
            Told::Read(messages) => Some(*messages),
            Told::Queried(_) | Told::Committed(..) => None,
        });
        reads.fold((0, 0), |(messages, queries), read| (messages + read, queries + 1))
    }
}

impl StoreObserver for Witness {
    fn queried(&self, statements: u64) {
        self.pass_on(Told::Queried(statements));
    }

    fn read(&self, messages: u64) {
        self.pass_on(Told::Read(messages));
    }

    fn committed(&self, messages: u64, took: Duration) {
        self.pass_on(Told::Committed(messages, took));
    }
}

/// Drives a run over a new file of SQLite. Returns the window, what was measured, and the server as
/// it is afterwards.
async fn measure(run: &Run, witness: &Witness) -> (Window, Measurement, Bench) {
    let folder = TempDir::new().unwrap();
    let url = StoreUrl::sqlite(folder.path().join("feeds.db"));
    let store = Store::open(&url, &StoreOptions::default(), witness.clone()).await.unwrap();
    let stored = store.feed(DEFAULT_FEED).await.unwrap();
    let feed = Feed::new(run.window).durable(stored).await.unwrap();
    let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
    let bench = Bench::of(server.with_store_metrics(witness.metrics.clone()), feed);

    let listener = support::listen();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let control = ControlClient::new(&address, support::TOKEN);
    let api = wirebench_server::ControlApi::new(bench.server.clone(), support::token());
    let serving = tokio::spawn(async move { api.serve(listener).await });

    let mut window: Option<Window> = None;
    let mut observe = |progress| {
        if let Progress::Second(second) = progress {
            let from = second.from;
            window.get_or_insert(Window { from, to: from + run.timing.measure });
        }
    };
    let target = bench.target();
    let driving = drive(Drive::new(run, &target, &control, 1), &mut observe);
    let measured = within(TIMEOUT, &run.id, driving).await.unwrap();
    serving.abort();
    until("the end of every connection", || bench.server.connections() == 0).await;
    assert_eq!(measured.missing(), Some(0), "{}: {:?}", run.id, measured.invalid);
    (window.unwrap(), measured, bench)
}

/// Checks that a run says of its window what the witness has counted in it.
fn check_window(run: &Run, measured: &Measurement, witness: &Witness, window: Window) {
    let what = &run.id;
    let store = measured.store.as_ref().unwrap();
    let queries = witness.sum(window, |told| match told {
        Told::Queried(statements) => statements,
        Told::Read(_) | Told::Committed(..) => 0,
    });
    let rows = witness.sum(window, |told| match told {
        Told::Read(messages) => messages,
        Told::Queried(_) | Told::Committed(..) => 0,
    });
    let transactions = witness.sum(window, |told| u64::from(matches!(told, Told::Committed(..))));
    let committed = witness.sum(window, |told| match told {
        Told::Committed(messages, _) => messages,
        Told::Queried(_) | Told::Read(_) => 0,
    });
    let counts = store.counts;
    assert!(*queries.start() > 0, "{what}: the window is not empty");
    assert!(queries.contains(&counts.queries), "{what}: {counts:?}, {queries:?} statements");
    assert!(rows.contains(&counts.rows_read), "{what}: {counts:?}, {rows:?} rows");
    assert!(transactions.contains(&counts.transactions), "{what}: {counts:?}, {transactions:?}");
    assert!(committed.contains(&counts.committed), "{what}: {counts:?}, {committed:?} messages");
    assert_eq!(store.commit.len(), counts.transactions, "{what}");
    // Nearly always, no transaction ended just when the window opened or closed.
    if transactions.start() == transactions.end() {
        let mut commit = Latency::new();
        for (before, told, after) in &*witness.told.lock() {
            if let Told::Committed(_, took) = told
                && *before < window.to
                && *after >= window.from
            {
                commit.record(*took);
            }
        }
        assert_eq!(store.commit, commit, "{what}: the times of the transactions");
    }
}

fn has_sqlite() -> bool {
    let required = std::env::var_os("WIREBENCH_REQUIRE_DATABASES").is_some();
    assert!(!required || Database::Sqlite.is_built_in(), "SQLite is required, but not built in");
    Database::Sqlite.is_built_in()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_polls_cost_the_database_is_counted_exactly() {
    if !has_sqlite() {
        return;
    }
    for mode in ShortPollingMode::ALL {
        let (run, witness) = (run(Transport::ShortPolling, mode), Witness::default());
        let (window, measured, bench) = measure(&run, &witness).await;
        check_window(&run, &measured, &witness, window);

        let (rows, reads) = witness.reads();
        let counts = bench.server.store_metrics().unwrap().counts();
        let answers: u64 = ["200", "204"]
            .map(|status| metric(&bench, "requests_total", "short-polling", status))
            .iter()
            .sum();
        assert!(answers > 0, "{mode}");
        // Opening the feed reads once. After that, each poll reads once or never.
        let polls_that_read = answers * u64::from(mode.table_reads());
        assert_eq!(reads, 1 + polls_that_read, "{mode}");
        // Everybody gets every row that was read for them.
        assert_eq!((counts.rows_read, counts.replayed), (rows, rows), "{mode}");
        assert_eq!(counts.committed, bench.feed.published(), "{mode}");
        let store = measured.store.unwrap();
        match mode {
            ShortPollingMode::Cursor => assert_eq!(store.counts.rows_read, 0),
            ShortPollingMode::Table => assert!(store.counts.rows_read > 0),
            // Those of the warm-up again with each poll, and of the window more and more.
            ShortPollingMode::Whole => assert!(store.counts.rows_read > 2 * measured.seen.received),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_every_other_transport_the_database_only_writes() {
    if !has_sqlite() {
        return;
    }
    for transport in Transport::ALL.into_iter().filter(|other| *other != Transport::ShortPolling) {
        let run = run(transport, ShortPollingMode::default());
        let witness = Witness::default();
        let (window, measured, bench) = measure(&run, &witness).await;
        check_window(&run, &measured, &witness, window);
        let counts = measured.store.unwrap().counts;
        assert_eq!((counts.rows_read, counts.replayed), (0, 0), "{transport}");
        assert_eq!(witness.reads(), (0, 1), "{transport}: only opening the feed reads");
        assert_eq!(bench.server.store_metrics().unwrap().counts().replayed, 0, "{transport}");
    }
}

/// Returns the number of answers with a status.
fn metric(bench: &Bench, name: &str, route: &str, status: &str) -> u64 {
    let name = format!("wirebench_{name}{{route=\"{route}\",status=\"{status}\"}} ");
    let text = bench.server.metrics_text();
    text.lines()
        .find_map(|line| line.strip_prefix(&*name))
        .map_or(0, |count| count.parse().unwrap())
}
