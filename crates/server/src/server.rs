//! The server as a whole: how it is set up, how it serves, and how it stops.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use wirebench_protocol::HttpStack;
use wirebench_store::{Changes, FeedNewest};

use crate::access::Access;
use crate::connection::App;
use crate::feed::Feed;
use crate::layer::Layer;
use crate::limits::Limits;
use crate::log_limit::LogLimit;
use crate::metrics::StoreMetrics;
use crate::proxies::Proxies;
use crate::state::SharedState;
use crate::tls::Tls;
use crate::transport::FeedTransport;
use crate::{connection, listener, routes, transport};

/// A feed server. A handle: clones are the same server.
///
/// [`Server::serve`] owns the connections as well. An application that has its own routes nests
/// [`Server::router`] among them, serves them as it likes, and calls [`Server::stop`] when it ends.
/// It is then responsible for the limits and the metrics of connections.
#[derive(Clone, Debug)]
pub struct Server(Arc<SharedState>);

impl Server {
    /// Creates a server of these feeds, by name. By default it serves everybody, without TLS and
    /// within the default limits.
    pub fn new(feeds: impl IntoIterator<Item = (String, Feed)>) -> Self {
        Self(Arc::new(SharedState::new(feeds)))
    }

    /// Sets the limits.
    ///
    /// # Panics
    /// The server has been cloned. This applies to the other settings as well.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.state_mut().limits = limits;
        self
    }

    /// Sets who may subscribe and publish.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.state_mut().access = access;
        self
    }

    /// Sets the proxies that are trusted to say for which client they ask.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.state_mut().proxies = proxies;
        self
    }

    /// Serves over TLS, and only over TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.state_mut().tls = Some(tls);
        self
    }

    /// Puts a layer between the server and the connections that the layer is concerned with.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Layer) -> Self {
        self.state_mut().layer = Some(Box::new(layer));
        self
    }

    /// Sets what is counted of the store of the durable feeds: the observer with which the store was
    /// opened. Without it, the metrics of the server say nothing of a store.
    #[must_use]
    pub fn with_store_metrics(mut self, metrics: StoreMetrics) -> Self {
        self.state_mut().metrics.store = Some(metrics);
        self
    }

    /// Sets who reads requests over HTTP/1.1 and writes their answers. By default,
    /// [`serve`](Self::serve) does it itself for plain requests of feeds, and leaves the others to
    /// hyper, while [`serve_app`](Self::serve_app) leaves all of them to hyper: with
    /// [`HttpStack::Own`], the routes of an application do not see plain requests of feeds, except for
    /// those that concern the [layer](Self::with_layer).
    #[must_use]
    pub fn with_http_stack(mut self, stack: HttpStack) -> Self {
        self.state_mut().http_stack = Some(stack);
        self
    }

    fn state_mut(&mut self) -> &mut SharedState {
        Arc::get_mut(&mut self.0).expect("a server is set up before it is cloned")
    }

    /// Returns the feed of that name.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.0.feeds.get(name)
    }

    /// Returns all feeds with their names.
    pub fn feeds(&self) -> impl Iterator<Item = (&str, &Feed)> {
        self.0.feeds.iter().map(|(name, feed)| (name.as_str(), feed))
    }

    /// Returns the number of connections that are open now, upgraded ones included.
    pub fn connections(&self) -> u64 {
        self.0.admission.connections() as u64
    }

    /// Returns the number of HTTP requests received so far.
    pub fn requests(&self) -> u64 {
        self.0.requests()
    }

    /// Returns what the server has counted so far, in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        self.0.metrics.text()
    }

    /// Returns what is counted of the store of the durable feeds, if the server has its metrics.
    pub fn store_metrics(&self) -> Option<&StoreMetrics> {
        self.0.metrics.store.as_ref()
    }

    /// Returns every route of the server, to be served as it is or nested into another router.
    pub fn router(&self) -> Router {
        routes::routes(Arc::clone(&self.0))
    }

    /// Serves connections until `shutdown` completes, then lets every connection end properly: held
    /// polls are answered, streams end, sockets are closed with 1001, and each subscriber is told
    /// when to come back. A connection between two polls stays open until its next poll was
    /// answered. Returns when all connections have ended, or when [`Limits::drain_time`] is over.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let http_stack = self.0.http_stack.unwrap_or_default();
        self.serve_until(listener, App { router: self.router(), http_stack }, shutdown).await;
    }

    /// Like [`serve`](Self::serve), with the routes of an application. `app` must contain the
    /// routes of [`router`](Self::router). It sees every request, unless
    /// [`with_http_stack`](Self::with_http_stack) says otherwise.
    pub async fn serve_app(
        &self,
        listener: TcpListener,
        app: Router,
        shutdown: impl Future<Output = ()>,
    ) {
        let http_stack = self.0.http_stack.unwrap_or(HttpStack::Hyper);
        self.serve_until(listener, App { router: app, http_stack }, shutdown).await;
    }

    async fn serve_until(
        &self,
        listener: TcpListener,
        app: App,
        shutdown: impl Future<Output = ()>,
    ) {
        tokio::select! {
            () = self.accept(&listener, &app) => {}
            () = shutdown => {}
        }
        drop(listener);
        let connections = self.connections();
        tracing::info!(connections, "stopping: no new connections, open ones are ended");
        self.stop().await;
        match self.connections() {
            0 => tracing::info!("stopped"),
            connections => tracing::warn!(connections, "stopped; some did not end in time"),
        }
    }

    /// Serves each connection as a task of its own.
    async fn accept(&self, listener: &TcpListener, app: &App) {
        loop {
            let (stream, peer) = listener::accept(listener).await;
            let server = Arc::clone(&self.0);
            self.0.spawn(connection::serve(server, stream, peer, app.clone()));
        }
    }

    /// Brings the messages that other servers append to the store of the durable feeds, until the
    /// future is dropped. `changes` watches that store.
    pub async fn follow_store(&self, mut changes: Changes) {
        let failed_log = LogLimit::default();
        loop {
            match changes.next().await {
                Ok(feeds) => {
                    for FeedNewest { feed, epoch, newest } in feeds {
                        if let Some(feed) = self.feed(&feed) {
                            feed.learn_of(epoch, newest);
                        }
                    }
                }
                Err(error) if failed_log.is_due() => {
                    tracing::warn!("messages of other servers may come late: {error}");
                }
                Err(_) => {}
            }
        }
    }

    /// Ends every subscription, and waits for their end, but no longer than [`Limits::drain_time`].
    /// Requests that come from now on are answered as if nothing is published any more.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    /// Answers a request to subscribe to `feed` over `transport`. The feed may be one of the
    /// server's or another one, which its owner has to close. The server owns a socket that is
    /// opened by the answer, and waits for it when it stops.
    pub async fn answer(
        &self,
        transport: FeedTransport,
        feed: &Feed,
        request: Request,
    ) -> Response {
        transport::answer(transport, &self.0, feed, request).await
    }

    /// Returns the state that the server shares with its connections and routes.
    pub(crate) fn state(&self) -> &Arc<SharedState> {
        &self.0
    }
}
