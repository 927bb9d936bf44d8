//! The answer to a request whose head took too long: `408`, then the end of the connection.

use std::io;
use std::net::SocketAddr;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::activity::ConnectionActivity;
use super::linger::{CLOSE_TIME, linger};
use crate::api_error::ApiError;

/// Writes the answer over HTTP/1.1 and closes the connection, unless the peer takes too long for
/// it. Nothing is written to a peer that has not taken all of an earlier answer, because the two
/// would mix.
///
/// hyper does not answer a request that it has not read, so this function writes the bytes itself.
pub(super) async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    activity: &ConnectionActivity,
    peer: SocketAddr,
) {
    let server = activity.server();
    let time = server.limits.head_time.as_secs_f64();
    if server.bad_start_log.is_due() {
        tracing::warn!(%peer, "a request is answered 408: its head took longer than {time} s");
    }
    if activity.is_stalled() {
        return;
    }
    let error = format!("the head of the request took longer than {time} s");
    let hint = "send the whole head of a request at once";
    let answer = ApiError::new(StatusCode::REQUEST_TIMEOUT, error, hint).into_http1();
    server.metrics.requests.answered_unrouted(StatusCode::REQUEST_TIMEOUT);
    let closing = async {
        stream.write_all(&answer).await?;
        stream.flush().await?;
        linger(&mut stream).await;
        io::Result::Ok(())
    };
    let _ = timeout(CLOSE_TIME, closing).await;
}
