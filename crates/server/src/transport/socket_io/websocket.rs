//! A session over a WebSocket, from the beginning or after an upgrade.

use std::io;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::probe;
use super::request::EngineError;
use super::service::SocketIoServer;
use super::session::{EngineSession, SessionCloseReason, SessionId};
use super::stream::{PlayedExchange, SessionStream, StreamControl};
use crate::api_error::ApiError;
use crate::connection::{CLOSE_TIME, HeldRequest, RequestContext, linger};
use crate::transport::websocket::handshake;

/// An open WebSocket of a session.
type EngineSocket = TokioIo<Upgraded>;

/// A WebSocket whose opening handshake was answered.
struct OpeningSocket {
    upgrade: OnUpgrade,
    context: RequestContext,
    /// The connection is active until its socket is closed.
    _held: HeldRequest,
}

/// Answers an opening handshake for a session that begins with it.
pub(super) fn open(
    socket_io: &SocketIoServer,
    ticket: Option<String>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let (answer, opening) = OpeningSocket::accept(&mut request)?;
    let session = socket_io.session(&request, ticket)?;
    let (socket_io, server) = (socket_io.clone(), Arc::clone(&socket_io.server));
    server.spawn(async move {
        // Fails only if the client goes away before it has received the answer.
        let Ok(socket) = opening.upgrade.await else { return };
        let socket = TokioIo::new(socket);
        let exchange = PlayedExchange::FIRST_PING;
        socket_io.serve(socket, &opening.context, &session, None, exchange).await;
    });
    Ok(answer)
}

/// Answers an opening handshake for a session that began with polling. A session is upgraded once:
/// a further WebSocket is opened and closed, as the reference server does it.
pub(super) fn upgrade(
    socket_io: &SocketIoServer,
    id: SessionId,
    mut request: Request,
) -> Result<Response, ApiError> {
    let Some(session) = socket_io.sessions.get(id) else {
        return Ok(EngineError::UnknownSession.into_response());
    };
    let (answer, opening) = OpeningSocket::accept(&mut request)?;
    let (socket_io, server) = (socket_io.clone(), Arc::clone(&socket_io.server));
    server.spawn(async move {
        let Ok(socket) = opening.upgrade.await else { return };
        let mut socket = TokioIo::new(socket);
        if socket_io.probe(&mut socket, &session).await {
            let exchange = PlayedExchange::UPGRADE;
            socket_io.serve(socket, &opening.context, &session, Some(id), exchange).await;
        } else {
            finish(socket, &opening.context).await;
        }
    });
    Ok(answer)
}

impl OpeningSocket {
    fn accept(request: &mut Request) -> Result<(Response, Self), ApiError> {
        let answer = handshake::accept(request)?;
        let context = RequestContext::of(request);
        let upgrade = hyper::upgrade::on(request);
        Ok((answer, Self { upgrade, _held: context.hold(), context }))
    }
}

impl SocketIoServer {
    /// Waits until the client has tried the WebSocket and leaves polling for it. Returns false if
    /// it does not: the session then goes on polling.
    async fn probe(&self, socket: &mut EngineSocket, session: &EngineSession) -> bool {
        let Some(upgrade) = session.begin_upgrade() else { return false };
        let exchange = probe::exchange(socket, || upgrade.probed());
        let in_time = timeout(self.server.limits.socket_io.upgrade_time, exchange);
        let exchanged = tokio::select! {
            exchanged = in_time => exchanged.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
            () = session.closing() => return false,
            () = self.server.stopping() => return false,
        };
        if exchanged.is_ok() {
            upgrade.complete();
        }
        exchanged.is_ok()
    }

    /// Hands an open WebSocket to the library, until it or the server ends it.
    async fn serve(
        &self,
        socket: EngineSocket,
        context: &RequestContext,
        session: &Arc<EngineSession>,
        upgraded: Option<SessionId>,
        exchange: PlayedExchange,
    ) {
        let write_time = self.server.limits.write_time;
        let (stream, control, returned) =
            SessionStream::new(socket, Arc::clone(session), exchange, write_time);
        self.engine.serve_websocket(stream, upgraded, Arc::clone(session));
        let socket = self.until_closed(session, &control, returned).await;
        if session.end() == Some(SessionCloseReason::SlowReader) {
            context.give_up();
        }
        // If the library has not taken over the session, for example because it has just ended.
        session.end_polling().await;
        if let Some(socket) = socket {
            finish(socket, context).await;
        }
    }

    /// Waits until the library has dropped the WebSocket of a session, and returns the connection.
    /// Closes the WebSocket when the server ends the session.
    async fn until_closed(
        &self,
        session: &EngineSession,
        control: &StreamControl,
        mut returned: oneshot::Receiver<EngineSocket>,
    ) -> Option<EngineSocket> {
        let ended = async {
            tokio::select! {
                () = session.closing() => {}
                () = self.server.stopping() => session.stopping().await,
            }
        };
        tokio::select! {
            socket = &mut returned => return socket.ok(),
            () = ended => control.close(),
        }
        // Half of a message may be on its way to a slow reader: no Close frame can follow it.
        if session.end() != Some(SessionCloseReason::SlowReader)
            && let Ok(socket) = timeout(CLOSE_TIME, &mut returned).await
        {
            return socket.ok();
        }
        control.abort();
        returned.await.ok()
    }
}

/// Closes the connection without losing the last bytes.
async fn finish(mut socket: EngineSocket, context: &RequestContext) {
    let _ = timeout(CLOSE_TIME, linger(&mut socket)).await;
    context.finish();
}
