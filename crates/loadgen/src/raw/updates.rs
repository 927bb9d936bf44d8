//! What the raw clients of all transports share: they reconnect, and tell what happens to them.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use http::HeaderMap;

use super::error::RawError;
use crate::tls::TrustedCertificates;

/// How long to wait before connecting again, unless the server sets another time. The standard of
/// event streams leaves it to the browser ("a few seconds"); `WebKit` waits 3 s.
pub(super) const RECONNECTION_TIME: Duration = Duration::from_secs(3);

/// How a raw client asks.
#[derive(Clone, Debug, Default)]
pub struct RawOptions {
    /// The certificates that it trusts.
    pub trusted: TrustedCertificates,
    /// Headers that it sends besides, or in place of, those of a browser.
    pub headers: HeaderMap,
    /// Whether it ends with its first connection.
    pub once: bool,
}

/// What happens to a raw client.
#[derive(Debug)]
pub enum RawUpdate<T> {
    /// The server has accepted the connection.
    Connected,
    /// Something arrived.
    Received(T),
    /// The connection ended, or could not be opened. The client connects again.
    Interrupted {
        /// The reason. `None` if the server ended it properly.
        why: Option<RawError>,
        /// How long until it connects again.
        pause: Duration,
    },
}

impl<T> RawUpdate<T> {
    /// Returns what arrived.
    pub fn received(self) -> Option<T> {
        match self {
            Self::Received(received) => Some(received),
            Self::Connected | Self::Interrupted { .. } => None,
        }
    }
}

/// What differs between the raw clients.
pub(super) trait RawSource: Send + 'static {
    /// An open connection.
    type Connection: Send;
    /// What arrives over it.
    type Item: Send;

    /// Opens a connection.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Connection, RawError>> + Send;

    /// Returns what arrives next. `None` if the server has ended the connection properly.
    fn next(
        &mut self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<Self::Item>, RawError>> + Send;

    /// Returns true if connecting again cannot help after this error.
    fn is_final(&self, error: &RawError) -> bool;

    /// Returns how long to wait before connecting again.
    fn reconnection_time(&self) -> Duration {
        RECONNECTION_TIME
    }
}

/// Follows a source. With `once`, the stream ends with the first connection: with an error unless
/// the server has ended it properly. Otherwise it ends only with an error that is final.
pub(super) fn updates<S: RawSource>(
    source: S,
    once: bool,
) -> BoxStream<'static, Result<RawUpdate<S::Item>, RawError>> {
    let follower = Follower { source, once, open: None, pause: None };
    stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|update| (update, follower)))
    })
    .boxed()
}

struct Follower<S: RawSource> {
    source: S,
    once: bool,
    open: Option<S::Connection>,
    /// How long to wait before connecting.
    pause: Option<Duration>,
}

impl<S: RawSource> Follower<S> {
    async fn next(&mut self) -> Result<Option<RawUpdate<S::Item>>, RawError> {
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        let why = match &mut self.open {
            Some(open) => match self.source.next(open).await {
                Ok(Some(received)) => return Ok(Some(RawUpdate::Received(received))),
                Ok(None) => None,
                Err(error) => Some(error),
            },
            None => match self.source.connect().await {
                Ok(open) => {
                    self.open = Some(open);
                    return Ok(Some(RawUpdate::Connected));
                }
                Err(error) => Some(error),
            },
        };
        self.open = None;
        match why {
            None if self.once => Ok(None),
            Some(error) if self.once || self.source.is_final(&error) => Err(error),
            why => {
                let pause = self.source.reconnection_time();
                self.pause = Some(pause);
                Ok(Some(RawUpdate::Interrupted { why, pause }))
            }
        }
    }
}
