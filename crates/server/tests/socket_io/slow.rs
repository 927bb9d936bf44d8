//! Clients that take less than they are sent: bounded, told, and never skipped in silence.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use wirebench_server::Feed;

use crate::client::{NAMESPACE, Session, TestServer, event, metric, until_metric};

/// Publishes and reads in turns until the client was told a gap; checks that nothing is missing
/// without one.
async fn is_told_what_it_misses(server: &TestServer, session: &mut impl Session) {
    session.connect("").await;
    let large = "x".repeat(10_000);
    for _ in 0..200 {
        server.publish(&json!(large).to_string());
        // The follower takes what there is room for.
        tokio::task::yield_now().await;
    }
    let (mut next, mut missed) = (1, 0);
    while next <= 200 {
        let (name, argument) = event(&session.packet().await);
        if name == "gap" {
            let gap = argument["gap"]["missed"].as_u64().unwrap();
            missed += gap;
            next += gap;
        } else {
            assert_eq!(argument["seq"], next, "a message is missing without a gap");
            next += 1;
        }
    }
    assert!(missed > 0, "the client was to fall behind the window");
    let gaps = "wirebench_gaps_total{kind=\"missed\",transport=\"socket.io\"}";
    assert!(metric(server, gaps) > 0);
    let sent = metric(server, "wirebench_messages_sent_total{transport=\"socket.io\"}");
    assert_eq!(sent, 200 - missed);
}

#[tokio::test]
async fn a_client_that_polls_too_seldom_is_told_what_it_misses() {
    let server = TestServer::of(Feed::new(10), |server| server);
    is_told_what_it_misses(&server, &mut server.open_polling().await).await;
}

#[tokio::test]
async fn a_client_that_reads_its_websocket_too_slowly_is_told_what_it_misses() {
    let server = TestServer::of(Feed::new(10), |server| server);
    let mut session = server.open_websocket(None).await;
    assert!(session.packet().await.starts_with('0'));
    is_told_what_it_misses(&server, &mut session).await;
}

/// Publishes more than may be under way to a client.
async fn publish_too_much(server: &TestServer) {
    let large = json!("x".repeat(100_000)).to_string();
    for _ in 0..20 {
        server.publish(&large);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_poll_is_dropped_after_the_write_time() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    let start = Instant::now();
    publish_too_much(&server).await;
    let closed = "wirebench_sessions_closed_total{reason=\"slow_reader\"}";
    while metric(&server, closed) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(start.elapsed().as_secs(), 30 + 1);
    assert_eq!(session.ask("GET", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_websocket_is_dropped_after_the_write_time() {
    let server = TestServer::new();
    let mut session = server.open_websocket(None).await;
    assert!(session.packet().await.starts_with('0'));
    session.connect("").await;
    let start = Instant::now();
    publish_too_much(&server).await;
    let closed = "wirebench_sessions_closed_total{reason=\"slow_reader\"}";
    while metric(&server, closed) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((30..=33).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_client_that_sends_without_reading_its_answers_is_dropped() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    let large = format!("42{NAMESPACE},1[\"echo\",\"{}\"]", "x".repeat(900_000));
    let mut sent = 0;
    while session.ask("POST", &large).await.0 == StatusCode::OK {
        sent += 1;
        assert!(sent < 20, "what is kept for a client is bounded");
        tokio::task::yield_now().await;
    }
    assert!(sent >= 4, "{sent}");
    until_metric(&server, "wirebench_sessions_closed_total{reason=\"protocol\"}", 1).await;
}

#[tokio::test]
async fn a_burst_in_one_body_is_acknowledged_in_its_order() {
    let server = TestServer::of(Feed::new(2_000), |server| server);
    let mut session = server.open_polling().await;
    session.connect("").await;
    let packets: Vec<_> =
        (0..1_000).map(|n| format!("42{NAMESPACE},{n}[\"publish\",{n}]")).collect();
    session.send(&packets.join("\x1e")).await;
    let (mut acknowledged, mut payloads) = (Vec::<u32>::new(), Vec::new());
    while acknowledged.len() < 1_000 || payloads.len() < 1_000 {
        let packet = session.packet().await;
        match packet.strip_prefix(&format!("43{NAMESPACE},")) {
            Some(answer) => acknowledged.push(answer.split('[').next().unwrap().parse().unwrap()),
            None => payloads.push(event(&packet).1["payload"].take()),
        }
    }
    assert_eq!(acknowledged, (0..1_000).collect::<Vec<u32>>());
    assert_eq!(payloads, (0..1_000).map(|n| json!(n)).collect::<Vec<Value>>());
}
