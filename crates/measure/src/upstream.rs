//! What the subscribers of a run sent, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wirebench_protocol::Timestamp;

use crate::latency::Latency;
use crate::window::Window;

/// A message that is handed to a connection more than this after it was due was sent late. The
/// publisher of the server has the same limit.
const LATE: Duration = Duration::from_millis(5);

/// One thing that happened to a message that a subscriber sends. A message belongs to the window in
/// which it was `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamEvent {
    /// The time has come to send a message.
    Due {
        /// The time itself.
        due: Timestamp,
    },
    /// A message was handed to a connection.
    Sent {
        /// When it was due.
        due: Timestamp,
        /// When it was handed over.
        at: Timestamp,
        /// It was handed over before, to a connection that broke.
        again: bool,
        /// It is the first message of an HTTP request. `false`: a frame carries it, or a request
        /// that carries others before it.
        request: bool,
    },
    /// The server acknowledged a message.
    Acknowledged {
        /// When it was due.
        due: Timestamp,
        /// When the last byte of the acknowledgement arrived.
        at: Timestamp,
        /// The bytes of the message and of its acknowledgement, headers and framing included,
        /// without TLS. Messages in one request have equal shares. `None` if other subscribers
        /// share what carried them.
        bytes: Option<u64>,
    },
    /// The server refused a message.
    Refused {
        /// When it was due.
        due: Timestamp,
    },
    /// A second connection was opened, to send over it.
    SecondConnection,
}

/// Who sent a message, if it was not the publisher of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOrigin {
    /// A subscriber sent it.
    Subscriber(Origin),
    /// It is a probe of an agent on the receiver's host.
    Probe {
        /// When the agent had to publish it. The host's clock was read, and the shift of the
        /// receiver added.
        due: Timestamp,
    },
}

/// The subscriber that sent a message, as seen by one that received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When the sender had to send it.
    pub due: Timestamp,
    /// The receiver is the sender.
    pub own: bool,
    /// The message was sent to others than the receiver.
    pub misdelivered: bool,
}

/// What a number of subscribers sent in the window. Every count is of messages that were due in it,
/// except for that of the connections.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct UpstreamRecord {
    /// Messages that were due. Each is acknowledged, refused, or neither.
    pub sent: u64,
    /// Messages that the server acknowledged. One that was sent again counts once.
    pub acknowledged: u64,
    /// Messages that the server refused.
    pub refused: u64,
    /// How often a message was sent again, because the connection had broken before the
    /// acknowledgement.
    pub repeated: u64,
    /// Messages that were handed to a connection more than 5 ms after they were due.
    pub late: u64,
    /// HTTP requests that carried messages, those that were sent again included.
    pub requests: u64,
    /// Bytes of messages and their acknowledgements, and of how many messages they are.
    pub bytes: CountedBytes,
    /// Arrivals of messages at their own senders.
    pub echoes: u64,
    /// Arrivals of messages at subscribers other than their senders.
    pub heard: u64,
    /// Arrivals of messages at subscribers to which they were not sent, in the whole run. They are
    /// in no other count of arrivals.
    pub misdelivered: u64,
    /// Second connections that were opened in the whole run.
    pub second_connections: u64,
    /// From due to the acknowledgement.
    pub ack: Latency,
    /// From due to the arrival at the sender itself.
    pub echo: Latency,
    /// From due to the arrival at everybody else.
    pub others: Latency,
    /// Arrivals before the message was due: the clocks of the two subscribers disagree. They are in
    /// `heard` too, and have no delay.
    pub from_the_future: u64,
    /// The longest time by which one of them arrived before it was due.
    pub most_ahead: Duration,
}

/// Bytes of so many messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct CountedBytes {
    /// The bytes.
    pub bytes: u64,
    /// The messages that they are of.
    pub messages: u64,
}

