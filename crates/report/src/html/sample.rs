//! A run folder with made-up measurements, for the tests of the pages.

use std::time::{Duration, SystemTime};

use tempfile::tempdir;
use wirebench_measure::{
    AddressedCount, CpuTime, FaultOutcome, Invalid, Latency, Measurement, Missed, Recorder, Second,
    ServerCost, Traffic,
};
use wirebench_protocol::control::Payload;
use wirebench_protocol::{Delivery, ShortPollingMode, SocketIoMode, Timestamp, Transport};
use wirebench_scenario::{FeedStore, LinkSettings, Outage, OutageOf, Run, ServerFault};

use super::report::Report;
use crate::columns::{RunRecord, SecondRecord};
use crate::csv::{TimelineCsv, read_timeline};
use crate::hlog::{Histograms, LatencyLog, LogStart};
use crate::question::Question;
use crate::row::{Row, TimelineRow};
use crate::testing::{busy_neighbour, measurement, run, store_cost};

/// The contents of a folder.
pub(super) struct SampleFolder {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) rows: Vec<Row>,
    pub(super) timeline: Vec<TimelineRow>,
    pub(super) histograms: Histograms,
    pub(super) machine: serde_json::Value,
    pub(super) warnings: Vec<String>,
}

impl SampleFolder {
    pub(super) fn report(&self) -> Report<'_> {
        Report {
            name: &self.name,
            scenario: "fan-out",
            question: Question { about: &self.about, focus: &[] },
            rows: &self.rows,
            timeline: &self.timeline,
            agents: &[],
            histograms: Some(&self.histograms),
            machine: Some(&self.machine),
            warnings: &self.warnings,
        }
    }
}

/// What to make up.
pub(super) struct SampleOptions<'a> {
    pub(super) transports: &'a [Transport],
    pub(super) subscribers: &'a [usize],
    pub(super) repeats: u32,
    pub(super) seconds: u64,
    /// 1 is the usual speed, 1.2 is a fifth slower.
    pub(super) slowness: f64,
    pub(super) started: &'a str,
    /// True if one run is invalid and one disturbed.
    pub(super) trouble: bool,
    /// True if all runs have faults.
    pub(super) faults: bool,
    /// True if the server has a store.
    pub(super) store: bool,
    /// Whether held polls bring their cursor; a run for each value.
    pub(super) cursors: &'a [bool],
}

impl SampleOptions<'_> {
    /// Returns each transport, with whether its polls bring their cursor if they are held.
    fn ways(&self) -> impl Iterator<Item = (Transport, Option<bool>)> {
        self.transports.iter().flat_map(|transport| match transport.delivery() {
            Delivery::Held => {
                self.cursors.iter().map(|cursor| (*transport, Some(*cursor))).collect()
            }
            Delivery::Polled | Delivery::Pushed => vec![(*transport, None)],
        })
    }
}

pub(super) const FULL: SampleOptions<'_> = SampleOptions {
    transports: &Transport::ALL,
    subscribers: &[10, 50, 100, 500, 1_000, 5_000],
    repeats: 3,
    seconds: 20,
    slowness: 1.0,
    started: "2026-11-20T09:30:00Z",
    trouble: true,
    faults: false,
    store: false,
    cursors: &[true],
};

const DELAY_MS: f64 = 25.0;
const PAYLOAD: usize = 120;

/// A small generator of random numbers, so that the pages are the same each time.
struct Chance(u64);

impl Chance {
    /// Returns a number from 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).expect("32 bits are left")) / f64::from(u32::MAX)
    }

    /// Returns a number with mean 1 that is sometimes far larger.
    fn tail(&mut self) -> f64 {
        -(1.0 - self.share() * 0.999_999).ln()
    }
}

