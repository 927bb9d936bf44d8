//! The clients behind a trusted proxy, and how many requests each has under way.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::answer::Refusal;
use crate::server::Server;

/// A request under way of a client behind a trusted proxy, streams and sockets included. It counts as a
/// connection of the client's address until the last copy is dropped.
#[derive(Debug)]
pub(crate) struct ClientSlot {
    server: Server,
    pub(super) address: IpAddr,
}

impl ClientSlot {
    /// Counts a request that a trusted proxy at `peer` passes on.
    ///
    /// # Errors
    /// The client has as many under way as one address may have. The connection, which is the proxy's,
    /// stays open.
    pub(super) fn take(
        server: &Server,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Arc<Self>, Refusal> {
        let address = server.proxies().client(peer, headers);
        if server.census().enter_address(address, server.limits()) {
            return Ok(Arc::new(Self { server: server.clone(), address }));
        }
        if server.census().refusals().is_due() {
            tracing::warn!(%address, proxy = %peer, "requests of an address are refused: too many");
        }
        Err(Refusal::too_many_of_an_address())
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        self.server.census().leave_address(self.address);
    }
}
