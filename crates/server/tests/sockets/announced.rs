//! What a server tells its subscribers about reconnecting.

use std::time::Duration;

use crate::support::{RawClient, Serving, until};
use wirebench_server::{Feed, Limits, Server};

fn server(limits: Limits) -> Server {
    Server::new([("bench".to_owned(), Feed::new(10))]).with_limits(limits)
}

/// Opens an event stream and returns it with its first block.
async fn stream(serving: &Serving) -> (RawClient, String) {
    let mut stream = serving.connect().await;
    stream.get("/feeds/bench/sse", "").await;
    stream.until("\r\n\r\n").await;
    let block = stream.until("\n\n").await;
    (stream, block)
}

#[tokio::test]
async fn an_event_stream_announces_the_reconnection_time_of_the_limits() {
    for (retry, expected) in [
        (Limits::default().retry, Some("retry: 1000\n")),
        (Some(Duration::from_millis(100)), Some("retry: 100\n")),
        (None, None),
    ] {
        let server = server(Limits { retry, ..Limits::default() });
        let serving = Serving::start(&server).await;
        let (_stream, block) = stream(&serving).await;
        match expected {
            Some(line) => assert!(block.contains(line), "{retry:?}: {block:?}"),
            None => assert!(!block.contains("retry"), "{retry:?}: {block:?}"),
        }
        assert!(block.contains("id: "), "{retry:?}: the cursor is there all the same: {block:?}");
    }
}

#[tokio::test]
async fn a_server_without_a_return_time_tells_nobody_when_to_come_back() {
    let server = server(Limits { return_time: Duration::ZERO, ..Limits::default() });
    let mut serving = Serving::start(&server).await;
    let mut held = serving.connect().await;
    held.get("/feeds/bench/long-polling", "").await;
    let (mut stream, _) = stream(&serving).await;
    let mut socket = serving.connect().await;
    socket.upgrade("/feeds/bench/websocket").await;
    socket.until("hello").await;
    until("all requests", || server.requests() == 3).await;
    serving.stop();

    let answer = String::from_utf8(held.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(!answer.contains("retry-after"), "{answer}");
    let end = String::from_utf8(stream.rest().await).unwrap();
    assert!(end.ends_with("0\r\n\r\n"), "the response ends properly: {end:?}");
    assert!(!end.contains("retry"), "{end:?}");
    socket.until("the server stops").await;
    socket.frame(0x88, &1001_u16.to_be_bytes()).await;
    let rest = String::from_utf8_lossy(&socket.rest().await).into_owned();
    assert!(!rest.contains("come back"), "{rest:?}");
    serving.stopped().await;
}
