//! Feeds that somebody else fills: numbers and times where there are any.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wirebench_loadgen::SubscriberSettings;
use wirebench_measure::WatchedDelay;
use wirebench_protocol::{Seq, SocketIoMode, Transport};

use crate::server::{self, Peer};
use crate::subscriber::{Seen, settings, watch, watched_target};
use crate::support::TIMEOUT;

/// How long before its arrival a message of these tests was published, at least.
const AGE: Duration = Duration::from_secs(100);

/// Returns a time in milliseconds since 1970, [`AGE`] ago.
fn published_ms() -> u128 {
    (SystemTime::now() - AGE).duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Returns the places of the messages, one more than their numbers.
fn places(seen: &Seen) -> Vec<Option<Seq>> {
    seen.watched.iter().map(|message| message.cursor.map(|cursor| cursor.seq)).collect()
}

/// Checks that each message has a delay, of [`AGE`] and as long as a test may take.
fn assert_delays(seen: &Seen) {
    for message in &seen.watched {
        let Some(WatchedDelay::Took(delay)) = message.delay else { panic!("{message:?}") };
        assert!(delay >= AGE && delay < AGE + TIMEOUT + Duration::from_secs(1), "{delay:?}");
    }
}

#[tokio::test]
async fn any_text_of_an_event_stream_is_a_message_and_what_it_does_not_say_is_not_known() {
    let address = server::start(|_, mut peer: Peer| async move {
        peer.request().await;
        peer.stream().await;
        peer.say("data: a text that is not JSON\n\nevent: other\ndata: x\n\n").await;
        peer.say("id: 9\ndata: {\"seq\":1,\"at\":5}\n\n").await;
        peer.gone().await;
    });
    let table = "[sse]\nurl = \"http://127.0.0.1:{port}/\"";
    let target = watched_target(address, Transport::Sse, table).await;
    let settings = SubscriberSettings { payloads: true, ..settings() };
    let seen = watch(&target, Transport::Sse, settings, |seen| seen.watched.len() == 2).await;
    assert_eq!(places(&seen), [None, None]);
    let payloads: Vec<_> = seen.watched.iter().map(|message| message.payload.as_deref()).collect();
    assert_eq!(payloads, [Some("a text that is not JSON"), Some("{\"seq\":1,\"at\":5}")]);
    for message in &seen.watched {
        assert_eq!(message.delay, None);
        assert_eq!(message.payload.as_ref().unwrap().len(), message.payload_bytes);
    }
}

#[tokio::test]
async fn the_id_of_an_event_may_be_its_number_and_a_stream_resumes_after_it() {
    let address = server::start(|number, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.stream().await;
        let at = jiff::Timestamp::try_from(SystemTime::now() - AGE).unwrap();
        let first = if number == 0 { 0 } else { 2 };
        let after = (number > 0).then_some("1");
        assert_eq!(request.header("last-event-id"), after);
        for id in first..first + 2 {
            peer.say(&format!("id: {id}\ndata: {{\"meta\":{{\"at\":\"{at}\"}}}}\n\n")).await;
        }
        if number > 0 {
            peer.gone().await;
        }
    });
    let table = "[sse]\nurl = \"http://127.0.0.1:{port}/\"\nsequence = \"id\"\n\
                 time = \"/meta/at\"\ntime-unit = \"rfc3339\"";
    let target = watched_target(address, Transport::Sse, table).await;
    let seen = watch(&target, Transport::Sse, settings(), |seen| seen.watched.len() == 4).await;
    assert_eq!(places(&seen), [1, 2, 3, 4].map(Some), "a feed may begin with 0");
    assert_delays(&seen);
    assert_eq!(seen.connected, 2);
}

#[tokio::test]
async fn the_texts_of_a_websocket_are_selected_and_split_before_they_are_read() {
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        // Half a millisecond is added below, and the message must not become younger than it is said
        // to be.
        let at = published_ms() - 1;
        let line = |seq: u64| {
            let inner = format!("{{\\\"n\\\":\\\"{seq}\\\",\\\"at\\\":{at}.5}}");
            format!("{{\"type\":\"m\",\"data\":\"{inner}\"}}")
        };
        peer.text(&format!("{}\n{{\"type\":\"hello\"}}\n{}", line(7), line(9))).await;
        peer.text("{\"type\":\"m\",\"data\":\"{}\"}").await;
        peer.gone().await;
    });
    let table = "[websocket]\nurl = \"ws://127.0.0.1:{port}/\"\nsplit = \"lines\"\n\
                 select = { \"/type\" = \"m\" }\nmessage = \"/data\"\nencoding = \"json-string\"\n\
                 sequence = \"/n\"\ntime = \"/at\"";
    let target = watched_target(address, Transport::WebSocket, table).await;
    let over = |seen: &Seen| seen.watched.len() == 3;
    let mut seen = watch(&target, Transport::WebSocket, settings(), over).await;
    assert_eq!(places(&seen), [Some(8), Some(10), None], "numbers may be strings");
    let last = seen.watched.pop().unwrap();
    assert_eq!((last.delay, last.payload_bytes), (None, 2));
    assert_delays(&seen);
}

