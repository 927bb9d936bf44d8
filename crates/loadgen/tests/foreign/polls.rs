//! Short and long polling.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wirebench_protocol::Transport;

use crate::server::{self, Peer, Request};
use crate::subscriber::{message, settings, target, watch};

/// A server of polls, which keeps what it was asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    /// Adds a request, and returns its number, from 0, over all connections.
    fn add(&self, request: &Request) -> usize {
        let mut asked = self.0.lock();
        asked.push(request.clone());
        asked.len() - 1
    }

    fn all(&self) -> Vec<Request> {
        self.0.lock().clone()
    }
}

#[tokio::test]
async fn polls_with_validators_begin_at_the_first_poll_and_send_back_what_came_last() {
    let asked = Asked::default();
    let address = server::start({
        let asked = asked.clone();
        move |_, mut peer: Peer| {
            let asked = asked.clone();
            async move {
                while let Some(request) = peer.request().await {
                    match asked.add(&request) {
                        1 => {
                            let fields =
                                ["Last-Modified: Sat, 28 Nov 2026 10:00:00 GMT", "ETag: 0"];
                            peer.answer("200 OK", &fields, &message(1)).await;
                        }
                        3 => peer.answer("200 OK", &["ETag: \"5\""], &message(2)).await,
                        // The first poll has none yet. Without others, the last ones stay.
                        _ => peer.answer("304 Not Modified", &[], "").await,
                    }
                }
            }
        }
    });
    let table = r#"[short-polling]
        url = "http://127.0.0.1:{port}/poll"
        cursor = "validators"
        first-headers = { "If-Modified-Since" = "{http_date}", "If-None-Match" = "0" }"#;
    let target = target(address, Transport::ShortPolling, table).await;
    let over = |seen: &crate::subscriber::Seen| seen.requests >= 6;
    let seen = watch(&target, Transport::ShortPolling, settings(), over).await;
    assert_eq!((&*seen.received, seen.connected), (&[1, 2][..], 1), "{seen:?}");
    assert!(seen.empty >= 2 && seen.interruptions.is_empty(), "{seen:?}");
    let asked = asked.all();
    let sent: Vec<_> = asked[..5]
        .iter()
        .map(|request| {
            let tag = request.header("if-none-match").unwrap();
            (tag, request.header("if-modified-since").map(ToOwned::to_owned))
        })
        .collect();
    let first = sent[0].1.clone().expect("the time of the first poll");
    // What is published in the second of the first poll is newer than that.
    let age = asked[0].at.duration_since(httpdate::parse_http_date(&first).unwrap()).unwrap();
    assert!(age >= Duration::from_secs(1), "{first}");
    let modified = Some("Sat, 28 Nov 2026 10:00:00 GMT".to_owned());
    let expected = [
        ("0", Some(first.clone())),
        ("0", Some(first)),
        ("0", modified.clone()),
        ("0", modified),
        ("\"5\"", None),
    ];
    assert_eq!(sent, expected);
    assert!(asked.iter().all(|request| request.path() == "/poll"));
}

#[tokio::test]
async fn a_cursor_in_a_header_goes_into_the_next_url_also_over_another_connection() {
    let asked = Asked::default();
    let address = server::start({
        let asked = asked.clone();
        move |_, mut peer: Peer| {
            let asked = asked.clone();
            async move {
                while let Some(request) = peer.request().await {
                    let number = asked.add(&request) as u64;
                    let cursor = format!("Next: n&{number}");
                    let body = format!(r#"{{"list":[{}]}}"#, message(number + 1));
                    if number == 1 {
                        peer.answer("200 OK", &[&cursor, "Connection: close"], &body).await;
                        return;
                    }
                    peer.answer("200 OK", &[&cursor], &body).await;
                }
            }
        }
    });
    let table = r#"[short-polling]
        url = "http://127.0.0.1:{port}/poll?as={subscriber}"
        next-url = "http://127.0.0.1:{port}/poll?after={cursor}"
        cursor = "header:Next"
        messages = "/list"
        split = "array""#;
    let target = target(address, Transport::ShortPolling, table).await;
    let over = |seen: &crate::subscriber::Seen| seen.received.len() == 4;
    let seen = watch(&target, Transport::ShortPolling, settings(), over).await;
    assert_eq!(seen.received, [1, 2, 3, 4]);
    // An announced end of the connection is no interruption.
    assert_eq!((seen.connected, &*seen.interruptions), (1, &[][..]));
    let paths: Vec<_> = asked.all().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths[..3], ["/poll?as=0", "/poll?after=n%260", "/poll?after=n%261"]);
}

