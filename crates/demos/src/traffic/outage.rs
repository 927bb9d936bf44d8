//! A time in which the requests of lanes are cut, and the request for one.

use std::ops::RangeInclusive;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;
use wirebench_server::ApiError;

const SECONDS: RangeInclusive<f64> = 0.0..=30.0;

/// A time in which the requests of some lanes are cut. There is none at first.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Instant>>);

/// Asks for a cut of this length.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CutRequest {
    seconds: f64,
}

impl Outage {
    /// Begins an outage now. It replaces an earlier one.
    pub(crate) fn begin(&self, duration: Duration) {
        *self.0.lock() = Some(Instant::now() + duration);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.lock().is_some_and(|until| Instant::now() < until)
    }
}

impl CutRequest {
    /// Returns the length of the outage.
    ///
    /// # Errors
    /// The length is out of range.
    pub(crate) fn duration(&self) -> Result<Duration, ApiError> {
        if !SECONDS.contains(&self.seconds) {
            let error = format!("`seconds` is {}", self.seconds);
            return Err(ApiError::bad_request(error, "it must be between 0 and 30"));
        }
        Ok(Duration::from_secs_f64(self.seconds))
    }
}
