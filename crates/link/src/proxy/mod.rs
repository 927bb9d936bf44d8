//! A proxy between the two ends, with one bad habit.
//!
//! Proxies that are in the path and behave are not interesting: they cost a hop. These do what real ones
//! do that were set up for something else, so that a feed can be tried against each habit by itself.

mod buffering;
mod http;
mod outages;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::http::HttpMisbehaviour;
use self::outages::Outages;

/// What a proxy does that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Holds a response back until it is whole, or until 16 KiB of it have come.
    Buffering,
    /// Cuts a connection on which nothing was sent either way for so long.
    IdleCut {
        /// For how long.
        idle: Duration,
    },
    /// Forwards requests without `Upgrade`.
    StripUpgrade,
    /// Closes the connection after each response.
    CloseAfterResponse,
    /// Is far away and narrow.
    Slow {
        /// What it adds, each way.
        delay: Duration,
        /// Bytes per second that a connection may carry, each way; `None` for no limit.
        bandwidth: Option<usize>,
    },
}

/// How long to wait when the system has no file left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// How long the upstream server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Passes connections on to `upstream`, each over one of its own, until `shutdown` is done; then all of
/// them are cut.
///
/// If the upstream server cannot be reached, the proxy answers the next request of the connection with `502`
/// and closes the connection. It logs a warning at most every ten seconds. When one side of a connection
/// closes, the proxy closes the other. Only the number of open files limits the number of connections.
pub async fn proxy(
    listener: TcpListener,
    upstream: SocketAddr,
    habit: Misbehaviour,
    shutdown: impl Future<Output = ()>,
) {
    let (mut connections, outages) = (JoinSet::new(), Arc::new(Outages::default()));
    let accepting = async {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => {
                        let outages = Arc::clone(&outages);
                        connections.spawn(connection(client, upstream, habit, outages));
                    }
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
                // Nobody is interested in how a connection ended, but it has to be let go.
                Some(_) = connections.join_next() => {}
            }
        }
    };
    tokio::select! {
        never = accepting => { let _: Infallible = never; }
        () = shutdown => {}
    }
}

async fn connection(
    client: TcpStream,
    upstream: SocketAddr,
    habit: Misbehaviour,
    outages: Arc<Outages>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let connected = timeout(CONNECT, TcpStream::connect(upstream)).await;
    let server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(server) => server,
        Err(error) => {
            outages.note(upstream, &error);
            return http::refuse(client, upstream, &error).await;
        }
    };
    server.set_nodelay(true)?;
    let relay = async |client, server, manners| {
        http::relay(client, server, manners, |error| outages.note(upstream, error)).await
    };
    match habit {
        Misbehaviour::IdleCut { idle } => stream::idle_cut(client, server, idle).await,
        Misbehaviour::Slow { delay, bandwidth } => {
            stream::slow(client, server, delay, bandwidth).await
        }
        Misbehaviour::Buffering => relay(client, server, HttpMisbehaviour::Buffer).await,
        Misbehaviour::StripUpgrade => relay(client, server, HttpMisbehaviour::StripUpgrade).await,
        Misbehaviour::CloseAfterResponse => relay(client, server, HttpMisbehaviour::Close).await,
    }
}
