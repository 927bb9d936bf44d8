//! From an HTTP request to an open WebSocket, and from there to its end (RFC 6455).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::answer::Refusal;
use crate::connection::{ClientSlot, Flow, Vitals};
use crate::limits;
use crate::server::Server;

/// How long an ending connection may take to say goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_secs(2);

/// What a kind of connection may cost in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    read_buffer: usize,
    max_message: usize,
}

/// Subscribers send little: pings, closes, now and then a publish of at most one payload.
pub(crate) fn subscriber(limits: &limits::Limits) -> Limits {
    Limits { read_buffer: 512, max_message: limits.message_bytes.saturating_add(1024) }
}

/// Whoever tries out the protocol sends what conformance suites send: up to 16 MiB.
const ECHO: Limits = Limits { read_buffer: 16 << 10, max_message: 16 << 20 };

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<TokioIo<Upgraded>>,
}

/// Answers an opening handshake with `101`, and runs `serve` on the socket once it is open, as a task
/// of the server's.
///
/// # Errors
/// The request is no valid opening handshake (section 4.2.1).
pub(crate) fn websocket<F>(
    mut request: Request,
    limits: Limits,
    server: &Server,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, Refusal>
where
    F: Future<Output = ()> + Send + 'static,
{
    let answer = handshake(&request)?;
    // An upgraded connection is one until its socket is gone.
    let vitals = request.extensions().get::<Arc<Vitals>>().map(Vitals::begin);
    let slot = request.extensions().get::<Arc<ClientSlot>>().cloned();
    let flow = Flow::current();
    let upgrade = hyper::upgrade::on(&mut request);
    let config = WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .write_buffer_size(0)
        .max_message_size(Some(limits.max_message))
        .max_frame_size(Some(limits.max_message));
    server.spawn(async move {
        let _held = (vitals, slot);
        // Fails only when the client goes away before it has our answer.
        if let Ok(upgraded) = upgrade.await {
            let io = TokioIo::new(upgraded);
            let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            serve(Socket { stream }).await;
            if let Some(flow) = flow {
                flow.end();
            }
        }
    });
    Ok(answer)
}

/// The answer to an opening handshake: over HTTP/2 a CONNECT for the protocol `websocket` (RFC 8441,
/// section 5), which proves itself by being one, over HTTP/1.1 an upgrade with a key.
fn handshake(request: &Request) -> Result<Response, Refusal> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    if protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
        return match single(request.headers(), &header::SEC_WEBSOCKET_VERSION) {
            Some(b"13") => Ok(Response::default()),
            _ => Err(upgrade_required()),
        };
    }
    let accept = accept_key(request.method(), request.version(), request.headers())?;
    Ok(Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty())
        .expect("three valid headers"))
}

fn upgrade_required() -> Refusal {
    Refusal::new(
        StatusCode::UPGRADE_REQUIRED,
        "this address speaks WebSocket only",
        "open it with a WebSocket client: `Connection: Upgrade`, `Upgrade: websocket`",
    )
    .with(header::UPGRADE, "websocket")
    .with(header::CONNECTION, "Upgrade")
    .with(header::SEC_WEBSOCKET_VERSION, "13")
}

/// Checks an opening handshake and computes the answer to its key.
fn accept_key(
    method: &Method,
    version: axum::http::Version,
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    if method != Method::GET || version < axum::http::Version::HTTP_11 {
        let hint = "an opening handshake is a GET over HTTP/1.1";
        return Err(Refusal::bad_request("not an opening handshake", hint));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade")
        || !has_token(headers, &header::UPGRADE, "websocket")
    {
        return Err(upgrade_required());
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(upgrade_required());
    }
    match single(headers, &header::SEC_WEBSOCKET_KEY) {
        Some(key) if is_key(key) => Ok(derive_accept_key(key)),
        _ => Err(Refusal::bad_request(
            "`Sec-WebSocket-Key` is missing, repeated or malformed",
            "send 16 random bytes in base64, once",
        )),
    }
}

/// Sixteen bytes in base64: 22 characters and two of padding. The last character carries two bits.
fn is_key(key: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24
        && key[..21].iter().all(base64)
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
        && key.ends_with(b"==")
}

/// The value of a header that must appear once.
fn single<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(HeaderValue::as_bytes)?;
    values.next().is_none().then_some(value.trim_ascii())
}

