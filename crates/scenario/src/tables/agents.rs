//! `[agents]`: load generators in other processes, on this host or on others.

use crate::key::table;

table! {
    /// Load generators in other processes, if a run is distributed over agents.
    table "agents" => AgentsTable, AgentsDraft {
        /// Probes per second that each agent publishes while the window is open, evenly spread; 0:
        /// none. A probe is a message of the feed like any other. Subscribers on the host of its
        /// agent tell how old it is by one clock, so its delay is known however far the clocks of
        /// hosts are apart.
        "probe-rate" => PROBE_RATE, probe_rate: f64, default "0", from "0" to "100";
    }
}
