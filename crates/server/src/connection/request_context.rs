//! What a request knows of its connection.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Version;
use wirebench_protocol::Transport;

use super::activity::{ActiveRequest, ConnectionActivity};
use super::client_slot::ClientSlot;
use super::slow_stream::StreamProgress;
use crate::metrics::CloseReason;

/// The connection, the client and the HTTP/2 stream of a request. Everything is `None` if somebody
/// else serves the connection, such as `axum::serve`.
///
/// It belongs to one request. A subscription that spans several requests has a context for each of
/// them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestContext {
    activity: Option<Arc<ConnectionActivity>>,
    /// The slot of the client, behind a trusted proxy.
    slot: Option<Arc<ClientSlot>>,
    /// The stream, if the connection speaks HTTP/2.
    stream: Option<Arc<StreamProgress>>,
}

/// Keeps the connection of a request active, and the slot of its client taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct HeldRequest {
    _active: Option<ActiveRequest>,
    _slot: Option<Arc<ClientSlot>>,
}

impl RequestContext {
    /// The context that a connection adds to its requests.
    pub(super) fn new(activity: Arc<ConnectionActivity>, slot: Option<Arc<ClientSlot>>) -> Self {
        Self { activity: Some(activity), slot, stream: None }
    }

    /// Returns the context of a request. Must be called by the task that answers the request.
    pub(crate) fn of(request: &Request) -> Self {
        let context = request.extensions().get::<Self>().cloned().unwrap_or_default();
        let is_http2 = request.version() > Version::HTTP_11;
        Self { stream: is_http2.then(StreamProgress::current).flatten(), ..context }
    }

    /// Sets the transport of the connection, unless an earlier subscription has set it.
    pub(crate) fn set_transport(&self, transport: Transport) {
        if let Some(activity) = &self.activity {
            activity.set_transport(transport);
        }
    }

    /// Keeps the connection active for as long as the answer goes on, after its handler has
    /// returned.
    pub(crate) fn hold(&self) -> HeldRequest {
        let active = self.activity.as_ref().map(ConnectionActivity::hold);
        HeldRequest { _active: active, _slot: self.slot.clone() }
    }

    /// Called when the reader has taken nothing for too long. Over HTTP/2 only its stream is reset;
    /// the other streams of the connection go on.
    pub(crate) fn give_up(&self) {
        match (&self.stream, &self.activity) {
            (Some(stream), _) => stream.give_up(),
            (None, Some(activity)) => activity.set_close_reason(CloseReason::SlowReader),
            (None, None) => {}
        }
    }

    /// Called when nothing more is written to an upgraded stream. Its reader has the write time to
    /// take what was written.
    pub(crate) fn finish(&self) {
        if let Some(stream) = &self.stream {
            stream.finish();
        }
    }
}
