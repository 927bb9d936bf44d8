//! `[reconnect]` in the making, and what its keys cannot mean together.

use std::time::Duration;

use super::checks::{first_place, longest, needs};
use super::draft::{Draft, values};
use super::reader::{Placed, Reader};
use crate::{Policy, Problem, ReconnectLists, duration_text, reconnect_keys as keys};

/// What could be read of each key. An empty list means that its problem is known already.
#[derive(Clone)]
pub(super) struct ReconnectDraft {
    policy: Vec<Placed<Policy>>,
    first: Vec<Placed<Duration>>,
    most: Vec<Placed<Duration>>,
}

impl ReconnectDraft {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            policy: reader.several(&keys::POLICY),
            first: reader.several(&keys::FIRST),
            most: reader.several(&keys::MOST),
        }
    }

    pub(super) fn build(self) -> ReconnectLists {
        ReconnectLists {
            policy: values(self.policy),
            first: values(self.first),
            most: values(self.most),
        }
    }

    /// How many runs it makes of one.
    pub(super) fn combinations(&self) -> usize {
        let of = |policy: &Placed<Policy>| match policy.value {
            Policy::Same => self.first.len().saturating_mul(self.most.len()),
            Policy::Native => 1,
        };
        self.policy.iter().map(of).fold(0, usize::saturating_add)
    }

    /// Returns true if a run uses the bounds, or if it is not known which policies were meant.
    fn has_bounds(&self) -> bool {
        self.policy.is_empty() || self.policy.iter().any(|policy| policy.value == Policy::Same)
    }
}

pub(super) fn check(draft: &Draft, problems: &mut Vec<Problem>) {
    let reconnect = &draft.reconnect;
    let (bounds, same) = (reconnect.has_bounds(), "`reconnect.policy = \"same\"`");
    let found = [
        needs(bounds, same, &keys::FIRST, &reconnect.first),
        needs(bounds, same, &keys::MOST, &reconnect.most),
        first_within_most(reconnect),
    ];
    problems.extend(found.into_iter().flatten());
}

/// The bound grows from `first` to `most`.
fn first_within_most(reconnect: &ReconnectDraft) -> Option<Problem> {
    let first = longest(&reconnect.first)?;
    let most = reconnect.most.iter().min_by_key(|placed| placed.value)?;
    (reconnect.has_bounds() && first.value > most.value).then(|| Problem {
        place: first_place([first.place.as_ref(), most.place.as_ref()]),
        message: format!(
            "`{}` must be at most `{}`, `\"{}\"`, found `\"{}\"`",
            keys::FIRST.path(),
            keys::MOST.path(),
            duration_text(most.value),
            duration_text(first.value)
        ),
        hint: Some("pauses grow from the one to the other".to_owned()),
    })
}