impl UpstreamRecord {
    /// Records what happened to a message that a subscriber sends.
    pub(crate) fn observe(&mut self, window: Option<Window>, event: &UpstreamEvent) {
        let inside = |due| window.is_some_and(|window| window.contains(due));
        match *event {
            UpstreamEvent::SecondConnection => self.second_connections += 1,
            UpstreamEvent::Due { due } => self.sent += u64::from(inside(due)),
            UpstreamEvent::Sent { due, at, again, request } if inside(due) => {
                self.repeated += u64::from(again);
                self.late += u64::from(!again && at.saturating_since(due) > LATE);
                self.requests += u64::from(request);
            }
            UpstreamEvent::Acknowledged { due, at, bytes } if inside(due) => {
                self.acknowledged += 1;
                self.ack.record(at.saturating_since(due));
                if let Some(bytes) = bytes {
                    self.bytes.bytes += bytes;
                    self.bytes.messages += 1;
                }
            }
            UpstreamEvent::Refused { due } => self.refused += u64::from(inside(due)),
            UpstreamEvent::Sent { .. } | UpstreamEvent::Acknowledged { .. } => {}
        }
    }

    /// Returns what belongs to no window.
    pub(crate) fn outside_of_windows(&self) -> Self {
        let Self { misdelivered, second_connections, .. } = *self;
        Self { misdelivered, second_connections, ..Self::default() }
    }

    /// Records the first arrival of a message that a subscriber sent.
    pub(crate) fn arrived(&mut self, window: Option<Window>, origin: Origin, at: Timestamp) {
        let Origin { due, own, misdelivered } = origin;
        if misdelivered {
            self.misdelivered += 1;
            return;
        }
        if !window.is_some_and(|window| window.contains(due)) {
            return;
        }
        let (count, latency) = if own {
            (&mut self.echoes, &mut self.echo)
        } else {
            (&mut self.heard, &mut self.others)
        };
        *count += 1;
        if let Some(delay) = at.checked_since(due) {
            latency.record(delay);
        } else {
            self.from_the_future += 1;
            self.most_ahead = self.most_ahead.max(due.saturating_since(at));
        }
    }

