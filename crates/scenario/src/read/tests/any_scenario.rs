//! Random scenarios.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{HttpStack, ShortPollingMode, SocketIoMode, Transport};

use super::{data_file, no_faults};
use crate::columns::{COLUMNS, WORDS};
use crate::target::TextList;
use crate::{
    AgentsTable, Audience, ConnectionSharing, CrowdTable, FaultsTable, FeedStore, FeedTable,
    FeedTimers, Figure, Focus, Headers, HttpTable, LinkTable, LongPollingTable, Operator,
    Placement, Policy, ProxyHabit, PushTable, ReconnectTable, ReportTable, Scenario, SentPayload,
    ServerFault, ServerTable, ShortPollingTable, SocketIoTable, Threshold, Timing, TopTable,
    UpstreamTable,
};

/// Any scenario that could have been read. The few ranges that depend on each other are kept apart:
/// the tests of `read` cover values near a limit.
pub(super) fn any_scenario() -> impl Strategy<Value = Scenario> {
    let polling = (
        several(between(Duration::from_millis(1), Duration::from_secs(10))),
        // Whole tables do not fit into an answer at these rates.
        select(vec![ShortPollingMode::Cursor, ShortPollingMode::Table]).prop_map(|mode| vec![mode]),
        several(between(Duration::from_millis(1), Duration::from_mins(1))),
        // One value of each: more would make too many runs.
        any::<bool>().prop_map(|cursor| vec![cursor]),
        between(Duration::from_millis(1), Duration::from_secs(10)).prop_map(|timer| vec![timer]),
        several(select(&SocketIoMode::ALL[..])),
    );
    let probe_rate = 0.0..=100.0_f64;
    let focus = subsequence(Figure::ALL.to_vec(), 0..=4).prop_shuffle().prop_map(Focus);
    let rest = (any_link(), any_upstream(), any_reconnect(), any_thresholds(), probe_rate, focus);
    (any_top(), (any_feed(), any_server()), any_paths_and_faults(), any_timing(), polling, rest)
        .prop_map(
            |(
                top,
                (feed, mut server),
                (mut crowd, http, faults),
                timing,
                (interval, poll_mode, hold, cursor, timer, mode),
                rest,
            )| {
                let (link, upstream, reconnect, thresholds, probe_rate, focus) = rest;
                if feed.timers.contains(&FeedTimers::PerConnection) {
                    // More connections would publish more than the smallest window keeps.
                    crowd.subscribers = vec![1];
                }
                if faults.proxy.iter().any(Option::is_some) {
                    // A proxy forwards to one server.
                    (server.instances, server.backbone_servers) = (vec![1], vec![1]);
                }
                if faults.backbone.iter().any(Option::is_some) {
                    (server.instances, server.store) = (vec![3], vec![FeedStore::Memory]);
                }
                Scenario {
                    top,
                    feed,
                    server,
                    crowd,
                    timing,
                    link,
                    http,
                    short_polling: ShortPollingTable { interval, mode: poll_mode },
                    long_polling: LongPollingTable { hold, cursor },
                    push: PushTable { timer },
                    socket_io: SocketIoTable { mode },
                    upstream,
                    reconnect,
                    faults,
                    agents: AgentsTable { probe_rate },
                    report: ReportTable { focus },
                    thresholds,
                    targets: Vec::new(),
                }
            },
        )
}

fn any_top() -> impl Strategy<Value = TopTable> {
    let transports = subsequence(Transport::ALL.to_vec(), 1..=Transport::COUNT).prop_shuffle();
    (any::<String>(), transports).prop_map(|(about, transports)| TopTable {
        name: "test".to_owned(),
        about,
        transports,
        targets: TextList::default(),
    })
}

