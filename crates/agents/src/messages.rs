//! What agents and their controller say to each other, as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use wirebench_loadgen::{HostClock, PartCommand, PartReply, PartStatus};
use wirebench_measure::AgentClock;

use crate::assignment::Assignment;

/// The version of these messages. It changes with every change to them, and to what they contain.
pub const MESSAGES_VERSION: u32 = 1;

/// An agent that is there.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Announcement {
    /// The version of the messages that it understands.
    pub messages: u32,
    /// The version of the program, with its commit if that is known.
    pub version: String,
    /// A random number, in hexadecimal digits: two agents may have one name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its machine.
    pub machine: AgentMachine,
    /// The clock that it reads. `None` if the system does not tell.
    pub clock: Option<HostClock>,
    /// True if it works for a controller.
    pub busy: bool,
}

/// The machine of an agent, and what it allows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct AgentMachine {
    /// The name of the host.
    pub host: String,
    /// The name of the processor.
    pub cpu: Option<String>,
    /// The number of cores that the agent may use.
    pub cores: usize,
    /// The maximum number of connections of the agent to one address.
    pub most_connections: u64,
}

/// A request of a controller to one agent.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Request {
    /// The controller. An agent that works for one refuses every other.
    pub(crate) controller: String,
    pub(crate) ask: Ask,
}

/// What a controller asks of an agent.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Ask {
    /// Work for this controller from now on.
    Claim,
    /// Get ready for a run. Answered by [`Answer::Ready`].
    Prepare(Box<Assignment>),
    /// Carry out a command for the run. Answered by [`Answer::Part`].
    Command(PartCommand),
    /// Measure the clock once more. Answered by [`Answer::Ready`].
    CheckClock,
    /// Say that you are there.
    Alive,
    /// Wait for other work.
    Release,
}

/// What an agent answers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// To [`Ask::Prepare`] and [`Ask::CheckClock`]: how the clock of the agent is related to that of the controller.
    Ready(AgentClock),
    /// To [`Ask::Command`].
    Part(Box<PartReply>),
    /// It cannot be done.
    Refused(String),
}

/// What an agent reports by itself while it has a run, at least once a second.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) status: PartStatus,
    pub(crate) clock: AgentClock,
    /// Why the agent cannot go on.
    pub(crate) trouble: Option<String>,
}

impl Announcement {
    /// Returns the labels as in `agents.csv`: `key=value`, separated by commas.
    pub(crate) fn labels_text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.labels {
            let separator = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{separator}{key}={value}");
        }
        text
    }
}
