//! What holds for nginx only.

use wirebench_protocol::{After, Transport};

use crate::programs::{ProxyProgram, RunningProxy, Settings};
use crate::readers::{
    ProxiedReader, ask, chunk, handshake, is_silent, one_by_one, refusal, run_until, settings,
    stream,
};
use crate::support::http::RawHttp;
use crate::support::{Bench, TIMEOUT, client, target, within};

const NGINX: ProxyProgram = ProxyProgram::Nginx;

/// Starts a server, and a proxy in front of it. Returns `None` if nginx is not installed.
async fn behind(settings: Settings) -> Option<(Bench, RunningProxy)> {
    if !NGINX.is_there() {
        return None;
    }
    let bench = Bench::start(1000);
    let proxy = RunningProxy::start(&settings, bench.address).await;
    Some((bench, proxy))
}

#[tokio::test]
async fn nginx_untouched_passes_polls_and_streams_on_at_once() {
    let Some((bench, proxy)) = behind(NGINX.untouched()).await else { return };
    for transport in [Transport::ShortPolling, Transport::LongPolling, Transport::Sse] {
        one_by_one(&bench, proxy.address, transport, 20).await;
    }
}

#[tokio::test]
async fn nginx_untouched_has_the_handshakes_of_pages_refused_with_403_and_others_with_400() {
    let Some((_bench, proxy)) = behind(NGINX.untouched()).await else { return };
    assert_eq!(refusal(Transport::WebSocket, proxy.address).await, (403, true));
    assert_eq!(handshake(proxy.address).await.status, 400);
}

#[tokio::test]
async fn without_proxy_http_version_a_handshake_is_refused_with_400() {
    let Some((_bench, proxy)) = behind(NGINX.right().without("proxy_http_version")).await else {
        return;
    };
    assert_eq!(refusal(Transport::WebSocket, proxy.address).await, (400, true));
}

#[tokio::test]
async fn without_the_headers_upgrade_and_connection_a_handshake_is_refused_with_426() {
    for line in ["proxy_set_header Upgrade", "proxy_set_header Connection"] {
        let Some((_bench, proxy)) = behind(NGINX.right().without(line)).await else { return };
        assert_eq!(refusal(Transport::WebSocket, proxy.address).await, (426, true), "{line}");
    }
}

#[tokio::test]
async fn without_the_header_host_the_handshakes_of_pages_are_refused_with_403() {
    // `$host`, which is often used instead, has no port. That is enough only if the address of the
    // page has none.
    let right = NGINX.right();
    for wrong in [
        right.clone().without("proxy_set_header Host"),
        right.clone().with_instead("$http_host", "$host"),
    ] {
        let Some((_bench, proxy)) = behind(wrong).await else { return };
        assert_eq!(refusal(Transport::WebSocket, proxy.address).await, (403, true));
        assert_eq!(handshake(proxy.address).await.status, 101, "no page sent this one");
    }
}

/// Returns how many connections the server accepted for twenty polls over one connection.
async fn connections_for_polls(settings: Settings) -> Option<u64> {
    let (bench, proxy) = behind(settings).await?;
    let mut http = RawHttp::connect(proxy.address).await;
    for _ in 0..20 {
        ask(&mut http, "/feeds/bench/short-polling", "").await;
        assert_eq!(within(TIMEOUT, "a poll", http.answer()).await.0.status, 204);
    }
    let metric = "wirebench_connections_accepted_total{transport=\"short-polling\"} ";
    let text = bench.server.metrics_text();
    let accepted = text.lines().find_map(|line| line.strip_prefix(metric));
    Some(accepted.unwrap().parse().unwrap())
}

#[tokio::test]
async fn without_an_upstream_that_keeps_connections_every_poll_opens_one() {
    // The connection over which the proxy was asked whether it answers may serve the polls, too. It
    // then counts as theirs.
    let Some(kept) = connections_for_polls(NGINX.right()).await else { return };
    assert_eq!(kept, 1);
    for line in ["keepalive 64;", "proxy_http_version", "proxy_set_header Connection"] {
        let opened = connections_for_polls(NGINX.right().without(line)).await;
        assert_eq!(opened, Some(20), "without {line}");
    }
    assert_eq!(connections_for_polls(NGINX.untouched()).await, Some(20));
}

#[tokio::test]
async fn an_nginx_that_ignores_x_accel_buffering_holds_events_back_until_4_kib_are_full() {
    let ignoring = NGINX.untouched().with_option("proxy_ignore_headers X-Accel-Buffering;");
    let Some((bench, proxy)) = behind(ignoring).await else { return };
    let mut http = RawHttp::connect(proxy.address).await;
    ask(&mut http, "/feeds/bench/sse", "").await;
    assert!(is_silent(&mut http).await, "not even the head of the answer comes");
    bench.publish("\"a message\"");
    assert!(is_silent(&mut http).await);
    bench.publish(&format!("\"{}\"", "x".repeat(2000)));
    assert!(is_silent(&mut http).await, "2 KiB are too little");
    bench.publish(&format!("\"{}\"", "x".repeat(4000)));
    let head = within(TIMEOUT, "the head of a stream", http.head()).await;
    assert_eq!(head.status, 200);
    let first = String::from_utf8(chunk(&mut http).await).unwrap();
    assert!(first.contains("a message"), "{first}");
}

