//! Whether a message that arrives is new, late or a repeat: one subscriber's place in the feed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use wirebench_protocol::{Cursor, Epoch, Gap, Seq};

use crate::fault_outcome::{ExpectedRange, Missed, disjoint, overlap};

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
    /// What few subscribers ever have.
    aside: Option<Box<Aside>>,
}

/// Lives of the feed that are over, and what the server has told.
#[derive(Clone, Debug, Default)]
struct Aside {
    /// The lives before this one, the oldest first; at most [`Sequence::MAX_LIVES`].
    over: Vec<PastEpoch>,
    /// What gaps have said is missed in this life; at most [`Sequence::MAX_HOLES`]. Forgetting the oldest
    /// makes a loss that was told look silent, never the other way round.
    told: VecDeque<RangeInclusive<Seq>>,
    /// Where the subscriber came into this life: what lies before it never arrived.
    start: Seq,
}

/// A life of the feed that is over.
#[derive(Clone, Debug)]
struct PastEpoch {
    start: Seq,
    newest: Seq,
    holes: VecDeque<RangeInclusive<Seq>>,
    told: VecDeque<RangeInclusive<Seq>>,
    /// A gap has said that it is over.
    reset: bool,
}

impl Sequence {
    /// How many former lives of the feed are remembered: a run has a restart or two.
    pub const MAX_LIVES: usize = 16;

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

    /// Places the subscriber anew, as after the feed's restart.
    fn reset(&mut self, cursor: Cursor) {
        if self.epoch.is_some() && self.epoch != Some(cursor.epoch) {
            let aside = self.aside.get_or_insert_default();
            let (told, start) = (std::mem::take(&mut aside.told), aside.start);
            if aside.over.len() < Self::MAX_LIVES {
                aside.over.push(PastEpoch {
                    start,
                    newest: self.newest,
                    holes: std::mem::take(&mut self.holes),
                    told,
                    reset: false,
                });
            }
            aside.start = cursor.seq;
        }
        self.epoch = Some(cursor.epoch);
        self.newest = cursor.seq;
        self.holes.clear();
    }

    /// Takes note of a gap that the server announced, and of where the subscription goes on.
    pub fn tell(&mut self, gap: Gap, cursor: Cursor) {
        self.start_at(cursor);
        match gap {
            Gap::Missed(missed) => {
                let from = cursor.seq.saturating_sub(missed).saturating_add(1);
                self.note(from..=cursor.seq);
            }
            Gap::Reset => {
                let aside = self.aside.get_or_insert_default();
                aside.over.iter_mut().for_each(|life| life.reset = true);
                self.note(1..=cursor.seq);
            }
        }
    }

    fn note(&mut self, told: RangeInclusive<Seq>) {
        let aside = self.aside.get_or_insert_default();
        aside.told.push_back(told);
        if aside.told.len() > Self::MAX_HOLES {
            aside.told.pop_front();
        }
    }

    /// The newest message seen in a life of the feed, counted from the subscriber's first.
    pub fn newest_in_epoch(&self, life: usize) -> Option<Seq> {
        let over = self.aside.as_ref().map_or(&[][..], |aside| &aside.over);
        match over.get(life) {
            Some(life) => Some(life.newest),
            None => (life == over.len()).then_some(self.newest),
        }
    }

    /// What did not arrive of what each life of the feed owed, the subscriber's first life first.
    /// `subscribed` says whether the subscriber believes that it is up to date.
    pub(crate) fn missed(&self, owed: &[ExpectedRange], subscribed: bool) -> Missed {
        let none = Aside::default();
        let aside = self.aside.as_deref().unwrap_or(&none);
        let mut missed = Missed::default();
        for (at, owed) in owed.iter().enumerate() {
            let Some(owed) = owed else { continue };
            let (unseen, told): (Vec<_>, Vec<_>) = match aside.over.get(at) {
                Some(life) => {
                    let told = if life.reset { vec![0..=Seq::MAX] } else { Vec::new() };
                    (
                        unseen(life.start, &life.holes, life.newest),
                        life.told.iter().cloned().chain(told).collect(),
                    )
                }
                None if at == aside.over.len() => {
                    let rest = if subscribed {
                        None
                    } else {
                        Some(self.newest.saturating_add(1)..=Seq::MAX)
                    };
                    (
                        unseen(aside.start, &self.holes, self.newest),
                        aside.told.iter().cloned().chain(rest).collect(),
                    )
                }
                // It never came to this life.
                None => (
                    vec![0..=Seq::MAX],
                    (!subscribed).then_some(0..=Seq::MAX).into_iter().collect(),
                ),
            };
            let told = disjoint(told);
            for unseen in disjoint(unseen) {
                let all = overlap(&unseen, owed);
                let signalled: u64 = told
                    .iter()
                    .map(|told| {
                        let both =
                            *told.start().max(unseen.start())..=*told.end().min(unseen.end());
                        if both.is_empty() { 0 } else { overlap(&both, owed) }
                    })
                    .sum();
                missed.signalled += signalled;
                missed.silently += all - signalled;
            }
        }
        missed
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

/// What has not arrived of a life: before its start, in its holes, after its newest message.
fn unseen(
    start: Seq,
    holes: &VecDeque<RangeInclusive<Seq>>,
    newest: Seq,
) -> Vec<RangeInclusive<Seq>> {
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

    fn missed(signalled: u64, silently: u64) -> Missed {
        Missed { signalled, silently }
    }

    #[test]
    fn what_a_gap_told_is_missed_and_signalled_and_the_rest_is_silent() {
        let mut sequence = started_at(0);
        sequence.arrive(1);
        sequence.tell(Gap::Missed(4), cursor(1, 5));
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
    fn a_reset_signals_what_the_former_life_still_owed() {
        let mut sequence = started_at(0);
        sequence.arrive(1);
        sequence.arrive(3);
        // As every transport says it: first where it stands, then the gap.
        sequence.start_at(cursor(2, 0));
        assert_eq!(sequence.missed(&[Some(1..=5)], true), missed(0, 3), "not told yet");
        sequence.tell(Gap::Reset, cursor(2, 0));
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
    fn a_life_that_is_entered_late_is_missed_up_to_there() {
        let mut sequence = started_at(0);
        sequence.tell(Gap::Reset, cursor(2, 7));
        sequence.arrive(8);
        assert_eq!(sequence.missed(&[None, Some(1..=8)], true), missed(7, 0));
    }

    #[test]
    fn a_life_that_is_never_entered_is_known_to_who_is_cut_off_only() {
        let sequence = started_at(0);
        assert_eq!(sequence.missed(&[None, Some(1..=8)], false), missed(8, 0));
        assert_eq!(sequence.missed(&[None, Some(1..=8)], true), missed(0, 8));
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
