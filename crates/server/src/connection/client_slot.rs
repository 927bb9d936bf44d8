//! The clients behind a trusted proxy, and how many requests each has under way.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::api_error::ApiError;
use crate::state::SharedState;

/// A request of a client behind a trusted proxy that is under way, streams and sockets included. It
/// counts as a connection of the client's address until the last reference is dropped.
#[derive(Debug)]
pub(super) struct ClientSlot {
    server: Arc<SharedState>,
    pub(super) address: IpAddr,
}

impl ClientSlot {
    /// Counts a request that a trusted proxy at `peer` passes on.
    ///
    /// # Errors
    /// The client has as many requests under way as one address may have connections.
    pub(super) fn take(
        server: &Arc<SharedState>,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Arc<Self>, ApiError> {
        let address = server.proxies.client(peer, headers);
        if server.admission.admit_address(address, &server.limits) {
            return Ok(Arc::new(Self { server: Arc::clone(server), address }));
        }
        if server.admission.refusal_log.is_due() {
            tracing::warn!(%address, proxy = %peer, "requests of an address are refused: too many");
        }
        Err(ApiError::too_many_from_address())
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        self.server.admission.leave_address(self.address);
    }
}
