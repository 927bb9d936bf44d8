//! How a server stops: everybody is told, nobody for ever.

use std::time::Duration;

use crate::support::{Client, PATIENCE, Serving, until, within};
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

/// A drain time that no test waits for.
const LONG: Duration = Duration::from_mins(10);

const POLL: &str = "/feeds/bench/short-polling";

/// Ends the whole answer to a poll for which nothing is new.
const HEAD_END: &str = "\r\n\r\n";

/// A server that has begun to stop, and a connection that it had answered this often before.
async fn stopped_after(
    path: &str,
    end: &str,
    answers: usize,
    drain_time: Duration,
) -> (Serving, Client) {
    let server = server(Limits { drain_time, ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut asks = serving.connect().await;
    for _ in 0..answers {
        asks.get(path, "").await;
        asks.until(end).await;
    }
    // Its end tells that connections have noticed.
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
async fn a_poll_whose_head_is_half_there_when_the_server_stops_is_answered() {
    let (serving, mut polls) = stopped_after(POLL, HEAD_END, 1, LONG).await;
    polls.send("GET /feeds/bench/short-polling HTTP/1.1\r\nHo").await;
    polls.send("st: localhost\r\n\r\n").await;
    let answer = String::from_utf8(polls.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer:?}");
    serving.stopped().await;
}

#[tokio::test]
async fn a_connection_that_has_stopped_polling_does_not_hold_up_the_end() {
    // It polled twice in quick succession, and is late by more than that.
    let (serving, mut silent) = stopped_after(POLL, HEAD_END, 2, LONG).await;
    assert!(silent.rest().await.is_empty());
    serving.stopped().await;
    // Nobody knows when it would poll again: it has the drain time.
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

/// Over HTTP/2 the server says which requests it still answers: none is lost under its end.
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
    // It is sent before the client can know that the server stops.
    let crossing = client.get(poll);
    for answer in [held, crossing] {
        let answer = within("an answer", answer).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    }
    serving.stopped().await;
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
