//! `[short-polling]`: when its subscribers ask.

use std::time::Duration;

use crate::key::table;

table! {
    /// Short polling alone.
    table "short-polling" => ShortPollingTable, ShortPollingDraft {
        /// From the start of one poll to the start of the next, each subscriber at its own random
        /// phase.
        "interval" => INTERVAL, interval: Vec<Duration>,
        default r#""1s""#, from r#""1ms""# to r#""1h""#;
    }
}
