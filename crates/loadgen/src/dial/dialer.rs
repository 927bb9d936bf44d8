//! Opens measured connections and counts them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::either::Either;
use wirebench_scenario::LinkSettings;

use super::arrivals::Arrivals;
use super::connection::MeasuredConnection;
use super::counted_socket::{ByteCounts, ConnectionCounts, CountedSocket, OpenConnection};
use super::emulated_link::{EmulatedLink, LinkedSocket};
use crate::target::Target;

/// The maximum time of a TCP handshake, without the round trip of an emulated link.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum time of a TLS handshake, without the round trips of an emulated link.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections over one kind of link and counts them.
#[derive(Debug)]
pub struct Dialer {
    link: LinkSettings,
    /// Seeds the jitter of the next connection.
    seed: AtomicU64,
    /// Shared with the siblings: the peak of the whole crowd is not the sum of their peaks.
    connections: Arc<ConnectionCounts>,
    /// Not shared: each worker counts its bytes without contention.
    bytes: Arc<ByteCounts>,
}

/// What a dialer has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct TrafficCounts {
    /// TCP connections tried, by the dialer and its siblings.
    pub attempted: u64,
    /// TCP connections opened, by the dialer and its siblings.
    pub opened: u64,
    /// TCP connections open now, of the dialer and its siblings.
    pub open: u64,
    /// The most TCP connections open at once, of the dialer and its siblings.
    pub peak: u64,
    /// Bytes written to sockets, by the connections of this dialer alone.
    pub bytes_up: u64,
    /// Bytes read from sockets, by the connections of this dialer alone.
    pub bytes_down: u64,
}

impl Dialer {
    /// Creates a dialer over `link`. `seed` makes the jitter of its connections repeatable.
    pub fn new(link: LinkSettings, seed: u64) -> Self {
        let seed = AtomicU64::new(seed);
        Self { link, seed, connections: Arc::default(), bytes: Arc::default() }
    }

    /// Creates a dialer for another worker. It counts connections together with this one, and bytes
    /// alone.
    #[must_use]
    pub fn sibling(&self, seed: u64) -> Self {
        let connections = Arc::clone(&self.connections);
        Self { connections, ..Self::new(self.link, seed) }
    }

    /// Returns what this dialer has counted so far.
    pub fn counts(&self) -> TrafficCounts {
        TrafficCounts {
            attempted: self.connections.attempted.load(Relaxed),
            opened: self.connections.opened.load(Relaxed),
            open: self.connections.open.load(Relaxed),
            peak: self.connections.peak.load(Relaxed),
            bytes_up: self.bytes.up.load(Relaxed),
            bytes_down: self.bytes.down.load(Relaxed),
        }
    }

    /// Returns the round trip time of the link, without jitter.
    pub fn round_trip(&self) -> Duration {
        2 * self.link.delay
    }

    /// Opens a connection to `target`, over TLS if the target asks for it. `version` is the version
    /// of HTTP that the TLS handshake agrees on.
    ///
    /// # Errors
    ///
    /// The error of the socket or of TLS, or [`io::ErrorKind::TimedOut`] after 10 s for each of
    /// them.
    ///
    /// # Cancel safety
    ///
    /// As [`dial`](Self::dial).
    pub async fn connect(&self, target: &Target, version: u8) -> io::Result<MeasuredConnection> {
        let Some(tls) = &target.tls else { return self.dial(target.address).await };
        let (socket, arrivals) = self.open(target.address).await?;
        // Two round trips at most: those of TLS 1.2.
        let within = TLS_TIMEOUT + 2 * self.round_trip();
        let handshake = tls.handshake(socket, &target.authority, version);
        Ok(MeasuredConnection::encrypted(timeout(within, handshake).await??, arrivals))
    }

    /// Opens a plain connection to `address`. An emulated link first takes the round trip of the
    /// TCP handshake.
    ///
    /// # Errors
    ///
    /// The error of the socket, or [`io::ErrorKind::TimedOut`] after 10 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes a half-open connection. The attempt stays counted.
    pub async fn dial(&self, address: SocketAddr) -> io::Result<MeasuredConnection> {
        let (socket, arrivals) = self.open(address).await?;
        Ok(MeasuredConnection::plain(socket, arrivals))
    }

    async fn open(&self, address: SocketAddr) -> io::Result<(LinkedSocket, Arrivals)> {
        self.connections.attempted.fetch_add(1, Relaxed);
        if !self.link.delay.is_zero() {
            tokio::time::sleep(self.round_trip()).await;
        }
        let socket = tcp_connect(address).await?;
        let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let (bytes, arrivals) = (Arc::clone(&self.bytes), Arrivals::new());
        let open = OpenConnection::new(&self.connections);
        let linked = if self.link == LinkSettings::default() {
            Either::Left(CountedSocket::new(socket, bytes, Some(arrivals.clone()), open))
        } else {
            let socket = CountedSocket::new(socket, bytes, None, open);
            let random = SmallRng::seed_from_u64(seed);
            EmulatedLink::over(socket, self.link, random, arrivals.clone())
        };
        Ok((linked, arrivals))
    }
}

async fn tcp_connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
    // If nobody listens on a port of this machine, as after the server was killed, the kernel can
    // draw that same port as the local one: the socket is then connected to itself.
    if socket.local_addr()? == socket.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    socket.set_nodelay(true)?;
    Ok(socket)
}
