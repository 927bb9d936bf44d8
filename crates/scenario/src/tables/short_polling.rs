//! `[short-polling]`: when subscribers poll, and what each poll asks for.

use std::time::Duration;

use wirebench_protocol::ShortPollingMode;

use crate::key::table;

table! {
    /// The settings of short polling.
    table "short-polling" => ShortPollingTable, ShortPollingDraft {
        /// The time from the start of one poll to the start of the next. Each subscriber polls at
        /// its own random phase.
        "interval" => INTERVAL, interval: Vec<Duration>,
        default r#""1s""#, from r#""1ms""# to r#""1h""#;

        /// What each poll asks for: "cursor" (what is after its cursor, which is served from
        /// memory), "table" (the same, but each poll asks the database), or "whole" (all messages,
        /// from the database; there is no cursor, and the subscriber finds out which of them are
        /// new, as the tutorials teach it). With the feed in memory, "table" is the same as
        /// "cursor".
        "mode" => MODE, mode: Vec<ShortPollingMode>, default r#""cursor""#;
    }
}
