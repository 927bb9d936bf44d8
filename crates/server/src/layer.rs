//! What an application can put between connections and the server.

use std::fmt::Debug;

use axum::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection as the server sees it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// What lies between connections and the server, such as an emulated link or a recorder of bytes.
pub trait Layer: Debug + Send + Sync + 'static {
    /// Wraps a connection that was just accepted, above TLS if the server uses TLS. What this
    /// function puts into `extensions` is added to every request of the connection.
    fn wrap(&self, stream: Box<dyn Io>, extensions: &mut Extensions) -> Box<dyn Io>;
}
