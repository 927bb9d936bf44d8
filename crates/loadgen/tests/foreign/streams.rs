//! Server-sent events, and connections that are upgraded to a WebSocket.

use wirebench_loadgen::SubscriberSettings;
use wirebench_protocol::{Epoch, Timestamp, Transport};

use crate::server::{self, Peer};
use crate::subscriber::{RUN, message, message_of, settings, string, target, watch};
use crate::support::frames::{BINARY, FIN, frame};

#[tokio::test]
async fn an_event_stream_is_read_as_the_target_says_and_resumes_with_the_last_id() {
    let address = server::start(|number, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.stream().await;
        if number == 0 {
            assert_eq!(request.path(), "/sse?who=3");
            assert_eq!(request.header("last-event-id"), None);
            assert_eq!(request.header("accept"), Some("text/event-stream"));
            assert_eq!(request.header("x-who"), Some("number 3"));
            assert_eq!(request.header("accept-encoding"), Some("identity"));
            let other = message_of(Epoch(1), 1);
            peer.say(&format!("event: news\ndata: {{\"m\":{other}}}\n\n")).await;
            peer.say("data: hello\n\n: a comment\n\n").await;
            for seq in [1, 2] {
                let data = message(seq);
                peer.say(&format!("event: news\nid: a/{seq}\ndata: {{\"m\":{data}}}\n\n")).await;
            }
            return;
        }
        assert_eq!(request.path(), "/again?after=a%2F2");
        assert_eq!(request.header("last-event-id"), Some("a/2"));
        peer.say(&format!("event: news\ndata: {{\"m\":{}}}\n\n", message(3))).await;
        peer.gone().await;
    });
    let table = r#"[sse]
        url = "http://127.0.0.1:{port}/sse?who={subscriber}"
        resume-url = "http://127.0.0.1:{port}/again?after={cursor}"
        headers = { "X-Who" = "number {subscriber}" }
        event = "news"
        message = "/m""#;
    let target = target(address, Transport::Sse, table).await;
    let settings = SubscriberSettings { number: 3, ..settings() };
    let seen = watch(&target, Transport::Sse, settings, |seen| seen.received.len() == 3).await;
    assert_eq!(seen.received, [1, 2, 3]);
    assert_eq!(seen.stamps, [(RUN, Timestamp::from_nanos(1)); 3]);
    assert_eq!((seen.connected, &*seen.interruptions), (2, &[String::new()][..]));
}

/// The handshake of a protocol with a greeting and a subscription that is confirmed, such as Action
/// Cable's.
const CABLE: &str = r#"[websocket]
    url = "ws://127.0.0.1:{port}/cable"
    resume-url = "ws://127.0.0.1:{port}/cable?after={cursor}"
    subprotocol = "cable-v1"
    handshake = [
        { expect = '*"welcome"*', capture = { sid = "/sid" } },
        { send = '{"subscribe":"{sid}","after":"{cursor}"}' },
        { expect = '{"type":"confirmed"*' },
    ]
    ping = '{"type":"ping"*'
    pong = '{"type":"pong","who":{subscriber}}'
    select = { "/type" = "message" }
    message = "/data"
    encoding = "json-string"
    split = "lines"
    cursor = "/at""#;

async fn cable(number: usize, mut peer: Peer) {
    let request = peer.request().await.unwrap();
    assert_eq!(request.header("sec-websocket-protocol"), Some("cable-v1"));
    peer.upgrade(&request, &["sec-websocket-protocol: cable-v1"]).await;
    peer.text(r#"{"type":"welcome","sid":"s 7"}"#).await;
    let after = if number == 0 { "" } else { "2:x" };
    let expected = format!(r#"{{"subscribe":"s 7","after":"{after}"}}"#);
    assert_eq!(peer.next_text().await, Some(expected));
    let text = |seq: u64| {
        let data = string(&message(seq));
        format!(r#"{{"type":"message","at":"{seq}:x","data":{data}}}"#)
    };
    if number == 1 {
        assert_eq!(request.path(), "/cable?after=2%3Ax");
        peer.text(r#"{"type":"confirmed"}"#).await;
        peer.text(&text(3)).await;
        return peer.gone().await;
    }
    assert_eq!(request.path(), "/cable");
    peer.text(r#"{"type":"ping","n":1}"#).await;
    assert_eq!(peer.next_text().await.as_deref(), Some(r#"{"type":"pong","who":0}"#));
    peer.text(r#"{"type":"presence"}"#).await;
    // A message may overtake the confirmation.
    peer.text(&text(1)).await;
    peer.text(r#"{"type":"confirmed","more":1}"#).await;
    peer.text(r#"{"type":"ping","n":2}"#).await;
    assert_eq!(peer.next_text().await.as_deref(), Some(r#"{"type":"pong","who":0}"#));
    peer.text(&format!("{{\"type\":\"presence\"}}\n{}\n", text(2))).await;
    peer.close(1000).await;
}

#[tokio::test]
async fn a_websocket_does_the_steps_of_its_handshake_answers_heartbeats_and_resumes() {
    let address = server::start(cable);
    let target = target(address, Transport::WebSocket, CABLE).await;
    let seen =
        watch(&target, Transport::WebSocket, settings(), |seen| seen.received.len() == 3).await;
    assert_eq!(seen.received, [1, 2, 3]);
    assert_eq!((seen.connected, &*seen.interruptions), (2, &[String::new()][..]));
}

#[tokio::test]
async fn a_plain_websocket_takes_arrays_and_text_in_binary_frames() {
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        assert_eq!(request.header("sec-websocket-protocol"), None);
        peer.upgrade(&request, &[]).await;
        peer.text(&format!("[{}, {}]", message(1), message(2))).await;
        let array = format!("[{}]", message(3));
        peer.bytes(&frame(FIN | BINARY, None, array.as_bytes())).await;
        peer.gone().await;
    });
    let table = "[websocket]\nurl = \"ws://127.0.0.1:{port}/\"\nsplit = \"array\"";
    let target = target(address, Transport::WebSocket, table).await;
    let seen =
        watch(&target, Transport::WebSocket, settings(), |seen| seen.received.len() == 3).await;
    assert_eq!((&*seen.received, seen.connected), (&[1, 2, 3][..], 1));
}
