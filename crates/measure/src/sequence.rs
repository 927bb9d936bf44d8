//! One subscriber's place in the feed: whether a message that arrives is new, late or a repeat.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use wirebench_protocol::{Cursor, Epoch, Gap, Seq};

use crate::missed::{ExpectedRange, Missed, disjoint, overlap};

type Ranges = Vec<RangeInclusive<Seq>>;

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
/// There is one for each subscriber, so it is small: it stores the newest message and the holes
/// before it, not what arrived. Without holes it allocates nothing.
///
/// At most [`Sequence::MAX_HOLES`] holes are stored. If there are more, the oldest is dropped, and
/// a message of it that arrives after all counts as a [`Duplicate`](Arrival::Duplicate). It still
/// counts as missing, so dropping a hole can make a run look worse, but never better.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The epoch of the feed that the numbers belong to; `None` before the first cursor.
    epoch: Option<Epoch>,
    /// The newest message seen, or the place at which the subscription started.
    newest: Seq,
    /// What has not arrived below `newest`: disjoint, ascending ranges, none of them empty.
    holes: VecDeque<RangeInclusive<Seq>>,
    /// Boxed, because few subscribers ever have one.
    history: Option<Box<History>>,
}

/// Past epochs of the feed, and the gaps that the server has announced.
#[derive(Clone, Debug, Default)]
struct History {
    /// The epochs before this one, the oldest first; at most [`Sequence::MAX_PAST_EPOCHS`].
    past: Vec<PastEpoch>,
    /// What gaps have announced as missed in this epoch; at most [`Sequence::MAX_HOLES`]. Dropping
    /// the oldest makes a signalled loss look silent, never the other way round.
    told: VecDeque<RangeInclusive<Seq>>,
    /// The place at which the subscriber entered this epoch. What lies before it never arrived.
    start: Seq,
    /// Some messages are not for this subscriber: a number that it does not see means nothing.
    is_addressed: bool,
    /// A message of a watched feed has arrived.
    is_watched: bool,
    /// The numbers of a watched feed that the window asks for.
    asked_for: Option<RangeInclusive<Seq>>,
}

/// What the arrival of a message of a watched feed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchedArrival {
    pub(crate) arrival: Arrival,
    /// The message is one of the window.
    pub(crate) counts: bool,
    /// How many more messages the window asks for than before.
    pub(crate) expected: u64,
}

/// An epoch of the feed that has ended.
#[derive(Clone, Debug)]
struct PastEpoch {
    start: Seq,
    newest: Seq,
    holes: VecDeque<RangeInclusive<Seq>>,
    told: VecDeque<RangeInclusive<Seq>>,
    /// True if a gap has announced that the epoch has ended.
    reset: bool,
}

impl Sequence {
    /// The maximum number of past epochs that are stored. A run has a restart or two.
    const MAX_PAST_EPOCHS: usize = 16;

    /// The maximum number of holes that are stored: 16 KiB for a subscriber in the worst case.
    pub const MAX_HOLES: usize = 1_024;

    /// Returns the sequence of a subscriber that is not sent every message of its feed. Numbers that
    /// it does not see are no holes. So a message that arrives after a later one counts as a
    /// [`Duplicate`](Arrival::Duplicate), and as missing: that can make a run look worse, but never
    /// better. What it missed cannot be told from the numbers.
    pub fn addressed() -> Self {
        let history = History { is_addressed: true, ..History::default() };
        Self { history: Some(Box::new(history)), ..Self::default() }
    }

    /// Places the subscriber: the first message that it expects is the one after `cursor`.
    ///
    /// Within one epoch of the feed only the first call counts: a subscriber that reconnects
    /// expects what has not arrived, wherever the server lets it continue.
    pub fn start_at(&mut self, cursor: Cursor) {
        if self.epoch != Some(cursor.epoch) {
            self.reset(cursor);
        }
    }

    /// Places the subscriber in another epoch, as after a restart of the feed.
    fn reset(&mut self, cursor: Cursor) {
        if self.epoch.is_some() && self.epoch != Some(cursor.epoch) {
            let history = self.history.get_or_insert_default();
            let (told, start) = (std::mem::take(&mut history.told), history.start);
            if history.past.len() < Self::MAX_PAST_EPOCHS {
                history.past.push(PastEpoch {
                    start,
                    newest: self.newest,
                    holes: std::mem::take(&mut self.holes),
                    told,
                    reset: false,
                });
            }
            history.start = cursor.seq;
        }
        self.epoch = Some(cursor.epoch);
        self.newest = cursor.seq;
        self.holes.clear();
    }