fn any_feed() -> impl Strategy<Value = FeedTable> {
    let paces = prop_oneof![
        Just(Pace::Steady),
        Just(Pace::Exact),
        Just(Pace::Poisson),
        (1_u32..100).prop_map(Pace::Burst)
    ];
    let payloads = prop_oneof![
        (2_usize..=1_048_576).prop_map(Payload::Bytes),
        (16_usize..=1_048_576).prop_map(Payload::Binary),
        Just(Payload::File(data_file()))
    ];
    let timers = select(FeedTimers::ALL.to_vec()).prop_map(|timers| vec![timers]);
    let window = 20_000_usize..=10_000_000;
    (several(1.0..1_000.0), several(paces), timers, several(payloads), window).prop_map(
        |(rate, pace, timers, payload, window)| FeedTable { rate, pace, timers, payload, window },
    )
}

fn any_server() -> impl Strategy<Value = ServerTable> {
    // One of each, so that no product of the lists exceeds the maximum number of runs.
    (select(&FeedStore::ALL[..]), select(&HttpStack::ALL[..]), 1_usize..=64, 1_usize..=5).prop_map(
        |(store, stack, servers, nats)| {
            // Several servers keep the feed in no database, and one has no NATS.
            let instances = if store == FeedStore::Memory { servers } else { 1 };
            ServerTable {
                store: vec![store],
                http_stack: vec![stack],
                instances: vec![instances],
                backbone_servers: vec![if instances > 1 { nats } else { 1 }],
            }
        },
    )
}

fn any_timing() -> impl Strategy<Value = Timing> {
    let (seconds, hour) = (Duration::from_secs, Duration::from_hours(1));
    // So few repeats that no product of the lists exceeds the maximum number of runs.
    let repeat = 1_u32..3;
    let parts =
        (between(Duration::ZERO, hour), between(seconds(100), hour), between(seconds(40), hour));
    (parts, repeat).prop_map(|((warm_up, measure, drain), repeat)| Timing {
        warm_up,
        measure,
        drain,
        repeat,
    })
}

fn any_link() -> impl Strategy<Value = LinkTable> {
    let times = || several(between(Duration::ZERO, Duration::from_secs(2)));
    (times(), times()).prop_map(|(delay, jitter)| LinkTable { delay, jitter })
}

/// Proxies, and servers that are started again, speak plain HTTP/1.1.
fn any_paths_and_faults() -> impl Strategy<Value = (CrowdTable, HttpTable, FaultsTable)> {
    let plain = (vec![1], vec![false], Headers::Bare, vec![ConnectionSharing::Own]);
    let http = select(vec![
        plain.clone(),
        (vec![2], vec![true, false], Headers::Browser, vec![ConnectionSharing::Shared]),
        (
            vec![2, 1],
            vec![true],
            Headers::Bare,
            vec![ConnectionSharing::Shared, ConnectionSharing::Own],
        ),
    ]);
    let http_and_faults = prop_oneof![
        (http.clone(), Just(no_faults())),
        (http, faults_of_nats()),
        (Just(plain), any_faults())
    ];
    let ramp = between(Duration::ZERO, Duration::from_hours(1));
    (several(1_usize..=1_000_000), ramp, http_and_faults).prop_map(
        |(subscribers, ramp, ((version, tls, headers, connections), faults))| {
            let crowd = CrowdTable { subscribers, ramp, connections, place: Placement::default() };
            (crowd, HttpTable { version, tls, headers }, faults)
        },
    )
}

/// Faults of NATS alone, which go together with any way to speak HTTP.
fn faults_of_nats() -> impl Strategy<Value = FaultsTable> {
    let time = || between(Duration::ZERO, Duration::from_secs(10)).prop_map(|time| vec![time]);
    let fault = select(ServerFault::ALL.to_vec()).prop_map(|fault| vec![None, Some(fault)]);
    (fault, time(), time()).prop_map(|(backbone, backbone_after, backbone_down)| FaultsTable {
        backbone,
        backbone_after,
        backbone_down,
        ..no_faults()
    })
}

