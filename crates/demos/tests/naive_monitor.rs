//! The shared monitor and the naive one, and how both end when the server stops.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

mod support;

use futures::StreamExt;
use serde_json::{Value, json};
use support::{Counting, DEADLINE, RunningServer};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

async fn connect(server: &RunningServer, path: &str) -> WebSocketStream<Counting> {
    let url = format!("ws://{}{path}", server.address);
    client_async(url, Counting::connect(server.address).await).await.unwrap().0
}

async fn next(socket: &mut WebSocketStream<Counting>) -> Message {
    timeout(DEADLINE, socket.next()).await.expect("a message in time").unwrap().unwrap()
}

async fn json(socket: &mut WebSocketStream<Counting>) -> Value {
    serde_json::from_str(next(socket).await.to_text().unwrap()).unwrap()
}

fn connections(cost: &Value) -> Value {
    cost["naive_connections"].clone()
}

#[tokio::test]
async fn both_monitors_send_the_same_frames_and_the_naive_one_counts_its_connections() {
    let server = RunningServer::start();
    for path in ["/feeds/monitor/websocket", "/demo/monitor/naive"] {
        let mut socket = connect(&server, path).await;
        assert!(json(&mut socket).await["hello"]["cursor"].is_string(), "{path}");
        let message = json(&mut socket).await;
        let payload = message["payload"].as_object().unwrap();
        let keys: Vec<_> = payload.keys().map(String::as_str).collect();
        let expected = [
            "cpu_ratio",
            "memory_total_bytes",
            "memory_used_bytes",
            "sampled_ns",
            "samples",
            "sampling_us",
        ];
        assert_eq!(keys, expected, "{path}");
        let age =
            message["published_ns"].as_u64().unwrap() - payload["sampled_ns"].as_u64().unwrap();
        assert!(age < 1_500_000_000, "{path}: {age}");
    }
    let sockets =
        futures::future::join_all((0..5).map(|_| connect(&server, "/demo/monitor/naive")));
    let sockets = sockets.await;
    server.expect("/demo/monitor/cost", connections, json!(5)).await;
    drop(sockets);
    server.expect("/demo/monitor/cost", connections, json!(0)).await;
    server.stop().await;
}

#[tokio::test]
async fn the_naive_monitor_rejects_messages_from_clients() {
    use futures::SinkExt;

    let server = RunningServer::start();
    let mut socket = connect(&server, "/demo/monitor/naive").await;
    socket.send(Message::text(r#"{"publish":1}"#)).await.unwrap();
    let mut answer = json(&mut socket).await;
    while answer.get("error").is_none() {
        answer = json(&mut socket).await;
    }
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn a_request_without_a_handshake_starts_no_sampler() {
    let server = RunningServer::start();
    assert_eq!(server.change("GET", "/demo/monitor/naive", "").await.status, 426);
    assert_eq!(connections(&server.ask("/demo/monitor/cost").await), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_closes_both_monitors_with_a_close_frame() {
    let server = RunningServer::start();
    let mut sockets = Vec::new();
    for path in ["/feeds/monitor/websocket", "/demo/monitor/naive"] {
        let mut socket = connect(&server, path).await;
        json(&mut socket).await;
        sockets.push(socket);
    }
    let ends = sockets.into_iter().map(async |mut socket| {
        loop {
            if let Message::Close(Some(close)) = next(&mut socket).await {
                // Reading on answers the Close frame.
                while socket.next().await.is_some() {}
                return u16::from(close.code);
            }
        }
    });
    let (codes, ()) = tokio::join!(futures::future::join_all(ends), server.stop());
    assert_eq!(codes, [1001, 1001]);
}

#[tokio::test]
async fn a_restart_request_is_answered_and_open_lanes_are_cut_after_the_grace_period() {
    let server = RunningServer::start();
    let mut silent = server.connect().await;
    silent.begin("GET", "/feeds/quiet/sse?lane=0123abcd.sse", "").await;
    silent.read_to("-0\n\n\r\n").await;
    let mut without_lane = server.connect().await;
    without_lane.begin("GET", "/feeds/quiet/sse", "").await;
    without_lane.read_to("-0\n\n\r\n").await;
    assert_eq!(server.change("POST", "/demo/restart", "").await.status, 202);
    timeout(DEADLINE, server.demos.restart_requested()).await.expect("the request is noticed");
    silent.end().await;
    // The server, which is restarted by its owner, ends the others.
    server.publish("1");
    without_lane.read_to("1}\n\n\r\n").await;
    server.stop().await;
}
