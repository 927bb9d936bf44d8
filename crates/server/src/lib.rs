//! The feed server: one feed, and one file for each way to read it.
//!
//! A transport is a thin reader over a [`Feed`]. Depending on its [`Delivery`], it reads what is
//! there, waits for what comes next, or follows the feed. [`Server`] puts all transports behind one
//! router and owns every connection. [`ControlApi`] is the API of the load generator, on a listener
//! of its own. What clients can rely on is in `docs/protocol.md`.
//!
//! # In an application of your own
//!
//! [`Server::router`] nests into any axum router. The server has its own state. The application
//! keeps its feeds and publishes to them from anywhere:
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
//! // Subscribers find it below /live/feeds/news, for example at /live/feeds/news/sse.
//! news.publish(JsonPayload::from_json(br#"{"headline":"all is well"}"#)?);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let shutdown = async { /* for example `tokio::signal::ctrl_c().await` */ };
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
//! `examples/embed.rs` is a whole page with a feed to which only the application publishes.
//!
//! - **Shutdown.** Subscriptions do not end by themselves, so axum's graceful shutdown alone would
//!   wait for them for ever. [`Server::stop`] answers held polls, ends streams and closes sockets,
//!   and tells each subscriber when to come back. It also waits for upgraded sockets, which axum
//!   does not. axum closes idle connections at once, even if a poll is about to come.
//!   [`Server::serve_app`] waits for the next poll of each connection.
//! - **Limits.** These limits are about requests and always hold: [`Limits::message_bytes`],
//!   [`Limits::body_time`], [`Limits::drain_time`], [`Limits::return_time`], [`Limits::retry`], the
//!   windows and rates of feeds, and [`Access`]. Limits about connections are the task of the code
//!   that serves the connections: their number, the time for a head, the idle time, the time for
//!   which a stream may take no byte (a socket that takes none for 30 s is dropped in any case),
//!   and trusted proxies ([`Proxies`]). An application that also wants those limits, TLS, HTTP/2 or
//!   the metrics of connections passes its router to [`Server::serve_app`] instead of
//!   `axum::serve`.
//! - **Feeds that come and go** need no route of the server: a handler of the application answers
//!   with [`Server::answer`], over any [`FeedTransport`] and any feed. The namespaces of Socket.IO
//!   are those of the server's feeds.
//!
//! - **Feeds that survive** are kept in a database of the crate `wirebench-store`:
//!   [`Feed::durable`]. Publishing then returns an [`Acknowledgement`] to wait for.
//!   [`Server::follow_store`] brings what other servers append to the same database. A store that is
//!   opened with [`StoreMetrics`] is counted; [`Server::with_store_metrics`] tells of it.
//!
//! # The modules, from the bottom to the top
//!
//! | module | what it is |
//! |---|---|
//! | `framing` | messages as the bytes of each transport |
//! | `feed` | the messages, and the three ways to read them |
//! | `access`, `admission` | who may do what; how many connections there may be |
//! | `proxies`, `tls` | which proxies are trusted; certificates |
//! | `limits`, `metrics` | the limits; what is counted |
//! | `state` | all of these together: the state that connections and routes share |
//! | `connection` | one accepted connection, from its first byte to its last |
//! | `transport` | one file for each way to read a feed |
//! | `routes` | every route of the server |
//! | `query` | the parameters in the address of a request |
//! | `api_error`, `entity_tag` | how a refusal reads; whether a client has an answer already |
//! | `server`, `control` | the server as a whole; the API of the load generator |

mod access;
mod admission;
mod api_error;
mod connection;
mod control;
mod entity_tag;
mod expiring_table;
mod feed;
mod feed_path;
mod framing;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod layer;
mod limits;
mod listener;
mod log_limit;
mod metrics;
mod proxies;
mod publisher;
mod query;
mod routes;
mod scratch;
mod server;
mod state;
mod task_phase;
mod tls;
mod transport;
mod wake_flag;

pub use access::{Access, InvalidToken, Token};
pub use api_error::ApiError;
pub use control::ControlApi;
pub use entity_tag::is_known;
pub use feed::{
    Acknowledgement, Batch, Entry, Feed, Follow, FutureCursor, InvalidJson, JsonPayload,
    LocateError, MessagePayload, PublishOptions, Rejected,
};
pub use layer::{Io, Layer};
pub use limits::{Limits, SocketIoLimits};
pub use listener::listen;
pub use metrics::StoreMetrics;
pub use proxies::{ForwardedHeader, InvalidNetwork, IpNetwork, Proxies};
pub use publisher::{PacedPublisher, PublisherError};
pub use query::read_query;
pub use server::Server;
pub use tls::{Tls, TlsError};
pub use transport::FeedTransport;
// Types of the protocol that this crate's API uses, so that an application needs one dependency.
pub use wirebench_protocol::{
    After, Cursor, Delivery, Epoch, Gap, HttpStack, IdempotencyKey, MAX_PAYLOAD_BYTES, Published,
    Recipients, Seq, ShortPollingMode, SubscriberName, Timestamp, Transport, control::StoreCounts,
    publishing::PayloadError,
};
