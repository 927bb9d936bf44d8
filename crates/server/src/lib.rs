//! The feed server: one feed, and one file for each way to read it.
//!
//! A transport is a thin reader over a [`Feed`]: short polling reads, long polling waits, server-sent
//! events and WebSocket follow. [`Server`] puts them behind one router and owns every connection;
//! [`ControlApi`] is the API of the load generator, on a listener of its own. What clients can rely on is in
//! `docs/protocol.md`.
//!
//! # In an application of your own
//!
//! [`Server::router`] nests into any axum router. The server has its own state; the application keeps
//! its feeds and publishes to them from wherever it likes:
//!
//! ```
//! use axum::{Router, routing::get};
//! use wirebench_server::{Feed, JsonPayload, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let news = Feed::new(1_000).with_window_bytes(1 << 20);
//! let live = Server::new([("news".to_owned(), news.clone())]);
//! let app = Router::new().route("/", get(async || "my own page")).nest("/live", live.router());
//!
//! // Subscribers find it at /live/feeds/news/{short-polling,long-polling,sse,websocket}.
//! news.publish(&JsonPayload::from_json(br#"{"headline":"all is well"}"#)?);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let shutdown = async { /* as in `tokio::signal::ctrl_c().await` */ };
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move {
//!         shutdown.await;
//!         live.stop().await;
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/embed.rs` is a whole page with a feed that only the application publishes to.
//!
//! - **Shutdown.** Subscriptions do not end by themselves, so that axum's graceful shutdown alone would
//!   wait for them. [`Server::stop`] answers held polls, ends streams and closes sockets, each with a time
//!   to come back at; upgraded sockets, which axum does not wait for, it waits for itself. axum closes idle
//!   connections at once, if need be under a poll; [`Server::serve_app`] waits for the next poll of each.
//! - **Limits.** What is about requests holds: [`Limits::message_bytes`], [`Limits::body_time`],
//!   [`Limits::drain_time`], [`Limits::return_time`], [`Limits::retry`], windows and rates of feeds,
//!   [`Access`]. What is about connections is up to whoever serves them: how many, how long a head may
//!   take, how long they may be idle, how long a stream may take no byte (a socket that takes none for
//!   30 s is dropped all the same), and for whom a proxy asks ([`Proxies`]). An application that also wants
//!   those limits, TLS, HTTP/2 or the metrics of connections passes its router to [`Server::serve_app`]
//!   instead of `axum::serve`.
//! - **Feeds that come and go** need no route of the server's: a handler of the application's answers
//!   with [`Server::answer`], over any transport and any feed.

mod access;
mod answer;
mod census;
mod connection;
mod control;
mod entry;
mod feed;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod limits;
mod log_limit;
mod metrics;
mod pace;
mod payload;
mod proxies;
mod publisher;
mod server;
mod sleepers;
mod tls;
mod transport;
mod upgrade;

pub use access::{Access, InvalidToken, Token};
pub use control::ControlApi;
pub use entry::Entry;
pub use feed::{Batch, Feed, Follow, FutureCursor, Rejected};
pub use limits::Limits;
pub use payload::{InvalidJson, JsonPayload};
pub use proxies::{ForwardedHeader, InvalidNetwork, IpNetwork, Proxies};
pub use publisher::{PacedPublisher, PublisherError};
pub use server::{Io, Layer, Server, listen};
pub use tls::{Tls, TlsError};
// Words of the protocol in which this crate speaks, so that an application needs one dependency.
pub use wirebench_protocol::{
    After, Cursor, Epoch, Gap, MAX_PAYLOAD_BYTES, Seq, Timestamp, Transport,
};
