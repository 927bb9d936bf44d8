//! `[link]`: the emulated network.

use std::time::Duration;

use crate::LinkSettings;
use crate::key::table;

table! {
    /// The emulated network between subscriber and server; loopback itself has no delay.
    table "link" => LinkTable, LinkDraft {
        /// Each way, on every connection; opening one pays a handshake round trip too. 0s: as fast
        /// as the machine.
        "delay" => DELAY, delay: Vec<Duration>, default r#""25ms""#, from r#""0s""# to r#""10s""#;

        /// Up to this much more, drawn for each segment; order is kept. 0s: none.
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
