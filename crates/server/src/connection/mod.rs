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
use axum::http::{Extensions, HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;
use wirebench_protocol::{STREAMS_PER_CONNECTION, Transport};

use crate::answer::Refusal;
use crate::gate::Gate;
use crate::server::{Io, Server};

mod client;
mod flow;
mod guarded;
pub(crate) mod host;
mod late_head;
mod patience;
mod preface;
mod proxy_protocol;
mod vitals;

pub(crate) use client::ClientSlot;
pub(crate) use flow::Flow;
use flow::Pieces;
use guarded::Guarded;
use patience::Patience;
pub(crate) use vitals::{Busy, Closed, Vitals};

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
pub(crate) async fn serve(
    server: Server,
    mut stream: TcpStream,
    mut peer: SocketAddr,
    app: Router,
) {
    // Nagle's algorithm would hold back the second of two small writes for 40 ms: streams and sockets
    // would pay, polls would not.
    let _ = stream.set_nodelay(true);
    if server.proxies().announce(peer.ip()) {
        // On the heap: most servers are not behind such a proxy.
        let announced = Box::pin(proxy_protocol::read(&mut stream, peer, &server)).await;
        let Some(client) = announced else { return };
        peer = client;
    }
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
struct Streams {
    server: Server,
    peer: SocketAddr,
    vitals: Arc<Vitals>,
}

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let time = self.server.limits().write_time;
        let watched = flow::watch(stream, time);
        let Self { server, peer, vitals } = self.clone();
        self.server.spawn(async move {
            if !watched.await {
                let transport = vitals.transport();
                server.metrics().stream_reset(transport);
                let transport = transport.map(Transport::name);
                tracing::warn!(%peer, transport, "a stream was reset: its reader took too little");
            }
        });
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
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `Patience` tells a slow head from an idle connection; hyper does not.
            .header_read_timeout(None)
            .max_buf_size(self.server.limits().head_bytes.max(8 << 10))
            .writev(false)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)))
            .with_upgrades();
        // hyper, told to shut down, would close a connection between two requests under the next of them.
        // It is told only when no other is expected; until then `answer` says what is the last.
        let shut_down = http1::UpgradeableConnection::graceful_shutdown;
        if self.drive(Pin::new(&mut connection), shut_down, false).await == Some(Closed::Head)
            && let Some(parts) = connection.into_parts()
        {
            // On the heap: it holds a buffer, and every connection would be larger by it.
            Box::pin(late_head::answer(parts.io.into_inner(), &self)).await;
        }
    }

    async fn http2(self, stream: impl Io) {
        let limits = self.server.limits();
        let Self { server, peer, vitals, .. } = &self;
        let streams = Streams { server: server.clone(), peer: *peer, vitals: Arc::clone(vitals) };
        let connection = http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(STREAMS_PER_CONNECTION))
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            // A peer that vanished without a word is found by its missing answer.
            .keep_alive_interval(limits.idle_time)
            .keep_alive_timeout(limits.head_time)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)));
        // GOAWAY tells the peer which requests are still answered: nothing is closed under one.
        self.drive(pin!(connection), http2::Connection::graceful_shutdown, true).await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let busy = Vitals::begin(&self.vitals);
        self.server.count_request();
        let version = request.version();
        let (slot, refusal) = match self.admit(&request) {
            Ok(slot) => (slot, None),
            Err(refusal) => (None, Some(refusal)),
        };
        let mut request = request.map(Body::new);
        if let Some(extensions) = &self.extensions {
            request.extensions_mut().extend(extensions.clone());
        }
        request.extensions_mut().insert(Arc::clone(&self.vitals));
        let client = slot.as_ref().map_or(self.peer, |slot| SocketAddr::new(slot.address, 0));
        request.extensions_mut().insert(ConnectInfo(client));
        if let Some(slot) = &slot {
            request.extensions_mut().insert(Arc::clone(slot));
        }
        let answer = match refusal {
            None => Ok(self.app.clone().call(request)),
            Some(refusal) => Err(refusal),
        };
        async move {
            let mut answer = match answer {
                Ok(answer) => answer.await?,
                Err(refusal) => refusal.into_response(),
            };
            if version > Version::HTTP_11 {
                answer = answer.map(Pieces::of);
            } else if busy.server_is_stopping() {
                say_last(&mut answer);
            }
            drop((busy, slot));
            Ok(answer)
        }
    }

    /// Checks what a request has to be before any route sees it. Behind a trusted proxy, the request
    /// counts as a connection of its client.
    fn admit(&self, request: &Request<Incoming>) -> Result<Option<Arc<ClientSlot>>, Refusal> {
        if self.vitals.refused() {
            return Err(Refusal::too_many_connections());
        }
        host::check(request.version(), request.headers())?;
        if !self.vitals.is_proxied() {
            return Ok(None);
        }
        ClientSlot::take(&self.server, self.peer.ip(), request.headers()).map(Some)
    }

    /// Polls the connection until it is over, and loses patience with one that says nothing: returns why.
    /// While the server stops, `shut_down` lets the connection end after what is under way: over HTTP/2 at
    /// once, over HTTP/1.1 when no further request is expected.
    async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        shut_down: impl Fn(Pin<&mut C>),
        http2: bool,
    ) -> Option<Closed> {
        let mut stopping = pin!(self.server.stopping());
        let (mut gate, mut is_shut_down) = (Gate::default(), false);
        let mut patience = Patience::new(http2);
        let limits = self.server.limits();
        poll_fn(|context| {
            // An error at the end is the peer's: it went away or spoke no HTTP. hyper has answered it.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            // The end of the server after the connection: a request that is here is answered.
            if !patience.is_stopped()
                && gate.poll(context, |context| stopping.as_mut().poll(context)).is_ready()
            {
                self.vitals.close(Closed::Stopped);
                patience.stop();
            }
            let over = patience.poll(context, &self.vitals, limits);
            if !patience.is_stopped() || over == Poll::Ready(Closed::Head) {
                return over.map(|why| {
                    self.vitals.close(why);
                    Some(why)
                });
            }
            if !is_shut_down && (http2 || over.is_ready()) {
                is_shut_down = true;
                shut_down(connection.as_mut());
                // An answer that is being written is sent to its end; then the connection is over.
                return connection.as_mut().poll(context).map(|_| None);
            }
            Poll::Pending
        })
        .await
    }
}

/// Says that the connection closes after this answer. A switch to another protocol is no answer after
/// which anything could close.
fn say_last(answer: &mut Response<Body>) {
    const CLOSE: HeaderValue = HeaderValue::from_static("close");
    let says_so = answer.headers().get_all(header::CONNECTION).iter().any(|value| value == CLOSE);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS && !says_so {
        answer.headers_mut().append(header::CONNECTION, CLOSE);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::feed::Feed;

    /// Every subscriber over HTTP pays for the size of this future. A buffer that lives in it, for a case that
    /// hardly ever happens, costs each of them as much as the buffer has.
    #[tokio::test]
    async fn the_future_of_a_connection_holds_no_buffers() {
        let server = Server::new([("bench".to_owned(), Feed::new(1))]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (app, peer) = (server.router(), listener.local_addr().unwrap());
        let future = serve(server, stream, peer, app);
        let size = std::mem::size_of_val(&future);
        assert!(size < 4 << 10, "{size} bytes");
    }
}
