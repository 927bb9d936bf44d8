//! An open WebSocket: messages in, pings answered, closing handshakes done.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::either::Either;
use wirebench_protocol::Timestamp;

use super::handshake::{self, Opened, Upgraded};
use super::message_socket::MessageSocket;
use crate::dial::Arrivals;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, Deadline, RequestHeaders};

/// The close codes that end a subscription properly: done, and going away.
const PROPER_CLOSE_CODES: [u16; 2] = [1000, 1001];

/// The maximum time that a peer may take to close the connection after a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An open WebSocket.
///
/// [`Arrivals`] is the stamp of the message last returned: [`MessageSocket`] reads nothing between
/// the last byte of a message and its return.
#[derive(Debug)]
pub(crate) struct WebSocketConnection {
    socket: MessageSocket<Upgraded>,
    arrivals: Arrivals,
    deadline: Deadline,
    /// The length that `deadline` was set to, for the error that reports it.
    within: Duration,
    /// Method, path and query of the request that opened it.
    asked: String,
    /// How many pings there were, up to the maximum.
    pings: u16,
    /// The close frame of the peer has arrived.
    closing: bool,
    /// What the close frame said. `None` before it has arrived, and if it was empty.
    close: Option<CloseFrame>,
}

impl WebSocketConnection {
    /// Opens a WebSocket on a connection that has carried nothing yet, or on a stream of one. The
    /// first message has `within` to arrive.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Refused`] if the answer does not open it, [`SubscribeError::Protocol`] if
    /// it does not belong to this handshake.
    pub(crate) async fn open(
        http: ClientConnection,
        target: &str,
        headers: &RequestHeaders,
        within: Duration,
    ) -> Result<Self, SubscribeError> {
        let (open, _) = Self::open_with_answer(http, target, headers, within).await?;
        Ok(open)
    }

    /// The same as [`open`](Self::open), with the fields of the answer.
    pub(crate) async fn open_with_answer(
        http: ClientConnection,
        target: &str,
        headers: &RequestHeaders,
        within: Duration,
    ) -> Result<(Self, HeaderMap), SubscribeError> {
        let (asked, arrivals) = (format!("GET {target}"), http.arrivals());
        // Boxed, so that the memory of the handshake is freed when it is done.
        let Opened { connection, unread, answer } =
            Box::pin(handshake::open(http, target, headers)).await?;
        let open = Self {
            socket: MessageSocket::new(connection, unread),
            arrivals,
            deadline: Deadline::new(within),
            within,
            asked,
            pings: 0,
            closing: false,
            close: None,
        };
        Ok((open, answer))
    }

    /// Returns how many pings there were, up to 65,535.
    pub(crate) fn pings(&self) -> u16 {
        self.pings
    }

    /// Sets the deadline to `within` from now. The next message or ping has to arrive before it.
    pub(crate) fn allow(&mut self, within: Duration) {
        self.within = within;
        self.deadline.set(within);
    }

    /// Returns when the last bytes arrived.
    pub(crate) fn arrived_at(&self) -> Timestamp {
        self.arrivals.last()
    }

