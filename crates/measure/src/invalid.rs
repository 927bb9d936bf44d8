//! Why the numbers of a run must not be used.

use std::fmt;
use std::time::Duration;

/// Why a run must not be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// The feed published nothing in the window, so nothing was measured.
    NothingPublished,
    /// No message of a feed that somebody else fills arrived in the window.
    NothingReceived,
    /// Subscribers missed messages and believe that they have all of them.
    Silent {
        /// The number of such deliveries.
        silently: u64,
        /// The number of expected deliveries.
        expected: u64,
    },
    /// Messages are missing in a run without faults.
    Missing {
        /// The number of such deliveries.
        missing: u64,
        /// The number of expected deliveries.
        expected: u64,
    },
    /// Fewer subscribers were connected than were asked for.
    ConnectionsShort {
        /// The number that were connected.
        subscribed: u64,
        /// The number that were asked for.
        wanted: u64,
    },
    /// The load generator used nearly all the processor time of its workers.
    GeneratorBusy {
        /// Processor time divided by the time of its workers.
        ratio: f64,
    },
    /// The load generator's own event loop ran late.
    GeneratorLate {
        /// The 99th percentile of its lag.
        lag_p99: Duration,
    },
    /// An agent used nearly all the processor time of its workers.
    AgentBusy {
        /// The name of the agent.
        agent: String,
        /// Processor time divided by the time of its workers.
        ratio: f64,
    },
    /// The event loop of an agent ran late.
    AgentLate {
        /// The name of the agent.
        agent: String,
        /// The 99th percentile of its lag.
        lag_p99: Duration,
    },
    /// An agent was lost while the run went on. Its subscribers count as not connected.
    AgentLost {
        /// The name of the agent, and what happened.
        why: String,
    },
    /// More was received than was possible in the window: the counts contradict each other.
    Surplus {
        /// The deliveries that were counted.
        received: u64,
        /// The deliveries that were possible.
        expected: u64,
    },
    /// Messages arrived before they were due, so they have no delivery time.
    ClocksDisagree {
        /// The number of such deliveries.
        from_the_future: u64,
        /// The number of received deliveries.
        received: u64,
    },
    /// Messages arrived whose payload was not what was sent.
    Damaged {
        /// The number of such deliveries.
        damaged: u64,
        /// The number of expected deliveries, if the server reported it.
        expected: Option<u64>,
    },
    /// Subscribers received messages that were sent to others.
    Misdelivered {
        /// The number of such deliveries.
        misdelivered: u64,
    },
    /// Messages that subscribers sent were refused, or not acknowledged.
    NotAcknowledged {
        /// The number of such messages.
        failed: u64,
        /// The number of messages that were due.
        sent: u64,
    },
    /// Probes were not published.
    ProbesFailed {
        /// The number of such probes.
        failed: u64,
        /// The number of probes that were due.
        due: u64,
    },
    /// Probes arrived before they were due, at subscribers that should have the clock of their
    /// agents.
    ProbesDisagree {
        /// The number of such arrivals.
        from_the_future: u64,
    },
    /// The user ended the run early.
    Interrupted,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingPublished => f.write_str(
                "nothing was published in the measured window: raise `feed.rate` or \
                 `upstream.rate`, or lengthen `timing.measure`",
            ),
            Self::NothingReceived => f.write_str(
                "no message arrived in the measured window: lengthen `timing.measure`, or look \
                 whether the target selects the messages (`event`, `select`)",
            ),
            Self::Silent { silently, expected } => {
                write!(f, "{silently} of {expected} deliveries missed in silence")
            }
            Self::Missing { missing, expected } => {
                write!(f, "{missing} of {expected} deliveries missing")
            }
            Self::Misdelivered { misdelivered } => {
                write!(f, "{misdelivered} deliveries of messages that were sent to others")
            }
            Self::NotAcknowledged { failed, sent } => write!(
                f,
                "{failed} of {sent} messages that subscribers sent were refused or not acknowledged"
            ),
            Self::ConnectionsShort { subscribed, wanted } => {
                write!(f, "{subscribed} of {wanted} subscribers connected before the window")
            }
            Self::GeneratorBusy { ratio } => write!(
                f,
                "the load generator was {:.0} % busy: delays may be its own",
                ratio * 100.0
            ),
            Self::GeneratorLate { lag_p99 } => write!(
                f,
                "the load generator ran {} ms late (p99): delays may be its own",
                lag_p99.as_millis()
            ),
            Self::AgentBusy { agent, ratio } => {
                write!(f, "agent `{agent}` was {:.0} % busy: delays may be its own", ratio * 100.0)
            }
            Self::AgentLate { agent, lag_p99 } => {
                let lag_ms = lag_p99.as_millis();
                write!(f, "agent `{agent}` ran {lag_ms} ms late (p99): delays may be its own")
            }
            Self::AgentLost { why } => f.write_str(why),
            Self::Surplus { received, expected } => write!(
                f,
                "{received} deliveries counted where {expected} were possible: the counts \
                 contradict each other"
            ),
            Self::ClocksDisagree { from_the_future, received } => write!(
                f,
                "{from_the_future} of {received} deliveries arrived before they were due: the \
                 clocks disagree"
            ),
            Self::Damaged { damaged, expected: Some(expected) } => {
                write!(
                    f,
                    "{damaged} of {expected} deliveries damaged: not the bytes that were sent"
                )
            }
            Self::Damaged { damaged, expected: None } => {
                write!(f, "{damaged} deliveries damaged: not the bytes that were sent")
            }
            Self::ProbesFailed { failed, due } => write!(
                f,
                "{failed} of {due} probes were not acknowledged by the server within 5 s: lower \
                 `agents.probe-rate`, or look whether the server accepts messages"
            ),
            Self::ProbesDisagree { from_the_future } => write!(
                f,
                "{from_the_future} probes arrived before they were due: two agents that say that \
                 they are on one host have two clocks"
            ),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}