/// Whether a header that is a comma-separated list has the token, in any case.
fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

impl Socket {
    /// Starts the closing handshake and waits for the answer, but not for long.
    pub(crate) async fn close(&mut self, code: CloseCode, reason: String) {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            if self.stream.close(Some(frame)).await.is_ok() {
                // Whatever the peer still had on the way, up to its own Close.
                while let Some(Ok(_)) = self.stream.next().await {}
            }
            linger(self.stream.get_mut()).await;
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }

    /// Ends a connection on which `error` happened: a peer that broke the protocol is told how
    /// (section 7.4.1), one that closed properly has already been answered.
    pub(crate) async fn fail(&mut self, error: &Error) {
        let Some(code) = close_code(error) else {
            let _ = timeout(GOODBYE, linger(self.stream.get_mut())).await;
            return;
        };
        let frame = CloseFrame { code, reason: "".into() };
        let goodbye = async {
            // The library may not be asked to read on: what follows a broken frame means nothing.
            let _ = self.stream.close(Some(frame)).await;
            linger(self.stream.get_mut()).await;
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// Shuts down our side and reads the peer's rest away. Closing a socket with unread bytes would reset
/// the connection, and a reset may overtake the Close frame that says why.
pub(crate) async fn linger(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut unread = [0; 1024];
    if io.shutdown().await.is_ok() {
        while matches!(io.read(&mut unread).await, Ok(1..)) {}
    }
}

/// What to tell a peer that broke the rules; `None` when it broke none, or is gone.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing,
        ) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    }
}

/// Every text or binary message comes back as it was: for conformance suites, and for trying out.
pub(crate) async fn echo(
    State(server): State<Server>,
    request: Request,
) -> Result<Response, Refusal> {
    use futures::SinkExt;

    server.access().origin(request.uri(), request.headers())?;
    server.access().subscribe(None, request.headers())?;
    websocket(request, ECHO, &server.clone(), async move |mut socket: Socket| {
        loop {
            let message = tokio::select! {
                message = socket.stream.next() => message.unwrap_or(Err(Error::ConnectionClosed)),
                () = server.stopping() => {
                    return socket.close(CloseCode::Away, "the server stops".to_owned()).await;
                }
            };
            let sent = match message {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                    socket.stream.send(message).await
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                return socket.fail(&error).await;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(change: impl FnOnce(&mut HeaderMap)) -> Result<String, StatusCode> {
        use axum::response::IntoResponse;

        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(&mut headers);
        accept_key(&Method::GET, axum::http::Version::HTTP_11, &headers)
            .map_err(|refusal| refusal.into_response().status())
    }

    #[test]
    fn the_sample_of_the_rfc_is_answered_as_it_says() {
        assert_eq!(handshake(|_| ()), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned()));
    }

    #[test]
    fn a_handshake_that_is_none_gets_the_status_that_says_so() {
        let set = |name: &'static str, value: &'static str| {
            handshake(move |headers| {
                headers.insert(name, HeaderValue::from_static(value));
            })
        };
        assert_eq!(set("sec-websocket-version", "8"), Err(StatusCode::UPGRADE_REQUIRED));
        assert_eq!(set("upgrade", "h2c"), Err(StatusCode::UPGRADE_REQUIRED));
        assert_eq!(set("connection", "close"), Err(StatusCode::UPGRADE_REQUIRED));
        for key in ["", "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ=!", "dGhlIHNhbXBsZSBub25jZR=="] {
            assert_eq!(set("sec-websocket-key", key), Err(StatusCode::BAD_REQUEST), "{key}");
        }
        let twice = handshake(|headers| {
            let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
            headers.append("sec-websocket-key", key);
        });
        assert_eq!(twice, Err(StatusCode::BAD_REQUEST));
    }
}
