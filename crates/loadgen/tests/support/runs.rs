//! Runs on a small scale.

use std::time::Duration;

use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{HttpStack, ShortPollingMode, SocketIoMode, Transport};
use wirebench_scenario::{
    Faults, FeedStore, FeedTimers, HttpSettings, LinkSettings, Reconnect, Run, Timing,
};

/// Returns a run of a second without anything special: no faults, no link, a feed in memory. A test
/// says only what it is about: `Run { rate: 100.0, ..small_run(transport) }`.
pub(crate) fn small_run(transport: Transport) -> Run {
    Run {
        id: transport.name().to_owned(),
        repeat: 1,
        transport,
        subscribers: 8,
        ramp: Duration::from_millis(50),
        rate: 10.0,
        pace: Pace::Steady,
        timers: FeedTimers::One,
        payload: Payload::Bytes(64),
        window: 10_000,
        store: FeedStore::Memory,
        instances: 1,
        backbone_servers: None,
        target: None,
        http_stack: Some(HttpStack::Own),
        timing: small_timing(Duration::from_secs(1)),
        link: LinkSettings::default(),
        http: HttpSettings::default(),
        interval: transport.polls().then_some(Duration::from_millis(50)),
        short_polling_mode: transport.polls().then_some(ShortPollingMode::Cursor),
        hold: transport.polls().then_some(Duration::from_secs(5)),
        poll_cursor: None,
        push_timer: None,
        socket_io_mode: (transport == Transport::SocketIo).then(SocketIoMode::default),
        upstream: None,
        probe_rate: 0.0,
        reconnect: Reconnect::default(),
        faults: Faults::default(),
        seed: 7,
    }
}

/// Returns the times of a run that measures for so long.
pub(crate) fn small_timing(measure: Duration) -> Timing {
    Timing {
        warm_up: Duration::from_millis(300),
        measure,
        drain: Duration::from_mins(1),
        repeat: 1,
    }
}
