//! `[link]`: the emulated network.

use std::time::Duration;

use crate::LinkSettings;
use crate::key::table;

table! {
    /// The emulated network between subscriber and server; loopback itself has no delay.
    table "link" => LinkTable, LinkDraft {
        /// The delay of every connection, each way. Opening a connection also takes the round trip
        /// of its handshake. 0s: no added delay.
        "delay" => DELAY, delay: Vec<Duration>, default r#""25ms""#, from r#""0s""# to r#""10s""#;

        /// The maximum additional delay, drawn for each segment. Segments keep their order. 0s: no
        /// jitter.
        "jitter" => JITTER, jitter: Vec<Duration>, default r#""0s""#, from r#""0s""# to r#""10s""#;
    }
}

impl LinkTable {
    /// Returns every combination.
    pub(crate) fn combinations(&self) -> Vec<LinkSettings> {
        let with = |&delay| self.jitter.iter().map(move |&jitter| LinkSettings { delay, jitter });
        self.delay.iter().flat_map(with).collect()
    }
}
