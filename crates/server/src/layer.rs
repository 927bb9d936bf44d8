//! What an application can put between connections and the server.

use std::fmt::Debug;

use axum::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection as the server sees it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// What lies between connections and the server, such as an emulated link or a recorder of bytes.
///
/// A connection does without the layer as long as all of its requests are plain requests of feeds
/// that do not concern the layer: they are answered as if there were no layer, and cost no more. The
/// same goes for a request that does not concern the layer and leaves HTTP for another protocol.
/// From the first other request on, the layer is under the connection until its end.
pub trait Layer: Debug + Send + Sync + 'static {
    /// Returns true if the layer has to see the bytes of a request with this target, such as
    /// `/feeds/bench/sse?after=newest`.
    fn concerns(&self, target: &str) -> bool;

    /// Wraps a connection, above TLS if the server uses TLS. What is read first from `stream` is the
    /// first request that the layer sees, from its first byte on, although it may have come before.
    /// What this function puts into `extensions` is added to that request and to all later ones of
    /// the connection.
    fn wrap(&self, stream: Box<dyn Io>, extensions: &mut Extensions) -> Box<dyn Io>;
}
