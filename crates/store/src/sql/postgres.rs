//! PostgreSQL.

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgListener};
use sqlx::{ConnectOptions, Pool, Postgres, QueryBuilder};
use url::Url;
use wirebench_protocol::Seq;

use super::connections::{LastFailure, Lease};
use super::dialect::Dialect;
use super::driver::Driver;
use super::failure::OperationFailure;
use super::migrations::migrator;
use super::server;
use crate::error::{StoreError, StoreErrorKind};
use crate::observer::StoreObserver;
use crate::options::StoreOptions;
use crate::store_url::StoreUrl;
use crate::tables::{Answer, ChangeListener, Tables};

const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/postgres/0001_feeds.sql")];

/// The channel of the notifications. Their text is `<newest> <name of the feed>`.
const CHANNEL: &str = "wirebench_feeds";

impl Dialect for Postgres {
    const BEGIN: &'static str = "BEGIN";
    const LOCK_ROW: &'static str = " FOR UPDATE";
    const BY_KEY: &'static str = "";
    const TELLS: bool = true;

    fn migrate(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), OperationFailure>> {
        Box::pin(
            async move { Ok(migrator(&MIGRATIONS).run_direct(None, connection, false).await?) },
        )
    }

    fn kind(error: &dyn DatabaseError) -> StoreErrorKind {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        match error.code().as_deref() {
            // Disk full.
            Some("53100") => StoreErrorKind::Full,
            // Undefined table, undefined column.
            Some("42P01" | "42703") => StoreErrorKind::Schema,
            // A lock was not to be had, a statement took too long, a read-only standby.
            Some("55P03" | "57014" | "25006" | "25P03") => StoreErrorKind::Unavailable,
            // Connections, resources, operators (shut down, starting up), the system; conflicts
            // between transactions.
            Some(code)
                if ["08", "53", "57P", "58", "40"].iter().any(|class| code.starts_with(class)) =>
            {
                StoreErrorKind::Unavailable
            }
            _ => StoreErrorKind::Other,
        }
    }

    fn tell<'a>(
        lease: &'a mut Lease<Self>,
        feed: &'a str,
        newest: Seq,
    ) -> BoxFuture<'a, Result<(), OperationFailure>> {
        Box::pin(async move {
            let mut sql = QueryBuilder::new("SELECT pg_notify(");
            Self::bind_text(&mut sql, Some(CHANNEL));
            sql.push(", ");
            Self::bind_text(&mut sql, Some(&format!("{newest} {feed}")));
            sql.push(")");
            lease.execute(sql).await?;
            Ok(())
        })
    }

    fn listen(
        pool: &Pool<Self>,
    ) -> BoxFuture<'_, Result<Box<dyn ChangeListener>, OperationFailure>> {
        Box::pin(async move {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok(Box::new(Notifications(listener)) as Box<dyn ChangeListener>)
        })
    }
}

struct Notifications(PgListener);

impl ChangeListener for Notifications {
    fn hear(&mut self) -> Answer<'_, Option<(String, Seq)>> {
        Box::pin(async move {
            let heard = self.0.try_recv().await.map_err(|error| {
                OperationFailure::Sql(error).into_error(Postgres::kind, "listen to the store")
            })?;
            // Somebody else may notify the same channel. Then the table is asked.
            Ok(heard.and_then(|notification| {
                let (newest, feed) = notification.payload().split_once(' ')?;
                Some((feed.to_owned(), newest.parse().ok()?))
            }))
        })
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
    let connect = connect_options(server, options).map_err(|error| {
        OperationFailure::Sql(error).into_error(Postgres::kind, attempted.clone())
    })?;
    let last_failure = LastFailure::default();
    let pool = server::pool_options(options, &last_failure);
    server::open::<Postgres>(attempted, options, observer, last_failure, pool, connect).await
}

fn connect_options(server: &Url, options: &StoreOptions) -> Result<PgConnectOptions, sqlx::Error> {
    let milliseconds = options.deadline.as_millis();
    // The server gives up as well, so that a statement whose client has gone holds no locks.
    let limits = [
        ("statement_timeout", milliseconds),
        ("idle_in_transaction_session_timeout", milliseconds),
    ];
    Ok(PgConnectOptions::from_url(server)?
        .application_name("wirebench")
        .options(limits)
        .disable_statement_logging())
}
