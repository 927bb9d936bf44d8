//! Bad input: each client gets what the protocol prescribes, nothing panics, and nothing is left.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tokio::time::{Duration, Instant};
use wirebench_server::{Access, Feed, Limits, Server, SocketIoLimits, Token};

use crate::client::{
    NAMESPACE, Polling, Session, TestServer, metric, read, unknown_session, until_metric,
};

const PUBLISH: &str = "publish-token-0123456789";
const SUBSCRIBE: &str = "subscribe-token-0123456789";

fn error(code: u8, message: &str) -> (StatusCode, String) {
    let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
    (StatusCode::BAD_REQUEST, body)
}

#[tokio::test]
async fn a_request_that_engine_io_does_not_allow_gets_its_error() {
    let server = TestServer::new();
    for (method, query, expected) in [
        ("GET", "EIO=4", error(0, "Transport unknown")),
        ("GET", "EIO=4&transport=smoke", error(0, "Transport unknown")),
        ("GET", "EIO=3&transport=polling", error(5, "Unsupported protocol version")),
        ("GET", "transport=websocket", error(5, "Unsupported protocol version")),
        ("POST", "EIO=4&transport=polling", error(2, "Bad handshake method")),
        ("GET", "EIO=4&transport=polling&sid=no", unknown_session()),
        ("GET", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", unknown_session()),
        ("POST", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", unknown_session()),
        ("GET", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAHs", unknown_session()),
    ] {
        assert_eq!(server.ask(method, query, "").await, expected, "{method} {query}");
    }
    assert_eq!(metric(&server, "wirebench_sessions_open"), 0);
}

#[tokio::test]
async fn an_answer_says_that_it_must_not_be_stored() {
    let server = TestServer::new();
    for query in ["EIO=4&transport=polling", "EIO=4"] {
        let request = Request::get(format!("/socket.io/?{query}")).body(Body::empty()).unwrap();
        let answer = server.answer(request).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{query}");
    }
}

/// Sends a body that ends the session, and returns the status of the answer.
async fn ends_with(server: &TestServer, body: &str) -> StatusCode {
    let mut session = server.open_polling().await;
    session.connect("").await;
    let (status, _) = session.ask("POST", body).await;
    is_over(&session).await;
    status
}

/// Polls until the session is over.
async fn is_over(session: &Polling<'_>) {
    while session.ask("GET", "").await.0 == StatusCode::OK {}
    assert_eq!(session.ask("GET", "").await, unknown_session());
    assert_eq!(session.ask("POST", "3").await, unknown_session());
}

#[tokio::test]
async fn a_malformed_packet_ends_the_session() {
    let server = TestServer::with_limits(Limits {
        socket_io: SocketIoLimits { payload_bytes: 1_000, ..SocketIoLimits::default() },
        ..Limits::default()
    });
    let ok = StatusCode::OK;
    let event = format!("42{NAMESPACE},");
    for (body, status) in [
        ("x", StatusCode::BAD_REQUEST),
        ("é", StatusCode::BAD_REQUEST),
        ("b%%%", StatusCode::BAD_REQUEST),
        (&"4".repeat(1_001), StatusCode::PAYLOAD_TOO_LARGE),
        ("1", ok),
        ("49", ok),
        ("4", ok),
        ("45-", ok),
        ("bAQID", ok),
        (&format!("{event}[\"publish\",1"), ok),
        (&format!("{event}[\"publish\""), ok),
        (&format!("451-{NAMESPACE},[\"echo\",{{}}]\x1e4{}", "2[]"), ok),
    ] {
        assert_eq!(ends_with(&server, body).await, status, "{body:?}");
    }
    assert_eq!(server.feed.published(), 0);
}

#[tokio::test]
async fn what_means_nothing_is_ignored() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    for packet in [
        // An acknowledgement that nobody asked for, and packets for a namespace that does not exist.
        &format!("43{NAMESPACE},17[1]"),
        "42/feeds/nosuch,[\"publish\",1]",
        "41/feeds/nosuch,",
        // A second CONNECT, an event without a handler, an unasked-for pong.
        &format!("40{NAMESPACE},"),
        &format!("42{NAMESPACE},[\"subscribe\"]"),
        "3",
    ] {
        session.send(packet).await;
    }
    server.publish("1");
    assert_eq!(session.message().await, 1);
}

#[tokio::test]
async fn a_client_that_may_not_connect_is_told_why() {
    let [publish, subscribe] = [PUBLISH, SUBSCRIBE].map(|token| Some(Token::new(token).unwrap()));
    let access = Access::new(publish, subscribe, []);
    let server = TestServer::of(Feed::new(10), |server: Server| server.with_access(access));
    let mut session = server.open_polling().await;
    session.send("40/feeds/nosuch,").await;
    let refused = "44/feeds/nosuch,{\"message\":\"Invalid namespace\"}";
    assert_eq!(session.packet().await, refused);
    let token = format!("\"token\":\"{SUBSCRIBE}\"");
    for (auth, words) in [
        (String::new(), "requires a token"),
        ("{\"token\":\"guessed-token-0123456789\"}".to_owned(), "requires a token"),
        ("{\"ticket\":\"guessed\"}".to_owned(), "requires a token"),
        ("{\"token\":\"\\n\"}".to_owned(), "requires a token"),
        ("[]".to_owned(), "`auth` is an object"),
        ("{\"afetr\":\"start\"}".to_owned(), "unknown field `afetr`"),
        ("{\"after\":7}".to_owned(), "`auth` is an object"),
        (format!("{{{token},\"after\":\"what\"}}"), "`after` is a cursor"),
    ] {
        session.send(&format!("40{NAMESPACE},{auth}")).await;
        let refused = session.packet().await;
        assert!(refused.starts_with(&format!("44{NAMESPACE},{{\"message\":")), "{auth}: {refused}");
        assert!(refused.contains(words), "{auth}: {refused}");
    }
    session.connect(&format!("{{{token}}}")).await;
    session.send(&format!("42{NAMESPACE},1[\"publish\",1]")).await;
    let refused = session.packet().await;
    assert!(refused.contains("publishing requires a token"), "{refused}");
    assert!(refused.contains("\"status\":403"), "{refused}");
}

#[tokio::test]
async fn a_ticket_opens_a_session_in_its_address_or_in_its_auth() {
    let [publish, subscribe] = [PUBLISH, SUBSCRIBE].map(|token| Some(Token::new(token).unwrap()));
    let access = Access::new(publish, subscribe, []);
    let server = TestServer::of(Feed::new(10), |server: Server| server.with_access(access));
    let request = Request::post("/tickets").header("authorization", format!("Bearer {PUBLISH}"));
    let (_, body) = read(server.answer(request.body(Body::empty()).unwrap()).await).await;
    let ticket: serde_json::Value = serde_json::from_str(&body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap();
    let mut in_auth = server.open_polling().await;
    in_auth.connect(&format!("{{\"ticket\":\"{ticket}\"}}")).await;
    let mut in_address = server.open_polling_with(&format!("&ticket={ticket}")).await;
    in_address.connect("").await;
    in_address.send(&format!("42{NAMESPACE},[\"publish\",1]")).await;
    assert_eq!(in_address.message().await, 1, "the ticket of a publisher publishes");
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    let (first, second) = tokio::join!(session.ask("GET", ""), session.ask("GET", ""));
    assert_eq!(first, (StatusCode::OK, "1".to_owned()), "the session is closed");
    assert_eq!(second.0, StatusCode::BAD_REQUEST);
    is_over(&session).await;
    until_metric(&server, "wirebench_sessions_closed_total{reason=\"protocol\"}", 1).await;
}

#[tokio::test]
async fn sessions_beyond_the_limit_are_refused_until_one_ends() {
    let server = TestServer::with_limits(Limits {
        socket_io: SocketIoLimits { sessions: 2, ..SocketIoLimits::default() },
        ..Limits::default()
    });
    let mut first = server.open_polling().await;
    first.connect("").await;
    let _second = server.open_polling().await;
    let request = Request::get("/socket.io/?EIO=4&transport=polling").body(Body::empty()).unwrap();
    let refused = server.answer(request).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(metric(&server, "wirebench_sessions_open"), 2);
    first.ask("POST", "1").await;
    until_metric(&server, "wirebench_sessions_open", 1).await;
    server.open_polling().await;
}

#[tokio::test(start_paused = true)]
async fn sessions_of_clients_that_vanish_end_and_leave_nothing() {
    let server = TestServer::new();
    for _ in 0..10 {
        server.open_polling().await.connect("").await;
        server.open_polling().await;
        drop(server.open_websocket(None).await);
    }
    assert!(metric(&server, "wirebench_sessions_open") >= 20);
    tokio::time::sleep(Duration::from_secs(46)).await;
    assert_eq!(metric(&server, "wirebench_sessions_open"), 0);
    let closed = "wirebench_sessions_closed_total{reason=\"heartbeat\"}";
    assert_eq!(metric(&server, closed), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_refused() {
    let server = TestServer::new();
    let session = server.open_polling().await;
    let start = Instant::now();
    let body = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
    let uri = format!("/socket.io/?EIO=4&transport=polling&sid={}", session.id);
    let answer = server.answer(Request::post(uri).body(body).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(start.elapsed().as_secs(), 30);
}
