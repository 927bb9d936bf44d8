//! What goes wrong is said: what was asked, what came, what was expected.

use std::net::SocketAddr;

use wirebench_protocol::Transport;

use crate::server::{self, Peer};
use crate::subscriber::{failure, settings, string, target, try_target, watch};
use crate::support::listen;

/// The name of a variable of the environment, which cargo sets, and its value.
const SECRET: (&str, &str) = ("CARGO_PKG_NAME", env!("CARGO_PKG_NAME"));

/// Returns the shortest table that subscribes over a transport.
fn table(transport: Transport) -> String {
    let name = match transport {
        Transport::ShortPolling => "short-polling",
        Transport::LongPolling => "long-polling",
        Transport::Sse => "sse",
        Transport::WebSocket => "websocket",
        Transport::SocketIo => "socket-io",
    };
    let secret = SECRET.0;
    let url = format!("http://127.0.0.1:{{port}}/x?token={{env:{secret}}}");
    format!(
        "[{name}]\nurl = \"{url}\"\nheaders = {{ \"Authorization\" = \"Bearer {{env:{secret}}}\" }}"
    )
}

/// Starts a server that answers each request with the same bytes and closes the connection.
fn answering(answer: &'static str) -> SocketAddr {
    server::start(move |_, mut peer: Peer| async move {
        if peer.request().await.is_some() {
            peer.say(answer).await;
        }
    })
}

async fn failure_at(address: SocketAddr, transport: Transport, more: &str) -> String {
    let table = format!("{}\n{more}", table(transport));
    failure(&target(address, transport, &table).await, transport).await
}

