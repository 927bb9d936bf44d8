//! `[crowd]`: the subscribers.

use std::time::Duration;

use crate::ConnectionSharing;
use crate::key::table;
use crate::values::placement::Placement;

table! {
    /// The subscribers.
    table "crowd" => CrowdTable, CrowdDraft {
        /// The number of subscribers.
        "subscribers" => SUBSCRIBERS, subscribers: Vec<usize>,
        default "100", from "1" to "1_000_000";

        /// The time over which the subscribers connect; 0s: all connect at once.
        "ramp" => RAMP, ramp: Duration, default r#""2s""#, from r#""0s""# to r#""1h""#;

        /// How subscribers use connections: "own" (each has its own connection) or "shared" (many
        /// subscribers are streams of one connection, as many as the server allows; then another
        /// connection is opened). Only HTTP/2 has streams: over HTTP/1.1 all connections are "own".
        "connections" => CONNECTIONS, connections: Vec<ConnectionSharing>, default r#""own""#;

        /// With agents: the share of the subscribers that agents with a label have, such as
        /// `{ zone-a = 0.5, zone-b = 0.5 }` for agents with `--labels zone=a` and `zone=b`. Agents with
        /// one label share evenly. The shares add up to 1; {}: evenly over all agents.
        "place" => PLACE, place: Placement, default "{}";
    }
}
