//! Socket.IO.

use wirebench_protocol::{Gap, Transport};

use crate::server::{self, Peer, Request};
use crate::subscriber::{failure, message, settings, string, target, watch};

/// Opens a session over a WebSocket. Returns the packet that asks for a namespace.
async fn open(peer: &mut Peer) -> (Request, String) {
    let request = peer.request().await.unwrap();
    peer.upgrade(&request, &[]).await;
    let heartbeat = "\"pingInterval\":60000,\"pingTimeout\":60000";
    peer.text(&format!("0{{\"sid\":\"s\",\"upgrades\":[],{heartbeat}}}")).await;
    (request, peer.next_text().await.unwrap())
}

#[tokio::test]
async fn events_of_a_namespace_are_read_as_the_target_says() {
    let address = server::start(|_, mut peer: Peer| async move {
        let (request, connect) = open(&mut peer).await;
        assert_eq!(request.path(), "/io/?v=1&EIO=4&transport=websocket");
        assert_eq!(connect, r#"40/news,{"token":"t0"}"#);
        peer.text(r#"42["m","in another namespace"]"#).await;
        peer.text(r#"40/news,{"sid":"x"}"#).await;
        peer.text(r#"42/news,["other",1]"#).await;
        for seq in [1, 2] {
            let body = message(seq);
            peer.text(&format!(r#"42/news,["m",{{"kind":"x","body":{body}}},"more"]"#)).await;
        }
        peer.text(r#"42/news,["m",{"body":3,"kind":"y"}]"#).await;
        peer.text("41/news,").await;
        peer.gone().await;
    });
    let table = r#"[socket-io]
        url = "http://127.0.0.1:{port}/io/?v=1"
        namespace = "/news"
        auth = '{"token":"t{subscriber}"}'
        event = "m"
        select = { "/kind" = "x" }
        message = "/body""#;
    let target = target(address, Transport::SocketIo, table).await;
    let seen =
        watch(&target, Transport::SocketIo, settings(), |seen| !seen.interruptions.is_empty());
    let seen = seen.await;
    assert_eq!((&*seen.received, seen.connected), (&[1, 2][..], 1), "{seen:?}");
    assert_eq!(seen.interruptions, [""], "the server disconnected it properly");
}

/// With `connectionStateRecovery`, as the official client and server do it.
const RECOVERING: &str = r#"[socket-io]
    url = "http://127.0.0.1:{port}/socket.io/"
    auth = '{"a":1}'
    encoding = "json-string"
    recover = true"#;

#[tokio::test]
async fn a_session_that_is_recovered_says_its_pid_and_the_last_offset() {
    let address = server::start(|number, mut peer: Peer| async move {
        let (_, connect) = open(&mut peer).await;
        let event = |seq: u64| format!(r#"42["message",{},"o{seq}"]"#, string(&message(seq)));
        let auth: serde_json::Value = serde_json::from_str(&connect[2..]).unwrap();
        match number {
            0 => {
                assert_eq!(auth, serde_json::json!({ "a": 1 }));
                peer.text(r#"40{"sid":"x","pid":"p0"}"#).await;
                peer.text(&event(1)).await;
                peer.text(r#"42["other","o1b"]"#).await;
            }
            1 => {
                let expected = serde_json::json!({ "a": 1, "pid": "p0", "offset": "o1b" });
                assert_eq!(auth, expected);
                // What was missed comes first.
                peer.text(&event(2)).await;
                peer.text(r#"40{"sid":"y","pid":"p0"}"#).await;
                // A hole in a session that was recovered is the server's fault, and nobody is told.
                peer.text(&event(4)).await;
            }
            _ => {
                let expected = serde_json::json!({ "a": 1, "pid": "p0", "offset": "o4" });
                assert_eq!(auth, expected);
                // The server does not know the session any more.
                peer.text(r#"40{"sid":"z","pid":"p1"}"#).await;
                peer.text(&event(7)).await;
                peer.text(&event(9)).await;
                peer.gone().await;
            }
        }
    });
    let target = target(address, Transport::SocketIo, RECOVERING).await;
    let over = |seen: &crate::subscriber::Seen| seen.received.len() == 5;
    let seen = watch(&target, Transport::SocketIo, settings(), over).await;
    assert_eq!((&*seen.received, seen.connected), (&[1, 2, 4, 7, 9][..], 3), "{seen:?}");
    assert_eq!(seen.gaps, [Gap::Missed(2)], "messages 5 and 6, and no others");
}

#[tokio::test]
async fn a_server_that_cannot_recover_is_reported() {
    let address = server::start(|_, mut peer: Peer| async move {
        open(&mut peer).await;
        peer.text(r#"40{"sid":"x"}"#).await;
        peer.gone().await;
    });
    let target = target(address, Transport::SocketIo, RECOVERING).await;
    let error = failure(&target, Transport::SocketIo).await;
    assert_eq!(
        error,
        "`GET /socket.io/`, namespace `/`, received `{\"sid\":\"x\"}`: expected a `pid` \
         (`recover`): the server needs `connectionStateRecovery`"
    );
}
