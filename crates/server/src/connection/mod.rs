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

use std::future::Future;
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
use self::preface::Rewound;
pub(crate) use self::request_context::{HeldRequest, RequestContext};
use crate::metrics::CloseReason;
use crate::state::SharedState;
use crate::task_phase::TaskPhase;

/// Serves a connection that was just accepted.
pub(crate) fn serve(
    server: Arc<SharedState>,
    mut stream: TcpStream,
    mut peer: SocketAddr,
    app: App,
) -> impl Future<Output = ()> + Send + use<> {
    TaskPhase::new(async move {
        // Nagle's algorithm would hold back the second of two small writes for 40 ms. Streams and
        // sockets would pay for it, polls would not.
        let _ = stream.set_nodelay(true);
        if server.proxies.announce(peer.ip()) {
            // On the heap: most servers are not behind such a proxy.
            peer = Box::pin(proxy_protocol::read(&mut stream, peer, &server)).await?;
        }
        let activity = ConnectionActivity::admit(&server, peer.ip())?;
        let stream = MeteredSocket::new(stream, Arc::clone(&activity));
        let connection = AcceptedConnection::new(app, peer, activity);
        if let Some(tls) = &server.tls {
            return Some(accept_tls(connection, stream, &tls.acceptor, peer));
        }
        let (stream, http2) = preface::read(stream, connection.activity(), peer).await?;
        Some(connection.serve(stream, http2))
    })
}

/// Serves a connection over TLS.
fn accept_tls(
    connection: AcceptedConnection,
    stream: MeteredSocket<TcpStream>,
    tls: &TlsAcceptor,
    peer: SocketAddr,
) -> TaskPhase {
    let time = connection.activity().server().limits.head_time;
    let accepting = timeout(time, tls.accept(stream));
    TaskPhase::new(async move {
        match accepting.await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                // On the heap: the state of TLS is large, and would be copied into each phase.
                return Some(connection.serve(Rewound::at_start(Box::new(stream)), http2));
            }
            Ok(Err(error)) => {
                connection.activity().set_close_reason(CloseReason::Tls);
                tracing::debug!(%peer, %error, "TLS handshake failed");
            }
            Err(_) => connection.activity().set_close_reason(CloseReason::SlowHead),
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Every subscriber pays for the size of these futures. A buffer that lives in one of them for a
    /// case that hardly ever happens costs each subscriber as much as the buffer is long.
    #[tokio::test]
    async fn the_future_of_a_connection_holds_no_buffers() {
        let server = Arc::new(SharedState::new([]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        let stream = TcpStream::connect(peer).await.unwrap();
        let activity = ConnectionActivity::admit(&server, peer.ip()).unwrap();
        let stream = MeteredSocket::new(stream, Arc::clone(&activity));
        let plain = AcceptedConnection::new(App::default(), peer, activity)
            .serve(Rewound::at_start(stream), false);
        assert!(plain.size() <= 736, "requests are read and answered: {} bytes", plain.size());
        let stream = TcpStream::connect(peer).await.unwrap();
        let task = serve(server, stream, peer, App::default());
        assert_eq!(std::mem::size_of_val(&task), 2 * size_of::<usize>(), "one phase at a time");
    }
}
