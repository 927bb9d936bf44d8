//! What the tests share: a real server, a proxy to break it with, literal HTTP and WebSocket frames, and
//! waits that end.

pub(crate) mod clockwork;
pub(crate) mod faulty;
pub(crate) mod frames;
pub(crate) mod front;
pub(crate) mod http;
pub(crate) mod manner;
pub(crate) mod proxy;
pub(crate) mod reads;

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use self::manner::Manner;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{DEFAULT_FEED, HttpClient, Target, TlsClient};
use wirebench_protocol::{After, Cursor};
use wirebench_server::{Feed, JsonPayload, Limits, Server, Tls};

/// The token of every control API in these tests.
pub(crate) const TOKEN: &str = "a-token-of-some-length";

pub(crate) fn token() -> wirebench_server::Token {
    wirebench_server::Token::new(TOKEN).expect("long enough")
}

/// Upper bound of every wait. It is reached only if something hangs, not because the machine is busy or was
/// stopped for some seconds.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What all benches that speak TLS prove themselves with, and who believes it.
static TLS: LazyLock<(Tls, TlsClient)> = LazyLock::new(|| {
    let tls = Tls::self_signed(["127.0.0.1".to_owned()]).expect("a name of a server");
    let trust = TlsClient::pinned(tls.certificate()).expect("a certificate that was just made");
    (tls, trust)
});

/// Waits for `future`, but no longer than `patience`; `what` says who was waiting for what.
pub(crate) async fn within<T>(
    patience: Duration,
    what: impl Display,
    future: impl Future<Output = T>,
) -> T {
    let result = tokio::time::timeout(patience, future).await;
    result.unwrap_or_else(|_| panic!("{what}: waited {patience:?} in vain"))
}

/// Waits until `holds`, for what nobody announces.
pub(crate) async fn until(what: impl Display, mut holds: impl FnMut() -> bool) {
    within(PATIENCE, what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// A server with one feed, [`DEFAULT_FEED`], on a port of its own.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) feed: Feed,
    pub(crate) server: Server,
    /// Where it is to be spoken to in its manner.
    pub(crate) address: SocketAddr,
    manner: Manner,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Bench {
    /// Serves a feed that keeps `window` messages, until it is stopped or the runtime ends.
    pub(crate) fn start(window: usize) -> Self {
        Self::serve(Feed::new(window))
    }

    /// The same, within these limits.
    pub(crate) fn within(limits: Limits, window: usize) -> Self {
        let feed = Feed::new(window);
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]).with_limits(limits);
        Self::of(server, feed)
    }

    /// The same for those who speak in this manner.
    pub(crate) fn speaking(manner: Manner, window: usize) -> Self {
        let feed = Feed::new(window);
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
        let server = if manner.0.tls { server.with_tls(TLS.0.clone()) } else { server };
        Self { manner, ..Self::of(server, feed) }
    }

    /// Serves this feed.
    pub(crate) fn serve(feed: Feed) -> Self {
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
        Self::of(server, feed)
    }

    fn of(server: Server, feed: Feed) -> Self {
        let listener = listen();
        let address = listener.local_addr().expect("a bound socket has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.serve(listener, stop.cancelled()).await }
        });
        Self { feed, server, address, manner: Manner::default(), stop, serving }
    }

    /// Where to subscribe.
    pub(crate) fn target(&self) -> Target {
        self.target_by_way_of(self.address)
    }

    /// Where to subscribe over what stands before it at this address.
    pub(crate) fn target_by_way_of(&self, address: SocketAddr) -> Target {
        Target { tls: self.manner.0.tls.then(|| TLS.1.clone()), ..target(address) }
    }

    /// Publishes one JSON text.
    pub(crate) fn publish(&self, json: &str) -> Cursor {
        publish(&self.feed, json)
    }

    /// Publishes the next `count` messages, each its own number, without a pause in which anybody on
    /// this runtime's thread could read.
    pub(crate) fn publish_numbers(&self, count: u64) {
        let next = self.feed.published() + 1;
        for number in next..next + count {
            self.publish(&number.to_string());
        }
    }

    /// The cursor of the message at `seq`, published or not.
    pub(crate) fn cursor(&self, seq: u64) -> Cursor {
        self.feed.locate(After::Newest).expect("there is always a newest").at(seq)
    }

    /// Tells the server to stop, and does not wait for it.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the server, and waits until it has, at most `patience`.
    pub(crate) async fn stop(self, patience: Duration, what: impl Display) {
        self.begin_stop();
        within(patience, what, self.serving).await.expect("the server does not panic");
    }
}

/// A listener on a free port.
pub(crate) fn listen() -> tokio::net::TcpListener {
    wirebench_server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

/// A client over HTTP/1.1 and no link.
pub(crate) fn client() -> HttpClient {
    Manner::default().client()
}

/// The default feed at an address.
pub(crate) fn target(address: SocketAddr) -> Target {
    Target { authority: address.to_string(), address, feed: DEFAULT_FEED.to_owned(), tls: None }
}

/// Publishes one JSON text.
pub(crate) fn publish(feed: &Feed, json: &str) -> Cursor {
    feed.publish(&JsonPayload::from_json(json.as_bytes()).expect("a test publishes JSON"))
}

/// A clock that stands still for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Frozen {
    _end: std::sync::mpsc::Sender<()>,
}

/// Stops the clock of this runtime, which runs on one thread: no deadline, no hold and no pause ends from here
/// on. The deadlines of [`within`] do not either.
pub(crate) fn freeze() -> Frozen {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    tokio::time::pause();
    // While anything blocks, a clock that stands does not move by itself.
    tokio::task::spawn_blocking(move || ended.recv());
    Frozen { _end: end }
}
