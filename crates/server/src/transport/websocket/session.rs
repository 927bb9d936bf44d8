//! A subscription over an open WebSocket.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, Sleep, interval_at, sleep};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebench_protocol::{Cursor, Published};

use super::request::{RequestedAction, SentValue, SubscriberRequest};
use super::socket::Socket;
use crate::feed::{Acknowledgement, Batch, PublishOptions, Rejected};
use crate::framing::websocket::{ServerFrame, binary_echo};
use crate::transport::subscription::Subscription;
use crate::wake_flag::WakeFlag;

/// The interval of pings. A subscriber that has sent nothing, not even a pong, since the last ping
/// is disconnected at the next.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A ping without a payload, as a frame (RFC 6455, section 5.5.2).
const PING: Bytes = Bytes::from_static(&[0x89, 0]);

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

/// What a session waits for.
enum SessionEvent {
    /// The subscriber has sent a message.
    Received(Message),
    /// It is known what came of publishing the first message that waits.
    Published(Result<Published, Rejected>),
    /// Messages were published. `None`: the feed has closed.
    Batch(Option<Batch>),
    /// The next ping is due.
    PingDue {
        /// The subscriber has sent something since the last ping.
        heard_since_last: bool,
    },
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
    /// Serves the subscription until something ends it, and ends the socket.
    pub(super) async fn run(self: Box<Self>, after: Cursor) {
        let mut session = self;
        let Err(end) = session.serve(after).await;
        // On the heap: an open socket does not pay for the size of its end.
        Box::pin(session.end(end)).await;
    }

    async fn end(&mut self, end: SessionEnd) {
        let end = match end {
            SessionEnd::FeedClosed => self.write_waiting().await.err().unwrap_or(end),
            SessionEnd::Refused(..) | SessionEnd::Gone(_) => end,
        };
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
        // What is rare or happens once is on the heap, so that an open socket does not keep room
        // for it.
        let cursor = Box::pin(self.say_hello(after)).await?;
        let mut follow = self.subscription.follow(cursor);
        let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_since_ping = true;
        let (mut read_flag, mut ping_flag) = (WakeFlag::default(), WakeFlag::default());
        loop {
            let next_ping =
                poll_fn(|context| ping_flag.poll(context, |context| ping.poll_tick(context)));
            let event = tokio::select! {
                // The peer first: its pings and its Close frame must not wait until a backlog is
                // sent.
                biased;
                message = poll_fn(|context| {
                    read_flag.poll(context, |context| self.socket.stream.poll_read(context))
                }), if self.waiting.len() < MAX_WAITING => {
                    heard_since_ping = true;
                    SessionEvent::Received(message?)
                }
                published = first_published(&mut self.waiting), if !self.waiting.is_empty() => {
                    SessionEvent::Published(published)
                }
                batch = follow.next() => SessionEvent::Batch(batch),
                _ = next_ping => SessionEvent::PingDue {
                    heard_since_last: std::mem::take(&mut heard_since_ping),
                },
            };
            let frames = self.handle(event)?;
            self.write(&frames).await?;
        }
    }

    /// Returns the frames that have to be written now. A single message, the usual case, is not
    /// copied.
    fn handle(&mut self, event: SessionEvent) -> Result<Bytes, SessionEnd> {
        match event {
            SessionEvent::Batch(Some(batch)) => {
                self.subscription.count(&batch);
                Ok(frames(&batch))
            }
            SessionEvent::Batch(None) => Err(SessionEnd::FeedClosed),
            SessionEvent::Received(message) => Ok(self.take(&message).unwrap_or_default()),
            SessionEvent::Published(published) => Ok(self.frames_of_published(published).into()),
            SessionEvent::PingDue { heard_since_last: true } => Ok(PING),
            SessionEvent::PingDue { heard_since_last: false } => {
                Err(SessionEnd::Refused(CloseCode::Policy, "no answer to a ping"))
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

    /// Takes what the subscriber sends: requests in text or binary messages. The library answers
    /// pings by itself. Returns the answer if it can be written at once.
    fn take(&mut self, message: &Message) -> Option<Bytes> {
        let max_bytes = self.subscription.server.limits.message_bytes;
        let answer = match message {
            Message::Text(text) => {
                self.answer(SubscriberRequest::parse_text(text.as_bytes(), max_bytes))
            }
            Message::Binary(bytes) => {
                self.answer(SubscriberRequest::parse_binary(bytes, max_bytes))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return None;
            }
        };
        match answer {
            SubscriberAnswer::Known(frame) if self.waiting.is_empty() => Some(frame),
            answer => {
                self.waiting.push_back(answer);
                None
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

    /// Returns the first answer that has waited, and those after it that are known.
    fn frames_of_published(&mut self, published: Result<Published, Rejected>) -> Vec<u8> {
        let mut frames = self.answer_to_publisher(published).to_vec();
        while let Some(SubscriberAnswer::Known(frame)) = self.waiting.front() {
            frames.extend_from_slice(frame);
            self.waiting.pop_front();
        }
        frames
    }

    /// Waits for all answers that are outstanding, and writes them. The store of the feed has a
    /// deadline for each.
    async fn write_waiting(&mut self) -> Result<(), SessionEnd> {
        while !self.waiting.is_empty() {
            let published = first_published(&mut self.waiting).await;
            let frames = self.frames_of_published(published);
            self.write(&frames).await?;
        }
        Ok(())
    }

    /// Writes frames, and before them the library's answer to a ping or a Close frame.
    ///
    /// A subscriber that takes nothing in time is dropped without a closing handshake: half a frame
    /// may be on its way, and no Close frame can follow that. The socket of the connection has the
    /// same time limit, but it does not help if the connection is shared or served by somebody
    /// else.
    fn write(&mut self, mut frames: &[u8]) -> impl Future<Output = Result<(), SessionEnd>> {
        let Socket { stream, context } = &mut self.socket;
        let time = self.subscription.server.limits.write_time;
        // The timer exists only while the subscriber takes nothing.
        let mut stalled: Option<Pin<Box<Sleep>>> = None;
        poll_fn(move |task| {
            if let Poll::Ready(written) = stream.poll_write(task, &mut frames) {
                return Poll::Ready(written.map_err(SessionEnd::from));
            }
            ready!(stalled.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(task));
            context.give_up();
            Poll::Ready(Err(SessionEnd::Gone(Error::Io(io::ErrorKind::TimedOut.into()))))
        })
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

/// Returns the frames of a batch. A gap comes first.
fn frames(batch: &Batch) -> Bytes {
    let messages = batch.join(|entry| &entry.websocket);
    let Some(gap) = batch.gap else { return messages };
    let mut frames = ServerFrame::Gap { gap, cursor: batch.before() }.frame().to_vec();
    frames.extend_from_slice(&messages);
    frames.into()
}
