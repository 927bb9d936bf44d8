//! What the streams hand on, as it is published.

use std::sync::Arc;

use async_nats::header::NATS_SEQUENCE;
use async_nats::{Message, Subscriber};
use futures::StreamExt;
use tokio::sync::watch;
use wirebench_protocol::Seq;

use super::feeds::Feeds;
use super::losses::Losses;
use super::{headers, names};
use crate::tables::{Answer, ChangeListener};

/// Hears the messages of all feeds, and keeps the newest of each.
pub(super) struct NatsListener {
    pub(super) messages: Subscriber,
    pub(super) feeds: Arc<Feeds>,
    /// Changes whenever messages may have been lost.
    pub(super) losses: watch::Receiver<Losses>,
}

impl ChangeListener for NatsListener {
    fn hear(&mut self) -> Answer<'_, Option<(String, Seq)>> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    biased;
                    lost = self.losses.changed() => {
                        self.feeds.doubt();
                        // The sender lives as long as the client.
                        debug_assert!(lost.is_ok());
                        return Ok(None);
                    }
                    message = self.messages.next() => match message {
                        None => return Ok(None),
                        Some(message) => if let Some(news) = self.take(message) {
                            return Ok(Some(news));
                        },
                    },
                }
            }
        })
    }
}

impl NatsListener {
    /// Keeps a message, and returns its feed and its number. `None` if it is of a feed that this
    /// server does not have.
    fn take(&self, message: Message) -> Option<(String, Seq)> {
        let feed = self.feeds.of_token(names::token_of(&message.subject)?)?;
        let headers = message.headers?;
        let seq: Seq = headers.get(NATS_SEQUENCE)?.as_str().parse().ok()?;
        match headers::stored(seq, &headers, message.payload) {
            Ok(message) => {
                feed.heard.lock().keep(message);
            }
            // Whoever reads it from the stream gets the error.
            Err(error) => tracing::debug!("a message cannot be kept: {error}"),
        }
        Some((feed.name.clone(), seq))
    }
}
