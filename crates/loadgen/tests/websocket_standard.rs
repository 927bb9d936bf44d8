//! Both ends of the WebSocket against RFC 6455, with frames that are written and read by hand.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use futures::{FutureExt, StreamExt, TryStreamExt};
use support::frames::{
    self, BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, TEXT, closing, frame, masked,
};
use support::http::{RawHttp, header, read_head};
use support::{Bench, TIMEOUT, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebench_loadgen::{SubscribeError, SubscriberSettings, raw, subscribe};
use wirebench_protocol::{After, Transport};

const ECHO: &str = "/echo";
const FEED: &str = "/feeds/bench/websocket";

/// The largest message that each route accepts.
const ECHO_BYTES: usize = 16 << 20;
const FEED_BYTES: usize = (1 << 20) + 1024;

/// Opens a WebSocket. On a feed, waits for the hello.
async fn open(bench: &Bench, path: &str) -> RawHttp {
    let opening = async {
        let mut http = frames::open(bench.address, path).await;
        if path == FEED {
            let hello = frames::read(&mut http.socket).await.unwrap().unwrap();
            assert!(hello.payload.starts_with(b"{\"hello\":"), "{hello:?}");
        }
        http
    };
    within(TIMEOUT, format_args!("{path}: an open socket"), opening).await
}

/// Returns the next frame from a server, which is never masked.
async fn next(http: &mut RawHttp, what: &str) -> Frame {
    let frame = within(TIMEOUT, what, frames::read(&mut http.socket)).await;
    let frame = frame.unwrap_or_else(|error| panic!("{what}: {error} instead of a frame"));
    let frame = frame.unwrap_or_else(|| panic!("{what}: the end instead of a frame"));
    assert_eq!(frame.mask, None, "{what}: a server does not mask");
    frame
}

/// Checks that the server closes with this code (or with none), and then closes the connection
/// properly.
async fn closes(http: &mut RawHttp, code: impl Into<Option<u16>>, what: &str) {
    let frame = next(http, what).await;
    assert_eq!(frame.close_code(), code.into(), "{what}: {frame:?}");
    hangs_up(http, what).await;
}

async fn hangs_up(http: &mut RawHttp, what: &str) {
    let rest = within(TIMEOUT, what, http.rest()).await;
    assert_eq!(rest.as_deref(), Some(&[][..]), "{what}: a proper end and nothing before it");
}

#[tokio::test]
async fn an_invalid_handshake_is_rejected_with_the_right_status() {
    let bench = Bench::start(10);
    let key = format!("sec-websocket-key: {}\r\n", frames::KEY);
    for path in [ECHO, FEED] {
        let good = frames::handshake(path);
        let without = |field: &str| good.replace(field, "");
        for (what, request, status) in [
            ("an old version", good.replace("version: 13", "version: 8"), 426),
            ("a version to come", good.replace("version: 13", "version: 130"), 426),
            ("no version", without("sec-websocket-version: 13\r\n"), 426),
            ("no upgrade", without("upgrade: websocket\r\n"), 426),
            ("another upgrade", good.replace("upgrade: websocket", "upgrade: h2c"), 426),
            ("no connection", without("connection: Upgrade\r\n"), 426),
            ("no key", without(&key), 400),
            ("a short key", good.replace(frames::KEY, "c2hvcnQ="), 400),
            (
                "a key that is not base64",
                good.replace(frames::KEY, "!!!!sample!nonce!!!!!!=="),
                400,
            ),
            ("two keys", good.replace(&key, &key.repeat(2)), 400),
            ("HTTP/1.0", good.replace("HTTP/1.1", "HTTP/1.0"), 400),
            ("HEAD", good.replace("GET", "HEAD"), 400),
            ("POST", good.replace("GET", "POST"), 405),
        ] {
            let what = format!("{path}: {what}");
            let mut http = RawHttp::connect(bench.address).await;
            http.send(request.as_bytes()).await;
            let head = within(TIMEOUT, &what, http.head()).await;
            assert_eq!(head.status, status, "{what}: {}", head.text);
            if status == 426 {
                assert_eq!(head.header("sec-websocket-version"), Some("13"), "{what}");
                assert!(head.header("upgrade").is_some(), "{what}: RFC 9110 asks for it with 426");
            }
        }
    }
}

#[tokio::test]
async fn headers_of_a_handshake_are_read_as_http_says_and_no_extension_is_accepted() {
    let bench = Bench::start(10);
    for path in [ECHO, FEED] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHOST: test\r\nCONNECTION: keep-alive, uPGRADE\r\n\
             UPGRADE: WebSocket\r\nSEC-WEBSOCKET-VERSION:13 \r\nSEC-WEBSOCKET-KEY: {}\r\n\
             SEC-WEBSOCKET-PROTOCOL: chat\r\n\
             SEC-WEBSOCKET-EXTENSIONS: permessage-deflate\r\n\r\n",
            frames::KEY
        );
        let mut http = RawHttp::connect(bench.address).await;
        http.send(request.as_bytes()).await;
        let head = within(TIMEOUT, path, http.head()).await;
        assert_eq!(head.status, 101, "{path}: {}", head.text);
        assert_eq!(head.header("sec-websocket-accept"), Some(frames::ACCEPT), "{path}");
        assert!(head.header("connection").unwrap().eq_ignore_ascii_case("upgrade"), "{path}");
        assert!(head.header("upgrade").unwrap().eq_ignore_ascii_case("websocket"), "{path}");
        for unasked in ["sec-websocket-protocol", "sec-websocket-extensions", "content-length"] {
            assert_eq!(head.header(unasked), None, "{path}: {}", head.text);
        }
    }
}

