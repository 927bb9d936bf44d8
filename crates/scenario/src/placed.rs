//! Values with their places, compared with each other: what the checks of several keys share.

use std::time::Duration;

use crate::key::Key;
use crate::values::field::{Placed, default};
use crate::values::value::FieldValue;
use crate::{Place, Problem};

/// Returns the longest of several durations.
pub(crate) fn longest(durations: &[Placed<Duration>]) -> Option<&Placed<Duration>> {
    durations.iter().max_by_key(|placed| placed.value)
}

/// Returns the first place that a user wrote, of several values that do not go together.
pub(crate) fn first_place<const N: usize>(places: [Option<&Place>; N]) -> Place {
    let written = places.into_iter().flatten().next();
    written.cloned().expect("the defaults go together, as a test makes sure")
}

/// Returns a problem if a key has a value other than its default and `other`, which alone gives
/// such a value a meaning, is not set. The default needs nothing: a scenario as run has every
/// default filled in.
pub(crate) fn needs<T: FieldValue>(
    is_set: bool,
    other: &str,
    key: &Key,
    values: &[Placed<T>],
) -> Option<Problem> {
    let default = default::<T>(key);
    let own = values.iter().find(|value| value.value != default)?;
    (!is_set).then(|| Problem {
        place: first_place([own.place.as_ref()]),
        message: format!("`{}` means nothing without {other}", key.path),
        hint: None,
    })
}
