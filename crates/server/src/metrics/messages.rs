//! What subscribers receive: messages, gaps, empty polls.

use prometheus::{IntCounter, Registry};
use wirebench_protocol::{Gap, Transport};

use super::per_transport::PerTransport;
use super::registrar::{labelled, per_transport};

/// The metrics of deliveries.
#[derive(Debug)]
pub(crate) struct MessageMetrics {
    delivered: PerTransport<IntCounter>,
    replayed: PerTransport<IntCounter>,
    empty: PerTransport<IntCounter>,
    missed: PerTransport<IntCounter>,
    resets: PerTransport<IntCounter>,
}

impl MessageMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gaps = labelled(
            registry,
            "wirebench_gaps_total",
            "Gaps that subscribers were told of: messages that had left the window, \
             or another epoch",
            &["transport", "kind"],
        );
        Self {
            delivered: per_transport(
                registry,
                "wirebench_messages_sent_total",
                "Messages handed to connections, once for each subscriber",
            ),
            replayed: per_transport(
                registry,
                "wirebench_replayed_messages_total",
                "Messages sent that had been published before their subscriber asked for them",
            ),
            empty: per_transport(
                registry,
                "wirebench_empty_polls_total",
                "Polls answered without a message",
            ),
            missed: PerTransport::new(|label| gaps.with_label_values(&[label, "missed"])),
            resets: PerTransport::new(|label| gaps.with_label_values(&[label, "reset"])),
        }
    }

    /// Counts messages that were handed to a subscriber.
    pub(crate) fn delivered(&self, transport: Transport, messages: usize) {
        self.delivered.of(transport).inc_by(messages as u64);
    }

    /// Counts messages that had been published before their subscriber asked for them.
    pub(crate) fn replayed(&self, transport: Transport, messages: usize) {
        self.replayed.of(transport).inc_by(messages as u64);
    }

    /// Counts a poll that was answered without a message.
    pub(crate) fn empty(&self, transport: Transport) {
        self.empty.of(transport).inc();
    }

    /// Counts a gap that a subscriber was told of.
    pub(crate) fn gap(&self, transport: Transport, gap: Gap) {
        let gaps = match gap {
            Gap::Missed(_) => &self.missed,
            Gap::Reset => &self.resets,
        };
        gaps.of(transport).inc();
    }
}