pub(super) fn folder(options: &SampleOptions<'_>) -> SampleFolder {
    // Different for each folder.
    let seed = options
        .started
        .bytes()
        .map(u64::from)
        .fold(0x9e37_79b9_7f4a_7c15, |seed: u64, byte| seed.rotate_left(7) ^ byte);
    let mut chance = Chance(seed);
    let files = tempdir().unwrap();
    let start = LogStart { wall: SystemTime::UNIX_EPOCH, clock: Timestamp::from_nanos(0) };
    let log_path = files.path().join("latency.hlog");
    let timeline_path = files.path().join("timeline.csv");
    let mut log = LatencyLog::create(&log_path, start).unwrap();
    let mut timeline = TimelineCsv::create(&timeline_path).unwrap();
    let mut rows = Vec::new();
    for repeat in 1..=options.repeats {
        for &subscribers in options.subscribers {
            for (transport, cursor) in options.ways() {
                let mut run = run_of(transport, subscribers, repeat, rows.len() + 1);
                run.poll_cursor = cursor;
                run.store = if options.store { FeedStore::Sqlite } else { FeedStore::Memory };
                if options.faults {
                    run.faults.stalled_share = 0.1;
                    run.faults.outage = Some(Outage {
                        of: OutageOf::Server,
                        fault: ServerFault::Kill,
                        after: Duration::from_secs(2),
                        down: Duration::from_secs(1),
                    });
                }
                let seconds = seconds(&run, options, &mut chance);
                for second in &seconds {
                    log.append(&run.id, second).unwrap();
                    timeline.append(&TimelineRow::of(&SecondRecord { run: &run, second })).unwrap();
                }
                let measurement = measured(&run, &seconds, options);
                let record =
                    RunRecord { scenario: "fan-out", run: &run, measurement: &measurement };
                rows.push(Row::of(&record));
            }
        }
    }
    SampleFolder {
        name: format!("results/fan-out/{}", options.started.replace(':', "-")),
        about: "How soon do messages reach a growing crowd, and at what cost?".to_owned(),
        timeline: read_timeline(&timeline_path).unwrap(),
        histograms: Histograms::read(&log_path).unwrap(),
        rows,
        machine: serde_json::json!({
            "cpu": "AMD EPYC 9R14", "cores": 2, "kernel": "Linux 6.18.2",
            "memory_bytes": 8_201_240_576_u64, "open_files": 20_000, "port_range": [32_768, 60_999],
            "accept_queue": 4_096, "clock_resolution_ns": 1, "wirebench": "0.1.0", "commit": null,
            "started": options.started, "seed": 42, "loadgen_workers": 1, "tags": {"host": "ci"},
            "settings": {
                "tcp_nodelay": true, "compression": false, "http_version": [1], "tls": [false],
                "connections": ["own"],
            },
        }),
        warnings: Vec::new(),
    }
}

