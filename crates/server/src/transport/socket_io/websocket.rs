//! A session over a WebSocket, from the beginning or after an upgrade.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::SocketIo;
use super::request::EngineError;
use super::session::{Session, SessionId};
use super::stream::{SessionStream, StreamControl};
use crate::api_error::ApiError;
use crate::connection::{CLOSE_TIME, RequestContext, linger};
use crate::transport::websocket::handshake;

/// Answers an opening handshake for a session that begins with it.
pub(super) fn open(
    socket_io: &SocketIo,
    session: Arc<Session>,
    request: Request,
) -> Result<Response, ApiError> {
    serve(socket_io, session, None, request)
}

/// Answers an opening handshake for a session that began with polling. A session is upgraded once:
/// a further WebSocket is opened and closed, as the reference server does it.
pub(super) fn upgrade(
    socket_io: &SocketIo,
    id: SessionId,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(session) = socket_io.sessions.get(id) else {
        return Ok(EngineError::UnknownSession.into_response());
    };
    serve(socket_io, session, Some(id), request)
}

/// Hands the WebSocket to the library once it is open, in a task of the server that ends with it.
fn serve(
    socket_io: &SocketIo,
    session: Arc<Session>,
    upgraded: Option<SessionId>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let answer = handshake::accept(&mut request)?;
    let context = RequestContext::of(&request);
    // The connection is active until its socket is closed.
    let held = context.hold();
    let opening = hyper::upgrade::on(&mut request);
    let (socket_io, server) = (socket_io.clone(), Arc::clone(&socket_io.server));
    server.spawn(async move {
        let _held = held;
        // Fails only if the client goes away before it has received the answer.
        let Ok(socket) = opening.await else { return };
        let mut socket = TokioIo::new(socket);
        if upgraded.is_none() || session.begin_upgrade() {
            let write_time = socket_io.server.limits.write_time;
            let (stream, control, mut returned) =
                SessionStream::new(socket, Arc::clone(&session), upgraded.is_none(), write_time);
            socket_io.engine.serve_websocket(stream, upgraded, Arc::clone(&session));
            let returned = socket_io.until_closed(&session, &control, &mut returned).await;
            if control.is_slow_reader() {
                context.give_up();
            }
            // After an upgrade that failed, the library would answer polls for ever without a
            // packet, and ping no more.
            session.end_polling().await;
            let Some(returned) = returned else { return };
            socket = returned;
        }
        let _ = timeout(CLOSE_TIME, linger(&mut socket)).await;
        context.finish();
    });
    Ok(answer)
}

impl SocketIo {
    /// Waits until the library has dropped the WebSocket of a session, and returns the connection.
    /// Closes the WebSocket when the server ends the session.
    async fn until_closed<S>(
        &self,
        session: &Session,
        control: &StreamControl,
        returned: &mut tokio::sync::oneshot::Receiver<S>,
    ) -> Option<S> {
        let ended = async {
            tokio::select! {
                () = session.closing() => {}
                () = self.server.stopping() => {
                    // A session that follows a feed ends with it.
                    if session.has_subscriptions() {
                        session.closing().await;
                    }
                }
            }
        };
        tokio::select! {
            socket = &mut *returned => return socket.ok(),
            () = ended => control.close(),
        }
        if let Ok(socket) = timeout(CLOSE_TIME, &mut *returned).await {
            return socket.ok();
        }
        control.abort();
        returned.await.ok()
    }
}
