//! Follows a feed for one client.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::StreamExt;
use socketioxide::SocketError;
use socketioxide::handler::Value;
use socketioxide_core::Str;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Cursor;

use super::adapter::PacketSender;
use super::answers::WaitingAnswers;
use super::session::{EngineSession, SessionCloseReason};
use crate::framing::socket_io as framing;
use crate::transport::subscription::Subscription;

/// What follows a feed for one client.
pub(super) struct FeedFollower {
    pub(super) subscription: Subscription,
    pub(super) session: Arc<EngineSession>,
    pub(super) sender: PacketSender,
    /// The answers to the client that wait for the store of the feed. Unset if none ever did.
    pub(super) waiting: Arc<OnceLock<WaitingAnswers>>,
    /// Cancelled when the client leaves the namespace.
    pub(super) gone: CancellationToken,
}

/// Why a delivery ends, other than by the client.
enum DeliveryEnd {
    /// The feed closed, because the server stops.
    FeedClosed,
    /// The client took nothing for too long.
    SlowReader,
    /// The library has ended the session.
    SessionEnded,
}

impl FeedFollower {
    /// Sends the hello, then every message when it is published, in a task of the server.
    pub(super) fn spawn(self, after: Cursor) {
        let server = Arc::clone(&self.subscription.server);
        let followed = self.session.follow();
        server.spawn(async move {
            let end = self.gone.run_until_cancelled(self.deliver(after)).await;
            if let (Some(Err(DeliveryEnd::FeedClosed)), Some(waiting)) = (&end, self.waiting.get())
            {
                waiting.answered().await;
            }
            let is_last = followed.end();
            match end {
                // The session may still follow other feeds to their ends.
                Some(Err(DeliveryEnd::FeedClosed)) if !is_last => {}
                Some(Err(DeliveryEnd::FeedClosed)) => {
                    self.session.close(SessionCloseReason::Stopped).await;
                }
                Some(Err(DeliveryEnd::SlowReader)) => {
                    self.session.close(SessionCloseReason::SlowReader).await;
                }
                // The client has left the namespace, or its session has ended.
                Some(Err(DeliveryEnd::SessionEnded)) | None => {}
            }
        });
    }

    async fn deliver(&self, after: Cursor) -> Result<Infallible, DeliveryEnd> {
        let cursor = self.say_hello(after).await?;
        let mut follow = self.subscription.follow(cursor);
        loop {
            let batch = follow.next().await.ok_or(DeliveryEnd::FeedClosed)?;
            if let Some(gap) = batch.gap {
                self.send(framing::gap(gap, batch.before()), None).await?;
                self.subscription.count_gap(gap);
            }
            for entry in &batch.entries {
                self.send(entry.socket_io.clone(), entry.attachment.clone()).await?;
                self.subscription.count_pushed(std::slice::from_ref(entry), batch.from_store);
            }
        }
    }

    /// Sends the first event, with the gap if there is one. Returns the cursor to follow from.
    async fn say_hello(&self, after: Cursor) -> Result<Cursor, DeliveryEnd> {
        let hello = self.subscription.begin(after).await;
        self.send(framing::hello(&hello), None).await?;
        if let Some(gap) = hello.gap {
            self.subscription.count_gap(gap);
        }
        Ok(hello.cursor)
    }

    /// Sends an event as soon as there is room for it, with the attachment of a binary message.
    async fn send(&self, data: Str, attachment: Option<Bytes>) -> Result<(), DeliveryEnd> {
        let window = &self.session.window;
        let write_time = self.subscription.server.limits.write_time;
        if timeout(write_time, window.room()).await.is_err() {
            return Err(DeliveryEnd::SlowReader);
        }
        let data = Value::Str(data, attachment.map(|bytes| [bytes].into()));
        self.sender.event(window, data).map_err(|error| match error {
            // Not expected: the buffer is larger than the window. Nothing is lost in silence.
            SocketError::InternalChannelFull => DeliveryEnd::SlowReader,
            SocketError::Closed => DeliveryEnd::SessionEnded,
        })
    }
}
