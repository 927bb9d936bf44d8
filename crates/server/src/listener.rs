//! Listening for connections and accepting them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Pending connections that the system queues, as far as `net.core.somaxconn` allows: enough for
/// thousands of subscribers that connect at once.
const BACKLOG: u32 = 4096;

/// How long to wait when the system has no file or memory for a connection. Trying again at once
/// would spin.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Listens on an address with a queue that is long enough for a crowd that connects at once. Must
/// be called within a runtime.
///
/// # Errors
/// The error of the system, most often that the address is in use.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts the next connection. Open connections go on while the system has no resources for a new
/// one.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The connection ended in the queue.
            Err(error) if is_about_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
    }
}

fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
