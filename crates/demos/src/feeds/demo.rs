//! The feed `demo`: its publisher, and the rate and payload that visitors set for it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use wirebench_protocol::control::{Pace, Payload, Publisher};
use wirebench_server::{ApiError, Feed, PacedPublisher, Rejected};

/// The number of messages that the feed keeps: at 100 messages per second those of the last 20 s,
/// so that a subscriber that is cut off for longer sees a gap. With the largest payload they take
/// about 64 MiB.
const WINDOW: usize = 2_000;

const PAYLOAD_BYTES: RangeInclusive<usize> = 2..=16_384;

/// Messages per second.
const RATE: RangeInclusive<f64> = 0.1..=100.0;

/// What is published to the feed `demo`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherSettings {
    /// The mean number of messages per second.
    pub(crate) rate: f64,
    /// The size of a payload, which is a JSON string.
    pub(crate) payload_bytes: usize,
    /// False stops the publisher.
    pub(crate) publishing: bool,
}

impl Default for PublisherSettings {
    fn default() -> Self {
        Self { rate: 2.0, payload_bytes: 64, publishing: true }
    }
}

#[derive(Debug)]
pub(crate) struct DemoFeed {
    pub(crate) feed: Feed,
    publisher: Mutex<PublisherState>,
}

#[derive(Debug)]
struct PublisherState {
    settings: PublisherSettings,
    /// The publisher with these settings, while it runs.
    running: Option<PacedPublisher>,
    /// True while the server runs. There is no publisher before and after that.
    server_runs: bool,
}

impl DemoFeed {
    pub(crate) fn new(settings: PublisherSettings) -> Self {
        let feed = Feed::new(WINDOW).with_check(|json| {
            if json.len() <= *PAYLOAD_BYTES.end() {
                return Ok(());
            }
            let error = format!("the payload has {} bytes", json.len());
            Err(Rejected::malformed(error, "this feed accepts up to 16,384 bytes"))
        });
        let publisher = PublisherState { settings, running: None, server_runs: false };
        Self { feed, publisher: Mutex::new(publisher) }
    }

    pub(crate) fn settings(&self) -> PublisherSettings {
        self.publisher.lock().settings
    }

    /// Changes what is published from now on.
    ///
    /// # Errors
    /// A setting is out of range, and the old settings stay; or the publisher cannot be started.
    pub(crate) fn set(&self, settings: PublisherSettings) -> Result<(), ApiError> {
        if !RATE.contains(&settings.rate) {
            let error = format!("`rate` is {} messages per second", settings.rate);
            return Err(ApiError::bad_request(error, "it must be between 0.1 and 100"));
        }
        if !PAYLOAD_BYTES.contains(&settings.payload_bytes) {
            let error = format!("`payload_bytes` is {}", settings.payload_bytes);
            return Err(ApiError::bad_request(error, "it must be between 2 and 16384"));
        }
        let mut publisher = self.publisher.lock();
        publisher.settings = settings;
        if publisher.server_runs { self.restart(&mut publisher) } else { Ok(()) }
    }

    /// Publishes until the guard is dropped.
    pub(crate) fn run(&self) -> impl Drop {
        let mut publisher = self.publisher.lock();
        publisher.server_runs = true;
        if let Err(error) = self.restart(&mut publisher) {
            tracing::error!(?error, "cannot publish to the feed `demo`");
        }
        RunGuard(self)
    }

    fn restart(&self, publisher: &mut PublisherState) -> Result<(), ApiError> {
        // `stop` waits for the old publisher, for at most the time of one message. Two publishers
        // at a time would mix their schedules.
        publisher.running.take().map(PacedPublisher::stop);
        if !publisher.settings.publishing {
            return Ok(());
        }
        let plan = Publisher {
            rate: publisher.settings.rate,
            // At random times: a steady feed and polls at a fixed interval would fall into step.
            pace: Pace::Poisson,
            payload: Payload::Bytes(publisher.settings.payload_bytes),
            seed: rand::random(),
            timers: 1,
            until_acknowledged: false,
        };
        let started = PacedPublisher::start(self.feed.clone(), &plan, Arc::new(AtomicU64::new(0)));
        publisher.running = Some(started.map_err(|error| {
            let hint = "nothing is published now; try again";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), hint)
        })?);
        Ok(())
    }
}

struct RunGuard<'a>(&'a DemoFeed);

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        let mut publisher = self.0.publisher.lock();
        publisher.server_runs = false;
        publisher.running.take().map(PacedPublisher::stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rate: f64, payload_bytes: usize, publishing: bool) -> PublisherSettings {
        PublisherSettings { rate, payload_bytes, publishing }
    }

    #[test]
    fn settings_out_of_range_are_rejected_and_the_old_ones_stay() {
        let demo = DemoFeed::new(PublisherSettings::default());
        for (rate, bytes) in [
            (0.0, 64),
            (0.09, 64),
            (100.1, 64),
            (f64::NAN, 64),
            (-1.0, 64),
            (1.0, 1),
            (1.0, 16_385),
        ] {
            assert!(demo.set(settings(rate, bytes, true)).is_err(), "{rate} {bytes}");
        }
        assert_eq!(demo.settings(), PublisherSettings::default());
        assert!(demo.set(settings(0.1, 2, false)).is_ok());
        assert!(demo.set(settings(100.0, 16_384, true)).is_ok());
    }

    #[test]
    fn messages_are_published_only_while_the_server_runs_and_the_settings_say_so() {
        let demo = DemoFeed::new(PublisherSettings::default());
        demo.set(settings(100.0, 2, true)).unwrap();
        let is_running = |demo: &DemoFeed| demo.publisher.lock().running.is_some();
        assert!(!is_running(&demo));
        let running = demo.run();
        assert!(is_running(&demo));
        demo.set(settings(100.0, 2, false)).unwrap();
        assert!(!is_running(&demo));
        demo.set(settings(100.0, 2, true)).unwrap();
        drop(running);
        assert!(!is_running(&demo));
        let published = demo.feed.published();
        demo.set(settings(100.0, 2, true)).unwrap();
        assert_eq!(demo.feed.published(), published);
    }

    #[test]
    fn clients_may_publish_payloads_as_large_as_the_server_s_own() {
        let demo = DemoFeed::new(PublisherSettings::default());
        let offer = |length| {
            let json = format!("\"{}\"", "x".repeat(length));
            demo.feed.offer(json.as_bytes()).at_once().unwrap()
        };
        assert!(offer(16_382).is_ok());
        assert!(offer(16_383).is_err());
    }
}