/// One value of each key but those of NATS, or several. Enough of the choices that every key has a meaning.
fn any_faults() -> impl Strategy<Value = FaultsTable> {
    let time =
        || between(Duration::from_millis(10), Duration::from_secs(10)).prop_map(|time| vec![time]);
    let choices = (
        select(ServerFault::ALL.to_vec()).prop_map(|fault| vec![None, Some(fault)]),
        Just(vec![Some(ProxyHabit::IdleCut), Some(ProxyHabit::Slow)]),
    );
    let times = (time(), time(), time(), time(), time(), time());
    let numbers = (
        (0.001..=1.0).prop_map(|share| vec![share]),
        (0.0..=0.9).prop_map(|share| vec![share]),
        (0_usize..=1_000_000_000).prop_map(|bytes| vec![bytes]),
    );
    (choices, times, numbers).prop_map(
        |(
            (server, proxy),
            (cut_every, server_after, server_down, avalanche_after, proxy_idle, proxy_delay),
            (cut_share, stalled_share, proxy_bandwidth),
        )| FaultsTable {
            cut_every,
            cut_share,
            server,
            server_after,
            server_down,
            stalled_share,
            avalanche_after,
            proxy,
            proxy_idle,
            proxy_delay,
            proxy_bandwidth,
            ..no_faults()
        },
    )
}

/// Nothing, or messages that need no second subscriber, so slow that even the largest crowd publishes
/// no more than the smallest window keeps. No lists, so that those of the other tables do not
/// multiply to too many runs.
fn any_upstream() -> impl Strategy<Value = UpstreamTable> {
    let table = |rate, to, payload| UpstreamTable {
        rate: vec![rate],
        to: vec![to],
        payload: vec![payload],
    };
    let to = select(vec![Audience::Everyone, Audience::Nobody]);
    let payload = (48_usize..=65_536)
        .prop_flat_map(|bytes| select(vec![SentPayload::json(bytes), SentPayload::binary(bytes)]));
    prop_oneof![
        Just(table(0.0, Audience::Everyone, SentPayload::json(64))),
        (1e-6..1e-4, to, payload).prop_map(move |(rate, to, payload)| table(rate, to, payload)),
    ]
}

/// `first` is not above `most`, and one policy is the one that uses them.
fn any_reconnect() -> impl Strategy<Value = ReconnectTable> {
    let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
    (
        subsequence(vec![Policy::Native], 0..=1),
        between(millisecond, second),
        between(second, 600 * second),
    )
        .prop_map(|(mut policy, first, most)| {
            policy.push(Policy::Same);
            ReconnectTable { policy, first: vec![first], most: vec![most] }
        })
}

/// Bounds on different columns, in the order in which they are read.
fn any_thresholds() -> impl Strategy<Value = Vec<Threshold>> {
    proptest::collection::vec(any_threshold(), 0..6).prop_map(|mut thresholds| {
        thresholds.sort_by_key(|threshold| threshold.transport);
        let mut known = Vec::new();
        thresholds.retain(|threshold| {
            let key = (threshold.transport, threshold.column.clone());
            let new = !known.contains(&key);
            known.push(key);
            new
        });
        thresholds
    })
}

fn any_threshold() -> impl Strategy<Value = Threshold> {
    let columns: Vec<_> = COLUMNS.into_iter().filter(|column| !WORDS.contains(column)).collect();
    let transports: Vec<_> = [None].into_iter().chain(Transport::ALL.map(Some)).collect();
    (select(transports), select(columns), select(Operator::ALL.to_vec()), -1e12..1e12).prop_map(
        |(transport, column, operator, bound)| Threshold {
            transport,
            column: column.to_owned(),
            operator,
            bound,
        },
    )
}

/// A few distinct values, in any order.
fn several<T: Clone + std::fmt::Debug + PartialEq + 'static>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(value, 1..3).prop_map(|values| {
        let mut distinct = Vec::new();
        for value in values {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        distinct
    })
}

fn between(least: Duration, most: Duration) -> impl Strategy<Value = Duration> {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap();
    (nanos(least)..=nanos(most)).prop_map(Duration::from_nanos)
}
