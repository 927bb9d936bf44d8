//! The cases of the Engine.IO protocol, version 4, in the order of its document's test suite.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bare::within;
use crate::server::{JudgedServer, Setup};

/// A packet with the event `echo`, which the server acknowledges with the same value.
fn echo(id: u32, value: &str) -> String {
    format!("42/feeds/bench,{id}[\"echo\",\"{value}\"]")
}

/// The acknowledgement of [`echo`].
fn echoed(id: u32, value: &str) -> String {
    format!("43/feeds/bench,{id}[\"{value}\"]")
}

const BINARY_ECHO: &str = r#"451-/feeds/bench,9["echo",{"_placeholder":true,"num":0}]"#;
const BINARY_ECHOED: &str = r#"461-/feeds/bench,9[{"_placeholder":true,"num":0}]"#;

fn ok() -> (u16, String) {
    (200, "ok".to_owned())
}

/// Asserts what a handshake of the suites' server says.
fn assert_handshake(mut handshake: Value, upgrades: &Value) {
    let sid = handshake["sid"].take();
    assert!(sid.as_str().is_some_and(|sid| !sid.is_empty()), "{sid}");
    let expected = json!({
        "sid": null,
        "upgrades": upgrades,
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    });
    assert_eq!(handshake, expected);
}

pub(crate) mod handshake {
    use super::*;

    pub(crate) mod http_long_polling {
        use reqwest::Method;

        use super::*;

        #[tokio::test]
        pub(crate) async fn successfully_opens_a_session() {
            let server = JudgedServer::start(Setup::SUITE);
            let session = server.open_polling().await;
            assert_handshake(session.handshake, &json!(["websocket"]));
        }

        #[tokio::test]
        pub(crate) async fn fails_with_an_invalid_eio_query_parameter() {
            let server = JudgedServer::start(Setup::SUITE);
            assert_eq!(server.get("transport=polling").await.0, 400);
            assert_eq!(server.get("EIO=abc&transport=polling").await.0, 400);
        }

        #[tokio::test]
        pub(crate) async fn fails_with_an_invalid_transport_query_parameter() {
            let server = JudgedServer::start(Setup::SUITE);
            assert_eq!(server.get("EIO=4").await.0, 400);
            assert_eq!(server.get("EIO=4&transport=abc").await.0, 400);
        }

        #[tokio::test]
        pub(crate) async fn fails_with_an_invalid_request_method() {
            let server = JudgedServer::start(Setup::SUITE);
            for method in [Method::POST, Method::PUT] {
                let answer = server.request(method.clone(), "EIO=4&transport=polling", "").await;
                assert_eq!(answer.0, 400, "{method}");
            }
        }
    }

    pub(crate) mod websocket {
        use super::*;

        #[tokio::test]
        pub(crate) async fn successfully_opens_a_session() {
            let server = JudgedServer::start(Setup::SUITE);
            let socket = server.open_websocket().await;
            assert_handshake(socket.handshake, &json!([]));
        }

        #[tokio::test]
        pub(crate) async fn fails_with_an_invalid_eio_query_parameter() {
            let server = JudgedServer::start(Setup::SUITE);
            assert_refused(&server, "transport=websocket").await;
            assert_refused(&server, "EIO=abc&transport=websocket").await;
        }

        #[tokio::test]
        pub(crate) async fn fails_with_an_invalid_transport_query_parameter() {
            let server = JudgedServer::start(Setup::SUITE);
            assert_refused(&server, "EIO=4").await;
            assert_refused(&server, "EIO=4&transport=abc").await;
        }
    }
}

/// Asserts that a WebSocket is refused, or closed at once.
async fn assert_refused(server: &JudgedServer, query: &str) {
    if let Ok(mut socket) = server.websocket(query).await {
        assert_eq!(socket.closed().await, Vec::<String>::new(), "{query}");
    }
}

mod message {
    use super::*;

    mod http_long_polling {
        use super::*;

