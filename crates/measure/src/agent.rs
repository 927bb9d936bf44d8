//! What one agent of a run measured: a process that runs a part of the subscribers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cost::{LoadgenCost, Traffic};
use crate::other_load::OtherLoad;
use crate::recorder::Recorder;

/// What one agent of a run measured. It is a part of the measurement of the run, kept beside the whole
/// because an agent in trouble does not show in a sum.
#[derive(Clone, Debug)]
pub struct AgentMeasurement {
    /// The agent.
    pub info: AgentInfo,
    /// Its subscribers that are subscribed at the end. 0 if the agent was lost.
    pub subscribed: u64,
    /// What its subscribers received.
    pub seen: Recorder,
    /// The traffic on its connections.
    pub traffic: Traffic,
    /// What the run cost it.
    pub loadgen: LoadgenCost,
    /// The load of its machine besides it. `None` if it was not measured.
    pub other_load: Option<OtherLoad>,
    /// Why the agent was lost. `None`: it did all that it was asked.
    pub lost: Option<String>,
}

/// An agent and its share of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct AgentInfo {
    /// Its name, which is different from that of every other agent.
    pub name: String,
    /// Its labels: `key=value`, separated by commas.
    pub labels: String,
    /// The name of its machine.
    pub host: String,
    /// The processor of its machine. `None` if the system does not tell.
    pub cpu: Option<String>,
    /// The cores that it may use.
    pub cores: usize,
    /// The subscribers that it was given.
    pub subscribers: u64,
    /// How far its clock differs from that of the controller.
    pub clock: AgentClock,
}

/// How the clock of an agent is related to that of the controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct AgentClock {
    /// What was added to its clock. 0 if it is the same clock.
    pub offset_ns: i64,
    /// By how much that may be wrong. `None` if it is the same clock.
    pub bound: Option<Duration>,
    /// The most by which the wall clock of its host is wrong, according to `chrony`. `None` if that does
    /// not tell.
    pub wall_clock_bound: Option<Duration>,
}

impl AgentMeasurement {
    /// Returns its part of the time of its workers in which it was busy, from 0 to 1, in a window of
    /// this length.
    pub fn cpu_ratio(&self, window: Duration) -> Option<f64> {
        self.loadgen.cpu_ratio(window)
    }
}
