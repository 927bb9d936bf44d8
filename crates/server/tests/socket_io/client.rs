//! A server in memory, and clients that send exactly the packets that they are told.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;
use wirebench_server::{Feed, JsonPayload, Limits, Server};

/// The time limit for what should happen at once. Only a hang takes this long.
const TIME_LIMIT: Duration = Duration::from_mins(10);

/// The namespace of the feed `bench`.
pub(crate) const NAMESPACE: &str = "/feeds/bench";

/// Returns the answer to a request of a session that the server does not have, after which clients
/// come back. The packet `close` is the end for some of them.
pub(crate) fn unknown_session() -> (StatusCode, String) {
    let body = "{\"code\":1,\"message\":\"Session ID unknown\",\"hint\":\"the session has ended, or another \
                server has it: a proxy in front of several servers needs sticky sessions, unless clients \
                use a WebSocket only\"}";
    (StatusCode::BAD_REQUEST, body.to_owned())
}

/// A server with one feed, `bench`, and the routes of the server.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) feed: Feed,
    router: Router,
}

impl TestServer {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::of(Feed::new(100), |server| server.with_limits(limits))
    }

    pub(crate) fn of(feed: Feed, set_up: impl FnOnce(Server) -> Server) -> Self {
        let server = set_up(Server::new([("bench".to_owned(), feed.clone())]));
        let router = server.router();
        Self { server, feed, router }
    }

    pub(crate) fn publish(&self, payload: &str) {
        self.feed.publish(JsonPayload::from_json(payload.as_bytes()).unwrap());
    }

    /// Sends a request, and returns the status and the body of the answer.
    pub(crate) async fn ask(&self, method: &str, query: &str, body: &str) -> (StatusCode, String) {
        let uri = format!("/socket.io/?{query}");
        let request = Request::builder().method(method).uri(uri);
        read(self.answer(request.body(Body::from(body.to_owned())).unwrap()).await).await
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        within(self.router.clone().oneshot(request)).await.unwrap()
    }

    /// Opens a session that polls.
    pub(crate) async fn open_polling(&self) -> Polling<'_> {
        self.open_polling_with("").await
    }

    /// Opens a session that polls, with more in the query of its first request.
    pub(crate) async fn open_polling_with(&self, query: &str) -> Polling<'_> {
        let query = format!("EIO=4&transport=polling{query}");
        let (status, body) = self.ask("GET", &query, "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let open: Value = serde_json::from_str(body.strip_prefix('0').unwrap()).unwrap();
        Polling {
            server: self,
            id: open["sid"].as_str().unwrap().to_owned(),
            open,
            received: VecDeque::new(),
        }
    }

    /// Opens a WebSocket; its session is a new one, or the one with this id.
    pub(crate) async fn open_websocket(&self, id: Option<&str>) -> WebSocket {
        let id = id.map(|id| format!("&sid={id}")).unwrap_or_default();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(theirs), service)
            .with_upgrades();
        tokio::spawn(connection);
        let address = format!("ws://localhost/socket.io/?EIO=4&transport=websocket{id}");
        let (stream, _) = within(client_async(address, ours)).await.unwrap();
        WebSocket { stream, received: VecDeque::new() }
    }
}

pub(crate) async fn read(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Returns the value of a metric; 0 if it was never counted.
pub(crate) fn metric(server: &TestServer, name: &str) -> u64 {
    let text = server.server.metrics_text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Waits until a metric has this value.
pub(crate) async fn until_metric(server: &TestServer, name: &str, value: u64) {
    within(async {
        while metric(server, name) != value {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(TIME_LIMIT, future).await.expect("this should happen at once")
}

/// Either of two ways to exchange packets.
pub(crate) trait Session {
    async fn send(&mut self, packet: &str);

    /// Waits for further packets, and adds them to those that were received.
    async fn receive(&mut self);

    /// The packets that were received and not returned yet.
    fn received(&mut self) -> &mut VecDeque<String>;

    /// Returns the next packet.
    async fn packet(&mut self) -> String {
        loop {
            if let Some(packet) = self.received().pop_front() {
                return packet;
            }
            self.receive().await;
        }
    }

    /// Connects to the namespace of the feed. Returns the argument of the hello.
    async fn connect(&mut self, auth: &str) -> Value {
        self.send(&format!("40{NAMESPACE},{auth}")).await;
        let connected = self.packet().await;
        assert!(connected.starts_with(&format!("40{NAMESPACE},{{\"sid\":")), "{connected}");
        let (name, hello) = event(&self.packet().await);
        assert_eq!(name, "hello");
        hello
    }

    /// Returns the payload of the next message, which is the next packet.
    async fn message(&mut self) -> Value {
        let (name, mut message) = event(&self.packet().await);
        assert_eq!(name, "message", "{message}");
        message["payload"].take()
    }

    /// Returns the payloads of the next `count` messages.
    async fn messages(&mut self, count: usize) -> Vec<Value> {
        let mut payloads = Vec::new();
        for _ in 0..count {
            payloads.push(self.message().await);
        }
        payloads
    }
}

/// Returns the name and the only argument of an event in the namespace of the feed.
pub(crate) fn event(packet: &str) -> (String, Value) {
    let data = packet.strip_prefix(&format!("42{NAMESPACE},"));
    let data = data.unwrap_or_else(|| panic!("no event of the feed: {packet:?}"));
    serde_json::from_str(data).unwrap()
}

/// A session that polls.
pub(crate) struct Polling<'a> {
    server: &'a TestServer,
    pub(crate) id: String,
    /// The packet `open`.
    pub(crate) open: Value,
    received: VecDeque<String>,
}

impl Polling<'_> {
    pub(crate) async fn ask(&self, method: &str, body: &str) -> (StatusCode, String) {
        let query = format!("EIO=4&transport=polling&sid={}", self.id);
        self.server.ask(method, &query, body).await
    }
}

impl Session for Polling<'_> {
    async fn send(&mut self, packet: &str) {
        assert_eq!(self.ask("POST", packet).await, (StatusCode::OK, "ok".to_owned()));
    }

    async fn receive(&mut self) {
        let (status, body) = self.ask("GET", "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        self.received.extend(body.split('\x1e').map(str::to_owned));
    }

    fn received(&mut self) -> &mut VecDeque<String> {
        &mut self.received
    }
}

/// A session over a WebSocket.
pub(crate) struct WebSocket {
    pub(crate) stream: WebSocketStream<DuplexStream>,
    received: VecDeque<String>,
}

impl WebSocket {
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        within(self.stream.next()).await
    }
}

impl Session for WebSocket {
    async fn send(&mut self, packet: &str) {
        within(self.stream.send(Message::text(packet))).await.unwrap();
    }

    async fn receive(&mut self) {
        let message = self.next().await.unwrap().unwrap();
        self.received.push_back(message.into_text().unwrap().to_string());
    }

    fn received(&mut self) -> &mut VecDeque<String> {
        &mut self.received
    }
}
