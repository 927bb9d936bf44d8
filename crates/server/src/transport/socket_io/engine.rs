//! The library behind the requests: Engine.IO sessions, driven by requests of our own.
//!
//! What a client sends is checked and rebuilt before the library sees it, so that both never read
//! the same address differently.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::{BodyExt, Collected};
use socketioxide::service::SocketIoService;
use socketioxide_core::Sid;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

use super::adapter::RegisteredAdapter;
use super::request::EngineError;

/// An answer of the library, read to its end.
pub(super) struct EngineAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    response: Response<()>,
}

/// The library's service. The router inside answers what is not for it, which never comes.
pub(super) struct Engine(SocketIoService<Router, RegisteredAdapter>);

impl Engine {
    pub(super) fn new(service: SocketIoService<Router, RegisteredAdapter>) -> Self {
        Self(service)
    }

    /// Opens a session that polls. The library keeps `extension` for as long as it keeps the
    /// session.
    pub(super) async fn open(&self, extension: impl Clone + Send + Sync + 'static) -> EngineAnswer {
        let mut request = request(Method::GET, "polling", None, Body::empty());
        request.extensions_mut().insert(extension);
        self.call(request).await
    }

    /// Takes what there is for a session, or waits for it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: packets are taken only when the answer is complete.
    ///
    /// # Errors
    /// The library has no such session, or the session goes on over a WebSocket.
    pub(super) async fn poll(&self, session: Sid) -> Result<EngineAnswer, EngineError> {
        self.call(request(Method::GET, "polling", Some(session), Body::empty())).await.checked()
    }

    /// Hands packets of a client to its session.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub(super) async fn receive(
        &self,
        session: Sid,
        packets: Body,
    ) -> Result<EngineAnswer, EngineError> {
        self.call(request(Method::POST, "polling", Some(session), packets)).await.checked()
    }

    /// Serves a session over an open WebSocket: a new one, or the one that is upgraded.
    pub(super) fn serve_websocket<S>(
        &self,
        stream: S,
        session: Option<Sid>,
        extension: impl Clone + Send + Sync + 'static,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut request = request(Method::GET, "websocket", session, ());
        request.extensions_mut().insert(extension);
        // An error drops the stream. It is not expected: the address is ours.
        drop(self.0.clone().call((stream, request)));
    }

    async fn call(&self, request: Request<Body>) -> EngineAnswer {
        let answered = match self.0.clone().call(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(never) => match never {},
        };
        let (head, body) = answered.into_parts();
        let response = Response::from_parts(head, ());
        // The library's bodies are in memory and cannot fail.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        EngineAnswer { status: response.status(), body, response }
    }
}

impl EngineAnswer {
    /// Returns an answer that the library does not give: one packet.
    pub(super) fn packet(packet: &'static [u8]) -> Self {
        let response = Response::builder().header(CONTENT_TYPE, "text/plain; charset=UTF-8");
        let response = response.body(()).expect("the header is valid");
        Self { status: response.status(), body: Bytes::from_static(packet), response }
    }

    /// Turns the errors that the library has a code for into ours. It writes the code as a string.
    fn checked(self) -> Result<Self, EngineError> {
        if self.status != StatusCode::BAD_REQUEST {
            return Ok(self);
        }
        match &self.body[..] {
            body if body.starts_with(br#"{"code":"1""#) => Err(EngineError::UnknownSession),
            b"" => Ok(self),
            _ => Err(EngineError::BadRequest),
        }
    }

    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }
}

impl IntoResponse for EngineAnswer {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.response.map(|()| Body::from(self.body));
        // The library sets the length of the body that it made.
        response.headers_mut().remove(CONTENT_LENGTH);
        // It does not say that its answers must not be stored; the reference server does.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn request<B>(method: Method, transport: &str, session: Option<Sid>, body: B) -> Request<B> {
    let session = session.map(|session| format!("&sid={session}")).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(format!("/socket.io/?EIO=4&transport={transport}{session}"))
        .body(body)
        .expect("the parts of the address are plain ASCII")
}
