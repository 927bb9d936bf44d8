//! `[reconnect]`: how soon subscribers come back.

use std::time::Duration;

use crate::duration::duration_text;
use crate::key::table;
use crate::placed::{first_place, longest, needs};
use crate::{Policy, Problem, Reconnect};

table! {
    /// How soon subscribers come back after their subscription has broken.
    table "reconnect" => ReconnectTable, ReconnectDraft {
        /// How subscribers wait before they reconnect: "same" (all transports draw their pauses
        /// from the same distribution, and the server announces the same first pause) or "native"
        /// (as the usual client of each transport does when nobody configures it).
        "policy" => POLICY, policy: Vec<Policy>, default r#""same""#;

        /// With "same": the upper bound of the first pause, which is drawn from 0 to this bound.
        /// The server announces the bound. The bound doubles with each failed attempt.
        "first" => FIRST, first: Vec<Duration>, default r#""100ms""#, from r#""1ms""# to r#""1m""#;

        /// With "same": the value beyond which the bound does not grow.
        "most" => MOST, most: Vec<Duration>, default r#""5s""#, from r#""1ms""# to r#""10m""#;
    }
}

impl ReconnectTable {
    /// Returns every combination once. `first` and `most` mean nothing to [`Policy::Native`] and do
    /// not multiply its runs.
    pub fn combinations(&self) -> Vec<Reconnect> {
        let mut all = Vec::new();
        for policy in &self.policy {
            match policy {
                Policy::Same => {
                    for &first in &self.first {
                        all.extend(self.most.iter().map(|&most| Reconnect::Same { first, most }));
                    }
                }
                Policy::Native => all.push(Reconnect::Native),
            }
        }
        all
    }

    /// Returns the number of combinations, without making them: there may be too many.
    pub(crate) fn count(&self) -> usize {
        let count = |policy: &Policy| match policy {
            Policy::Same => self.first.len().saturating_mul(self.most.len()),
            Policy::Native => 1,
        };
        self.policy.iter().map(count).fold(0, usize::saturating_add)
    }
}

impl ReconnectDraft {
    /// Checks the keys against each other.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let (bounds, same) = (self.has_bounds(), "`reconnect.policy = \"same\"`");
        let found = [
            needs(bounds, same, &ReconnectTable::FIRST, &self.first),
            needs(bounds, same, &ReconnectTable::MOST, &self.most),
            self.first_within_most(),
        ];
        found.into_iter().flatten().collect()
    }

    /// Returns true if a run uses the bounds, or if it is not known which policies were meant.
    fn has_bounds(&self) -> bool {
        self.policy.is_empty() || self.policy.iter().any(|policy| policy.value == Policy::Same)
    }

    /// Checks that the bound grows from `first` to `most`.
    fn first_within_most(&self) -> Option<Problem> {
        let first = longest(&self.first)?;
        let most = self.most.iter().min_by_key(|placed| placed.value)?;
        (self.has_bounds() && first.value > most.value).then(|| Problem {
            place: first_place([first.place.as_ref(), most.place.as_ref()]),
            message: format!(
                "`{}` must be at most `{}`, `\"{}\"`, found `\"{}\"`",
                ReconnectTable::FIRST.path,
                ReconnectTable::MOST.path,
                duration_text(most.value),
                duration_text(first.value)
            ),
            hint: Some("pauses grow from the first value to the second".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Overrides, Scenario};

    fn combinations(text: &str) -> Vec<String> {
        let scenario = Scenario::parse("test", text, Path::new(""), &Overrides::default());
        let reconnect = scenario.unwrap_or_else(|error| panic!("{error}")).reconnect;
        let combinations = reconnect.combinations();
        assert_eq!(combinations.len(), reconnect.count());
        combinations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_the_table_all_transports_have_the_same_policy() {
        assert_eq!(combinations(""), ["policy=same first=0.1s most=5s"]);
        assert_eq!(combinations(""), [Reconnect::default().to_string()]);
    }

    #[test]
    fn bounds_multiply_only_the_runs_of_the_policy_that_has_them() {
        let text = r#"
            [reconnect]
            policy = ["native", "same"]
            first = ["50ms", "1s"]
            most = ["2s", "30s"]
        "#;
        assert_eq!(
            combinations(text),
            [
                "policy=native",
                "policy=same first=50ms most=2s",
                "policy=same first=50ms most=30s",
                "policy=same first=1s most=2s",
                "policy=same first=1s most=30s",
            ]
        );
    }
}
