//! Whether a message that arrives is new, late or a repeat: one subscriber's place in the feed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use wirebench_protocol::{Cursor, Epoch, Seq};

/// What the arrival of a message means for the subscriber that receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Seen for the first time, after everything before it.
    InOrder,
    /// Seen for the first time, after a later message.
    OutOfOrder,
    /// Seen before.
    Duplicate,
}

/// One subscriber's place in the feed.
///
/// There is one for each subscriber, so it is small: it remembers the newest message and the holes
/// before it, not what arrived. Without holes it owns no memory.
///
/// At most [`Sequence::MAX_HOLES`] holes are remembered. When there are more, the oldest is
/// forgotten, and a message of it that arrives after all counts as a
/// [`Duplicate`](Arrival::Duplicate); it stays missing in the run's account, so that forgetting can
/// make a run look worse, never better.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The life of the feed that the numbers belong to; `None` before the first cursor.
    epoch: Option<Epoch>,
    /// The newest message seen, or the place at which the subscription started.
    newest: Seq,
    /// What was passed over below `newest`: disjoint, ascending, none empty.
    holes: VecDeque<RangeInclusive<Seq>>,
}

impl Sequence {
    /// How many separate holes are remembered: 16 KiB for a subscriber at its worst.
    pub const MAX_HOLES: usize = 1_024;

    /// Places the subscriber: the first message that it expects is the one after `cursor`.
    ///
    /// Within one life of the feed only the first call counts: a subscriber that comes back expects
    /// what it has not seen, wherever the server lets it go on.
    pub fn start_at(&mut self, cursor: Cursor) {
        if self.epoch != Some(cursor.epoch) {
            self.reset(cursor);
        }
    }

    /// Places the subscriber anew, as after the feed's restart; what was missing is forgotten.
    pub fn reset(&mut self, cursor: Cursor) {
        self.epoch = Some(cursor.epoch);
        self.newest = cursor.seq;
        self.holes.clear();
    }

    /// Takes note of the message at `seq` and says what its arrival means.
    ///
    /// A message from before the start counts as a duplicate: the cursor that the subscription
    /// started at says that it was seen.
    pub fn arrive(&mut self, seq: Seq) -> Arrival {
        if seq > self.newest {
            if seq > self.newest + 1 {
                self.holes.push_back(self.newest + 1..=seq - 1);
                self.forget_what_is_too_much();
            }
            self.newest = seq;
            Arrival::InOrder
        } else if self.fill(seq) {
            Arrival::OutOfOrder
        } else {
            Arrival::Duplicate
        }
    }

    /// Takes `seq` out of the hole that it lies in; false when it lies in none.
    fn fill(&mut self, seq: Seq) -> bool {
        let at = self.holes.partition_point(|hole| *hole.end() < seq);
        let Some(hole) = self.holes.get_mut(at).filter(|hole| hole.contains(&seq)) else {
            return false;
        };
        match (*hole.start() == seq, *hole.end() == seq) {
            (true, true) => drop(self.holes.remove(at)),
            (true, false) => *hole = seq + 1..=*hole.end(),
            (false, true) => *hole = *hole.start()..=seq - 1,
            (false, false) => {
                let above = seq + 1..=*hole.end();
                *hole = *hole.start()..=seq - 1;
                self.holes.insert(at + 1, above);
                self.forget_what_is_too_much();
            }
        }
        true
    }

