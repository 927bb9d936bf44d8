//! What holds for HAProxy only.

use std::time::{Duration, Instant};

use wirebench_protocol::{After, Transport};

use crate::programs::{ProxyProgram, RunningProxy, Settings, check};
use crate::readers::{ProxiedReader, ask, chunk, is_silent, one_by_one, stay, stream};
use crate::support::http::RawHttp;
use crate::support::{Bench, TIMEOUT, client, frames, target, until, within};

const HAPROXY: ProxyProgram = ProxyProgram::Haproxy;

/// HAProxy asks the kernel to wait for more to send, which it does for about 200 ms. Half of that
/// separates messages that were held back from those that were not.
const HELD: Duration = Duration::from_millis(100);

/// Starts a server, and a proxy in front of it. Returns `None` if HAProxy is not installed.
async fn behind(settings: Settings) -> Option<(Bench, RunningProxy)> {
    if !HAPROXY.is_there() {
        return None;
    }
    let bench = Bench::start(1000);
    let proxy = RunningProxy::start(&settings, bench.address).await;
    Some((bench, proxy))
}

#[tokio::test]
async fn without_http_no_delay_every_event_is_held_back_for_200_ms_and_nothing_else_is() {
    for settings in [HAPROXY.untouched(), HAPROXY.right().without("option http-no-delay")] {
        let Some((bench, proxy)) = behind(settings).await else { return };
        let fastest = one_by_one(&bench, proxy.address, Transport::Sse, 5).await;
        assert!(fastest >= HELD, "an event took {fastest:?} only");
        for transport in [Transport::ShortPolling, Transport::LongPolling, Transport::WebSocket] {
            assert_not_held(&bench, &proxy, transport).await;
        }
    }
}

#[tokio::test]
async fn with_http_no_delay_no_transport_is_held_back() {
    let Some((bench, proxy)) = behind(HAPROXY.right()).await else { return };
    for transport in Transport::ALL {
        assert_not_held(&bench, &proxy, transport).await;
    }
}

/// On a busy machine any single message may take long. Of many, one is fast unless all are held
/// back.
async fn assert_not_held(bench: &Bench, proxy: &RunningProxy, transport: Transport) {
    let began = Instant::now();
    while one_by_one(bench, proxy.address, transport, 5).await >= HELD {
        assert!(began.elapsed() < TIMEOUT, "{transport}: every message is held back");
    }
}

#[tokio::test]
async fn without_abortonclose_the_server_keeps_answering_those_who_have_left() {
    let right = HAPROXY.right();
    for (settings, kept) in [
        (right.clone(), false),
        (right.without("option abortonclose"), true),
        (HAPROXY.untouched(), true),
    ] {
        let Some((bench, proxy)) = behind(settings).await else { return };
        for (transport, path) in [
            (Transport::LongPolling, "/feeds/bench/long-polling?hold=60"),
            (Transport::Sse, "/feeds/bench/sse"),
        ] {
            let metric = format!("wirebench_connections_open{{transport=\"{transport}\"}} 1");
            let is_open = || bench.server.metrics_text().contains(&metric);
            let mut http = RawHttp::connect(proxy.address).await;
            ask(&mut http, path, "").await;
            until(format_args!("{transport}: the stream is open"), is_open).await;
            drop(http);
            if kept {
                stay().await;
                assert!(is_open(), "{transport}: the server knows that nobody listens");
            } else {
                until(format_args!("{transport}: the stream is closed"), || !is_open()).await;
            }
        }
    }
}

#[tokio::test]
async fn without_a_timeout_haproxy_warns() {
    if !HAPROXY.is_there() {
        return;
    }
    assert!(!check(&HAPROXY.right()).contains("missing timeouts"), "{}", check(&HAPROXY.right()));
    for line in ["timeout connect", "timeout client", "timeout server"] {
        let said = check(&HAPROXY.right().without(line));
        assert!(said.contains("missing timeouts"), "without {line}: {said}");
    }
}

/// In mode tcp, the default of HAProxy, it does not look at anything above TCP.
#[tokio::test]
async fn without_mode_http_bytes_are_passed_on_as_they_are() {
    let Some((bench, proxy)) = behind(HAPROXY.right().without("mode http")).await else { return };
    for transport in Transport::ALL {
        assert_not_held(&bench, &proxy, transport).await;
    }
    let (_http, head) = stream(proxy.address, "").await;
    let (_http, direct) = stream(bench.address, "").await;
    let order = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    };
    assert_eq!(order(&head.text), order(&direct.text));
}

/// HAProxy never flushes its compressor within an answer, so the end of an event would arrive with
/// the next one. It respects `no-transform`, which is why the server sends it.
#[tokio::test]
async fn a_haproxy_that_compresses_leaves_events_alone_since_the_server_asks_for_it() {
    let compressing = HAPROXY.right().with_option("compression algo gzip");
    let Some((bench, proxy)) = behind(compressing).await else { return };
    bench.publish("1");
    let mut http = RawHttp::connect(proxy.address).await;
    ask(&mut http, "/feeds/bench/short-polling?after=start", "accept-encoding: gzip\r\n").await;
    let head = within(TIMEOUT, "a poll", http.head()).await;
    assert_eq!(head.header("content-encoding"), Some("gzip"), "it does compress: {}", head.text);

    let (mut http, head) = stream(proxy.address, "accept-encoding: gzip\r\n").await;
    assert_eq!(head.header("content-encoding"), None, "{}", head.text);
    assert!(chunk(&mut http).await.ends_with(b"\n\n"));
    for _ in 0..10 {
        bench.publish("1");
        assert!(chunk(&mut http).await.ends_with(b"\n\n"));
    }
}

#[tokio::test]
async fn one_connection_more_than_haproxy_takes_waits_until_another_leaves() {
    let few = HAPROXY.right().with("bind :80", " maxconn 2");
    let Some((bench, proxy)) = behind(few).await else { return };
    let (client, target) = (client(), target(proxy.address));
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut reader = ProxiedReader::new(Transport::Sse, &client, &target, After::Newest);
        reader.connected().await;
        readers.push(reader);
    }
    let mut waiting = RawHttp::connect(proxy.address).await;
    waiting.send(frames::handshake("/feeds/bench/websocket").as_bytes()).await;
    assert!(is_silent(&mut waiting).await, "neither accepted nor refused");
    let cursor = bench.publish("1");
    for reader in &mut readers {
        assert_eq!(reader.message().await, cursor, "those that were there stay");
    }
    readers.pop();
    assert_eq!(within(TIMEOUT, "an answer", waiting.head()).await.status, 101);
}