        /// Sends a payload, and asserts that the next one from the server is this.
        async fn check(sent: &[&str], received: &[&str]) {
            let server = JudgedServer::start(Setup::QUIET);
            let session = server.open_polling().await;
            session.join("/feeds/bench").await;
            let [sent, received] = [sent, received].map(|packets| packets.join("\u{1e}"));
            assert_eq!(session.post(&sent).await, ok());
            assert_eq!(session.get().await, (200, received));
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_one_plain_text_packet() {
            check(&[&echo(0, "hello")], &[&echoed(0, "hello")]).await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_several_plain_text_packets() {
            let sent = [echo(1, "test1"), echo(2, "test2"), echo(3, "test3")];
            let received = [echoed(1, "test1"), echoed(2, "test2"), echoed(3, "test3")];
            check(&sent.each_ref().map(String::as_str), &received.each_ref().map(String::as_str))
                .await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_plain_text_and_binary_packets() {
            let sent = [&echo(0, "hello"), BINARY_ECHO, "bAQIDBA=="];
            let received = [&echoed(0, "hello"), BINARY_ECHOED, "bAQIDBA=="];
            check(&sent, &received).await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let server = JudgedServer::start(Setup::QUIET);
            let session = server.open_polling().await;
            // The reference server answers 200: the documents' case swallows its own assertion.
            let expected = if JudgedServer::is_reference() { 200 } else { 400 };
            assert_eq!(session.post("abc").await.0, expected);
            assert_eq!(session.get().await.0, 400);
        }

        /// The document's case sends the second request 5 ms after the first, and expects the
        /// packet `close` in the answer to the first. The order in which the two arrive is up to
        /// the network. So either may be the one that is refused.
        #[tokio::test]
        async fn closes_the_session_upon_duplicate_poll_requests() {
            let server = JudgedServer::start(Setup::QUIET);
            let session = server.open_polling().await;
            let (first, second) = futures::join!(session.get(), session.get());
            let (held, refused) = if first.0 == 200 { (first, second) } else { (second, first) };
            assert_eq!(held, (200, "1".to_owned()));
            // The reference server answers 500. The document demands 400.
            assert!([400, 500].contains(&refused.0), "{refused:?}");
            assert_eq!(session.get().await.0, 400);
        }
    }

    mod websocket {
        use super::*;

        #[tokio::test]
        async fn sends_and_receives_a_plain_text_packet() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send(&echo(0, "hello")).await;
            assert_eq!(socket.text().await, echoed(0, "hello"));
        }

        #[tokio::test]
        async fn sends_and_receives_a_binary_packet() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send(BINARY_ECHO).await;
            socket.send_binary(&[1, 2, 3, 4]).await;
            assert_eq!(socket.text().await, BINARY_ECHOED);
            assert_eq!(&socket.binary().await[..], [1, 2, 3, 4]);
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.open_websocket().await;
            socket.send("abc").await;
            assert_eq!(socket.closed().await, Vec::<String>::new());
        }
    }
}

pub(crate) mod heartbeat {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(300);
    const INTERVAL_AND_TIMEOUT: Duration = Duration::from_millis(500);

    pub(crate) mod http_long_polling {
        use super::*;

        #[tokio::test]
        pub(crate) async fn sends_ping_pong_packets() {
            let server = JudgedServer::start(Setup::PINGING);
            let opened = Instant::now();
            let session = server.open_polling().await;
            for pings in 1..=3 {
                assert_eq!(session.get().await, (200, "2".to_owned()));
                let waited = opened.elapsed();
                assert!(waited >= pings * INTERVAL, "ping {pings} after {waited:?}");
                assert_eq!(session.post("3").await, ok());
            }
        }

        #[tokio::test]
        pub(crate) async fn closes_the_session_upon_ping_timeout() {
            let server = JudgedServer::start(Setup::SUITE);
            let session = server.open_polling().await;
            tokio::time::sleep(INTERVAL_AND_TIMEOUT).await;
            // The timers of two processes: what a request finds open is closed soon.
            within("the end of the session", async { while session.get().await.0 != 400 {} }).await;
        }
    }

    pub(crate) mod websocket {
        use super::*;

