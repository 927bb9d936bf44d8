//! Sessions in every mode: what arrives, in which order, and how they end.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::sync::Notify;
use wirebench_loadgen::raw::{
    RawError, RawOptions, RawSocketIoEvent, SocketIoInterest, socket_io_events,
};
use wirebench_loadgen::{
    Dialer, HttpClient, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    run_subscriber, subscribe,
};
use wirebench_measure::{Event, ReceivedPayload};
use wirebench_protocol::{After, Cursor, Epoch, Gap, Seq, SocketIoMode, Transport};
use wirebench_scenario::{Headers, HttpSettings, LinkSettings, Reconnect};

use crate::reference::Reference;
use crate::support::{TIMEOUT, within};

fn client() -> HttpClient {
    HttpClient::new(Dialer::new(LinkSettings::default(), 0), HttpSettings::default())
}

/// The headers of a browser offer compression, which the reference server accepts.
fn settings(mode: SocketIoMode) -> SubscriberSettings {
    SubscriberSettings {
        socket_io_mode: mode,
        headers: Headers::Bare,
        payloads: true,
        ..SubscriberSettings::default()
    }
}

/// Follows a subscription until it has received `count` messages or has ended. Returns its events,
/// and its error if it ended with one.
async fn follow(
    client: &HttpClient,
    target: &Target,
    after: After,
    mode: SocketIoMode,
    count: usize,
) -> (Vec<Event>, Option<SubscribeError>) {
    let settings = settings(mode);
    let mut stream = subscribe(Transport::SocketIo, client, target, after, &settings);
    let mut events = Vec::new();
    while received(&events).len() < count {
        match within(TIMEOUT, format_args!("{mode}: the next event"), stream.next()).await {
            Some(Ok(event)) => events.push(event),
            Some(Err(error)) => return (events, Some(error)),
            None => break,
        }
    }
    (events, None)
}

/// Returns the places of the messages among these events.
fn received(events: &[Event]) -> Vec<Seq> {
    let seq = |event: &Event| match event {
        Event::Received { cursor, .. } => Some(cursor.seq),
        _ => None,
    };
    events.iter().filter_map(seq).collect()
}

fn requests(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Request { .. })).count()
}

#[tokio::test]
async fn every_mode_receives_everything_once_and_in_order_from_the_start() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    server.command("publish 500").await;
    let target = server.target("bench").await;
    for mode in SocketIoMode::ALL {
        let client = client();
        let (events, error) = follow(&client, &target, After::Start, mode, 500).await;
        assert!(error.is_none(), "{mode}: {error:?}");
        assert!(received(&events).into_iter().eq(1..=500), "{mode}");
        let connected = events.iter().position(|event| matches!(event, Event::Connected { .. }));
        let first = events.iter().position(|event| matches!(event, Event::Received { .. }));
        assert!(connected < first && connected.is_some(), "{mode}");
        let expected = if mode == SocketIoMode::WebSocket { 0..=0 } else { 3..=6 };
        assert!(expected.contains(&requests(&events)), "{mode}: {} requests", requests(&events));
        let payload = events.iter().find_map(|event| match event {
            Event::Received { payload, payload_bytes, .. } => {
                Some((payload.clone(), *payload_bytes))
            }
            _ => None,
        });
        let json = ReceivedPayload::Json("{\"number\":1}".into());
        assert_eq!(payload, Some((Some(json), 12)), "{mode}");
    }
}

#[tokio::test]
async fn an_answer_that_is_compressed_is_reported() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    server.command("publish 500").await;
    let (target, client) = (server.target("bench").await, client());
    let settings =
        SubscriberSettings { headers: Headers::Browser, ..settings(SocketIoMode::Polling) };
    let mut stream = subscribe(Transport::SocketIo, &client, &target, After::Start, &settings);
    let error = loop {
        if let Err(error) = stream.next().await.unwrap() {
            break error.to_string();
        }
    };
    assert!(error.contains("`content-encoding: gzip`"), "{error}");
}

