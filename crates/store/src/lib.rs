//! Feeds that are kept in a database: SQLite, PostgreSQL, MariaDB or MySQL; or in NATS.
//!
//! A [`Store`] is one database, a [`StoredFeed`] one feed in it. Messages are appended in batches,
//! each batch in one transaction, and several servers may append to the same feed: its sequence
//! numbers have no holes. [`FeedWriter`] makes the batches. [`Changes`] tells a server what others
//! have appended.
//!
//! Each database stands behind a cargo feature: `sqlite`, `postgres`, `mysql`, `nats`. Without features,
//! everything in this crate can be named, and [`Store::open`] says how to build a database in.

mod changes;
mod error;
#[cfg(test)]
mod fake_tables;
mod feed_writer;
mod message;
#[cfg(feature = "nats")]
mod nats;
mod observer;
mod options;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod sql;
mod store;
mod store_url;
mod tables;

pub use changes::{Changes, WatchMode};
pub use error::{StoreError, StoreErrorKind};
pub use feed_writer::{FeedWriter, QueuedMessage, UnacknowledgedError};
pub use message::{Appended, FeedNewest, KeptRange, NewMessage, StoredMessage};
#[cfg(feature = "nats")]
pub use nats::connect_nats;
pub use observer::StoreObserver;
pub use options::{Retention, StoreOptions, Synchronous};
pub use store::{FeedIncarnation, Store, StoredFeed};
pub use store_url::{Database, InvalidStoreUrl, StoreUrl};
