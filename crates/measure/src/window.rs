//! The part of a run that counts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wirebench_protocol::Timestamp;

/// The part of a run that counts. A message belongs to the window in which it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Window {
    /// The first instant inside the window.
    pub from: Timestamp,
    /// The first instant after the window.
    pub to: Timestamp,
}

impl Window {
    /// Returns true if `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Returns its length; zero if it ends before it begins.
    pub fn length(&self) -> Duration {
        self.to.saturating_since(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_contains_its_first_instant_and_not_its_last() {
        let window = Window { from: Timestamp::from_nanos(5), to: Timestamp::from_nanos(8) };
        let inside = [4, 5, 7, 8].map(|nanos| window.contains(Timestamp::from_nanos(nanos)));
        assert_eq!(inside, [false, true, true, false]);
        assert_eq!(window.length(), Duration::from_nanos(3));
    }
}
