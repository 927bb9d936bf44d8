//! `[timing]`: the parts of a run.

use std::time::Duration;

use crate::key::table;

table! {
    /// The parts of a run.
    table "timing" => Timing, TimingDraft {
        /// After the ramp: published and delivered, but not measured; 0s: none.
        "warm-up" => WARM_UP, warm_up: Duration, default r#""2s""#, from r#""0s""# to r#""1h""#;

        /// The measured window.
        "measure" => MEASURE, measure: Duration,
        default r#""10s""#, from r#""100ms""# to r#""24h""#;

        /// After it: at most this long, for what is still on its way.
        "drain" => DRAIN, drain: Duration, default r#""5s""#, from r#""10ms""# to r#""1h""#;

        /// How often every run is made. The transports take turns, in a seeded order.
        "repeat" => REPEAT, repeat: u32, default "1", from "1" to "1_000";
    }
}

impl Copy for Timing {}

impl Eq for Timing {}
