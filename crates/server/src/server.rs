//! The server as a whole: its feeds, its routes, its connections, and its end.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wirebench_protocol::{Published, Transport};

use crate::access::{self, Access};
use crate::answer::{self, Refusal};
use crate::census::Census;
use crate::feed::Feed;
use crate::limits::Limits;
use crate::log_limit::LogLimit;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::tls::Tls;
use crate::transport::PathParams;
use crate::{connection, transport, upgrade};

/// How long the connections that are closed at the end of the drain time may take for it.
const CLOSING: Duration = Duration::from_millis(100);

/// A feed server. A handle: clones are the same server.
///
/// [`Server::serve`] owns the connections as well. An application of its own nests
/// [`Server::router`], serves it as it likes, and calls [`Server::stop`] when it ends; limits that are
/// about connections, and their metrics, are then the application's affair.
#[derive(Clone, Debug)]
pub struct Server(Arc<Inner>);

/// A connection as the server sees it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// What lies between the connections and the server: an emulated link, a recorder of bytes.
pub trait Layer: Debug + Send + Sync + 'static {
    /// Wraps a connection that was just accepted, above TLS where there is TLS. What it puts into
    /// `extensions` comes with every request of the connection.
    fn wrap(&self, stream: Box<dyn Io>, extensions: &mut Extensions) -> Box<dyn Io>;
}

#[derive(Debug)]
struct Inner {
    feeds: BTreeMap<String, Feed>,
    limits: Limits,
    access: Access,
    proxies: Proxies,
    tls: Option<Tls>,
    layer: Option<Box<dyn Layer>>,
    /// Cancelled once, when the server stops: connections take no further requests.
    stopping: CancellationToken,
    /// Set just before `stopping` is cancelled. Every answer asks for it, and the token would take a lock.
    is_stopping: AtomicBool,
    /// Owns every connection and every upgraded socket.
    tasks: TaskTracker,
    census: Census,
    /// Limits how often it is logged that a connection did not begin with a proper request in time.
    bad_starts: LogLimit,
    requests: AtomicU64,
    metrics: Metrics,
}

impl Server {
    /// A server of these feeds, by name: to everybody, in the clear, within the default limits.
    pub fn new(feeds: impl IntoIterator<Item = (String, Feed)>) -> Self {
        let metrics = Metrics::new();
        let feeds: BTreeMap<_, _> = feeds.into_iter().collect();
        for feed in feeds.values() {
            feed.observe(metrics.fan_out());
        }
        Self(Arc::new(Inner {
            feeds,
            limits: Limits::default(),
            access: Access::default(),
            proxies: Proxies::default(),
            tls: None,
            layer: None,
            stopping: CancellationToken::new(),
            is_stopping: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            census: Census::default(),
            bad_starts: LogLimit::default(),
            requests: AtomicU64::new(0),
            metrics,
        }))
    }

