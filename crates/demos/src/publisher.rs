//! The feed `demo` and its paced publisher.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use wirebench_protocol::control::{Pace, Payload, Publisher as Paced};
use wirebench_server::{Feed, PacedPublisher, Rejected};

use crate::answer::Refusal;

/// Messages that the feed keeps: at 100 a second those of the last 20 s, so that who is cut off for
/// longer learns what a gap is. At the largest payload they take some 64 MiB.
const WINDOW: usize = 2_000;

const PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 2..=16_384;

const RATE: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// What is published to the feed `demo`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Messages per second on average.
    rate: f64,
    /// Size of a payload, which is a JSON string.
    payload_bytes: usize,
    /// Whether messages are published at all.
    publishing: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { rate: 2.0, payload_bytes: 64, publishing: true }
    }
}

#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) feed: Feed,
    press: Mutex<Press>,
}

#[derive(Debug)]
struct Press {
    plan: Plan,
    /// Publishes as the plan says. Not before the server runs, and not after.
    at_work: Option<PacedPublisher>,
    running: bool,
}

impl Demo {
    pub(crate) fn new(plan: Plan) -> Self {
        let feed = Feed::new(WINDOW).with_check(|json| {
            if json.len() <= *PAYLOAD_BYTES.end() {
                return Ok(());
            }
            let error = format!("a payload of {} bytes", json.len());
            Err(Rejected::malformed(error, "this feed takes up to 16,384 bytes"))
        });
        let press = Press { plan, at_work: None, running: false };
        Self { feed, press: Mutex::new(press) }
    }

    /// What is being published.
    pub(crate) fn plan(&self) -> Plan {
        self.press.lock().unwrap_or_else(PoisonError::into_inner).plan
    }

    /// Changes what is published, from now on.
    ///
    /// # Errors
    /// A plan out of bounds; the old one stays.
    pub(crate) fn set(&self, plan: Plan) -> Result<(), Refusal> {
        if !RATE.contains(&plan.rate) {
            let error = format!("`rate` is {} messages per second", plan.rate);
            return Err(Refusal::bad_request(error, "it is to be 0.1 to 100"));
        }
        if !PAYLOAD_BYTES.contains(&plan.payload_bytes) {
            let error = format!("`payload_bytes` is {}", plan.payload_bytes);
            return Err(Refusal::bad_request(error, "it is to be 2 to 16384"));
        }
        let mut press = self.press.lock().unwrap_or_else(PoisonError::into_inner);
        press.plan = plan;
        if press.running { self.work(&mut press) } else { Ok(()) }
    }

    /// Publishes until the guard is dropped.
    pub(crate) fn run(&self) -> impl Drop {
        let mut press = self.press.lock().unwrap_or_else(PoisonError::into_inner);
        press.running = true;
        if let Err(refusal) = self.work(&mut press) {
            tracing::error!(?refusal, "cannot publish to the feed `demo`");
        }
        Running(self)
    }

    fn work(&self, press: &mut Press) -> Result<(), Refusal> {
        // Waited for, which takes no longer than a message: two at work would mix their schedules.
        press.at_work.take().map(PacedPublisher::stop);
        if !press.plan.publishing {
            return Ok(());
        }
        let plan = Paced {
            rate: press.plan.rate,
            // At random times. A steady feed and a poll at a fixed interval would lock to each other.
            pace: Pace::Poisson,
            payload: Payload::Bytes(press.plan.payload_bytes),
            seed: rand::random(),
        };
        let at_work = PacedPublisher::start(self.feed.clone(), &plan, Arc::new(AtomicU64::new(0)))
            .map_err(|error| {
                let hint = "nothing is being published now; try again";
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), hint)
            })?;
        press.at_work = Some(at_work);
        Ok(())
    }
}

struct Running<'a>(&'a Demo);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut press = self.0.press.lock().unwrap_or_else(PoisonError::into_inner);
        press.running = false;
        press.at_work.take().map(PacedPublisher::stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rate: f64, payload_bytes: usize, publishing: bool) -> Plan {
        Plan { rate, payload_bytes, publishing }
    }

    #[test]
    fn a_plan_out_of_bounds_is_refused_and_the_old_one_stays() {
        let demo = Demo::new(Plan::default());
        for (rate, bytes) in [
            (0.0, 64),
            (0.09, 64),
            (100.1, 64),
            (f64::NAN, 64),
            (-1.0, 64),
            (1.0, 1),
            (1.0, 16_385),
        ] {
            assert!(demo.set(plan(rate, bytes, true)).is_err(), "{rate} {bytes}");
        }
        assert_eq!(demo.plan(), Plan::default());
        assert!(
            demo.set(plan(0.1, 2, false)).is_ok() && demo.set(plan(100.0, 16_384, true)).is_ok()
        );
    }

    #[test]
    fn the_next_life_of_the_server_is_set_as_this_one() {
        let demos = crate::Demos::new(crate::ControlAccess::Loopback);
        demos.0.demo.set(plan(20.0, 256, false)).unwrap();
        demos.0.network.set_delay(100);
        let next = demos.next_life();
        assert_eq!(next.0.demo.plan(), plan(20.0, 256, false));
        assert_eq!(next.0.network.delay_ms(), 100);
        assert_ne!(next.0.life, demos.0.life);
    }

    #[test]
    fn nothing_is_published_unless_the_server_runs_and_the_plan_says_so() {
        let demo = Demo::new(Plan::default());
        demo.set(plan(100.0, 2, true)).unwrap();
        let at_work = |demo: &Demo| demo.press.lock().unwrap().at_work.is_some();
        assert!(!at_work(&demo));
        let running = demo.run();
        assert!(at_work(&demo));
        demo.set(plan(100.0, 2, false)).unwrap();
        assert!(!at_work(&demo));
        demo.set(plan(100.0, 2, true)).unwrap();
        drop(running);
        assert!(!at_work(&demo));
        let published = demo.feed.published();
        demo.set(plan(100.0, 2, true)).unwrap();
        assert_eq!(demo.feed.published(), published);
    }

    #[test]
    fn others_publish_as_much_at_once_as_the_server_does_and_no_more() {
        let demo = Demo::new(Plan::default());
        assert!(demo.feed.offer(format!("\"{}\"", "x".repeat(16_382)).as_bytes()).is_ok());
        assert!(demo.feed.offer(format!("\"{}\"", "x".repeat(16_383)).as_bytes()).is_err());
    }
}
