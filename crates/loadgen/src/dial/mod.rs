//! Opens every measured connection: counts it, counts its bytes, stamps what arrives, shapes its delay.
//!
//! Nothing else in this crate opens a measured connection, so these counts are exact by construction.
//! TLS lies above all of that: bytes are counted, stamped and delayed as they cross the socket.

mod wire;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use wirebench_protocol::Timestamp;
use wirebench_scenario::{Http, Link};

use self::wire::{Bytes, Wire};
use crate::shared::Pool;
use crate::target::Target;

/// How long a TCP handshake may take, an emulated link's own round trip not included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take, the link's round trips not included.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Opens connections over one kind of link and counts them.
#[derive(Debug)]
pub struct Dialer {
    link: Link,
    /// What is spoken over them.
    http: Http,
    /// Those that several subscribers share. Each sibling has its own: they belong to its event loop.
    pool: Pool,
    /// Seeds the jitter of the next connection.
    seed: AtomicU64,
    /// Shared with the siblings: the peak of the whole crowd is not the sum of their peaks.
    connections: Arc<Connections>,
    /// Not shared: each worker counts on a cache line of its own.
    bytes: Arc<Bytes>,
    /// Handed out by the first `dial` in place of a connection: one to a script.
    #[cfg(any(fuzzing, test))]
    scripted: std::sync::Mutex<Option<TcpStream>>,
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
    channel: Channel,
    arrivals: Arrivals,
    /// Counted as open for as long as it is.
    open: Open,
}

#[derive(Debug)]
enum Channel {
    Plain(Wire),
    /// Boxed: the state of a TLS session is some kilobyte.
    Secure(Box<TlsStream<Wire>>),
}

/// When the bytes last handed to a connection's reader arrived: how every transport stamps messages.
///
/// On a plain link that is when they were read from the socket. On an emulated link it is the instant
/// they were due (read from the socket + delay), not the instant at which the timer handed them over:
/// tokio's timers are up to a millisecond late, which is nothing that a transport did.
///
/// The stamp is that of a message only if nothing was read past the message before looking. All the
/// decoders above keep to that: see `http1.rs`, `http2.rs` and `websocket.rs` for why. rustls does so
/// as well: it reads from the socket only while it holds nothing decrypted. A connection that is shared
/// by many subscribers is the exception: see `shared.rs`.
#[derive(Clone, Debug)]
pub struct Arrivals(Arc<AtomicU64>);

#[derive(Debug, Default)]
struct Connections {
    attempted: AtomicU64,
    opened: AtomicU64,
    open: AtomicU64,
    peak: AtomicU64,
}

/// Counts a connection as open for as long as it lives.
#[derive(Debug)]
struct Open(Arc<Connections>);

impl Dialer {
    /// A dialer over `link`; `seed` makes the jitter of its connections repeatable.
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            http: Http::default(),
            pool: Pool::default(),
            seed: AtomicU64::new(seed),
            connections: Arc::default(),
            bytes: Arc::default(),
            #[cfg(any(fuzzing, test))]
            scripted: std::sync::Mutex::default(),
        }
    }

    /// The dialer for subscribers who speak so; without this, HTTP/1.1. Whether over TLS is not its
    /// decision but the target's.
    #[must_use]
    pub fn speaking(self, http: Http) -> Self {
        Self { http, ..self }
    }

    /// A dialer whose first connection is this one.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn scripted(socket: TcpStream) -> Self {
        Self { scripted: Some(socket).into(), ..Self::new(Link::default(), 0) }
    }

    /// A dialer for another worker: it counts connections together with this one, bytes alone.
    #[must_use]
    pub fn sibling(&self, seed: u64) -> Self {
        Self {
            link: self.link,
            http: self.http,
            pool: Pool::default(),
            seed: AtomicU64::new(seed),
            connections: Arc::clone(&self.connections),
            bytes: Arc::default(),
            #[cfg(any(fuzzing, test))]
            scripted: std::sync::Mutex::default(),
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

    /// What is spoken over its connections.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The connections that its subscribers share.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Opens a connection to `target`, through TLS where the target is trusted in a certain way.
    ///
    /// # Errors
    ///
    /// What the socket or TLS says, or [`io::ErrorKind::TimedOut`] after 10 s for each of them.
    ///
    /// # Cancel safety
    ///
    /// As [`dial`](Self::dial).
    pub(crate) async fn connect(&self, target: &Target) -> io::Result<Connection> {
        let connection = self.dial(target.address).await?;
        let Some(trust) = &target.trust else { return Ok(connection) };
        let Connection { channel: Channel::Plain(wire), arrivals, open } = connection else {
            return Ok(connection);
        };
        // Two round trips at most: those of TLS 1.2.
        let within = HANDSHAKE_DEADLINE + 2 * self.round_trip();
        let handshake = trust.handshake(wire, &target.authority, self.http.version);
        let channel = Channel::Secure(Box::new(timeout(within, handshake).await??));
        Ok(Connection { channel, arrivals, open })
    }

    /// Opens a plain connection to `address`. An emulated link first takes the round trip of the handshake.
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
        let socket = self.open_socket(address).await?;
        let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let random = SmallRng::seed_from_u64(seed);
        let wire = Wire::new(socket, Arc::clone(&self.bytes), self.link, random);
        let arrivals = wire.arrivals().clone();
        let channel = Channel::Plain(wire);
        Ok(Connection { channel, arrivals, open: Open::new(&self.connections) })
    }

    async fn open_socket(&self, address: SocketAddr) -> io::Result<TcpStream> {
        #[cfg(any(fuzzing, test))]
        if let Ok(mut scripted) = self.scripted.lock()
            && let Some(socket) = scripted.take()
        {
            return Ok(socket);
        }
        let socket = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await??;
        // A port of this machine on which nobody listens, such as that of a server that was killed, can be
        // drawn as the local one: the socket is then connected to itself.
        if socket.local_addr()? == socket.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

impl Connection {
    /// The stamp of what this connection hands to its reader.
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
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
        match &mut self.get_mut().channel {
            Channel::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            // Not its `poll_read`, which reads from the socket until `buf` is full: the messages that
            // it collects would all have the stamp of the last.
            Channel::Secure(tls) => {
                let mut tls = Pin::new(tls.as_mut());
                let decrypted = ready!(tls.as_mut().poll_fill_buf(cx))?;
                let taken = decrypted.len().min(buf.remaining());
                buf.put_slice(&decrypted[..taken]);
                tls.consume(taken);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().channel {
            Channel::Plain(wire) => Pin::new(wire).poll_write(cx, bytes),
            Channel::Secure(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().channel {
            Channel::Plain(wire) => Pin::new(wire).poll_write_vectored(cx, slices),
            Channel::Secure(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.channel {
            Channel::Plain(wire) => wire.is_write_vectored(),
            Channel::Secure(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().channel {
            Channel::Plain(wire) => Pin::new(wire).poll_flush(cx),
            Channel::Secure(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().channel {
            Channel::Plain(wire) => Pin::new(wire).poll_shutdown(cx),
            Channel::Secure(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
