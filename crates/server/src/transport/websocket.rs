//! WebSocket: one text frame a message, both ways over one upgraded connection (RFC 6455).

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebench_protocol::{Cursor, Gap, Hello, Published};

use super::{Ask, Subscription, locate};
use crate::answer::Refusal;
use crate::connection::Closed;
use crate::entry::text_frame;
use crate::feed::{Batch, Rejected};
use crate::gate::Gate;
use crate::upgrade::{self, Socket};

const PING: Duration = Duration::from_secs(20);

pub(super) fn answer(
    subscription: Subscription,
    ask: &Ask,
    request: Request,
) -> Result<Response, Refusal> {
    let after = locate(&subscription.feed, &ask.after)?;
    let server = subscription.server.clone();
    let may_publish = server.access().publish(ask.ticket.as_deref(), request.headers()).is_ok();
    let limits = upgrade::subscriber(server.limits());
    upgrade::websocket(request, limits, &server, move |socket| {
        Session { subscription, may_publish, socket }.run(after)
    })
}

/// Why a subscription ends.
enum End {
    /// The feed closed: the server stops.
    Closed,
    /// The subscriber did what it may not, or nothing at all.
    Refused(CloseCode, &'static str),
    /// The connection failed, or the subscriber closed it.
    Gone(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Gone(error)
    }
}

/// A subscription over a socket that is open. One task owns the socket, so that frames written past the
/// library and frames written by it never mix.
struct Session {
    subscription: Subscription,
    /// Whether what the subscriber publishes is taken.
    may_publish: bool,
    socket: Socket,
}

impl Session {
    async fn run(mut self, after: Cursor) {
        let Err(end) = self.serve(after).await;
        match end {
            End::Closed => {
                let reason = match self.subscription.server.return_delay() {
                    Some(delay) => {
                        format!("the server stops; come back in {} ms", delay.as_millis())
                    }
                    None => "the server stops".to_owned(),
                };
                self.socket.close(CloseCode::Away, reason).await;
            }
            End::Refused(code, reason) => self.socket.close(code, reason.to_owned()).await,
            End::Gone(error) => self.socket.fail(&error).await,
        }
    }

    /// Hello, then every message as it comes, until something ends it.
    async fn serve(&mut self, after: Cursor) -> Result<Infallible, End> {
        let subscription = &self.subscription;
        let first = subscription.feed.read(after);
        let cursor = if first.gap.is_some() { first.before() } else { after };
        subscription.count(&Batch { entries: SmallVec::new(), ..first });
        write(self, &text(&Frame::Hello(Hello { cursor, gap: first.gap }))).await?;
        let mut follow = self.subscription.follow(cursor);

        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        let (mut reading, mut pinging) = (Gate::default(), Gate::default());
        loop {
            tokio::select! {
                // The peer first: its pings and its close are not to wait until a long backlog is sent.
                biased;
                message = poll_fn(|context| {
                    reading.poll(context, |context| self.socket.stream.poll_next_unpin(context))
                }) => {
                    heard = true;
                    self.hear(message.unwrap_or(Err(Error::ConnectionClosed))?).await?;
                }
                batch = follow.next() => {
                    let batch = batch.ok_or(End::Closed)?;
                    self.subscription.count(&batch);
                    write(self, &encode(&batch)).await?;
                }
                _ = poll_fn(|context| pinging.poll(context, |context| ping.poll_tick(context))) => {
                    if !std::mem::take(&mut heard) {
                        return Err(End::Refused(CloseCode::Policy, "no answer to a ping"));
                    }
                    let ping = self.socket.stream.send(Message::Ping(Bytes::new()));
                    in_time(&self.subscription, ping).await?;
                }
            }
        }
    }

