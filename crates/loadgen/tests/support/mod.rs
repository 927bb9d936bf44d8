//! What the tests share: a real server, proxies that disturb it, literal HTTP and WebSocket frames,
//! and waits with a timeout.

pub(crate) mod faulty_server;
pub(crate) mod frames;
pub(crate) mod http;
pub(crate) mod http2_proxy;
pub(crate) mod http_variant;
pub(crate) mod paused_server;
pub(crate) mod proxy;
pub(crate) mod raw_transport;
pub(crate) mod runs;
pub(crate) mod socket_reads;

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use self::http_variant::HttpVariant;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{DEFAULT_FEED, HttpClient, Target, TlsClient};
use wirebench_protocol::{After, Cursor, SocketIoMode, Transport};
use wirebench_server::{Acknowledgement, Feed, JsonPayload, Limits, Server, Tls};

/// The token of all control APIs in these tests.
pub(crate) const TOKEN: &str = "a-token-of-some-length";

pub(crate) fn token() -> wirebench_server::Token {
    wirebench_server::Token::new(TOKEN).expect("long enough")
}

/// Upper bound of every wait. It is reached only if something hangs, not because the machine is
/// busy or was suspended for a few seconds.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(2);

/// The certificate of all test servers that speak TLS, and a client that trusts it.
static TLS: LazyLock<(Tls, TlsClient)> = LazyLock::new(|| {
    let tls = Tls::self_signed(["127.0.0.1".to_owned()]).expect("a name of a server");
    let trust = TlsClient::pinned(tls.certificate()).expect("a certificate that was just made");
    (tls, trust)
});

/// Waits for `future`, but no longer than `timeout`. `what` names who was waiting for what.
pub(crate) async fn within<T>(
    timeout: Duration,
    what: impl Display,
    future: impl Future<Output = T>,
) -> T {
    let result = tokio::time::timeout(timeout, future).await;
    result.unwrap_or_else(|_| panic!("{what}: waited {timeout:?} in vain"))
}

/// Returns how many connections of its own a subscriber opens to get its first message.
pub(crate) fn connections_to_subscribe(transport: Transport, mode: SocketIoMode) -> u64 {
    match (transport, mode) {
        (
            Transport::ShortPolling
            | Transport::LongPolling
            | Transport::Sse
            | Transport::WebSocket,
            _,
        )
        | (Transport::SocketIo, SocketIoMode::WebSocket) => 1,
        // While one is held, another one posts.
        (Transport::SocketIo, SocketIoMode::Polling) => 2,
        (Transport::SocketIo, SocketIoMode::Upgrade) => 3,
    }
}

/// Waits until `holds` returns true, for what nothing announces.
pub(crate) async fn until(what: impl Display, mut holds: impl FnMut() -> bool) {
    within(TIMEOUT, what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// A test server with one feed, [`DEFAULT_FEED`], on a port of its own.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) feed: Feed,
    pub(crate) server: Server,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    variant: HttpVariant,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Bench {
    /// Serves a feed that keeps `window` messages, until it is stopped or the runtime ends.
    pub(crate) fn start(window: usize) -> Self {
        Self::serve(Feed::new(window))
    }

    /// The same, with these limits.
    pub(crate) fn within(limits: Limits, window: usize) -> Self {
        let feed = Feed::new(window);
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]).with_limits(limits);
        Self::of(server, feed)
    }

    /// The same, over this variant of HTTP.
    pub(crate) fn speaking(variant: HttpVariant, window: usize) -> Self {
        let feed = Feed::new(window);
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
        let server = if variant.0.tls { server.with_tls(TLS.0.clone()) } else { server };
        Self { variant, ..Self::of(server, feed) }
    }

    /// Serves this feed.
    pub(crate) fn serve(feed: Feed) -> Self {
        let server = Server::new([(DEFAULT_FEED.to_owned(), feed.clone())]);
        Self::of(server, feed)
    }

    /// Serves the feed of this server.
    pub(crate) fn of(server: Server, feed: Feed) -> Self {
        let listener = listen();
        let address = listener.local_addr().expect("a bound socket has an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.serve(listener, stop.cancelled()).await }
        });
        Self { feed, server, address, variant: HttpVariant::default(), stop, serving }
    }

    /// Returns where to subscribe.
    pub(crate) fn target(&self) -> Target {
        self.target_by_way_of(self.address)
    }

    /// Returns where to subscribe through a proxy at this address.
    pub(crate) fn target_by_way_of(&self, address: SocketAddr) -> Target {
        Target { tls: self.variant.0.tls.then(|| TLS.1.clone()), ..target(address) }
    }

    /// Publishes one JSON text.
    pub(crate) fn publish(&self, json: &str) -> Cursor {
        publish(&self.feed, json)
    }

    /// Publishes bytes.
    pub(crate) fn publish_bytes(&self, bytes: &[u8]) -> Cursor {
        cursor(self.feed.publish(Bytes::copy_from_slice(bytes)))
    }

    /// Publishes the next `count` messages, each with its number, without a pause in which another
    /// task of this thread could read.
    pub(crate) fn publish_numbers(&self, count: u64) {
        let next = self.feed.published() + 1;
        for number in next..next + count {
            self.publish(&number.to_string());
        }
    }

    /// Returns the cursor of the message at `seq`, published or not.
    pub(crate) fn cursor(&self, seq: u64) -> Cursor {
        self.feed.locate(After::Newest).expect("a feed always has a newest position").at(seq)
    }

    /// Tells the server to stop, and does not wait for it.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the server and waits until it has stopped, at most `timeout`.
    pub(crate) async fn stop(self, timeout: Duration, what: impl Display) {
        self.begin_stop();
        within(timeout, what, self.serving).await.expect("the server does not panic");
    }
}

/// Returns a listener on a free port.
pub(crate) fn listen() -> tokio::net::TcpListener {
    wirebench_server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

/// A client over HTTP/1.1 and no link.
pub(crate) fn client() -> HttpClient {
    HttpVariant::default().client()
}

/// Returns the default feed at an address.
pub(crate) fn target(address: SocketAddr) -> Target {
    let (authority, feed) = (address.to_string(), DEFAULT_FEED.to_owned());
    Target { authority, address, feed, tls: None, foreign: None, others: Vec::new() }
}

/// Publishes one JSON text.
pub(crate) fn publish(feed: &Feed, json: &str) -> Cursor {
    cursor(feed.publish(JsonPayload::from_json(json.as_bytes()).expect("a test publishes JSON")))
}

/// Returns the cursor of a message that was published to a feed in memory.
fn cursor(acknowledgement: Acknowledgement) -> Cursor {
    let answer = acknowledgement.at_once().expect("a feed in memory answers at once");
    answer.expect("a feed in memory takes what its owner publishes").cursor
}

/// Keeps the clock paused until it is dropped.
#[derive(Debug)]
pub(crate) struct PausedClock {
    _end: std::sync::mpsc::Sender<()>,
}

/// Pauses the clock of this runtime, which runs on one thread. From now on no deadline, no hold and
/// no pause ends, and neither do the timeouts of [`within`].
pub(crate) fn pause_clock() -> PausedClock {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    tokio::time::pause();
    // While a blocking task runs, a paused clock does not move by itself.
    tokio::task::spawn_blocking(move || ended.recv());
    PausedClock { _end: end }
}
