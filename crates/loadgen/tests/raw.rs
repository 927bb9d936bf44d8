//! The raw clients, against hand-written servers: literal bytes in, literal bytes out.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebench_loadgen::raw::{self, RawError, RawEvent, RawMessage, RawOptions, RawUpdate};

const TIMEOUT: Duration = Duration::from_mins(2);

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n";

/// Answers one connection after the other with these bytes. The task returns the heads of the
/// requests.
async fn serve(answers: &[&str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stream?x=1", listener.local_addr().unwrap());
    let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
    let server = tokio::spawn(async move {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            heads.push(head(&mut socket).await);
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
        heads
    });
    (url, server)
}

async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn event(kind: &str, data: &str, id: &str) -> RawEvent {
    RawEvent { kind: kind.to_owned(), data: data.to_owned(), id: id.to_owned() }
}

/// Follows `url`, and returns what arrives.
fn events(url: &str, once: bool) -> BoxStream<'static, Result<RawEvent, RawError>> {
    let options = RawOptions { once, ..RawOptions::default() };
    let updates = raw::events(url, &options);
    updates.try_filter_map(|update| std::future::ready(Ok(update.received()))).boxed()
}

/// Follows the WebSocket at `url` once, and returns what arrives.
fn messages(url: &str) -> BoxStream<'static, Result<RawMessage, RawError>> {
    let options = RawOptions { once: true, ..RawOptions::default() };
    let updates = raw::messages(url, &options);
    updates.try_filter_map(|update| std::future::ready(Ok(update.received()))).boxed()
}

/// Returns everything until the stream ends, and how it ended.
async fn all(url: &str) -> (Vec<RawEvent>, Result<(), RawError>) {
    let mut events = events(url, true);
    let mut seen = Vec::new();
    loop {
        match timeout(TIMEOUT, events.next()).await.expect("the stream ends") {
            Some(Ok(event)) => seen.push(event),
            Some(Err(error)) => return (seen, Err(error)),
            None => return (seen, Ok(())),
        }
    }
}

#[tokio::test]
async fn a_complete_response_ends_an_event_stream_properly() {
    let body = "id: 1\nevent: a\ndata: x\ndata: y\n\ndata: z\n\ndata: lost";
    let (url, server) = serve(&[&format!("{STREAM}{body}")]).await;
    let (events, end) = all(&url).await;
    assert_eq!(events, [event("a", "x\ny", "1"), event("message", "z", "1")]);
    assert!(end.is_ok(), "{end:?}");
    let head = server.await.unwrap().remove(0).to_lowercase();
    assert!(head.starts_with("get /stream?x=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("accept: text/event-stream\r\n") && !head.contains("last-event-id"));
}

#[tokio::test]
async fn a_response_that_is_cut_short_is_an_error_after_its_events() {
    let chunked =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    for (rest, complete) in
        [("9\r\ndata: a\n\n\r\n", false), ("9\r\ndata: a\n\n\r\n0\r\n\r\n", true)]
    {
        let (url, _server) = serve(&[&format!("{chunked}{rest}")]).await;
        let (events, end) = all(&url).await;
        assert_eq!(events, [event("message", "a", "")]);
        assert_eq!(end.is_ok(), complete, "{end:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_the_id_is_sent_after_an_interruption() {
    let first = format!("{STREAM}retry: 1\nid: é1\ndata: a\n\n");
    let second = format!("{STREAM}data: b\n\n");
    for code in ["301 A", "302 B", "303 C", "307 D", "308 E"] {
        let (there, server) = serve(&[&first, &second]).await;
        let redirect = format!("HTTP/1.1 {code}\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n");
        let (url, _server) = serve(&[&redirect, &redirect]).await;
        let mut events = events(&url, false);
        for expected in [event("message", "a", "é1"), event("message", "b", "é1")] {
            let next = timeout(TIMEOUT, events.next()).await.unwrap();
            assert_eq!(next.unwrap().unwrap(), expected, "after {code}");
        }
        let heads = server.await.unwrap();
        assert!(heads[1].contains("last-event-id: é1\r\n"), "{}", heads[1]);
    }
}

#[tokio::test]
async fn any_other_answer_fails_for_good_even_when_reconnecting() {
    for (answer, told) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", "204"),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "500"),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\ndata: x\n\n", "text/plain"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "no content type"),
    ] {
        let (url, _server) = serve(&[answer]).await;
        let mut events = events(&url, false);
        let error = timeout(TIMEOUT, events.next()).await.unwrap().unwrap().unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert!(events.next().await.is_none());
    }
}

/// Upgrades one connection and sends `frames`. The task returns what the client sends until it
/// closes the connection.
async fn upgrade(frames: &[u8]) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/x", listener.local_addr().unwrap());
    let frames = frames.to_vec();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = head(&mut socket).await;
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
             connection: keep-alive, Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        // The first frames are sent together with the handshake.
        socket.write_all(&[answer.as_bytes(), &frames].concat()).await.unwrap();
        let mut opcode_and_length = [0; 2];
        let mut sent = Vec::new();
        while socket.read_exact(&mut opcode_and_length).await.is_ok() {
            let mut masked = vec![0; 4 + usize::from(opcode_and_length[1] & 0x7F)];
            socket.read_exact(&mut masked).await.unwrap();
            let (mask, payload) = masked.split_at(4);
            sent.push(opcode_and_length[0]);
            sent.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            if opcode_and_length[0] == 0x88 {
                break;
            }
        }
        sent
    });
    (url, server)
}

