//! Socket.IO: events over Engine.IO 4 and Socket.IO 5, by requests that poll, over a WebSocket, or
//! over a WebSocket after a beginning with requests.
//!
//! The library (`socketioxide`) speaks the protocol. Around it, this module does what the server
//! does for every transport: limits, access, metrics, the end of the server. It also mends what the
//! library does otherwise than the protocol; `docs/limits.md` lists what is left.
//!
//! | file | what it is |
//! |---|---|
//! | `request` | what a request asks for, and the errors of the protocol |
//! | `polling`, `websocket` | a session over requests, and over a WebSocket |
//! | `session`, `window` | what our side knows of a session; how much may be on its way to a client |
//! | `probe`, `stream`, `frames` | how a WebSocket is tried; a WebSocket as the library sees it |
//! | `engine`, `adapter` | the library: its requests, and its sending of encoded data |
//! | `namespace`, `delivery` | a feed as a namespace: who may connect, events, what follows the feed |

mod adapter;
mod delivery;
mod engine;
mod frames;
mod namespace;
mod polling;
mod probe;
mod request;
mod session;
mod stream;
mod websocket;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use socketioxide::ParserConfig;
use wirebench_protocol::Transport;

use self::adapter::{Adapters, RegisteredAdapter};
use self::engine::Engine;
use self::request::EngineRequest;
use self::session::{Session, SessionTable};
use self::window::BUFFERED_PACKETS;
use super::Routes;
use crate::api_error::ApiError;
use crate::connection::RequestContext;
use crate::state::SharedState;

/// The library's buffer for what a WebSocket receives, in bytes. Subscribers send little.
const READ_BUFFER: usize = 512;

/// What the requests of all sessions share.
#[derive(Clone)]
struct SocketIo {
    server: Arc<SharedState>,
    engine: Arc<Engine>,
    sessions: Arc<SessionTable>,
}

/// Returns the route of all sessions. Over HTTP/2, a WebSocket is opened by a `CONNECT`.
pub(super) fn routes(server: &Arc<SharedState>) -> Routes {
    let socket_io = SocketIo::new(server);
    let methods = MethodFilter::GET.or(MethodFilter::POST).or(MethodFilter::CONNECT);
    let handler = move |request: Request| {
        let socket_io = socket_io.clone();
        async move {
            RequestContext::of(&request).set_transport(Transport::SocketIo);
            let answer = socket_io.answer(request).await.into_response();
            socket_io.server.metrics.requests.answered(Transport::SocketIo, answer.status());
            answer
        }
    };
    Router::new().route(&Transport::SocketIo.path(""), on(methods, handler))
}

impl SocketIo {
    fn new(server: &Arc<SharedState>) -> Self {
        let limits = &server.limits.socket_io;
        let adapters = Adapters::default();
        let (service, io) = socketioxide::SocketIo::builder()
            .ping_interval(limits.ping_interval)
            .ping_timeout(limits.ping_timeout)
            .upgrade_timeout(limits.upgrade_time)
            .connect_timeout(limits.connect_time)
            .max_payload(limits.payload_bytes as u64)
            .ws_max_message_size(limits.payload_bytes)
            .ws_max_frame_size(limits.payload_bytes)
            .ws_read_buffer_size(READ_BUFFER)
            .max_buffer_size(BUFFERED_PACKETS)
            .with_parser(ParserConfig::common().max_incoming_binary_buf_size(limits.payload_bytes))
            .with_adapter::<RegisteredAdapter>(adapters.clone())
            .build_with_inner_svc(Router::new());
        for (name, feed) in &server.feeds {
            namespace::add(&io, &adapters, server, name, feed);
        }
        Self {
            server: Arc::clone(server),
            engine: Arc::new(Engine::new(service)),
            sessions: SessionTable::new(limits.sessions),
        }
    }

    async fn answer(&self, request: Request) -> Result<Response, ApiError> {
        self.server.access.origin(request.uri(), request.headers())?;
        let (asked, ticket) = match request::parse(&request) {
            Ok(asked) => asked,
            Err(error) => return Ok(error.into_response()),
        };
        match asked {
            EngineRequest::Open => {
                let session = self.session(&request, ticket)?;
                Ok(polling::open(self, session).await.into_response())
            }
            EngineRequest::Poll(id) => {
                let context = RequestContext::of(&request);
                Ok(polling::poll(self, id, &context).await.into_response())
            }
            EngineRequest::Receive(id) => Ok(polling::receive(self, id, request).await),
            EngineRequest::OpenWebSocket => websocket::open(self, ticket, request),
            EngineRequest::Upgrade(id) => websocket::upgrade(self, id, request),
        }
    }

    /// Returns a new session for the request that opens it.
    fn session(&self, request: &Request, ticket: Option<String>) -> Result<Arc<Session>, ApiError> {
        if self.server.is_stopping() {
            return Err(ApiError::stopping());
        }
        let session = self.sessions.open(&self.server, &self.engine, request.headers(), ticket);
        session.ok_or_else(ApiError::too_many_sessions)
    }
}
