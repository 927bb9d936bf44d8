//! An open WebSocket: how it is opened, and how it ends.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use futures::FutureExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::handshake;
use super::message_stream::MessageStream;
use crate::api_error::ApiError;
use crate::connection::{CLOSE_TIME, RequestContext, linger};
use crate::limits::Limits;
use crate::state::SharedState;
use crate::task_phase::TaskPhase;

/// An open WebSocket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: MessageStream<TokioIo<Upgraded>>,
    /// The request that opened it.
    pub(super) context: RequestContext,
}

/// Returns the buffers of a subscriber, which sends little: pings, closes, now and then a message
/// to publish of at most one payload. The library's buffer grows for a message that needs more.
pub(super) fn for_subscribers(limits: &Limits) -> WebSocketConfig {
    config(64, limits.message_bytes.saturating_add(1024))
}

/// Returns the buffers of an echo, to which conformance suites send messages of up to 16 MiB.
pub(super) fn for_echo() -> WebSocketConfig {
    config(16 << 10, 16 << 20)
}

fn config(read_buffer: usize, max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read_buffer)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

/// Answers an opening handshake, and runs `serve` on the socket once it is open, as a task of the
/// server.
///
/// # Errors
/// The request is no valid opening handshake.
pub(super) fn open<F>(
    mut request: Request,
    server: &Arc<SharedState>,
    config: WebSocketConfig,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, ApiError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let answer = handshake::accept(&mut request)?;
    let context = RequestContext::of(&request);
    // The connection is active until its socket is closed.
    let held = context.hold();
    let upgrade = hyper::upgrade::on(&mut request);
    server.spawn(TaskPhase::new(async move {
        // Fails only if the client goes away before it has received the answer.
        let io = TokioIo::new(upgrade.await.ok()?);
        let stream = MessageStream::new(io, config);
        let serving = serve(Socket { stream, context: context.clone() });
        Some(TaskPhase::last(serving.map(move |()| {
            context.finish();
            drop(held);
        })))
    }));
    Ok(answer)
}

impl Socket {
    /// Sends a Close frame and waits for the answer, for at most [`CLOSE_TIME`].
    pub(super) async fn close(&mut self, code: CloseCode, reason: String) {
        let frame = CloseFrame { code, reason: reason.into() };
        let closing = async {
            if self.stream.send(Message::Close(Some(frame))).await.is_ok() {
                // Read what the peer has sent up to its own Close frame.
                while self.stream.read().await.is_ok() {}
            }
            linger(self.stream.socket_mut()).await;
        };
        let _ = timeout(CLOSE_TIME, closing).await;
    }

    /// Ends a connection on which `error` happened. A peer that broke the protocol is told how (RFC
    /// 6455, section 7.4.1). A peer that closed properly has already been answered.
    pub(super) async fn fail(&mut self, error: &Error) {
        let closing = async {
            if let Some(code) = close_code(error) {
                let frame = CloseFrame { code, reason: "".into() };
                // The library is not asked to read on: what follows a broken frame means nothing.
                let _ = self.stream.send(Message::Close(Some(frame))).await;
            }
            linger(self.stream.socket_mut()).await;
        };
        let _ = timeout(CLOSE_TIME, closing).await;
    }
}

/// Returns what a peer that broke the protocol is told; `None` if it broke nothing, or is gone.
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
