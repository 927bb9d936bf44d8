//! Publishes to a feed of wirebench's own server, one message at a time: `wirebench publish`.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::header::{self, HeaderName, HeaderValue};
use serde::Deserialize;
use wirebench_protocol::{Cursor, IDEMPOTENCY_KEY, IdempotencyKey};
use wirebench_scenario::Headers;

use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpClient, RequestHeaders, RequestKind};
use crate::target::Target;

/// How long the server may take to acknowledge a message. A feed in a store waits for its database.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A publisher with one connection, which it opens when it needs one.
#[derive(Debug)]
pub struct FeedPublisher<'a> {
    client: &'a HttpClient,
    target: &'a Target,
    path: String,
    headers: RequestHeaders,
    /// Kept from one message to the next.
    http: Option<ClientConnection>,
}

/// The answer to a message that is in the feed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct PublishAnswer {
    /// The cursor of the message.
    pub cursor: Cursor,
    /// The feed had a message with this key already, and nothing was published.
    #[serde(default)]
    pub repeated: bool,
}

impl<'a> FeedPublisher<'a> {
    /// Returns a publisher for the feed of `target`. It connects when it publishes.
    pub fn new(client: &'a HttpClient, target: &'a Target) -> Self {
        let json = HeaderValue::from_static("application/json");
        let headers = client.headers(Headers::Bare, target, RequestKind::Post);
        Self {
            client,
            target,
            path: format!("/feeds/{}/messages", target.feed),
            headers: headers.with(header::CONTENT_TYPE, json),
            http: None,
        }
    }

    /// Publishes one JSON value and waits until the server acknowledges it. After an error that is
    /// not [permanent](SubscribeError::is_permanent), the message may be in the feed or not:
    /// publish it again with the same key.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] if the server refuses the message or does not answer.
    pub async fn publish(
        &mut self,
        json: Bytes,
        key: &IdempotencyKey,
    ) -> Result<PublishAnswer, SubscribeError> {
        let mut http = match self.kept() {
            Some(http) => http,
            None => self.client.connect(self.target).await?,
        };
        http.allow(ANSWER_TIMEOUT);
        let value = HeaderValue::try_from(format!("\"{key}\"")).expect("a key is visible ASCII");
        let headers = self.headers.with(HeaderName::from_static(IDEMPOTENCY_KEY), value);
        let answer = http.post(&self.path, &headers, json).await?;
        if !answer.status().is_success() {
            return Err(http.refused(answer).await);
        }
        let last = answer.is_last();
        let body = http.whole(answer.into_body()).await?;
        let published = serde_json::from_slice(&body).map_err(|_| {
            http.unexpected(&String::from_utf8_lossy(&body), "`{\"cursor\":\"…\"}`")
        })?;
        self.http = Some(http).filter(|_| !last);
        Ok(published)
    }

    /// Returns the connection of the last message, unless the server has closed it since.
    fn kept(&mut self) -> Option<ClientConnection> {
        let mut http = self.http.take()?;
        let is_closed = http.is_closed() || http.closed().now_or_never().is_some();
        (!is_closed).then_some(http)
    }
}
