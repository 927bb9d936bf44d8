//! The messages of one subscriber that are due and not acknowledged yet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use wirebench_protocol::{IdempotencyKey, Timestamp};
use wirebench_scenario::{Audience, PayloadKind, SentPayload, Upstream};

use super::message::{Addressees, SentMessage};

/// How long after it was due a message may be acknowledged. After that it is given up.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);

/// The maximum number of messages on a connection without an acknowledgement. Further messages wait
/// for one, and are given up like all others.
const MAX_UNDER_WAY: usize = 256;

/// What one subscriber sends, over all its connections. The messages are due at times of a
/// schedule, whether a connection is there to take them or not. Those that were on a connection
/// that broke are sent again, with the same key, so that none is published twice.
///
/// A message is given up 10 s after it was due. So the outbox holds at most what is due in 10 s,
/// and 256 messages more.
#[derive(Debug)]
pub struct Outbox {
    upstream: Upstream,
    /// The number of the subscriber in its run.
    sender: u64,
    /// The number of subscribers of its run.
    subscribers: u64,
    /// Tells the keys of this outbox from those of other runs against the same server.
    nonce: u64,
    /// Locked by the one task of the subscriber, so it never waits.
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The oldest first.
    messages: VecDeque<Outgoing>,
    /// How many of them, from the front, are on the connection.
    under_way: usize,
    /// The number of the last message.
    number: u64,
    /// Wakes the connection that waits for a message.
    waker: Option<Waker>,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// When it was due.
    pub(crate) due: Timestamp,
    /// It has been handed to a connection before.
    pub(crate) again: bool,
    /// The key with which it can be sent again. `None` if a second time does no harm.
    pub(crate) key: Option<IdempotencyKey>,
    /// What it carries.
    pub(crate) payload: OutgoingPayload,
    /// The subscribers that it is sent to.
    pub(crate) addressees: Addressees,
}

/// What a message on its way carries.
#[derive(Clone, Debug)]
pub(crate) enum OutgoingPayload {
    /// One JSON value.
    Json(Arc<str>),
    /// Bytes.
    Binary(Bytes),
}

impl Outbox {
    /// Returns an empty outbox of the subscriber with this number in a run of so many.
    pub fn new(upstream: Upstream, sender: u64, subscribers: u64) -> Self {
        let (nonce, queue) = (rand::random(), Mutex::default());
        Self { upstream, sender, subscribers, nonce, queue }
    }

    /// Returns who receives the messages.
    pub(crate) fn audience(&self) -> Audience {
        self.upstream.to
    }

    /// Returns what the messages carry.
    pub(crate) fn payload_kind(&self) -> PayloadKind {
        self.upstream.payload.kind
    }

    /// Adds the next message, which is due at this time.
    pub fn push(&self, due: Timestamp) {
        let mut queue = self.queue.lock();
        queue.number += 1;
        let (sender, number) = (self.sender, queue.number);
        let key = format!("{:016x}-{sender}-{number}", self.nonce);
        let key = key.parse().expect("digits and hyphens are a key");
        let addressees = self.addressees(number);
        let message = SentMessage { sender, number, due, addressees };
        let SentPayload { kind, bytes } = self.upstream.payload;
        queue.messages.push_back(Outgoing {
            due,
            addressees,
            again: false,
            key: Some(key).filter(|_| self.upstream.to.publishes()),
            payload: match kind {
                PayloadKind::Json => OutgoingPayload::Json(message.write(bytes).into()),
                PayloadKind::Binary => OutgoingPayload::Binary(message.write_binary(bytes).into()),
            },
        });
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    /// Returns for whom the message of this number is. Direct messages go to the other subscribers
    /// in turn: the first one to the next subscriber, the second one to that after it.
    fn addressees(&self, number: u64) -> Addressees {
        match self.upstream.to {
            Audience::Everyone | Audience::Nobody => Addressees::All,
            Audience::Others => Addressees::Except(self.sender),
            Audience::One => {
                let others = self.subscribers.saturating_sub(1).max(1);
                let steps = 1 + (number - 1) % others;
                Addressees::Only((self.sender + steps) % self.subscribers.max(1))
            }
        }
    }

    /// Returns the next message to hand to the connection, once there is one.
    ///
    /// # Cancel safety
    ///
    /// No message is lost.
    pub(crate) async fn next(&self) -> Outgoing {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same, for a connection that is polled together with it.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Outgoing> {
        let mut queue = self.queue.lock();
        let Some(message) = queue.next() else { return queue.wait(cx) };
        let next = message.clone();
        message.again = true;
        queue.under_way += 1;
        Poll::Ready(next)
    }

    /// Waits until there is a message to hand to a connection, and does not take it.
    pub(crate) async fn has_next(&self) {
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            if queue.next().is_some() { Poll::Ready(()) } else { queue.wait(cx) }
        })
        .await;
    }

