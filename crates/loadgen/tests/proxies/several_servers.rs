//! Socket.IO in front of several servers: every request of a session has to reach the server that
//! opened it. No two servers share a feed, so a session that stays gets the messages of one.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use futures::future::join_all;
use wirebench_loadgen::{SubscribeError, SubscriberSettings};
use wirebench_protocol::{After, SocketIoMode, Transport};

use crate::programs::{ProxyProgram, RunningProxy, Settings, programs};
use crate::readers::{ProxiedReader, connect_from, settings};
use crate::support::http::Head;
use crate::support::{Bench, TIMEOUT, client, target, within};

const MESSAGES: u64 = 20;

/// Two servers, and a proxy in front of them.
struct SeveralServers {
    servers: [Bench; 2],
    proxy: RunningProxy,
}

impl SeveralServers {
    async fn start(settings: Settings) -> Self {
        let servers = [Bench::start(100), Bench::start(100)];
        let settings = settings.with_second_server(servers[1].address);
        let proxy = RunningProxy::start(&settings, servers[0].address).await;
        Self { servers, proxy }
    }

    /// Returns how many sessions each server has.
    fn sessions(&self) -> [u64; 2] {
        self.servers.each_ref().map(|bench| {
            let text = bench.server.metrics_text();
            let open = text.lines().find_map(|line| line.strip_prefix("wirebench_sessions_open "));
            open.expect("sessions are counted").parse().expect("a count is a number")
        })
    }

    /// Subscribes with a client that keeps no cookies. Publishes at both servers, each message
    /// after the one before has been delivered.
    ///
    /// # Errors
    /// Why there is no subscription.
    async fn deliver(&self, mode: SocketIoMode) -> Result<(), SubscribeError> {
        let (client, target) = (client(), target(self.proxy.address));
        let settings = SubscriberSettings { socket_io_mode: mode, ..settings() };
        let mut reader =
            ProxiedReader::of(Transport::SocketIo, &client, &target, After::Newest, &settings);
        reader.news().await?;
        for _ in 0..MESSAGES {
            let cursors = self.servers.each_ref().map(|bench| bench.publish("1"));
            assert!(cursors.contains(&reader.message().await), "{mode}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn several_servers_that_are_chosen_by_address_keep_their_sessions_in_every_mode() {
    join_all(programs().map(async |program| {
        for mode in SocketIoMode::ALL {
            let several = SeveralServers::start(program.several_servers()).await;
            let delivered = several.deliver(mode).await;
            assert!(delivered.is_ok(), "{mode} behind {program:?}: {delivered:?}");
        }
    }))
    .await;
}

/// Without stickiness each proxy gives requests to its servers in turn. A session over a WebSocket
/// is one request.
#[tokio::test]
async fn several_servers_that_take_turns_know_only_the_sessions_of_a_websocket() {
    join_all(programs().map(async |program| {
        for mode in SocketIoMode::ALL {
            let several = SeveralServers::start(program.servers_in_turn()).await;
            let what = format!("{mode} behind {program:?}");
            match (mode, several.deliver(mode).await) {
                (SocketIoMode::WebSocket, delivered) => {
                    assert!(delivered.is_ok(), "{what}: {delivered:?}");
                }
                (
                    SocketIoMode::Polling | SocketIoMode::Upgrade,
                    Err(SubscribeError::SessionEnded { reason, .. }),
                ) => {
                    assert!(reason.contains("400"), "{what}: {reason}");
                    assert!(reason.contains("Session ID unknown"), "{what}: {reason}");
                    assert!(reason.contains("needs sticky sessions"), "{what}: {reason}");
                }
                (SocketIoMode::Polling | SocketIoMode::Upgrade, other) => {
                    panic!("{what}: {other:?} instead of the end of the session");
                }
            }
        }
    }))
    .await;
}

/// Each client has an address of its own, so that both servers get sessions.
#[tokio::test]
async fn several_servers_that_are_chosen_by_address_share_the_clients() {
    join_all(programs().map(async |program| {
        let several = SeveralServers::start(program.several_servers()).await;
        for host in 1..=16 {
            let from = Ipv4Addr::new(127, 0, host, host);
            let mut session = SessionByHand::open(several.proxy.address, from).await;
            session.connect().await;
        }
        let sessions = several.sessions();
        assert_eq!(sessions.iter().sum::<u64>(), 16, "{program:?}: {sessions:?}");
        assert!(!sessions.contains(&0), "{program:?}: {sessions:?}");
    }))
    .await;
}

/// A cookie works for clients behind one address too, if they keep cookies.
#[tokio::test]
async fn a_cookie_of_haproxy_keeps_each_session_at_its_server() {
    if !ProxyProgram::Haproxy.is_there() {
        return;
    }
    let settings = ProxyProgram::Haproxy.several_servers();
    let settings = settings
        .with_instead("balance source", "cookie SERVER insert indirect nocache")
        .with_instead("server feed 127.0.0.1:8080", "server feed 127.0.0.1:8080 cookie feed")
        .with_instead("server other 127.0.0.1:8081", "server other 127.0.0.1:8081 cookie other");
    let several = SeveralServers::start(settings).await;
    let mut cookies = BTreeSet::new();
    for _ in 0..4 {
        let from = Ipv4Addr::LOCALHOST;
        let mut session = SessionByHand::open(several.proxy.address, from).await;
        session.connect().await;
        cookies.extend(session.cookie);
    }
    assert_eq!(several.sessions(), [2, 2]);
    assert_eq!(cookies, BTreeSet::from(["SERVER=feed".to_owned(), "SERVER=other".to_owned()]));
}

/// A session that polls, each request over a connection of its own from one address. It sends back
/// the cookie that it was given.
struct SessionByHand {
    proxy: SocketAddr,
    from: Ipv4Addr,
    id: String,
    cookie: Option<String>,
}

impl SessionByHand {
    async fn open(proxy: SocketAddr, from: Ipv4Addr) -> Self {
        let mut session = Self { proxy, from, id: String::new(), cookie: None };
        let (head, body) = session.ask("GET", "").await;
        assert_eq!(head.status, 200, "{body}");
        let open = body.strip_prefix('0').expect("the packet `open`");
        let open: serde_json::Value = serde_json::from_str(open).expect("JSON");
        session.id = format!("&sid={}", open["sid"].as_str().expect("a session has an id"));
        let cookie = head.header("set-cookie").and_then(|value| value.split(';').next());
        session.cookie = cookie.map(str::to_owned);
        session
    }

    /// Connects to the feed, which takes two requests.
    async fn connect(&mut self) {
        let (head, body) = self.ask("POST", "40/feeds/bench,").await;
        assert_eq!((head.status, &*body), (200, "ok"));
        let (head, body) = self.ask("GET", "").await;
        assert_eq!(head.status, 200, "{body}");
        assert!(body.starts_with("40/feeds/bench,{"), "{body}");
    }

    async fn ask(&self, method: &str, body: &str) -> (Head, String) {
        let mut http = connect_from(self.from, self.proxy).await;
        let (id, length) = (&self.id, body.len());
        let cookie = self.cookie.as_ref().map(|cookie| format!("cookie: {cookie}\r\n"));
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{id} HTTP/1.1\r\nhost: test\r\n\
             {}content-length: {length}\r\n\r\n{body}",
            cookie.unwrap_or_default()
        );
        http.send(request.as_bytes()).await;
        let (head, body) = within(TIMEOUT, "an answer", http.answer()).await;
        (head, String::from_utf8(body).expect("packets are text"))
    }
}
