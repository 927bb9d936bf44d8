//! The publisher over the target's own WebSocket, against a small server that takes texts.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wirebench_loadgen::CountedMessages;
use wirebench_protocol::control::{CountWindow, Pace, Payload, Publisher};
use wirebench_protocol::{Epoch, Timestamp};
use wirebench_scenario::TargetFile;
use wirebench_target::TargetServer;

/// Upper bound of every wait. It is reached only if something hangs.
const DEADLINE: Duration = Duration::from_mins(5);

/// What the server says to a text that publishes, and whether it closes the connection then.
#[derive(Clone, Copy, Debug)]
struct Reaction {
    says: &'static str,
    closes: bool,
}

const ACCEPTS: Reaction = Reaction { says: "+OK\r\n", closes: false };

/// A server with a handshake like that of NATS.
struct SmallServer {
    port: u16,
    connections: Arc<AtomicUsize>,
    /// The texts that publish.
    seen: Arc<Mutex<Vec<String>>>,
    /// How many heartbeats were answered.
    pongs: Arc<AtomicUsize>,
}

impl SmallServer {
    /// `react` gets the number of the text, from 0.
    async fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server =
            Self { port, connections: Arc::default(), seen: Arc::default(), pongs: Arc::default() };
        let (connections, seen) = (Arc::clone(&server.connections), Arc::clone(&server.seen));
        let pongs = Arc::clone(&server.pongs);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                // One publisher has one connection at a time.
                serve(socket, &react, &seen, &pongs).await;
            }
        });
        server
    }

    /// Returns a target whose messages go to this server.
    fn target(&self, more: &str) -> Arc<TargetFile> {
        let port = self.port;
        let text = format!(
            r#"
            sse.url = "http://127.0.0.1:{port}/sse"
            [publish]
            url = "ws://127.0.0.1:{port}/"
            split = "lines"
            handshake = [
                {{ expect = "INFO *" }},
                {{ send = "CONNECT {{env:CARGO_PKG_NAME}}" }},
                {{ expect = "ID {{id}}" }},
            ]
            ping = "PING"
            pong = "PONG"
            body = "PUB {{id}} {{payload_bytes}} {{payload}}"
            {more}
            "#
        );
        let file = TargetFile::parse("small.toml", &text, Path::new(""));
        Arc::new(file.unwrap_or_else(|error| panic!("{error}\n{text}")))
    }
}

