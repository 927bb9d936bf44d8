//! The stream of a feed.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Info, Republish, StorageType, Stream};
use parking_lot::Mutex;
use wirebench_protocol::Epoch;

use super::failure::NatsFailure;
use super::heard::Heard;
use super::names;
use crate::options::Retention;

/// How long JetStream remembers the key of a message.
pub(super) const KEYS_KNOWN_FOR: Duration = Duration::from_mins(2);

/// A feed and the names that it has in NATS.
#[derive(Debug)]
pub(super) struct NatsFeed {
    pub(super) name: String,
    pub(super) token: String,
    /// What the stream has handed on.
    pub(super) heard: Mutex<Heard>,
}

/// How streams are created.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamSettings {
    pub(super) retention: Retention,
    /// How many servers of NATS keep each message, 1 to 5.
    pub(super) replicas: usize,
}

impl NatsFeed {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), token: names::token(name), heard: Mutex::default() }
    }

    /// Returns the stream of the feed. Creates it if there is none.
    ///
    /// # Errors
    /// NATS fails, or has a stream of this name that does not hand on its messages.
    pub(super) async fn stream(
        &self,
        context: &Context,
        settings: StreamSettings,
    ) -> Result<Stream<Info>, NatsFailure> {
        let config = self.config(settings);
        let (subjects, republish) = (config.subjects.clone(), config.republish.clone());
        let stream = context.get_or_create_stream(config).await?;
        let found = &stream.cached_info().config;
        if found.subjects == subjects && found.republish == republish {
            return Ok(stream);
        }
        Err(NatsFailure::unexpected(format!(
            "the stream `{}` was not made by wirebench: it does not take `{}` and hand it on to `{}`; \
             remove it or call the feed otherwise",
            found.name,
            names::published(&self.token),
            names::heard(&self.token)
        )))
    }

    fn config(&self, settings: StreamSettings) -> Config {
        let StreamSettings { retention, replicas } = settings;
        let Retention { messages, age, bytes } = retention;
        let limit = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        // JetStream refuses to remember keys for longer than messages.
        let max_age = age.unwrap_or_default();
        let duplicate_window = age.map_or(KEYS_KNOWN_FOR, |age| age.min(KEYS_KNOWN_FOR));
        Config {
            name: names::stream(&self.token),
            description: Some("a feed of wirebench".to_owned()),
            subjects: vec![names::published(&self.token)],
            max_messages: messages.map_or(-1, |messages| limit(messages.get())),
            max_bytes: bytes.map_or(-1, limit),
            max_age,
            storage: StorageType::File,
            num_replicas: replicas,
            duplicate_window,
            // Every server gets each message once from here, with its number.
            republish: Some(Republish {
                source: names::published(&self.token),
                destination: names::heard(&self.token),
                headers_only: false,
            }),
            ..Config::default()
        }
    }
}

/// Returns the epoch of a stream: when it was created, in nanoseconds since 1970. A stream that is
/// deleted and created anew begins with number 1 again, and NATS does not say so.
pub(super) fn epoch(info: &Info) -> Epoch {
    Epoch(u64::try_from(info.created.unix_timestamp_nanos()).unwrap_or_default())
}
