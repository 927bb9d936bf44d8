//! A subscription over an open WebSocket.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebench_protocol::{Cursor, Published};

use super::request::{RequestedAction, SentValue, SubscriberRequest};
use super::socket::Socket;
use crate::connection::RequestContext;
use crate::feed::{Acknowledgement, Batch, PublishOptions, Rejected};
use crate::framing::websocket::{ServerFrame, binary_echo};
use crate::transport::subscription::Subscription;
use crate::wake_flag::WakeFlag;

/// The interval of pings. A subscriber that has sent nothing, not even a pong, since the last ping
/// is disconnected at the next.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The maximum number of requests of a subscriber that wait for their answers. While so many do, its
/// socket is not read.
const MAX_WAITING: usize = 256;

/// A subscription over an open socket. One task owns the socket, so that frames that are written
/// past the library and frames that the library writes never mix.
pub(super) struct WebSocketSession {
    pub(super) subscription: Subscription,
    /// The subscriber may publish.
    pub(super) may_publish: bool,
    pub(super) socket: Socket,
    /// The answers that wait for the store of the feed, or for those before them. Answers keep the
    /// order of the requests.
    pub(super) waiting: VecDeque<SubscriberAnswer>,
}

/// The answer to a request of the subscriber.
pub(super) enum SubscriberAnswer {
    /// A frame.
    Known(Bytes),
    /// What comes of publishing is not known yet.
    Publishing(Acknowledgement),
}

/// Why a session ends.
enum SessionEnd {
    /// The feed closed, because the server stops.
    FeedClosed,
    /// The subscriber broke a rule, or did not answer a ping.
    Refused(CloseCode, &'static str),
    /// The connection failed, or the subscriber closed it.
    Gone(Error),
}

impl From<Error> for SessionEnd {
    fn from(error: Error) -> Self {
        Self::Gone(error)
    }
}

impl WebSocketSession {
    pub(super) async fn run(mut self, after: Cursor) {
        let Err(end) = self.serve(after).await;
        match end {
            SessionEnd::FeedClosed => {
                let reason = match self.subscription.server.return_delay() {
                    Some(delay) => {
                        format!("the server stops; come back in {} ms", delay.as_millis())
                    }
                    None => "the server stops".to_owned(),
                };
                self.socket.close(CloseCode::Away, reason).await;
            }
            SessionEnd::Refused(code, reason) => self.socket.close(code, reason.to_owned()).await,
            SessionEnd::Gone(error) => self.socket.fail(&error).await,
        }
    }

    /// Sends the hello, then every message when it is published, until something ends the session.
    async fn serve(&mut self, after: Cursor) -> Result<Infallible, SessionEnd> {
        let cursor = self.say_hello(after).await?;
        let mut follow = self.subscription.follow(cursor);
        let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_since_ping = true;
        let (mut read_flag, mut ping_flag) = (WakeFlag::default(), WakeFlag::default());
        loop {
            let next_ping =
                poll_fn(|context| ping_flag.poll(context, |context| ping.poll_tick(context)));
            tokio::select! {
                // The peer first: its pings and its Close frame must not wait until a backlog is
                // sent.
                biased;
                message = poll_fn(|context| {
                    read_flag.poll(context, |context| self.socket.stream.poll_next_unpin(context))
                }), if self.waiting.len() < MAX_WAITING => {
                    heard_since_ping = true;
                    self.handle(message.unwrap_or(Err(Error::ConnectionClosed))?).await?;
                }
                published = first_published(&mut self.waiting), if !self.waiting.is_empty() => {
                    self.write_published(published).await?;
                }
                batch = follow.next() => {
                    let Some(batch) = batch else {
                        self.write_waiting().await?;
                        return Err(SessionEnd::FeedClosed);
                    };
                    self.subscription.count(&batch);
                    self.write(&frames(&batch)).await?;
                }
                _ = next_ping => {
                    if !std::mem::take(&mut heard_since_ping) {
                        let reason = "no answer to a ping";
                        return Err(SessionEnd::Refused(CloseCode::Policy, reason));
                    }
                    let ping = self.socket.stream.send(Message::Ping(Bytes::new()));
                    in_time(&self.subscription, &self.socket.context, ping).await?;
                }
            }
        }
    }

    /// Sends the first frame, with the gap if there is one. Returns the cursor to follow from.
    async fn say_hello(&mut self, after: Cursor) -> Result<Cursor, SessionEnd> {
        let hello = self.subscription.begin(after).await;
        if let Some(gap) = hello.gap {
            self.subscription.count_gap(gap);
        }
        self.write(&ServerFrame::Hello(hello).frame()).await?;
        Ok(hello.cursor)
    }

    /// Handles what the subscriber sends: requests in text or binary messages. The library answers
    /// pings by itself.
    async fn handle(&mut self, message: Message) -> Result<(), SessionEnd> {
        // Sends the library's answer to a ping or a Close frame.
        in_time(&self.subscription, &self.socket.context, self.socket.stream.flush()).await?;
        let max_bytes = self.subscription.server.limits.message_bytes;
        let answer = match &message {
            Message::Text(text) => {
                self.answer(SubscriberRequest::parse_text(text.as_bytes(), max_bytes))
            }
            Message::Binary(bytes) => {
                self.answer(SubscriberRequest::parse_binary(bytes, max_bytes))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return Ok(());
            }
        };
        match answer {
            SubscriberAnswer::Known(frame) if self.waiting.is_empty() => self.write(&frame).await,
            answer => {
                self.waiting.push_back(answer);
                Ok(())
            }
        }
    }

