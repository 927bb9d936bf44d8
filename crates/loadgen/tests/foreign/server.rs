//! Small servers: each connection is served by the code of its test.

use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::frames::{self, CLOSE, FIN, TEXT, closing, frame};
use crate::support::http::header;
use crate::support::listen;

/// Starts a server. `serve` gets the number of each connection, from 0, and the connection.
pub(crate) fn start<F>(serve: impl Fn(usize, Peer) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = listen();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((socket, _)) = listener.accept().await else { return };
            let _ = socket.set_nodelay(true);
            tokio::spawn(serve(number, Peer { socket: BufReader::new(socket) }));
        }
    });
    address
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: BufReader<TcpStream>,
}

impl Peer {
    /// Returns the head of the next request. `None`: the client has gone.
    pub(crate) async fn request(&mut self) -> Option<Request> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if self.socket.read_until(b'\n', &mut head).await.ok()? == 0 {
                return None;
            }
        }
        Some(Request { head: String::from_utf8(head).unwrap(), at: SystemTime::now() })
    }

    /// Writes bytes as they are. A client may go away at any time.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes).await;
    }

    /// Writes text as it is.
    pub(crate) async fn say(&mut self, text: &str) {
        self.bytes(text.as_bytes()).await;
    }

    /// Answers a request. `fields` are whole lines.
    pub(crate) async fn answer(&mut self, status: &str, fields: &[&str], body: &str) {
        let fields = lines(fields);
        let length = body.len();
        self.say(&format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n{body}"))
            .await;
    }

    /// Begins an event stream.
    pub(crate) async fn stream(&mut self) {
        self.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    }

    /// Opens a WebSocket. `fields` are whole lines.
    pub(crate) async fn upgrade(&mut self, request: &Request, fields: &[&str]) {
        let key = request.header("sec-websocket-key").unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let fields = lines(fields);
        self.say(&format!(
            "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {accept}\r\n{fields}\r\n"
        ))
        .await;
    }

    /// Sends a message of text.
    pub(crate) async fn text(&mut self, text: &str) {
        self.bytes(&frame(FIN | TEXT, None, text.as_bytes())).await;
    }

    /// Returns the next message of the client. `None`: the client has gone.
    pub(crate) async fn next_text(&mut self) -> Option<String> {
        let frame = frames::read(&mut self.socket).await.ok()??;
        assert_eq!(frame.first, FIN | TEXT);
        Some(String::from_utf8(frame.payload).unwrap())
    }

    /// Closes the WebSocket.
    pub(crate) async fn close(mut self, code: u16) {
        self.bytes(&frame(FIN | CLOSE, None, &closing(code, b"so"))).await;
        self.gone().await;
    }

    /// Waits until the client goes.
    pub(crate) async fn gone(&mut self) {
        let mut rest = [0; 512];
        while matches!(self.socket.read(&mut rest).await, Ok(1..)) {}
    }
}

fn lines(fields: &[&str]) -> String {
    fields.iter().flat_map(|field| [*field, "\r\n"]).collect()
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    /// When it had arrived.
    pub(crate) at: SystemTime,
}

impl Request {
    /// Returns the path with its query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}