#[tokio::test]
async fn a_header_of_an_answer_has_the_number_of_its_message() {
    let address = server::start(|number, mut peer: Peer| async move {
        assert_eq!(number, 0);
        let mut count = 10;
        while peer.request().await.is_some() {
            let at = httpdate::fmt_http_date(SystemTime::now() - AGE);
            let fields = [format!("x-seq: {count}"), format!("last-modified: {at}")];
            peer.answer("200 OK", &fields.each_ref().map(String::as_str), "x").await;
            count += 1;
        }
    });
    let table = "[long-polling]\nurl = \"http://127.0.0.1:{port}/\"\nsequence = \"header:X-Seq\"\n\
                 time = \"header:Last-Modified\"\ntime-unit = \"http-date\"";
    let target = watched_target(address, Transport::LongPolling, table).await;
    let over = |seen: &Seen| seen.watched.len() == 3;
    let seen = watch(&target, Transport::LongPolling, settings(), over).await;
    assert_eq!(places(&seen), [11, 12, 13].map(Some));
    assert_delays(&seen);
}

#[tokio::test]
async fn short_polls_without_a_cursor_count_each_number_once() {
    let address = server::start(|_, mut peer: Peer| async move {
        let mut last = 1;
        while peer.request().await.is_some() {
            let all: Vec<_> = (1..=last).map(|seq| format!("{{\"seq\":{seq}}}")).collect();
            peer.answer("200 OK", &[], &format!("[{}]", all.join(","))).await;
            last = (last + 1).min(3);
        }
    });
    let table = "[short-polling]\nurl = \"http://127.0.0.1:{port}/\"\nsplit = \"array\"\n\
                 sequence = \"/seq\"";
    let target = watched_target(address, Transport::ShortPolling, table).await;
    let over = |seen: &Seen| seen.requests >= 6;
    let seen = watch(&target, Transport::ShortPolling, settings(), over).await;
    assert_eq!(places(&seen), [2, 3, 4].map(Some));
    assert!(seen.empty >= 2, "{seen:?}");
}

#[tokio::test]
async fn the_argument_of_a_socket_io_event_is_a_message() {
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        let heartbeat = "\"pingInterval\":60000,\"pingTimeout\":60000";
        peer.text(&format!("0{{\"sid\":\"s\",\"upgrades\":[],{heartbeat}}}")).await;
        peer.next_text().await;
        peer.text("40{\"sid\":\"x\"}").await;
        peer.text(&format!("42[\"tick\",{{\"seq\":5,\"at\":{}}}]", published_ms())).await;
        peer.text("42[\"tick\",\"only words\"]").await;
        peer.gone().await;
    });
    let table = "[socket-io]\nurl = \"http://127.0.0.1:{port}/socket.io/\"\nevent = \"tick\"\n\
                 sequence = \"/seq\"\ntime = \"/at\"";
    let target = watched_target(address, Transport::SocketIo, table).await;
    let settings = SubscriberSettings { socket_io_mode: SocketIoMode::WebSocket, ..settings() };
    let over = |seen: &Seen| seen.watched.len() == 2;
    let mut seen = watch(&target, Transport::SocketIo, settings, over).await;
    assert_eq!(places(&seen), [Some(6), None]);
    assert_eq!(seen.watched.pop().unwrap().delay, None);
    assert_delays(&seen);
}

#[tokio::test]
async fn a_message_from_after_its_arrival_has_a_negative_delay() {
    let address = server::start(|_, mut peer: Peer| async move {
        peer.request().await;
        peer.stream().await;
        let future = (SystemTime::now() + AGE).duration_since(UNIX_EPOCH).unwrap();
        peer.say(&format!("data: {{\"at\":{}}}\n\n", future.as_nanos())).await;
        peer.gone().await;
    });
    let table = "[sse]\nurl = \"http://127.0.0.1:{port}/\"\ntime = \"/at\"\ntime-unit = \"ns\"";
    let target = watched_target(address, Transport::Sse, table).await;
    let seen = watch(&target, Transport::Sse, settings(), |seen| !seen.watched.is_empty()).await;
    assert_eq!(seen.watched[0].delay, Some(WatchedDelay::Negative));
}

#[tokio::test]
async fn what_is_no_number_and_no_time_is_said_with_its_key() {
    for (keys, data, pieces) in [
        (
            "sequence = \"/seq\"",
            "{\"seq\":\"a-7\"}",
            ["`a-7`", "a whole number (`sequence` of `[sse]`)"],
        ),
        ("sequence = \"/seq\"", "{\"seq\":-1}", ["`-1`", "a whole number"]),
        ("time = \"/at\"\ntime-unit = \"us\"", "{\"at\":\"noon\"}", ["`noon`", "a time in `us`"]),
    ] {
        let address = server::start(move |_, mut peer: Peer| async move {
            peer.request().await;
            peer.stream().await;
            peer.say(&format!("data: {data}\n\n")).await;
            peer.gone().await;
        });
        let table = format!("[sse]\nurl = \"http://127.0.0.1:{{port}}/\"\n{keys}");
        let target = watched_target(address, Transport::Sse, &table).await;
        let over = |seen: &Seen| !seen.interruptions.is_empty();
        let seen = watch(&target, Transport::Sse, settings(), over).await;
        assert!(seen.watched.is_empty(), "{seen:?}");
        for piece in pieces {
            assert!(seen.interruptions[0].contains(piece), "{piece} is not in {seen:?}");
        }
    }
}