#[tokio::test]
async fn without_a_cursor_only_messages_with_higher_numbers_are_new() {
    let address = server::start(|_, mut peer: Peer| async move {
        let mut newest = 0;
        while peer.request().await.is_some() {
            newest += 1;
            let all: Vec<_> = (1..=newest / 2).map(message).collect();
            peer.answer("200 OK", &[], &all.join("\n")).await;
        }
    });
    let table = "[short-polling]\nurl = \"http://127.0.0.1:{port}/\"\nsplit = \"lines\"";
    let target = target(address, Transport::ShortPolling, table).await;
    let over = |seen: &crate::subscriber::Seen| seen.received.len() == 3;
    let seen = watch(&target, Transport::ShortPolling, settings(), over).await;
    assert_eq!((&*seen.received, seen.empty), (&[1, 2, 3][..], 3), "{seen:?}");
}

/// A long poll that is held from the first one on, with its cursor in the body.
const HELD: &str = r#"[long-polling]
    url = "http://127.0.0.1:{port}/poll?hold={hold}"
    next-url = "http://127.0.0.1:{port}/poll?hold={hold}&after={cursor}"
    cursor = "/next/0"
    subscribed = "sent"
    message = "/m""#;

#[tokio::test]
async fn a_held_poll_subscribes_when_it_is_sent_and_resumes_over_another_connection() {
    let (publish, held) = tokio::sync::watch::channel(false);
    let asked = Asked::default();
    let address = server::start({
        let asked = asked.clone();
        move |_, mut peer: Peer| {
            let (asked, mut held) = (asked.clone(), held.clone());
            async move {
                while let Some(request) = peer.request().await {
                    let number = asked.add(&request) as u64;
                    held.wait_for(|publish| *publish).await.unwrap();
                    if number == 1 {
                        // Cut in the middle of an answer.
                        return peer.say("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{").await;
                    }
                    let body = format!(r#"{{"next":[{number}],"m":{}}}"#, message(number + 1));
                    peer.answer("200 OK", &[], &body).await;
                }
            }
        }
    });
    let target = target(address, Transport::LongPolling, HELD).await;
    // Nothing is published before the subscriber is subscribed.
    let seen = watch(&target, Transport::LongPolling, settings(), |seen| {
        if seen.connected > 0 {
            publish.send_replace(true);
        }
        seen.received.len() == 3
    });
    let seen = seen.await;
    assert_eq!(seen.received, [1, 3, 4], "the second answer was cut");
    assert_eq!((seen.connected, seen.interruptions.len()), (2, 1), "{seen:?}");
    let paths: Vec<_> = asked.all().iter().map(|request| request.path().to_owned()).collect();
    let expected = [
        "/poll?hold=2.5",
        "/poll?hold=2.5&after=0",
        "/poll?hold=2.5&after=0",
        "/poll?hold=2.5&after=2",
    ];
    assert_eq!(paths[..4], expected);
}

#[tokio::test]
async fn a_held_poll_that_is_refused_is_no_subscription() {
    let address = server::start(|_, mut peer: Peer| async move {
        while peer.request().await.is_some() {
            peer.answer("403 Forbidden", &[], "not you").await;
        }
    });
    let target = target(address, Transport::LongPolling, HELD).await;
    let seen = watch(&target, Transport::LongPolling, settings(), |_| false).await;
    assert_eq!((seen.connected, seen.gave_up), (0, true));
    let expected = "`GET /poll?hold=2.5` was answered with 403 Forbidden: not you";
    assert_eq!(seen.interruptions, [expected]);
}
