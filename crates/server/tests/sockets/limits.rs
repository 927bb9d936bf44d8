//! How the server answers when a limit is exceeded, and that clients within the limit do not
//! notice.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::raw;
use crate::support::{HTTP2_WINDOW, OVER_HYPER, Serving, metric, until};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use wirebench_protocol::Transport;
use wirebench_server::{Delivery, Feed, ForwardedHeader, JsonPayload, Limits, Proxies, Server};

const SHORT: Duration = Duration::from_millis(200);

fn server(limits: Limits) -> (Server, Feed) {
    let feed = Feed::new(1_000);
    (Server::new([("bench".to_owned(), feed.clone())]).with_limits(limits), feed)
}

fn publish(feed: &Feed, json: &str) {
    feed.publish(JsonPayload::from_json(json.as_bytes()).unwrap());
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_answered_503_and_open_ones_stay() {
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

/// The streams and sockets of a client count until they end. The connection belongs to the proxy.
#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_limit_of_its_own() {
    let limits = Limits { connections_per_address: Some(1), ..Limits::default() };
    let (server, _) = server(limits);
    let trusted = Proxies::new(["127.0.0.1".parse().unwrap()], ForwardedHeader::default());
    let serving = Serving::start(&server.with_proxies(trusted)).await;
    let of = |client: &str| format!("X-Forwarded-For: 1.2.3.4, {client}\r\n");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut open = Vec::new();
    for (path, client, headers) in [
        ("/feeds/bench/sse", "192.0.2.1", ""),
        ("/feeds/bench/websocket", "192.0.2.2", upgrade),
        ("/echo", "192.0.2.3", upgrade),
        ("/feeds/bench/sse", "192.0.2.4", ""),
    ] {
        let mut stays = serving.connect().await;
        stays.get(path, &format!("{headers}{}", of(client))).await;
        let head = stays.until("\r\n\r\n").await;
        assert!(head.contains(" 200 ") || head.contains(" 101 "), "{path}: {head}");

        // Another connection of the proxy carries requests of all its clients.
        let mut proxy = serving.connect().await;
        proxy.get("/healthz", &of(client)).await;
        let refused = proxy.until("\"hint\"").await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{path}: {refused}");
        assert!(refused.contains("\r\nretry-after: 5\r\n"), "{path}: {refused}");
        assert!(refused.contains("too many connections from this address"), "{path}: {refused}");
        proxy.get("/healthz", &of("192.0.2.99")).await;
        proxy.until("ok\n").await;
        open.push((stays, client));
    }
    for (stays, client) in open {
        drop(stays);
        crate::support::within("room for the client", async {
            loop {
                let mut comes = serving.connect().await;
                comes.get("/healthz", &format!("Connection: close\r\n{}", of(client))).await;
                if comes.rest().await.starts_with(b"HTTP/1.1 200 ") {
                    break;
                }
            }
        })
        .await;
    }
}

/// Returns a header of the PROXY protocol, version 2, for a client at 192.0.2.`host`.
fn announcement(host: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, host, 127, 0, 0, 1, 0x12, 0x67, 0, 80];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
}