    /// Does what a subscriber asks for.
    fn answer(&self, request: Result<SubscriberRequest<'_>, Rejected>) -> SubscriberAnswer {
        let published = match request {
            Ok(SubscriberRequest { action: RequestedAction::Echo, value }) => {
                self.subscription.server.metrics.publishing.echoed();
                return SubscriberAnswer::Known(match value {
                    SentValue::Json(json) => ServerFrame::Echo(json).frame(),
                    SentValue::Binary(bytes) => binary_echo(&bytes),
                });
            }
            Ok(SubscriberRequest { action: RequestedAction::Publish { options }, value }) => {
                self.publish(&value, &options)
            }
            Err(rejected) => Err(rejected).into(),
        };
        match published.at_once() {
            Ok(published) => SubscriberAnswer::Known(self.answer_to_publisher(published)),
            Err(later) => SubscriberAnswer::Publishing(later),
        }
    }

    /// Counts what came of publishing, and returns the frame that says so.
    fn answer_to_publisher(&self, published: Result<Published, Rejected>) -> Bytes {
        self.subscription.server.metrics.publishing.offered(&published);
        let answer = match published {
            Ok(published) => ServerFrame::Published(published),
            Err(Rejected { status, error, hint }) => {
                ServerFrame::Error { error, hint, status: status.as_u16() }
            }
        };
        answer.frame()
    }

    fn publish(&self, value: &SentValue<'_>, options: &PublishOptions) -> Acknowledgement {
        if !self.may_publish {
            let hint = "open the socket with the token, or with a ticket that was given for it";
            return Err(Rejected::forbidden("publishing requires a token", hint)).into();
        }
        match value.payload() {
            Ok(payload) => self.subscription.feed.offer_payload(&payload, options),
            Err(rejected) => Err(rejected).into(),
        }
    }

    /// Writes the first answer that has waited, and those after it that are known.
    async fn write_published(
        &mut self,
        published: Result<Published, Rejected>,
    ) -> Result<(), SessionEnd> {
        let mut frames = self.answer_to_publisher(published).to_vec();
        while let Some(SubscriberAnswer::Known(frame)) = self.waiting.front() {
            frames.extend_from_slice(frame);
            self.waiting.pop_front();
        }
        self.write(&frames).await
    }

    /// Waits for all answers that are outstanding, and writes them. The store of the feed has a
    /// deadline for each.
    async fn write_waiting(&mut self) -> Result<(), SessionEnd> {
        while !self.waiting.is_empty() {
            let published = first_published(&mut self.waiting).await;
            self.write_published(published).await?;
        }
        Ok(())
    }

    /// Writes whole frames past the library, which would copy each of them into a buffer of its
    /// own. This is correct because the library's buffer is empty whenever this task gets here:
    /// every `send` flushes, and `handle` flushes the answer to what was received before anything
    /// else is written.
    async fn write(&mut self, frames: &[u8]) -> Result<(), SessionEnd> {
        let Socket { stream, context } = &mut self.socket;
        let writing = async { Ok(stream.get_mut().write_all(frames).await?) };
        in_time(&self.subscription, context, writing).await
    }
}

/// Waits until it is known what came of publishing the first message that waits, and removes it.
/// The first answer that waits is always one of those.
///
/// # Cancel safety
/// Dropping the future loses nothing.
async fn first_published(waiting: &mut VecDeque<SubscriberAnswer>) -> Result<Published, Rejected> {
    poll_fn(|context| match waiting.front_mut() {
        Some(SubscriberAnswer::Publishing(acknowledgement)) => {
            let published = ready!(acknowledgement.poll_unpin(context));
            waiting.pop_front();
            Poll::Ready(published)
        }
        Some(SubscriberAnswer::Known(_)) | None => Poll::Pending,
    })
    .await
}

/// Waits for the subscriber to take bytes. A subscriber that takes none in time is dropped without
/// a closing handshake: half a frame may be on its way, and no Close frame can follow that. The
/// socket of the connection has the same time limit, but it does not help if the connection is
/// shared or served by somebody else.
async fn in_time(
    subscription: &Subscription,
    context: &RequestContext,
    sending: impl Future<Output = Result<(), Error>>,
) -> Result<(), SessionEnd> {
    if let Ok(sent) = timeout(subscription.server.limits.write_time, sending).await {
        return Ok(sent?);
    }
    context.give_up();
    Err(SessionEnd::Gone(Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Returns the frames of a batch. A gap comes first. A single message, the usual case, is not
/// copied.
fn frames(batch: &Batch) -> Cow<'_, [u8]> {
    match (batch.gap, batch.entries.as_slice()) {
        (None, [entry]) => Cow::Borrowed(&entry.websocket),
        (None, _) => Cow::Owned(batch.join(|entry| &entry.websocket).into()),
        (Some(gap), _) => {
            let mut frames = ServerFrame::Gap { gap, cursor: batch.before() }.frame().to_vec();
            frames.extend_from_slice(&batch.join(|entry| &entry.websocket));
            Cow::Owned(frames)
        }
    }
}
