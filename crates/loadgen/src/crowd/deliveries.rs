//! What was delivered of what was published.

use wirebench_measure::{AddressedCount, Missed};
use wirebench_protocol::Seq;
use wirebench_protocol::control::WindowCount;

use super::part::PartOutcome;
use super::restartable_server::{addressed, published};

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
    /// Combines what each epoch of the feed published with what came of the subscribers.
    pub(super) fn new(epochs: &[WindowCount], outcome: PartOutcome) -> Self {
        Self {
            published: published(epochs),
            addressed: addressed(epochs),
            missed: outcome.missed,
            still_away: outcome.still_away,
        }
    }
}

/// Completes the counts of the epochs that have ended. A server that was killed could only be asked
/// before: what a subscriber has seen of that epoch beyond its answer was published, too. `newest` is
/// the newest message of each epoch that anyone has seen.
pub(super) fn with_what_was_seen(
    epochs: &[WindowCount],
    newest: &[Option<Seq>],
) -> Vec<WindowCount> {
    let mut epochs = epochs.to_vec();
    let ended = epochs.len().saturating_sub(1);
    for (epoch, newest) in epochs.iter_mut().zip(newest).take(ended) {
        if let Some((last, newest)) = epoch.last_seq.as_mut().zip(*newest) {
            epoch.published += newest.saturating_sub(*last);
            *last = newest.max(*last);
        }
    }
    epochs
}
