//! What happens when a message is published, besides storing it: checks, a rate limit, an observer.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::payload::MessagePayload;
use super::rejected::Rejected;

/// The rules for publishing to a feed.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    /// Validates payloads received over the network. None accepts any JSON value, and bytes.
    check: Option<PayloadCheck>,
    /// Limits the rate of what is published over the network. None means unlimited.
    rate: Option<(DefaultDirectRateLimiter, NonZeroU32)>,
    /// Called after each publish with the time it took to wake all waiting readers.
    observer: OnceLock<WakeObserver>,
}

type CheckFn = dyn Fn(&[u8]) -> Result<(), Rejected> + Send + Sync;

struct PayloadCheck(Box<CheckFn>);

struct WakeObserver(Box<dyn Fn(Duration) + Send + Sync>);

impl Publishing {
    pub(super) fn set_check(
        &mut self,
        check: impl Fn(&[u8]) -> Result<(), Rejected> + Send + Sync + 'static,
    ) {
        self.check = Some(PayloadCheck(Box::new(check)));
    }

    pub(super) fn set_rate(&mut self, per_second: NonZeroU32) {
        self.rate = Some((RateLimiter::direct(Quota::per_second(per_second)), per_second));
    }

    /// Only the first observer is kept.
    pub(super) fn set_observer(&self, observe: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.observer.set(WakeObserver(Box::new(observe)));
    }

    /// Checks a payload received over the network, and that it does not come too soon.
    pub(super) fn accept(&self, payload: &MessagePayload) -> Result<(), Rejected> {
        if let Some(PayloadCheck(check)) = &self.check {
            match payload {
                MessagePayload::Json(json) => check(json.as_bytes())?,
                MessagePayload::Binary(_) => return Err(Rejected::not_json()),
            }
        }
        if let Some((limiter, rate)) = &self.rate
            && limiter.check().is_err()
        {
            return Err(Rejected::too_many(*rate));
        }
        Ok(())
    }

    /// Calls `wake`, and tells the observer how long it took.
    pub(super) fn observe(&self, wake: impl FnOnce()) {
        match self.observer.get() {
            None => wake(),
            Some(WakeObserver(observe)) => {
                let start = Instant::now();
                wake();
                observe(start.elapsed());
            }
        }
    }
}

impl fmt::Debug for WakeObserver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WakeObserver")
    }
}

impl fmt::Debug for PayloadCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PayloadCheck")
    }
}
