//! Closing a connection without losing the last bytes that were written to it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The maximum time that closing a connection may take.
pub(crate) const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Shuts down our side and reads until the peer closes its side. Closing a socket with unread bytes
/// would reset the connection, and a reset may overtake what was written last.
pub(crate) async fn linger(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut unread = [0; 1024];
    if io.shutdown().await.is_ok() {
        while matches!(io.read(&mut unread).await, Ok(1..)) {}
    }
}
