//! `[long-polling]`: how long the server holds a poll.

use std::time::Duration;

use crate::key::table;

table! {
    /// The settings of long polling.
    table "long-polling" => LongPollingTable, LongPollingDraft {
        /// How long the server holds a poll that finds no new message.
        "hold" => HOLD, hold: Vec<Duration>, default r#""25s""#, from r#""1ms""# to r#""60s""#;
    }
}
