//! What the tests of this crate share.

use std::time::Duration;

use crate::cost::{LoadgenCost, Traffic};
use crate::measurement::{AddressedCount, Measurement, ServerCost};
use crate::other_load::OtherLoad;
use crate::recorder::Recorder;

/// Returns the measurement of a second with 10 messages to 3 subscribers, with nothing wrong.
pub(crate) fn measurement() -> Measurement {
    Measurement {
        duration: Duration::from_secs(1),
        published: Some(10),
        watched: false,
        addressed: AddressedCount::default(),
        subscribed: 3,
        all_connected: None,
        clock_bound: None,
        seen: Recorder { received: 30, payload_bytes: 3_000, ..Recorder::new() },
        traffic: Traffic { bytes_up: 1_500, bytes_down: 4_500, ..Traffic::default() },
        server: Some(ServerCost { cpu: Duration::from_millis(3), ..ServerCost::default() }),
        server_cpu_floor: None,
        store: None,
        publishing: None,
        loadgen: LoadgenCost { cpu: Duration::from_millis(400), workers: 2, rss_peak_bytes: None },
        other_load: OtherLoad::default(),
        faults: None,
        missed_without_cursor: None,
        agents: Vec::new(),
        invalid: Vec::new(),
    }
}
