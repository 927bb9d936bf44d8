//! Opens every measured connection: counts it, counts its bytes, stamps what arrives, shapes its delay.
//!
//! Nothing else in this crate opens a measured connection, so these counts are exact by construction.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wirebench_link::{Delay, DelayLine};
use wirebench_protocol::Timestamp;
use wirebench_scenario::Link;

/// How long a TCP handshake may take, an emulated link's own round trip not included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Opens connections over one kind of link and counts them.
#[derive(Debug)]
pub struct Dialer {
    link: Link,
    /// Seeds the jitter of the next connection.
    seed: AtomicU64,
    /// Shared with the siblings: the peak of the whole crowd is not the sum of their peaks.
    connections: Arc<Connections>,
    /// Not shared: each worker counts on a cache line of its own.
    bytes: Arc<Bytes>,
}

/// What a dialer has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// TCP connections tried, by the dialer and its siblings.
    pub attempted: u64,
    /// TCP connections opened, by the dialer and its siblings.
    pub opened: u64,
    /// TCP connections open now, of the dialer and its siblings.
    pub open: u64,
    /// The most open at once, of the dialer and its siblings.
    pub peak: u64,
    /// Bytes written to sockets, by this dialer's connections alone.
    pub bytes_up: u64,
    /// Bytes read from sockets, by this dialer's connections alone.
    pub bytes_down: u64,
}

/// One TCP connection, `TCP_NODELAY` set, counted, with the link's delay each way.
///
/// To be polled by one task: over an emulated link, reading also sends what has become due, so two
/// halves on two tasks would steal each other's wake-ups. Dropping it discards what the emulated link
/// still holds; `poll_shutdown` waits for it.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    arrivals: Arrivals,
    _open: Open,
}

/// When the bytes last handed to a connection's reader arrived: how every transport stamps messages.
///
/// On a plain link that is when they were read from the socket. On an emulated link it is the instant
/// they were due (read from the socket + delay), not the instant at which the timer handed them over:
/// tokio's timers are up to a millisecond late, which is nothing that a transport did.
///
/// The stamp is that of a message only if nothing was read past the message before looking. All the
/// decoders above keep to that: see `http1.rs` and `websocket.rs` for why.
#[derive(Clone, Debug)]
pub struct Arrivals(Arc<AtomicU64>);

#[derive(Debug)]
enum Wire {
    Direct(Metered),
    Delayed(Box<DelayLine<Metered, Emulated>>),
}

/// The delay and jitter of an emulated link, and the stamp of what came over it.
#[derive(Debug)]
struct Emulated {
    link: Link,
    random: SmallRng,
    arrivals: Arrivals,
}

/// A socket that counts the bytes that cross it.
#[derive(Debug)]
struct Metered {
    socket: TcpStream,
    bytes: Arc<Bytes>,
}

#[derive(Debug, Default)]
struct Connections {
    attempted: AtomicU64,
    opened: AtomicU64,
    open: AtomicU64,
    peak: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Bytes {
    up: AtomicU64,
    down: AtomicU64,
}

/// Counts a connection as open for as long as it lives.
#[derive(Debug)]
struct Open(Arc<Connections>);

impl Dialer {
    /// A dialer over `link`; `seed` makes the jitter of its connections repeatable.
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            seed: AtomicU64::new(seed),
            connections: Arc::default(),
            bytes: Arc::default(),
        }
    }

    /// A dialer for another worker: it counts connections together with this one, bytes alone.
    #[must_use]
    pub fn sibling(&self, seed: u64) -> Self {
        Self {
            link: self.link,
            seed: AtomicU64::new(seed),
            connections: Arc::clone(&self.connections),
            bytes: Arc::default(),
        }
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            attempted: self.connections.attempted.load(Relaxed),
            opened: self.connections.opened.load(Relaxed),
            open: self.connections.open.load(Relaxed),
            peak: self.connections.peak.load(Relaxed),
            bytes_up: self.bytes.up.load(Relaxed),
            bytes_down: self.bytes.down.load(Relaxed),
        }
    }

    /// A round trip of the link, jitter not included.
    pub fn round_trip(&self) -> Duration {
        2 * self.link.delay
    }

    /// Opens a connection to `address`. An emulated link first takes the round trip of the handshake.
    ///
    /// # Errors
    ///
    /// What the socket says, or [`io::ErrorKind::TimedOut`] after 10 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes a connection that was half open. The attempt stays counted.
    pub async fn dial(&self, address: SocketAddr) -> io::Result<Connection> {
        self.connections.attempted.fetch_add(1, Relaxed);
        if !self.link.delay.is_zero() {
            tokio::time::sleep(self.round_trip()).await;
        }
        let socket = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await??;
        // A port of this machine on which nobody listens, such as that of a server that was killed, can be
        // drawn as the local one: the socket is then connected to itself.
        if socket.local_addr()? == socket.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        socket.set_nodelay(true)?;
        let arrivals = Arrivals::new();
        let socket = Metered { socket, bytes: Arc::clone(&self.bytes) };
        let wire = if self.link == Link::default() {
            Wire::Direct(socket)
        } else {
            let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
            let random = SmallRng::seed_from_u64(seed);
            let delay = Emulated { link: self.link, random, arrivals: arrivals.clone() };
            Wire::Delayed(Box::new(DelayLine::new(socket, delay)))
        };
        Ok(Connection { wire, arrivals, _open: Open::new(&self.connections) })
    }
}

impl Connection {
    /// The stamp of what this connection hands to its reader.
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }
}

impl Delay for Emulated {
    fn next(&mut self) -> Duration {
        match self.link.jitter {
            none if none.is_zero() => self.link.delay,
            jitter => self.link.delay + jitter.mul_f64(self.random.random()),
        }
    }

    fn arrived(&mut self, due: Timestamp) {
        self.arrivals.set(due);
    }
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Timestamp::now().as_nanos())))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_nanos(), Relaxed);
    }

    /// When the bytes last handed to the reader arrived; before the first, when the connection opened.
    pub fn last(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Relaxed))
    }
}

impl Open {
    fn new(connections: &Arc<Connections>) -> Self {
        connections.opened.fetch_add(1, Relaxed);
        let open = connections.open.fetch_add(1, Relaxed) + 1;
        connections.peak.fetch_max(open, Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.wire {
            Wire::Direct(socket) => {
                let before = buf.filled().len();
                ready!(Pin::new(socket).poll_read(cx, buf))?;
                // The end of the stream is no arrival: it must not move the stamp of what came last.
                if buf.filled().len() > before {
                    this.arrivals.set(Timestamp::now());
                }
                Poll::Ready(Ok(()))
            }
            Wire::Delayed(line) => Pin::new(line.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().wire {
            Wire::Direct(socket) => Pin::new(socket).poll_write(cx, bytes),
            Wire::Delayed(line) => Pin::new(line.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().wire {
            Wire::Direct(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Wire::Delayed(line) => Pin::new(line.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Direct(socket) => socket.is_write_vectored(),
            Wire::Delayed(line) => line.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Direct(socket) => Pin::new(socket).poll_flush(cx),
            Wire::Delayed(line) => Pin::new(line.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Direct(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Delayed(line) => Pin::new(line.as_mut()).poll_shutdown(cx),
        }
    }
}

impl Metered {
    fn count_up(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.bytes.up.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.bytes.down.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.count_up(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.count_up(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