    /// The server answered the oldest message on the connection at this time. Returns when the
    /// message was due; `None` if it was given up by then, or if there is none.
    pub(crate) fn answered(&self, at: Timestamp) -> Option<Timestamp> {
        let mut queue = self.queue.lock();
        queue.under_way = queue.under_way.checked_sub(1)?;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
        let message = queue.messages.pop_front()?;
        (!message.is_given_up(at)).then_some(message.due)
    }

    /// The connection broke: what was on it and not acknowledged is sent again, before everything
    /// else.
    pub(crate) fn connection_lost(&self) {
        self.queue.lock().under_way = 0;
    }
}

impl Queue {
    /// Returns the next message to hand to the connection. Those that were due too long ago are
    /// given up.
    fn next(&mut self) -> Option<&mut Outgoing> {
        let now = Timestamp::now();
        while self.messages.get(self.under_way).is_some_and(|message| message.is_given_up(now)) {
            self.messages.remove(self.under_way);
        }
        if self.under_way == MAX_UNDER_WAY {
            return None;
        }
        self.messages.get_mut(self.under_way)
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Outgoing {
    /// Returns how long the answer to the message may take from now on.
    pub(crate) fn time_left(&self) -> Duration {
        (self.due + ACKNOWLEDGE_WITHIN).saturating_since(Timestamp::now())
    }

    fn is_given_up(&self, now: Timestamp) -> bool {
        now.saturating_since(self.due) > ACKNOWLEDGE_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn outbox(to: Audience) -> Outbox {
        Outbox::new(Upstream { rate: 1.0, to, payload: SentPayload::json(64) }, 7, 10)
    }

    fn numbers(outbox: &Outbox) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| outbox.next().now_or_never())
            .map(|next| match next.payload {
                OutgoingPayload::Json(json) => {
                    (SentMessage::read(&json).unwrap().number, next.again)
                }
                OutgoingPayload::Binary(bytes) => panic!("{bytes:?}"),
            })
            .collect()
    }

    #[test]
    fn what_was_on_a_connection_that_broke_is_sent_again_with_the_same_key() {
        let outbox = outbox(Audience::Everyone);
        let now = Timestamp::now();
        (0..3).for_each(|_| outbox.push(now));
        let first = outbox.next().now_or_never().unwrap();
        assert_eq!(numbers(&outbox), [(2, false), (3, false)]);
        assert_eq!(outbox.answered(now), Some(now));
        outbox.connection_lost();
        outbox.push(now);
        let second = outbox.next().now_or_never().unwrap();
        assert!(second.again && second.key.is_some() && second.key != first.key);
        assert_eq!(numbers(&outbox), [(3, true), (4, false)]);
        outbox.connection_lost();
        assert_eq!(outbox.next().now_or_never().unwrap().key, second.key);
    }

    #[test]
    fn direct_messages_go_to_every_other_subscriber_in_turn() {
        let outbox = outbox(Audience::One);
        (0..11).for_each(|_| outbox.push(Timestamp::now()));
        let to = std::iter::from_fn(|| outbox.next().now_or_never()).map(|next| next.addressees);
        let expected = [8, 9, 0, 1, 2, 3, 4, 5, 6, 8, 9].map(Addressees::Only);
        assert_eq!(to.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_message_that_is_not_answered_in_time_is_given_up() {
        let outbox = outbox(Audience::Nobody);
        let now = Timestamp::now();
        let long_ago = Timestamp::from_nanos(now.as_nanos().saturating_sub(11_000_000_000));
        outbox.push(long_ago);
        outbox.push(now);
        let next = outbox.next().now_or_never().unwrap();
        assert_eq!((next.due, next.key.is_none()), (now, true), "the first was never sent");
        assert_eq!(outbox.answered(now + Duration::from_secs(11)), None, "too late");
        assert_eq!(outbox.answered(now), None, "nothing is on the connection");
    }

    #[test]
    fn a_connection_that_acknowledges_nothing_holds_a_bounded_number() {
        let outbox = outbox(Audience::Everyone);
        let now = Timestamp::now();
        (0..MAX_UNDER_WAY + 2).for_each(|_| outbox.push(now));
        assert_eq!(numbers(&outbox).len(), MAX_UNDER_WAY);
        assert!(outbox.answered(now).is_some());
        assert_eq!(numbers(&outbox).len(), 1);
    }
}