    /// Adds what another recorded. The result does not depend on the order of merging.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Every field by name, so that a new one cannot be forgotten here.
        let Self {
            sent,
            acknowledged,
            refused,
            repeated,
            late,
            requests,
            bytes: CountedBytes { bytes, messages },
            echoes,
            heard,
            misdelivered,
            second_connections,
            ack,
            echo,
            others,
            from_the_future,
            most_ahead,
        } = other;
        self.sent += sent;
        self.acknowledged += acknowledged;
        self.refused += refused;
        self.repeated += repeated;
        self.late += late;
        self.requests += requests;
        self.bytes.bytes += bytes;
        self.bytes.messages += messages;
        self.echoes += echoes;
        self.heard += heard;
        self.misdelivered += misdelivered;
        self.second_connections += second_connections;
        self.ack.merge(ack);
        self.echo.merge(echo);
        self.others.merge(others);
        self.from_the_future += from_the_future;
        self.most_ahead = self.most_ahead.max(*most_ahead);
    }

    /// Returns the same without delays.
    pub(crate) fn without_delays(self) -> Self {
        let none = Latency::new;
        Self { ack: none(), echo: none(), others: none(), ..self }
    }

    /// Returns the messages that were neither acknowledged nor refused.
    pub fn unacknowledged(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged + self.refused)
    }

    /// Returns true once every message was acknowledged or refused. If messages are published, each
    /// that was acknowledged must also have arrived, at so many senders (1 or 0) and others.
    pub fn is_settled(&self, arrivals: Option<(u64, u64)>) -> bool {
        let arrived = arrivals.is_none_or(|(own, others)| {
            self.echoes >= self.acknowledged * own && self.heard >= self.acknowledged * others
        });
        self.unacknowledged() == 0 && arrived
    }

    /// Returns the HTTP requests for each message that was due. `None` if none was.
    pub fn requests_per_message(&self) -> Option<f64> {
        ratio(self.requests, self.sent)
    }

    /// Returns the bytes for each message and its acknowledgement. `None` if none could be counted.
    pub fn bytes_per_message(&self) -> Option<f64> {
        ratio(self.bytes.bytes, self.bytes.messages)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB, and to 16 digits beyond")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Option<Window> = Some(Window {
        from: Timestamp::from_nanos(1_000_000_000),
        to: Timestamp::from_nanos(2_000_000_000),
    });

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn seen(events: &[UpstreamEvent]) -> UpstreamRecord {
        let mut record = UpstreamRecord::default();
        for event in events {
            record.observe(WINDOW, event);
        }
        record
    }

    #[test]
    fn a_message_belongs_to_the_window_it_was_due_in_however_late_it_is_acknowledged() {
        let life = |millis, bytes| {
            let due = at(millis);
            [
                UpstreamEvent::Due { due },
                UpstreamEvent::Sent { due, at: due, again: false, request: true },
                UpstreamEvent::Acknowledged { due, at: at(9_000), bytes },
            ]
        };
        let lives = [life(999, Some(1)), life(1_000, Some(300)), life(1_999, None)];
        let record = seen(&[lives.concat(), life(2_000, Some(1)).to_vec()].concat());
        assert_eq!((record.sent, record.acknowledged, record.requests), (2, 2, 2));
        assert_eq!(record.bytes_per_message(), Some(300.0), "of the one that could be counted");
        assert!(record.ack.max() >= Some(Duration::from_secs(7)));
        assert!(record.is_settled(None));
    }

    #[test]
    fn what_is_late_and_what_is_sent_again_is_counted() {
        let due = at(1_500);
        let sent =
            |millis, again| UpstreamEvent::Sent { due, at: at(millis), again, request: true };
        let record = seen(&[UpstreamEvent::Due { due }, sent(1_506, false), sent(1_900, true)]);
        assert_eq!((record.late, record.repeated, record.requests), (1, 1, 2));
        assert_eq!((record.unacknowledged(), record.requests_per_message()), (1, Some(2.0)));
        let refused = seen(&[UpstreamEvent::Due { due }, UpstreamEvent::Refused { due }]);
        assert_eq!((refused.refused, refused.unacknowledged()), (1, 0));
    }

    #[test]
    fn a_published_message_is_settled_when_everybody_has_it() {
        let due = at(1_500);
        let acknowledged = UpstreamEvent::Acknowledged { due, at: due, bytes: None };
        let mut record = seen(&[UpstreamEvent::Due { due }, acknowledged]);
        let origin = |due, own| Origin { due, own, misdelivered: false };
        let mut arrives = |own| record.arrived(WINDOW, origin(due, own), at(1_525));
        arrives(true);
        arrives(false);
        assert!(!record.is_settled(Some((1, 2))), "one of three does not have it");
        record.arrived(WINDOW, origin(due, false), at(1_525));
        record.arrived(WINDOW, origin(at(900), false), at(1_525));
        record.arrived(WINDOW, Origin { misdelivered: true, ..origin(due, false) }, at(1_525));
        assert_eq!(record.misdelivered, 1);
        assert!(record.is_settled(Some((1, 2))) && record.is_settled(Some((0, 2))));
        assert!(!record.is_settled(Some((1, 3))));
        assert_eq!((record.echo.len(), record.others.len()), (1, 2));
    }

    #[test]
    fn an_arrival_before_the_message_was_due_is_counted_and_has_no_delay() {
        let mut record = UpstreamRecord::default();
        let origin = Origin { due: at(1_500), own: false, misdelivered: false };
        record.arrived(WINDOW, origin, at(1_490));
        assert_eq!((record.heard, record.others.len(), record.from_the_future), (1, 0, 1));
        assert_eq!(record.most_ahead, Duration::from_millis(10));
    }

    #[test]
    fn nothing_sent_leaves_no_value_per_message() {
        let nothing = UpstreamRecord::default();
        assert_eq!((nothing.requests_per_message(), nothing.bytes_per_message()), (None, None));
        assert!(nothing.is_settled(Some((1, 9))));
    }
}
