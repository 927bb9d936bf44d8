//! `[feed]`: what is published.

use std::path::Path;

use wirebench_protocol::control::{Pace, Payload};

use super::payload_files;
use crate::Problem;
use crate::key::table;
use crate::values::field::Placed;

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
