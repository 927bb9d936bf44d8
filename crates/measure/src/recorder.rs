//! Events of many subscribers in, counts and histograms out.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wirebench_protocol::{Cursor, Gap, Timestamp};

use crate::clocked_latency::ClockedLatency;
use crate::event::Event;
use crate::latency::Latency;
use crate::probe_record::ProbeRecord;
use crate::reconnects::Reconnects;
use crate::sequence::{Arrival, Sequence};
use crate::upstream::{MessageOrigin, UpstreamEvent, UpstreamRecord};
use crate::watch_record::WatchRecord;
use crate::window::Window;

/// What a number of subscribers received. It is owned by one worker and merged at the end, so it
/// needs no lock.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Recorder {
    /// From the time a message was due to the arrival of its last byte; first arrivals only.
    pub delivery: Latency,
    /// From the start of dialling to the subscription.
    pub connect: Latency,
    /// How late the load generator's own event loop ran. The load generator records it.
    pub lag: Latency,
    /// Messages of the window, counted once for each subscriber that received them.
    pub received: u64,
    /// Repeats of messages of the window.
    pub duplicate: u64,
    /// Messages of the window that arrived after a later one. They are in `received` too.
    pub out_of_order: u64,
    /// Gaps that the server announced.
    pub gaps: u64,
    /// Messages that the announced gaps said were missed.
    pub gap_missed: u64,
    /// Messages that arrived before they were due: the clocks disagree. They are in `received` too,
    /// but have no delivery time.
    pub from_the_future: u64,
    /// The longest time by which one of them arrived before it was due.
    pub most_ahead: Duration,
    /// Messages of the window whose payload was not what was sent. They are not in `received`.
    pub damaged: u64,
    /// HTTP requests sent in the window.
    pub requests: u64,
    /// Answers without a message in the window.
    pub empty: u64,
    /// Bytes of the payloads received, first arrivals only: the bytes of a repeat are overhead.
    pub payload_bytes: u64,
    /// Messages whose delays do not count, because their subscribers were told not to read. They
    /// are in `received` too.
    pub without_delay: u64,
    /// Subscriptions that broke and were resumed. The load generator records them.
    pub reconnects: Reconnects,
    /// What the subscribers sent.
    pub upstream: UpstreamRecord,
    /// What the probes of agents told.
    pub probes: ProbeRecord,
    /// What the numbers of a watched feed say.
    pub watch: WatchRecord,
}

impl Recorder {
    /// Returns a recorder that has recorded nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records one event of a subscriber. `sequence` is what this subscriber has received so far.
    ///
    /// A message counts if it was due inside the window, however late it arrives; one that somebody
    /// else published, if it arrives inside. A request or an
    /// empty answer counts if it happened inside. The time to connect always counts. A gap has no
    /// time, and counts as soon as there is a window. Without one (`None`, during ramp and
    /// warm-up), only `sequence` is updated.
    pub fn observe(&mut self, window: Option<Window>, sequence: &mut Sequence, event: &Event) {
        let inside = |at| window.is_some_and(|window| window.contains(at));
        match *event {
            Event::Connected { took, cursor } => {
                self.connect.record(took);
                sequence.start_at(cursor);
            }
            Event::Closing | Event::Retry { .. } => {}
            Event::Request { at } => self.requests += u64::from(inside(at)),
            Event::Empty { at, cursor } => {
                self.empty += u64::from(inside(at));
                sequence.start_at(cursor);
            }
            Event::Upstream(ref event) => self.sent(window, event),
            Event::Received {
                cursor, published_at, received_at, payload_bytes, origin, ..
            } => {
                // If nothing came before it, the subscription starts at the message itself.
                sequence.start_at(before(cursor));
                let arrival = sequence.arrive(cursor.seq);
                if inside(published_at) {
                    self.arrived(arrival, published_at, received_at, payload_bytes);
                }
                match origin.filter(|_| arrival != Arrival::Duplicate) {
                    Some(MessageOrigin::Subscriber(origin)) => {
                        self.upstream.arrived(window, origin, received_at);
                    }
                    Some(MessageOrigin::Probe { due }) if inside(published_at) => {
                        self.probes.arrived(due, received_at);
                    }
                    Some(MessageOrigin::Probe { .. }) | None => {}
                }
            }
            Event::Watched(ref message) => self.watched(window, sequence, message),
            Event::Damaged { cursor, published_at } => {
                sequence.start_at(before(cursor));
                let is_first = sequence.arrive(cursor.seq) != Arrival::Duplicate;
                self.damaged += u64::from(is_first && inside(published_at));
            }
            Event::Gap { gap, cursor } => {
                sequence.record_gap(gap, cursor);
                if window.is_some() {
                    self.announced(gap);
                }
            }
        }
    }

