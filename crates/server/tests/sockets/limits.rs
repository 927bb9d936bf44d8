//! Each limit has an answer, and whoever keeps to it does not notice.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::support::{Serving, metric, until};
use wirebench_protocol::Transport;
use wirebench_server::{Feed, Limits, Payload, Server};

const SHORT: Duration = Duration::from_millis(200);

fn server(limits: Limits) -> (Server, Feed) {
    let feed = Feed::new(1_000);
    (Server::new([("bench".to_owned(), feed.clone())]).with_limits(limits), feed)
}

fn publish(feed: &Feed, json: &str) {
    feed.publish(&Payload::from_json(json.as_bytes()).unwrap());
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_those_connected_stay() {
    for limits in [
        Limits { connections: Some(1), ..Limits::default() },
        Limits { connections_per_address: Some(1), ..Limits::default() },
    ] {
        let (server, feed) = server(limits);
        let serving = Serving::start(&server).await;
        let mut stays = serving.connect().await;
        stays.get("/feeds/bench/sse", "").await;
        stays.until("id: ").await;

        let mut refused = serving.connect().await;
        refused.get("/healthz", "").await;
        let answer = String::from_utf8(refused.rest().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
        assert!(answer.contains("{\"error\":\"there are too many connections\""), "{answer}");

        publish(&feed, "1");
        stays.until("\"payload\":1").await;
        drop(stays);
        until("room", || server.connections() == 0).await;
        let mut comes = serving.connect().await;
        comes.get("/healthz", "").await;
        comes.until("200 OK").await;
        assert_eq!(
            metric(
                &server,
                "wirebench_connections_closed_total{reason=\"refused\",transport=\"none\"}"
            ),
            1
        );
    }
}

#[tokio::test]
async fn connections_that_are_refused_cannot_be_piled_up() {
    let (server, _) = server(Limits { connections: Some(0), ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(serving.connect().await);
    }
    // Those beyond what is answered at once are closed without a word.
    let mut closed = 0;
    for client in &mut silent[100..] {
        closed += usize::from(client.rest().await.is_empty());
    }
    assert_eq!(closed, 100);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_431() {
    let (server, _) = server(Limits { head_bytes: 16 << 10, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut client = serving.connect().await;
    client.get("/healthz", &format!("Filler: {}\r\n", "x".repeat(32 << 10))).await;
    client.until("HTTP/1.1 431 ").await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_answered_413_and_too_long_a_frame_1009() {
    let (server, feed) = server(Limits { message_bytes: 1_000, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut client = serving.connect().await;
    let head = "POST /feeds/bench/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: ";
    client.send(format!("{head}1000\r\n\r\n\"{}\"", "x".repeat(998))).await;
    client.until("HTTP/1.1 201 ").await;
    client.until("\"}").await;
    client.send(format!("{head}1001\r\n\r\n\"{}\"", "x".repeat(999))).await;
    client.until("HTTP/1.1 413 ").await;

    let mut socket = serving.connect().await;
    socket.upgrade("/feeds/bench/websocket").await;
    socket.until("hello").await;
    socket.frame(0x81, format!("{{\"publish\":\"{}\"}}", "x".repeat(999)).as_bytes()).await;
    socket.until("a payload has at most 1000 bytes").await;
    socket.frame(0x81, &[b' '; 10_000]).await;
    let close = socket.rest().await;
    assert!(close.windows(2).any(|code| code == 1009_u16.to_be_bytes()), "{close:?}");
    assert_eq!(feed.published(), 1);
}

#[tokio::test]
async fn publishing_too_often_is_answered_429_over_either_way() {
    let feed = Feed::new(10).with_publish_rate(NonZeroU32::MIN);
    let server = Server::new([("bench".to_owned(), feed.clone())]);
    let serving = Serving::start(&server).await;
    let mut client = serving.connect().await;
    let request = "POST /feeds/bench/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1";
    // One a second may be published, and where the machine takes seconds for it, so may the next.
    let began = std::time::Instant::now();
    loop {
        client.send(request).await;
        client.until("HTTP/1.1 ").await;
        if client.until("\r\n").await.starts_with("429 ") {
            break;
        }
        client.until("\"}").await;
    }
    client.until("retry-after: 1").await;
    let mut socket = serving.connect().await;
    socket.upgrade("/feeds/bench/websocket").await;
    let rejected = || metric(&server, "wirebench_rejected_total");
    while rejected() == 1 {
        let before = feed.published();
        socket.frame(0x81, b"{\"publish\":2}").await;
        until("an answer", || rejected() == 2 || feed.published() > before).await;
    }
    socket.until("the feed takes at most 1 messages per second").await;
    assert!(feed.published() <= 2 + began.elapsed().as_secs(), "more than one a second");
    // The feed's owner is not limited.
    publish(&feed, "3");
    socket.until("\"payload\":3").await;
    assert_eq!(rejected(), 2);
}

#[tokio::test]
async fn a_head_that_takes_too_long_ends_the_connection_and_a_long_pause_does_not() {
    let (server, _) = server(Limits { head_time: SHORT, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut pauses = serving.connect().await;
    pauses.get("/healthz", "").await;
    pauses.until("ok\n").await;
    for beginning in ["G", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut slow = serving.connect().await;
        slow.send(beginning).await;
        slow.rest().await;
    }
    assert_eq!(
        metric(
            &server,
            "wirebench_connections_closed_total{reason=\"slow_head\",transport=\"none\"}"
        ),
        3
    );
    // It has been idle for longer than a head may take.
    pauses.get("/healthz", "").await;
    pauses.until("ok\n").await;
    // And a second head on the same connection is watched as the first.
    pauses.send("GET /heal").await;
    pauses.rest().await;
}

/// By a clock that moves only when everybody waits: nobody is late because the machine is busy.
#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_a_while_and_one_with_a_held_one_is_not() {
    let (server, feed) = server(Limits { idle_time: SHORT, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut held = serving.connect().await;
    held.get("/feeds/bench/long-polling", "").await;
    let mut streams = serving.connect().await;
    streams.get("/feeds/bench/sse", "").await;
    let mut silent = serving.connect().await;
    assert!(silent.rest().await.is_empty());
    let mut asked = serving.connect().await;
    asked.get("/healthz", "").await;
    assert!(asked.rest().await.ends_with(b"ok\n"));
    assert_eq!(
        metric(&server, "wirebench_connections_closed_total{reason=\"idle\",transport=\"none\"}"),
        2
    );
    publish(&feed, "1");
    held.until("\"payload\":1").await;
    streams.until("\"payload\":1").await;
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_answered_408() {
    let (server, _) = server(Limits { body_time: SHORT, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut client = serving.connect().await;
    client
        .send("POST /feeds/bench/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n\"")
        .await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// By a clock that moves only when everybody waits: nobody is late because the machine is busy.
#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_dropped_and_the_others_go_on() {
    for transport in [Transport::Sse, Transport::WebSocket] {
        let (server, feed) = server(Limits { write_time: SHORT, ..Limits::default() });
        let serving = Serving::start(&server).await;
        let mut slow = serving.connect_with_a_small_buffer().await;
        let mut reads = serving.connect().await;
        for client in [&mut slow, &mut reads] {
            match transport {
                Transport::Sse => client.get(&transport.path("bench"), "").await,
                _ => client.upgrade(&transport.path("bench")).await,
            }
        }
        reads.until(if transport == Transport::Sse { "id: " } else { "hello" }).await;
        until("two subscribers", || server.connections() == 2).await;
        let large = format!("\"{}\"", "x".repeat(256 << 10));
        let closed = format!(
            "wirebench_connections_closed_total{{reason=\"slow_reader\",transport=\"{transport}\"}}"
        );
        let publisher = async {
            while metric(&server, &closed) == 0 {
                publish(&feed, &large);
                publish(&feed, "\"mark\"");
                reads.until("mark").await;
                // Only now, when there is nothing that this reader has not taken, does time pass.
                tokio::time::sleep(SHORT / 2).await;
            }
        };
        crate::support::within("the slow reader's end", publisher).await;
        assert_eq!(server.connections(), 1, "{transport}");
        publish(&feed, "\"last\"");
        reads.until("last").await;
    }
}

#[tokio::test]
async fn a_window_keeps_so_many_bytes_and_always_the_newest_message() {
    let feed = Feed::new(1_000).with_window_bytes(500);
    let start = feed.locate(wirebench_protocol::After::Newest).unwrap();
    for _ in 0..100 {
        publish(&feed, "\"0123456789\"");
    }
    let kept = feed.read(start).entries;
    assert!((5..10).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().unwrap().seq, 100);
    publish(&feed, &format!("\"{}\"", "x".repeat(1_000)));
    let batch = feed.read(start);
    assert_eq!((batch.entries.len(), batch.entries[0].seq), (1, 101));
    assert_eq!(batch.gap, Some(wirebench_protocol::Gap::Missed(100)));
}
