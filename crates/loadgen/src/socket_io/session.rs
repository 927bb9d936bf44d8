//! An Engine.IO session: it carries messages both ways, first over requests or over a WebSocket,
//! and answers heartbeats.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use tokio_util::either::Either;
use wirebench_protocol::{SocketIoMode, Timestamp};

use super::connector::{Connector, Urls};
use super::engine_packet::{EnginePacket, Frame, Handshake, Malformed};
use super::payload::{join, split};
use super::requests::{Answer, Reply, Requests};
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind, quote};
use crate::websocket::{self, WebSocketConnection};

/// The name of the transport that a session upgrades to.
const WEBSOCKET: &str = "websocket";

/// What both ends say to find out whether a WebSocket carries packets.
const PROBE: &str = "probe";

/// An open session.
#[derive(Debug)]
pub(crate) struct SocketIoSession<'a, C> {
    carrier: Carrier<'a, C>,
    urls: Urls,
    /// The time of silence after which the session is lost.
    silence: Duration,
    /// The maximum size of the body of a `POST`, if the server has one.
    max_payload: Option<usize>,
    /// What has happened and was not returned yet.
    events: VecDeque<SessionEvent>,
    /// What is to be sent. It holds what [`SocketIoSession::send`] was called with, and a pong for
    /// each ping, of which the server sends no second one before the first is answered.
    outbox: VecDeque<Frame>,
    /// The frame that an event has announced and that the WebSocket carries next.
    due: Option<Frame>,
    /// The number of messages in the `POST` that is under way.
    posted: usize,
    /// The server has ended the session.
    closed: bool,
}

/// What happens in a session.
#[derive(Debug)]
pub(crate) enum SessionEvent {
    /// A request that carries no message is about to be sent.
    Request {
        /// When.
        at: Timestamp,
    },
    /// A message is about to be sent. There is one for each call of [`SocketIoSession::send`], in
    /// the same order.
    Sending {
        /// When.
        at: Timestamp,
        /// It is the first message of a request. `false`: a frame carries it, or a request that
        /// carries others before it.
        request: bool,
    },
    /// A message was sent: a frame carries it, or its request was answered. There is one for each
    /// [`SessionEvent::Sending`], in the same order.
    Sent {
        /// The bytes of its frames, or the message's share of those of the request and its answer.
        /// `None` if they cannot be told from those of others.
        bytes: Option<u64>,
    },
    /// A `GET` was answered without a message.
    Empty {
        /// When the last byte of the answer arrived.
        at: Timestamp,
    },
    /// A message arrived: text that begins with `4`, or an attachment.
    Message {
        /// The message.
        frame: Frame,
        /// When its last byte arrived, before decoding.
        at: Timestamp,
        /// The bytes that it took: of its frame, or of its part of an answer. A `GET` whose answer
        /// brought nothing but acknowledgements was spent on them: they share all its bytes, and
        /// their attachments have 0. `None` if they cannot be told from those of others.
        bytes: Option<u64>,
    },
}

/// What carries the packets of a session.
#[derive(Debug)]
enum Carrier<'a, C> {
    /// Boxed, because a session that has become a WebSocket keeps no space for them.
    Requests(Box<Requests<'a, C>>, Upgrade<'a>),
    WebSocket(Box<WebSocketConnection>),
}

/// How far the upgrade to a WebSocket has come.
enum Upgrade<'a> {
    /// It is not wanted, or has failed. The session stays with its requests.
    Never,
    /// The WebSocket is being opened and probed, while requests carry the session.
    Probing(BoxFuture<'a, Result<WebSocketConnection, SubscribeError>>),
    /// The WebSocket is open. The session moves there once the last request is answered.
    Ready(Box<WebSocketConnection>),
}

impl fmt::Debug for Upgrade<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "Never",
            Self::Probing(_) => "Probing",
            Self::Ready(_) => "Ready",
        })
    }
}