#[tokio::test]
async fn a_subscriber_resumes_at_its_cursor_after_each_cut() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    let target = server.target("bench").await;
    for mode in SocketIoMode::ALL {
        let (client, cut) = (client(), Notify::new());
        let nothing = Duration::ZERO;
        let reconnect = Reconnect::Same { first: nothing, most: nothing };
        let subscriber = Subscriber {
            transport: Transport::SocketIo,
            client: &client,
            target: &target,
            settings: SubscriberSettings { reconnect, ..settings(mode) },
            seed: 7,
            outbox: None,
            cut: Some(&cut),
        };
        let (mut start, mut received, mut interruptions) = (None, Vec::new(), 0);
        // How often it was connected, and how many messages it has.
        let (progress, mut changed) = tokio::sync::watch::channel((0, 0));
        let run = run_subscriber(&subscriber, After::Newest, |event| match event {
            SubscriberEvent::Event(Event::Connected { cursor, .. }) => {
                start = start.or(Some(cursor.seq));
                progress.send_modify(|(connected, _)| *connected += 1);
            }
            SubscriberEvent::Event(Event::Received { cursor, .. }) => {
                received.push(cursor.seq);
                progress.send_modify(|(_, messages)| *messages += 1);
            }
            SubscriberEvent::Event(_) => {}
            SubscriberEvent::Interrupted { .. } => interruptions += 1,
        });
        let script = async {
            for round in 1..=5 {
                changed.wait_for(|(connected, _)| *connected == round).await.unwrap();
                server.command("publish 20").await;
                let had = changed.borrow().1;
                changed.wait_for(|(_, messages)| *messages > had).await.unwrap();
                cut.notify_waiters();
                server.command("publish 20").await;
            }
            changed.wait_for(|(_, messages)| *messages == 200).await.unwrap();
        };
        tokio::select! {
            error = run => panic!("{mode}: {error}"),
            () = within(TIMEOUT, mode, script) => {}
        }
        let start = start.unwrap();
        assert!(received.iter().copied().eq(start + 1..=start + 200), "{mode}: {received:?}");
        assert_eq!(interruptions, 5, "{mode}");
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_is_announced() {
    let Some(mut server) = Reference::start(&json!({ "window": 10 })).await else { return };
    server.command("publish 30").await;
    let target = server.target("bench").await;
    for mode in SocketIoMode::ALL {
        let client = client();
        let (events, _) = follow(&client, &target, After::Start, mode, 10).await;
        assert!(received(&events).into_iter().eq(21..=30), "{mode}");
        let cursor = events.iter().find_map(|event| match event {
            Event::Received { cursor, .. } => Some(*cursor),
            _ => None,
        });
        for (cursor, gap) in [
            (cursor.unwrap().at(5), Gap::Missed(15)),
            (Cursor { epoch: Epoch(1), seq: 25 }, Gap::Reset),
        ] {
            let (events, _) = follow(&client, &target, After::Cursor(cursor), mode, 10).await;
            assert!(received(&events).into_iter().eq(21..=30), "{mode}");
            let found = events.iter().find_map(|event| match event {
                Event::Gap { gap, cursor } => Some((*gap, cursor.seq)),
                _ => None,
            });
            assert_eq!(found, Some((gap, 20)), "{mode}");
        }
    }
}

#[tokio::test]
async fn heartbeats_are_answered_in_every_mode() {
    let Some(mut server) = Reference::start(&json!({ "pingInterval": 50 })).await else { return };
    let target = server.target("bench").await;
    for mode in SocketIoMode::ALL {
        let client = client();
        let settings = settings(mode);
        let mut stream = subscribe(Transport::SocketIo, &client, &target, After::Newest, &settings);
        // A heartbeat comes only after the one before was answered.
        let (mut events, mut heartbeats) = (Vec::new(), 0);
        while heartbeats < 20 {
            tokio::select! {
                event = stream.next() => events.push(event.expect("no end").expect("no error")),
                line = server.line() => heartbeats = line["heartbeats"].as_u64().unwrap_or(0),
            }
        }
        server.command("publish 1").await;
        while received(&events).is_empty() {
            let next = within(TIMEOUT, format_args!("{mode}: a message"), stream.next()).await;
            events.push(next.expect("no end").expect("no error"));
        }
        let empty = events.iter().filter(|event| matches!(event, Event::Empty { .. })).count();
        let heartbeats_cost = mode == SocketIoMode::Polling;
        assert_eq!(empty > 10, heartbeats_cost, "{mode}: {empty} answers with a heartbeat");
        assert_eq!(requests(&events) > 20, heartbeats_cost, "{mode}: {}", requests(&events));
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_the_interval_and_the_timeout() {
    let options = json!({ "pingInterval": 300, "pingTimeout": 200 });
    for mode in SocketIoMode::ALL {
        let Some(mut server) = Reference::start(&options).await else { return };
        server.command("publish 1").await;
        let (target, client, settings) = (server.target("bench").await, client(), settings(mode));
        let mut stream = subscribe(Transport::SocketIo, &client, &target, After::Start, &settings);
        let mut upgraded = mode != SocketIoMode::Upgrade;
        let mut received = false;
        while !upgraded || !received {
            tokio::select! {
                next = stream.next() => {
                    received |= matches!(next.unwrap().unwrap(), Event::Received { .. });
                }
                line = server.line(), if !upgraded => upgraded = line["upgraded"] == "websocket",
            }
        }
        server.freeze().await;
        let error = loop {
            match within(TIMEOUT, format_args!("{mode}: silence"), stream.next()).await {
                Some(Ok(Event::Request { .. } | Event::Empty { .. })) => {}
                Some(Err(error)) => break error,
                other => panic!("{mode}: {other:?}"),
            }
        };
        let SubscribeError::Silent { within, .. } = error else { panic!("{mode}: {error}") };
        assert_eq!(within, Duration::from_millis(500), "{mode}");
    }
}

#[tokio::test]
async fn a_session_or_a_subscription_that_the_server_ends_has_ended_properly() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    let target = server.target("bench").await;
    for mode in SocketIoMode::ALL {
        for command in ["end", "leave"] {
            let (client, settings) = (client(), settings(mode));
            let mut stream =
                subscribe(Transport::SocketIo, &client, &target, After::Newest, &settings);
            let mut told = false;
            let ended = async {
                while let Some(event) = stream.next().await {
                    let event = event.unwrap_or_else(|error| panic!("{mode}, {command}: {error}"));
                    if !told && matches!(event, Event::Connected { .. }) {
                        told = true;
                        server.command(command).await;
                    }
                }
            };
            within(TIMEOUT, format_args!("{mode}, {command}"), ended).await;
            assert!(told, "{mode}, {command}");
        }
    }
}

#[tokio::test]
async fn a_namespace_that_is_refused_is_named_and_asked_for_no_more() {
    let Some(server) = Reference::start(&json!({})).await else { return };
    for (feed, message) in [("nowhere", "Invalid namespace"), ("guarded", "not today")] {
        let target = server.target(feed).await;
        for mode in SocketIoMode::ALL {
            let (_, error) = follow(&client(), &target, After::Newest, mode, 1).await;
            let error = error.unwrap();
            assert!(error.is_permanent(), "{mode}: {error}");
            let expected = format!("the namespace `/feeds/{feed}` was refused: {message}");
            assert_eq!(error.to_string(), expected, "{mode}");
        }
    }
}

#[tokio::test]
async fn a_burst_comes_in_few_answers() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    let (target, client) = (server.target("bench").await, client());
    let settings = settings(SocketIoMode::Polling);
    let mut stream = subscribe(Transport::SocketIo, &client, &target, After::Newest, &settings);
    let mut events = Vec::new();
    while received(&events).len() < 100 {
        let event = within(TIMEOUT, "the burst", stream.next()).await.unwrap().unwrap();
        if let Event::Connected { .. } = event {
            server.command("publish 100").await;
        }
        events.push(event);
    }
    assert!(requests(&events) < 20, "{} requests", requests(&events));
    let stamps: std::collections::BTreeSet<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Received { received_at, .. } => Some(*received_at),
            _ => None,
        })
        .collect();
    assert!(stamps.len() < 10, "an answer arrives at one time, and there were {}", stamps.len());
}

