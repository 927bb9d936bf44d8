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
    keep = { cursor = "/at" }"#;

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

/// A protocol like Centrifugo's: what was missed stands in the answer of the handshake, and the place
/// in the feed is an epoch and an offset, which is left out if it is 0.
const RECOVERING: &str = r#"[websocket]
    url = "ws://127.0.0.1:{port}/"
    handshake = [
        { send = '{"subscribe":"a"}' },
        { expect = '{"subscribed":*', capture = { epoch = "/subscribed/epoch", offset = "/subscribed/offset" }, otherwise = { offset = "0" } },
    ]
    resume-handshake = [
        { send = '{"subscribe":"a","epoch":"{epoch}","offset":{offset}}' },
        { expect = '{"subscribed":*', capture = { epoch = "/subscribed/epoch" }, messages = "/subscribed/missed", message = "/data", keep = { offset = "/at" } },
    ]
    ping = "{}"
    pong = "{}"
    split = "lines"
    matching = '{"push":*'
    message = "/push/data"
    keep = { offset = "/push/offset" }"#;

#[tokio::test]
async fn what_was_missed_is_in_the_answer_of_a_handshake_that_resumes() {
    let address = server::start(|number, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        let push = |seq: u64| format!(r#"{{"push":{{"offset":{seq},"data":{}}}}}"#, message(seq));
        let missed = |seq: u64| format!(r#"{{"data":{},"at":{seq}}}"#, message(seq));
        let asked = peer.next_text().await.unwrap();
        match number {
            0 => {
                assert_eq!(asked, r#"{"subscribe":"a"}"#);
                // Nothing was published so far.
                peer.text(r#"{"subscribed":{"epoch":"x-1"}}"#).await;
            }
            1 => {
                assert_eq!(asked, r#"{"subscribe":"a","epoch":"x-1","offset":0}"#);
                let missed = format!("{},{}", missed(1), missed(2));
                let answer = format!(r#"{{"subscribed":{{"epoch":"y","missed":[{missed}]}}}}"#);
                peer.text(&answer).await;
            }
            2 => {
                assert_eq!(asked, r#"{"subscribe":"a","epoch":"y","offset":2}"#);
                // A heartbeat, a message and what nobody asked for share a frame with the answer.
                let answer = r#"{"subscribed":{"epoch":"y","missed":null}}"#;
                peer.text(&format!("{{}}\n{answer}\n{}\n{{\"joined\":1}}\n", push(3))).await;
                assert_eq!(peer.next_text().await.as_deref(), Some("{}"));
                peer.text(&push(4)).await;
            }
            _ => {
                assert_eq!(asked, r#"{"subscribe":"a","epoch":"y","offset":4}"#);
                // Nothing was missed. A message overtakes the answer.
                peer.text(&push(5)).await;
                peer.text(r#"{"subscribed":{"epoch":"y"}}"#).await;
                return peer.gone().await;
            }
        }
        peer.close(1000).await;
    });
    let target = target(address, Transport::WebSocket, RECOVERING).await;
    let seen =
        watch(&target, Transport::WebSocket, settings(), |seen| seen.received.len() == 5).await;
    assert_eq!((&*seen.received, seen.connected), (&[1, 2, 3, 4, 5][..], 4));
}
