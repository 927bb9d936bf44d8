//! What the tests over sockets share: a server, and a client that sends exactly what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wirebench_server::{Server, Transport};

use crate::raw;

/// The time limit for what should happen at once. Only a hang takes this long.
pub(crate) const TIME_LIMIT: Duration = Duration::from_mins(2);

/// These tests are compiled twice: for each of the two ways to serve HTTP/1.1.
pub(crate) const OVER_HYPER: bool =
    matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"sockets_over_hyper");

/// A server that serves.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Serving {
    pub(crate) async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server.clone();
        let task = tokio::spawn(async move {
            let stopped = async { _ = stopped.await };
            if OVER_HYPER {
                server.serve_app(listener, server.router(), stopped).await;
            } else {
                server.serve(listener, stopped).await;
            }
        });
        Self { address, stop: Some(stop), task }
    }

    /// Tells the server to stop. It goes on until its connections have ended.
    pub(crate) fn stop(&mut self) {
        self.stop = None;
    }

    pub(crate) async fn stopped(self) {
        within("the server's end", self.task).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> RawClient {
        RawClient::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Returns a client over HTTP/2, whose connection is driven by a task of its own.
    pub(crate) async fn connect_http2(&self) -> Http2Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut builder = hyper::client::conn::http2::Builder::new(Tasks);
        // The number of bytes that a stream accepts while nobody reads.
        builder.initial_stream_window_size(HTTP2_WINDOW);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Http2Client { sender, authority: self.address }
    }

    /// Returns a client whose socket accepts few bytes while nobody reads.
    pub(crate) async fn connect_with_a_small_buffer(&self) -> RawClient {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1024).unwrap();
        RawClient::new(socket.connect(self.address).await.unwrap())
    }
}

/// The number of bytes that a stream of [`Http2Client`] accepts while nobody reads.
pub(crate) const HTTP2_WINDOW: u32 = 1 << 16;

/// An HTTP/2 connection with any number of streams.
pub(crate) struct Http2Client {
    sender: hyper::client::conn::http2::SendRequest<Body>,
    authority: SocketAddr,
}

#[derive(Clone, Debug)]
struct Tasks;

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

impl Http2Client {
    /// Sends a request at once. The future returns the head of the answer.
    pub(crate) fn get(
        &mut self,
        path: &str,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.ask(Request::get(self.uri(path)).body(Body::empty()).unwrap())
    }

    /// Opens a WebSocket over a stream (RFC 8441).
    pub(crate) fn connect(
        &mut self,
        path: &str,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let request = Request::connect(self.uri(path))
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13");
        self.ask(request.body(Body::empty()).unwrap())
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    fn ask(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.sender.send_request(request)
    }
}

/// A connection over which a test sends literal bytes.
pub(crate) struct RawClient {
    stream: TcpStream,
    /// What was read and not returned yet.
    read: Vec<u8>,
}

impl RawClient {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // If the server has closed the connection, the reader finds out.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await;
    }

    /// Subscribes to the feed `bench`, and reads the head of the answer.
    pub(crate) async fn subscribe(&mut self, transport: Transport) {
        self.open(transport, &raw::address(transport, "bench", "")).await;
        if let Some(text) = raw::first_text(transport, "bench") {
            self.frame(0x81, text.as_bytes()).await;
            self.until("hello").await;
        }
    }

    /// Subscribes after a cursor or from `start`, perhaps under a name, and reads the head of the
    /// answer. Over Socket.IO the hello has not been read yet, nor the refusal.
    pub(crate) async fn subscribe_as(
        &mut self,
        transport: Transport,
        after: &str,
        name: Option<&str>,
    ) -> String {
        let name_of = name.map(|name| format!("&as={name}")).unwrap_or_default();
        let query = format!("after={after}{name_of}");
        let head = self.open(transport, &raw::address(transport, "bench", &query)).await;
        if let Some(text) = raw::first_text(transport, "bench") {
            let auth = match name {
                Some(name) => serde_json::json!({"after": after, "as": name}),
                None => serde_json::json!({"after": after}),
            };
            self.frame(0x81, format!("{text}{auth}").as_bytes()).await;
        }
        head
    }

    /// Opens a WebSocket at a path, and reads the head of the answer.
    pub(crate) async fn upgrade(&mut self, path: &str) {
        self.open(Transport::WebSocket, path).await;
    }

    /// Sends the first request of a subscription, and reads the head of the answer.
    pub(crate) async fn open(&mut self, transport: Transport, path: &str) -> String {
        let headers = raw::upgrade_headers(transport).iter();
        let lines: Vec<_> = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.get(path, &lines.concat()).await;
        self.until("\r\n\r\n").await
    }

    /// Sends a masked frame. Its mask is zero.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.send(frame).await;
    }

    /// Reads up to and including `end`. Panics if the connection ends first.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut looked_at: usize = 0;
        let place = within(end, async {
            loop {
                let from = looked_at.saturating_sub(end.len());
                let found =
                    self.read[from..].windows(end.len()).position(|at| at == end.as_bytes());
                if let Some(place) = found {
                    break from + place + end.len();
                }
                looked_at = self.read.len();
                let read = self.stream.read_buf(&mut self.read).await;
                let so_far = String::from_utf8_lossy(&self.read);
                assert!(!matches!(read, Ok(0) | Err(_)), "{read:?} before {end:?}: {so_far:?}");
            }
        })
        .await;
        let rest = self.read.split_off(place);
        String::from_utf8_lossy(&std::mem::replace(&mut self.read, rest)).into_owned()
    }

    /// Reads up to the end of the connection, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let Self { stream, read } = self;
        let _ = within("the end of the connection", stream.read_to_end(read)).await;
        std::mem::take(read)
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(TIME_LIMIT, future).await;
    result.unwrap_or_else(|_| panic!("{what}: not within {TIME_LIMIT:?}"))
}

/// Waits until a condition holds that nothing announces.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Returns the value of a metric; 0 if it was never counted.
pub(crate) fn metric(server: &Server, name: &str) -> u64 {
    let text = server.metrics_text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}
