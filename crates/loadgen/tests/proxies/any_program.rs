//! What holds behind both proxies, because of the transports or the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{DEFAULT_FEED, SubscriberSettings};
use wirebench_measure::Event;
use wirebench_protocol::{After, Delivery, Gap, Transport};
use wirebench_server::{Feed, ForwardedHeader, Limits, Proxies, Server};

use crate::programs::{self, ProxyProgram, RunningProxy, programs};
use crate::readers::{
    ProxiedReader, ask, chunk, connect_from, one_by_one, refusal, run_until, settings, stream,
};
use crate::support::http::RawHttp;
use crate::support::paused_server::PausedServer;
use crate::support::{Bench, TIMEOUT, client, frames, listen, target, within};

/// Runs a test for every transport behind every program, each with a server and a proxy of its own,
/// all at the same time.
async fn everywhere(test: impl AsyncFn(ProxyProgram, Transport)) {
    let cases = programs().flat_map(|program| Transport::ALL.map(|transport| (program, transport)));
    join_all(cases.map(|(program, transport)| test(program, transport))).await;
}

#[tokio::test]
async fn with_the_right_settings_every_message_is_delivered_before_the_next_is_published() {
    everywhere(async |program, transport| {
        let bench = Bench::start(100);
        let proxy = RunningProxy::start(&program.right(), bench.address).await;
        one_by_one(&bench, proxy.address, transport, 30).await;
    })
    .await;
}

#[tokio::test]
async fn one_who_comes_back_through_a_proxy_goes_on_after_its_cursor() {
    everywhere(async |program, transport| {
        let (bench, former, client) = (Bench::start(5), Bench::start(5), client());
        let proxy = RunningProxy::start(&program.right(), bench.address).await;
        let target = target(proxy.address);
        bench.publish_numbers(9);
        let what = format!("{transport} behind {program:?}");
        for (after, expected, next) in [
            (bench.cursor(6), None, 7),
            (bench.cursor(2), Some(Gap::Missed(2)), 5),
            (former.cursor(7), Some(Gap::Reset), 5),
        ] {
            let after = After::Cursor(after);
            let mut reader = ProxiedReader::new(transport, &client, &target, after);
            reader.connected().await;
            if let Some(expected) = expected {
                match reader.news().await {
                    Ok(Some(Event::Gap { gap, .. })) => assert_eq!(gap, expected, "{what}"),
                    other => panic!("{what}: {other:?} instead of a gap"),
                }
            }
            for seq in next..=9 {
                assert_eq!(reader.message().await, bench.cursor(seq), "{what}");
            }
        }
    })
    .await;
}

