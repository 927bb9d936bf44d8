//! How somebody who does not subscribe opens a socket.

use http::header::{self, HeaderName, HeaderValue};
use wirebench_scenario::target::Step;
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};

use super::kept::KeptValues;
use super::script::SocketScript;
use super::socket::TextSocket;
use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::http::{HttpClient, OPENING_TIMEOUT, RequestKind};
use crate::target::Target;
use crate::websocket::WebSocketConnection;

/// The request that opens a socket.
#[derive(Clone, Debug, Default)]
pub struct SocketRequest {
    /// The path and query.
    pub path: String,
    /// More headers than the handshake of a WebSocket needs.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The subprotocol to ask for. `None` asks for none.
    pub subprotocol: Option<HeaderValue>,
}

impl<S: SocketScript> TextSocket<S> {
    /// Opens a socket, which crosses no emulated link and is in no count of connections, and does
    /// the steps of its handshake, for 10 s each. Returns it with what the steps have kept.
    ///
    /// # Errors
    ///
    /// The server is not there, refuses the socket, or does something else than the steps say.
    pub async fn dial(
        target: &Target,
        request: &SocketRequest,
        steps: &[Step],
        script: S,
    ) -> Result<(Self, KeptValues), SubscribeError> {
        let dialer = Dialer::new(LinkSettings::default(), 0);
        let client = HttpClient::new(dialer, HttpSettings::default());
        let http = client.connect(target).await?;
        let subprotocol = request.subprotocol.clone();
        let subprotocol = subprotocol.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, name));
        let headers = client.headers(Headers::Bare, target, RequestKind::WebSocket);
        let headers = headers.with_all(request.headers.iter().cloned().chain(subprotocol));
        let opened = WebSocketConnection::open(http, &request.path, &headers, OPENING_TIMEOUT);
        let (mut socket, kept) = (Self::new(opened.await?, script), KeptValues::default());
        socket.shake_hands(steps, &kept, OPENING_TIMEOUT, &mut |_| Ok(false)).await?;
        Ok((socket, kept))
    }
}
