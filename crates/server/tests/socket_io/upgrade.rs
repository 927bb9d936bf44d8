//! A session that goes on over a WebSocket: nothing is lost, repeated or reordered.

use axum::http::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use crate::client::{Session, TestServer, WebSocket};

/// Opens the WebSocket of a session that polls, up to the answer to the probe.
async fn probe(server: &TestServer, id: &str) -> WebSocket {
    let mut socket = server.open_websocket(Some(id)).await;
    socket.send("2probe").await;
    assert_eq!(socket.packet().await, "3probe");
    socket
}

#[tokio::test]
async fn no_message_is_lost_repeated_or_reordered_by_an_upgrade() {
    let server = TestServer::new();
    for round in 0..50 {
        let mut polling = server.open_polling().await;
        polling.connect("").await;
        let id = polling.id.clone();
        let mut received: Vec<Value> = Vec::new();
        server.publish("0");
        received.push(polling.message().await);
        let upgrade = async {
            let mut socket = server.open_websocket(Some(&id)).await;
            server.publish("1");
            socket.send("2probe").await;
            assert_eq!(socket.packet().await, "3probe");
            server.publish("2");
            socket
        };
        // What the client polls while it upgrades is answered with messages, and with `noop`.
        let (mut socket, ()) = tokio::join!(upgrade, polling.receive());
        let is_message = |packet: &&String| packet.starts_with("42");
        let payload = |packet: &String| crate::client::event(packet).1["payload"].take();
        received.extend(polling.received().iter().filter(is_message).map(payload));
        socket.send("5").await;
        server.publish("3");
        while received.len() < 4 {
            received.push(socket.message().await);
        }
        assert_eq!(received, [0, 1, 2, 3], "round {round}");
        assert_eq!(polling.ask("GET", "").await.0, StatusCode::BAD_REQUEST, "polling is over");
    }
}

#[tokio::test]
async fn a_session_is_upgraded_once() {
    let server = TestServer::new();
    let session = server.open_polling().await;
    let mut socket = probe(&server, &session.id).await;
    socket.send("5").await;
    let mut second = server.open_websocket(Some(&session.id)).await;
    let end = second.next().await;
    assert!(!matches!(end, Some(Ok(ref message)) if message.is_text()), "{end:?}");
    socket.connect("").await;
    server.publish("1");
    assert_eq!(socket.message().await, 1, "the first one goes on");
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_polling_after_an_upgrade_that_fails() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;

    let mut socket = server.open_websocket(Some(&session.id)).await;
    socket.send("4no probe").await;
    while let Some(Ok(_)) = socket.next().await {}
    server.publish("1");
    assert_eq!(session.message().await, 1);

    let start = Instant::now();
    let mut socket = probe(&server, &session.id).await;
    while let Some(Ok(_)) = socket.next().await {}
    assert_eq!(start.elapsed().as_secs(), 10, "the upgrade time");
    server.publish("2");
    assert_eq!(session.message().await, 2);

    let mut socket = probe(&server, &session.id).await;
    socket.send("5").await;
    server.publish("3");
    assert_eq!(socket.message().await, 3, "the third attempt is as good as the first");
}

#[tokio::test(start_paused = true)]
async fn polls_are_answered_without_a_packet_while_the_client_probes() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    let id = session.id.clone();
    let start = Instant::now();
    let ((), _socket) = tokio::join!(session.receive(), probe(&server, &id));
    assert_eq!(session.packet().await, "6");
    assert!(start.elapsed().is_zero(), "the poll that was held is answered at once");
    assert_eq!(session.packet().await, "6");
    assert_eq!(start.elapsed().as_millis(), 100, "and further ones after a pause");
    server.publish("1");
    assert_eq!(session.message().await, 1, "unless there is a packet");
}
