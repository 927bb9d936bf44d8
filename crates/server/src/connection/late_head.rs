//! The answer to a request whose head took too long: `408`, then the end of the connection.

use std::io;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Connection;
use crate::answer::Refusal;
use crate::upgrade::{GOODBYE, linger};

/// Writes the answer over HTTP/1.1 and closes the connection, as far as the peer lets it within a short
/// time. Nothing is written to a peer that has not taken all of an earlier answer: the two would mix.
///
/// hyper does not answer a request that it has not read, so this writes the bytes itself.
pub(super) async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: &Connection,
) {
    let Connection { server, peer, vitals, .. } = connection;
    let time = server.limits().head_time.as_secs_f64();
    if server.bad_starts().is_due() {
        tracing::warn!(%peer, "the head of a request took longer than {time} s: it is answered 408");
    }
    if vitals.is_stalled() {
        return;
    }
    let error = format!("the head of the request took longer than {time} s");
    let hint = "send the whole head of a request at once";
    let refusal = Refusal::new(StatusCode::REQUEST_TIMEOUT, error, hint);
    server.metrics().answered_unseen(StatusCode::REQUEST_TIMEOUT);
    let goodbye = async {
        stream.write_all(&refusal.into_http1()).await?;
        stream.flush().await?;
        linger(&mut stream).await;
        io::Result::Ok(())
    };
    let _ = timeout(GOODBYE, goodbye).await;
}
