//! What a client must not do, over the wire: what the documents prescribe for it, and that the
//! server still serves afterwards. That it has not panicked is checked when it is dropped.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::bare::{Answer, PollingSession, SEPARATOR, SocketSession, within};
use crate::server::{JudgedServer, Setup};

const FEED: &str = "/feeds/bench";

/// One byte more than the limit that the handshake announces.
const TOO_LONG: usize = 1_000_001;

/// Asserts that a request is refused as the reference server refuses it: with a code and a message.
fn assert_refused(answer: &Answer, code: u64, message: &str) {
    let body: Value = serde_json::from_str(&answer.1).unwrap_or(Value::Null);
    let (found, expected) = ([&body["code"], &body["message"]], [&json!(code), &json!(message)]);
    assert_eq!((answer.0, found), (400, expected), "{answer:?}");
}

/// Asserts that a connected session works.
async fn assert_works(socket: &mut SocketSession) {
    socket.send(r#"42/feeds/bench,77["echo","still here"]"#).await;
    assert_eq!(socket.text().await, r#"43/feeds/bench,77["still here"]"#);
}

/// Asserts that the server serves new sessions.
async fn assert_serves(server: &JudgedServer) {
    assert_works(&mut server.connect(FEED).await).await;
    let session = server.open_polling().await;
    session.join(FEED).await;
}

#[tokio::test]
async fn a_version_other_than_4_is_refused() {
    let server = JudgedServer::start(Setup::QUIET);
    for version in ["3", "5", "", "04", "4.0"] {
        let answer = server.get(&format!("EIO={version}&transport=polling")).await;
        assert_refused(&answer, 5, "Unsupported protocol version");
        match server.websocket(&format!("EIO={version}&transport=websocket")).await {
            Err(status) => assert_eq!(status, 400, "version `{version}`"),
            // The reference server refuses what it has just accepted.
            Ok(_) => assert!(JudgedServer::is_reference(), "version `{version}`"),
        }
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_unknown_transport_is_refused() {
    let server = JudgedServer::start(Setup::QUIET);
    for transport in ["", "webtransport", "flashsocket", "constructor"] {
        let answer = server.get(&format!("EIO=4&transport={transport}")).await;
        assert_refused(&answer, 0, "Transport unknown");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_unknown_session_is_refused() {
    let server = JudgedServer::start(Setup::QUIET);
    for sid in ["AAAAAAAAAAAAAAHs", "x", "%00%ff", &"s".repeat(5000)] {
        let query = |transport| format!("EIO=4&transport={transport}&sid={sid}");
        assert_refused(&server.get(&query("polling")).await, 1, "Session ID unknown");
        let sent = server.request(Method::POST, &query("polling"), "40/feeds/bench,").await;
        assert_refused(&sent, 1, "Session ID unknown");
        assert_eq!(server.websocket(&query("websocket")).await.unwrap_err(), 400, "{sid}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_packet_for_a_closed_session_is_refused() {
    let server = JudgedServer::start(Setup::QUIET);
    let session = server.open_polling().await;
    session.join(FEED).await;
    assert_eq!(session.post("1").await.0, 200);
    assert_gone(&session).await;
    assert_serves(&server).await;
}

/// Asserts that a session is no longer known.
async fn assert_gone(session: &PollingSession<'_>) {
    let sent = session.post(r#"42/feeds/bench,["echo",1]"#).await;
    assert_refused(&sent, 1, "Session ID unknown");
    assert_refused(&session.get().await, 1, "Session ID unknown");
    assert_eq!(session.websocket().await.unwrap_err(), 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = JudgedServer::start(Setup::QUIET);
    let session = server.open_polling().await;
    session.join(FEED).await;
    let long = "x".repeat(TOO_LONG);
    assert_eq!(session.post(&format!(r#"42/feeds/bench,["echo","{long}"]"#)).await.0, 413);
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_message_over_the_limit_closes_the_websocket() {
    let server = JudgedServer::start(Setup::QUIET);
    let mut socket = server.connect(FEED).await;
    // The server may close before it has read everything.
    let _ = socket.try_send(Message::text("x".repeat(TOO_LONG))).await;
    assert_eq!(socket.closed().await, Vec::<String>::new());
    let mut socket = server.connect(FEED).await;
    socket.send(r#"451-/feeds/bench,1["echo",{"_placeholder":true,"num":0}]"#).await;
    let _ = socket.try_send(Message::binary(vec![7; TOO_LONG])).await;
    assert_eq!(socket.closed().await, Vec::<String>::new());
    assert_serves(&server).await;
}

/// Packets that are none. A session ends with them: see "closes the session upon invalid packet
/// format" of the one document's suite, "should close the connection upon invalid format" of the
/// other's.
const MALFORMED: [&str; 13] = [
    "7",
    "abc",
    "4",
    "4abc",
    "49",
    "42/feeds/bench,",
    "42/feeds/bench,[",
    "42/feeds/bench,{}",
    "42/feeds/bench,[]",
    "42/feeds/bench,[{}]",
    r#"42/feeds/bench,1a["echo"]"#,
    r#"45/feeds/bench,["echo"]"#,
    r#"45-/feeds/bench,["echo"]"#,
];

/// Returns what the judged server has to take for malformed. The reference server takes an event
/// without a payload for one without a name.
fn malformed() -> impl Iterator<Item = &'static str> {
    let passed_over = |packet: &&str| JudgedServer::is_reference() && *packet == "42/feeds/bench,";
    MALFORMED.into_iter().filter(move |packet| !passed_over(packet))
}

/// Over requests, the library finds no packet in an empty body, and the session goes on. The
/// reference server finds a malformed packet in it, and ends the session. The document is silent.
#[tokio::test]
async fn an_empty_body_has_no_packet() {
    let server = JudgedServer::start(Setup::QUIET);
    let session = server.open_polling().await;
    session.join(FEED).await;
    assert_eq!(session.post("").await, (200, "ok".to_owned()));
    let (status, _) = session.post(r#"42/feeds/bench,["echo",1]"#).await;
    assert_eq!(status, if JudgedServer::is_reference() { 400 } else { 200 });
}

#[tokio::test]
async fn a_malformed_packet_closes_a_session_over_a_websocket() {
    let server = JudgedServer::start(Setup::QUIET);
    for packet in malformed() {
        let mut socket = server.connect(FEED).await;
        socket.send(packet).await;
        assert_eq!(socket.closed().await, Vec::<String>::new(), "`{packet}`");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_malformed_packet_closes_a_session_that_polls() {
    let server = JudgedServer::start(Setup::QUIET);
    for packet in malformed() {
        let session = server.open_polling().await;
        session.join(FEED).await;
        let (status, body) = session.post(packet).await;
        assert!([200, 400].contains(&status), "`{packet}`: {status} {body}");
        // The session ends at once or soon, and says so or not.
        let ends = |packet: &str| ["1", "6"].contains(&packet);
        within(packet, async {
            loop {
                match session.get().await {
                    (400, _) => break,
                    (200, payload) if payload.split(SEPARATOR).all(ends) => {}
                    other => panic!("`{packet}`: {other:?}"),
                }
            }
        })
        .await;
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_malformed_attachment_closes_the_session() {
    let server = JudgedServer::start(Setup::QUIET);
    let announced = r#"451-/feeds/bench,1["echo",{"_placeholder":true,"num":0}]"#;
    // Text where an attachment has to come.
    let mut socket = server.connect(FEED).await;
    socket.send(announced).await;
    socket.send(r#"42/feeds/bench,["echo",1]"#).await;
    assert_eq!(socket.closed().await, Vec::<String>::new());
    // An attachment where there is none to come.
    let mut socket = server.connect(FEED).await;
    socket.send_binary(b"data").await;
    assert_eq!(socket.closed().await, Vec::<String>::new());
    // No Base64.
    let session = server.open_polling().await;
    session.join(FEED).await;
    session.post(&format!("{announced}\u{1e}b!!!")).await;
    assert_serves(&server).await;
}

#[tokio::test]
async fn more_attachments_than_can_come_are_not_waited_for_in_memory() {
    let server = JudgedServer::start(Setup::QUIET);
    for count in ["99999999999999999999", "4294967295", "1000000000"] {
        let mut socket = server.connect(FEED).await;
        let packet = format!(r#"45{count}-/feeds/bench,["echo",{{"_placeholder":true,"num":0}}]"#);
        let _ = socket.try_send(Message::text(packet)).await;
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_and_the_session_goes_on() {
    let server = JudgedServer::start(Setup::QUIET);
    let mut socket = server.open_websocket().await;
    for namespace in ["/feeds/nobody", "/feeds/", "/feeds/bench/x", "/constructor"] {
        socket.send(&format!("40{namespace},")).await;
        let refused = format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#);
        assert_eq!(socket.text().await, refused);
    }
    socket.join(FEED).await;
    assert_works(&mut socket).await;
}

/// Afterwards the client connects to another namespace: socketioxide passes over a client that
/// comes back to the namespace that has just refused it, for an instant (`docs/limits.md`).
#[tokio::test]
async fn a_cursor_that_is_none_is_refused_and_the_session_goes_on() {
    if JudgedServer::is_reference() {
        return;
    }
    let server = JudgedServer::start(Setup::QUIET);
    for auth in [r#"{"after":"yesterday"}"#, r#"{"after":7}"#, "[]", "\"start\""] {
        let mut socket = server.open_websocket().await;
        socket.send(&format!("40{FEED},{auth}")).await;
        let refused = socket.text().await;
        assert!(refused.starts_with(r#"44/feeds/bench,{"message":""#), "{auth}: {refused}");
        socket.join("/feeds/other").await;
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_event_for_a_namespace_that_was_not_joined_is_not_answered() {
    let server = JudgedServer::start(Setup::QUIET);
    for namespace in ["/feeds/bench,", ""] {
        let mut socket = server.open_websocket().await;
        socket.send(&format!(r#"42{namespace}1["echo",1]"#)).await;
        assert_eq!(socket.closed().await, Vec::<String>::new(), "`{namespace}`");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_acknowledgement_that_nobody_awaits_is_passed_over() {
    let server = JudgedServer::start(Setup::QUIET);
    let mut socket = server.connect(FEED).await;
    socket.send(r#"43/feeds/bench,12345["thanks"]"#).await;
    assert_works(&mut socket).await;
}

/// The server asks no client for an acknowledgement. A client may ask for one and leave.
#[tokio::test]
async fn a_client_that_leaves_before_its_acknowledgement_harms_nobody() {
    let server = JudgedServer::start(Setup::QUIET);
    for _ in 0..20 {
        let mut socket = server.connect(FEED).await;
        socket.send(r#"42/feeds/bench,1["publish",1]"#).await;
        drop(socket);
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_event_without_an_acknowledgement_in_sight_is_answered_with_an_error() {
    if JudgedServer::is_reference() {
        return;
    }
    let server = JudgedServer::start(Setup::QUIET);
    let mut socket = server.connect(FEED).await;
    socket.send(r#"42/feeds/bench,5["subscribe","everything"]"#).await;
    let answer = socket.text().await;
    assert!(answer.starts_with("43/feeds/bench,5["), "{answer}");
    assert!(answer.contains("\"error\""), "{answer}");
    assert_works(&mut socket).await;
}

/// The document: a client must not have two `POST` requests at a time; the answer is 400, and the
/// session is closed.
#[tokio::test]
async fn two_posts_at_once_close_the_session() {
    let server = JudgedServer::start(Setup::QUIET);
    for _ in 0..100 {
        let session = server.open_polling().await;
        let mut slow = half_a_post(&server, &session.sid).await;
        let (status, body) = session.post("3").await;
        if status == 200 {
            // It has overtaken the other, whose connection the server had not read yet.
            slow.shutdown().await.unwrap();
            continue;
        }
        assert_eq!(status, 400, "{body}");
        assert_eq!(session.get().await.0, 400);
        assert_serves(&server).await;
        return;
    }
    panic!("two `POST` requests at once were never refused");
}

/// Begins a `POST` whose body does not end.
async fn half_a_post(server: &JudgedServer, sid: &str) -> TcpStream {
    let address = server.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: {address}\r\n\
         Content-Length: 10\r\n\r\n4"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}