async fn serve(
    socket: TcpStream,
    react: &impl Fn(usize) -> Reaction,
    seen: &Mutex<Vec<String>>,
    pongs: &AtomicUsize,
) -> Option<()> {
    let mut socket = tokio_tungstenite::accept_async(socket).await.ok()?;
    send(&mut socket, "INFO {}\r\n").await?;
    assert_eq!(next(&mut socket).await?, format!("CONNECT {}", env!("CARGO_PKG_NAME")));
    send(&mut socket, "PING\r\nID x7\r\n").await?;
    loop {
        let text = next(&mut socket).await?;
        if text == "PONG" {
            pongs.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let number = seen.lock().len();
        seen.lock().push(text);
        let Reaction { says, closes } = react(number);
        send(&mut socket, says).await?;
        if closes {
            return socket.close(None).await.ok();
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, text: &str) -> Option<()> {
    socket.send(Message::text(text)).await.ok()
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Option<String> {
    match socket.next().await?.ok()? {
        Message::Text(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn plan(rate: f64) -> Publisher {
    Publisher {
        rate,
        pace: Pace::Exact,
        payload: Payload::Bytes(20),
        seed: 1,
        timers: 1,
        until_acknowledged: false,
    }
}

/// Publishes to a target until it is enough. Returns what was counted.
async fn publish(
    target: Arc<TargetFile>,
    rate: f64,
    enough: impl Fn(&CountedMessages) -> bool,
) -> CountedMessages {
    let server = TargetServer::start(target, Epoch(0xab)).await.unwrap();
    let control = server.control();
    let from_ns = Timestamp::now();
    control.count(CountWindow { from_ns, to_ns: from_ns + DEADLINE }).await.unwrap();
    control.start_publisher(&plan(rate)).await.unwrap();
    let waiting = async {
        while !enough(&control.counted().await.unwrap()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("the publisher goes on");
    control.stop_publisher().await.unwrap();
    control.counted().await.unwrap()
}

fn published(counted: &CountedMessages) -> u64 {
    counted.window.feed.published
}

/// Returns the accepted and the refused messages.
fn outcomes(counted: &CountedMessages) -> (u64, u64) {
    let publishing = counted.publishing.as_ref().unwrap();
    (publishing.accepted.len(), publishing.refused)
}

/// Returns the number in each text, and checks the rest of it.
fn numbers(server: &SmallServer) -> Vec<u64> {
    let number = |text: &String| {
        let (size, json) = text.strip_prefix("PUB x7 ").unwrap().split_once(' ').unwrap();
        assert_eq!(size, json.len().to_string());
        serde_json::from_str::<Value>(json).unwrap()["seq"].as_u64().unwrap()
    };
    server.seen.lock().iter().map(number).collect()
}

#[tokio::test]
async fn each_message_waits_until_the_one_before_is_accepted() {
    let server = SmallServer::start(|_| ACCEPTS).await;
    let target = server.target("accepted = '+OK'\nrefused = '-ERR*'");
    let counted = publish(target, 500.0, |counted| published(counted) >= 20).await;
    let count = published(&counted);
    assert_eq!(numbers(&server), (1..=count).collect::<Vec<_>>());
    assert_eq!(outcomes(&counted), (count, 0));
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    assert_eq!(server.pongs.load(Ordering::Relaxed), 1, "that of the handshake");
}

#[tokio::test]
async fn a_refused_number_is_used_again_and_one_without_an_answer_is_not() {
    let server = SmallServer::start(|number| match number {
        3 | 4 => Reaction { says: "+INFO\r\n-ERR 'no'\r\n", closes: false },
        8 => Reaction { says: "+INFO\r\n", closes: true },
        _ => ACCEPTS,
    })
    .await;
    let target = server.target("accepted = '+OK'\nrefused = '-ERR*'");
    let counted = publish(target, 500.0, |counted| published(counted) >= 12).await;
    let numbers = numbers(&server);
    assert_eq!(numbers[..12], [1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10]);
    let sent = numbers.len() as u64;
    assert_eq!(outcomes(&counted), (sent - 3, 2), "one was not answered");
    assert_eq!(published(&counted), sent - 2);
    assert_eq!(server.connections.load(Ordering::Relaxed), 2, "it was opened again");
}

#[tokio::test]
async fn without_an_answer_a_message_is_accepted_once_it_is_written() {
    let server = SmallServer::start(|_| Reaction { says: "hello\r\n", closes: false }).await;
    let counted = publish(server.target(""), 500.0, |counted| published(counted) >= 20).await;
    assert_eq!(outcomes(&counted), (published(&counted), 0));
    let waiting = async {
        while (server.seen.lock().len() as u64) < published(&counted) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("everything that was written arrives");
    assert_eq!(numbers(&server), (1..=published(&counted)).collect::<Vec<_>>());
}

#[tokio::test]
async fn heartbeats_between_two_messages_are_answered() {
    let server = SmallServer::start(|_| Reaction { says: "+OK\r\nPING\r\n", closes: false }).await;
    let running =
        TargetServer::start(server.target("accepted = '+OK'"), Epoch(0xab)).await.unwrap();
    let control = running.control();
    // The message after the first is due long after the deadline.
    control.start_publisher(&plan(0.001)).await.unwrap();
    let waiting = async {
        while server.pongs.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("an answer");
    control.stop_publisher().await.unwrap();
    assert_eq!(numbers(&server), [1]);
}

#[tokio::test]
async fn a_socket_that_the_server_closes_is_opened_again() {
    let server = SmallServer::start(|number| Reaction { closes: number == 1, ..ACCEPTS }).await;
    let target = server.target("accepted = '+OK'");
    let counted = publish(target, 20.0, |counted| outcomes(counted).0 >= 4).await;
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
    assert_eq!(outcomes(&counted).1, 0, "a message that finds the socket closed is not refused");
    assert!(numbers(&server).is_sorted_by(|one, two| one < two), "{:?}", numbers(&server));
}

/// Returns the error of a publisher whose first message is not accepted.
async fn error_of_first(target: Arc<TargetFile>) -> String {
    let server = TargetServer::start(target, Epoch(0xab)).await.unwrap();
    let error = server.control().start_publisher(&plan(100.0)).await.unwrap_err().to_string();
    assert!(!error.contains(env!("CARGO_PKG_NAME")), "the secret is in {error}");
    error
}

fn assert_says(error: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(error.contains(piece), "`{piece}` is not in {error}");
    }
}

#[tokio::test]
async fn what_goes_wrong_with_the_first_message_is_said_with_what_was_sent_and_what_came() {
    let refusal = concat!("-ERR no ", env!("CARGO_PKG_NAME"), "\r\n");
    let server = SmallServer::start(move |_| Reaction { says: refusal, closes: true }).await;
    let url = format!("over `ws://127.0.0.1:{}/`", server.port);
    let error = error_of_first(server.target("accepted = '+OK'\nrefused = '-ERR*'")).await;
    let answered = ["`PUB x7 ", "\"seq\":1,", &url, "was answered with `-ERR no …`"];
    assert_says(&error, &answered);
    assert_says(&error, &["expected `+OK` (`accepted`)"]);
    let error = error_of_first(server.target("accepted = '+OK'")).await;
    assert_says(&error, &["was answered with `-ERR no …` and the end of the connection"]);
}

#[tokio::test]
async fn a_handshake_that_goes_otherwise_and_a_server_that_is_not_there_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = SmallServer {
        port,
        connections: Arc::default(),
        seen: Arc::default(),
        pongs: Arc::default(),
    };
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
            send(&mut socket, "INFO {}").await;
            let text = next(&mut socket).await.unwrap();
            send(&mut socket, &format!("-ERR '{text}'")).await;
            let _ = socket.close(None).await;
        }
    });
    let error = error_of_first(server.target("")).await;
    let step = [
        "step 3 of its handshake, after `CONNECT {env:CARGO_PKG_NAME}`, received",
        "`-ERR 'CONNECT …'` and then the end of the connection: expected `ID {id}` (`handshake`)",
    ];
    assert_says(&error, &step);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = error_of_first(SmallServer { port: nobody, ..server }.target("")).await;
    assert_says(&error, &[&format!("cannot connect to `127.0.0.1:{nobody}`")]);
}
