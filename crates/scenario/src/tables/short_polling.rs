//! `[short-polling]`: when subscribers poll.

use std::time::Duration;

use crate::key::table;

table! {
    /// The settings of short polling.
    table "short-polling" => ShortPollingTable, ShortPollingDraft {
        /// The time from the start of one poll to the start of the next. Each subscriber polls at
        /// its own random phase.
        "interval" => INTERVAL, interval: Vec<Duration>,
        default r#""1s""#, from r#""1ms""# to r#""1h""#;
    }
}