/// nginx holds back what has no known length. Over HTTP/1.1 it knows the length of each chunk.
#[tokio::test]
async fn over_http_1_1_nginx_holds_nothing_back_even_if_it_ignores_x_accel_buffering() {
    let ignoring = NGINX.right().with_option("proxy_ignore_headers X-Accel-Buffering;");
    let Some((bench, proxy)) = behind(ignoring).await else { return };
    one_by_one(&bench, proxy.address, Transport::Sse, 30).await;
}

#[tokio::test]
async fn an_nginx_behind_another_hides_from_it_that_events_are_not_to_be_held_back() {
    let Some((bench, inner)) = behind(NGINX.right()).await else { return };
    // The header is for the nearest nginx, which does not pass it on.
    let (_, head) = stream(inner.address, "").await;
    assert_eq!(head.header("x-accel-buffering"), None, "{}", head.text);
    let outer = RunningProxy::start(&NGINX.untouched(), inner.address).await;
    let (client, outside) = (client(), target(outer.address));
    let mut reader = ProxiedReader::new(Transport::Sse, &client, &outside, After::Newest);
    assert!(reader.is_silent().await);
    bench.publish("1");
    assert!(reader.is_silent().await);
    // Each of these is enough.
    let unbuffered = NGINX.untouched().with_option("proxy_buffering off;");
    let unbuffered = RunningProxy::start(&unbuffered, inner.address).await;
    one_by_one(&bench, unbuffered.address, Transport::Sse, 10).await;
    let open = NGINX.right().with_option("proxy_pass_header X-Accel-Buffering;");
    let open = RunningProxy::start(&open, bench.address).await;
    let outer = RunningProxy::start(&NGINX.untouched(), open.address).await;
    one_by_one(&bench, outer.address, Transport::Sse, 10).await;
    let right = RunningProxy::start(&NGINX.right(), inner.address).await;
    for transport in Transport::ALL {
        one_by_one(&bench, right.address, transport, 10).await;
    }
}

#[tokio::test]
async fn nginx_compresses_no_feed_unless_told_to() {
    let Some((_bench, proxy)) = behind(NGINX.untouched()).await else { return };
    let (_http, head) = stream(proxy.address, "accept-encoding: gzip\r\n").await;
    assert_eq!(head.header("content-encoding"), None, "{}", head.text);
}

#[tokio::test]
async fn an_nginx_that_compresses_events_flushes_each() {
    let compressing = NGINX.right().with_http("gzip on;\ngzip_types text/event-stream;\n");
    let Some((bench, proxy)) = behind(compressing).await else { return };
    let (mut http, head) = stream(proxy.address, "accept-encoding: gzip\r\n").await;
    assert_eq!(head.header("content-encoding"), Some("gzip"), "{}", head.text);
    // A flushed piece ends with an empty stored block (RFC 1951, section 3.2.4).
    let flushed = [0, 0, 0xff, 0xff];
    assert!(chunk(&mut http).await.ends_with(&flushed));
    for _ in 0..10 {
        bench.publish("1");
        assert!(chunk(&mut http).await.ends_with(&flushed));
    }
}

#[tokio::test]
async fn each_stream_takes_two_of_the_connections_that_an_nginx_has() {
    let few = NGINX.right().with_main("events {\nworker_connections 16;\n}\n");
    let Some((bench, proxy)) = behind(few).await else { return };
    let (client, target) = (client(), target(proxy.address));
    let mut readers = Vec::new();
    loop {
        let mut reader = ProxiedReader::new(Transport::Sse, &client, &target, After::Newest);
        match reader.news().await {
            Ok(Some(_)) => readers.push(reader),
            Ok(None) => panic!("a stream ended properly"),
            // Closed without an answer, or answered with 5xx.
            Err(error) => break assert!(!error.is_permanent(), "{error}"),
        }
        assert!(readers.len() < 16, "one connection for each would be enough");
    }
    assert!(readers.len() <= 8, "{} streams", readers.len());
    // Those that were there stay.
    let cursor = bench.publish("1");
    for reader in &mut readers {
        assert_eq!(reader.message().await, cursor);
    }
}

#[tokio::test]
async fn nginx_closes_a_connection_after_so_many_polls_and_nothing_is_lost() {
    let Some((bench, proxy)) = behind(NGINX.right().with_http("keepalive_requests 5;\n")).await
    else {
        return;
    };
    let observed = run_until(Transport::ShortPolling, proxy.address, settings(), |observed| {
        let published = bench.feed.published();
        if observed.connected > 0 && observed.seen.len() as u64 == published && published < 30 {
            bench.publish("1");
        }
        observed.seen.len() == 30
    })
    .await;
    assert_eq!(observed.seen, (1..=30).collect::<Vec<_>>());
    assert!(observed.opened >= 6 && observed.interrupted == 0, "{observed:?}");
}
