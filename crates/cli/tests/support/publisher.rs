//! Publishers that remember what they have sent and what was acknowledged.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses another part")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::within;

/// The number of messages that a publisher over a WebSocket sends before the first of them is
/// acknowledged.
const PIPELINE: usize = 4;

/// How messages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Post,
    WebSocket,
}

/// A message that a publisher has sent, by its number.
type Number = usize;

/// A publisher. With keys, it repeats a message until it is acknowledged. Without, it sends each
/// message once.
pub(crate) struct Publisher {
    name: String,
    way: Way,
    has_keys: bool,
    /// How long it waits after each answer while it publishes until the server is gone.
    pause: Duration,
    client: reqwest::Client,
    /// The number of messages that were sent.
    sent: Number,
    /// The messages that were sent and not answered, in their order.
    unanswered: VecDeque<Number>,
    /// What was acknowledged: the cursor of each message.
    pub(crate) acknowledged: BTreeMap<Number, String>,
    /// The messages that were refused because the database did not take them, and how often.
    pub(crate) refused: usize,
}

/// An answer to a publisher, over whichever way.
enum Answer {
    Acknowledged(String),
    /// `503`.
    Refused,
}

impl Publisher {
    pub(crate) fn new(name: &str, way: Way, has_keys: bool) -> Self {
        let (client, name) = (reqwest::Client::new(), name.to_owned());
        let (unanswered, acknowledged) = (VecDeque::new(), BTreeMap::new());
        let (sent, refused, pause) = (0, 0, Duration::ZERO);
        Self { name, way, has_keys, pause, client, sent, unanswered, acknowledged, refused }
    }

