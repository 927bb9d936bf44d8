//! `[upstream]`: what the subscribers send.

use crate::key::table;
use crate::placed::needs;
use crate::values::field::Placed;
use crate::{Audience, Problem, SentPayload, Upstream};

table! {
    /// What the subscribers send.
    table "upstream" => UpstreamTable, UpstreamDraft {
        /// Messages per second that each subscriber sends, evenly spread, each subscriber at its
        /// own random phase; 0: they send nothing.
        "rate" => RATE, rate: Vec<f64>, default "0", from "0" to "1_000";

        /// Who receives them: "chat" (everybody, so that the feed publishes subscribers × rate
        /// messages per second and delivers each to all subscribers), "others" (everybody but the
        /// sender), "direct" (one other subscriber, the next one in turn) or "echo" (nobody; the
        /// server acknowledges them). Over HTTP they are POST requests, over sockets they are
        /// frames.
        "to" => TO, to: Vec<Audience>, default r#""chat""#;

        /// What each of these messages carries: a JSON string of this many bytes, or
        /// { binary = 64 }, this many bytes, which end with a checksum. It begins with its sender,
        /// its number and the time at which it was due.
        "payload" => PAYLOAD, payload: Vec<SentPayload>, default "64", from "48" to "65_536";
    }
}

impl UpstreamTable {
    /// Returns every combination once. `None` stands for subscribers that send nothing; the other
    /// keys do not multiply it.
    pub fn combinations(&self) -> Vec<Option<Upstream>> {
        let mut all = Vec::new();
        for &rate in &self.rate {
            if rate <= 0.0 {
                all.push(None);
                continue;
            }
            for &to in &self.to {
                let with = |&payload| Some(Upstream { rate, to, payload });
                all.extend(self.payload.iter().map(with));
            }
        }
        all
    }

    /// Returns the number of combinations, without making them: there may be too many.
    pub(crate) fn count(&self) -> usize {
        let of = |rate: &f64| match *rate {
            none if none <= 0.0 => 1,
            _ => self.to.len().saturating_mul(self.payload.len()),
        };
        self.rate.iter().map(of).fold(0, usize::saturating_add)
    }
}

impl UpstreamDraft {
    /// Checks the keys against each other.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let (sends, rate) = (self.sends(), "an `upstream.rate` above 0");
        let found = [
            needs(sends, rate, &UpstreamTable::TO, &self.to),
            needs(sends, rate, &UpstreamTable::PAYLOAD, &self.payload),
        ];
        found.into_iter().flatten().collect()
    }

    /// Returns true if a run sends, or if it is not known which rates were meant.
    pub(crate) fn sends(&self) -> bool {
        self.rate.is_empty() || self.rate.iter().any(|rate| rate.value > 0.0)
    }

    /// Returns true if the subscribers of every run publish to the feed, or if it is not known.
    pub(crate) fn always_publishes(&self) -> bool {
        self.rate.iter().all(|rate| rate.value > 0.0)
            && self.to.iter().all(|to| to.value.publishes())
    }

    /// Returns the first value under which messages are addressed, if a run sends.
    pub(crate) fn addressed(&self) -> Option<&Placed<Audience>> {
        self.to.iter().find(|to| to.value.addresses() && self.sends())
    }

    /// Returns true if the subscribers of a run may publish to the feed.
    pub(crate) fn publishes(&self) -> bool {
        self.to.iter().any(|to| to.value.publishes())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Overrides, Scenario};

    fn combinations(text: &str) -> Vec<Option<Upstream>> {
        let scenario = Scenario::parse("test", text, Path::new(""), &Overrides::default());
        let upstream = scenario.unwrap_or_else(|error| panic!("{error}")).upstream;
        let combinations = upstream.combinations();
        assert_eq!(combinations.len(), upstream.count());
        combinations
    }

    #[test]
    fn without_a_rate_nothing_is_sent() {
        assert_eq!(combinations(""), [None]);
        assert_eq!(combinations("[upstream]"), [None]);
    }

    #[test]
    fn the_other_keys_multiply_only_the_runs_that_send() {
        let sends =
            |rate, to, bytes| Some(Upstream { rate, to, payload: SentPayload::json(bytes) });
        let text = "[upstream]\nrate = [0, 0.5]\nto = [\"echo\", \"chat\"]\npayload = [64, 100]";
        assert_eq!(
            combinations(text),
            [
                None,
                sends(0.5, Audience::Nobody, 64),
                sends(0.5, Audience::Nobody, 100),
                sends(0.5, Audience::Everyone, 64),
                sends(0.5, Audience::Everyone, 100),
            ]
        );
    }
}