    /// The server within these limits.
    ///
    /// # Panics
    /// The server has been cloned already; so for everything else that it is given.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.fresh().limits = limits;
        self
    }

    /// The server for those who may.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.fresh().access = access;
        self
    }

    /// The server behind these proxies, which are trusted to say for whom they ask.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.fresh().proxies = proxies;
        self
    }

    /// The server over TLS, and only over it.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.fresh().tls = Some(tls);
        self
    }

    /// The server behind a layer. Without one, nothing lies between a connection and the server.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Layer) -> Self {
        self.fresh().layer = Some(Box::new(layer));
        self
    }

    fn fresh(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.0).expect("a server is put together before it is cloned")
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
        self.0.census.connected() as u64
    }

    /// HTTP requests received so far.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// What the server has counted so far, in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        self.0.metrics.text()
    }

    /// Every route of the server, to be served as it is or nested into another router.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/tickets", post(ticket))
            .route("/echo", get(upgrade::echo).connect(upgrade::echo))
            .route("/feeds/{feed}/messages", post(publish));
        for transport in Transport::ALL {
            router = router.route(&transport.path("{feed}"), transport::route(transport));
        }
        router = router
            .fallback(answer::no_such_route)
            .method_not_allowed_fallback(answer::no_such_method);
        if let Some(origins) = access::cors(&self.0.access) {
            router = router.layer(origins);
        }
        router.with_state(self.clone())
    }

    /// Serves connections until `shutdown` is done, then lets every connection end properly: held
    /// polls are answered, streams end, sockets are closed with 1001, and each subscriber is told when to
    /// come back. A connection between two polls stays open until its next poll was answered. Returns when
    /// all have ended, or when [`Limits::drain_time`] is over.
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
        let connections = self.connections();
        tracing::info!(connections, "stopping: no new connections, those open are ended");
        self.stop().await;
        match self.connections() {
            0 => tracing::info!("stopped"),
            connections => tracing::warn!(connections, "stopped; some did not end in time"),
        }
    }

    /// Ends every subscription properly, and waits for that, but no longer than
    /// [`Limits::drain_time`]. What the server is asked from now on is answered as if nothing came.
    pub async fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Release);
        self.0.stopping.cancel();
        for feed in self.0.feeds.values() {
            feed.close();
        }
        self.0.tasks.close();
        // Connections that wait for the next poll close themselves when the drain time is over.
        let time = self.0.limits.drain_time.saturating_add(CLOSING);
        let _ = tokio::time::timeout(time, self.0.tasks.wait()).await;
    }

    /// Answers a subscription to `feed`, one of the server's or another, over `transport`. A socket that
    /// is opened by it belongs to the server, which waits for it when it stops; a feed that is not the
    /// server's has to be closed by its owner.
    pub async fn answer(&self, transport: Transport, feed: &Feed, request: Request) -> Response {
        transport::answer(transport, self, feed, request).await
    }

    /// Done when the server stops. Never, while it does not.
    pub(crate) async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Returns true once the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Acquire)
    }

    /// Runs a future as a task that the server waits for when it stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(crate) fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    pub(crate) fn tls(&self) -> Option<&TlsAcceptor> {
        self.0.tls.as_ref().map(|tls| &tls.acceptor)
    }

    pub(crate) fn layer(&self) -> Option<&dyn Layer> {
        self.0.layer.as_deref()
    }

    pub(crate) fn census(&self) -> &Census {
        &self.0.census
    }

    pub(crate) fn bad_starts(&self) -> &LogLimit {
        &self.0.bad_starts
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how long a subscriber is asked to stay away when the server stops, drawn anew for each.
    /// `None` if they are not to be told.
    pub(crate) fn return_delay(&self) -> Option<Duration> {
        let most = self.0.limits.return_time;
        (!most.is_zero()).then(|| most.mul_f64(rand::random_range(0.0..=1.0)))
    }

    async fn accept(&self, listener: &TcpListener, app: &Router) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    self.spawn(connection::serve(self.clone(), stream, peer, app.clone()));
                }
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

/// `GET /readyz`: whether to send more subscribers here. `/healthz` says only that it lives.
async fn ready(State(server): State<Server>) -> Response {
    if server.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else {
        "ready\n".into_response()
    }
}

/// `GET /metrics`: to whoever may subscribe.
async fn metrics(State(server): State<Server>, headers: HeaderMap) -> Result<Response, Refusal> {
    server.0.access.subscribe(None, &headers)?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, server.metrics_text()).into_response())
}

/// `POST /tickets`: something to put into an address in place of the token.
async fn ticket(State(server): State<Server>, request: Request) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    struct Ticket {
        ticket: String,
        expires_in_seconds: u64,
    }
    server.0.access.origin(request.uri(), request.headers())?;
    let (ticket, time) = server.0.access.ticket(request.headers())?;
    let ticket = Ticket { ticket, expires_in_seconds: time.as_secs() };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, axum::Json(ticket)).into_response())
}

/// `POST /feeds/{feed}/messages`: any JSON body becomes the next message.
async fn publish(State(server): State<Server>, path: PathParams, request: Request) -> Response {
    let answer = match take(&server, &path, request).await {
        Ok(published) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, no_store, axum::Json(published)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    server.0.metrics.answered_publisher(answer.status());
    answer
}

async fn take(server: &Server, path: &PathParams, request: Request) -> Result<Published, Refusal> {
    let feed = transport::feed(server, path)?;
    server.0.access.origin(request.uri(), request.headers())?;
    server.0.access.publish(None, request.headers())?;
    if !may_be_json(request.headers()) {
        let error = "the body is not declared as JSON";
        let hint = "send it with `Content-Type: application/json`";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error, hint));
    }
    let body = read(request.into_body(), &server.0.limits).await?;
    let offered = feed.offer(&body);
    server.0.metrics.offered(offered.is_ok());
    Ok(Published { cursor: offered? })
}

/// A whole body, in time and within bounds.
async fn read(body: Body, limits: &Limits) -> Result<bytes::Bytes, Refusal> {
    let most = limits.message_bytes;
    let reading = axum::body::to_bytes(body, most);
    match tokio::time::timeout(limits.body_time, reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if answer::is_too_long(&error) => {
            let error = format!("the body is longer than {most} bytes");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error, "publish less at once"))
        }
        Ok(Err(error)) => {
            let error = format!("the body broke off: {error}");
            Err(Refusal::bad_request(error, "send as much as `Content-Length` says"))
        }
        Err(_) => {
            let error = format!("the body took longer than {} s", limits.body_time.as_secs_f64());
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error, "send it faster")
                .with(header::CONNECTION, "close"))
        }
    }
}

/// Whether the body is JSON by its declaration, or has none.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
