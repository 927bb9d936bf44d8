//! `[crowd]`: who listens.

use std::time::Duration;

use crate::ConnectionSharing;
use crate::key::table;

table! {
    /// Who listens.
    table "crowd" => CrowdTable, CrowdDraft {
        /// How many subscribe at once.
        "subscribers" => SUBSCRIBERS, subscribers: Vec<usize>,
        default "100", from "1" to "1_000_000";

        /// The time over which the subscribers connect; 0s: all at once.
        "ramp" => RAMP, ramp: Duration, default r#""2s""#, from r#""0s""# to r#""1h""#;

        /// Whose the connections are: "own" (each subscriber has one) or "shared" (many subscribers
        /// are streams of one, as many as the server allows at once; then another is opened). Only
        /// HTTP/2 has streams: "shared" multiplies its runs alone.
        "connections" => CONNECTIONS, connections: Vec<ConnectionSharing>, default r#""own""#;
    }
}
