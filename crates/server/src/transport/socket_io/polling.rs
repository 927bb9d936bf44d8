//! A session over requests: one `GET` that is held, and a `POST` for each time the client sends.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::timeout;
use wirebench_protocol::Transport;

use super::engine::EngineAnswer;
use super::request::EngineError;
use super::service::SocketIoServer;
use super::session::{EngineSession, SessionCloseReason, SessionId};
use super::window;
use crate::api_error::ApiError;
use crate::connection::RequestContext;

/// What separates two packets in the body of an answer or of a `POST`.
const SEPARATOR: u8 = 0x1e;

/// The packets without content that the library or this module sends.
const CLOSE: &[u8] = b"1";
const NOOP: &[u8] = b"6";

/// Opens a session. The answer is the packet `open`.
///
/// The library pings a new session at once, and ends it if the answer takes longer than the ping
/// timeout. The protocol has the first ping come after the interval. So the first ping and its
/// answer are exchanged here, before the client knows of the session.
pub(super) async fn open(socket_io: &SocketIoServer, session: Arc<EngineSession>) -> EngineAnswer {
    #[derive(Deserialize)]
    struct OpenPacket {
        sid: SessionId,
    }
    let answer = socket_io.engine.open(Arc::clone(&session)).await;
    let packet = answer.body.strip_prefix(b"0").unwrap_or_default();
    if let Ok(OpenPacket { sid }) = serde_json::from_slice(packet) {
        // An error says that the session has ended already: the client will find out.
        let _ = socket_io.engine.poll(sid).await;
        let _ = socket_io.engine.receive(sid, Body::from("3")).await;
        session.set_id(sid);
    }
    answer
}

/// Answers with the packets that there are for a session, as soon as there is one.
pub(super) async fn poll(
    socket_io: &SocketIoServer,
    id: SessionId,
    context: &RequestContext,
) -> Result<EngineAnswer, EngineError> {
    let session = socket_io.sessions.get(id).ok_or(EngineError::UnknownSession)?;
    let _held = context.hold();
    let polled = socket_io.engine.poll(id);
    let answer = tokio::select! {
        biased;
        answer = polled => answer?,
        () = session.leaves_polling() => EngineAnswer::packet(NOOP),
        () = stopped(socket_io, &session) => EngineAnswer::packet(NOOP),
    };
    if answer.status == StatusCode::OK && !take(&session, &answer.body) {
        socket_io.server.metrics.messages.empty(Transport::SocketIo);
    }
    if answer.status != StatusCode::OK || !session.ends_with_this_poll() {
        return Ok(answer);
    }
    session.end_polling().await;
    if session.end() == Some(SessionCloseReason::Stopped) {
        return last_answer(answer);
    }
    Ok(with_close(answer))
}

/// Ends a session that polls when the server stops. What there is for the client is its last
/// answer; the next one says that the session is unknown.
///
/// The packet `close` would be shorter, and is what the reference server sends. But
/// `python-socketio` takes it for the end and does not come back. Both official clients come back
/// after an error.
fn last_answer(answer: EngineAnswer) -> Result<EngineAnswer, EngineError> {
    match &answer.body[..] {
        b"" | NOOP => Err(EngineError::UnknownSession),
        _ => Ok(answer),
    }
}

/// Completes when the server stops and the session has read its feeds to their end. The poll is
/// then not held any longer.
async fn stopped(socket_io: &SocketIoServer, session: &EngineSession) {
    socket_io.server.stopping().await;
    session.stopping().await;
}

/// Tells the session what the answer to a poll brings. Returns true if it brings an event.
fn take(session: &EngineSession, body: &[u8]) -> bool {
    let mut has_event = false;
    for packet in body.split(|byte| *byte == SEPARATOR).filter(|packet| window::counts(packet)) {
        session.window.take();
        has_event |= matches!(packet, [b'4', b'2' | b'5', ..]);
    }
    has_event
}

/// Adds the packet `close` to the last answer of a session that the server ends because of what its
/// client does. The library ends it as if the client had left, who would not have to be told.
fn with_close(answer: EngineAnswer) -> EngineAnswer {
    let body = match &answer.body[..] {
        b"" | NOOP => Bytes::from_static(CLOSE),
        packets => [packets, &[SEPARATOR], CLOSE].concat().into(),
    };
    answer.with_body(body)
}

/// Hands the packets in the body of a request to their session. A second `POST` while one is being
/// read ends the session, as the protocol demands; the library would take both.
pub(super) async fn receive(
    socket_io: &SocketIoServer,
    id: SessionId,
    request: Request,
) -> Response {
    let Some(session) = socket_io.sessions.get(id) else {
        return EngineError::UnknownSession.into_response();
    };
    let Some(_receiving) = session.begin_receiving() else {
        session.close(SessionCloseReason::Protocol).await;
        return EngineError::BadRequest.into_response();
    };
    let limits = &socket_io.server.limits;
    let received = socket_io.engine.receive(id, request.into_body());
    if let Ok(answer) = timeout(limits.body_time, received).await {
        return answer.into_response();
    }
    let error = format!("the body took longer than {} s", limits.body_time.as_secs_f64());
    ApiError::new(StatusCode::REQUEST_TIMEOUT, error, "send it faster")
        .with(header::CONNECTION, "close")
        .into_response()
}
