//! A proxy that misbehaves in one chosen way, for testing.
//!
//! A proxy that behaves costs one hop and is not interesting. These proxies do what real ones do
//! that were set up for something else, so that a feed can be tested against each misbehaviour
//! alone.

mod blocks;
mod failure_log;
mod http;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::failure_log::FailureLog;
use self::http::HttpMisbehaviour;

/// How a proxy misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Holds a response back until it is complete, or until 16 KiB of it have come.
    Buffering,
    /// Cuts a connection on which nothing was sent either way for this long.
    IdleCut {
        /// For how long.
        idle: Duration,
    },
    /// Forwards requests without `Upgrade`.
    StripUpgrade,
    /// Closes the connection after each response.
    CloseAfterResponse,
    /// Adds delay and limits bandwidth.
    Slow {
        /// The delay that it adds, each way.
        delay: Duration,
        /// Bytes per second that a connection may carry, each way; `None` for no limit.
        bandwidth: Option<usize>,
    },
}

/// How long to wait when the system has no file for another connection.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long the upstream server may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Passes each connection on to `upstream` over a connection of its own, until `shutdown`
/// completes. Then all connections are cut.
///
/// If the upstream server cannot be reached, the proxy answers the next request of the connection
/// with `502` and closes the connection. It logs a warning at most every ten seconds. When one side
/// of a connection closes, the proxy closes the other. Only the number of open files limits the
/// number of connections.
pub async fn proxy(
    listener: TcpListener,
    upstream: SocketAddr,
    misbehaviour: Misbehaviour,
    shutdown: impl Future<Output = ()>,
) {
    let (mut connections, failures) = (JoinSet::new(), Arc::new(FailureLog::default()));
    let accepting = async {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => {
                        let failures = Arc::clone(&failures);
                        connections.spawn(relay(client, upstream, misbehaviour, failures));
                    }
                    Err(_) => tokio::time::sleep(RETRY_DELAY).await,
                },
                // Nobody needs to know how a connection ended, but its task has to be removed.
                Some(_) = connections.join_next() => {}
            }
        }
    };
    tokio::select! {
        never = accepting => { let _: Infallible = never; }
        () = shutdown => {}
    }
}

/// Passes one connection on.
async fn relay(
    client: TcpStream,
    upstream: SocketAddr,
    misbehaviour: Misbehaviour,
    failures: Arc<FailureLog>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let connected = timeout(CONNECT_TIME, TcpStream::connect(upstream)).await;
    let server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(server) => server,
        Err(error) => {
            failures.add(upstream, &error);
            return http::refuse(client, upstream, &error).await;
        }
    };
    server.set_nodelay(true)?;
    let relay_http = async |client, server, misbehaviour| {
        http::relay(client, server, misbehaviour, |error| failures.add(upstream, error)).await
    };
    match misbehaviour {
        Misbehaviour::IdleCut { idle } => stream::idle_cut(client, server, idle).await,
        Misbehaviour::Slow { delay, bandwidth } => {
            stream::slow(client, server, delay, bandwidth).await
        }
        Misbehaviour::Buffering => relay_http(client, server, HttpMisbehaviour::Buffer).await,
        Misbehaviour::StripUpgrade => {
            relay_http(client, server, HttpMisbehaviour::StripUpgrade).await
        }
        Misbehaviour::CloseAfterResponse => {
            relay_http(client, server, HttpMisbehaviour::Close).await
        }
    }
}