    /// Records a gap that the server announced, and the place from which the subscription
    /// continues.
    pub fn record_gap(&mut self, gap: Gap, cursor: Cursor) {
        self.start_at(cursor);
        match gap {
            Gap::Missed(missed) => {
                let from = cursor.seq.saturating_sub(missed).saturating_add(1);
                self.add_told(from..=cursor.seq);
            }
            Gap::Reset => {
                let history = self.history.get_or_insert_default();
                history.past.iter_mut().for_each(|past| past.reset = true);
                self.add_told(1..=cursor.seq);
            }
        }
    }

    fn add_told(&mut self, told: RangeInclusive<Seq>) {
        let history = self.history.get_or_insert_default();
        history.told.push_back(told);
        if history.told.len() > Self::MAX_HOLES {
            history.told.pop_front();
        }
    }

    /// Returns the newest message that arrived in an epoch of the feed, counted from the
    /// subscriber's first epoch, 0.
    pub fn newest_in_epoch(&self, epoch: usize) -> Option<Seq> {
        let past = self.history.as_ref().map_or(&[][..], |history| &history.past);
        match past.get(epoch) {
            Some(past) => Some(past.newest),
            None => (epoch == past.len()).then_some(self.newest),
        }
    }

    /// Returns what did not arrive of the messages that were expected in each epoch of the feed,
    /// the subscriber's first epoch first. `subscribed` says whether the subscriber believes that
    /// it is up to date.
    pub(crate) fn missed(&self, expected: &[ExpectedRange], subscribed: bool) -> Missed {
        let mut missed = Missed::default();
        for (epoch, expected) in expected.iter().enumerate() {
            let Some(expected) = expected else { continue };
            let (unseen, told) = self.unseen_and_told(epoch, subscribed);
            let told = disjoint(told);
            for unseen in disjoint(unseen) {
                let all = overlap(&unseen, expected);
                let known = told.iter().map(|told| {
                    let both = *told.start().max(unseen.start())..=*told.end().min(unseen.end());
                    overlap(&both, expected)
                });
                let signalled: u64 = known.sum();
                missed.signalled += signalled;
                missed.silently += all - signalled;
            }
        }
        missed
    }

    /// Returns what has not arrived of an epoch, and what the subscriber knows that it misses.
    fn unseen_and_told(&self, epoch: usize, subscribed: bool) -> (Ranges, Ranges) {
        let none = History::default();
        let history = self.history.as_deref().unwrap_or(&none);
        let everything = 0..=Seq::MAX;
        if let Some(past) = history.past.get(epoch) {
            let told = past.told.iter().cloned().chain(past.reset.then_some(everything));
            (unseen(past.start, &past.holes, past.newest), told.collect())
        } else if epoch == history.past.len() {
            let rest = (!subscribed).then_some(self.newest.saturating_add(1)..=Seq::MAX);
            let told = history.told.iter().cloned().chain(rest);
            (unseen(history.start, &self.holes, self.newest), told.collect())
        } else {
            // The subscriber never reached this epoch.
            let told = (!subscribed).then_some(everything.clone());
            (vec![everything], told.into_iter().collect())
        }
    }

    /// Records the message at `seq` and returns what its arrival means.
    ///
    /// A message from before the start counts as a duplicate, because the cursor at which the
    /// subscription started says that the subscriber already has it.
    pub fn arrive(&mut self, seq: Seq) -> Arrival {
        if seq > self.newest {
            let sees_all = self.history.as_ref().is_none_or(|history| !history.is_addressed);
            if seq > self.newest + 1 && sees_all {
                self.holes.push_back(self.newest + 1..=seq - 1);
                self.drop_oldest_hole_if_too_many();
            }
            self.newest = seq;
            Arrival::InOrder
        } else if self.fill(seq) {
            Arrival::OutOfOrder
        } else {
            Arrival::Duplicate
        }
    }

