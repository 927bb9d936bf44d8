//! Publishing over a socket while the database does not answer: the socket goes on, and the answers
//! come later, in order.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;
use wirebench_server::Server;

use crate::sqlite_lock::SqliteLock;
use crate::support::{TestStore, server_of, within};

type Socket = WebSocketStream<DuplexStream>;

async fn open(server: &Server, path: &str) -> Socket {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = TowerToHyperService::new(server.router());
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(theirs), service)
        .with_upgrades();
    tokio::spawn(connection);
    within(client_async(format!("ws://localhost{path}"), ours)).await.unwrap().0
}

async fn send(socket: &mut Socket, text: &str) {
    within(socket.send(Message::text(text))).await.unwrap();
}

async fn next(socket: &mut Socket) -> Message {
    within(socket.next()).await.expect("the socket is open").unwrap()
}

/// Returns the next text of a WebSocket that is not a message of the feed.
async fn answer(socket: &mut Socket) -> Value {
    loop {
        let text = next(socket).await.into_text().unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        if value.get("seq").is_none() {
            return value;
        }
    }
}

fn place(published: &Value) -> &str {
    published["cursor"].as_str().unwrap().split_once('-').unwrap().1
}

#[tokio::test]
async fn a_websocket_answers_pings_at_once_and_requests_in_their_order() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    let mut socket = open(&server, "/feeds/bench/websocket").await;
    assert!(answer(&mut socket).await["hello"].is_object());
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    send(&mut socket, r#"{"publish":1}"#).await;
    send(&mut socket, r#"{"echo":"between"}"#).await;
    send(&mut socket, r#"{"publish":2}"#).await;
    send(&mut socket, r#"{"nonsense":3}"#).await;
    within(socket.send(Message::Ping("now".into()))).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong("now".into()));
    drop(lock);
    assert_eq!(place(&answer(&mut socket).await["published"]), "1");
    assert_eq!(answer(&mut socket).await, json!({"echo": "between"}));
    assert_eq!(place(&answer(&mut socket).await["published"]), "2");
    assert_eq!(answer(&mut socket).await["status"], json!(400));
}

#[tokio::test]
async fn a_websocket_is_answered_before_it_is_closed_because_the_server_stops() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    let mut socket = open(&server, "/feeds/bench/websocket").await;
    assert!(answer(&mut socket).await["hello"].is_object());
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    send(&mut socket, r#"{"publish":1}"#).await;
    within(socket.send(Message::Ping("now".into()))).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong("now".into()));
    let stopping = tokio::spawn(async move { server.stop().await });
    drop(lock);
    assert_eq!(place(&answer(&mut socket).await["published"]), "1");
    while !next(&mut socket).await.is_close() {}
    within(stopping).await.unwrap();
}

/// Returns the next packet of a Socket.IO session that is not a message of the feed.
async fn packet(socket: &mut Socket) -> String {
    loop {
        let text = next(socket).await.into_text().unwrap().to_string();
        if !text.contains(r#"["message","#) {
            return text;
        }
    }
}

/// Opens a Socket.IO session over a WebSocket, connected to the feed.
async fn open_socket_io(server: &Server) -> Socket {
    let mut socket = open(server, "/socket.io/?EIO=4&transport=websocket").await;
    assert!(packet(&mut socket).await.starts_with('0'));
    send(&mut socket, "40/feeds/bench,").await;
    assert!(packet(&mut socket).await.starts_with("40/feeds/bench,"));
    assert!(packet(&mut socket).await.starts_with(r#"42/feeds/bench,["hello""#));
    socket
}

#[tokio::test]
async fn socket_io_acknowledges_publishing_in_its_order_and_echoes_at_once() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    let mut socket = open_socket_io(&server).await;
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    send(&mut socket, r#"42/feeds/bench,1["publish","a"]"#).await;
    send(&mut socket, r#"42/feeds/bench,2["publish","b"]"#).await;
    send(&mut socket, r#"42/feeds/bench,3["publish"]"#).await;
    send(&mut socket, r#"42/feeds/bench,4["echo","now"]"#).await;
    assert_eq!(packet(&mut socket).await, r#"43/feeds/bench,4["now"]"#);
    drop(lock);
    for (event, expected) in [("1", "-1\""), ("2", "-2\""), ("3", "\"status\":400")] {
        let acknowledgement = packet(&mut socket).await;
        assert!(acknowledgement.starts_with(&format!("43/feeds/bench,{event}[")));
        assert!(acknowledgement.contains(expected), "{acknowledgement}");
    }
}

#[tokio::test]
async fn socket_io_over_a_websocket_is_answered_before_it_is_closed_because_the_server_stops() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    let mut socket = open_socket_io(&server).await;
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    send(&mut socket, r#"42/feeds/bench,1["publish","a"]"#).await;
    send(&mut socket, r#"42/feeds/bench,2["publish","b"]"#).await;
    send(&mut socket, r#"42/feeds/bench,3["echo"]"#).await;
    assert_eq!(packet(&mut socket).await, "43/feeds/bench,3[]");
    let stopping = tokio::spawn(async move { server.stop().await });
    drop(lock);
    for (event, place) in [("1", "-1\""), ("2", "-2\"")] {
        let acknowledgement = packet(&mut socket).await;
        assert!(acknowledgement.starts_with(&format!("43/feeds/bench,{event}[")));
        assert!(acknowledgement.contains(place), "{acknowledgement}");
    }
    assert!(next(&mut socket).await.is_close());
    socket.close(None).await.ok();
    while let Some(Ok(_)) = within(socket.next()).await {}
    within(stopping).await.unwrap();
}

/// Sends a request of a Socket.IO session that polls, and returns the status and the packets.
async fn poll_socket_io(router: &Router, session: &str, packets: Option<&str>) -> (u16, String) {
    let address = format!("/socket.io/?EIO=4&transport=polling{session}");
    let method = if packets.is_some() { Method::POST } else { Method::GET };
    let body = Body::from(packets.unwrap_or_default().to_owned());
    let request = Request::builder().method(method).uri(address).body(body).unwrap();
    let answer = within(router.clone().oneshot(request)).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn socket_io_over_polls_is_answered_before_it_ends_because_the_server_stops() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    // Each call of `router` has its own sessions.
    let router = server.router();
    let ask = async |session: &str, packets| poll_socket_io(&router, session, packets).await;
    let (_, opened) = ask("", None).await;
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    let session = format!("&sid={}", opened["sid"].as_str().unwrap());
    ask(&session, Some("40/feeds/bench,")).await;
    let mut packets = String::new();
    while !packets.contains("hello") {
        packets = ask(&session, None).await.1;
    }
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    ask(&session, Some(r#"42/feeds/bench,1["publish","a"]"#)).await;
    let stopping = tokio::spawn(async move { server.stop().await });
    drop(lock);
    let mut acknowledgement = String::new();
    while acknowledgement.is_empty() {
        let (status, packets) = ask(&session, None).await;
        assert_eq!(status, 200, "{packets}");
        let found = packets.split('\x1e').find(|packet| packet.starts_with("43"));
        acknowledgement = found.unwrap_or_default().to_owned();
    }
    assert!(acknowledgement.starts_with("43/feeds/bench,1["), "{acknowledgement}");
    assert!(acknowledgement.contains("-1\""), "{acknowledgement}");
    within(stopping).await.unwrap();
}
