//! `[feed]`: what is published.

use std::path::Path;

use wirebench_protocol::control::{Pace, Payload};

use super::payload_files;
use crate::key::table;
use crate::placed::needs;
use crate::values::field::Placed;
use crate::{FeedTimers, Problem};

table! {
    /// What is published.
    table "feed" => FeedTable, FeedDraft {
        /// Messages per second, on average; 0: only the subscribers publish, as `[upstream]` says.
        "rate" => RATE, rate: Vec<f64>, default "10", from "0" to "1_000_000";

        /// How messages are spread over time: "steady" (evenly, each up to 5 % of the interval
        /// early or late, so that polls cannot stay in step with the feed), "exact" (evenly),
        /// "poisson" (independently of each other), or { burst = 50 } (50 at once, at the same mean
        /// rate).
        "pace" => PACE, pace: Vec<Pace>, default r#""steady""#;

        /// How many timers publish, each at this rate: "one", or "per-connection" (one for each
        /// subscriber, at its own phase, as when the handler of a connection starts a timer that
        /// publishes to everybody). With one for each, the feed has subscribers × rate messages per
        /// second and delivers each to all subscribers.
        "timers" => TIMERS, timers: Vec<FeedTimers>, default r#""one""#;

        /// What each message carries: a JSON string of this many bytes; or { binary = 1024 }, this
        /// many random bytes, at least 16, which end with a checksum and travel in Base64 where a
        /// transport carries text; or { file = "quotes.jsonl" }, a file with one JSON value per
        /// line, which is replayed in order again and again. The path starts from the folder of the
        /// scenario.
        "payload" => PAYLOAD, payload: Vec<Payload>, default "256", from "2" to "1_048_576";

        /// The number of messages that the feed keeps for subscribers that come back.
        "window" => WINDOW, window: usize, default "10_000", from "1" to "10_000_000";
    }
}

impl FeedDraft {
    /// Checks the keys against each other.
    pub(crate) fn check(&self) -> Option<Problem> {
        let publishes = self.rate.is_empty() || self.rate.iter().any(|rate| rate.value > 0.0);
        needs(publishes, "a `feed.rate` above 0", &FeedTable::TIMERS, &self.timers)
    }

    /// Returns the first key that asks for a timer for each connection.
    pub(crate) fn timer_per_connection(&self) -> Option<&Placed<FeedTimers>> {
        self.timers.iter().find(|timers| timers.value == FeedTimers::PerConnection)
    }

    /// Resolves the paths of payload files from the folder of the scenario and reads the files
    /// once. Payloads whose file is not right are left out, and their problems noted.
    pub(crate) fn resolve_files(&mut self, folder: &Path, problems: &mut Vec<Problem>) {
        self.payload.retain_mut(|Placed { value, place }| {
            let Payload::File(path) = value else { return true };
            match payload_files::resolve(folder, path) {
                Ok(full) => {
                    *path = full;
                    true
                }
                Err((message, hint)) => {
                    let message = format!("the file of `{}` {message}", FeedTable::PAYLOAD.path);
                    problems.extend(place.take().map(|place| Problem { place, message, hint }));
                    false
                }
            }
        });
    }
}
