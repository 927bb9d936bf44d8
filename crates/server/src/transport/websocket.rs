//! WebSocket: one text frame a message, both ways over one upgraded connection (RFC 6455).

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use axum::http::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebench_protocol::{Cursor, Gap, Hello, Published};

use super::{Ask, locate};
use crate::answer::Refusal;
use crate::entry::text_frame;
use crate::feed::{Batch, Feed, Rejected};
use crate::gate::Gate;
use crate::server::Server;
use crate::upgrade::{self, Socket};

const PING: Duration = Duration::from_secs(20);

/// A subscriber that takes no bytes for this long is a slow reader, and dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn answer<B: Send + 'static>(
    server: &Server,
    feed: &Feed,
    ask: &Ask,
    request: Request<B>,
) -> Result<Response, Refusal> {
    let after = locate(feed, &ask.after)?;
    let feed = feed.clone();
    upgrade::websocket(request, upgrade::SUBSCRIBER, server, move |socket| {
        subscription(socket, feed, after)
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

async fn subscription(mut socket: Socket, feed: Feed, after: Cursor) {
    let Err(end) = serve(&mut socket, &feed, after).await;
    match end {
        End::Closed => socket.close(CloseCode::Away, "the server stops").await,
        End::Refused(code, reason) => socket.close(code, reason).await,
        End::Gone(error) => socket.fail(&error).await,
    }
}

/// Hello, then every message as it comes, until something ends it. One task owns the socket, so that
/// frames written past the library and frames written by it never mix.
async fn serve(socket: &mut Socket, feed: &Feed, after: Cursor) -> Result<Infallible, End> {
    let first = feed.read(after);
    let cursor = if first.gap.is_some() { first.before() } else { after };
    write(socket, &text(&Frame::Hello(Hello { cursor, gap: first.gap }))).await?;
    let mut follow = feed.follow(cursor);

    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    let (mut reading, mut pinging) = (Gate::default(), Gate::default());
    loop {
        tokio::select! {
            // The peer first: its pings and its close are not to wait until a long backlog is sent.
            biased;
            message = poll_fn(|context| {
                reading.poll(context, |context| socket.stream.poll_next_unpin(context))
            }) => {
                heard = true;
                hear(socket, feed, message.unwrap_or(Err(Error::ConnectionClosed))?).await?;
            }
            batch = follow.next() => write(socket, &encode(&batch.ok_or(End::Closed)?)).await?,
            _ = poll_fn(|context| pinging.poll(context, |context| ping.poll_tick(context))) => {
                if !std::mem::take(&mut heard) {
                    return Err(End::Refused(CloseCode::Policy, "no answer to a ping"));
                }
                in_time(socket.stream.send(Message::Ping(Bytes::new()))).await?;
            }
        }
    }
}

/// What a subscriber says: only publishing means anything. The library answers pings by itself.
async fn hear(socket: &mut Socket, feed: &Feed, message: Message) -> Result<(), End> {
    // The answer to a ping or a close, which the library has to send.
    in_time(socket.stream.flush()).await?;
    let frame = match message {
        Message::Text(request) => match publish(feed, request.as_bytes()) {
            Ok(cursor) => text(&Frame::Published(Published { cursor })),
            Err(Rejected { error, hint, .. }) => text(&Frame::Error { error, hint }),
        },
        Message::Binary(_) => {
            return Err(End::Refused(CloseCode::Unsupported, "messages are text"));
        }
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
            return Ok(());
        }
    };
    write(socket, &frame).await
}

fn publish(feed: &Feed, request: &[u8]) -> Result<Cursor, Rejected> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request<'a> {
        #[serde(borrow)]
        publish: &'a RawValue,
    }
    let hint = "send {\"publish\":<any JSON value>}";
    let request: Request<'_> = serde_json::from_slice(request)
        .map_err(|error| Rejected::malformed(error.to_string(), hint))?;
    if request.publish.get().len() > crate::MAX_PAYLOAD_BYTES {
        let error = format!("a payload has at most {} bytes", crate::MAX_PAYLOAD_BYTES);
        return Err(Rejected::malformed(error, hint));
    }
    feed.offer(request.publish.get().as_bytes())
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
async fn write(socket: &mut Socket, frames: &[u8]) -> Result<(), End> {
    in_time(async { Ok(socket.stream.get_mut().write_all(frames).await?) }).await
}

/// Waits for the subscriber to take bytes. One that takes none in time is dropped without a word: half
/// a frame may be on its way, and no Close frame can follow that.
async fn in_time(sending: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    match timeout(WRITE_DEADLINE, sending).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(End::Gone(Error::Io(io::ErrorKind::TimedOut.into()))),
    }
}
