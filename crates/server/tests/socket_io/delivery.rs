//! What a client receives, where it resumes, and what it publishes.

use serde_json::{Value, json};

use crate::client::{NAMESPACE, Session, TestServer, WebSocket, event};

async fn websocket(server: &TestServer) -> WebSocket {
    let mut socket = server.open_websocket(None).await;
    let open = socket.packet().await;
    assert!(open.starts_with("0{\"sid\":"), "{open}");
    socket
}

/// Receives, leaves, and comes back with a cursor.
async fn receives_and_resumes<S: Session>(server: &TestServer, mut sessions: [S; 3]) {
    let [first, second, third] = &mut sessions;
    server.publish("0");
    let hello = first.connect("").await;
    assert_eq!(hello.get("gap"), None);
    server.publish("1");
    server.publish("2");
    assert_eq!(first.messages(2).await, [1, 2]);
    server.publish("3");

    let cursor = hello["cursor"].as_str().unwrap();
    second.connect(&json!({ "after": cursor }).to_string()).await;
    assert_eq!(second.messages(3).await, [1, 2, 3]);

    let hello = third.connect(r#"{"after":"0000000000000000-7"}"#).await;
    assert_eq!(hello["gap"], json!({ "reset": true }));
    assert_eq!(third.messages(4).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_session_that_polls_receives_and_resumes() {
    let server = TestServer::new();
    let sessions =
        [server.open_polling().await, server.open_polling().await, server.open_polling().await];
    receives_and_resumes(&server, sessions).await;
}

#[tokio::test]
async fn a_session_over_a_websocket_receives_and_resumes() {
    let server = TestServer::new();
    let sessions = [websocket(&server).await, websocket(&server).await, websocket(&server).await];
    receives_and_resumes(&server, sessions).await;
}

/// Returns the data of the acknowledgement of event 7.
fn acknowledged(packet: &str) -> Value {
    let data = packet.strip_prefix(&format!("43{NAMESPACE},7"));
    serde_json::from_str(data.unwrap_or_else(|| panic!("{packet:?}"))).unwrap()
}

async fn publishes(server: &TestServer, session: &mut impl Session) {
    session.connect("").await;
    session.send(&format!("42{NAMESPACE},7[\"publish\",{{\"a\": 1}}]")).await;
    let mut packets = [session.packet().await, session.packet().await];
    packets.sort();
    let (name, message) = event(&packets[0]);
    assert_eq!((name.as_str(), &message["payload"]), ("message", &json!({ "a": 1 })));
    let answer = &acknowledged(&packets[1])[0];
    assert!(answer["cursor"].as_str().unwrap().ends_with("-1"), "{answer}");
    assert_eq!(server.feed.published(), 1);

    for (arguments, error) in [("", "a message is one argument"), (",1,2", "a message is one")] {
        session.send(&format!("42{NAMESPACE},7[\"publish\"{arguments}]")).await;
        let answer = acknowledged(&session.packet().await);
        assert!(answer[0]["error"].as_str().unwrap().starts_with(error), "{answer}");
        assert_eq!(answer[0]["status"], 400);
    }
    session.send(&format!("42{NAMESPACE},7[\"echo\",[1,\"x\"],null]")).await;
    assert_eq!(acknowledged(&session.packet().await), json!([[1, "x"], null]));
}

#[tokio::test]
async fn a_session_that_polls_publishes_and_is_acknowledged() {
    let server = TestServer::new();
    publishes(&server, &mut server.open_polling().await).await;
}

#[tokio::test]
async fn a_session_over_a_websocket_publishes_and_is_acknowledged() {
    let server = TestServer::new();
    publishes(&server, &mut websocket(&server).await).await;
}
