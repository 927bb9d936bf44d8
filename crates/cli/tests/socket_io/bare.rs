//! Engine.IO in bare requests and frames: a session that polls, and one over a WebSocket.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{self, Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::server::JudgedServer;

/// How long anything that a server has to do may take.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// Separates two packets in a payload.
pub(crate) const SEPARATOR: char = '\u{1e}';

/// Awaits something that the server has to do. Panics if it does not come.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(WAIT, future).await.unwrap_or_else(|_| panic!("{what}: nothing within {WAIT:?}"))
}

/// The status and the body of an answer.
pub(crate) type Answer = (u16, String);

impl JudgedServer {
    /// Makes a request with this query.
    pub(crate) async fn request(&self, method: Method, query: &str, body: &str) -> Answer {
        let url = format!("{}/socket.io/?{query}", self.url());
        let request = self.http.request(method, url).body(body.to_owned());
        within(query, async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
        .await
    }

    pub(crate) async fn get(&self, query: &str) -> Answer {
        self.request(Method::GET, query, "").await
    }

    /// Publishes to a feed. Returns the cursor of the message.
    pub(crate) async fn publish(&self, namespace: &str, payload: &str) -> String {
        let url = format!("{}{namespace}/messages", self.url());
        let request = self.http.post(url).body(payload.to_owned());
        let answer: Value =
            within("publishing", async { request.send().await.unwrap().json().await.unwrap() })
                .await;
        answer["cursor"].as_str().unwrap().to_owned()
    }

    /// Opens a session over requests.
    pub(crate) async fn open_polling(&self) -> PollingSession<'_> {
        let (status, body) = self.get("EIO=4&transport=polling").await;
        assert_eq!(status, 200, "{body}");
        let handshake = handshake(&body);
        let sid = handshake["sid"].as_str().unwrap().to_owned();
        PollingSession { server: self, handshake, sid }
    }

    /// Opens a session over a WebSocket.
    pub(crate) async fn open_websocket(&self) -> SocketSession {
        let mut socket = self.websocket("EIO=4&transport=websocket").await.unwrap();
        let open = socket.text().await;
        socket.handshake = handshake(&open);
        socket
    }

    /// Opens a WebSocket with this query. An answer that refuses it is an error.
    pub(crate) async fn websocket(&self, query: &str) -> Result<SocketSession, StatusCode> {
        let address = self.url().strip_prefix("http://").unwrap();
        let url = format!("ws://{address}/socket.io/?{query}");
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        match within("a handshake", client_async(url, stream)).await {
            Ok((stream, _)) => Ok(SocketSession { stream, handshake: Value::Null }),
            Err(tungstenite::Error::Http(answer)) => {
                Err(StatusCode::from_u16(answer.status().as_u16()).unwrap())
            }
            Err(error) => panic!("no WebSocket with `{query}`: {error}"),
        }
    }

    /// Opens a session over a WebSocket and connects it to a namespace, which greets it.
    pub(crate) async fn connect(&self, namespace: &str) -> SocketSession {
        let mut socket = self.open_websocket().await;
        socket.join(namespace).await;
        socket
    }
}

/// Returns what an `open` packet says.
fn handshake(packet: &str) -> Value {
    let json = packet.strip_prefix('0').unwrap_or_else(|| panic!("no open packet: {packet}"));
    serde_json::from_str(json).unwrap()
}

/// A session over requests.
#[derive(Debug)]
pub(crate) struct PollingSession<'a> {
    server: &'a JudgedServer,
    pub(crate) handshake: Value,
    pub(crate) sid: String,
}

impl PollingSession<'_> {
    /// Asks for packets.
    pub(crate) async fn get(&self) -> Answer {
        self.server.get(&self.query("polling")).await
    }

    /// Sends packets.
    pub(crate) async fn post(&self, packets: &str) -> Answer {
        self.server.request(Method::POST, &self.query("polling"), packets).await
    }

    /// Opens a WebSocket for this session.
    pub(crate) async fn websocket(&self) -> Result<SocketSession, StatusCode> {
        self.server.websocket(&self.query("websocket")).await
    }

    /// Opens a WebSocket for this session, and probes it.
    pub(crate) async fn probe(&self) -> SocketSession {
        let mut socket = self.websocket().await.unwrap();
        socket.send("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        socket
    }

    /// Connects to a namespace, and takes its greeting.
    pub(crate) async fn join(&self, namespace: &str) {
        assert_eq!(self.post(&format!("40{namespace},")).await, (200, "ok".to_owned()));
        let mut packets = Vec::new();
        // The greeting may come with the answer or after it.
        while packets.len() < 2 {
            let (status, payload) = self.get().await;
            assert_eq!(status, 200, "{payload}");
            packets.extend(payload.split(SEPARATOR).map(str::to_owned));
        }
        assert!(packets[0].starts_with(&format!("40{namespace},{{")), "{packets:?}");
        assert!(packets[1].starts_with(&format!("42{namespace},[\"hello\",")), "{packets:?}");
        assert_eq!(packets.len(), 2, "{packets:?}");
    }

    fn query(&self, transport: &str) -> String {
        format!("EIO=4&transport={transport}&sid={}", self.sid)
    }
}

/// A WebSocket of a session.
#[derive(Debug)]
pub(crate) struct SocketSession {
    stream: WebSocketStream<TcpStream>,
    /// What the `open` packet said. Null if it came over another transport.
    pub(crate) handshake: Value,
}

impl SocketSession {
    pub(crate) async fn send(&mut self, packet: &str) {
        self.try_send(Message::text(packet)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, data: &[u8]) {
        self.try_send(Message::binary(data.to_vec())).await.unwrap();
    }

    /// Sends a message to a server that may already have ended the connection.
    pub(crate) async fn try_send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        within("room for a message", self.stream.send(message)).await
    }

    /// Returns the next packet, which has to be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("not a packet in text: {other:?}"),
        }
    }

    /// Returns the next message, which has to be binary.
    pub(crate) async fn binary(&mut self) -> Bytes {
        match self.message().await {
            Some(Message::Binary(data)) => data,
            other => panic!("not binary: {other:?}"),
        }
    }

    /// Waits until the server ends the connection. Returns the packets that come before, without
    /// the packet `close` at their end, which a server need not send.
    pub(crate) async fn closed(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        while let Some(message) = self.message().await {
            packets.push(message.into_text().unwrap().as_str().to_owned());
        }
        packets.pop_if(|last| last == "1");
        packets
    }

    /// Connects to a namespace, and takes its greeting.
    pub(crate) async fn join(&mut self, namespace: &str) {
        self.send(&format!("40{namespace},")).await;
        let connected = self.text().await;
        assert!(connected.starts_with(&format!("40{namespace},{{")), "{connected}");
        let hello = self.text().await;
        assert!(hello.starts_with(&format!("42{namespace},[\"hello\",")), "{hello}");
    }

    /// Returns the next message, or `None` at the end of the connection, with a Close frame or
    /// without one.
    async fn message(&mut self) -> Option<Message> {
        within("a message of the WebSocket", async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(message)) => return Some(message),
                }
            }
        })
        .await
    }
}