#[tokio::test]
async fn frames_that_arrive_with_the_handshake_are_not_lost() {
    let bench = Bench::start(10);
    let mut http = RawHttp::connect(bench.address).await;
    let together = [frames::handshake(ECHO).as_bytes(), &masked(FIN | TEXT, b"early")].concat();
    http.send(&together).await;
    assert_eq!(within(TIMEOUT, "an answer", http.head()).await.status, 101);
    assert_eq!(next(&mut http, "the echo").await.payload, b"early");
}

#[tokio::test]
async fn messages_are_echoed_whole_whatever_their_fragments() {
    let bench = Bench::start(10);
    let mut http = open(&bench, ECHO).await;
    let whole = |kind, payload: &[u8]| (vec![masked(FIN | kind, payload)], kind, payload.to_vec());
    let cases = [
        whole(TEXT, b""),
        whole(BINARY, b""),
        whole(TEXT, "é 🦀 \u{0} \u{feff}".as_bytes()),
        whole(BINARY, &[0xFF; 125]),
        whole(BINARY, &[0xFF; 126]),
        whole(BINARY, &vec![0; 65_535]),
        whole(BINARY, &vec![0; 65_536]),
        whole(BINARY, &vec![7; ECHO_BYTES]),
        (
            vec![masked(TEXT, b"a"), masked(CONTINUATION, b""), masked(FIN, b"b")],
            TEXT,
            b"ab".to_vec(),
        ),
        (vec![masked(BINARY, b""), masked(FIN, b"")], BINARY, b"".to_vec()),
        // A character cut in two.
        (vec![masked(TEXT, b"\xC3"), masked(FIN, b"\xA9")], TEXT, b"\xC3\xA9".to_vec()),
    ];
    for (frames, kind, payload) in cases {
        let what = format!("{} bytes in {} frames", payload.len(), frames.len());
        within(TIMEOUT, &what, http.send(&frames.concat())).await;
        let echo = next(&mut http, &what).await;
        assert!((echo.first, &echo.payload) == (FIN | kind, &payload), "{what} were changed");
    }
}

