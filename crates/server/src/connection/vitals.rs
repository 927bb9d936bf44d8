//! What is known of a connection while it lives, and counted when it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use wirebench_protocol::Transport;

use crate::server::Server;

/// Connections beyond the limit that are answered at once; further ones are closed without a word.
const REFUSED_AT_ONCE: usize = 64;

/// A connection's pulse: whether it is at work, what it carries, why it ended. Shared between the
/// connection, its socket and what it was upgraded to; gone when the last of them is.
#[derive(Debug)]
pub(crate) struct Vitals {
    server: Server,
    address: IpAddr,
    /// The peer is a trusted proxy: the connection is of nobody in particular.
    proxied: bool,
    refused: bool,
    /// Requests that are being answered, endless streams included.
    busy: AtomicU32,
    /// Requests so far; wraps.
    requests: AtomicU32,
    /// Bytes came that are not part of a request yet.
    heard: AtomicBool,
    /// The peer has not taken all that was written to its socket.
    stalled: AtomicBool,
    /// The transport of its first subscription, by its place in `Transport::ALL`; [`NONE`] before.
    transport: AtomicU8,
    /// Bytes that crossed before it was known for which transport.
    early_in: AtomicU64,
    early_out: AtomicU64,
    closed: AtomicU8,
}

const NONE: u8 = u8::MAX;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Closed {
    /// The peer went away, or broke the protocol.
    Peer,
    /// No request for too long.
    Idle,
    /// A head, a preface or a handshake that took too long.
    Head,
    /// It took no byte for too long.
    Slow,
    /// The TLS handshake failed.
    Tls,
    /// There were too many.
    Refused,
    /// The server stopped.
    Stopped,
}

impl Closed {
    pub(crate) const ALL: [Self; 7] =
        [Self::Peer, Self::Idle, Self::Head, Self::Slow, Self::Tls, Self::Refused, Self::Stopped];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Idle => "idle",
            Self::Head => "slow_head",
            Self::Slow => "slow_reader",
            Self::Tls => "tls",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Vitals>);

impl Vitals {
    /// Counts a connection in. `None` where there are so many that not even a refusal can be afforded.
    pub(crate) fn admit(server: &Server, address: IpAddr) -> Option<Arc<Self>> {
        let proxied = server.proxies().trust(address);
        let refused = !server.census().enter((!proxied).then_some(address), server.limits());
        if refused && server.census().refused() > REFUSED_AT_ONCE {
            server.census().leave(None, true);
            return None;
        }
        if refused && server.census().refusals().is_due() {
            let connected = server.census().connected();
            tracing::warn!(connected, %address, "connections are refused: there are too many");
        }
        server.metrics().opened();
        Some(Arc::new(Self {
            server: server.clone(),
            address,
            proxied,
            refused,
            busy: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            heard: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            transport: AtomicU8::new(NONE),
            early_in: AtomicU64::new(0),
            early_out: AtomicU64::new(0),
            closed: AtomicU8::new(if refused { Closed::Refused } else { Closed::Peer } as u8),
        }))
    }

    /// Returns true if the peer is a trusted proxy.
    pub(super) fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// There are too many connections for this one.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// A request came. It is being answered until the guard is dropped.
    pub(crate) fn begin(this: &Arc<Self>) -> Busy {
        this.busy.fetch_add(1, Relaxed);
        this.requests.fetch_add(1, Relaxed);
        this.heard.store(false, Relaxed);
        Busy(Arc::clone(this))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    pub(super) fn stalls(&self, stalled: bool) {
        self.stalled.store(stalled, Relaxed);
    }

    /// Returns true if the peer has not taken all that was written to its socket.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    /// What it carries from its first subscription on.
    pub(crate) fn carries(&self, transport: Transport) {
        let place = place(transport);
        if self.transport.compare_exchange(NONE, place, Relaxed, Relaxed).is_ok() {
            let metrics = self.server.metrics();
            metrics.settled(transport);
            metrics.received(Some(transport), self.early_in.swap(0, Relaxed));
            metrics.sent(Some(transport), self.early_out.swap(0, Relaxed));
        }
    }

    pub(crate) fn transport(&self) -> Option<Transport> {
        Transport::ALL.get(usize::from(self.transport.load(Relaxed))).copied()
    }

    pub(super) fn received(&self, bytes: usize) {
        self.heard.store(true, Relaxed);
        match self.transport() {
            Some(transport) => self.server.metrics().received(Some(transport), bytes as u64),
            None => _ = self.early_in.fetch_add(bytes as u64, Relaxed),
        }
    }

    pub(super) fn sent(&self, bytes: usize) {
        match self.transport() {
            Some(transport) => self.server.metrics().sent(Some(transport), bytes as u64),
            None => _ = self.early_out.fetch_add(bytes as u64, Relaxed),
        }
    }

    /// Why it is about to end; the first reason given stands.
    pub(crate) fn close(&self, why: Closed) {
        let none = Closed::Peer as u8;
        let _ = self.closed.compare_exchange(none, why as u8, Relaxed, Relaxed);
    }
}

impl Busy {
    /// Returns true once the server stops: the answer is the last on its connection.
    pub(super) fn server_is_stopping(&self) -> bool {
        self.0.server.is_stopping()
    }
}

impl Drop for Vitals {
    fn drop(&mut self) {
        self.server.census().leave((!self.proxied).then_some(self.address), self.refused);
        let (transport, metrics) = (self.transport(), self.server.metrics());
        if transport.is_none() {
            metrics.received(None, *self.early_in.get_mut());
            metrics.sent(None, *self.early_out.get_mut());
        }
        let why = Closed::ALL[usize::from(*self.closed.get_mut())];
        metrics.closed(transport, why);
        if why == Closed::Slow {
            let (peer, transport) = (self.address, transport.map(Transport::name));
            tracing::warn!(%peer, transport, "a reader that took nothing for too long was dropped");
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // What was heard while it was being answered was its body.
        self.0.heard.store(false, Relaxed);
        self.0.busy.fetch_sub(1, Relaxed);
    }
}

fn place(transport: Transport) -> u8 {
    transport as u8
}
