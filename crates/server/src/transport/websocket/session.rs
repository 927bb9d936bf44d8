//! A subscription over an open WebSocket.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use smallvec::SmallVec;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebench_protocol::{Cursor, Hello, Published};

use super::request::{RequestedAction, SentValue, SubscriberRequest};
use super::socket::Socket;
use crate::connection::RequestContext;
use crate::feed::{Batch, PublishOptions, Rejected};
use crate::framing::websocket::{ServerFrame, binary_echo};
use crate::transport::subscription::Subscription;
use crate::wake_flag::WakeFlag;

/// The interval of pings. A subscriber that has sent nothing, not even a pong, since the last ping
/// is disconnected at the next.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A subscription over an open socket. One task owns the socket, so that frames that are written
/// past the library and frames that the library writes never mix.
pub(super) struct WebSocketSession {
    pub(super) subscription: Subscription,
    /// The subscriber may publish.
    pub(super) may_publish: bool,
    pub(super) socket: Socket,
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
                }) => {
                    heard_since_ping = true;
                    self.handle(message.unwrap_or(Err(Error::ConnectionClosed))?).await?;
                }
                batch = follow.next() => {
                    let batch = batch.ok_or(SessionEnd::FeedClosed)?;
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
        let first = self.subscription.read(after);
        let cursor = if first.gap.is_some() { first.before() } else { after };
        self.subscription.count(&Batch { entries: SmallVec::new(), ..first });
        self.write(&ServerFrame::Hello(Hello { cursor, gap: first.gap }).frame()).await?;
        Ok(cursor)
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
        self.write(&answer).await
    }

    /// Does what a subscriber asks for, and returns the frame of the answer.
    fn answer(&self, request: Result<SubscriberRequest<'_>, Rejected>) -> Bytes {
        let metrics = &self.subscription.server.metrics.publishing;
        let published = match request {
            Ok(SubscriberRequest { action: RequestedAction::Echo, value }) => {
                metrics.echoed();
                return match value {
                    SentValue::Json(json) => ServerFrame::Echo(json).frame(),
                    SentValue::Binary(bytes) => binary_echo(&bytes),
                };
            }
            Ok(SubscriberRequest { action: RequestedAction::Publish { options }, value }) => {
                self.publish(&value, &options)
            }
            Err(rejected) => Err(rejected),
        };
        metrics.offered(&published);
        let answer = match published {
            Ok(published) => ServerFrame::Published(published),
            Err(Rejected { status, error, hint }) => {
                ServerFrame::Error { error, hint, status: status.as_u16() }
            }
        };
        answer.frame()
    }

    fn publish(
        &self,
        value: &SentValue<'_>,
        options: &PublishOptions,
    ) -> Result<Published, Rejected> {
        if !self.may_publish {
            let hint = "open the socket with the token, or with a ticket that was given for it";
            return Err(Rejected::forbidden("publishing requires a token", hint));
        }
        self.subscription.feed.offer_payload(&value.payload()?, options)
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
