//! Why the numbers of a run must not be used.

use std::time::Duration;

/// Why a run must not be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// The feed published nothing in the window, so nothing was measured.
    #[error(
        "nothing was published in the measured window: raise `feed.rate` or `upstream.rate`, or \
         lengthen `timing.measure`"
    )]
    NothingPublished,
    /// No message of a feed that somebody else fills arrived in the window.
    #[error(
        "no message arrived in the measured window: lengthen `timing.measure`, or look whether the \
         target selects the messages (`event`, `select`)"
    )]
    NothingReceived,
    /// Subscribers missed messages and believe that they have all of them.
    #[error("{silently} of {expected} deliveries missed in silence")]
    Silent {
        /// The number of such deliveries.
        silently: u64,
        /// The number of expected deliveries.
        expected: u64,
    },
    /// Messages are missing in a run without faults.
    #[error("{missing} of {expected} deliveries missing")]
    Missing {
        /// The number of such deliveries.
        missing: u64,
        /// The number of expected deliveries.
        expected: u64,
    },
    /// Fewer subscribers were connected than were asked for.
    #[error("{subscribed} of {wanted} subscribers connected before the window")]
    ConnectionsShort {
        /// The number that were connected.
        subscribed: u64,
        /// The number that were asked for.
        wanted: u64,
    },
    /// The load generator used nearly all the processor time of its workers.
    #[error("the load generator was {:.0} % busy: delays may be its own", .ratio * 100.0)]
    GeneratorBusy {
        /// Processor time divided by the time of its workers.
        ratio: f64,
    },
    /// The load generator's own event loop ran late.
    #[error("the load generator ran {} ms late (p99): delays may be its own", .lag_p99.as_millis())]
    GeneratorLate {
        /// The 99th percentile of its lag.
        lag_p99: Duration,
    },
    /// An agent used nearly all the processor time of its workers.
    #[error("agent `{agent}` was {:.0} % busy: delays may be its own", .ratio * 100.0)]
    AgentBusy {
        /// The name of the agent.
        agent: String,
        /// Processor time divided by the time of its workers.
        ratio: f64,
    },
    /// The event loop of an agent ran late.
    #[error("agent `{agent}` ran {} ms late (p99): delays may be its own", .lag_p99.as_millis())]
    AgentLate {
        /// The name of the agent.
        agent: String,
        /// The 99th percentile of its lag.
        lag_p99: Duration,
    },
    /// An agent was lost while the run went on. Its subscribers count as not connected.
    #[error("{why}")]
    AgentLost {
        /// The name of the agent, and what happened.
        why: String,
    },
    /// More was received than was possible in the window: the counts contradict each other.
    #[error(
        "{received} deliveries counted where {expected} were possible: the counts contradict each \
         other"
    )]
    Surplus {
        /// The deliveries that were counted.
        received: u64,
        /// The deliveries that were possible.
        expected: u64,
    },
    /// Messages arrived before they were due, so they have no delivery time.
    #[error(
        "{from_the_future} of {received} deliveries arrived before they were due: the clocks \
         disagree"
    )]
    ClocksDisagree {
        /// The number of such deliveries.
        from_the_future: u64,
        /// The number of received deliveries.
        received: u64,
    },
    /// Messages arrived whose payload was not what was sent.
    #[error("{damaged}{} deliveries damaged: not the bytes that were sent", of(.expected.as_ref()))]
    Damaged {
        /// The number of such deliveries.
        damaged: u64,
        /// The number of expected deliveries, if the server reported it.
        expected: Option<u64>,
    },
    /// Subscribers received messages that were sent to others.
    #[error("{misdelivered} deliveries of messages that were sent to others")]
    Misdelivered {
        /// The number of such deliveries.
        misdelivered: u64,
    },
    /// Messages that subscribers sent were refused, or not acknowledged.
    #[error("{failed} of {sent} messages that subscribers sent were refused or not acknowledged")]
    NotAcknowledged {
        /// The number of such messages.
        failed: u64,
        /// The number of messages that were due.
        sent: u64,
    },
    /// Probes were not published.
    #[error(
        "{failed} of {due} probes were not acknowledged by the server within 5 s: lower \
         `agents.probe-rate`, or look whether the server accepts messages"
    )]
    ProbesFailed {
        /// The number of such probes.
        failed: u64,
        /// The number of probes that were due.
        due: u64,
    },
    /// Probes arrived before they were due, at subscribers that should have the clock of their
    /// agents.
    #[error(
        "{from_the_future} probes arrived before they were due: two agents that say that they are on \
         one host have two clocks"
    )]
    ProbesDisagree {
        /// The number of such arrivals.
        from_the_future: u64,
    },
    /// The user ended the run early.
    #[error("interrupted")]
    Interrupted,
}

/// Returns the whole of which a number is a part, if it is known.
fn of(whole: Option<&u64>) -> String {
    whole.map(|whole| format!(" of {whole}")).unwrap_or_default()
}
