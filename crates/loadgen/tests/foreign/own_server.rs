//! This project's own server through a target file: the same numbers as the built-in way.

use wirebench_loadgen::{SubscriberSettings, Target};
use wirebench_protocol::{SocketIoMode, Transport};

use crate::subscriber::{Seen, message, settings, target, watch, watch_over};
use crate::support::Bench;
use crate::support::http_variant::HttpVariant;
use crate::support::proxy::TestProxy;

/// The own server as a target.
const OWN: &str = r#"
[short-polling]
url = "http://127.0.0.1:{port}/feeds/bench/short-polling"
next-url = "http://127.0.0.1:{port}/feeds/bench/short-polling?after={cursor}"
cursor = "header:Feed-Cursor"
messages = "/messages"
split = "array"
message = "/payload"

[long-polling]
url = "http://127.0.0.1:{port}/feeds/bench/long-polling?hold=0"
next-url = "http://127.0.0.1:{port}/feeds/bench/long-polling?after={cursor}&hold={hold}"
cursor = "header:Feed-Cursor"
messages = "/messages"
split = "array"
message = "/payload"

[sse]
url = "http://127.0.0.1:{port}/feeds/bench/sse"
message = "/payload"

[websocket]
url = "ws://127.0.0.1:{port}/feeds/bench/websocket"
handshake = [{ expect = '{"hello":{"cursor":"{epoch}-{seq}"*' }]
resume-url = "ws://127.0.0.1:{port}/feeds/bench/websocket?after={epoch}-{seq}"
keep = { seq = "/seq" }
matching = '{"seq":*'
message = "/payload"

[socket-io]
url = "http://127.0.0.1:{port}/socket.io/"
namespace = "/feeds/bench"
message = "/payload"
"#;

/// What both ways have to agree on.
#[derive(Debug, PartialEq)]
struct Numbers {
    /// The messages, counted from the first one that was published to this subscriber.
    received: Vec<u64>,
    subscriptions: usize,
    interruptions: usize,
    connections: u64,
    /// Requests, if their number does not depend on the time.
    requests: Option<usize>,
}

/// Runs a subscriber over 20 messages, each of which is published when the one before has arrived.
async fn numbers(
    bench: &Bench,
    variant: HttpVariant,
    (transport, mode): (Transport, SocketIoMode),
    target: &Target,
) -> Numbers {
    let (client, before) = (variant.client(), bench.feed.published());
    let settings = SubscriberSettings { socket_io_mode: mode, ..settings() };
    let over = |seen: &Seen| {
        let arrived = bench.feed.published() - before == seen.received.len() as u64;
        if seen.connected > 0 && arrived && seen.received.len() < 20 {
            bench.publish(&message(bench.feed.published() + 1));
        }
        seen.received.len() == 20
    };
    let seen = watch_over(&client, target, transport, settings, over).await;
    Numbers {
        received: seen.received.iter().map(|seq| seq - before).collect(),
        subscriptions: seen.connected,
        interruptions: seen.interruptions.len(),
        connections: client.dialer().counts().opened,
        requests: match transport {
            Transport::LongPolling | Transport::Sse | Transport::WebSocket => Some(seen.requests),
            // How many packets share an answer depends on the time, too. The greeting of the own
            // server is one that a target file does not wait for.
            Transport::ShortPolling | Transport::SocketIo => None,
        },
    }
}

#[tokio::test]
async fn a_target_file_measures_the_same_as_the_built_in_way_over_every_variant_of_http() {
    for variant in HttpVariant::all() {
        let bench = Bench::speaking(variant, 10_000);
        let file = if variant.0.tls {
            OWN.replace("http://", "https://").replace("ws://", "wss://")
        } else {
            OWN.to_owned()
        };
        for transport in Transport::ALL {
            let modes = match transport {
                Transport::SocketIo => &SocketIoMode::ALL[..],
                Transport::ShortPolling
                | Transport::LongPolling
                | Transport::Sse
                | Transport::WebSocket => &[SocketIoMode::WebSocket],
            };
            for mode in modes {
                let way = (transport, *mode);
                let built_in = numbers(&bench, variant, way, &bench.target()).await;
                let name = format!("{transport}, {mode}, {variant}");
                assert!(built_in.received.iter().copied().eq(1..=20), "{name}: {built_in:?}");
                let as_target = target(bench.address, transport, &file).await;
                assert_eq!(numbers(&bench, variant, way, &as_target).await, built_in, "{name}");
            }
        }
    }
}

/// A subscriber whose connection breaks continues after its last message, as the built-in one does.
#[tokio::test]
async fn a_subscriber_of_a_target_misses_nothing_when_its_connection_is_cut() {
    for transport in
        [Transport::ShortPolling, Transport::LongPolling, Transport::Sse, Transport::WebSocket]
    {
        let bench = Bench::start(1_000);
        // In the middle of whatever is under way.
        let proxy = TestProxy::cutting(bench.address, vec![700, 1_300, 2_000]);
        let target = target(proxy.address, transport, OWN).await;
        let over = |seen: &Seen| {
            let count = seen.received.len() as u64;
            if seen.connected > 0 && bench.feed.published() == count && count < 60 {
                bench.publish(&message(count + 1));
            }
            count >= 60
        };
        let seen = watch(&target, transport, settings(), over).await;
        assert!(seen.received.into_iter().eq(1..=60), "{transport}");
        assert_eq!(seen.interruptions.len(), 3, "{transport}: {:?}", seen.interruptions);
    }
}