    /// Returns the error that the close frame of the peer stands for, if the connection has ended
    /// with one. A peer that is done, or going away, has ended it properly.
    pub(crate) fn proper_end(&self) -> Result<(), SubscribeError> {
        match &self.close {
            Some(close) if !PROPER_CLOSE_CODES.contains(&close.code.into()) => {
                Err(SubscribeError::Closed {
                    asked: self.asked.clone(),
                    code: close.code.into(),
                    reason: close.reason.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Returns method, path and query of the request that opened it.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    /// Returns the next text or binary message, and `None` once the closing handshake is done.
    /// Answers pings. Every frame that arrives moves the deadline.
    ///
    /// # Errors
    ///
    /// What broke the connection. A peer that broke the protocol has been sent the reason (1002,
    /// 1007 or 1009).
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, SubscribeError> {
        match self.next_beside(|_| Poll::<Infallible>::Pending).await? {
            Either::Left(message) => Ok(message),
            Either::Right(never) => match never {},
        }
    }

    /// The same as [`next`](Self::next), unless `other` is ready before.
    pub(crate) async fn next_beside<T>(
        &mut self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Either<Option<Message>, T>, SubscribeError> {
        loop {
            let next = poll_fn(|cx| {
                if !self.closing
                    && let Poll::Ready(other) = other(cx)
                {
                    return Poll::Ready(Either::Right(other));
                }
                let next = match self.socket.poll_next(cx) {
                    Poll::Ready(next) => Poll::Ready(Some(next)),
                    Poll::Pending => self.deadline.poll(cx).map(|()| None),
                };
                next.map(Either::Left)
            });
            let next = match next.await {
                Either::Left(next) => next,
                Either::Right(other) => return Ok(Either::Right(other)),
            };
            match next {
                // The closing handshake is done, but the server does not close the connection.
                None if self.closing => return Ok(Either::Left(None)),
                None => return Err(self.silent()),
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    self.deadline.set(self.within);
                    return Ok(Either::Left(Some(message)));
                }
                Some(Ok(Message::Close(frame))) => {
                    self.closing = true;
                    self.close = frame;
                    self.deadline.set(CLOSE_TIMEOUT);
                }
                Some(Ok(Message::Ping(_))) => {
                    self.pings = self.pings.saturating_add(1);
                    self.deadline.set(self.within);
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => self.deadline.set(self.within),
                Some(Err(Error::ConnectionClosed)) => return Ok(Either::Left(None)),
                // What a peer sends after its close frame is discarded (section 1.4); the library
                // calls it an error.
                Some(Err(_)) if self.closing => {
                    Box::pin(self.until_closed()).await;
                    return Ok(Either::Left(None));
                }
                Some(Err(error)) => {
                    if let Some(code) = close_code(&error) {
                        Box::pin(self.close_with(code, &error)).await;
                    }
                    return Err(self.broken(error));
                }
            }
        }
    }

    /// Sends a text or binary message. The peer has until the deadline to take it.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), SubscribeError> {
        let mut message = Some(message);
        let sent = poll_fn(|cx| match self.socket.poll_send(cx, &mut message) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending => self.deadline.poll(cx).map(|()| None),
        });
        match sent.await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.broken(error)),
            None => Err(self.silent()),
        }
    }

    fn broken(&self, error: Error) -> SubscribeError {
        SubscribeError::WebSocket { asked: self.asked.clone(), source: Box::new(error) }
    }

    fn silent(&self) -> SubscribeError {
        SubscribeError::Silent { asked: self.asked.clone(), within: self.within }
    }

    /// Returns how many bytes the frame of a text of `length` bytes takes with its header. `None`
    /// in a stream of HTTP/2, which puts it into frames of its own.
    pub(crate) fn frame_bytes(&self, length: usize, masked: bool) -> Option<u64> {
        if let Either::Right(_) = self.socket.get_ref() {
            return None;
        }
        let header = match length {
            ..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        };
        Some(header + if masked { 4 } else { 0 } + length as u64)
    }

    /// Tells the peer that nothing more comes, and waits until it closes the connection.
    pub(crate) async fn close(&mut self) {
        self.say_goodbye(CloseFrame { code: CloseCode::Normal, reason: "".into() }).await;
    }

    /// Tells the peer what it did wrong and waits until it closes the connection.
    async fn close_with(&mut self, code: CloseCode, error: &Error) {
        let reason = error.to_string();
        let end = reason.floor_char_boundary(120);
        self.say_goodbye(CloseFrame { code, reason: reason[..end].to_owned().into() }).await;
    }

    /// Sends a close frame and waits until the peer closes the connection. Closing it first, with
    /// bytes still unread, would reset it, and the reset could overtake the frame and what was sent
    /// before it.
    async fn say_goodbye(&mut self, frame: CloseFrame) {
        let mut message = Some(Message::Close(Some(frame)));
        let goodbye = async {
            poll_fn(|cx| self.socket.poll_send(cx, &mut message)).await.ok()?;
            self.socket.get_mut().shutdown().await.ok()?;
            poll_fn(|cx| self.socket.poll_closed(cx)).await;
            Some(())
        };
        // A peer that does not answer is left.
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    /// Waits until the peer has closed the connection, and discards what it still sends. A peer that
    /// takes longer than the timeout is left.
    async fn until_closed(&mut self) {
        let _ = timeout(CLOSE_TIMEOUT, poll_fn(|cx| self.socket.poll_closed(cx))).await;
    }
}

/// Returns the close code that tells the peer about an error, or `None` if the peer is not told.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        // The peer is gone.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        _ => None,
    }
}
