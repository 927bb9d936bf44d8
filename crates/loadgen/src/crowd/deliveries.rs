//! What was delivered of what was published.

use wirebench_measure::{AddressedCount, Missed, SubscriberOutcome, missed};
use wirebench_protocol::control::WindowCount;

use super::restartable_server::{addressed, expected_range, published};

/// What was published in the window, and what the subscribers have received of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deliveries {
    /// Messages of the window, in all epochs of the feed.
    pub(super) published: u64,
    /// How many of them were not for everybody.
    pub(super) addressed: AddressedCount,
    pub(super) missed: Missed,
    /// Subscribers that are not subscribed.
    pub(super) still_away: u64,
}

impl Deliveries {
    /// Compares what each subscriber has seen with what each epoch of the feed published.
    ///
    /// A server that was killed could only be asked before: what a subscriber has seen of that
    /// epoch beyond its answer was published, too.
    pub(super) fn new(outcomes: &[SubscriberOutcome], epochs: &[WindowCount]) -> Self {
        let mut epochs = epochs.to_vec();
        let ended = epochs.len().saturating_sub(1);
        for (number, epoch) in epochs.iter_mut().enumerate().take(ended) {
            let newest = outcomes.iter().filter_map(|o| o.sequence.newest_in_epoch(number)).max();
            if let Some((last, newest)) = epoch.last_seq.as_mut().zip(newest) {
                epoch.published += newest.saturating_sub(*last);
                *last = newest.max(*last);
            }
        }
        let expected: Vec<_> = epochs.iter().map(expected_range).collect();
        let still_away = outcomes.iter().filter(|outcome| !outcome.subscribed).count() as u64;
        Self {
            published: published(&epochs),
            addressed: addressed(&epochs),
            missed: missed(outcomes, &expected),
            still_away,
        }
    }
}