#[tokio::test]
async fn a_websocket_yields_messages_answers_pings_and_closes_properly() {
    let frames = b"\x81\x02hi\x89\x01p\x01\x01a\x80\x01b\x82\x01\xFF\x88\x02\x03\xE8";
    let (url, server) = upgrade(frames).await;
    let frames: Vec<_> = timeout(TIMEOUT, messages(&url).collect()).await.unwrap();
    let frames: Vec<_> = frames.into_iter().map(Result::unwrap).collect();
    let text = |text: &str| RawMessage::Text(text.to_owned());
    assert_eq!(frames, [text("hi"), text("ab"), RawMessage::Binary(vec![0xFF].into())]);
    assert_eq!(server.await.unwrap(), b"\x8Ap\x88\x03\xE8");
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_gets_the_matching_close_code() {
    for (frames, code) in [
        (&b"\x81\x02\xC3\x28"[..], 1007_u16),
        (b"\xC1\x00", 1002),
        (b"\x83\x00", 1002),
        (b"\x80\x00", 1002),
        (b"\x81\x80abcd", 1002),
        (b"\x09\x00", 1002),
        (b"\x88\x01\x03", 1002),
        (b"\x82\x7F\x00\x00\x00\x00\x01\x00\x00\x01", 1009),
    ] {
        let (url, server) = upgrade(frames).await;
        let mut messages = messages(&url);
        let result = timeout(TIMEOUT, messages.next()).await.unwrap();
        assert!(matches!(result, Some(Err(RawError::Subscription(_)))), "{frames:?}: {result:?}");
        let sent = server.await.unwrap();
        assert_eq!(sent[..3], [&[0x88][..], &code.to_be_bytes()].concat(), "after {frames:?}");
    }
}

#[tokio::test]
async fn a_connection_without_a_close_handshake_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let hangs_up = async { drop(listener.accept().await.unwrap()) };
    let mut messages = messages(&url);
    let ((), result) = tokio::join!(hangs_up, timeout(TIMEOUT, messages.next()));
    assert!(matches!(result.unwrap(), Some(Err(RawError::Subscription(_)))));
}

#[tokio::test]
async fn a_client_tells_when_it_is_connected_and_why_and_when_it_connects_again() {
    let first = format!("{STREAM}retry: 7\ndata: a\n\n");
    let (url, _server) = serve(&[&first, &format!("{STREAM}data: b\n\n")]).await;
    let mut updates = raw::events(&url, &RawOptions::default());
    let mut told = Vec::new();
    for _ in 0..5 {
        let update = timeout(TIMEOUT, updates.next()).await.expect("an update");
        told.push(match update.unwrap().unwrap() {
            RawUpdate::Connected => "connected".to_owned(),
            RawUpdate::Received(event) => event.data,
            RawUpdate::Interrupted { why: None, pause } => format!("ended, {pause:?}"),
            RawUpdate::Interrupted { why: Some(why), .. } => panic!("{why}"),
        });
    }
    assert_eq!(told, ["connected", "a", "ended, 7ms", "connected", "b"]);
}

#[tokio::test]
async fn headers_of_the_user_go_to_the_server_that_was_asked_and_to_no_other() {
    let (there, elsewhere) = serve(&[&format!("{STREAM}data: a\n\n")]).await;
    let redirect = format!("HTTP/1.1 302 B\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n");
    let (url, asked) = serve(&[&redirect]).await;
    let headers = [("authorization", "Bearer x"), ("user-agent", "mine")];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let options = RawOptions { headers: headers.into_iter().collect(), ..RawOptions::default() };
    let mut updates = raw::events(&url, &options);
    while timeout(TIMEOUT, updates.next()).await.unwrap().unwrap().unwrap().received().is_none() {}
    let (asked, elsewhere) = (asked.await.unwrap().remove(0), elsewhere.await.unwrap().remove(0));
    assert!(asked.contains("authorization: Bearer x\r\n"), "{asked}");
    assert!(asked.contains("user-agent: mine\r\n") && !asked.contains("Mozilla"), "{asked}");
    assert!(!elsewhere.contains("Bearer") && elsewhere.contains("Mozilla"), "{elsewhere}");
}
