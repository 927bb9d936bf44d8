//! What a connection is doing, and what is counted when it ends.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use wirebench_protocol::Transport;

use crate::admission::Decision;
use crate::metrics::CloseReason;
use crate::state::SharedState;

/// The activity of one connection: its requests under way, its transport, why it ended. It is
/// shared between the connection, its socket and what it was upgraded to. When the last of them
/// drops it, the connection is counted out.
#[derive(Debug)]
pub(crate) struct ConnectionActivity {
    server: Arc<SharedState>,
    address: IpAddr,
    /// The peer is a trusted proxy, so that the connection belongs to no single client.
    is_proxied: bool,
    /// There were too many connections for this one.
    is_refused: bool,
    /// The number of requests that are being answered, streams included.
    active_requests: AtomicU32,
    /// The number of requests so far; wraps.
    requests: AtomicU32,
    /// Bytes have come that are not part of a request yet.
    partial_head: AtomicBool,
    /// The peer has not taken all that was written to its socket.
    stalled: AtomicBool,
    /// The transport of its first subscription.
    transport: OnceLock<Transport>,
    /// Bytes that crossed the socket before the transport was known.
    early_received: AtomicU64,
    early_sent: AtomicU64,
    /// Unset if the peer ends the connection.
    close_reason: OnceLock<CloseReason>,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(crate) struct ActiveRequest(Arc<ConnectionActivity>);

impl ConnectionActivity {
    /// Counts a new connection. Returns `None` if it has to be closed at once, because too many
    /// connections are being refused already.
    pub(super) fn admit(server: &Arc<SharedState>, address: IpAddr) -> Option<Arc<Self>> {
        let is_proxied = server.proxies.trust(address);
        let admission = &server.admission;
        let is_refused = match admission.admit((!is_proxied).then_some(address), &server.limits) {
            Decision::Admitted => false,
            Decision::Refused => true,
            Decision::Dropped => return None,
        };
        if is_refused && admission.refusal_log.is_due() {
            let connected = admission.connections();
            tracing::warn!(connected, %address, "connections are refused: there are too many");
        }
        server.metrics.connections.opened();
        let close_reason = OnceLock::new();
        if is_refused {
            let _ = close_reason.set(CloseReason::Refused);
        }
        Some(Arc::new(Self {
            server: Arc::clone(server),
            address,
            is_proxied,
            is_refused,
            active_requests: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            partial_head: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            transport: OnceLock::new(),
            early_received: AtomicU64::new(0),
            early_sent: AtomicU64::new(0),
            close_reason,
        }))
    }

    pub(super) fn server(&self) -> &Arc<SharedState> {
        &self.server
    }

    /// Returns true if the peer is a trusted proxy.
    pub(super) fn is_proxied(&self) -> bool {
        self.is_proxied
    }

    /// Returns true if there were too many connections for this one.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Counts a request. It is being answered until the guard is dropped.
    pub(super) fn begin_request(this: &Arc<Self>) -> ActiveRequest {
        this.requests.fetch_add(1, Relaxed);
        this.partial_head.store(false, Relaxed);
        Self::hold(this)
    }

    /// Keeps the connection active until the guard is dropped, for a request whose answer goes on
    /// after its handler has returned.
    pub(super) fn hold(this: &Arc<Self>) -> ActiveRequest {
        this.active_requests.fetch_add(1, Relaxed);
        ActiveRequest(Arc::clone(this))
    }

    /// Returns true while a request is being answered.
    pub(super) fn is_active(&self) -> bool {
        self.active_requests.load(Relaxed) > 0
    }

    /// Returns the number of requests so far; wraps.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Returns true if bytes have come that are not part of a request yet.
    pub(super) fn has_partial_head(&self) -> bool {
        self.partial_head.load(Relaxed)
    }

    pub(super) fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Relaxed);
    }

    /// Returns true if the peer has not taken all that was written to its socket.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    /// Sets the transport of the connection, unless an earlier subscription has set it.
    pub(super) fn set_transport(&self, transport: Transport) {
        if self.transport.set(transport).is_ok() {
            let metrics = &self.server.metrics.connections;
            metrics.subscribed(transport);
            metrics.received(Some(transport), self.early_received.swap(0, Relaxed));
            metrics.sent(Some(transport), self.early_sent.swap(0, Relaxed));
        }
    }

    /// Returns the transport of the first subscription; `None` before it.
    pub(super) fn transport(&self) -> Option<Transport> {
        self.transport.get().copied()
    }

    /// Counts bytes that were read from the socket.
    pub(super) fn received(&self, bytes: usize) {
        self.partial_head.store(true, Relaxed);
        let bytes = bytes as u64;
        match self.transport() {
            Some(transport) => self.server.metrics.connections.received(Some(transport), bytes),
            None => _ = self.early_received.fetch_add(bytes, Relaxed),
        }
    }

    /// Counts bytes that were written to the socket.
    pub(super) fn sent(&self, bytes: usize) {
        let bytes = bytes as u64;
        match self.transport() {
            Some(transport) => self.server.metrics.connections.sent(Some(transport), bytes),
            None => _ = self.early_sent.fetch_add(bytes, Relaxed),
        }
    }

    /// Says why the connection is about to end. Only the first reason is kept.
    pub(super) fn set_close_reason(&self, reason: CloseReason) {
        let _ = self.close_reason.set(reason);
    }
}

impl ActiveRequest {
    /// Returns true once the server stops, so that the answer is the last one of its connection.
    pub(super) fn server_is_stopping(&self) -> bool {
        self.0.server.is_stopping()
    }
}

impl Drop for ConnectionActivity {
    fn drop(&mut self) {
        let (server, transport) = (&self.server, self.transport());
        if self.is_refused {
            server.admission.leave_refused();
        } else {
            server.admission.leave((!self.is_proxied).then_some(self.address));
        }
        let metrics = &server.metrics.connections;
        if transport.is_none() {
            metrics.received(None, *self.early_received.get_mut());
            metrics.sent(None, *self.early_sent.get_mut());
        }
        let reason = self.close_reason.get().copied().unwrap_or(CloseReason::Peer);
        metrics.closed(transport, reason);
        if reason == CloseReason::SlowReader {
            let (peer, transport) = (self.address, transport.map(Transport::name));
            tracing::warn!(%peer, transport, "a reader that took nothing for too long was dropped");
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        // What came while the request was being answered was its body.
        self.0.partial_head.store(false, Relaxed);
        self.0.active_requests.fetch_sub(1, Relaxed);
    }
}