    /// Forgets what was counted in a window that another one replaces. Connections belong to none,
    /// and how long they took.
    pub fn forget_window(&mut self) {
        let (connect, upstream) = (&mut self.connect, &self.upstream);
        let (connect, upstream) = (std::mem::take(connect), upstream.outside_of_windows());
        *self = Self { connect, upstream, ..Self::new() };
    }

    /// Adds what another recorded. The result does not depend on the order of merging.
    pub fn merge(&mut self, other: &Self) {
        // Every field by name, so that a new one cannot be forgotten here.
        let Self {
            delivery,
            connect,
            lag,
            received,
            duplicate,
            out_of_order,
            gaps,
            gap_missed,
            from_the_future,
            most_ahead,
            damaged,
            requests,
            empty,
            payload_bytes,
            without_delay,
            reconnects,
            upstream,
            probes,
            watch,
        } = other;
        self.delivery.merge(delivery);
        self.connect.merge(connect);
        self.lag.merge(lag);
        self.received += received;
        self.duplicate += duplicate;
        self.out_of_order += out_of_order;
        self.gaps += gaps;
        self.gap_missed = self.gap_missed.saturating_add(*gap_missed);
        self.from_the_future += from_the_future;
        self.most_ahead = self.most_ahead.max(*most_ahead);
        self.damaged += damaged;
        self.requests += requests;
        self.empty += empty;
        self.payload_bytes += payload_bytes;
        self.without_delay += without_delay;
        self.reconnects.merge(reconnects);
        self.upstream.merge(upstream);
        self.probes.merge(probes);
        self.watch.merge(watch);
    }

    /// Returns the same without delays. Messages that arrived while the subscriber was told not to
    /// read have no meaningful delay.
    #[must_use]
    pub fn without_delays(self) -> Self {
        Self {
            without_delay: self.without_delay + self.delivery.len(),
            delivery: Latency::new(),
            upstream: self.upstream.without_delays(),
            probes: self.probes.without_delays(),
            ..self
        }
    }

    /// Returns the times to delivery, as far as clocks allow that may disagree by `bound`.
    pub fn delivery_within(&self, bound: Option<Duration>) -> ClockedLatency<'_> {
        ClockedLatency::new(&self.delivery, self.from_the_future, bound)
    }

    /// A request that carries a message counts like every other.
    fn sent(&mut self, window: Option<Window>, event: &UpstreamEvent) {
        if let UpstreamEvent::Sent { at, request: true, .. } = event {
            self.requests += u64::from(window.is_some_and(|window| window.contains(*at)));
        }
        self.upstream.observe(window, event);
    }

    fn arrived(
        &mut self,
        arrival: Arrival,
        published_at: Timestamp,
        received_at: Timestamp,
        payload_bytes: usize,
    ) {
        match arrival {
            Arrival::InOrder => {}
            Arrival::OutOfOrder => self.out_of_order += 1,
            Arrival::Duplicate => {
                self.duplicate += 1;
                return;
            }
        }
        self.received += 1;
        self.payload_bytes += payload_bytes as u64;
        if let Some(delay) = received_at.checked_since(published_at) {
            self.delivery.record(delay);
        } else {
            self.from_the_future += 1;
            self.most_ahead = self.most_ahead.max(published_at.saturating_since(received_at));
        }
    }

    fn announced(&mut self, gap: Gap) {
        self.gaps += 1;
        if let Gap::Missed(missed) = gap {
            // The number comes from the server: an absurd one must not abort the run.
            self.gap_missed = self.gap_missed.saturating_add(missed);
        }
    }
}

