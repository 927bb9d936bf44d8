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

/// Emits an event and returns the first argument of its acknowledgement. Messages that come before
/// are added to `messages`.
async fn acknowledged(session: &mut impl Session, data: &str, messages: &mut Vec<Value>) -> Value {
    session.send(&format!("42{NAMESPACE},7{data}")).await;
    loop {
        let packet = session.packet().await;
        if let Some(data) = packet.strip_prefix(&format!("43{NAMESPACE},7")) {
            return serde_json::from_str::<Value>(data).unwrap();
        }
        messages.push(event(&packet).1["payload"].take());
    }
}

async fn publishes(server: &TestServer, session: &mut impl Session) {
    session.connect("").await;
    let mut messages = Vec::new();
    for (data, number, repeated) in [
        (r#"["publish",{"a": 1}]"#, "-1", false),
        (r#"["publish",2,{"key":"k"}]"#, "-2", false),
        (r#"["publish",2,{"key":"k"}]"#, "-2", true),
        (r#"["publish",[3],{}]"#, "-3", false),
    ] {
        let answer = acknowledged(session, data, &mut messages).await;
        assert!(answer[0]["cursor"].as_str().unwrap().ends_with(number), "{data}: {answer}");
        assert_eq!(answer[0]["repeated"] == true, repeated, "{data}: {answer}");
    }
    for (data, error) in [
        (r#"["publish"]"#, "a message is one argument"),
        (r#"["publish",1,2]"#, "invalid type"),
        (r#"["publish",1,{},3]"#, "a message is one argument"),
        (r#"["subscribe"]"#, "unknown event"),
    ] {
        let answer = acknowledged(session, data, &mut messages).await;
        assert!(answer[0]["error"].as_str().unwrap().starts_with(error), "{data}: {answer}");
    }
    let echo = acknowledged(session, r#"["echo",[1,"x"],null]"#, &mut messages).await;
    assert_eq!(echo, json!([[1, "x"], null]));
    while messages.len() < 3 {
        messages.push(session.message().await);
    }
    assert_eq!(messages, [json!({ "a": 1 }), json!(2), json!([3])]);
    assert_eq!(server.feed.published(), 3);
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
