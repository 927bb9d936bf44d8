//! Connections, each lent to one operation at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Pool, QueryBuilder};

use super::driver::Driver;
use crate::observer::StoreObserver;

/// A connection that was idle for this long is tested before it is used, so that the first
/// operation after a restart of the server does not fail.
const TEST_AFTER: Duration = Duration::from_secs(1);

/// The connections to one database. A handle: clones share them.
pub(super) struct Connections<D: Driver> {
    pub(super) pool: Pool<D>,
    observer: Arc<dyn StoreObserver>,
    last_failure: LastFailure,
}

/// When an operation failed last. What was idle then is tested before it is used: the server may
/// have gone, and all of its connections with it.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFailure(Arc<Mutex<Option<Instant>>>);

impl<D: Driver> Connections<D> {
    pub(super) fn new(
        pool: Pool<D>,
        observer: Arc<dyn StoreObserver>,
        last_failure: LastFailure,
    ) -> Self {
        Self { pool, observer, last_failure }
    }

    /// Takes a connection from the pool, or opens one.
    pub(super) async fn lend(&self) -> Result<Lease<D>, sqlx::Error> {
        let began = Instant::now();
        let connection = self.pool.acquire().await?;
        let observer = Arc::clone(&self.observer);
        let last_failure = self.last_failure.clone();
        Ok(Lease { connection, observer, last_failure, began, statements: 0, healthy: false })
    }
}

impl<D: Driver> Clone for Connections<D> {
    fn clone(&self) -> Self {
        let (pool, observer) = (self.pool.clone(), Arc::clone(&self.observer));
        Self { pool, observer, last_failure: self.last_failure.clone() }
    }
}

impl LastFailure {
    /// Has a pool test a connection before it is lent, if it has been idle for long or since before
    /// the last failure.
    pub(super) fn tested<D: Driver>(&self, pool: PoolOptions<D>) -> PoolOptions<D> {
        let last = self.clone();
        pool.test_before_acquire(false)
            .before_acquire(move |connection, meta| last.test(connection, meta.idle_for))
    }

    fn test<'a, C: Connection>(
        &self,
        connection: &'a mut C,
        idle_for: Duration,
    ) -> BoxFuture<'a, Result<bool, sqlx::Error>> {
        let since = self.0.lock().map_or(TEST_AFTER, |last| last.elapsed().min(TEST_AFTER));
        Box::pin(async move {
            if idle_for >= since {
                connection.ping().await?;
            }
            Ok(true)
        })
    }
}

/// A connection that is lent to one operation.
///
/// It goes back to its pool only by [`give_back`](Self::give_back). If the operation fails, runs
/// out of time, or is dropped, nobody knows what the connection still has to answer. Then it is
/// closed, which also rolls back its transaction.
pub(super) struct Lease<D: Driver> {
    connection: PoolConnection<D>,
    observer: Arc<dyn StoreObserver>,
    last_failure: LastFailure,
    began: Instant,
    statements: u64,
    healthy: bool,
}

impl<D: Driver> Lease<D> {
    /// Begins a transaction, with this statement.
    pub(super) async fn begin(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.statements += 1;
        D::run(&mut self.connection, statement).await
    }

    /// Commits the transaction.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.statements += 1;
        D::run(&mut self.connection, "COMMIT").await
    }

    /// Sends a statement.
    pub(super) async fn execute(&mut self, mut sql: QueryBuilder<D>) -> Result<(), sqlx::Error> {
        self.statements += 1;
        D::execute(&mut self.connection, &mut sql).await
    }

    /// Sends a statement, and returns its rows.
    pub(super) async fn rows(
        &mut self,
        mut sql: QueryBuilder<D>,
    ) -> Result<Vec<D::Row>, sqlx::Error> {
        self.statements += 1;
        D::rows(&mut self.connection, &mut sql).await
    }

    /// Tells the observer that the transaction has written messages.
    pub(super) fn committed(&self, messages: usize) {
        self.observer.committed(messages as u64, self.began.elapsed());
    }

    /// Tells the observer that messages were read.
    pub(super) fn read(&self, messages: usize) {
        self.observer.read(messages as u64);
    }

    /// Returns the connection to its pool: the operation has ended, and no transaction is open.
    pub(super) fn give_back(mut self) {
        self.healthy = true;
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        self.observer.queried(self.statements);
        if !self.healthy {
            *self.last_failure.0.lock() = Some(Instant::now());
            self.connection.close_on_drop();
        }
    }
}