#[tokio::test]
async fn a_connection_that_the_proxy_protocol_announces_belongs_to_the_client() {
    let limits = Limits { connections_per_address: Some(1), head_time: SHORT, ..Limits::default() };
    let (server, _) = server(limits);
    let trusted = Proxies::new(["127.0.0.1".parse().unwrap()], ForwardedHeader::default());
    let serving = Serving::start(&server.with_proxies(trusted.with_proxy_protocol(true))).await;
    let mut open = Vec::new();
    for (host, status) in [(1, " 200 "), (2, " 200 "), (1, " 503 ")] {
        let mut client = serving.connect().await;
        client.send(announcement(host)).await;
        client.get("/feeds/bench/sse", "X-Forwarded-For: 192.0.2.99\r\n").await;
        let head = client.until("\r\n").await;
        assert!(head.contains(status), "{host}: {head}");
        open.push(client);
    }
    for beginning in ["GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n\0\r\nQU"] {
        let mut silent = serving.connect().await;
        silent.send(beginning).await;
        assert!(silent.rest().await.is_empty(), "{beginning:?}");
    }
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_cannot_name_another_client() {
    let limits = Limits { connections_per_address: Some(1), ..Limits::default() };
    let (server, _) = server(limits);
    let trusted = Proxies::new(["10.0.0.0/8".parse().unwrap()], ForwardedHeader::default());
    let serving = Serving::start(&server.with_proxies(trusted)).await;
    let mut stays = serving.connect().await;
    stays.get("/feeds/bench/sse", "X-Forwarded-For: 192.0.2.1\r\n").await;
    stays.until(" 200 ").await;
    let mut refused = serving.connect().await;
    refused.get("/healthz", "X-Forwarded-For: 192.0.2.2\r\n").await;
    refused.until(" 503 ").await;
}

#[tokio::test]
async fn connections_that_are_refused_cannot_be_piled_up() {
    let (server, _) = server(Limits { connections: Some(0), ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(serving.connect().await);
    }
    // Refused connections beyond those that are answered at the same time are closed without an
    // answer.
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
async fn a_body_that_is_too_long_is_answered_413_and_a_frame_that_is_too_long_1009() {
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
    // The limit is on the bytes themselves, not on their Base64.
    let publish = |bytes| [&b"{\"publish\":null}\n"[..], &vec![0; bytes]].concat();
    socket.frame(0x82, &publish(1_000)).await;
    socket.until("\"published\"").await;
    socket.frame(0x82, &publish(1_001)).await;
    socket.until("a payload has at most 1000 bytes").await;
    socket.frame(0x81, &[b' '; 10_000]).await;
    let close = socket.rest().await;
    assert!(close.windows(2).any(|code| code == 1009_u16.to_be_bytes()), "{close:?}");
    assert_eq!(feed.published(), 2);
}

#[tokio::test]
async fn publishing_too_often_is_answered_429_over_http_and_over_websocket() {
    let feed = Feed::new(10).with_publish_rate(NonZeroU32::MIN);
    let server = Server::new([("bench".to_owned(), feed.clone())]);
    let serving = Serving::start(&server).await;
    let mut client = serving.connect().await;
    let request = "POST /feeds/bench/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1";
    // One message per second is allowed. If the machine takes seconds for one, the next is allowed
    // as well.
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
    // The owner of the feed is not limited.
    publish(&feed, "3");
    socket.until("\"payload\":3").await;
    assert_eq!(rejected(), 2);
}

#[tokio::test]
async fn a_slow_head_is_answered_408_and_ends_the_connection_and_a_long_pause_does_not() {
    let (server, _) = server(Limits { head_time: SHORT, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut pauses = serving.connect().await;
    pauses.get("/healthz", "").await;
    pauses.until("ok\n").await;
    for beginning in ["G", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut slow = serving.connect().await;
        slow.send(beginning).await;
        let answer = String::from_utf8(slow.rest().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer:?}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer:?}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer:?}");
        assert!(body.starts_with("{\"error\":\"the head of the request took longer"), "{body}");
    }
    assert_eq!(metric(&server, "wirebench_requests_total{route=\"none\",status=\"408\"}"), 3);
    let late = "wirebench_connections_closed_total{reason=\"slow_head\",transport=\"none\"}";
    until("the end of three connections", || metric(&server, late) == 3).await;
    // This connection has been idle for longer than a head may take.
    pauses.get("/healthz", "").await;
    pauses.until("ok\n").await;
    // The time limit holds for a later head on the same connection as well.
    pauses.send("GET /heal").await;
    assert!(pauses.rest().await.starts_with(b"HTTP/1.1 408 "));
}

/// Over HTTP/2, what a client sends between two requests may be an acknowledgement. It begins no
/// head.
#[tokio::test]
async fn a_pause_between_two_requests_over_http_2_may_be_longer_than_a_head_may_take() {
    let (server, _) = server(Limits { head_time: SHORT, ..Limits::default() });
    let serving = Serving::start(&server).await;
    let mut client = serving.connect_http2().await;
    for _ in 0..2 {
        let answer = client.get("/feeds/bench/short-polling").await.unwrap();
        assert_eq!(answer.status(), 204);
        tokio::time::sleep(3 * SHORT).await;
    }
}

#[tokio::test]
async fn a_slow_head_is_not_answered_while_an_earlier_answer_is_not_read() {
    let limits = Limits { head_time: SHORT, ..Limits::default() };
    let limits = if OVER_HYPER { limits } else { Limits { write_time: SHORT, ..limits } };
    let (server, feed) = server(limits);
    let serving = Serving::start(&server).await;
    // More than the buffers of the sockets hold.
    let large = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    publish(&feed, &large);
    let mut slow = serving.connect_with_a_small_buffer().await;
    // hyper reads the next head meanwhile. The server itself waits for the reader of its answer.
    let reason = if OVER_HYPER { "slow_head" } else { "slow_reader" };
    let late = format!(
        "wirebench_connections_closed_total{{reason=\"{reason}\",transport=\"short-polling\"}}"
    );
    crate::support::within("the end of a slow head", async {
        while metric(&server, &late) == 0 {
            slow.get("/feeds/bench/short-polling?after=start", "").await;
            tokio::time::sleep(SHORT / 10).await;
        }
    })
    .await;
    let answers = String::from_utf8(slow.rest().await).unwrap();
    assert!(!answers.contains(" 408 "), "an answer within another");
}

/// RFC 9112, section 3.2.
#[tokio::test]
async fn a_request_without_a_host_or_with_two_is_answered_400() {
    let (server, _) = server(Limits::default());
    let serving = Serving::start(&server).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, headers) in [
        ("/feeds/bench/short-polling", ""),
        ("/feeds/bench/long-polling?hold=0", ""),
        ("/feeds/bench/sse", ""),
        ("/feeds/bench/websocket", upgrade),
        ("/echo", upgrade),
        ("/healthz", ""),
        ("/nothing", ""),
    ] {
        for (version, hosts, expected) in [
            ("1.1", "", false),
            ("1.1", "Host: a\r\nHost: a\r\n", false),
            ("1.1", "Host: a/b\r\n", false),
            ("1.0", "Host: a\r\nHost: b\r\n", false),
            ("1.1", "Host: a\r\n", true),
            ("1.0", "", true),
        ] {
            let mut client = serving.connect().await;
            let first = format!("GET {path} HTTP/{version}\r\n");
            client.send(format!("{first}{hosts}{headers}\r\n")).await;
            if expected {
                let head = client.until("\r\n").await;
                // A handshake is valid over HTTP/1.1 only.
                let refused = version == "1.0" && headers == upgrade;
                assert_eq!(head.contains(" 400 "), refused, "{path} {hosts:?}: {head}");
                continue;
            }
            let answer = String::from_utf8(client.rest().await).unwrap();
            assert!(answer.starts_with(&format!("HTTP/{version} 400 ")), "{path}: {answer:?}");
            assert!(answer.contains("connection: close"), "{path}: {answer:?}");
            assert!(answer.contains("{\"error\":\"the"), "{path}: {answer:?}");
            assert!(answer.contains("\"hint\":\"send exactly one `Host`"), "{path}: {answer:?}");
        }
    }
}

/// The clock moves only when every task waits, so that nothing is late because the machine is busy.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_one_with_a_held_request_is_not() {
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

/// The clock moves only when every task waits, so that nothing is late because the machine is busy.
#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_dropped_and_the_others_go_on() {
    let pushed = |transport: &Transport| transport.delivery() == Delivery::Pushed;
    for transport in Transport::ALL.into_iter().filter(pushed) {
        let (server, feed) = server(Limits { write_time: SHORT, ..Limits::default() });
        let serving = Serving::start(&server).await;
        let mut slow = serving.connect_with_a_small_buffer().await;
        let mut reads = serving.connect().await;
        for client in [&mut slow, &mut reads] {
            client.subscribe(transport).await;
        }
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
                // Time passes only now, when this reader has taken everything.
                tokio::time::sleep(SHORT / 2).await;
            }
        };
        crate::support::within("the slow reader's end", publisher).await;
        assert_eq!(server.connections(), 1, "{transport}");
        publish(&feed, "\"last\"");
        reads.until("last").await;
    }
}

