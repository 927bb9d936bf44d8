//! How a server stops: every subscriber is told, and nobody is waited for for ever.

use std::time::Duration;

use crate::support::{RawClient, Serving, TIME_LIMIT, until, within};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::time::Instant;
use tower::ServiceExt;
use wirebench_server::{Feed, Limits, Server};

fn server(limits: Limits) -> Server {
    Server::new([("bench".to_owned(), Feed::new(10))]).with_limits(limits)
}

/// Returns the number that follows `before` in `text`.
fn number(text: &str, before: &str) -> u64 {
    let (_, after) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text:?}"));
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[tokio::test]
async fn every_subscriber_is_told_a_time_of_its_own_to_come_back() {
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
async fn a_subscriber_that_does_not_leave_is_dropped_after_the_drain_time() {
    let server = server(Limits { drain_time: Duration::from_millis(300), ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut stays = serving.connect().await;
    stays.upgrade("/feeds/bench/websocket").await;
    stays.until("hello").await;
    let start = Instant::now();
    serving.stop();
    serving.stopped().await;
    assert!(start.elapsed() < TIME_LIMIT / 2);
}

/// A drain time that no test waits for.
const LONG: Duration = Duration::from_mins(10);

const POLL: &str = "/feeds/bench/short-polling";

/// The end of the answer to a poll for which nothing is new.
const HEAD_END: &str = "\r\n\r\n";

/// Returns a server that has begun to stop, and a connection on which it has given this many
/// answers.
async fn stopped_after(
    path: &str,
    end: &str,
    answers: usize,
    drain_time: Duration,
) -> (Serving, RawClient) {
    let server = server(Limits { drain_time, ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut asks = serving.connect().await;
    for _ in 0..answers {
        asks.get(path, "").await;
        asks.until(end).await;
    }
    // When this connection ends, all connections have noticed that the server stops.
    let mut never_asks = serving.connect().await;
    until("both connections", || server.connections() == 2).await;
    serving.stop();
    assert!(never_asks.rest().await.is_empty());
    (serving, asks)
}

#[tokio::test]
async fn a_connection_between_two_polls_is_closed_only_after_the_next_was_answered() {
    for path in [POLL, "/feeds/bench/long-polling?hold=0"] {
        for answers in [1, 2] {
            let (serving, mut polls) = stopped_after(path, HEAD_END, answers, LONG).await;
            polls.get(path, "").await;
            let answer = String::from_utf8(polls.rest().await).unwrap();
            assert!(answer.starts_with("HTTP/1.1 204 "), "{path}: {answer:?}");
            assert!(answer.contains("\r\nconnection: close\r\n"), "{path}: {answer:?}");
            assert!((1..=6).contains(&number(&answer, "retry-after: ")), "{path}: {answer:?}");
            serving.stopped().await;
        }
    }
}

#[tokio::test]
async fn a_poll_of_which_half_the_head_has_come_when_the_server_stops_is_answered() {
    let (serving, mut polls) = stopped_after(POLL, HEAD_END, 1, LONG).await;
    polls.send("GET /feeds/bench/short-polling HTTP/1.1\r\nHo").await;
    polls.send("st: localhost\r\n\r\n").await;
    let answer = String::from_utf8(polls.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer:?}");
    serving.stopped().await;
}

#[tokio::test]
async fn a_connection_that_has_stopped_polling_does_not_hold_up_the_end() {
    // The client polled twice in quick succession. Its next poll is late by more than that.
    let (serving, mut silent) = stopped_after(POLL, HEAD_END, 2, LONG).await;
    assert!(silent.rest().await.is_empty());
    serving.stopped().await;
    // Nobody knows when this client polls again: it has the whole drain time.
    let time = Duration::from_millis(300);
    let (serving, mut silent) = stopped_after(POLL, HEAD_END, 1, time).await;
    assert!(silent.rest().await.is_empty());
    serving.stopped().await;
}

#[tokio::test]
async fn a_connection_that_never_polled_is_closed_at_once_when_the_server_stops() {
    let (serving, mut asks) = stopped_after("/healthz", "ok\n", 3, LONG).await;
    assert!(asks.rest().await.is_empty());
    serving.stopped().await;
}

/// Over HTTP/2 the server says which requests it still answers, so that none is lost when it stops.
#[tokio::test]
async fn a_poll_over_http_2_that_crosses_the_end_of_the_server_is_answered() {
    let server = server(Limits { drain_time: LONG, ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut client = serving.connect_http2().await;
    let poll = "/feeds/bench/long-polling?hold=0";
    assert_eq!(client.get(poll).await.unwrap().status(), StatusCode::NO_CONTENT);
    let held = client.get("/feeds/bench/long-polling");
    until("a held poll", || server.requests() == 2).await;
    serving.stop();
    // The client sends it before it can know that the server stops.
    let crossing = client.get(poll);
    for answer in [held, crossing] {
        let answer = within("an answer", answer).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    }
    serving.stopped().await;
}

#[tokio::test]
async fn a_server_that_stops_is_alive_but_not_ready() {
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