    fn forget_what_is_too_much(&mut self) {
        if self.holes.len() > Self::MAX_HOLES {
            self.holes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn cursor(epoch: u64, seq: Seq) -> Cursor {
        Cursor { epoch: Epoch(epoch), seq }
    }

    fn started_at(seq: Seq) -> Sequence {
        let mut sequence = Sequence::default();
        sequence.start_at(cursor(1, seq));
        sequence
    }

    fn check(start: Seq, arrivals: &[(Seq, Arrival)]) {
        let mut sequence = started_at(start);
        for (index, (seq, expected)) in arrivals.iter().enumerate() {
            assert_eq!(sequence.arrive(*seq), *expected, "arrival {index}, of message {seq}");
        }
    }

    #[test]
    fn a_message_that_comes_late_is_out_of_order_once_and_then_a_repeat() {
        use Arrival::{Duplicate, InOrder, OutOfOrder};
        check(
            0,
            &[
                (1, InOrder),
                (1, Duplicate),
                (6, InOrder),
                (4, OutOfOrder),
                (4, Duplicate),
                (2, OutOfOrder),
                (5, OutOfOrder),
                (3, OutOfOrder),
                (3, Duplicate),
                (6, Duplicate),
                (7, InOrder),
            ],
        );
    }

    #[test]
    fn a_message_from_before_the_start_is_a_repeat() {
        check(10, &[(10, Arrival::Duplicate), (3, Arrival::Duplicate), (11, Arrival::InOrder)]);
    }

    #[test]
    fn coming_back_within_a_life_of_the_feed_forgets_nothing() {
        let mut sequence = started_at(0);
        sequence.arrive(3);
        sequence.start_at(cursor(1, 9));
        assert_eq!(sequence.arrive(2), Arrival::OutOfOrder);
        assert_eq!(sequence.arrive(4), Arrival::InOrder);
    }

    #[test]
    fn another_life_of_the_feed_starts_over() {
        let mut sequence = started_at(0);
        sequence.arrive(3);
        sequence.start_at(cursor(2, 0));
        assert_eq!(sequence.arrive(1), Arrival::InOrder);
        assert_eq!(sequence.arrive(2), Arrival::InOrder);
    }

    #[test]
    fn a_subscriber_without_holes_owns_no_memory() {
        let mut sequence = started_at(0);
        for seq in 1..=1_000 {
            sequence.arrive(seq);
        }
        assert_eq!(sequence.holes.capacity(), 0);
        assert!(size_of::<Sequence>() <= 64);
    }

    #[test]
    fn the_oldest_hole_is_forgotten_when_there_are_too_many() {
        let mut sequence = started_at(0);
        let holes = Seq::try_from(Sequence::MAX_HOLES).unwrap() + 1;
        for hole in 1..=holes {
            assert_eq!(sequence.arrive(2 * hole), Arrival::InOrder);
        }
        assert_eq!(sequence.holes.len(), Sequence::MAX_HOLES);
        assert_eq!(sequence.arrive(1), Arrival::Duplicate, "its hole is forgotten");
        assert_eq!(sequence.arrive(3), Arrival::OutOfOrder, "its hole is the oldest kept");
    }

    #[test]
    fn splitting_a_hole_keeps_within_the_bound_too() {
        let mut sequence = started_at(0);
        let last = 2 * Seq::try_from(Sequence::MAX_HOLES).unwrap() + 3;
        sequence.arrive(last);
        for seq in (2..last).step_by(2) {
            assert_eq!(sequence.arrive(seq), Arrival::OutOfOrder);
            assert!(sequence.holes.len() <= Sequence::MAX_HOLES);
        }
    }

    /// Remembers everything that ever arrived.
    struct Naive {
        start: Seq,
        seen: HashSet<Seq>,
        newest: Seq,
    }

    impl Naive {
        fn arrive(&mut self, seq: Seq) -> Arrival {
            let new = seq > self.start && self.seen.insert(seq);
            let later = seq > self.newest;
            self.newest = self.newest.max(seq);
            match (new, later) {
                (true, true) => Arrival::InOrder,
                (true, false) => Arrival::OutOfOrder,
                (false, _) => Arrival::Duplicate,
            }
        }
    }

    /// What a network can do to a feed that was published in order.
    #[derive(Clone, Copy, Debug)]
    enum Fault {
        Drop(prop::sample::Index),
        Repeat(prop::sample::Index, prop::sample::Index),
        Swap(prop::sample::Index, prop::sample::Index),
    }

    fn any_fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            any::<prop::sample::Index>().prop_map(Fault::Drop),
            any::<(prop::sample::Index, prop::sample::Index)>()
                .prop_map(|(from, to)| Fault::Repeat(from, to)),
            any::<(prop::sample::Index, prop::sample::Index)>()
                .prop_map(|(a, b)| Fault::Swap(a, b)),
        ]
    }

    fn disturbed(start: Seq, length: Seq, faults: &[Fault]) -> Vec<Seq> {
        let mut feed: Vec<Seq> = (start + 1..=start + length).collect();
        for fault in faults {
            if feed.is_empty() {
                break;
            }
            let len = feed.len();
            match fault {
                Fault::Drop(at) => drop(feed.remove(at.index(len))),
                Fault::Repeat(from, to) => feed.insert(to.index(len), feed[from.index(len)]),
                Fault::Swap(a, b) => feed.swap(a.index(len), b.index(len)),
            }
        }
        feed
    }

    proptest! {
        #[test]
        fn any_drops_repeats_and_swaps_are_judged_as_if_everything_was_remembered(
            start in 0..1_000_u64,
            length in 0..120_u64,
            faults in prop::collection::vec(any_fault(), 0..80),
        ) {
            let mut sequence = started_at(start);
            let mut naive = Naive { start, seen: HashSet::new(), newest: start };
            for seq in disturbed(start, length, &faults) {
                prop_assert_eq!(sequence.arrive(seq), naive.arrive(seq), "message {}", seq);
            }
        }
    }
}