    /// Returns the publisher with this pause after each answer.
    pub(crate) fn paced(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Returns publishers of every kind, whose names begin in this way.
    pub(crate) fn of_every_kind(prefix: &str) -> Vec<Self> {
        let mut publishers = Vec::new();
        for (way, name) in [(Way::Post, "post"), (Way::WebSocket, "websocket")] {
            for (has_keys, kind) in [(true, "keys"), (false, "no-keys")] {
                for number in 0..2 {
                    publishers.push(Self::new(
                        &format!("{prefix}{name}.{kind}.{number}"),
                        way,
                        has_keys,
                    ));
                }
            }
        }
        publishers
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.has_keys
    }

    pub(crate) fn sent(&self) -> Number {
        self.sent
    }

    /// Returns the payload of a message, which is also its key.
    pub(crate) fn payload(&self, number: Number) -> String {
        format!("{}-{number}", self.name)
    }

    /// Publishes to a server until it is gone. Adds a permit for each acknowledgement.
    pub(crate) async fn publish_until_gone(&mut self, url: &str, acknowledged: &Semaphore) {
        self.begin();
        match self.way {
            Way::Post => {
                while self.post(url, acknowledged).await.is_some() {
                    tokio::time::sleep(self.pause).await;
                }
            }
            Way::WebSocket => {
                let Some(mut socket) = open(url).await else { return };
                while self.exchange(&mut socket, acknowledged).await.is_some() {
                    tokio::time::sleep(self.pause).await;
                }
            }
        }
    }

    /// Publishes until this many messages more are acknowledged, and nothing is unanswered.
    pub(crate) async fn publish(&mut self, url: &str, count: usize) {
        self.begin();
        let (goal, acknowledged) = (self.acknowledged.len() + count, Semaphore::new(0));
        let mut socket = match self.way {
            Way::Post => None,
            Way::WebSocket => Some(open(url).await.unwrap()),
        };
        while self.acknowledged.len() < goal || !self.unanswered.is_empty() {
            match &mut socket {
                None => self.post(url, &acknowledged).await.unwrap(),
                Some(socket) if self.acknowledged.len() < goal => {
                    self.exchange(socket, &acknowledged).await.unwrap();
                }
                Some(socket) => self.receive(socket, &acknowledged).await.unwrap(),
            }
        }
    }

    /// Publishes by single requests until one is refused.
    pub(crate) async fn publish_until_refused(&mut self, url: &str) {
        self.begin();
        let (before, acknowledged) = (self.refused, Semaphore::new(0));
        while self.refused == before {
            self.post(url, &acknowledged).await.unwrap();
        }
    }

    /// Forgets what must not be sent again.
    fn begin(&mut self) {
        if !self.has_keys {
            self.unanswered.clear();
        }
    }

    /// Sends one message and waits for the answer. Returns `None` if the server is gone.
    async fn post(&mut self, url: &str, acknowledged: &Semaphore) -> Option<()> {
        if self.unanswered.is_empty() {
            self.next_message();
        }
        let payload = self.payload(*self.unanswered.front()?);
        let mut request = self.client.post(format!("{url}/feeds/bench/messages"));
        if self.has_keys {
            request = request.header("idempotency-key", &payload);
        }
        let answer = within("a POST", request.json(&json!(payload)).send()).await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let answer: Value = within("its answer", answer.json()).await.ok()?;
        if status == 503 {
            assert!(headers.contains_key("retry-after"), "{answer}");
            self.answered(&refusal(&answer), acknowledged);
        } else {
            assert!(matches!(status, 200 | 201), "{status}: {answer}");
            self.answered(&acknowledgement(&answer), acknowledged);
        }
        Some(())
    }

    /// Sends messages until enough are unanswered, and waits for one answer. Returns `None` if the
    /// server is gone.
    async fn exchange(&mut self, socket: &mut Socket, acknowledged: &Semaphore) -> Option<()> {
        let mut sent = socket.under_way;
        while sent < PIPELINE {
            if sent == self.unanswered.len() {
                self.next_message();
            }
            let payload = self.payload(self.unanswered[sent]);
            let request = if self.has_keys {
                json!({"publish": payload, "key": payload})
            } else {
                json!({"publish": payload})
            };
            let message = Message::text(request.to_string());
            within("a request", socket.stream.send(message)).await.ok()?;
            sent += 1;
            socket.under_way = sent;
        }
        self.receive(socket, acknowledged).await
    }

    /// Waits for one answer. Returns `None` if the server is gone.
    async fn receive(&mut self, socket: &mut Socket, acknowledged: &Semaphore) -> Option<()> {
        loop {
            let message = within("an answer", socket.stream.next()).await?.ok()?;
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            let answer = match (frame.get("published"), frame.get("error")) {
                (Some(published), _) => acknowledgement(published),
                (None, Some(_)) => refusal(&frame),
                // A message of the feed.
                (None, None) => continue,
            };
            socket.under_way -= 1;
            self.answered(&answer, acknowledged);
            return Some(());
        }
    }

    fn next_message(&mut self) {
        self.unanswered.push_back(self.sent);
        self.sent += 1;
    }

    /// Takes the answer to the first message that was not answered.
    fn answered(&mut self, answer: &Answer, acknowledged: &Semaphore) {
        let number = self.unanswered.pop_front().unwrap();
        match answer {
            Answer::Acknowledged(cursor) => {
                let before = self.acknowledged.insert(number, cursor.clone());
                assert_eq!(before, None, "{} was acknowledged twice", self.payload(number));
                acknowledged.add_permits(1);
            }
            Answer::Refused => {
                self.refused += 1;
                if self.has_keys {
                    self.unanswered.push_back(number);
                }
            }
        }
    }
}

fn acknowledgement(published: &Value) -> Answer {
    Answer::Acknowledged(published["cursor"].as_str().unwrap().to_owned())
}

/// Reads a refusal, which must say why.
fn refusal(answer: &Value) -> Answer {
    assert!(answer["error"].as_str().unwrap().starts_with("cannot append"), "{answer}");
    assert!(answer["hint"].as_str().unwrap().contains("try again"), "{answer}");
    assert!(answer.get("status").is_none_or(|status| status == 503), "{answer}");
    Answer::Refused
}

/// A socket, and the number of messages that were sent over it and not answered.
struct Socket {
    stream: WebSocketStream<TcpStream>,
    under_way: usize,
}

/// Opens a socket. Returns `None` if the server is gone.
async fn open(url: &str) -> Option<Socket> {
    let host = url.strip_prefix("http://").unwrap();
    let stream = within("to connect", TcpStream::connect(host)).await.ok()?;
    let address = format!("ws://{host}/feeds/bench/websocket");
    let opened = within("a handshake", tokio_tungstenite::client_async(address, stream)).await;
    Some(Socket { stream: opened.ok()?.0, under_way: 0 })
}
