//! Why agents and their controller cannot work together.

use std::time::Duration;

/// Why agents and their controller cannot work together. No message contains a password.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// NATS cannot be reached, or does not let anybody in.
    #[error("cannot meet over NATS")]
    Nats(#[source] wirebench_store::StoreError),
    /// NATS refused a subscription or a message.
    #[error("NATS refused to {attempted}: {found}")]
    Refused {
        /// What was attempted.
        attempted: &'static str,
        /// What NATS or its client said.
        found: String,
    },
    /// Too few agents are there.
    #[error(
        "{found} of {wanted} agents are there after {waited:?}{there}\n\nstart more with `wirebench \
         agent --nats URL`, or ask for fewer with `--at-least`"
    )]
    TooFew {
        /// The number of agents that are there and free.
        found: usize,
        /// The number that was asked for.
        wanted: usize,
        /// How long they were waited for.
        waited: Duration,
        /// Which agents are there, and which are busy.
        there: String,
    },
    /// An agent is another version of this program.
    #[error(
        "agent `{agent}` is wirebench {theirs}, and this is {ours}: install the same version on all \
         machines"
    )]
    Version {
        /// The name of the agent.
        agent: String,
        /// Its version.
        theirs: String,
        /// The version of this program.
        ours: String,
    },
    /// An agent cannot do what a run asks of it.
    #[error("agent `{agent}` cannot take part in the run: {why}")]
    Unfit {
        /// The name of the agent.
        agent: String,
        /// What it said, or did not say.
        why: String,
    },
}
