//! A server with the demos, and a client that counts every byte.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]
#![expect(dead_code, reason = "each test program uses a part of this module")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wirebench_demos::{ControlAccess, Demos};
use wirebench_server::{Feed, HttpStack, JsonPayload, Server, listen};

/// How long a test waits for anything. Nothing takes this long, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// A running server, with a feed `quiet` that only the test publishes to.
pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    pub(crate) demos: Demos,
    pub(crate) quiet: Feed,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningServer {
    pub(crate) fn start() -> Self {
        let demos = Demos::new(ControlAccess::Loopback);
        let quiet = Feed::new(1_000);
        let feeds = demos.feeds().chain([("quiet".to_owned(), quiet.clone())]);
        // As `wirebench serve` does.
        let server = Server::new(feeds).with_layer(demos.layer()).with_http_stack(HttpStack::Own);
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (demos, stop) = (demos.clone(), stop.clone());
            async move {
                let app = demos.app(&server);
                tokio::select! {
                    () = server.serve_app(listener, app, stop.cancelled()) => {}
                    () = demos.run() => {}
                }
            }
        });
        Self { address, demos, quiet, stop, task }
    }

    pub(crate) fn publish(&self, json: &str) {
        self.quiet.publish(JsonPayload::from_json(json.as_bytes()).unwrap());
    }

    pub(crate) async fn connect(&self) -> TestClient {
        TestClient::connect(self.address).await
    }

    /// Sends a `GET` over a connection of its own, and returns the JSON of the response. Panics if
    /// the status is not 200.
    pub(crate) async fn ask(&self, path: &str) -> Value {
        let answer = self.connect().await.send("GET", path, "").await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Sends a request over a connection of its own.
    pub(crate) async fn change(&self, method: &str, path: &str, body: &str) -> Answer {
        self.connect().await.send(method, path, body).await.unwrap()
    }

    /// Sends a `GET` until the response is as expected: bytes are counted a moment after they were
    /// sent.
    pub(crate) async fn expect(&self, path: &str, pick: impl Fn(&Value) -> Value, expected: Value) {
        let mut found = Value::Null;
        let asking = async {
            while found != expected {
                found = pick(&self.ask(path).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(DEADLINE, asking).await;
        assert!(in_time.is_ok(), "{path}: expected {expected}, found {found}");
    }

    /// Stops the server as a signal would. Panics if open connections delay it.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(4), self.task).await.expect("the server stops").unwrap();
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A client with one connection.
pub(crate) struct TestClient {
    pub(crate) stream: BufReader<Counting>,
}

impl TestClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: BufReader::new(Counting::connect(address).await) }
    }

    /// Returns the bytes that were sent and received so far.
    pub(crate) fn crossed(&self) -> (u64, u64) {
        self.stream.get_ref().crossed.get()
    }

    pub(crate) async fn begin(&mut self, method: &str, path: &str, body: &str) {
        // As a browser does: a `GET` has no body, and says nothing of one.
        let length = match method {
            "GET" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}");
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// Reads the head of a response: its status and its `Content-Length`.
    pub(crate) async fn head(&mut self) -> std::io::Result<(u16, Option<usize>)> {
        let (mut status, mut length) = (None, None);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status.unwrap(), length));
            } else if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = Some(rest[..3].parse().unwrap());
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = Some(rest.parse().unwrap());
            }
        }
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> std::io::Result<Answer> {
        self.begin(method, path, body).await;
        let (status, length) = timeout(DEADLINE, self.head()).await.expect("a response in time")?;
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        Ok(Answer { status, body: String::from_utf8(body).unwrap() })
    }

    /// Reads a stream up to this text, and returns what was read.
    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        let reading = async {
            while !text.ends_with(end.as_bytes()) {
                text.push(self.stream.read_u8().await.unwrap());
            }
        };
        let in_time = timeout(DEADLINE, reading).await;
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(in_time.is_ok(), "expected `{end}`, found `{text}`");
        text
    }

    /// Waits until the connection ends. Panics if another byte arrives first.
    pub(crate) async fn end(&mut self) {
        let read = timeout(DEADLINE, self.stream.read_u8()).await.expect("an end in time");
        assert!(read.is_err(), "expected the end, found byte {read:?}");
    }
}

/// The bytes that crossed a socket: sent and received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crossed(Arc<[AtomicU64; 2]>);

impl Crossed {
    pub(crate) fn get(&self) -> (u64, u64) {
        let [sent, received] = &*self.0;
        (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed))
    }
}

/// A socket that counts its bytes.
pub(crate) struct Counting {
    stream: TcpStream,
    pub(crate) crossed: Crossed,
}

impl Counting {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, crossed: Crossed::default() }
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.crossed.0[1].fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.crossed.0[0].fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