    /// Records the message at `cursor` of a feed that somebody else fills. `inside` says whether it
    /// arrives in the window.
    ///
    /// Such a feed was there before the subscriber: it starts at the first message that arrives.
    pub(crate) fn watch(&mut self, cursor: Cursor, inside: bool) -> WatchedArrival {
        let history = self.history.get_or_insert_default();
        if !std::mem::replace(&mut history.is_watched, true) {
            self.epoch = Some(cursor.epoch);
            self.newest = cursor.seq.saturating_sub(1);
        }
        let (seq, newest) = (cursor.seq, self.newest);
        let arrival = self.arrive(seq);
        let asked_for = &mut self.history.get_or_insert_default().asked_for;
        let is_asked_for = asked_for.as_ref().is_some_and(|asked_for| asked_for.contains(&seq));
        let expected = match arrival {
            Arrival::InOrder if inside => {
                let first = asked_for.as_ref().map_or(newest + 1, |asked_for| *asked_for.start());
                *asked_for = Some(first..=seq);
                seq - newest
            }
            Arrival::OutOfOrder if inside && !is_asked_for => 1,
            Arrival::InOrder | Arrival::OutOfOrder | Arrival::Duplicate => 0,
        };
        let is_late = arrival == Arrival::OutOfOrder && is_asked_for;
        WatchedArrival { arrival, counts: inside || is_late, expected }
    }

    /// Removes `seq` from the hole that it lies in. Returns false if it lies in none.
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
                self.drop_oldest_hole_if_too_many();
            }
        }
        true
    }

    fn drop_oldest_hole_if_too_many(&mut self) {
        if self.holes.len() > Self::MAX_HOLES {
            self.holes.pop_front();
        }
    }
}

