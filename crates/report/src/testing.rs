//! A run and what it measured, for the tests of this crate.

use std::time::Duration;

use wirebench_measure::{
    AddressedCount, CountedBytes, CpuTime, Latency, LoadgenCost, Measurement, OtherLoad,
    OtherProcess, Recorder, Second, ServerCost, StoreCost, Traffic,
};
use wirebench_protocol::control::{Pace, Payload, StoreCounts};
use wirebench_protocol::{HttpStack, Timestamp, Transport};
use wirebench_scenario::{
    Faults, FeedStore, FeedTimers, HttpSettings, LinkSettings, Reconnect, Run, Timing,
};

use crate::columns::{COLUMNS, RunRecord};
use crate::row::Row;
use crate::value::Value;

/// Returns a run of long polling with 3 subscribers and 10 messages.
pub(crate) fn run() -> Run {
    Run {
        id: "long-polling-1".to_owned(),
        repeat: 1,
        transport: Transport::LongPolling,
        subscribers: 3,
        ramp: Duration::from_secs(2),
        rate: 10.0,
        pace: Pace::Steady,
        timers: FeedTimers::One,
        payload: Payload::Bytes(256),
        window: 10_000,
        store: FeedStore::Memory,
        instances: 1,
        backbone_servers: None,
        target: None,
        http_stack: Some(HttpStack::Own),
        timing: Timing {
            warm_up: Duration::from_secs(2),
            measure: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            repeat: 1,
        },
        link: LinkSettings { delay: Duration::from_millis(25), jitter: Duration::ZERO },
        http: HttpSettings::default(),
        interval: None,
        short_polling_mode: None,
        hold: Some(Duration::from_secs(25)),
        poll_cursor: Some(true),
        push_timer: None,
        socket_io_mode: None,
        probe_rate: 0.0,
        reconnect: Reconnect::default(),
        faults: Faults::default(),
        upstream: None,
        seed: 42,
    }
}

/// Returns the measurement of a second of that run, with nothing wrong.
pub(crate) fn measurement() -> Measurement {
    let mut seen = Recorder { received: 30, requests: 30, payload_bytes: 7_680, ..Recorder::new() };
    for millis in 25..55 {
        seen.delivery.record(Duration::from_millis(millis));
    }
    for millis in [101, 102, 104] {
        seen.connect.record(Duration::from_millis(millis));
    }
    seen.lag.record(Duration::from_micros(1_200));
    Measurement {
        duration: Duration::from_secs(1),
        published: Some(10),
        watched: false,
        addressed: AddressedCount::default(),
        subscribed: 3,
        all_connected: Some(Duration::from_millis(310)),
        seen,
        clock_bound: None,
        traffic: Traffic {
            attempted: 3,
            opened: 3,
            peak: 3,
            reconnects: 0,
            bytes_up: 8_190,
            bytes_down: 16_770,
        },
        server: Some(ServerCost {
            cpu: Duration::from_micros(1_540),
            rss_idle_bytes: 7_340_032,
            rss_peak_bytes: 7_864_320,
            rss_per_subscriber_bytes: None,
            late_publishes: Some(0),
        }),
        server_cpu_floor: Some(Duration::from_nanos(7_012)),
        store: None,
        publishing: None,
        loadgen: LoadgenCost {
            cpu: Duration::from_micros(23_400),
            workers: 1,
            rss_peak_bytes: Some(12_582_912),
        },
        other_load: OtherLoad {
            cores: 2,
            other_ratio: Some(0.0125),
            steal_ratio: Some(0.0),
            pressure_ratio: None,
            processes: Vec::new(),
        },
        agents: Vec::new(),
        faults: None,
        missed_without_cursor: None,
        invalid: Vec::new(),
    }
}

/// Returns what the subscribers of a chat saw: 40 messages, each sent once or twice.
pub(crate) fn sent_and_received() -> Recorder {
    let mut seen = measurement().seen;
    let sent = &mut seen.upstream;
    (sent.sent, sent.acknowledged, sent.requests, sent.repeated) = (40, 40, 42, 2);
    (sent.bytes, sent.second_connections) = (CountedBytes { bytes: 20_000, messages: 40 }, 3);
    for millis in 51..91 {
        sent.ack.record(Duration::from_millis(millis));
        sent.echo.record(Duration::from_millis(millis + 1));
        sent.others.record(Duration::from_millis(millis + 2));
    }
    seen
}

/// Returns what the store did for a run: ten transactions, and reads for 30 deliveries.
pub(crate) fn store_cost() -> StoreCost {
    let mut commit = Latency::new();
    for times in 1..=10 {
        commit.record(Duration::from_micros(100 * times));
    }
    let counts =
        StoreCounts { queries: 120, rows_read: 45, transactions: 10, committed: 10, replayed: 33 };
    StoreCost { counts, commit }
}

pub(crate) fn record<'a>(run: &'a Run, measurement: &'a Measurement) -> RunRecord<'a> {
    RunRecord { scenario: "fan-out", run, measurement }
}

/// Returns a load that disturbs a run.
pub(crate) fn busy_neighbour() -> OtherLoad {
    OtherLoad {
        other_ratio: Some(0.45),
        processes: vec![OtherProcess { pid: 123, name: "stress-ng".to_owned(), cores: 0.9 }],
        ..measurement().other_load
    }
}

/// Returns a second with deliveries that took this long.
pub(crate) fn second(millis: &[u64]) -> Second {
    let mut seen = Recorder::new();
    for millis in millis {
        seen.delivery.record(Duration::from_millis(*millis));
    }
    Second {
        index: 0,
        from: Timestamp::from_nanos(0),
        length: Duration::from_secs(1),
        published: None,
        seen,
        clock_bound: None,
        connections: 0,
        bytes_up: 0,
        bytes_down: 0,
        server_cpu: None,
        server_rss_bytes: None,
        loadgen_cpu: CpuTime::default(),
    }
}

/// Returns a copy of a row with other values in some columns.
pub(crate) fn changed(row: &Row, values: &[(&str, Value)]) -> Row {
    let mut changed = row.values().to_vec();
    for (name, value) in values {
        let at = COLUMNS.iter().position(|column| column.name == *name).expect("a column");
        changed[at] = value.clone();
    }
    Row::of_values(changed)
}
