//! One connection, from its first byte to its last.
//!
//! [`serve`] tells the story: an announcement of the proxy if one is expected, admission, TLS if
//! the server uses it, then HTTP/2 or HTTP/1.1. Under TLS, ALPN decides between them; without it,
//! the first bytes do. An upgraded connection goes on as a task of its own.
//!
//! | limit | file |
//! |---|---|
//! | number of connections | `admission.rs`, one level up |
//! | requests of a client behind a proxy | `client_slot.rs` |
//! | slow heads, idle connections, the end of the server | `deadline.rs` |
//! | readers that take nothing | `metered_socket.rs`; `slow_stream.rs` for a shared connection |

mod activity;
mod client_slot;
mod deadline;
pub(crate) mod host;
mod http;
mod late_head;
mod linger;
mod metered_socket;
mod plain;
mod preface;
mod proxy_protocol;
mod request_context;
mod slow_stream;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use self::activity::ConnectionActivity;
use self::http::AcceptedConnection;
pub(crate) use self::http::App;
pub(crate) use self::linger::{CLOSE_TIME, linger};
use self::metered_socket::MeteredSocket;
pub(crate) use self::request_context::{HeldRequest, RequestContext};
use crate::metrics::CloseReason;
use crate::state::SharedState;

/// Serves a connection that was just accepted.
pub(crate) async fn serve(
    server: Arc<SharedState>,
    mut stream: TcpStream,
    mut peer: SocketAddr,
    app: App,
) {
    // Nagle's algorithm would hold back the second of two small writes for 40 ms. Streams and
    // sockets would pay for it, polls would not.
    let _ = stream.set_nodelay(true);
    if server.proxies.announce(peer.ip()) {
        // On the heap: most servers are not behind such a proxy.
        let announced = Box::pin(proxy_protocol::read(&mut stream, peer, &server)).await;
        let Some(client) = announced else { return };
        peer = client;
    }
    let Some(activity) = ConnectionActivity::admit(&server, peer.ip()) else { return };
    let stream = MeteredSocket::new(stream, Arc::clone(&activity));
    let connection = AcceptedConnection::new(app, peer, activity);
    match server.tls.as_ref().map(|tls| tls.acceptor.clone()) {
        None => {
            if let Some((stream, http2)) = preface::read(stream, connection.activity(), peer).await
            {
                connection.serve(stream, http2).await;
            }
        }
        // On the heap: the state of TLS is large.
        Some(tls) => Box::pin(serve_tls(connection, stream, tls, peer)).await,
    }
}

/// Serves a connection over TLS.
async fn serve_tls(
    connection: AcceptedConnection,
    stream: MeteredSocket<TcpStream>,
    tls: TlsAcceptor,
    peer: SocketAddr,
) {
    let time = connection.activity().server().limits.head_time;
    match timeout(time, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            connection.serve(stream, http2).await;
        }
        Ok(Err(error)) => {
            connection.activity().set_close_reason(CloseReason::Tls);
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => connection.activity().set_close_reason(CloseReason::SlowHead),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Every subscriber over HTTP pays for the size of this future. A buffer that lives in it for a
    /// case that hardly ever happens costs each of them as much as the buffer is long.
    #[tokio::test]
    async fn the_future_of_a_connection_holds_no_buffers() {
        let server = Arc::new(SharedState::new([]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        let stream = TcpStream::connect(peer).await.unwrap();
        let size = std::mem::size_of_val(&serve(server, stream, peer, App::default()));
        assert!(size < 2 << 10, "{size} bytes");
    }
}