#[tokio::test]
async fn pings_are_answered_with_their_payload_even_inside_a_fragmented_message() {
    let bench = Bench::start(10);
    for path in [ECHO, FEED] {
        let mut http = open(&bench, path).await;
        // An unsolicited pong is not answered.
        http.send(&masked(FIN | PONG, b"unasked")).await;
        for payload in [&b""[..], b"\x00\xFF", &[0xFE; 125]] {
            http.send(&masked(FIN | PING, payload)).await;
            let pong = next(&mut http, path).await;
            assert_eq!((pong.first, &pong.payload[..]), (FIN | PONG, payload), "{path}");
        }
        for (piece, ping) in [(masked(TEXT, b"{\"publish\":"), "1"), (masked(0, b"\"x\""), "2")] {
            http.send(&[piece, masked(FIN | PING, ping.as_bytes())].concat()).await;
            let pong = next(&mut http, path).await;
            assert_eq!((pong.first, &pong.payload[..]), (FIN | PONG, ping.as_bytes()), "{path}");
        }
        http.send(&masked(FIN, b"}")).await;
        let answer = next(&mut http, path).await;
        assert_eq!(answer.first, FIN | TEXT, "{path}: {answer:?}");
        let whole =
            answer.payload.starts_with(if path == ECHO { b"{\"publish\":\"x\"}" } else { b"{" });
        assert!(whole, "{path}: {answer:?}");
    }
    assert_eq!(bench.feed.published(), 1, "what came in fragments was published whole");
}