/// Returns what has not arrived of an epoch: before its start, in its holes, after its newest
/// message.
fn unseen(start: Seq, holes: &VecDeque<RangeInclusive<Seq>>, newest: Seq) -> Ranges {
    let ends = [0..=start, newest.saturating_add(1)..=Seq::MAX];
    holes.iter().cloned().chain(ends).collect()
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
    fn reconnecting_within_an_epoch_keeps_the_holes() {
        let mut sequence = started_at(0);
        sequence.arrive(3);
        sequence.start_at(cursor(1, 9));
        assert_eq!(sequence.arrive(2), Arrival::OutOfOrder);
        assert_eq!(sequence.arrive(4), Arrival::InOrder);
    }

    #[test]
    fn another_epoch_starts_over() {
        let mut sequence = started_at(0);
        sequence.arrive(3);
        sequence.start_at(cursor(2, 0));
        assert_eq!(sequence.arrive(1), Arrival::InOrder);
        assert_eq!(sequence.arrive(2), Arrival::InOrder);
    }

    fn missed(signalled: u64, silently: u64) -> Missed {
        Missed { signalled, silently }
    }

    #[test]
    fn what_a_gap_announced_is_signalled_and_the_rest_is_silent() {
        let mut sequence = started_at(0);
        sequence.arrive(1);
        sequence.record_gap(Gap::Missed(4), cursor(1, 5));
        for seq in [6, 9, 10] {
            sequence.arrive(seq);
        }
        assert_eq!(sequence.missed(&[Some(1..=10)], true), missed(4, 2));
        assert_eq!(sequence.missed(&[Some(4..=8)], true), missed(2, 2), "the window is smaller");
        assert_eq!(sequence.missed(&[Some(1..=12)], true), missed(4, 4), "a loss at the tail");
        assert_eq!(
            sequence.missed(&[Some(1..=12)], false),
            missed(6, 2),
            "it knows that it is off"
        );
        assert_eq!(sequence.missed(&[None], true), missed(0, 0));
    }

    #[test]
    fn a_reset_signals_what_was_still_missing_of_the_past_epoch() {
        let mut sequence = started_at(0);
        sequence.arrive(1);
        sequence.arrive(3);
        // As every transport says it: first where it stands, then the gap.
        sequence.start_at(cursor(2, 0));
        assert_eq!(sequence.missed(&[Some(1..=5)], true), missed(0, 3), "not told yet");
        sequence.record_gap(Gap::Reset, cursor(2, 0));
        for seq in 1..=4 {
            sequence.arrive(seq);
        }
        assert_eq!(sequence.newest_in_epoch(0), Some(3));
        assert_eq!(sequence.newest_in_epoch(1), Some(4));
        assert_eq!(sequence.newest_in_epoch(2), None);
        assert_eq!(sequence.missed(&[Some(1..=5), Some(1..=4)], true), missed(3, 0));
        assert_eq!(sequence.missed(&[Some(1..=5), Some(1..=6)], true), missed(3, 2));
    }

    #[test]
    fn an_epoch_that_is_entered_late_is_missed_up_to_there() {
        let mut sequence = started_at(0);
        sequence.record_gap(Gap::Reset, cursor(2, 7));
        sequence.arrive(8);
        assert_eq!(sequence.missed(&[None, Some(1..=8)], true), missed(7, 0));
    }

    #[test]
    fn only_a_subscriber_that_is_cut_off_knows_that_it_misses_an_epoch() {
        let sequence = started_at(0);
        assert_eq!(sequence.missed(&[None, Some(1..=8)], false), missed(8, 0));
        assert_eq!(sequence.missed(&[None, Some(1..=8)], true), missed(0, 8));
    }

    #[test]
    fn a_subscriber_without_holes_allocates_nothing() {
        let mut sequence = started_at(0);
        for seq in 1..=1_000 {
            sequence.arrive(seq);
        }
        assert_eq!(sequence.holes.capacity(), 0);
        assert!(size_of::<Sequence>() <= 64);
    }

    #[test]
    fn messages_for_others_leave_no_holes_and_are_no_disorder() {
        let mut sequence = Sequence::addressed();
        sequence.start_at(cursor(1, 0));
        for seq in (3..30_000).step_by(7) {
            assert_eq!(sequence.arrive(seq), Arrival::InOrder);
            assert_eq!(sequence.arrive(seq), Arrival::Duplicate);
        }
        assert_eq!(sequence.holes.capacity(), 0);
    }

    #[test]
    fn the_oldest_hole_is_dropped_if_there_are_too_many() {
        let mut sequence = started_at(0);
        let holes = Seq::try_from(Sequence::MAX_HOLES).unwrap() + 1;
        for hole in 1..=holes {
            assert_eq!(sequence.arrive(2 * hole), Arrival::InOrder);
        }
        assert_eq!(sequence.holes.len(), Sequence::MAX_HOLES);
        assert_eq!(sequence.arrive(1), Arrival::Duplicate, "its hole was dropped");
        assert_eq!(sequence.arrive(3), Arrival::OutOfOrder, "its hole is the oldest that is kept");
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

    /// Stores everything that ever arrived.
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
    enum Disorder {
        Drop(prop::sample::Index),
        Repeat(prop::sample::Index, prop::sample::Index),
        Swap(prop::sample::Index, prop::sample::Index),
    }

    fn any_disorder() -> impl Strategy<Value = Disorder> {
        prop_oneof![
            any::<prop::sample::Index>().prop_map(Disorder::Drop),
            any::<(prop::sample::Index, prop::sample::Index)>()
                .prop_map(|(from, to)| Disorder::Repeat(from, to)),
            any::<(prop::sample::Index, prop::sample::Index)>()
                .prop_map(|(a, b)| Disorder::Swap(a, b)),
        ]
    }

    fn disturbed(start: Seq, length: Seq, faults: &[Disorder]) -> Vec<Seq> {
        let mut feed: Vec<Seq> = (start + 1..=start + length).collect();
        for fault in faults {
            if feed.is_empty() {
                break;
            }
            let len = feed.len();
            match fault {
                Disorder::Drop(at) => drop(feed.remove(at.index(len))),
                Disorder::Repeat(from, to) => feed.insert(to.index(len), feed[from.index(len)]),
                Disorder::Swap(a, b) => feed.swap(a.index(len), b.index(len)),
            }
        }
        feed
    }

    proptest! {
        #[test]
        fn drops_repeats_and_swaps_are_judged_as_if_everything_was_stored(
            start in 0..1_000_u64,
            length in 0..120_u64,
            faults in prop::collection::vec(any_disorder(), 0..80),
        ) {
            let mut sequence = started_at(start);
            let mut naive = Naive { start, seen: HashSet::new(), newest: start };
            for seq in disturbed(start, length, &faults) {
                prop_assert_eq!(sequence.arrive(seq), naive.arrive(seq), "message {}", seq);
            }
        }
    }
}
