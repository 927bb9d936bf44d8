//! Messages that are not for everybody: to one, to all but one, to all.

use wirebench_protocol::Delivery;
use wirebench_server::{After, Feed, JsonPayload, Recipients, Server, SubscriberName, Transport};

use crate::raw;
use crate::support::{RawClient, Serving, metric, until};

fn server() -> (Server, Feed) {
    let feed = Feed::new(100);
    (Server::new([("bench".to_owned(), feed.clone())]), feed)
}

fn publish(feed: &Feed, text: &str, to: Option<&str>, except: Option<&str>) {
    let name = |text: &str| text.parse::<SubscriberName>().unwrap();
    let recipients = Recipients::new(to.map(name), except.map(name)).unwrap();
    feed.publish_to(payload(text), recipients);
}

fn payload(text: &str) -> JsonPayload {
    JsonPayload::from_json(format!("\"{text}\"").as_bytes()).unwrap()
}

/// Returns which of these payloads a client reads before `end`.
async fn read_of(client: &mut RawClient, payloads: &[&str], end: &str) -> Vec<String> {
    let text = client.until(&format!("\"{end}\"")).await;
    let is_in = |payload: &&str| text.contains(&format!("\"payload\":\"{payload}\""));
    payloads.iter().copied().filter(is_in).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_subscriber_reads_what_is_for_it_over_every_transport() {
    let (server, feed) = server();
    let serving = Serving::start(&server).await;
    publish(&feed, "to-all", None, None);
    publish(&feed, "to-ann", Some("ann"), None);
    publish(&feed, "except-ann", None, Some("ann"));
    publish(&feed, "to-zed", Some("zed"), None);
    publish(&feed, "end", None, None);
    let all = ["to-all", "to-ann", "except-ann", "to-zed"];
    for transport in Transport::ALL {
        for (name, expected) in [
            (Some("ann"), vec!["to-all", "to-ann"]),
            (Some("bob"), vec!["to-all", "except-ann"]),
            (None, vec!["to-all", "except-ann"]),
        ] {
            let what = format!("{transport} as {name:?}");
            let sent = format!("wirebench_messages_sent_total{{transport=\"{transport}\"}}");
            let before = metric(&server, &sent);
            let mut client = serving.connect().await;
            client.subscribe_as(transport, "start", name).await;
            assert_eq!(read_of(&mut client, &all, "end").await, expected, "{what}");
            let delivered = expected.len() as u64 + 1;
            until(&what, || metric(&server, &sent) == before + delivered).await;
            let replayed =
                format!("wirebench_replayed_messages_total{{transport=\"{transport}\"}}");
            let of_pushed = match transport.delivery() {
                Delivery::Polled | Delivery::Held => 0,
                Delivery::Pushed => metric(&server, &sent),
            };
            assert_eq!(metric(&server, &replayed), of_pushed, "{what}");
        }
    }
}

/// A held poll or a subscription that is pushed to begins before anything is published.
#[tokio::test]
async fn all_subscribers_of_a_name_get_its_messages_and_none_of_those_for_others() {
    for transport in Transport::ALL {
        let (server, feed) = server();
        let serving = Serving::start(&server).await;
        let cursor = feed.locate(After::Newest).unwrap().to_string();
        let mut clients = [serving.connect().await, serving.connect().await];
        let waits = match transport.delivery() {
            Delivery::Polled => false,
            Delivery::Held | Delivery::Pushed => true,
        };
        if waits {
            for client in &mut clients {
                begin(client, transport, &cursor).await;
            }
            until("both requests", || server.requests() == 2).await;
        }
        publish(&feed, "to-bob", Some("bob"), None);
        // The task of a subscriber may look at the feed in between.
        tokio::task::yield_now().await;
        publish(&feed, "except-ann", None, Some("ann"));
        tokio::task::yield_now().await;
        publish(&feed, "to-ann", Some("ann"), None);
        for client in &mut clients {
            if !waits {
                begin(client, transport, &cursor).await;
            }
            let read = read_of(client, &["to-bob", "except-ann", "to-ann"], "to-ann").await;
            assert_eq!(read, ["to-ann"], "{transport}");
        }
    }
}

/// Subscribes as `ann`. Reads no answer that a held poll has not got yet.
async fn begin(client: &mut RawClient, transport: Transport, cursor: &str) {
    match transport.delivery() {
        Delivery::Polled | Delivery::Held => {
            let query = format!("after={cursor}&as=ann");
            client.get(&raw::address(transport, "bench", &query), "").await;
        }
        Delivery::Pushed => {
            client.subscribe_as(transport, cursor, Some("ann")).await;
            client.until(cursor).await;
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_comes_back_with_its_cursor_gets_the_rest_of_what_is_for_it() {
    for transport in Transport::ALL {
        let (server, feed) = server();
        let serving = Serving::start(&server).await;
        for round in ["1", "2", "3"] {
            publish(&feed, &format!("bob-{round}"), Some("bob"), None);
            publish(&feed, &format!("ann-{round}"), Some("ann"), None);
        }
        let start = feed.locate(After::Start).unwrap();
        let payloads = ["bob-1", "ann-1", "bob-2", "ann-2", "bob-3", "ann-3"];
        for (seq, expected) in
            [(2, &["ann-2", "ann-3"][..]), (3, &["ann-2", "ann-3"]), (4, &["ann-3"])]
        {
            let mut client = serving.connect().await;
            client.subscribe_as(transport, &start.at(seq).to_string(), Some("ann")).await;
            let read = read_of(&mut client, &payloads, "ann-3").await;
            assert_eq!(read, expected, "{transport} after {seq}");
        }
    }
}

#[tokio::test]
async fn a_malformed_name_is_refused_over_every_transport() {
    let (server, _feed) = server();
    let serving = Serving::start(&server).await;
    let too_long = "n".repeat(65);
    for transport in Transport::ALL {
        for name in ["", "a/b", too_long.as_str()] {
            let mut client = serving.connect().await;
            let head = client.subscribe_as(transport, "start", Some(name)).await;
            if raw::asks_in_one_request(transport) {
                assert!(head.starts_with("HTTP/1.1 400 "), "{transport}: {head}");
            } else {
                client.until("44/feeds/bench,").await;
            }
            let error = client.until("}").await;
            assert!(error.contains("malformed name of a subscriber"), "{transport}: {error}");
        }
    }
}

/// How a message is published: in a request, or over one of the sockets.
#[derive(Clone, Copy, Debug)]
enum Way {
    Post,
    WebSocket,
    SocketIo,
}

/// Publishes, and returns the answer up to its cursor, or the one that says what is wrong.
async fn publish_by(way: Way, serving: &Serving, options: &[(&str, &str)]) -> String {
    let mut client = serving.connect().await;
    let object = |first: &str| {
        let options = options.iter().map(|(key, value)| format!(",\"{key}\":\"{value}\""));
        format!("{{{first}{}}}", options.collect::<String>())
    };
    match way {
        Way::Post => {
            let (keys, query): (Vec<_>, Vec<_>) =
                options.iter().partition(|(name, _)| *name == "key");
            let query: Vec<_> = query.iter().map(|(name, of)| format!("{name}={of}")).collect();
            let key = keys.iter().map(|(_, key)| format!("Idempotency-Key: {key}\r\n"));
            let (query, key) = (query.join("&"), key.collect::<String>());
            client
                .send(format!(
                    "POST /feeds/bench/messages?{query} HTTP/1.1\r\nHost: localhost\r\n{key}\
                     Content-Length: 3\r\n\r\n\"m\""
                ))
                .await;
            client.until("\r\n\r\n").await + &client.until("}").await
        }
        Way::WebSocket => {
            client.subscribe(Transport::WebSocket).await;
            client.until("}}").await;
            client.frame(0x81, object("\"publish\":\"m\"").as_bytes()).await;
            told(&mut client).await
        }
        Way::SocketIo => {
            client.subscribe(Transport::SocketIo).await;
            let options = object("").replacen("{,", "{", 1);
            let event = format!("42/feeds/bench,7[\"publish\",\"m\",{options}]");
            client.frame(0x81, event.as_bytes()).await;
            client.until("43/feeds/bench,7[").await;
            told(&mut client).await
        }
    }
}

/// Reads up to the end of the answer to a message: its cursor, or what is wrong and a hint, which
/// has braces, too.
async fn told(client: &mut RawClient) -> String {
    let mut answer = String::new();
    while !answer.contains("\"cursor\":") && !answer.contains("\"status\":") {
        answer += &client.until("}").await;
    }
    answer
}

#[tokio::test]
async fn a_publisher_chooses_who_receives_a_message_in_every_way_to_publish() {
    for way in [Way::Post, Way::WebSocket, Way::SocketIo] {
        let (server, feed) = server();
        let serving = Serving::start(&server).await;
        let start = feed.locate(After::Newest).unwrap();
        for options in [
            &[("to", "ann"), ("key", "k")][..],
            &[("except", "ann")],
            &[],
            &[("to", "ann"), ("key", "k")],
        ] {
            let answer = publish_by(way, &serving, options).await;
            assert!(answer.contains("\"cursor\":"), "{way:?} {options:?}: {answer}");
        }
        let ann: SubscriberName = "ann".parse().unwrap();
        let read = |name: Option<&SubscriberName>| {
            let batch = feed.read_as(name, start);
            batch.entries.iter().map(|entry| entry.recipients.clone()).collect::<Vec<_>>()
        };
        let (only, except) = (Recipients::Only(ann.clone()), Recipients::Except(ann.clone()));
        assert_eq!(read(Some(&ann)), [only, Recipients::Everyone], "{way:?}");
        assert_eq!(read(None), [except, Recipients::Everyone], "{way:?}");
        for (options, status, what) in [
            (&[("to", "a"), ("except", "b")][..], 400, "found both"),
            (&[("to", "")], 400, "malformed name"),
            (&[("except", "a b")], 400, "malformed name"),
            (&[("to", "bob"), ("key", "k")], 422, "other recipients"),
            (&[("key", "k")], 422, "other recipients"),
        ] {
            let query: Vec<_> =
                options.iter().map(|(name, of)| (*name, of.replace(' ', escaped(way)))).collect();
            let options: Vec<_> = query.iter().map(|(name, of)| (*name, of.as_str())).collect();
            let answer = publish_by(way, &serving, &options).await;
            assert!(answer.contains(what), "{way:?} {options:?}: {answer}");
            let told = match way {
                Way::Post => format!("HTTP/1.1 {status} "),
                Way::WebSocket | Way::SocketIo => format!("\"status\":{status}"),
            };
            assert!(answer.contains(&told), "{way:?} {options:?}: {answer}");
        }
        assert_eq!(feed.published(), 3, "{way:?}");
    }
}

/// Returns how a space is written.
fn escaped(way: Way) -> &'static str {
    match way {
        Way::Post => "%20",
        Way::WebSocket | Way::SocketIo => " ",
    }
}
