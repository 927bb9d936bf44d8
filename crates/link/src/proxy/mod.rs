//! A proxy between the two ends, with one bad habit.
//!
//! Proxies that are in the path and behave are not interesting: they cost a hop. These do what real ones
//! do that were set up for something else, so that a feed can be tried against each habit by itself.

mod buffering;
mod http;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::http::Manners;

/// What a proxy does that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
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

/// Passes connections on to `upstream`, each over one of its own, until `shutdown` is done; then all of
/// them are cut.
///
/// A connection that cannot be passed on is closed, and so is each side when the other is: a server that
/// is gone looks through it like one that hangs up. There are as many connections as there are files for.
pub async fn proxy(
    listener: TcpListener,
    upstream: SocketAddr,
    habit: Habit,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => {
                        connections.spawn(connection(client, upstream, habit));
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

async fn connection(client: TcpStream, upstream: SocketAddr, habit: Habit) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    match habit {
        Habit::IdleCut { idle } => stream::idle_cut(client, server, idle).await,
        Habit::Slow { delay, bandwidth } => stream::slow(client, server, delay, bandwidth).await,
        Habit::Buffering => http::relay(client, server, Manners::Buffer).await,
        Habit::StripUpgrade => http::relay(client, server, Manners::StripUpgrade).await,
        Habit::CloseAfterResponse => http::relay(client, server, Manners::Close).await,
    }
}
