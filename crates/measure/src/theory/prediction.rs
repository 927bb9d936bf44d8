//! What a prediction is made from, and what it says.

use std::time::Duration;

use wirebench_protocol::Delivery;
use wirebench_protocol::control::Pace;

/// What a prediction is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// How messages reach the subscriber.
    pub delivery: Delivery,
    /// Messages per second. Without a rate above 0, no law of polling applies.
    pub rate: f64,
    /// How the messages are spread over time.
    pub pace: Pace,
    /// The one-way delay, *d*.
    ///
    /// The nominal delay of the link predicts well. The measured mean of a push transport on the
    /// same link predicts better, because it includes what timers and the server add.
    pub delay: Duration,
    /// The poll interval, *P*: from the start of one poll to the start of the next. Needed where
    /// messages are polled.
    pub interval: Option<Duration>,
    /// How long a poll is held, *H*. Needed where polls are held.
    pub hold: Option<Duration>,
    /// Whether polls carry the cursor of the last answer. It matters where polls are held: without
    /// it, what is published between two polls is lost.
    pub cursor: bool,
    /// The period of a timer that each connection has, *P*, if messages are pushed when it fires.
    /// `None`: they are pushed when they are published.
    pub push_timer: Option<Duration>,
}

impl Conditions {
    /// Returns the mean time between messages, *T* = 1/λ. `None` unless the rate is above 0 and
    /// finite.
    pub(super) fn spacing(&self) -> Option<Duration> {
        (self.rate > 0.0).then(|| Duration::try_from_secs_f64(1.0 / self.rate).ok()).flatten()
    }

    /// Returns true if messages meet looks into the feed every *P* at a random phase. An exact feed
    /// meets each of them at the same few phases for ever: any delay up to *P*.
    pub(super) fn meet_at_random(&self) -> bool {
        match self.pace {
            Pace::Steady | Pace::Poisson => true,
            Pace::Exact | Pace::Burst(_) => false,
        }
    }
}

/// What the laws predict. Each value is `None` where no law applies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The mean time from publishing to arrival.
    pub delivery_mean: Option<Duration>,
    /// The 95th percentile of that time.
    pub delivery_p95: Option<Duration>,
    /// The upper bound of that time.
    pub delivery_max: Option<Duration>,
    /// HTTP requests of one subscriber for each message that it receives; 0 where messages are
    /// pushed.
    pub requests_per_message: Option<f64>,
    /// The share of answers without a message, from 0 to 1; `None` where messages are pushed.
    pub empty_ratio: Option<f64>,
    /// The share of the messages that reach the subscriber, from 0 to 1, where it asks without a
    /// cursor; `None` elsewhere, because nothing is lost there.
    pub delivered_ratio: Option<f64>,
}