    /// What a subscriber says: only publishing means anything. The library answers pings by itself.
    async fn hear(&mut self, message: Message) -> Result<(), End> {
        // The answer to a ping or a close, which the library has to send.
        in_time(&self.subscription, self.socket.stream.flush()).await?;
        let frame = match message {
            Message::Text(request) => match self.publish(request.as_bytes()) {
                Ok(cursor) => text(&Frame::Published(Published { cursor })),
                Err(Rejected { status, error, hint }) => {
                    text(&Frame::Error { error, hint, status: status.as_u16() })
                }
            },
            Message::Binary(_) => {
                return Err(End::Refused(CloseCode::Unsupported, "messages are text"));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return Ok(());
            }
        };
        write(self, &frame).await
    }

    fn publish(&self, request: &[u8]) -> Result<Cursor, Rejected> {
        let Subscription { server, feed, .. } = &self.subscription;
        let offered = if self.may_publish {
            payload(request, server.limits().message_bytes).and_then(|json| feed.offer(json))
        } else {
            let hint = "open the socket with the token, or with a ticket that was given for it";
            Err(Rejected::forbidden("publishing takes a token", hint))
        };
        server.metrics().offered(offered.is_ok());
        offered
    }
}

/// What a request to publish carries.
fn payload(request: &[u8], most: usize) -> Result<&[u8], Rejected> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request<'a> {
        #[serde(borrow)]
        publish: &'a RawValue,
    }
    let hint = "send {\"publish\":<any JSON value>}";
    let request: Request<'_> = serde_json::from_slice(request)
        .map_err(|error| Rejected::malformed(error.to_string(), hint))?;
    if request.publish.get().len() > most {
        let error = format!("a payload has at most {most} bytes");
        return Err(Rejected::malformed(error, hint));
    }
    Ok(request.publish.get().as_bytes())
}

/// The frames that are not messages: `{"hello":…}`, `{"published":…}`, a gap in mid-stream, an error.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Hello(Hello),
    Published(Published),
    #[serde(untagged)]
    Gap {
        gap: Gap,
        cursor: Cursor,
    },
    #[serde(untagged)]
    Error {
        error: String,
        hint: &'static str,
        status: u16,
    },
}

fn text(frame: &Frame) -> Bytes {
    text_frame(&serde_json::to_vec(frame).expect("frames have no maps in them"))
}

/// The frames of a batch; a gap goes first. One message alone, the usual case, is not even cloned.
fn encode(batch: &Batch) -> Cow<'_, [u8]> {
    match (batch.gap, batch.entries.as_slice()) {
        (None, [entry]) => Cow::Borrowed(&entry.websocket),
        (None, _) => Cow::Owned(batch.join(|entry| &entry.websocket).into()),
        (Some(gap), _) => {
            let mut frames = text(&Frame::Gap { gap, cursor: batch.before() }).to_vec();
            frames.extend_from_slice(&batch.join(|entry| &entry.websocket));
            Cow::Owned(frames)
        }
    }
}

/// Writes whole frames past the library, which would copy each into a buffer of its own. Legal
/// because its buffer is empty whenever this task is here: every `send` flushes, and whatever was
/// heard is answered and flushed in `hear`, before anything else is written.
async fn write(session: &mut Session, frames: &[u8]) -> Result<(), End> {
    let Session { subscription, socket, .. } = session;
    in_time(subscription, async { Ok(socket.stream.get_mut().write_all(frames).await?) }).await
}

/// Waits for the subscriber to take bytes. One that takes none in time is dropped without a word: half
/// a frame may be on its way, and no Close frame can follow that. The guard of the connection would see
/// it too, but not where the connection is shared or somebody else's.
async fn in_time(
    subscription: &Subscription,
    sending: impl Future<Output = Result<(), Error>>,
) -> Result<(), End> {
    if let Ok(sent) = timeout(subscription.server.limits().write_time, sending).await {
        return Ok(sent?);
    }
    match (&subscription.flow, &subscription.vitals) {
        // Only this stream ends: the other streams of the connection go on.
        (Some(flow), _) => flow.give_up(),
        (None, Some(vitals)) => vitals.close(Closed::Slow),
        (None, None) => {}
    }
    Err(End::Gone(Error::Io(io::ErrorKind::TimedOut.into())))
}
