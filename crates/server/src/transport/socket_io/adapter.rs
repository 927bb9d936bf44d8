//! Sends packets to one client of a namespace whose data is encoded already.
//!
//! The library's `emit` serialises its data for each client. Its adapters take encoded data.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use socketioxide::SocketError;
use socketioxide::adapter::Emitter;
use socketioxide::handler::Value;
use socketioxide_core::Sid;
use socketioxide_core::adapter::{
    BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, SocketEmitter,
};
use socketioxide_core::packet::Packet;

use super::window::SendWindow;

/// The part of an adapter that reaches the clients of its namespace.
type LocalAdapter = Arc<CoreLocalAdapter<Emitter>>;

/// The adapters of all namespaces, by the path of the namespace.
#[derive(Clone, Default)]
pub(super) struct Adapters(Arc<Mutex<BTreeMap<String, LocalAdapter>>>);

/// An adapter that registers itself in [`Adapters`], and otherwise does what the library's own
/// adapter does.
pub(super) struct RegisteredAdapter(LocalAdapter);

impl CoreAdapter<Emitter> for RegisteredAdapter {
    type Error = Infallible;
    type State = Adapters;
    type AckStream = <Emitter as SocketEmitter>::AckStream;
    type InitRes = ();

    fn new(adapters: &Adapters, local: CoreLocalAdapter<Emitter>) -> Self {
        let local = Arc::new(local);
        adapters.0.lock().insert(local.path().to_string(), Arc::clone(&local));
        Self(local)
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) {
        on_success();
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, Infallible> {
        Ok(self.0.broadcast_with_ack(packet, options, timeout).0)
    }

    fn get_local(&self) -> &CoreLocalAdapter<Emitter> {
        &self.0
    }
}

impl DefinedAdapter for RegisteredAdapter {}

impl Adapters {
    /// Returns a sender to one client of a namespace; `None` if there is no such namespace.
    pub(super) fn sender(&self, namespace: &str, client: Sid) -> Option<PacketSender> {
        let local = self.0.lock().get(namespace).cloned()?;
        Some(PacketSender { local, client })
    }
}

/// Sends packets to one client of a namespace.
#[derive(Clone)]
pub(super) struct PacketSender {
    local: LocalAdapter,
    client: Sid,
}

impl PacketSender {
    /// Sends an event: its name and its arguments, as a JSON array. It counts as being on its way
    /// until the client has taken it.
    ///
    /// # Errors
    /// The library's buffer for this client is full, or the client is gone.
    pub(super) fn event(&self, window: &SendWindow, data: Value) -> Result<(), SocketError> {
        window.add(size(&data));
        let sent = self.send(Packet::event(self.local.path().clone(), data));
        sent.inspect_err(|_| window.withdraw())
    }

    /// Acknowledges an event of the client: the arguments, as a JSON array. It counts as an event
    /// does.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub(super) fn acknowledge(
        &self,
        window: &SendWindow,
        event: i64,
        data: Value,
    ) -> Result<(), SocketError> {
        window.add(size(&data));
        let sent = self.send(Packet::ack(self.local.path().clone(), data, event));
        sent.inspect_err(|_| window.withdraw())
    }

    fn send(&self, packet: Packet) -> Result<(), SocketError> {
        let sent = self.local.broadcast(packet, BroadcastOptions::new(self.client));
        sent.map_err(|mut errors| errors.pop().unwrap_or(SocketError::Closed))
    }
}

/// Returns the size of encoded data with its attachments, in bytes.
fn size(data: &Value) -> usize {
    match data {
        Value::Str(text, attachments) => {
            let attachments = attachments.iter().flatten().map(Bytes::len);
            text.len() + attachments.sum::<usize>()
        }
        Value::Bytes(bytes) => bytes.len(),
    }
}
