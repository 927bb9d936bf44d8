//! Servers of a backbone behind HAProxy.

use std::net::SocketAddr;
use std::time::Duration;

use crate::programs::{ProxyProgram, RunningProxy, Settings};
use crate::server::ClusterServer;
use crate::support::within;

/// The number of servers.
pub(crate) const SERVERS: usize = 3;

/// The names of the servers in `docs/proxies/haproxy-shared-feeds.cfg`, and their addresses there.
const DOCUMENTED: [(&str, &str); SERVERS] =
    [("feed", "127.0.0.1:8080"), ("other", "127.0.0.1:8081"), ("third", "127.0.0.1:8082")];

/// What serves the statistics of HAProxy.
const STATISTICS: &str = "    stats uri /statistics";

/// Three servers that share their feeds, and HAProxy in front of them.
pub(crate) struct ProxiedServers {
    pub(crate) servers: [ClusterServer; SERVERS],
    /// Gives each request to the next server.
    pub(crate) in_turn: RunningProxy,
    /// Gives all requests of a client to one server, as long as this is there.
    pub(crate) sticky: RunningProxy,
}

impl ProxiedServers {
    /// Starts servers of this backbone, and the proxies. The caller has asked whether HAProxy is
    /// there.
    pub(crate) async fn start(backbone: &str) -> Self {
        let servers = std::array::from_fn(|_| ClusterServer::start(backbone));
        let settings = || {
            let checked_often =
                ProxyProgram::shared_feeds().with_instead("inter 1s", "inter 200ms");
            checked_often.with("default_backend wirebench", STATISTICS)
        };
        let in_turn = start(settings(), &servers).await;
        let sticky = settings().with_instead("balance roundrobin", "balance source");
        let sticky = start(sticky, &servers).await;
        Self { servers, in_turn, sticky }
    }

    /// Waits until both proxies know that a server is there, or is not.
    pub(crate) async fn until_known(&self, server: usize, state: State) {
        for proxy in [&self.in_turn, &self.sticky] {
            until_known(proxy.address, DOCUMENTED[server].0, state).await;
        }
    }
}

async fn start(settings: Settings, servers: &[ClusterServer; SERVERS]) -> RunningProxy {
    let others = DOCUMENTED.iter().zip(servers).skip(1);
    let settings = others.fold(settings, |settings, ((_, documented), server)| {
        settings.with_instead(documented, &server.address.to_string())
    });
    RunningProxy::start(&settings, servers[0].address).await
}

/// What HAProxy knows of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    Down,
}

/// Asks HAProxy until it has a server in this state.
async fn until_known(proxy: SocketAddr, server: &str, state: State) {
    let wanted = match state {
        State::Up => "UP",
        State::Down => "DOWN",
    };
    let what = format!("{server} to be {wanted}");
    within(&what, async {
        while !status(proxy, server).await.starts_with(wanted) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Returns the column `status` of a server in the statistics.
async fn status(proxy: SocketAddr, server: &str) -> String {
    let text = reqwest::get(format!("http://{proxy}/statistics;csv")).await.unwrap();
    let text = text.text().await.unwrap();
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = head.iter().position(|name| *name == "status").unwrap();
    let row = rows.find(|row| row[..2] == ["wirebench", server]).unwrap();
    row[column].to_owned()
}
