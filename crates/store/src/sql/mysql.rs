//! MariaDB and MySQL.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sqlx::{ConnectOptions, Executor, MySql, Pool};
use url::Url;
use wirebench_protocol::Seq;

use super::connections::{LastFailure, Lease};
use super::dialect::Dialect;
use super::failure::OperationFailure;
use super::migrations::migrator;
use super::server;
use crate::error::{StoreError, StoreErrorKind};
use crate::observer::StoreObserver;
use crate::options::StoreOptions;
use crate::store_url::StoreUrl;
use crate::tables::{ChangeListener, Tables};

/// The database has no transactions for changes of tables. A migration that was interrupted is run
/// again, so each has to leave alone what is done already.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/mysql/0001_feeds.sql")];

/// How long [`LOCK_MIGRATIONS`] waits.
const MIGRATIONS_WAIT: Duration = Duration::from_secs(10);

const LOCK_MIGRATIONS: &str = "SELECT GET_LOCK(CONCAT('wirebench.', MD5(DATABASE())), 10)";
const FORGET_INTERRUPTED: &str = "DELETE FROM wirebench_migrations WHERE NOT success";
const UNLOCK_MIGRATIONS: &str = "DO RELEASE_LOCK(CONCAT('wirebench.', MD5(DATABASE())))";

impl Dialect for MySql {
    const BEGIN: &'static str = "BEGIN";
    const LOCK_ROW: &'static str = " FOR UPDATE";
    const BY_KEY: &'static str = "";
    const TELLS: bool = false;

    fn migrate(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), OperationFailure>> {
        Box::pin(async move {
            lock_migrations(connection).await?;
            let mut migrator = migrator(&MIGRATIONS);
            migrator.set_locking(false);
            let mut migrated = migrator.run_direct(None, &mut *connection, false).await;
            if let Err(MigrateError::Dirty(_)) = migrated {
                // A server was killed in the middle of it.
                connection.execute(FORGET_INTERRUPTED).await?;
                migrated = migrator.run_direct(None, &mut *connection, false).await;
            }
            migrated?;
            connection.execute(UNLOCK_MIGRATIONS).await?;
            Ok(())
        })
    }

    fn kind(error: &dyn DatabaseError) -> StoreErrorKind {
        let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
        // https://mariadb.com/kb/en/mariadb-error-codes/
        match number {
            // Disk full, table full.
            Some(1021 | 1114) => StoreErrorKind::Full,
            // No such table, unknown column.
            Some(1146 | 1054) => StoreErrorKind::Schema,
            // Too many connections, out of resources, host blocked, shutting down; the network.
            Some(1040 | 1041 | 1129 | 1053 | 1152 | 1158..=1161 | 1203 | 1226 | 1927) => {
                StoreErrorKind::Unavailable
            }
            // Lock wait timeout, deadlock, a statement took too long or was killed; read-only.
            Some(1205 | 1213 | 1317 | 1969 | 3024 | 1290 | 1836) => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        }
    }

    fn tell<'a>(
        _lease: &'a mut Lease<Self>,
        _feed: &'a str,
        _newest: Seq,
    ) -> BoxFuture<'a, Result<(), OperationFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn listen(
        _pool: &Pool<Self>,
    ) -> BoxFuture<'_, Result<Box<dyn ChangeListener>, OperationFailure>> {
        let found = "MariaDB and MySQL tell nobody what is appended".to_owned();
        Box::pin(std::future::ready(Err(OperationFailure::Unexpected(found))))
    }
}

/// Keeps other servers from migrating the same database at the same time. The lock of sqlx waits
/// for minus one second, which MySQL takes for ever and MariaDB for an error that goes unnoticed.
async fn lock_migrations(connection: &mut MySqlConnection) -> Result<(), OperationFailure> {
    let locked: Option<i64> = sqlx::query_scalar(LOCK_MIGRATIONS).fetch_one(connection).await?;
    match locked {
        Some(1) => Ok(()),
        _ => Err(OperationFailure::TimedOut(MIGRATIONS_WAIT)),
    }
}

/// Connects to the server and migrates the tables.
pub(crate) async fn open(
    url: &StoreUrl,
    server: &Url,
    options: &StoreOptions,
    observer: Arc<dyn StoreObserver>,
) -> Result<Arc<dyn Tables>, StoreError> {
    let attempted = format!("open the store `{url}`");
    let connect = MySqlConnectOptions::from_url(server)
        .map_err(|error| OperationFailure::Sql(error).into_error(MySql::kind, attempted.clone()))?
        .disable_statement_logging();
    let seconds = options.deadline.as_secs().max(1);
    let last_failure = LastFailure::default();
    let pool = server::pool_options::<MySql>(options, &last_failure);
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move {
            // The server gives up as well, so that a statement whose client has gone holds no
            // locks.
            let limit = sqlx::query("SET SESSION innodb_lock_wait_timeout = ?").bind(seconds);
            limit.execute(connection).await.map(|_| ())
        })
    });
    server::open::<MySql>(attempted, options, observer, last_failure, pool, connect).await
}