fn run_of(transport: Transport, subscribers: usize, repeat: u32, place: usize) -> Run {
    Run {
        id: format!("{place:03}-{transport}"),
        repeat,
        transport,
        subscribers,
        rate: 10.0,
        payload: Payload::Bytes(PAYLOAD),
        link: LinkSettings { delay: Duration::from_millis(25), jitter: Duration::ZERO },
        interval: (transport.delivery() == Delivery::Polled).then_some(Duration::from_secs(1)),
        short_polling_mode: (transport.delivery() == Delivery::Polled)
            .then_some(ShortPollingMode::Cursor),
        hold: (transport.delivery() == Delivery::Held).then_some(Duration::from_secs(25)),
        push_timer: (transport.delivery() == Delivery::Pushed).then_some(Duration::ZERO),
        socket_io_mode: (transport == Transport::SocketIo).then(SocketIoMode::default),
        ..run()
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up numbers"
)]
fn seconds(run: &Run, options: &SampleOptions<'_>, chance: &mut Chance) -> Vec<Second> {
    let crowd = run.subscribers as f64;
    let drift = 1.0 + 0.06 * (chance.share() - 0.5);
    let send_ms = 0.006 * drift * options.slowness;
    (0..options.seconds)
        .map(|index| {
            let received = 10 * run.subscribers as u64;
            let polls = match run.delivery() {
                Delivery::Polled => run.subscribers as u64,
                Delivery::Held => received,
                Delivery::Pushed => 0,
            };
            let mut seen = Recorder { received, requests: polls, ..Recorder::new() };
            for _ in 0..received.min(1_500) {
                let queue = send_ms * crowd * chance.share();
                let wait = match run.delivery() {
                    Delivery::Polled => 1_000.0 * chance.share(),
                    Delivery::Held if chance.share() < 0.45 => 50.0 * chance.share(),
                    Delivery::Held | Delivery::Pushed => 0.0,
                };
                let noise = 0.8 * options.slowness * drift * chance.tail();
                let pause = if chance.share() > 0.999 { 14.0 * chance.tail() } else { 0.0 };
                let millis = DELAY_MS + queue + wait + noise + pause;
                seen.delivery.record(Duration::from_nanos((millis * 1e6) as u64));
            }
            (0..200).for_each(|_| seen.lag.record(Duration::from_micros(400)));
            Second {
                index,
                from: Timestamp::from_nanos(0) + Duration::from_secs(index + 5),
                length: Duration::from_secs(1),
                published: Some(10),
                seen,
                clock_bound: None,
                connections: run.subscribers as u64,
                bytes_up: 480 * polls,
                bytes_down: received * 180 + polls * 190,
                server_cpu: Some(in_a_second(
                    (received as f64 * 5.0 + polls as f64 * 28.0) * drift * options.slowness,
                )),
                server_rss_bytes: Some(8_000_000 + run.subscribers as u64 * 14_000),
                loadgen_cpu: in_a_second((received + polls) as f64 * 9.0),
            }
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up numbers")]
fn in_a_second(micros: f64) -> CpuTime {
    CpuTime { used: Duration::from_micros(micros as u64), elapsed: Duration::from_secs(1) }
}

fn measured(run: &Run, seconds: &[Second], options: &SampleOptions<'_>) -> Measurement {
    let sum = |take: fn(&Second) -> u64| seconds.iter().map(take).sum::<u64>();
    let mut delivery = Latency::new();
    for second in seconds {
        delivery.merge(&second.seen.delivery);
    }
    let subscribers = run.subscribers as u64;
    let received = sum(|second| second.seen.received);
    let requests = sum(|second| second.seen.requests);
    let mut seen = Recorder {
        received,
        requests,
        payload_bytes: received * PAYLOAD as u64,
        delivery,
        ..Recorder::new()
    };
    (0..subscribers).for_each(|_| seen.connect.record(Duration::from_millis(51)));
    (0..200).for_each(|_| seen.lag.record(Duration::from_micros(400)));
    let bytes_per_subscriber = match run.delivery() {
        Delivery::Polled => 11_000,
        Delivery::Held => 17_500,
        Delivery::Pushed => 14_500,
    };
    let mut measurement = Measurement {
        duration: Duration::from_secs(options.seconds),
        published: Some(10 * options.seconds),
        addressed: AddressedCount::default(),
        subscribed: subscribers,
        all_connected: Some(Duration::from_millis(20 * subscribers)),
        seen,
        traffic: Traffic {
            attempted: subscribers,
            opened: subscribers,
            peak: subscribers,
            reconnects: 0,
            bytes_up: sum(|second| second.bytes_up),
            bytes_down: sum(|second| second.bytes_down),
        },
        server: Some(ServerCost {
            cpu: seconds.iter().filter_map(|second| Some(second.server_cpu?.used)).sum(),
            rss_idle_bytes: 8_000_000,
            rss_peak_bytes: 8_000_000 + subscribers * bytes_per_subscriber,
            rss_per_subscriber_bytes: (subscribers >= 100).then_some(bytes_per_subscriber),
            late_publishes: Some(0),
        }),
        ..measurement()
    };
    measurement.faults = options.faults.then_some(FaultOutcome {
        wanted: subscribers,
        missed: Missed { signalled: 1_234, silently: 0 },
        back_99: Some(Duration::from_millis(1_378)),
        reconnects_peak_per_s: Some(subscribers),
    });
    measurement.store = options.store.then(store_cost);
    if options.trouble {
        add_trouble(run, &mut measurement);
    }
    measurement
}

/// Makes one run of the sample invalid, and one disturbed.
fn add_trouble(run: &Run, measurement: &mut Measurement) {
    if run.subscribers != 5_000 || run.repeat != 2 {
        return;
    }
    if run.transport == Transport::LongPolling {
        let expected = measurement.expected().expect("the sample says what was published");
        measurement.seen.received -= 12;
        measurement.invalid = vec![Invalid::Missing { missing: 12, expected }];
    }
    if run.transport == Transport::WebSocket {
        measurement.other_load = busy_neighbour();
    }
}
