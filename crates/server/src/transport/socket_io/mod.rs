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
//! | `session`, `window` | what our side knows of a session; how much may be under way |
//! | `probe`, `stream`, `frames` | how a WebSocket is tried; a WebSocket as the library sees it |
//! | `service` | what the requests of all sessions share |
//! | `engine`, `adapter` | the library: its requests, and its sending of encoded data |
//! | `namespace`, `delivery` | a feed as a namespace: who may connect, what events do |
//! | `answers` | the answers to events, at once or when a store has them |

mod adapter;
mod answers;
mod delivery;
mod engine;
mod frames;
mod namespace;
mod polling;
mod probe;
mod request;
mod service;
mod session;
mod stream;
mod websocket;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use wirebench_protocol::Transport;

use self::request::EngineRequest;
use self::service::SocketIoServer;
use crate::api_error::ApiError;
use crate::connection::RequestContext;
use crate::state::SharedState;

/// Returns the route of all sessions. Over HTTP/2, a WebSocket is opened by a `CONNECT`. The
/// protocol has its own answer to a wrong method.
pub(super) fn routes(server: &Arc<SharedState>) -> Router<Arc<SharedState>> {
    let socket_io = SocketIoServer::new(server);
    let handler = move |request: Request| {
        let socket_io = socket_io.clone();
        async move {
            RequestContext::of(&request).set_transport(Transport::SocketIo);
            let answer = socket_io.answer(request).await.into_response();
            socket_io.server.metrics.requests.answered(Transport::SocketIo, answer.status());
            answer
        }
    };
    Router::new().route(&Transport::SocketIo.path(""), any(handler))
}

impl SocketIoServer {
    /// Answers a request of Engine.IO.
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
}