impl<'a, C: Connector + 'a> SocketIoSession<'a, C> {
    /// Opens a session at `path`, such as `/socket.io/`.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Refused`] if the server answers with another status, and
    /// [`SubscribeError::Protocol`] if it answers with anything but a handshake.
    pub(crate) async fn open(
        connector: C,
        path: &str,
        mode: SocketIoMode,
    ) -> Result<Self, SubscribeError> {
        let urls = Urls::new(path);
        match mode {
            SocketIoMode::WebSocket => Self::open_websocket(&connector, urls).await,
            SocketIoMode::Polling => Self::open_requests(connector, urls, false).await,
            SocketIoMode::Upgrade => Self::open_requests(connector, urls, true).await,
        }
    }

    async fn open_websocket(connector: &C, mut urls: Urls) -> Result<Self, SubscribeError> {
        let mut websocket = open_websocket(connector, &urls.websocket()).await?;
        let text = match websocket.next().await? {
            Some(websocket::Message::Text(text)) => text.to_string(),
            Some(_) => "a binary packet".to_owned(),
            None => "the end of the connection".to_owned(),
        };
        let asked = || websocket.asked().to_owned();
        let handshake = handshake(&text).map_err(|error| malformed(asked(), &text, error))?;
        urls.opened(handshake.sid.clone());
        Ok(Self::new(Carrier::WebSocket(Box::new(websocket)), urls, &handshake))
    }

    async fn open_requests(
        connector: C,
        mut urls: Urls,
        upgrades: bool,
    ) -> Result<Self, SubscribeError> {
        let mut http = connector.connect().await?;
        let asked_at = Timestamp::now();
        let answer = http.get(&urls.polling(), &connector.headers(RequestKind::Fetch)).await?;
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let last = answer.is_last();
        let body = http.whole(answer.into_body()).await?;
        let at = http.arrived_at();
        let asked = http.asked();
        let text = String::from_utf8_lossy(&body);
        let frames = split(&body).and_then(|frames| {
            let mut frames = VecDeque::from(frames);
            let Some(Frame::Text(first)) = frames.pop_front() else {
                return Err(Malformed("a handshake in text"));
            };
            Ok((handshake(&first)?, frames))
        });
        let (handshake, frames) = frames.map_err(|error| malformed(asked, &text, error))?;
        urls.opened(handshake.sid.clone());
        let upgrades = upgrades && handshake.upgrades.iter().any(|name| name == WEBSOCKET);
        let upgrade = if upgrades {
            Upgrade::Probing(probe(connector.clone(), urls.websocket()).boxed())
        } else {
            Upgrade::Never
        };
        let requests = Box::new(Requests::new(connector, (!last).then_some(http)));
        let mut session = Self::new(Carrier::Requests(requests, upgrade), urls, &handshake);
        session.events.push_back(SessionEvent::Request { at: asked_at });
        for frame in frames {
            session.accept(frame, at, None)?;
        }
        Ok(session)
    }

    fn new(carrier: Carrier<'a, C>, urls: Urls, handshake: &Handshake) -> Self {
        Self {
            carrier,
            urls,
            silence: handshake.silence(),
            max_payload: handshake.max_payload,
            // A subscriber that sends nothing needs room for one of each.
            events: VecDeque::with_capacity(1),
            outbox: VecDeque::with_capacity(1),
            due: None,
            posted: 0,
            closed: false,
        }
    }

    /// Sends a message, a packet and its attachments, in order, as soon as [`next`](Self::next) is
    /// awaited. Over requests it waits until the `POST` before it is answered, and then shares a
    /// request with what waits beside it.
    pub(crate) fn send(&mut self, message: impl IntoIterator<Item = Frame>) {
        self.outbox.extend(message);
    }

    /// Ends the deadline of the opening: from now on, only silence ends the session.
    pub(crate) fn established(&mut self) {
        match &mut self.carrier {
            Carrier::Requests(requests, _) => requests.allow(self.silence),
            Carrier::WebSocket(websocket) => websocket.allow(self.silence),
        }
    }

    /// Returns the next event, and `None` when the server has ended the session.
    pub(crate) async fn next(&mut self) -> Result<Option<SessionEvent>, SubscribeError> {
        match self.next_beside(|_| Poll::<Infallible>::Pending).await? {
            Either::Left(event) => Ok(event),
            Either::Right(never) => match never {},
        }
    }

    /// The same as [`next`](Self::next), unless `other` is ready before. `other` is what the caller
    /// wants to send: it is asked only when it can be sent at once, and until it has no more.
    pub(crate) async fn next_beside<T>(
        &mut self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Either<Option<SessionEvent>, T>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Either::Left(Some(event)));
            }
            if self.closed {
                return Ok(Either::Left(None));
            }
            let other = match &mut self.carrier {
                Carrier::WebSocket(_) => self.next_frame(&mut other).await?,
                Carrier::Requests(..) => self.next_answer(&mut other).await?,
            };
            if let Some(other) = other {
                return Ok(Either::Right(other));
            }
        }
    }

    /// Sends what is to be sent over the WebSocket, or takes the next frame. Returns `other` if it
    /// is ready before.
    async fn next_frame<T>(
        &mut self,
        other: &mut impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Option<T>, SubscribeError> {
        let Carrier::WebSocket(websocket) = &mut self.carrier else { return Ok(None) };
        if let Some(frame) = self.due.take() {
            websocket.send(frame.into()).await?;
        }
        if let Some(frame) = self.outbox.pop_front() {
            if frame.is_message() {
                let sending = SessionEvent::Sending { at: Timestamp::now(), request: false };
                let attachments = self.outbox.iter().take_while(|next| next.is_attachment());
                let frames = std::iter::once(&frame).chain(attachments);
                let bytes = frames.map(|frame| websocket.frame_bytes(frame.len(), true)).sum();
                self.events.extend([sending, SessionEvent::Sent { bytes }]);
            }
            self.due = Some(frame);
            return Ok(None);
        }
        let frame = match websocket.next_beside(other).await? {
            Either::Right(other) => return Ok(Some(other)),
            Either::Left(Some(websocket::Message::Text(text))) => Frame::Text(text),
            Either::Left(Some(websocket::Message::Binary(bytes))) => Frame::Binary(bytes),
            // `WebSocketConnection::next` returns no other kinds.
            Either::Left(Some(_)) => return Ok(None),
            Either::Left(None) => {
                self.closed = true;
                return websocket.proper_end().map(|()| None);
            }
        };
        // Stamped here, before decoding.
        let (at, bytes) = (websocket.arrived_at(), websocket.frame_bytes(frame.len(), false));
        self.accept(frame, at, bytes).map(|()| None)
    }

    /// Prepares the requests that are due, or takes the next answer. Returns `other` if it is ready
    /// before.
    async fn next_answer<T>(
        &mut self,
        other: &mut impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Option<T>, SubscribeError> {
        let Carrier::Requests(requests, upgrade) = &mut self.carrier else { return Ok(None) };
        // Once the WebSocket is open, nothing more is asked or posted here.
        let stays = !matches!(upgrade, Upgrade::Ready(_));
        if !stays && !requests.gets() && !requests.posts() {
            return self.move_to_websocket().await.map(|()| None);
        }
        let posts_next = stays && !requests.posts();
        // One `POST` carries everything that is to be sent by now.
        if posts_next && let Poll::Ready(other) = poll_fn(|cx| Poll::Ready(other(cx))).await {
            return Ok(Some(other));
        }
        if stays {
            self.prepare();
            if !self.events.is_empty() {
                return Ok(None);
            }
        }
        match self.reply_beside(|cx| if posts_next { other(cx) } else { Poll::Pending }).await? {
            Some(Either::Right(other)) => return Ok(Some(other)),
            Some(Either::Left(Reply::Get(answer))) => self.accept_answer(&answer)?,
            Some(Either::Left(Reply::Post(answer))) => {
                let shares = shares(answer.bytes, mem::take(&mut self.posted));
                self.events.extend(shares.map(|bytes| SessionEvent::Sent { bytes }));
            }
            None => {}
        }
        Ok(None)
    }

    /// Prepares the requests that are due.
    fn prepare(&mut self) {
        let Carrier::Requests(requests, _) = &mut self.carrier else { return };
        let at = Timestamp::now();
        // The `POST` first: on the first occasion there is one connection, and it takes it.
        if !requests.posts() && !self.outbox.is_empty() {
            let waiting = messages(&self.outbox);
            requests.post(self.urls.polling(), join(&mut self.outbox, self.max_payload));
            self.posted = waiting - messages(&self.outbox);
            if self.posted == 0 {
                self.events.push_back(SessionEvent::Request { at });
            }
            let sending = |place| SessionEvent::Sending { at, request: place == 0 };
            self.events.extend((0..self.posted).map(sending));
        }
        if !requests.gets() {
            requests.get(self.urls.polling());
            self.events.push_back(SessionEvent::Request { at });
        }
    }

    /// Waits for the next answer to a request, for the WebSocket to open or to fail (`None`), or
    /// for `other`.
    async fn reply_beside<T>(
        &mut self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Option<Either<Reply, T>>, SubscribeError> {
        let Carrier::Requests(requests, upgrade) = &mut self.carrier else { return Ok(None) };
        poll_fn(|cx| {
            if let Poll::Ready(other) = other(cx) {
                return Poll::Ready(Ok(Some(Either::Right(other))));
            }
            if let Poll::Ready(reply) = requests.poll(cx) {
                return Poll::Ready(reply.map(|reply| Some(Either::Left(reply))));
            }
            if let Upgrade::Probing(probing) = upgrade
                && let Poll::Ready(opened) = probing.poll_unpin(cx)
            {
                // The official client, too, stays with its requests if the WebSocket fails.
                *upgrade = opened.map_or(Upgrade::Never, |opened| Upgrade::Ready(Box::new(opened)));
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        })
        .await
    }

    /// Tells the server to continue over the WebSocket. Everything that it sent over requests has
    /// arrived.
    async fn move_to_websocket(&mut self) -> Result<(), SubscribeError> {
        let Carrier::Requests(_, upgrade) = &mut self.carrier else { return Ok(()) };
        let Upgrade::Ready(mut websocket) = mem::replace(upgrade, Upgrade::Never) else {
            return Ok(());
        };
        websocket.allow(self.silence);
        websocket.send(websocket::Message::text("5")).await?;
        self.carrier = Carrier::WebSocket(websocket);
        Ok(())
    }

    /// Takes the answer to a `GET`.
    fn accept_answer(&mut self, answer: &Answer) -> Result<(), SubscribeError> {
        let frames = split(&answer.body)
            .map_err(|error| self.malformed(&String::from_utf8_lossy(&answer.body), error))?;
        let acknowledgements = frames.iter().filter(|frame| frame.is_acknowledgement()).count();
        let messages = frames.iter().filter(|frame| frame.is_message()).count();
        let mut shares = shares(answer.bytes, acknowledgements);
        for frame in frames {
            let bytes = if acknowledgements < messages {
                // With the byte that separates it from the next.
                answer.bytes.map(|_| frame.len_in_body() as u64 + 1)
            } else if frame.is_acknowledgement() {
                shares.next().flatten()
            } else {
                answer.bytes.map(|_| 0)
            };
            self.accept(frame, answer.at, bytes)?;
        }
        if self.events.is_empty() {
            self.events.push_back(SessionEvent::Empty { at: answer.at });
        }
        Ok(())
    }

    /// Takes one packet.
    fn accept(
        &mut self,
        frame: Frame,
        at: Timestamp,
        bytes: Option<u64>,
    ) -> Result<(), SubscribeError> {
        if let Frame::Text(text) = &frame {
            match EnginePacket::parse(text) {
                Ok(EnginePacket::Message(_)) => {}
                Ok(EnginePacket::Ping(data)) => {
                    self.outbox.push_back(Frame::Text(format!("3{data}").into()));
                    return Ok(());
                }
                Ok(EnginePacket::Close) => {
                    self.closed = true;
                    return Ok(());
                }
                Ok(EnginePacket::Noop | EnginePacket::Pong(_)) => return Ok(()),
                Ok(EnginePacket::Open(_) | EnginePacket::Upgrade) => {
                    let expected = Malformed("messages and heartbeats after the handshake");
                    return Err(self.malformed(text, expected));
                }
                Err(error) => return Err(self.malformed(text, error)),
            }
        }
        // Nothing comes after the end of a session.
        if !self.closed {
            self.events.push_back(SessionEvent::Message { frame, at, bytes });
        }
        Ok(())
    }

    /// Returns the error for a packet that is not as the protocols say.
    pub(crate) fn malformed(&self, found: &str, expected: Malformed) -> SubscribeError {
        malformed(self.urls.session(), found, expected)
    }
}

impl From<Frame> for websocket::Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// Returns how many of the frames are messages.
fn messages(frames: &VecDeque<Frame>) -> usize {
    frames.iter().filter(|frame| frame.is_message()).count()
}

/// Divides bytes into equal shares. Where they cannot be equal, the last are a byte larger.
fn shares(bytes: Option<u64>, among: usize) -> impl Iterator<Item = Option<u64>> {
    let among = among as u64;
    (0..among).map(move |place| bytes.map(|bytes| (bytes + place) / among))
}

/// Parses the first packet of a session.
fn handshake(text: &str) -> Result<Handshake, Malformed> {
    match EnginePacket::parse(text)? {
        EnginePacket::Open(data) => Handshake::parse(data),
        _ => Err(Malformed("a handshake: `0{\"sid\":…}`")),
    }
}

fn malformed(asked: String, found: &str, Malformed(expected): Malformed) -> SubscribeError {
    SubscribeError::Protocol { asked, found: format!("`{}`", quote(found)), expected }
}

async fn open_websocket<C: Connector>(
    connector: &C,
    url: &str,
) -> Result<WebSocketConnection, SubscribeError> {
    let http = connector.connect().await?;
    let headers = connector.headers(RequestKind::WebSocket);
    WebSocketConnection::open(http, url, &headers, OPENING_TIMEOUT).await
}

/// Opens a WebSocket for a session and finds out whether it carries packets.
async fn probe<C: Connector>(
    connector: C,
    url: String,
) -> Result<WebSocketConnection, SubscribeError> {
    let mut websocket = open_websocket(&connector, &url).await?;
    websocket.send(websocket::Message::text(format!("2{PROBE}"))).await?;
    let asked = websocket.asked().to_owned();
    match websocket.next().await? {
        Some(websocket::Message::Text(text))
            if EnginePacket::parse(&text) == Ok(EnginePacket::Pong(PROBE)) =>
        {
            Ok(websocket)
        }
        answer => {
            let found = answer.map_or_else(String::new, |answer| answer.to_string());
            Err(malformed(asked, &found, Malformed("`3probe`")))
        }
    }
}