fn before(cursor: Cursor) -> Cursor {
    cursor.at(cursor.seq.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirebench_protocol::Epoch;

    use super::*;

    const WINDOW: Option<Window> =
        Some(Window { from: Timestamp::from_nanos(1_000), to: Timestamp::from_nanos(2_000) });

    fn cursor(seq: u64) -> Cursor {
        Cursor { epoch: Epoch(1), seq }
    }

    fn at(nanos: u64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    fn connected(seq: u64) -> Event {
        Event::Connected { took: Duration::from_millis(3), cursor: cursor(seq) }
    }

    fn received(seq: u64, published: u64, received: u64) -> Event {
        Event::Received {
            cursor: cursor(seq),
            published_at: at(published),
            received_at: at(received),
            payload_bytes: 10,
            payload: None,
            origin: None,
        }
    }

    /// Returns what a recorder has after the events of one subscriber.
    fn seen(window: Option<Window>, events: &[Event]) -> Recorder {
        let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
        for event in events {
            recorder.observe(window, &mut sequence, event);
        }
        recorder
    }

    #[test]
    fn a_window_that_is_replaced_leaves_only_the_connections() {
        let second = Event::Upstream(UpstreamEvent::SecondConnection);
        let due = Event::Upstream(UpstreamEvent::Due { due: at(1_000) });
        let events = [connected(0), second.clone(), due, received(1, 1_000, 1_500)];
        let mut replaced = seen(WINDOW, &events);
        replaced.forget_window();
        assert_eq!(replaced, seen(None, &[connected(0), second]));
    }

    #[test]
    fn a_message_belongs_to_the_window_it_was_due_in_however_late_it_comes() {
        let recorder = seen(
            WINDOW,
            &[
                connected(0),
                received(1, 999, 1_500),
                received(2, 1_000, 1_500),
                received(3, 1_999, 900_000),
                received(4, 2_000, 2_001),
            ],
        );
        assert_eq!(recorder.received, 2);
        assert_eq!(recorder.payload_bytes, 20);
        assert_eq!(recorder.delivery.len(), 2);
        assert!(recorder.delivery.max() > Some(Duration::from_micros(890)));
    }

    #[test]
    fn a_late_message_counts_as_received_and_a_repeat_does_not() {
        let recorder = seen(
            WINDOW,
            &[
                connected(0),
                received(2, 1_100, 1_200),
                received(1, 1_000, 1_300),
                received(1, 1_000, 1_400),
                received(2, 1_100, 1_500),
            ],
        );
        assert_eq!((recorder.received, recorder.out_of_order, recorder.duplicate), (2, 1, 2));
        assert_eq!((recorder.payload_bytes, recorder.delivery.len()), (20, 2));
    }

    #[test]
    fn a_probe_of_the_window_counts_once_by_the_time_it_was_due_at_its_agent() {
        let probe = |seq, published, due, time| {
            let Event::Received {
                cursor, published_at, received_at, payload_bytes, payload, ..
            } = received(seq, published, time)
            else {
                unreachable!()
            };
            let origin = Some(MessageOrigin::Probe { due: at(due) });
            Event::Received { cursor, published_at, received_at, payload_bytes, payload, origin }
        };
        let recorder = seen(
            WINDOW,
            &[
                connected(0),
                probe(1, 999, 990, 1_010),
                probe(2, 1_000, 990, 1_100),
                probe(2, 1_000, 990, 1_900),
                probe(3, 1_999, 1_990, 2_100),
                probe(4, 1_999, 2_200, 2_100),
                probe(5, 2_000, 1_990, 2_100),
            ],
        );
        let probes = &recorder.probes;
        assert_eq!((probes.same_host.len(), probes.from_the_future), (2, 1));
        assert_eq!(probes.same_host.max(), Some(Duration::from_nanos(110)));
        assert_eq!((recorder.received, recorder.delivery.len()), (3, 3), "messages like any other");
    }

    #[test]
    fn a_damaged_message_is_not_received_and_not_lost_without_notice() {
        let damaged =
            |seq, published| Event::Damaged { cursor: cursor(seq), published_at: at(published) };
        let events = [
            connected(0),
            damaged(1, 999),
            received(2, 1_000, 1_100),
            damaged(3, 1_100),
            damaged(3, 1_100),
            received(3, 1_100, 1_200),
            received(4, 1_200, 1_300),
        ];
        let recorder = seen(WINDOW, &events);
        assert_eq!((recorder.received, recorder.damaged, recorder.duplicate), (2, 1, 1));
        assert_eq!(recorder.out_of_order, 0, "the place of a damaged message is known");
        assert_eq!(recorder.payload_bytes, 20);
    }

    #[test]
    fn a_repeat_of_a_message_from_before_the_window_is_still_a_repeat() {
        let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
        recorder.observe(None, &mut sequence, &connected(0));
        recorder.observe(None, &mut sequence, &received(1, 1_000, 1_001));
        assert_eq!(recorder.received, 0);
        recorder.observe(WINDOW, &mut sequence, &received(1, 1_000, 1_002));
        assert_eq!((recorder.received, recorder.duplicate), (0, 1));
    }

    #[test]
    fn requests_and_empty_answers_count_by_their_own_time() {
        let events: Vec<Event> = [999, 1_000, 1_999, 2_000]
            .into_iter()
            .flat_map(|time| {
                [Event::Request { at: at(time) }, Event::Empty { at: at(time), cursor: cursor(0) }]
            })
            .collect();
        let recorder = seen(WINDOW, &events);
        assert_eq!((recorder.requests, recorder.empty), (2, 2));
        let before = seen(None, &events);
        assert_eq!((before.requests, before.empty), (0, 0));
    }

    #[test]
    fn the_time_to_connect_counts_before_there_is_a_window() {
        assert_eq!(seen(None, &[connected(0)]).connect.len(), 1);
    }

    #[test]
    fn a_gap_counts_once_there_is_a_window() {
        let gap = Event::Gap { gap: Gap::Missed(7), cursor: cursor(8) };
        let during = seen(WINDOW, &[connected(1), gap.clone()]);
        assert_eq!((during.gaps, during.gap_missed), (1, 7));
        let before = seen(None, &[connected(1), gap]);
        assert_eq!((before.gaps, before.gap_missed), (0, 0));
    }

    #[test]
    fn a_reset_starts_a_new_epoch_in_which_low_numbers_are_new() {
        let next = |seq| Cursor { epoch: Epoch(2), seq };
        let again = |seq, time| Event::Received {
            cursor: next(seq),
            published_at: at(time),
            received_at: at(time),
            payload_bytes: 10,
            payload: None,
            origin: None,
        };
        let recorder = seen(
            WINDOW,
            &[
                connected(40),
                received(41, 1_000, 1_001),
                Event::Gap { gap: Gap::Reset, cursor: next(0) },
                again(1, 1_100),
                again(2, 1_200),
            ],
        );
        assert_eq!((recorder.received, recorder.duplicate, recorder.gaps), (3, 0, 1));
    }

    #[test]
    fn a_message_that_arrives_before_it_was_due_has_no_delivery_time() {
        let recorder = seen(WINDOW, &[connected(0), received(1, 1_500, 1_499)]);
        assert_eq!(recorder.from_the_future, 1);
        assert_eq!(recorder.most_ahead, Duration::from_nanos(1));
        assert_eq!(recorder.received, 1);
        assert!(recorder.delivery.is_empty());
    }

    #[test]
    fn a_subscriber_that_was_told_not_to_read_has_messages_without_delays() {
        let late = seen(WINDOW, &[connected(0), received(1, 1_500, 900_000)]).without_delays();
        assert_eq!((late.received, late.without_delay, late.delivery.len()), (1, 1, 0));
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let time = || (900..2_100_u64).prop_map(Timestamp::from_nanos);
        let place = || (0..12_u64).prop_map(cursor);
        prop_oneof![
            (0..1_000_000_u64, place()).prop_map(|(took, cursor)| Event::Connected {
                took: Duration::from_nanos(took),
                cursor
            }),
            time().prop_map(|at| Event::Request { at }),
            (time(), place()).prop_map(|(at, cursor)| Event::Empty { at, cursor }),
            (place(), time(), time(), 0..500_usize).prop_map(
                |(cursor, published_at, received_at, payload_bytes)| Event::Received {
                    cursor,
                    published_at,
                    received_at,
                    payload_bytes,
                    payload: None,
                    origin: None,
                }
            ),
            (0..9_u64, place())
                .prop_map(|(missed, cursor)| Event::Gap { gap: Gap::Missed(missed), cursor }),
        ]
    }

    fn any_recorder() -> impl Strategy<Value = Recorder> {
        prop::collection::vec(any_event(), 0..30).prop_map(|events| seen(WINDOW, &events))
    }

    fn merged(left: &Recorder, right: &Recorder) -> Recorder {
        let mut sum = left.clone();
        sum.merge(right);
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn merging_is_associative_and_commutative(
            a in any_recorder(), b in any_recorder(), c in any_recorder(),
        ) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &Recorder::new()), a);
        }

        #[test]
        fn every_message_received_has_a_delivery_time_or_comes_from_the_future(
            recorder in any_recorder(),
        ) {
            prop_assert_eq!(recorder.received, recorder.delivery.len() + recorder.from_the_future);
            prop_assert!(recorder.out_of_order <= recorder.received);
        }
    }
}
