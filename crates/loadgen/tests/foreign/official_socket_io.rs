//! The npm package `socket.io`: what a subscriber missed while it was away is sent again, if the
//! server is set up for it. Without npm, this test reports that it is skipped.

use serde_json::json;
use tokio::sync::Notify;
use wirebench_loadgen::{Subscriber, SubscriberEvent, run_subscriber};
use wirebench_measure::Event;
use wirebench_protocol::{After, Transport};

use crate::reference::Reference;
use crate::subscriber::{message, settings, target};
use crate::support::{TIMEOUT, client, within};

/// Over a WebSocket, whose end the server notices before the subscriber is back. Of a client that
/// polls and is back within a few milliseconds, it still has the old session, and recovers nothing.
#[tokio::test]
async fn a_session_of_the_official_server_is_recovered() {
    let Some(mut server) = Reference::start(&json!({ "connectionStateRecovery": {} })).await else {
        return;
    };
    let address = server.url().strip_prefix("http://").unwrap().parse().unwrap();
    let table = r#"[socket-io]
        url = "http://127.0.0.1:{port}/socket.io/"
        encoding = "json-string"
        recover = true"#;
    let target = target(address, Transport::SocketIo, table).await;
    let (cut, client) = (Notify::new(), client());
    let subscriber = Subscriber {
        transport: Transport::SocketIo,
        client: &client,
        target: &target,
        settings: settings(),
        seed: 7,
        cut: Some(&cut),
        outbox: None,
    };
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let running = run_subscriber(&subscriber, After::Newest, |event| {
        let _ = match event {
            SubscriberEvent::Event(Event::Connected { .. }) => sender.send(0),
            SubscriberEvent::Event(Event::Received { cursor, .. }) => sender.send(cursor.seq),
            SubscriberEvent::Event(Event::Gap { .. }) => sender.send(u64::MAX),
            _ => Ok(()),
        };
    });
    let publishing = async {
        let mut next = async |expected: u64| {
            assert_eq!(events.recv().await, Some(expected));
        };
        next(0).await;
        assert_eq!(server.line().await["recovered"], false);
        for seq in 1..=3 {
            server.command(&format!("emit {}", message(seq))).await;
            next(seq).await;
        }
        cut.notify_waiters();
        for seq in 4..=6 {
            server.command(&format!("emit {}", message(seq))).await;
        }
        next(0).await;
        for seq in 4..=6 {
            next(seq).await;
        }
        assert_eq!(server.line().await["recovered"], true);
    };
    let either = async {
        tokio::select! {
            error = running => panic!("{error}"),
            () = publishing => {}
        }
    };
    within(TIMEOUT, "a recovered session", either).await;
}
