//! The messages of a feed that somebody else fills: when they count, and what their numbers say.

use crate::event::{WatchedDelay, WatchedMessage};
use crate::recorder::Recorder;
use crate::sequence::{Arrival, Sequence};
use crate::window::Window;

impl Recorder {
    /// Records a message of a watched feed. When it was due is not known, so it counts if it arrives
    /// inside the window. One that the window has skipped counts when it arrives after all.
    pub(crate) fn watched(
        &mut self,
        window: Option<Window>,
        sequence: &mut Sequence,
        message: &WatchedMessage,
    ) {
        let inside = window.is_some_and(|window| window.contains(message.received_at));
        let Some(cursor) = message.cursor else {
            if inside {
                self.watched_received(message);
            }
            return;
        };
        let watched = sequence.watch(cursor, inside);
        self.watch.expected = self.watch.expected.saturating_add(watched.expected);
        if !watched.counts {
            return;
        }
        match watched.arrival {
            Arrival::InOrder => {}
            Arrival::OutOfOrder => self.out_of_order += 1,
            Arrival::Duplicate => {
                self.duplicate += 1;
                return;
            }
        }
        self.watch.numbered += 1;
        self.watched_received(message);
    }

    fn watched_received(&mut self, message: &WatchedMessage) {
        self.received += 1;
        self.payload_bytes += message.payload_bytes as u64;
        match message.delay {
            Some(WatchedDelay::Took(delay)) => self.delivery.record(delay),
            Some(WatchedDelay::Negative) => self.from_the_future += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_protocol::{Cursor, Epoch, Timestamp};

    use super::*;
    use crate::event::Event;
    use crate::watch_record::WatchRecord;

    const WINDOW: Window =
        Window { from: Timestamp::from_nanos(1_000), to: Timestamp::from_nanos(2_000) };

    fn message(seq: Option<u64>, received_at: u64, delay: Option<WatchedDelay>) -> Event {
        Event::Watched(WatchedMessage {
            cursor: seq.map(|seq| Cursor { epoch: Epoch(1), seq }),
            delay,
            received_at: Timestamp::from_nanos(received_at),
            payload_bytes: 10,
            payload: None,
        })
    }

    fn numbered(seq: u64, received_at: u64) -> Event {
        message(Some(seq), received_at, None)
    }

    fn connected() -> Event {
        let cursor = Cursor { epoch: Epoch(1), seq: 0 };
        Event::Connected { took: Duration::ZERO, cursor }
    }

    /// Returns what a recorder has after the events of one subscriber.
    fn seen(events: &[Event]) -> Recorder {
        let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
        for event in events {
            recorder.observe(Some(WINDOW), &mut sequence, event);
        }
        recorder
    }

    fn counts(recorder: &Recorder) -> [u64; 5] {
        let WatchRecord { numbered, expected } = recorder.watch;
        [recorder.received, numbered, expected, recorder.duplicate, recorder.out_of_order]
    }

    #[test]
    fn a_message_belongs_to_the_window_in_which_it_arrives() {
        let all = [999, 1_000, 1_999, 2_000].map(|at| message(None, at, None));
        assert_eq!(counts(&seen(&all)), [2, 0, 0, 0, 0]);
        let numbers =
            [numbered(7, 999), numbered(8, 1_000), numbered(9, 1_999), numbered(10, 2_000)];
        assert_eq!(counts(&seen(&numbers)), [2, 2, 2, 0, 0]);
        assert_eq!(seen(&numbers).payload_bytes, 20);
    }

    #[test]
    fn what_came_before_the_first_message_of_a_subscriber_is_not_missed() {
        let events = [connected(), numbered(5_000, 1_100), connected(), numbered(5_002, 1_200)];
        assert_eq!(counts(&seen(&events)), [2, 2, 3, 0, 0], "5001 is missed, across a reconnect");
    }

    #[test]
    fn what_the_numbers_of_the_window_skip_is_missed_until_it_arrives() {
        let skipping = [numbered(1, 900), numbered(4, 1_100), numbered(8, 2_100)];
        assert_eq!(counts(&seen(&skipping)), [1, 1, 3, 0, 0], "2 and 3, not what came later");
        let late = [skipping.as_slice(), &[numbered(3, 2_200), numbered(6, 2_300)]].concat();
        assert_eq!(counts(&seen(&late)), [2, 2, 3, 0, 1], "3 came in the drain, 6 is of no window");
    }

    #[test]
    fn a_hole_of_the_time_before_the_window_that_is_filled_in_it_is_received() {
        let events = [numbered(1, 800), numbered(3, 900), numbered(2, 1_100), numbered(2, 1_200)];
        assert_eq!(counts(&seen(&events)), [1, 1, 1, 1, 1]);
    }

    #[test]
    fn delays_are_recorded_where_there_are_any_and_negative_ones_are_counted() {
        let took = WatchedDelay::Took(Duration::from_millis(3));
        let recorder = seen(&[
            message(None, 1_100, Some(took)),
            message(Some(1), 1_200, Some(WatchedDelay::Negative)),
            message(None, 1_300, None),
        ]);
        assert_eq!((recorder.received, recorder.delivery.len()), (3, 1));
        assert_eq!(recorder.from_the_future, 1);
    }

    #[test]
    fn absurd_numbers_do_not_abort_a_run() {
        let events = [numbered(1, 1_100), numbered(u64::MAX, 1_200)];
        let (mut recorder, more) = (seen(&events), seen(&events));
        recorder.merge(&more);
        assert_eq!(recorder.watch, WatchRecord { numbered: 4, expected: u64::MAX });
    }
}