/// Publishes the first message once the subscriber is subscribed, and then has something happen to
/// the proxy. Publishes the second message once the subscriber has lost its connection: it was
/// interrupted, or, if it polls, an answer said that the connection closes.
async fn interrupted_by(
    settings_of: impl Fn(ProxyProgram) -> programs::Settings,
    happens: impl Fn(&mut RunningProxy),
) {
    everywhere(async |program, transport| {
        let bench = Bench::start(10);
        let mut proxy = RunningProxy::start(&settings_of(program), bench.address).await;
        let (address, mut before) = (proxy.address, None);
        let observed = run_until(transport, address, settings(), |observed| {
            match (bench.feed.published(), observed.seen.len()) {
                (0, 0) if observed.connected == 1 => bench.publish_numbers(1),
                (1, 1) => match before {
                    None => {
                        before = Some(observed.interrupted + observed.closing);
                        happens(&mut proxy);
                    }
                    Some(before) if observed.interrupted + observed.closing > before => {
                        bench.publish_numbers(1);
                    }
                    Some(_) => {}
                },
                _ => {}
            }
            observed.seen.len() == 2
        })
        .await;
        assert_eq!(observed.seen, [1, 2], "{transport} behind {program:?}: {observed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_proxy_that_is_killed_and_started_again_loses_and_repeats_nothing() {
    interrupted_by(ProxyProgram::right, RunningProxy::kill_and_restart).await;
}

/// Subscribers keep their connection for a second, as configured, and then reconnect.
#[tokio::test]
async fn a_proxy_that_is_reloaded_loses_and_repeats_nothing() {
    interrupted_by(|program| program.right().reloadable(), RunningProxy::reload).await;
}

#[tokio::test]
async fn a_connection_that_is_silent_for_longer_than_the_proxy_waits_is_cut_and_resumed() {
    everywhere(async |program, transport| {
        if transport.delivery() == Delivery::Polled {
            return;
        }
        let bench = Bench::start(10);
        let proxy = RunningProxy::start(&program.right().with_timeout(1), bench.address).await;
        let observed = run_until(transport, proxy.address, settings(), |observed| {
            if observed.interrupted >= 2 && observed.connected >= 3 && bench.feed.published() == 0 {
                bench.publish_numbers(1);
            }
            !observed.seen.is_empty()
        })
        .await;
        assert_eq!(observed.seen, [1], "{transport} behind {program:?}: {observed:?}");
        if transport == Transport::LongPolling {
            let mut http = RawHttp::connect(proxy.address).await;
            ask(&mut http, "/feeds/bench/long-polling?hold=60", "").await;
            let head = within(TIMEOUT, "the timeout of the proxy", http.head()).await;
            assert_eq!(head.status, 504, "{program:?}: {}", head.text);
        }
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_is_shorter_than_the_proxy_waits_is_never_cut() {
    let hold = SubscriberSettings { hold: Duration::from_millis(400), ..settings() };
    join_all(programs().map(async |program| {
        let bench = Bench::start(10);
        let proxy = RunningProxy::start(&program.right().with_timeout(6), bench.address).await;
        let began = Instant::now();
        let observed = run_until(Transport::LongPolling, proxy.address, hold, |_| {
            began.elapsed() > Duration::from_secs(7)
        })
        .await;
        assert_eq!(observed.interrupted, 0, "{program:?}: {observed:?}");
        assert!(observed.empty > 1, "{program:?}: {observed:?}");
    }))
    .await;
}

/// A comment every 15 s and a ping every 20 s, behind a proxy that waits for 6 s. The clock of the
/// servers is moved from one to the next, about five times a second.
#[tokio::test]
async fn comments_and_pings_keep_a_connection_open_beyond_the_timeout_of_a_proxy() {
    let (timeout, step) = (6, Duration::from_millis(200));
    let enough = Duration::from_secs(7);
    join_all(programs().map(async |program| {
        let settings = program.right().with_timeout(timeout);
        let comments = async {
            let server = PausedServer::start(10);
            let proxy = RunningProxy::start(&settings, server.address).await;
            let (mut http, _) = stream(proxy.address, "").await;
            assert!(chunk(&mut http).await.starts_with(b"retry:"));
            let began = Instant::now();
            while began.elapsed() < enough {
                server.advance(Duration::from_secs(15));
                assert_eq!(chunk(&mut http).await, b":\n\n", "{program:?}");
                tokio::time::sleep(step).await;
            }
        };
        let pings = async {
            let server = PausedServer::start(10);
            let proxy = RunningProxy::start(&settings, server.address).await;
            let mut http = frames::open(proxy.address, "/feeds/bench/websocket").await;
            let frame = async |http: &mut RawHttp| {
                let read = within(TIMEOUT, "a frame", frames::read(&mut http.socket)).await;
                read.unwrap().unwrap()
            };
            assert_eq!(frame(&mut http).await.first, frames::FIN | frames::TEXT);
            let began = Instant::now();
            while began.elapsed() < enough {
                server.advance(Duration::from_secs(20));
                assert_eq!(frame(&mut http).await.first, frames::FIN | frames::PING, "{program:?}");
                http.send(&frames::frame(frames::FIN | frames::PONG, Some([1; 4]), b"")).await;
                tokio::time::sleep(step).await;
            }
        };
        tokio::join!(comments, pings);
    }))
    .await;
}

#[tokio::test]
async fn a_server_that_stops_ends_streams_and_sockets_properly_through_a_proxy() {
    everywhere(async |program, transport| {
        let (bench, client) = (Bench::start(10), client());
        let proxy = RunningProxy::start(&program.right(), bench.address).await;
        let target = target(proxy.address);
        let mut reader = ProxiedReader::new(transport, &client, &target, After::Newest);
        reader.connected().await;
        let what = format!("{transport} behind {program:?}");
        let reading = async {
            match reader.news().await {
                Ok(None) => {}
                // The proxy reports that the server is gone, or closes the connection: a reason to
                // reconnect. A session of Socket.IO has begun with polls.
                Err(error) if transport.polls() || transport == Transport::SocketIo => {
                    assert!(!error.is_permanent(), "{what}: {error}");
                }
                other => panic!("{what}: {other:?} instead of the end"),
            }
        };
        let stopping = bench.stop(TIMEOUT, "the server's end");
        tokio::join!(reading, stopping);
    })
    .await;
}

#[tokio::test]
async fn a_proxy_without_a_server_behind_it_is_tried_again() {
    everywhere(async |program, transport| {
        // Bound, so that nobody else uses the port, and not listening.
        let nobody = TcpSocket::new_v4().unwrap();
        nobody.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let proxy = RunningProxy::start(&program.right(), nobody.local_addr().unwrap()).await;
        let expected = if program == ProxyProgram::Nginx { 502 } else { 503 };
        let found = refusal(transport, proxy.address).await;
        assert_eq!(found, (expected, false), "{transport} behind {program:?}");
    })
    .await;
}

/// By default, nginx speaks HTTP/1.0: the end of the connection is the end of the answer.
#[tokio::test]
async fn a_stream_to_whoever_speaks_http_1_0_goes_without_chunks_until_the_connection_ends() {
    let bench = Bench::start(10);
    let mut http = RawHttp::connect(bench.address).await;
    http.send(b"GET /feeds/bench/sse HTTP/1.0\r\n\r\n").await;
    let head = within(TIMEOUT, "the head of a stream", http.head()).await;
    assert!(head.text.starts_with("HTTP/1.0 200 "), "{}", head.text);
    assert_eq!(head.header("transfer-encoding"), None, "{}", head.text);
    assert_eq!(head.header("content-length"), None, "{}", head.text);
    let control = head.header("cache-control");
    assert_eq!(control, Some("no-cache, no-store, no-transform"), "{}", head.text);
    bench.publish("\"a message\"");
    let mut line = String::new();
    while !line.contains("a message") {
        line.clear();
        let reading = http.socket.read_line(&mut line);
        assert!(within(TIMEOUT, "the message", reading).await.unwrap() > 0, "no more lines");
    }
    assert!(line.starts_with("data: {"), "{line}");
    bench.begin_stop();
    let rest = within(TIMEOUT, "the end", http.rest()).await.expect("no reset");
    assert!(rest.starts_with(b"\nretry: "), "{}", rest.escape_ascii());
}

/// The server sees one address: that of the proxy.
#[tokio::test]
async fn behind_a_proxy_the_limit_per_address_is_one_for_all() {
    for program in programs() {
        let limits = Limits { connections_per_address: Some(2), ..Limits::default() };
        let server = Server::new([(DEFAULT_FEED.to_owned(), Feed::new(10))]).with_limits(limits);
        let (listener, stop) = (listen(), CancellationToken::new());
        let address = listener.local_addr().unwrap();
        let _end = stop.clone().drop_guard();
        tokio::spawn(async move { server.serve(listener, stop.cancelled()).await });

        let direct = statuses(address).await;
        assert_eq!(direct, [200, 200, 200], "each from an address of its own");
        // A connection that the proxy keeps open to the server may count already.
        let proxy = RunningProxy::start(&program.right(), address).await;
        let behind = statuses(proxy.address).await;
        assert_eq!(behind[2], 503, "{program:?}: {behind:?}");
    }
}

/// The proxy is trusted to name the client for which it asks.
#[tokio::test]
async fn behind_a_trusted_proxy_the_limit_per_address_is_one_for_each_client() {
    for program in programs() {
        let limits = Limits { connections_per_address: Some(1), ..Limits::default() };
        let trusted = Proxies::new(["127.0.0.1".parse().unwrap()], ForwardedHeader::default());
        let server = Server::new([(DEFAULT_FEED.to_owned(), Feed::new(10))]);
        let server = server.with_limits(limits).with_proxies(trusted);
        let (listener, stop) = (listen(), CancellationToken::new());
        let address = listener.local_addr().unwrap();
        let _end = stop.clone().drop_guard();
        tokio::spawn(async move { server.serve(listener, stop.cancelled()).await });

        let settings = program.right().with_option(match program {
            ProxyProgram::Nginx => "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
            ProxyProgram::Haproxy => "option forwardfor",
        });
        let proxy = RunningProxy::start(&settings, address).await;
        let others = statuses(proxy.address).await;
        assert_eq!(others, [200, 200, 200], "{program:?}: each client has an address of its own");

        // Two connections of one address.
        let mut open = Vec::new();
        for expected in [200, 503] {
            let mut http = RawHttp::connect(proxy.address).await;
            ask(&mut http, "/feeds/bench/sse", "X-Forwarded-For: 192.0.2.1\r\n").await;
            let head = within(TIMEOUT, "an answer", http.head()).await;
            assert_eq!(head.status, expected, "{program:?}");
            open.push(http);
        }
    }
}

/// Returns the statuses of three streams from three addresses that are open at the same time.
async fn statuses(address: SocketAddr) -> Vec<u16> {
    let mut open = Vec::new();
    let mut statuses = Vec::new();
    for host in 11..14 {
        let mut http = connect_from(Ipv4Addr::new(127, 0, 0, host), address).await;
        ask(&mut http, "/feeds/bench/sse", "").await;
        statuses.push(within(TIMEOUT, "an answer", http.head()).await.status);
        open.push(http);
    }
    statuses
}
