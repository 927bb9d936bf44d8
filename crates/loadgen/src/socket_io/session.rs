//! An Engine.IO session: it carries messages both ways, first over requests or over a WebSocket,
//! and answers heartbeats.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use http::Uri;
use wirebench_protocol::{SocketIoMode, Timestamp};

use super::connector::{Connector, Urls};
use super::engine_packet::{EnginePacket, Frame, Handshake, Malformed};
use super::payload::{join, split};
use super::requests::{Answer, Requests};
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind, is_last, quote};
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
    /// The server has ended the session.
    closed: bool,
}

/// What happens in a session.
#[derive(Debug)]
pub(crate) enum SessionEvent {
    /// A request is about to be sent.
    Request {
        /// When.
        at: Timestamp,
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
    },
}

/// What carries the packets of a session.
#[derive(Debug)]
enum Carrier<'a, C> {
    Requests(Requests<'a, C>, Upgrade<'a>),
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
        let mut websocket = open_websocket(connector, urls.websocket()).await?;
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
        let answer = http.get(urls.polling(), connector.headers(RequestKind::Fetch)).await?;
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let last = is_last(&answer);
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
        let requests = Requests::new(connector, (!last).then_some(http));
        let mut session = Self::new(Carrier::Requests(requests, upgrade), urls, &handshake);
        session.events.push_back(SessionEvent::Request { at: asked_at });
        for frame in frames {
            session.accept(frame, at)?;
        }
        Ok(session)
    }

    fn new(carrier: Carrier<'a, C>, urls: Urls, handshake: &Handshake) -> Self {
        Self {
            carrier,
            urls,
            silence: handshake.silence(),
            max_payload: handshake.max_payload,
            events: VecDeque::new(),
            outbox: VecDeque::new(),
            closed: false,
        }
    }

    /// Sends a message, in order, as soon as [`next`](Self::next) is awaited.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.outbox.push_back(frame);
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
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.closed {
                return Ok(None);
            }
            match &mut self.carrier {
                Carrier::WebSocket(_) => self.next_frame().await?,
                Carrier::Requests(..) => self.next_answer().await?,
            }
        }
    }

    /// Sends what is to be sent over the WebSocket, and takes the next frame.
    async fn next_frame(&mut self) -> Result<(), SubscribeError> {
        let Carrier::WebSocket(websocket) = &mut self.carrier else { return Ok(()) };
        while let Some(frame) = self.outbox.pop_front() {
            websocket.send(frame.into()).await?;
        }
        let frame = match websocket.next().await? {
            Some(websocket::Message::Text(text)) => Frame::Text(text),
            Some(websocket::Message::Binary(bytes)) => Frame::Binary(bytes),
            // `WebSocketConnection::next` returns no other kinds.
            Some(_) => return Ok(()),
            None => {
                self.closed = true;
                return websocket.proper_end();
            }
        };
        // Stamped here, before decoding.
        let at = websocket.arrived_at();
        self.accept(frame, at)
    }

    /// Prepares the requests that are due, or takes the next answer.
    async fn next_answer(&mut self) -> Result<(), SubscribeError> {
        let Carrier::Requests(requests, upgrade) = &mut self.carrier else { return Ok(()) };
        match upgrade {
            Upgrade::Ready(_) if !requests.gets() && !requests.posts() => {
                return self.move_to_websocket().await;
            }
            // Nothing more is asked or posted here.
            Upgrade::Ready(_) => {}
            Upgrade::Never | Upgrade::Probing(_) => {
                // The `POST` first: on the first occasion there is one connection, and it takes it.
                if !requests.posts() && !self.outbox.is_empty() {
                    requests.post(self.urls.polling(), join(&mut self.outbox, self.max_payload));
                    self.events.push_back(SessionEvent::Request { at: Timestamp::now() });
                }
                if !requests.gets() {
                    requests.get(self.urls.polling());
                    self.events.push_back(SessionEvent::Request { at: Timestamp::now() });
                }
                if !self.events.is_empty() {
                    return Ok(());
                }
            }
        }
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = requests.poll(cx) {
                return Poll::Ready(answer);
            }
            if let Upgrade::Probing(probing) = upgrade
                && let Poll::Ready(opened) = probing.poll_unpin(cx)
            {
                // The official client, too, stays with its requests if the WebSocket fails.
                *upgrade = opened.map_or(Upgrade::Never, |opened| Upgrade::Ready(Box::new(opened)));
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        });
        match answer.await? {
            Some(answer) => self.accept_answer(&answer),
            None => Ok(()),
        }
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
        for frame in frames {
            self.accept(frame, answer.at)?;
        }
        if self.events.is_empty() {
            self.events.push_back(SessionEvent::Empty { at: answer.at });
        }
        Ok(())
    }

    /// Takes one packet.
    fn accept(&mut self, frame: Frame, at: Timestamp) -> Result<(), SubscribeError> {
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
            self.events.push_back(SessionEvent::Message { frame, at });
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
    uri: Uri,
) -> Result<WebSocketConnection, SubscribeError> {
    let http = connector.connect().await?;
    let headers = connector.headers(RequestKind::WebSocket);
    WebSocketConnection::open(http, uri, headers, OPENING_TIMEOUT).await
}

/// Opens a WebSocket for a session and finds out whether it carries packets.
async fn probe<C: Connector>(
    connector: C,
    uri: Uri,
) -> Result<WebSocketConnection, SubscribeError> {
    let mut websocket = open_websocket(&connector, uri).await?;
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
