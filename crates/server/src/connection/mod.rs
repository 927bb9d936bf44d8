//! One connection, from its first byte to its last.
//!
//! TLS where the server has it, then HTTP/2 or HTTP/1.1: by ALPN under TLS, by the first bytes in the
//! clear. An upgraded connection goes on as a task of its own.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

use crate::answer::Refusal;
use crate::gate::Gate;
use crate::server::{Io, Server};

mod guarded;
mod patience;
mod preface;
mod vitals;

use guarded::Guarded;
use patience::Patience;
pub(crate) use vitals::{Busy, Closed, Vitals};

/// Streams that one HTTP/2 connection carries at once. A subscriber is one; a crowd that shares
/// connections opens another when this is reached.
const STREAMS: u32 = 200;

/// What a stream may have under way before the peer says that it took it; a connection has room for all
/// of its streams. Far above what a feed sends in a round trip, so that flow control holds back slow
/// readers and nobody else.
const STREAM_WINDOW: u32 = 1 << 20;

/// One connection and what goes with each of its requests.
struct Connection {
    server: Server,
    app: Router,
    peer: SocketAddr,
    vitals: Arc<Vitals>,
    /// What a layer has for each request.
    extensions: Option<Extensions>,
}

/// Serves a connection that was just accepted.
pub(crate) async fn serve(server: Server, stream: TcpStream, peer: SocketAddr, app: Router) {
    // Nagle's algorithm would hold back the second of two small writes for 40 ms: streams and sockets
    // would pay, polls would not.
    let _ = stream.set_nodelay(true);
    let Some(vitals) = Vitals::admit(&server, peer.ip()) else { return };
    let stream = Guarded::new(stream, Arc::clone(&vitals), server.limits());
    let connection = Connection { server, app, peer, vitals, extensions: None };
    let time = connection.server.limits().head_time;
    match connection.server.tls().cloned() {
        None => {
            if let Some((stream, http2)) = preface::read(stream, &connection).await {
                connection.speak(stream, http2).await;
            }
        }
        Some(tls) => match Box::pin(timeout(time, tls.accept(stream))).await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Box::pin(connection.speak(stream, http2)).await;
            }
            Ok(Err(error)) => {
                connection.vitals.close(Closed::Tls);
                tracing::debug!(%peer, %error, "TLS handshake failed");
            }
            Err(_) => connection.vitals.close(Closed::Head),
        },
    }
}

/// Where the streams of an HTTP/2 connection run: among the tasks that the server waits for.
#[derive(Clone, Debug)]
struct Tasks(Server);

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        self.0.spawn(async { _ = stream.await });
    }
}

impl Connection {
    async fn speak(mut self, stream: impl Io, http2: bool) {
        let Some(layer) = self.server.layer() else { return self.converse(stream, http2).await };
        let mut extensions = Extensions::new();
        let stream = layer.wrap(Box::new(stream), &mut extensions);
        self.extensions = Some(extensions);
        Box::pin(self.converse(stream, http2)).await;
    }

    async fn converse(self, stream: impl Io, http2: bool) {
        // HTTP/2 on the heap: its state is large, and most connections here do not have it.
        if http2 { Box::pin(self.http2(stream)).await } else { self.http1(stream).await }
    }

    async fn http1(self, stream: impl Io) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `Patience` tells a slow head from an idle connection; hyper does not.
            .header_read_timeout(None)
            .max_buf_size(self.server.limits().head_bytes.max(8 << 10))
            .writev(false)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)))
            .with_upgrades();
        self.drive(pin!(connection), http1::UpgradeableConnection::graceful_shutdown).await;
    }

    async fn http2(self, stream: impl Io) {
        let limits = self.server.limits();
        let connection = http2::Builder::new(Tasks(self.server.clone()))
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(STREAMS))
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            // A peer that vanished without a word is found by its missing answer.
            .keep_alive_interval(limits.idle_time)
            .keep_alive_timeout(limits.head_time)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)));
        self.drive(pin!(connection), http2::Connection::graceful_shutdown).await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let busy = Vitals::begin(&self.vitals);
        let refused = self.vitals.refused();
        self.server.count_request();
        let mut request = request.map(Body::new);
        if let Some(extensions) = &self.extensions {
            request.extensions_mut().extend(extensions.clone());
        }
        request.extensions_mut().insert(Arc::clone(&self.vitals));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = (!refused).then(|| self.app.clone().call(request));
        async move {
            let answer = match answer {
                Some(answer) => answer.await,
                None => Ok(Refusal::too_many_connections().into_response()),
            };
            drop(busy);
            answer
        }
    }

    /// Polls the connection until it is over, tells it when the server stops, and loses patience with
    /// one that says nothing.
    async fn drive<C: Future>(&self, mut connection: Pin<&mut C>, stop: impl Fn(Pin<&mut C>)) {
        let mut stopping = pin!(self.server.stopping());
        let (mut gate, mut stopped) = (Gate::default(), false);
        let mut patience = Patience::default();
        let limits = self.server.limits();
        poll_fn(|context| {
            // The end of the server first: it also ends held polls, whose answers are to say that the
            // connection closes.
            if !stopped && gate.poll(context, |context| stopping.as_mut().poll(context)).is_ready()
            {
                stopped = true;
                self.vitals.close(Closed::Stopped);
                stop(connection.as_mut());
            }
            // An error at the end is the peer's: it went away or spoke no HTTP. hyper has answered it.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            patience.poll(context, &self.vitals, limits).map(|why| self.vitals.close(why))
        })
        .await;
    }
}