#[tokio::test]
async fn a_refusal_is_reported_with_the_answer_and_without_the_secret() {
    let answer =
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 27\r\n\r\nno wirebench-loadgen, sorry";
    assert_eq!(SECRET.1, "wirebench-loadgen");
    let address = answering(answer);
    for transport in Transport::ALL {
        let target = target(address, transport, &table(transport)).await;
        let seen = watch(&target, transport, settings(), |_| false).await;
        let [error] = &*seen.interruptions else { panic!("{transport}: {seen:?}") };
        assert!(seen.gave_up && seen.connected == 0, "{transport}: {seen:?}");
        assert!(error.starts_with("`GET /x?token={env:CARGO_PKG_NAME}"), "{transport}: {error}");
        let end = "was answered with 401 Unauthorized: no {env:CARGO_PKG_NAME}, sorry";
        assert!(error.ends_with(end), "{transport}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_useful_is_reported() {
    let nobody = listen().local_addr().unwrap();
    let hangs_up = server::start(|_, mut peer: Peer| async move {
        peer.request().await;
    });
    let page =
        answering("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi");
    for transport in Transport::ALL {
        let error = failure_at(nobody, transport, "").await;
        assert_eq!(error, format!("cannot connect to `{nobody}`"), "{transport}");
        let error = failure_at(hangs_up, transport, "").await;
        assert!(error.contains("/x?token={env:CARGO_PKG_NAME}"), "{transport}: {error}");
        assert!(error.ends_with("lost its connection"), "{transport}: {error}");
        let error = failure_at(page, transport, "").await;
        let said = match transport {
            Transport::ShortPolling | Transport::LongPolling => {
                "received `hi`: expected what was published"
            }
            Transport::Sse => "received text/html: expected `text/event-stream`",
            Transport::WebSocket | Transport::SocketIo => "was answered with 200 OK: hi",
        };
        assert!(error.contains(said), "{transport}: {error}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_at_once_is_reported() {
    let address = answering("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
    let error = failure_at(address, Transport::Sse, "").await;
    assert!(error.contains("the end of the connection before anything else"), "{error}");
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        peer.close(1000).await;
    });
    let error = failure_at(address, Transport::WebSocket, "").await;
    assert!(error.contains("the end of the connection before anything else"), "{error}");
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        peer.close(4001).await;
    });
    let error = failure_at(address, Transport::WebSocket, "").await;
    assert!(error.ends_with("was closed with 4001: so"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_compressed_or_lacks_its_cursor_is_reported() {
    let zipped = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
                  content-length: 2\r\n\r\nzz";
    for transport in [Transport::ShortPolling, Transport::LongPolling, Transport::Sse] {
        let error = failure_at(answering(zipped), transport, "").await;
        let said = "received `content-encoding: gzip`: expected an answer that is not compressed";
        assert!(error.ends_with(said), "{transport}: {error}");
    }
    let message = crate::subscriber::message(1);
    let address = server::start(move |_, mut peer: Peer| {
        let message = message.clone();
        async move {
            while peer.request().await.is_some() {
                peer.answer("200 OK", &[], &message).await;
            }
        }
    });
    for (cursor, place) in [
        ("validators", "`ETag` or `Last-Modified`"),
        ("header:Next", "the header `Next`"),
        ("/next", "a cursor at `/next`"),
    ] {
        let more = format!("cursor = \"{cursor}\"");
        let error = failure_at(address, Transport::ShortPolling, &more).await;
        let said = format!("expected {place} (`cursor`)");
        assert!(error.ends_with(&said), "{cursor}: {error}");
    }
}

#[tokio::test]
async fn a_message_that_the_pointer_does_not_find_is_reported_over_every_transport() {
    let address = server::start(|_, mut peer: Peer| async move {
        let Some(request) = peer.request().await else { return };
        if request.header("upgrade").is_some() {
            peer.upgrade(&request, &[]).await;
            if request.path().contains("EIO=4") {
                let heartbeat = "\"pingInterval\":60000,\"pingTimeout\":60000";
                peer.text(&format!("0{{\"sid\":\"s\",\"upgrades\":[],{heartbeat}}}")).await;
                peer.next_text().await;
                peer.text("40{\"sid\":\"x\"}").await;
                peer.text("42[\"message\",{\"b\":1}]").await;
            } else {
                peer.text("{\"b\":1}").await;
            }
        } else if request.header("accept") == Some("text/event-stream") {
            peer.stream().await;
            peer.say("data: {\"b\":1}\n\n").await;
        } else {
            peer.answer("200 OK", &[], "{\"b\":1}").await;
        }
        peer.gone().await;
    });
    for transport in Transport::ALL {
        let table = format!("{}\nmessage = \"/a/b\"", table(transport));
        let target = target(address, transport, &table).await;
        let seen = watch(&target, transport, settings(), |_| false).await;
        let [error] = &*seen.interruptions else { panic!("{transport}: {seen:?}") };
        assert!(seen.gave_up, "{transport}: the next message would be no better");
        let said = "received `{\"b\":1}`: expected a message at `/a/b` (`message` of";
        assert!(error.contains(said), "{transport}: {error}");
    }
}

#[tokio::test]
async fn a_handshake_that_goes_otherwise_is_reported_with_its_step() {
    let address = server::start(|_, mut peer: Peer| async move {
        let request = peer.request().await.unwrap();
        peer.upgrade(&request, &[]).await;
        peer.text("{\"hello\":1}").await;
        peer.next_text().await;
        peer.text("{\"rejected\":\"you\"}").await;
        peer.close(1000).await;
    });
    let steps =
        |last: &str| format!("handshake = [{{ expect = '*hello*' }}, {{ send = 'me' }}, {last}]");
    let error = failure_at(address, Transport::WebSocket, &steps("{ expect = '*ok*' }")).await;
    let said = "step 3 of its handshake, after `me`, received `{\"rejected\":\"you\"}` and then the \
                end of the connection: expected `*ok*` (`handshake`)";
    assert!(error.ends_with(said), "{error}");
    let last = "{ expect = '*rejected*', capture = { id = '/id' } }, { send = '{id}' }";
    let error = failure_at(address, Transport::WebSocket, &steps(last)).await;
    let said = "step 3 of its handshake, after `me`, received `{\"rejected\":\"you\"}`: expected \
                `id` at `/id` (`handshake`)";
    assert!(error.ends_with(said), "{error}");
}

#[tokio::test]
async fn a_target_that_cannot_be_used_is_refused_before_anything_is_dialled() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let url = "url = \"http://127.0.0.1:{port}/\"";
    for (transport, table, said) in [
        (
            Transport::Sse,
            format!("[websocket]\n{url}"),
            "`url` of `[sse]` is empty: the target does not have this transport",
        ),
        (
            Transport::Sse,
            "[sse]\nurl = \"http://127.0.0.1:{port}/{env:WIREBENCH_IS_NOT_SET}\"".to_owned(),
            "set the environment variable `WIREBENCH_IS_NOT_SET`",
        ),
        (
            Transport::Sse,
            "[sse]\nurl = \"{env:CARGO_PKG_NAME}/sse\"".to_owned(),
            "is `{env:CARGO_PKG_NAME}/sse`: expected `http://host:port/path`",
        ),
        (
            Transport::Sse,
            format!("[sse]\n{url}\nresume-url = \"http://localhost:{{port}}/?x={{cursor}}\""),
            "`resume-url` of `[sse]` names another server than `url`",
        ),
        (
            Transport::Sse,
            format!("[sse]\n{url}\nheaders = {{ \"a b\" = \"c\" }}"),
            "`a b` has the name of no header",
        ),
        (
            Transport::ShortPolling,
            format!("[short-polling]\n{url}\ncursor = \"header:a b\""),
            "names `a b`, which is no header",
        ),
        (
            Transport::SocketIo,
            format!("[socket-io]\n{url}\nauth = {}", string("[1]")),
            "`auth` of `[socket-io]` is not an object in JSON",
        ),
    ] {
        let error = try_target(address, transport, &table).await.unwrap_err();
        assert!(error.is_malformed(), "{error}");
        assert!(error.to_string().contains(said), "{error}, and not {said}");
    }
}
