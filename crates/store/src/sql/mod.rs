//! The two tables in a database of SQL. The statements are the same for all databases; what differs
//! is a [`dialect::Dialect`].

mod append;
mod columns;
mod connections;
mod dialect;
mod driver;
mod failure;
mod migrations;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
mod sql_tables;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod trim;