/// The socket of the connection moves, so only flow control shows that a reader takes nothing.
#[tokio::test]
async fn a_stream_whose_reader_takes_nothing_is_reset_and_the_others_of_its_connection_go_on() {
    for transport in [Transport::Sse, Transport::LongPolling, Transport::WebSocket] {
        let (server, feed) = server(Limits { write_time: SHORT, ..Limits::default() });
        let serving = Serving::start(&server).await;
        let mut client = serving.connect_http2().await;
        let large = format!("\"{}\"", "x".repeat(2 * HTTP2_WINDOW as usize));
        publish(&feed, &large);
        let mut reads = client.get("/feeds/bench/sse").await.unwrap();
        let path = format!("{}?after=start", transport.path("bench"));
        let is_socket = !raw::upgrade_headers(transport).is_empty();
        let held =
            if is_socket { client.connect(&path).await } else { client.get(&path).await }.unwrap();
        assert_eq!(held.status(), 200, "{transport}");
        let reset = "wirebench_streams_reset_total{transport=\"sse\"}";
        let publisher = async {
            while metric(&server, reset) == 0 {
                publish(&feed, &large);
                publish(&feed, "\"mark\"");
                until_in(&mut reads, "mark").await;
            }
        };
        crate::support::within("the reset of the stream", publisher).await;
        publish(&feed, "\"last\"");
        until_in(&mut reads, "last").await;
        if is_socket {
            let mut socket = TokioIo::new(hyper::upgrade::on(held).await.unwrap());
            let mut read = Vec::new();
            let reading = socket.read_to_end(&mut read);
            let ended = crate::support::within("the end of the socket", reading).await;
            // The reset looks like the end of the socket. The rest never comes.
            assert!(ended.is_err() || !read.windows(4).any(|bytes| bytes == b"last"), "{ended:?}");
        } else {
            let ended = crate::support::within("the reset", held.into_body().collect()).await;
            assert!(ended.is_err(), "{transport}");
        }
        assert_eq!(server.connections(), 1, "{transport}");
        drop(client);
    }
}

/// Reads the body of an answer until `text` has come.
async fn until_in(answer: &mut axum::http::Response<hyper::body::Incoming>, text: &str) {
    let mut read = Vec::new();
    crate::support::within(text, async {
        while !String::from_utf8_lossy(&read).contains(text) {
            let frame = answer.body_mut().frame().await.unwrap().unwrap();
            read.extend_from_slice(&frame.into_data().unwrap());
            read.drain(..read.len().saturating_sub(1_000));
        }
    })
    .await;
}

#[tokio::test]
async fn a_window_keeps_at_most_its_bytes_and_always_the_newest_message() {
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
