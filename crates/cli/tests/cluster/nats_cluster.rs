//! Three servers of NATS that keep each message of a stream together.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::nats_request::request;
use crate::nats_server::NatsServer;
use crate::programs::free_port;
use crate::support::within;

const SERVERS: usize = 3;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// A cluster of three servers, named by their numbers.
pub(crate) struct NatsCluster {
    servers: [NatsServer; SERVERS],
}

impl NatsCluster {
    /// Starts three servers, and waits until they can take a stream. Returns `None` if their program
    /// is not there.
    pub(crate) async fn start() -> Option<Self> {
        let routes: [SocketAddr; SERVERS] = std::array::from_fn(|_| free_port());
        let all = routes.map(|route| format!("nats://{route}")).join(",");
        let start = |number: usize| {
            let (name, own) = (number.to_string(), format!("nats://{}", routes[number]));
            NatsServer::start_with(&[
                "-js",
                "--server_name",
                &name,
                "--cluster_name",
                "wirebench",
                "--cluster",
                &own,
                "--routes",
                &all,
            ])
        };
        let cluster = Self { servers: [start(0)?, start(1)?, start(2)?] };
        cluster.until("a leader", "$JS.API.INFO", |info| info.get("error").is_none()).await;
        Some(cluster)
    }

    /// Returns the address for `--backbone`: all servers, each of which keeps every message.
    pub(crate) fn url(&self) -> String {
        format!("{}?replicas=3", self.servers.each_ref().map(NatsServer::url).join(","))
    }

    pub(crate) fn server_mut(&mut self, number: usize) -> &mut NatsServer {
        &mut self.servers[number]
    }

    /// Returns the number of the server that leads the stream of the feed `bench`.
    pub(crate) async fn leader(&self) -> usize {
        let info =
            self.until("a leader of the stream", STREAM, |info| leader(info).is_some()).await;
        leader(&info).unwrap()
    }

    /// Waits until every server has everything that the stream has.
    pub(crate) async fn until_current(&self) {
        self.until("all servers to be current", STREAM, |info| {
            let replicas = info["cluster"]["replicas"].as_array();
            let is_current = |replica: &Value| replica["current"] == true;
            replicas.is_some_and(|all| all.len() == SERVERS - 1 && all.iter().all(is_current))
        })
        .await;
    }

    /// Asks one server after the other until the answer is as wanted.
    async fn until(&self, what: &str, subject: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            let mut urls = self.servers.iter().map(NatsServer::url).cycle();
            loop {
                let url = urls.next().unwrap();
                let subject = subject.to_owned();
                let asked = tokio::task::spawn_blocking(move || request(&url, &subject));
                match asked.await.unwrap() {
                    Ok(answer) if is_wanted(&answer) => return answer,
                    // A server that is not there, or a cluster that has no leader yet.
                    Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        within(what, asking).await
    }
}

/// Asks for the stream of the feed `bench`.
const STREAM: &str = "$JS.API.STREAM.INFO.wirebench-bench";

fn leader(info: &Value) -> Option<usize> {
    info["cluster"]["leader"].as_str()?.parse().ok()
}
