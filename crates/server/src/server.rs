//! The server as a whole: its feeds, its routes, its connections, and its end.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, RawPathParams, Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use wirebench_protocol::{Published, Transport};

use crate::answer::{self, Refusal};
use crate::feed::Feed;
use crate::gate::Gate;
use crate::{transport, upgrade};

/// How long a connection may be silent between requests, or take to send the head of one. Longer than
/// the longest hold or the longest sensible poll interval.
const IDLE: Duration = Duration::from_secs(90);

/// How long connections have to end once the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// A feed server. A handle: clones are the same server.
#[derive(Clone, Debug)]
pub struct Server(Arc<Inner>);

/// A connection as the server sees it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// What lies between the sockets and the server: an emulated link, a counter of bytes.
pub trait Layer: Debug + Send + Sync + 'static {
    /// Wraps a connection that was just accepted. What it puts into `extensions` comes with every
    /// request of the connection.
    fn wrap(&self, stream: TcpStream, extensions: &mut Extensions) -> Box<dyn Io>;
}

#[derive(Debug)]
struct Inner {
    feeds: BTreeMap<String, Feed>,
    layer: Option<Box<dyn Layer>>,
    /// Cancelled once, when the server stops: connections take no further requests.
    stopping: CancellationToken,
    /// Owns every connection and every upgraded socket.
    tasks: TaskTracker,
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Server {
    /// A server of these feeds, by name.
    pub fn new(feeds: impl IntoIterator<Item = (String, Feed)>) -> Self {
        Self(Arc::new(Inner {
            feeds: feeds.into_iter().collect(),
            layer: None,
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        }))
    }

    /// The server behind a layer. Without one, nothing lies between a socket and the server.
    ///
    /// # Panics
    /// The server has been cloned already.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Layer) -> Self {
        let inner = Arc::get_mut(&mut self.0).expect("a server gets its layer before any clone");
        inner.layer = Some(Box::new(layer));
        self
    }

    /// The feed of that name.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.0.feeds.get(name)
    }

    /// All feeds.
    pub fn feeds(&self) -> impl Iterator<Item = (&str, &Feed)> {
        self.0.feeds.iter().map(|(name, feed)| (name.as_str(), feed))
    }

    /// Connections that are open now, upgraded ones included.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// HTTP requests received so far.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Every route of the server.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/echo", get(upgrade::echo::<Body>))
            .route("/feeds/{feed}/messages", post(publish));
        for transport in Transport::ALL {
            router = router.route(&transport.path("{feed}"), transport::route(transport));
        }
        router
            .fallback(answer::no_such_route)
            .method_not_allowed_fallback(answer::no_such_method)
            .layer(DefaultBodyLimit::max(crate::MAX_PAYLOAD_BYTES))
            .with_state(self.clone())
    }

    /// Serves connections until `shutdown` is done, then lets every connection end properly: held
    /// polls are answered, streams end, sockets are closed with 1001. Returns when all have, or after
    /// five seconds.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        self.serve_app(listener, self.router(), shutdown).await;
    }

    /// As [`serve`](Self::serve), with `app` in place of the server's own router, which it is to
    /// contain.
    pub async fn serve_app(
        &self,
        listener: TcpListener,
        app: Router,
        shutdown: impl Future<Output = ()>,
    ) {
        tokio::select! {
            () = self.accept(&listener, &app) => {}
            () = shutdown => {}
        }
        drop(listener);
        self.0.stopping.cancel();
        for feed in self.0.feeds.values() {
            feed.close();
        }
        self.0.tasks.close();
        let _ = tokio::time::timeout(DRAIN, self.0.tasks.wait()).await;
    }

    /// Answers a subscription to `feed`, one of the server's or another, over `transport`. A socket that
    /// is opened by it belongs to the server, which waits for it when it stops; a feed that is not the
    /// server's has to be closed by its owner.
    pub async fn answer(&self, transport: Transport, feed: &Feed, request: Request) -> Response {
        transport::answer(transport, self, feed, request).await.into_response()
    }

    /// Done when the server stops. Never, while it does not.
    pub(crate) async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Runs a future as a task that the server waits for when it stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    async fn accept(&self, listener: &TcpListener, router: &Router) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.welcome(stream, peer, router.clone()),
                // The connection died in the queue.
                Err(error) if is_about_the_peer(&error) => {}
                // Out of files or memory: those connected go on; trying again at once would spin.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// A connection that was just accepted becomes a task.
    fn welcome(&self, stream: TcpStream, peer: SocketAddr, router: Router) {
        // Nagle's algorithm would hold back the second of two small writes for 40 ms: streams and
        // sockets would pay, polls would not.
        let _ = stream.set_nodelay(true);
        match &self.0.layer {
            None => self.spawn(self.clone().connection(stream, peer, None, router)),
            Some(layer) => {
                let mut extensions = Extensions::new();
                let stream = layer.wrap(stream, &mut extensions);
                self.spawn(self.clone().connection(stream, peer, Some(extensions), router));
            }
        }
    }

    /// One connection from its first byte to its last; an upgraded one goes on as its own task.
    async fn connection(
        self,
        stream: impl Io,
        peer: SocketAddr,
        extensions: Option<Extensions>,
        router: Router,
    ) {
        let open = Open::count(&self);
        let service = hyper::service::service_fn(|request: hyper::Request<_>| {
            self.0.requests.fetch_add(1, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            if let Some(extensions) = &extensions {
                request.extensions_mut().extend(extensions.clone());
            }
            request.extensions_mut().insert(open.clone());
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(64 << 10)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut stopping = std::pin::pin!(self.stopping());
        let (mut gate, mut stopped) = (Gate::default(), false);
        // An error at the end is the peer's: it went away or spoke no HTTP. hyper has answered it.
        let _ = poll_fn(|context| {
            // The end of the server first: it also ends held polls, whose answers are to say that the
            // connection closes.
            if !stopped && gate.poll(context, |context| stopping.as_mut().poll(context)).is_ready()
            {
                stopped = true;
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(context)
        })
        .await;
    }
}

/// Counts a connection as open for as long as any clone of it lives: an upgraded socket holds one.
#[derive(Clone, Debug)]
pub(crate) struct Open(#[expect(dead_code, reason = "held for its `Drop`")] Arc<OpenGuard>);

#[derive(Debug)]
struct OpenGuard(Server);

impl Open {
    fn count(server: &Server) -> Self {
        server.0.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(OpenGuard(server.clone())))
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listener whose queue is long enough for a crowd that connects at once (the kernel caps it at
/// `net.core.somaxconn`). Must be called within a runtime.
///
/// # Errors
/// What the system says: most often that the address is in use.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// `POST /feeds/{feed}/messages`: any JSON body becomes the next message.
async fn publish(
    State(server): State<Server>,
    path: RawPathParams,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Refusal> {
    let feed = transport::feed(&server, &path)?;
    if !may_be_json(&headers) {
        let error = "the body is not declared as JSON";
        let hint = "send it with `Content-Type: application/json`";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error, hint));
    }
    let body = body.map_err(|error| {
        Refusal::new(error.status(), error.body_text(), "a payload has at most 1 MiB")
    })?;
    let cursor = feed.offer(&body)?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, axum::Json(Published { cursor })).into_response())
}

/// Whether the body is JSON by its declaration, or has none.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