#[tokio::test]
async fn a_server_that_offers_no_upgrade_is_polled() {
    let options = json!({ "transports": ["polling"] });
    let Some(mut server) = Reference::start(&options).await else { return };
    server.command("publish 5").await;
    let (target, client) = (server.target("bench").await, client());
    let (events, error) = follow(&client, &target, After::Start, SocketIoMode::Upgrade, 5).await;
    assert!(error.is_none() && received(&events).into_iter().eq(1..=5), "{error:?}");
    assert_eq!(client.dialer().counts().opened, 2, "one connection asks, another one posts");
}

#[tokio::test]
async fn a_server_that_came_back_does_not_know_the_session_and_the_subscriber_opens_another() {
    for mode in SocketIoMode::ALL {
        let Some(mut server) = Reference::start(&json!({})).await else { return };
        let (target, client) = (server.target("bench").await, client());
        let (mut starts, settings) = (0, settings(mode));
        let settings = SubscriberSettings {
            reconnect: Reconnect::Same {
                first: Duration::from_millis(5),
                most: Duration::from_millis(5),
            },
            ..settings
        };
        let subscriber = Subscriber {
            transport: Transport::SocketIo,
            client: &client,
            target: &target,
            settings,
            seed: 3,
            outbox: None,
            cut: None,
        };
        let (connected, mut is_connected) = tokio::sync::watch::channel(0);
        let run = run_subscriber(&subscriber, After::Newest, |event| {
            if let SubscriberEvent::Event(Event::Connected { .. }) = event {
                starts += 1;
                connected.send_replace(starts);
            }
        });
        let script = async {
            is_connected.wait_for(|starts| *starts == 1).await.unwrap();
            server.restart().await;
            is_connected.wait_for(|starts| *starts == 2).await.unwrap();
        };
        tokio::select! {
            error = run => panic!("{mode}: {error}"),
            () = within(TIMEOUT, mode, script) => {}
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_repeated_or_swapped_across_the_upgrade() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    let target = server.target("bench").await;
    for round in 0..10 {
        let client = client();
        let settings = settings(SocketIoMode::Upgrade);
        let mut stream = subscribe(Transport::SocketIo, &client, &target, After::Newest, &settings);
        let (mut events, mut upgraded, mut start) = (Vec::new(), false, None);
        // One message after the other is published from before the connection until some time after
        // the upgrade, so that they travel by either way and in between.
        let mut left = 20;
        while left > 0 {
            server.command("publish 1").await;
            left -= u32::from(upgraded);
            tokio::select! {
                biased;
                line = server.line(), if !upgraded => upgraded = line["upgraded"] == "websocket",
                event = stream.next() => {
                    let event = event.unwrap().unwrap();
                    if let Event::Connected { cursor, .. } = event {
                        start = Some(cursor.seq);
                    }
                    events.push(event);
                }
            }
        }
        server.command("publish 1").await;
        server.command("end").await;
        while let Some(event) = within(TIMEOUT, "the end", stream.next()).await {
            events.push(event.unwrap());
        }
        let (start, received) = (start.unwrap(), received(&events));
        let expected = start + 1..=start + received.len() as u64;
        assert!(received.iter().copied().eq(expected), "round {round}: {start}, {received:?}");
        assert!(received.len() >= 20, "round {round}: {} messages", received.len());
    }
}

/// Follows the events of a server, and returns what arrives.
fn events(
    url: &str,
    interest: &SocketIoInterest,
    once: bool,
) -> BoxStream<'static, Result<RawSocketIoEvent, RawError>> {
    let options = RawOptions { once, ..RawOptions::default() };
    let updates = socket_io_events(url, interest, &options);
    updates.try_filter_map(|update| std::future::ready(Ok(update.received()))).boxed()
}

#[tokio::test]
async fn any_event_of_any_namespace_is_printed_undecoded_with_its_attachments() {
    let Some(mut server) = Reference::start(&json!({})).await else { return };
    server.command("publish 2").await;
    for mode in SocketIoMode::ALL {
        let interest = |event: Option<&str>| SocketIoInterest {
            namespace: "/feeds/bench".to_owned(),
            event: event.map(str::to_owned),
            mode,
        };
        let url = server.url();
        let mut all = events(&url, &interest(None), true);
        let hello = within(TIMEOUT, mode, all.next()).await.unwrap().unwrap();
        assert_eq!((hello.event.as_str(), hello.data.len()), ("hello", 1), "{mode}");
        let mut binary = events(&url, &interest(Some("binary")), true);
        let mut event = None;
        // Until the second client has connected, there is nobody to emit to.
        while event.is_none() {
            server.command("binary").await;
            tokio::select! {
                next = binary.next() => event = Some(next.unwrap().unwrap()),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        let expected = RawSocketIoEvent {
            event: "binary".to_owned(),
            data: vec![
                json!("two parts"),
                json!({ "binary": "AQID" }),
                json!({ "deep": { "binary": "BA==" } }),
            ],
            ack: None,
        };
        assert_eq!(event, Some(expected), "{mode}");
        server.command("end").await;
        let ended = async { while binary.next().await.transpose().unwrap().is_some() {} };
        within(TIMEOUT, mode, ended).await;
    }
    let elsewhere = SocketIoInterest { namespace: "/elsewhere".to_owned(), ..Default::default() };
    let mut events = events(&server.url(), &elsewhere, false);
    let error = within(TIMEOUT, "a refusal", events.next()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the namespace `/elsewhere` was refused: Invalid namespace");
}
