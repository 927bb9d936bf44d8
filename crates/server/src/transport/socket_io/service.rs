//! What the requests of all sessions share: the library, the sessions, the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use socketioxide::{ParserConfig, SocketIo};

use super::adapter::{Adapters, RegisteredAdapter};
use super::engine::Engine;
use super::namespace;
use super::session::{EngineSession, SessionTable};
use super::window::BUFFERED_PACKETS;
use crate::api_error::ApiError;
use crate::state::SharedState;

/// The library's buffer for what a WebSocket receives, in bytes. Subscribers send little.
const READ_BUFFER: usize = 512;

/// What the requests of all sessions share. A handle.
#[derive(Clone)]
pub(super) struct SocketIoServer {
    pub(super) server: Arc<SharedState>,
    pub(super) engine: Arc<Engine>,
    pub(super) sessions: Arc<SessionTable>,
}

impl SocketIoServer {
    /// Creates the library's side of a server, with a namespace for each of its feeds.
    pub(super) fn new(server: &Arc<SharedState>) -> Self {
        let limits = &server.limits.socket_io;
        let adapters = Adapters::default();
        let (service, io) = SocketIo::builder()
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
        namespace::add_main(&io);
        for (name, feed) in &server.feeds {
            namespace::add(&io, &adapters, server, name, feed);
        }
        Self {
            server: Arc::clone(server),
            engine: Arc::new(Engine::new(service)),
            sessions: SessionTable::new(limits.sessions),
        }
    }

    /// Returns a new session for the request that opens it.
    ///
    /// # Errors
    /// There are too many sessions, or the server stops.
    pub(super) fn session(
        &self,
        request: &Request,
        ticket: Option<String>,
    ) -> Result<Arc<EngineSession>, ApiError> {
        if self.server.is_stopping() {
            return Err(ApiError::stopping());
        }
        let session = self.sessions.open(&self.server, &self.engine, request.headers(), ticket);
        session.ok_or_else(ApiError::too_many_sessions)
    }
}
