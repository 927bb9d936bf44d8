//! Clients that break the rules, by mistake or on purpose. The server answers as the rules demand,
//! closes the connection, and goes on.

use std::time::Duration;

use crate::support::{RawClient, Serving, until};
use proptest::prelude::*;
use wirebench_server::{Feed, Limits, Server};

fn server() -> Server {
    Server::new([("bench".to_owned(), Feed::new(10))])
}

async fn check_alive(serving: &Serving) {
    let mut client = serving.connect().await;
    client.get("/healthz", "").await;
    client.until("ok\n").await;
}

async fn socket(serving: &Serving) -> RawClient {
    let mut socket = serving.connect().await;
    socket.upgrade("/feeds/bench/websocket").await;
    socket.until("\"}}").await;
    socket
}

/// Returns the code of the Close frame that ends the connection.
fn close_code(rest: &[u8]) -> u16 {
    assert_eq!(rest.first(), Some(&0x88), "{rest:?}");
    u16::from_be_bytes([rest[2], rest[3]])
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_is_answered_with_its_close_code() {
    let serving = Serving::start(&server()).await;
    let masked = |first: u8, payload: &[u8]| {
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[first, length, 0, 0, 0, 0], payload].concat()
    };
    let two = |one: Vec<u8>, other: Vec<u8>| [one, other].concat();
    for (what, frames, code) in [
        ("unmasked", b"\x81\x02{}".to_vec(), 1002),
        ("a reserved bit", masked(0xC1, b"{}"), 1002),
        ("a reserved opcode", masked(0x83, b"{}"), 1002),
        ("a fragmented ping", masked(0x09, b"a"), 1002),
        ("a ping of 126 bytes", [&[0x89, 0xFE, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat(), 1002),
        ("a continuation of nothing", masked(0x80, b"{}"), 1002),
        ("text within a fragmented text", two(masked(0x01, b"a"), masked(0x81, b"b")), 1002),
        ("text that is not UTF-8", masked(0x81, b"\xFF\xFE"), 1007),
        ("a close with one byte", masked(0x88, b"x"), 1002),
        ("a close with a reserved code", masked(0x88, &1005_u16.to_be_bytes()), 1002),
        (
            "4 GiB announced",
            [&[0x81, 0xFF][..], &(4_u64 << 30).to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
    ] {
        let mut client = socket(&serving).await;
        client.send(frames).await;
        assert_eq!(close_code(&client.rest().await), code, "{what}");
    }
    check_alive(&serving).await;
}

#[tokio::test]
async fn bytes_that_are_not_http_are_answered_400_and_the_connection_closes() {
    let serving = Serving::start(&server()).await;
    for (what, request) in [
        ("no request line", "\0\0\0\0\r\n\r\n".to_owned()),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\r\n\r\n".to_owned()),
        ("a header without a colon", "GET / HTTP/1.1\r\nHost localhost\r\n\r\n".to_owned()),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
        ),
        ("a length and chunks", {
            let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
            format!("POST /feeds/bench/messages HTTP/1.1\r\nHost: a\r\n{both}\r\n0\r\n\r\nGET /x")
        }),
    ] {
        let mut client = serving.connect().await;
        client.send(request).await;
        let answer = String::from_utf8_lossy(&client.rest().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer:?}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{what}: nothing is smuggled: {answer:?}"
        );
    }
    check_alive(&serving).await;
}

/// The clock moves only when every task waits, so that no connection is idle because the machine is
/// busy.
#[tokio::test(start_paused = true)]
async fn a_thousand_silent_connections_do_not_disturb_others_and_are_closed() {
    let time = Duration::from_secs(2);
    let limits = Limits { idle_time: time, head_time: time, ..Limits::default() };
    let server = server().with_limits(limits);
    let serving = Serving::start(&server).await;
    check_alive(&serving).await;
    let mut silent = Vec::new();
    for number in 0..1_000 {
        let mut client = serving.connect().await;
        // Half of them stop in the middle of a request.
        if number % 2 == 0 {
            client.send("GET /feeds/bench/ss").await;
        }
        silent.push(client);
    }
    until("a thousand connections", || server.connections() >= 1_000).await;
    check_alive(&serving).await;
    drop(silent.split_off(500));
    for (number, client) in silent.iter_mut().enumerate() {
        let answer = client.rest().await;
        assert_eq!(answer.starts_with(b"HTTP/1.1 408 "), number % 2 == 0, "{answer:?}");
        assert_eq!(answer.is_empty(), number % 2 == 1, "{answer:?}");
    }
    drop(silent);
    until("the end of all of them", || server.connections() == 0).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_server_goes_on_whatever_bytes_come(
        start in prop_oneof![
            Just(""),
            Just("GET /feeds/bench/websocket HTTP/1.1\r\n"),
            Just("POST /feeds/bench/messages HTTP/1.1\r\nContent-Length: 10\r\n\r\n"),
            Just("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ],
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let serving = Serving::start(&server()).await;
            let mut client = serving.connect().await;
            client.send(start).await;
            client.send(&bytes).await;
            drop(client);
            check_alive(&serving).await;
        });
    }
}
