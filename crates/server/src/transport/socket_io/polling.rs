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

use super::SocketIo;
use super::engine::EngineAnswer;
use super::request::EngineError;
use super::session::{Session, SessionId};
use super::window::EVENT_PACKET;
use crate::api_error::ApiError;
use crate::connection::RequestContext;

/// What separates two packets in the body of an answer or of a `POST`.
const SEPARATOR: u8 = 0x1e;

/// Opens a session. The answer is the packet `open`.
///
/// The library pings a new session at once, and ends it if the answer takes longer than the ping
/// timeout. The protocol has the first ping come after the interval. So the first ping and its
/// answer are exchanged here, before the client knows of the session.
pub(super) async fn open(socket_io: &SocketIo, session: Arc<Session>) -> EngineAnswer {
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
    socket_io: &SocketIo,
    id: SessionId,
    context: &RequestContext,
) -> Result<EngineAnswer, EngineError> {
    let session = socket_io.sessions.get(id).ok_or(EngineError::UnknownSession)?;
    let _held = context.hold();
    let polled = socket_io.engine.poll(id);
    tokio::pin!(polled);
    let answer = tokio::select! {
        biased;
        answer = &mut polled => answer,
        () = socket_io.server.stopping() => {
            // Sessions that follow a feed end with it.
            if !session.has_subscriptions() {
                session.close().await;
            }
            polled.await
        }
    }?;
    if answer.status == StatusCode::OK && taken(&session, &answer.body) == 0 {
        socket_io.server.metrics.messages.empty(Transport::SocketIo);
    }
    Ok(with_close(answer, &session))
}

/// Counts the events that the answer to a poll brings, and makes room for others.
fn taken(session: &Session, body: &[u8]) -> usize {
    let packets = body.split(|byte| *byte == SEPARATOR);
    packets
        .filter(|packet| packet.starts_with(&EVENT_PACKET))
        .map(|packet| session.window.remove(packet.len()))
        .count()
}

/// Adds the packet `close` to the last answer of a session that the server ends. The library ends
/// it as if the client had left, who would not have to be told.
fn with_close(answer: EngineAnswer, session: &Session) -> EngineAnswer {
    const NOOP: &[u8] = b"6";
    if answer.status != StatusCode::OK || !session.is_closing() {
        return answer;
    }
    let body = match &answer.body[..] {
        b"" | NOOP => Bytes::from_static(b"1"),
        packets => [packets, &[SEPARATOR, b'1']].concat().into(),
    };
    answer.with_body(body)
}

/// Hands the packets in the body of a request to their session.
pub(super) async fn receive(socket_io: &SocketIo, id: SessionId, request: Request) -> Response {
    if socket_io.sessions.get(id).is_none() {
        return EngineError::UnknownSession.into_response();
    }
    let limits = &socket_io.server.limits;
    let received = socket_io.engine.receive(id, request.into_body());
    match timeout(limits.body_time, received).await {
        Ok(answer) => answer.into_response(),
        Err(_) => {
            let error = format!("the body took longer than {} s", limits.body_time.as_secs_f64());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, error, "send it faster")
                .with(header::CONNECTION, "close")
                .into_response()
        }
    }
}