        #[tokio::test]
        pub(crate) async fn sends_ping_pong_packets() {
            let server = JudgedServer::start(Setup::PINGING);
            let opened = Instant::now();
            let mut socket = server.open_websocket().await;
            for pings in 1..=3 {
                assert_eq!(socket.text().await, "2");
                let waited = opened.elapsed();
                assert!(waited >= pings * INTERVAL, "ping {pings} after {waited:?}");
                socket.send("3").await;
            }
        }

        #[tokio::test]
        pub(crate) async fn closes_the_session_upon_ping_timeout() {
            let server = JudgedServer::start(Setup::SUITE);
            // From before the session is open: so the time that is measured is never too short.
            let opened = Instant::now();
            let mut socket = server.open_websocket().await;
            assert_eq!(socket.closed().await, ["2"]);
            let lived = opened.elapsed();
            assert!(lived >= INTERVAL_AND_TIMEOUT, "closed after {lived:?}");
        }
    }
}

pub(crate) mod close {
    use super::*;

    pub(crate) mod http_long_polling {
        use super::*;

        #[tokio::test]
        pub(crate) async fn forcefully_closes_the_session() {
            let server = JudgedServer::start(Setup::QUIET);
            // The two requests have connections of their own. So `close` may overtake the other
            // request, which then finds no session. The case is about one that is held.
            for _ in 0..100 {
                let session = server.open_polling().await;
                let (held, closed) = futures::join!(session.get(), session.post("1"));
                assert_eq!(closed, ok());
                assert_eq!(session.get().await.0, 400);
                if held.0 == 200 {
                    assert_eq!(held.1, "6");
                    return;
                }
                assert_eq!(held.0, 400, "{}", held.1);
            }
            panic!("`close` has overtaken every request");
        }
    }

    pub(crate) mod websocket {
        use super::*;

        #[tokio::test]
        pub(crate) async fn forcefully_closes_the_session() {
            // The reference server passes over the packet, and closes for want of a pong.
            let is_reference = JudgedServer::is_reference();
            let setup = if is_reference { Setup::SUITE } else { Setup::QUIET };
            let server = JudgedServer::start(setup);
            let mut socket = server.open_websocket().await;
            socket.send("1").await;
            let packets = socket.closed().await;
            assert!(packets.is_empty() || is_reference, "{packets:?}");
        }
    }
}

pub(crate) mod upgrade {
    use super::*;

    #[tokio::test]
    pub(crate) async fn successfully_upgrades_from_http_long_polling_to_websocket() {
        let server = JudgedServer::start(Setup::QUIET);
        let session = server.open_polling().await;
        session.join("/feeds/bench").await;
        let mut socket = session.probe().await;
        // The packet `noop` ends a held request.
        assert_eq!(session.get().await, (200, "6".to_owned()));
        socket.send("5").await;
        socket.send(&echo(0, "hello")).await;
        assert_eq!(socket.text().await, echoed(0, "hello"));
    }

    #[tokio::test]
    pub(crate) async fn ignores_http_requests_with_same_sid_after_upgrade() {
        let server = JudgedServer::start(Setup::QUIET);
        let session = server.open_polling().await;
        session.join("/feeds/bench").await;
        let mut socket = session.probe().await;
        socket.send("5").await;
        // What follows the upgrade in the same direction has been read after it.
        socket.send(&echo(0, "upgraded")).await;
        assert_eq!(socket.text().await, echoed(0, "upgraded"));
        assert_eq!(session.get().await.0, 400);
        socket.send(&echo(1, "hello")).await;
        assert_eq!(socket.text().await, echoed(1, "hello"));
    }

    #[tokio::test]
    pub(crate) async fn ignores_websocket_connection_with_same_sid_after_upgrade() {
        let server = JudgedServer::start(Setup::QUIET);
        let session = server.open_polling().await;
        session.join("/feeds/bench").await;
        let mut socket = session.probe().await;
        socket.send("5").await;
        if let Ok(mut second) = session.websocket().await {
            assert_eq!(second.closed().await, Vec::<String>::new());
        }
        socket.send(&echo(0, "hello")).await;
        assert_eq!(socket.text().await, echoed(0, "hello"));
    }
}