#[tokio::test]
async fn a_frame_may_arrive_byte_by_byte() {
    let bench = Bench::start(10);
    let mut http = open(&bench, ECHO).await;
    let bytes = [
        masked(TEXT, "é".as_bytes()),
        masked(FIN | PING, b"p"),
        masked(FIN, &[b'x'; 200]),
        masked(FIN | CLOSE, &closing(1000, b"bye")),
    ];
    for byte in bytes.concat() {
        http.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(next(&mut http, "the pong").await.payload, b"p");
    assert_eq!(next(&mut http, "the echo").await.payload, ["é".as_bytes(), &[b'x'; 200]].concat());
    closes(&mut http, 1000, "the close").await;
}

/// Returns what a client may not send, and the close code for it.
fn breaches() -> Vec<(String, Vec<u8>, u16)> {
    let mut breaches = Vec::new();
    let mut breach = |what: String, frames: &[Vec<u8>], code| {
        breaches.push((what, frames.concat(), code));
    };
    for bit in [0x40, 0x20, 0x10] {
        for kind in [TEXT, BINARY, PING] {
            breach(format!("reserved bit {bit:#x}"), &[masked(FIN | bit | kind, b"x")], 1002);
        }
    }
    for opcode in (3..=7).chain(0xB..=0xF) {
        breach(format!("reserved opcode {opcode:#x}"), &[masked(FIN | opcode, b"")], 1002);
    }
    for kind in [TEXT, PING, CLOSE] {
        breach(format!("an unmasked {kind:#x}"), &[frame(FIN | kind, None, b"{}")], 1002);
    }
    for kind in [PING, PONG, CLOSE] {
        let fragments = [masked(kind, b"ab"), masked(FIN, b"cd")];
        breach(format!("a fragmented {kind:#x}"), &fragments, 1002);
        breach(format!("a {kind:#x} of 126 bytes"), &[masked(FIN | kind, &[b'x'; 126])], 1002);
    }
    for first in [FIN, 0] {
        breach("a continuation of nothing".to_owned(), &[masked(first, b"x")], 1002);
    }
    let done = [masked(TEXT, b"{"), masked(FIN, b"}"), masked(FIN, b"x")];
    breach("a continuation of what is done".to_owned(), &done[1..], 1002);
    for kind in [TEXT, BINARY] {
        for first in [FIN, 0] {
            let fragments = [masked(TEXT, b"a"), masked(first | kind, b"b")];
            breach("a message inside a message".to_owned(), &fragments, 1002);
        }
    }
    for text in [
        &b"\xFF"[..],
        b"\xC0\xAF",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\xE2\x82",
        b"ok \xC3\x28",
    ] {
        let shown = text.escape_ascii();
        breach(format!("text {shown}"), &[masked(FIN | TEXT, text)], 1007);
        let fragments = [masked(TEXT, &text[..1]), masked(FIN, &text[1..])];
        breach(format!("text {shown} in fragments"), &fragments, 1007);
        let reason = closing(1000, text);
        breach(format!("close reason {shown}"), &[masked(FIN | CLOSE, &reason)], 1007);
    }
    breach("a close of one byte".to_owned(), &[masked(FIN | CLOSE, b"\x03")], 1002);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let close = masked(FIN | CLOSE, &closing(code, b""));
        breach(format!("close code {code}"), &[close], 1002);
    }
    breaches
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_gets_the_matching_close_code() {
    let bench = Bench::start(10);
    for path in [ECHO, FEED] {
        for (breach, bytes, code) in breaches() {
            let what = format!("{path}: {breach}");
            let mut http = open(&bench, path).await;
            http.send(&bytes).await;
            closes(&mut http, code, &what).await;
        }
    }
    assert_eq!(bench.feed.published(), 0);
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code_and_the_server_closes_the_connection() {
    let bench = Bench::start(10);
    for path in [ECHO, FEED] {
        let mut codes = vec![1000, 1001, 1002, 1003, 3000, 3999, 4000, 4999];
        // tungstenite does not accept 1014, which IANA registered later.
        codes.extend(1007..=1013);
        for code in codes {
            let what = format!("{path}: close {code}");
            let mut http = open(&bench, path).await;
            http.send(&masked(FIN | CLOSE, &closing(code, "é".as_bytes()))).await;
            closes(&mut http, code, &what).await;
        }
        let mut http = open(&bench, path).await;
        // What comes after a close frame is ignored.
        let after =
            [masked(FIN | CLOSE, b""), masked(FIN | TEXT, b"{\"publish\":1}"), vec![0xFF; 9]];
        http.send(&after.concat()).await;
        closes(&mut http, None, &format!("{path}: a close without a code")).await;
    }
    assert_eq!(bench.feed.published(), 0, "nothing is published after a close");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_a_close_frame() {
    let bench = Bench::start(10);
    for (path, most) in [(ECHO, ECHO_BYTES), (FEED, FEED_BYTES)] {
        let whole = masked(FIN | TEXT, &vec![b'x'; most + 1]);
        let fragments =
            [masked(TEXT, &vec![b'x'; most - 3]), masked(0, b"xxx"), masked(FIN, b"x")].concat();
        for (shape, bytes) in [("in one frame", whole), ("in fragments", fragments)] {
            let what = format!("{path}: {} bytes {shape}", most + 1);
            let http = open(&bench, path).await;
            let (read, mut write) = tokio::io::split(http.socket);
            // All of it is sent, whether the server reads it or not.
            let sending = tokio::spawn(async move {
                let _ = write.write_all(&bytes).await;
                write
            });
            let mut read = BufReader::new(read);
            let frame = within(TIMEOUT, &what, frames::read(&mut read)).await;
            let frame = frame.unwrap_or_else(|error| panic!("{what}: {error}")).unwrap();
            assert_eq!(frame.close_code(), Some(1009), "{what}");
            within(TIMEOUT, &what, sending).await.unwrap();
        }
    }
}

/// The standard restricts only the sender (section 5.2): "the minimal number of bytes MUST be
/// used", "the most significant bit MUST be 0". tungstenite accepts the former, and treats the
/// latter as too large.
#[tokio::test]
async fn lengths_in_more_bytes_than_needed_are_accepted() {
    let bench = Bench::start(10);
    let mut http = open(&bench, ECHO).await;
    // 0xFE and 0xFF are a mask with a length of 126 and 127: the length is in the next two or eight
    // bytes.
    for length in [&[0xFE, 0, 2][..], &[0xFF, 0, 0, 0, 0, 0, 0, 0, 2]] {
        http.send(&[&[FIN | TEXT], length, &[0; 4], b"hi"].concat()).await;
        assert_eq!(next(&mut http, "the echo").await.payload, b"hi");
    }
    http.send(&[FIN | TEXT, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, b'h', b'i']).await;
    closes(&mut http, 1009, "a length with the top bit").await;
}

#[tokio::test]
async fn a_half_closed_connection_ends() {
    let bench = Bench::start(10);
    for path in [ECHO, FEED] {
        for (what, bytes, code) in [
            ("nothing", Vec::new(), None),
            ("half a frame", masked(FIN | TEXT, b"half")[..7].to_vec(), None),
            ("half a message", masked(TEXT, b"half"), None),
            ("a close", masked(FIN | CLOSE, &closing(1001, b"")), Some(1001)),
        ] {
            let what = format!("{path}: {what} before the half close");
            let mut http = open(&bench, path).await;
            http.send(&bytes).await;
            http.socket.shutdown().await.unwrap();
            match code {
                Some(code) => closes(&mut http, code, &what).await,
                None => hangs_up(&mut http, &what).await,
            }
        }
    }
    support::until("no connection is left", || bench.server.connections() == 0).await;
}

#[tokio::test]
async fn a_feed_accepts_bytes_that_publish_and_reports_what_is_wrong_with_other_bytes() {
    let bench = Bench::start(10);
    let mut http = open(&bench, FEED).await;
    for bytes in [&b""[..], b"\xff", b"{\"publish\":null}", b"{\"publish\":1}\n", b"\n{}"] {
        http.send(&masked(FIN | BINARY, bytes)).await;
        let answer = next(&mut http, "an error").await;
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(answer["status"], 400, "{bytes:?}: {answer}");
    }
    http.send(&masked(FIN | BINARY, b"{\"publish\":null}\n\0\n\xff")).await;
    let answers = [next(&mut http, "two answers").await, next(&mut http, "two answers").await];
    let published = format!("{{\"published\":{{\"cursor\":\"{}\"}}}}", bench.cursor(1));
    assert!(answers.iter().any(|answer| answer.payload == published.as_bytes()), "{answers:?}");
    let delivered =
        |answer: &Frame| answer.first == FIN | BINARY && answer.payload.ends_with(b"}\n\0\n\xff");
    assert!(answers.iter().any(delivered), "{answers:?}");

    http.send(&masked(FIN | BINARY, b"{\"echo\":null}\n\0\n\xff")).await;
    let echo = next(&mut http, "an echo").await;
    assert_eq!((echo.first, &echo.payload[..]), (FIN | BINARY, &b"{\"echo\":null}\n\0\n\xff"[..]));
    assert_eq!(bench.feed.published(), 1);
}

#[tokio::test]
async fn a_feed_accepts_text_that_publishes_and_reports_what_is_wrong_with_other_text() {
    let bench = Bench::start(10);
    let mut http = open(&bench, FEED).await;
    for text in ["", "{", "[]", "{}", "{\"publish\":}", "{\"publish\":1,\"other\":2}", "1"] {
        http.send(&masked(FIN | TEXT, text.as_bytes())).await;
        let answer = next(&mut http, text).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert!(answer["error"].is_string() && answer["hint"].is_string(), "{text}: {answer}");
        assert_eq!(answer["status"], 400, "{text}: {answer}");
    }
    http.send(&masked(FIN | TEXT, b"{\"publish\": {\"a\":\r\n[1]} }")).await;
    let answers = [next(&mut http, "two answers").await, next(&mut http, "two answers").await];
    let published = format!("{{\"published\":{{\"cursor\":\"{}\"}}}}", bench.cursor(1));
    assert!(answers.iter().any(|answer| answer.payload == published.as_bytes()), "{answers:?}");
    let delivered = |answer: &Frame| answer.payload.ends_with(b"\"payload\":{\"a\":  [1]}}");
    assert!(answers.iter().any(delivered), "{answers:?}");

    http.send(&masked(FIN | TEXT, b"{\"echo\": [1, null]}")).await;
    let echo = next(&mut http, "an echo").await;
    assert_eq!(echo.payload, b"{\"echo\":[1, null]}");

    assert_eq!(bench.feed.published(), 1);
}

/// Control frames must not starve behind a feed that always has more to send: here, a backlog of 32
/// MiB, which is more than any socket buffers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_is_answered_before_a_backlog_is_sent() {
    const MESSAGES: u64 = 256;
    let bench = Bench::start(1000);
    for _ in 0..MESSAGES {
        bench.publish(&format!("\"{}\"", "x".repeat(128 << 10)));
    }
    let mut http = open(&bench, &format!("{FEED}?after=start")).await;
    http.send(&masked(FIN | PING, b"p")).await;
    let mut before = 0;
    loop {
        let frame = next(&mut http, "websocket: the pong").await;
        match frame.first {
            first if first == FIN | TEXT => before += 1,
            first if first == FIN | PONG => break,
            _ => panic!("{frame:?}"),
        }
    }
    assert!(before < MESSAGES / 2, "{before} of {MESSAGES} messages before the pong");
}

/// What a hand-written server has received from a client.
#[derive(Debug)]
struct Heard {
    /// The head of its request.
    head: String,
    /// Its frames, up to its close.
    frames: Vec<Frame>,
}

/// Upgrades one connection with this answer (`{accept}` becomes the answer to the key), sends these
/// bytes, and reads up to the client's close frame or the end. `hung_up` is set just before the
/// server closes.
fn serve(
    answer: &'static str,
    bytes: Vec<u8>,
    hung_up: Arc<AtomicBool>,
) -> (SocketAddr, JoinHandle<Heard>) {
    let listener = support::listen();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut socket = BufReader::new(listener.accept().await.unwrap().0);
        let request = read_head(&mut socket).await;
        let accept = derive_accept_key(header(&request, "sec-websocket-key").unwrap().as_bytes());
        let answer = answer.replace("{accept}", &accept).into_bytes();
        socket.write_all(&[answer, bytes].concat()).await.unwrap();
        let mut heard = Heard { head: request, frames: Vec::new() };
        while let Ok(Some(frame)) = frames::read(&mut socket).await {
            heard.frames.push(frame);
            if heard.frames.last().is_some_and(|frame| frame.first == FIN | CLOSE) {
                // A client that closes the connection first does so now, when its task runs.
                for _ in 0..100 {
                    if socket.read_u8().now_or_never().is_some() {
                        return heard;
                    }
                    tokio::task::yield_now().await;
                }
                break;
            }
        }
        hung_up.store(true, SeqCst);
        heard
    });
    (address, serving)
}

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
     upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n";

