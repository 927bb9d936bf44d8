//! `[long-polling]`: how long the server holds a poll, and what a poll asks for.

use std::time::Duration;

use crate::key::table;

table! {
    /// The settings of long polling.
    table "long-polling" => LongPollingTable, LongPollingDraft {
        /// How long the server holds a poll that finds no new message.
        "hold" => HOLD, hold: Vec<Duration>, default r#""25s""#, from r#""1ms""# to r#""60s""#;

        /// Whether each poll carries the cursor of the last answer. Without a cursor, a poll asks
        /// for what is published from its arrival on. What falls between two polls is lost, and
        /// the subscriber does not know: such a run measures how much that is.
        "cursor" => CURSOR, cursor: Vec<bool>, default "true";
    }
}
