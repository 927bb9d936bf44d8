//! Messages of bytes: attachments both ways.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::SinkExt;
use tokio_tungstenite::tungstenite::Message;
use wirebench_server::MessagePayload;

use crate::client::{NAMESPACE, Polling, Session, TestServer, WebSocket, metric, within};

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

/// Attachments, some of which look like packets.
const ATTACHMENTS: [&[u8]; 5] = [b"42[]", b"", b"\0\xff\x1e\n", b"2", b"b1"];

/// A session that carries attachments.
trait BinarySession: Session {
    async fn send_attachment(&mut self, packet: &str, attachment: &[u8]);
    async fn attachment(&mut self) -> Vec<u8>;
}

impl BinarySession for Polling<'_> {
    async fn send_attachment(&mut self, packet: &str, attachment: &[u8]) {
        self.send(&format!("{packet}\x1eb{}", STANDARD.encode(attachment))).await;
    }

    async fn attachment(&mut self) -> Vec<u8> {
        let packet = self.packet().await;
        STANDARD.decode(packet.strip_prefix('b').unwrap()).unwrap()
    }
}

impl BinarySession for WebSocket {
    async fn send_attachment(&mut self, packet: &str, attachment: &[u8]) {
        self.send(packet).await;
        let attachment = Message::binary(Bytes::copy_from_slice(attachment));
        within(self.stream.send(attachment)).await.unwrap();
    }

    async fn attachment(&mut self) -> Vec<u8> {
        match self.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("no attachment: {other:?}"),
        }
    }
}

async fn open_websocket(server: &TestServer) -> WebSocket {
    let mut session = server.open_websocket(None).await;
    assert!(session.packet().await.starts_with("0{"));
    session
}

async fn receives(server: &TestServer, session: &mut impl BinarySession) {
    session.connect("").await;
    for attachment in ATTACHMENTS {
        server.feed.publish(MessagePayload::Binary(Bytes::from_static(attachment)));
        let packet = session.packet().await;
        let before = format!("451-{NAMESPACE},[\"message\",{{\"seq\":{},", server.feed.published());
        assert!(packet.starts_with(&before), "{packet}");
        assert!(packet.ends_with(&format!(",\"payload\":{PLACEHOLDER}}}]")), "{packet}");
        assert_eq!(session.attachment().await, attachment);
    }
    // What looks like a packet in an attachment is not counted as one: nothing is left under way.
    server.publish("1");
    assert_eq!(session.message().await, 1);
}

async fn publishes(server: &TestServer, session: &mut impl BinarySession) {
    session.connect("").await;
    for (number, attachment) in (1..).zip(ATTACHMENTS) {
        let event =
            format!("451-{NAMESPACE},7[\"publish\",{PLACEHOLDER},{{\"key\":\"{number}\"}}]");
        session.send_attachment(&event, attachment).await;
        let mut answered = false;
        let mut delivered = false;
        while !(answered && delivered) {
            let packet = session.packet().await;
            if let Some(answer) = packet.strip_prefix(&format!("43{NAMESPACE},7")) {
                assert!(answer.contains(&format!("-{number}\"")), "{answer}");
                answered = true;
            } else {
                assert!(packet.starts_with(&format!("451-{NAMESPACE},[\"message\"")), "{packet}");
                assert_eq!(session.attachment().await, attachment);
                delivered = true;
            }
        }
    }
    for (event, expected) in [
        (
            format!("451-{NAMESPACE},7[\"publish\",{{\"a\":{PLACEHOLDER}}}]"),
            "JSON with bytes in it",
        ),
        (format!("451-{NAMESPACE},7[\"publish\",1,{PLACEHOLDER}]"), "unknown field"),
    ] {
        session.send_attachment(&event, b"1").await;
        let answer = session.packet().await;
        assert!(answer.contains(expected) && answer.contains("\"status\":400"), "{answer}");
    }
    let echo = format!("451-{NAMESPACE},8[\"echo\",{PLACEHOLDER}]");
    session.send_attachment(&echo, b"\0\xff").await;
    assert_eq!(session.packet().await, format!("461-{NAMESPACE},8[{PLACEHOLDER}]"));
    assert_eq!(session.attachment().await, b"\0\xff");
    assert_eq!(server.feed.published(), 5);
}

#[tokio::test]
async fn a_session_that_polls_receives_bytes() {
    let server = TestServer::new();
    receives(&server, &mut server.open_polling().await).await;
    // Only the poll that was answered with the packet `CONNECT` brought no event.
    let empty = "wirebench_empty_polls_total{transport=\"socket.io\"}";
    assert!(metric(&server, empty) <= 1, "{}", metric(&server, empty));
}

#[tokio::test]
async fn a_session_over_a_websocket_receives_bytes() {
    let server = TestServer::new();
    receives(&server, &mut open_websocket(&server).await).await;
}

#[tokio::test]
async fn a_session_that_polls_publishes_bytes() {
    let server = TestServer::new();
    publishes(&server, &mut server.open_polling().await).await;
}

#[tokio::test]
async fn a_session_over_a_websocket_publishes_bytes() {
    let server = TestServer::new();
    publishes(&server, &mut open_websocket(&server).await).await;
}
