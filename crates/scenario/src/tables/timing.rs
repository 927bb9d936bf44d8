//! `[timing]`: the parts of a run.

use std::time::Duration;

use crate::key::table;

table! {
    /// The parts of a run.
    table "timing" => Timing, TimingDraft {
        /// The time after the ramp in which messages are published and delivered, but not measured;
        /// 0s: no warm-up.
        "warm-up" => WARM_UP, warm_up: Duration, default r#""2s""#, from r#""0s""# to r#""1h""#;

        /// The length of the measured window.
        "measure" => MEASURE, measure: Duration,
        default r#""10s""#, from r#""100ms""# to r#""24h""#;

        /// The maximum time after the window for messages that are still on their way.
        "drain" => DRAIN, drain: Duration, default r#""5s""#, from r#""10ms""# to r#""1h""#;

        /// How often each run is made. The transports take turns in a seeded order.
        "repeat" => REPEAT, repeat: u32, default "1", from "1" to "1_000";
    }
}

impl Copy for Timing {}

impl Eq for Timing {}