type RawMessages = Vec<raw::RawMessage>;

/// Returns what `raw::messages` yields: the messages, then a proper end or an error.
async fn follow(address: SocketAddr, what: &str) -> (RawMessages, Result<(), raw::RawError>) {
    let options = raw::RawOptions { once: true, ..raw::RawOptions::default() };
    let updates = raw::messages(&format!("ws://{address}/any?path"), &options);
    let received = |update: raw::RawUpdate<_>| std::future::ready(Ok(update.received()));
    let mut frames = updates.try_filter_map(received).boxed();
    let mut messages = Vec::new();
    loop {
        match within(TIMEOUT, what, frames.next()).await {
            Some(Ok(frame)) => messages.push(frame),
            Some(Err(error)) => return (messages, Err(error)),
            None => return (messages, Ok(())),
        }
    }
}

/// Returns how a subscription over WebSocket ends.
async fn subscription(address: SocketAddr, what: &str) -> Result<(), SubscribeError> {
    let (client, target) = (support::client(), support::target(address));
    let settings = SubscriberSettings::default();
    let mut events = subscribe(Transport::WebSocket, &client, &target, After::Newest, &settings);
    while let Some(event) = within(TIMEOUT, what, events.next()).await {
        event?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_rejects_an_answer_that_does_not_belong_to_its_handshake() {
    for (what, head) in [
        ("another accept", SWITCHING.replace("{accept}", frames::ACCEPT)),
        ("an empty accept", SWITCHING.replace("{accept}", "")),
        ("no accept", SWITCHING.replace("sec-websocket-accept: {accept}\r\n", "")),
        ("no upgrade", SWITCHING.replace("upgrade: websocket\r\n", "")),
        ("another upgrade", SWITCHING.replace("upgrade: websocket", "upgrade: h2c")),
        ("no connection", SWITCHING.replace("connection: Upgrade\r\n", "")),
        ("an extension", SWITCHING.replace("\r\n\r\n", "\r\nsec-websocket-extensions: x\r\n\r\n")),
        ("a protocol", SWITCHING.replace("\r\n\r\n", "\r\nsec-websocket-protocol: chat\r\n\r\n")),
        ("200", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("200 with all the headers", {
            let ok = SWITCHING.replace("101 Switching Protocols", "200 OK");
            ok.replace("\r\n\r\n", "\r\ncontent-length: 0\r\n\r\n")
        }),
        ("404", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("no HTTP", "hello\r\n\r\n".to_owned()),
    ] {
        let head: &'static str = head.leak();
        let (address, _server) = serve(head, Vec::new(), Arc::default());
        let (messages, end) = follow(address, what).await;
        assert!(messages.is_empty() && end.is_err(), "{what}: {messages:?}, {end:?}");
        let (address, _server) = serve(head, Vec::new(), Arc::default());
        let end = subscription(address, what).await;
        assert!(end.is_err(), "{what}: {end:?}");
    }
}

#[tokio::test]
async fn the_handshake_of_a_client_is_as_the_standard_says() {
    let bytes = frame(FIN | CLOSE, None, &closing(1000, b""));
    let mut keys = HashSet::new();
    for _ in 0..8 {
        let (address, server) = serve(SWITCHING, bytes.clone(), Arc::default());
        follow(address, "a handshake").await.1.unwrap();
        let head = within(TIMEOUT, "a handshake", server).await.unwrap().head;
        assert!(head.starts_with("GET /any?path HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), Some(&*address.to_string()), "{head}");
        assert_eq!(header(&head, "sec-websocket-version"), Some("13"), "{head}");
        let key = header(&head, "sec-websocket-key").unwrap();
        assert!(key.len() == 24 && key.ends_with("=="), "{key} is not 16 bytes in base64");
        keys.insert(key.to_owned());
    }
    assert_eq!(keys.len(), 8, "every connection has a key of its own");
}

#[tokio::test]
async fn a_client_answers_pings_masks_its_frames_and_lets_the_server_close_the_connection() {
    let text = |payload: &str| raw::RawMessage::Text(payload.to_owned());
    let mut bytes = [frame(TEXT, None, b"\xF0\x9F"), frame(FIN | PING, None, b"0")].concat();
    bytes.extend(frame(CONTINUATION, None, b"\xA6"));
    for ping in 1..20 {
        bytes.extend(frame(FIN | PING, None, ping.to_string().as_bytes()));
    }
    bytes.extend([frame(FIN, None, b"\x80"), frame(FIN | BINARY, None, b"\xFF")].concat());
    bytes.extend(frame(FIN | CLOSE, None, &closing(4000, b"enough")));
    // What comes after a close frame is discarded (section 1.4).
    bytes.extend([frame(FIN | TEXT, None, b"late"), vec![0xFF; 3]].concat());

    // The timeout after which a client closes the connection by itself does not pass.
    let _frozen = support::pause_clock();
    let hung_up = Arc::new(AtomicBool::new(false));
    let (address, server) = serve(SWITCHING, bytes, Arc::clone(&hung_up));
    let (messages, end) = follow(address, "messages").await;
    assert_eq!(messages, [text("🦀"), raw::RawMessage::Binary(vec![0xFF].into())]);
    assert!(end.is_ok(), "{end:?}");
    assert!(hung_up.load(SeqCst), "the server closes the connection, not the client");

    let frames = within(TIMEOUT, "the client's frames", server).await.unwrap().frames;
    let (close, pongs) = frames.split_last().unwrap();
    for (ping, pong) in pongs.iter().enumerate() {
        assert_eq!((pong.first, &pong.payload[..]), (FIN | PONG, ping.to_string().as_bytes()));
    }
    // A client may answer only the latest of several pings (section 5.5.3); this one answers each.
    assert_eq!(pongs.len(), 20);
    assert_eq!(close.close_code(), Some(4000));
    let keys: HashSet<_> = frames.iter().map(|frame| frame.mask.expect("a mask")).collect();
    assert!(keys.len() > 15, "masking keys are unpredictable: {} of 21 differ", keys.len());
}

#[tokio::test]
async fn a_client_sends_the_matching_close_code_to_a_server_that_breaks_the_protocol() {
    let hello = frame(FIN | TEXT, None, b"{\"hello\":{\"cursor\":\"0000000000000001-0\"}}");
    let mut cases: Vec<(String, Vec<u8>, u16)> = Vec::new();
    let mut case = |what: &str, bytes: Vec<u8>, code| cases.push((what.to_owned(), bytes, code));
    case("a masked frame", masked(FIN | TEXT, b"x"), 1002);
    for first in [0xC1, 0xA1, 0x91, 0x83, 0x87, 0x8B, 0x8F, 0x80, 0x00, 0x09, 0x08] {
        case(&format!("first byte {first:#x}"), frame(first, None, b""), 1002);
    }
    case("a ping of 126 bytes", frame(FIN | PING, None, &[0; 126]), 1002);
    let nested = [frame(TEXT, None, b"a"), frame(FIN | TEXT, None, b"b")].concat();
    case("a message inside a message", nested, 1002);
    case("bad UTF-8", frame(FIN | TEXT, None, b"\xC3\x28"), 1007);
    let split = [frame(TEXT, None, b"\xC3"), frame(FIN, None, b"\x28")].concat();
    case("bad UTF-8 in fragments", split, 1007);
    case("a bad close reason", frame(FIN | CLOSE, None, &closing(1000, b"\xFF")), 1007);
    case("a close of one byte", frame(FIN | CLOSE, None, b"\x03"), 1002);
    case(
        "too much",
        [&[FIN | BINARY, 127][..], &((16 << 20) + 1_u64).to_be_bytes()].concat(),
        1009,
    );
    for (what, bytes, code) in cases {
        let (address, server) = serve(SWITCHING, bytes.clone(), Arc::default());
        let (messages, end) = follow(address, &what).await;
        assert!(messages.is_empty() && end.is_err(), "{what}: {messages:?}, {end:?}");
        let heard = within(TIMEOUT, &what, server).await.unwrap().frames;
        assert_eq!(heard.last().and_then(Frame::close_code), Some(code), "{what}: {heard:?}");
        assert!(heard.iter().all(|frame| frame.mask.is_some()), "{what}: {heard:?}");

        let bytes = [hello.clone(), bytes].concat();
        let (address, server) = serve(SWITCHING, bytes, Arc::default());
        let end = subscription(address, &what).await;
        assert!(matches!(end, Err(SubscribeError::WebSocket { .. })), "{what}: {end:?}");
        let heard = within(TIMEOUT, &what, server).await.unwrap().frames;
        assert_eq!(heard.last().and_then(Frame::close_code), Some(code), "{what}: {heard:?}");
    }
    // An invalid code in a close frame is a protocol error, whatever the library calls it.
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        let bytes = frame(FIN | CLOSE, None, &closing(code, b""));
        let (address, server) = serve(SWITCHING, bytes, Arc::default());
        let _ = follow(address, "a close code").await;
        let heard = within(TIMEOUT, "a close code", server).await.unwrap().frames;
        assert_eq!(heard.last().and_then(Frame::close_code), Some(1002), "after close {code}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_a_close_frame_is_an_error() {
    for bytes in [
        Vec::new(),
        frame(FIN | TEXT, None, b"message"),
        frame(TEXT, None, b"the beginning"),
        frame(FIN | TEXT, None, b"half")[..3].to_vec(),
    ] {
        let listener = support::listen();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut socket = BufReader::new(listener.accept().await.unwrap().0);
            let request = read_head(&mut socket).await;
            let key = header(&request, "sec-websocket-key").unwrap();
            let accept = derive_accept_key(key.as_bytes());
            let answer = SWITCHING.replace("{accept}", &accept).into_bytes();
            socket.write_all(&[answer, bytes].concat()).await.unwrap();
        });
        let (_, end) = follow(address, "the end").await;
        assert!(matches!(end, Err(raw::RawError::Subscription(_))), "{end:?}");
        server.await.unwrap();
    }
}
