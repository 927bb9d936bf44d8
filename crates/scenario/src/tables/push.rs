//! `[push]`: when the server pushes.

use std::time::Duration;

use crate::Problem;
use crate::duration::duration_text;
use crate::key::table;
use crate::placed::first_place;

/// The shortest period that the server accepts.
const SHORTEST: Duration = Duration::from_millis(1);

table! {
    /// When the server pushes, over transports that push: the event streams and sockets, and
    /// Socket.IO unless its mode is "polling".
    table "push" => PushTable, PushDraft {
        /// The period of a timer that each connection has at the server, at its own random phase.
        /// The server looks into the feed when the timer fires, and pushes everything that is new,
        /// as a handler with a timer of its own does. 0s: no timer, each message is pushed when it
        /// is published.
        "timer" => TIMER, timer: Vec<Duration>, default r#""0s""#, from r#""0s""# to r#""60s""#;
    }
}

impl PushDraft {
    /// Checks that the server accepts the periods.
    pub(crate) fn check(&self) -> Option<Problem> {
        let is_too_short = |period: Duration| !period.is_zero() && period < SHORTEST;
        let short = self.timer.iter().find(|timer| is_too_short(timer.value))?;
        Some(Problem {
            place: first_place([short.place.as_ref()]),
            message: format!(
                "`{}` must be `\"0s\"` or at least `\"{}\"`, found `\"{}\"`",
                PushTable::TIMER.path,
                duration_text(SHORTEST),
                duration_text(short.value)
            ),
            hint: Some("the server's timers do not fire more often".to_owned()),
        })
    }
}
