//! How a server stops: everybody is told, nobody for ever.

use std::time::Duration;

use crate::support::{PATIENCE, Serving, until};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::time::Instant;
use tower::ServiceExt;
use wirebench_server::{Feed, Limits, Server};

fn server(limits: Limits) -> Server {
    Server::new([("bench".to_owned(), Feed::new(10))]).with_limits(limits)
}

/// The number that follows `before` in `text`.
fn number(text: &str, before: &str) -> u64 {
    let (_, after) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text:?}"));
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[tokio::test]
async fn every_subscriber_is_told_when_to_come_back_at_a_time_of_its_own() {
    let return_time = Duration::from_secs(50);
    let server = server(Limits { return_time, ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let (mut held, mut streams, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        let mut poll = serving.connect().await;
        poll.get("/feeds/bench/long-polling", "").await;
        held.push(poll);
        let mut stream = serving.connect().await;
        stream.get("/feeds/bench/sse", "").await;
        stream.until("id: ").await;
        streams.push(stream);
        let mut socket = serving.connect().await;
        socket.upgrade("/feeds/bench/websocket").await;
        socket.until("hello").await;
        sockets.push(socket);
    }
    let mut idle = serving.connect().await;
    until("all requests", || server.requests() == 60).await;
    serving.stop();

    let mut delays = Vec::new();
    for client in &mut held {
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let seconds = number(&answer, "retry-after: ");
        assert!((1..=50).contains(&seconds), "{seconds}");
    }
    for client in &mut streams {
        let end = String::from_utf8(client.rest().await).unwrap();
        delays.push(number(&end, "retry: "));
        assert!(end.ends_with("0\r\n\r\n"), "the response ends properly: {end:?}");
    }
    for client in &mut sockets {
        client.until("come back in ").await;
        let end = client.until(" ms").await;
        delays.push(end.strip_suffix(" ms").unwrap().parse().unwrap());
        client.frame(0x88, &1001_u16.to_be_bytes()).await;
        client.rest().await;
    }
    assert!(idle.rest().await.is_empty());
    assert!(delays.iter().all(|delay| *delay <= 50_000), "{delays:?}");
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(most - least > 10_000, "they come back spread: {delays:?}");
    serving.stopped().await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_subscriber_that_does_not_leave_is_left_after_the_drain_time() {
    let server = server(Limits { drain_time: Duration::from_millis(300), ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut stays = serving.connect().await;
    stays.upgrade("/feeds/bench/websocket").await;
    stays.until("hello").await;
    let start = Instant::now();
    serving.stop();
    serving.stopped().await;
    assert!(start.elapsed() < PATIENCE / 2);
}

#[tokio::test]
async fn a_server_that_stops_lives_but_is_not_ready() {
    let server = server(Limits::default());
    let ask = async |path| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        server.router().oneshot(request).await.unwrap().status()
    };
    assert_eq!((ask("/healthz").await, ask("/readyz").await), (StatusCode::OK, StatusCode::OK));
    server.stop().await;
    assert_eq!(
        (ask("/healthz").await, ask("/readyz").await),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
}
