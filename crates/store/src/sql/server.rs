//! What the databases that are servers have in common.

use std::sync::Arc;

use sqlx::Connection;
use sqlx::pool::PoolOptions;

use super::connections::{Connections, LastFailure};
use super::dialect::Dialect;
use super::failure::OperationFailure;
use super::sql_tables::SqlTables;
use crate::error::StoreError;
use crate::observer::StoreObserver;
use crate::options::StoreOptions;
use crate::tables::Tables;

/// The maximum number of connections to a server.
const CONNECTIONS: u32 = 8;

/// Returns how connections to a server are kept.
pub(super) fn pool_options<D: Dialect>(
    options: &StoreOptions,
    last_failure: &LastFailure,
) -> PoolOptions<D> {
    let pool = PoolOptions::new()
        .max_connections(CONNECTIONS)
        // Connecting is not all that has to happen within the deadline.
        .acquire_timeout(options.deadline / 2);
    last_failure.tested(pool)
}

/// Connects to a server and migrates the tables.
pub(super) async fn open<D: Dialect>(
    attempted: String,
    options: &StoreOptions,
    observer: Arc<dyn StoreObserver>,
    last_failure: LastFailure,
    pool: PoolOptions<D>,
    connect: <D::Connection as Connection>::Options,
) -> Result<Arc<dyn Tables>, StoreError> {
    let pool = pool.connect_lazy_with(connect);
    let migrate = async {
        let mut connection = pool.acquire().await?;
        let migrated = D::migrate(&mut connection).await;
        if migrated.is_err() {
            // It may still hold the lock of the migrations.
            connection.close_on_drop();
        }
        migrated
    };
    let migrated = tokio::time::timeout(options.deadline, migrate).await;
    let migrated = migrated.unwrap_or(Err(OperationFailure::TimedOut(options.deadline)));
    migrated.map_err(|failure| failure.into_error(D::kind, attempted))?;
    let writers = Connections::new(pool, observer, last_failure);
    let readers = writers.clone();
    Ok(Arc::new(SqlTables { writers, readers, deadline: options.deadline }))
}
