//! One empty database for one case, and connections past the store.

use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;
use wirebench_store::{Database, Store, StoreOptions, StoreUrl};

use crate::servers::{DatabaseServer, ServerKind};
use crate::support::{eventually, hasty, patient};

/// An empty database.
pub(crate) struct TestDatabase {
    url: String,
    kind: Database,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    pub(crate) fn in_a_file() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("feeds.db").display());
        Self { url, kind: Database::Sqlite, _folder: Some(folder) }
    }

    pub(crate) fn on(server: &DatabaseServer, name: &str) -> Self {
        server.create(name);
        let kind = match server.kind {
            ServerKind::Postgres => Database::Postgres,
            ServerKind::MariaDb => Database::MySql,
        };
        Self { url: server.url(name), kind, _folder: None }
    }

    pub(crate) fn kind(&self) -> Database {
        self.kind
    }

    pub(crate) fn url(&self) -> StoreUrl {
        self.url.parse().unwrap()
    }

    /// Opens a store, as a server of its own would.
    pub(crate) async fn store(&self) -> Store {
        self.store_with(&patient()).await
    }

    pub(crate) async fn store_with(&self, options: &StoreOptions) -> Store {
        Store::open(&self.url(), options, ()).await.unwrap()
    }

    /// Opens a store whose deadline passes soon.
    pub(crate) async fn hasty_store(&self) -> Store {
        let (url, options) = (self.url(), hasty());
        eventually("to open a store", || Store::open(&url, &options, ())).await
    }

    /// Connects to the database past the store.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(&self.url).await.unwrap()
    }
}

/// A connection past the store.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        Ok(match url.split_once(':').unwrap().0 {
            "sqlite" => Self::Sqlite(SqliteConnection::connect(url).await?),
            "postgres" => Self::Postgres(PgConnection::connect(url).await?),
            _ => Self::MySql(MySqlConnection::connect(url).await?),
        })
    }

    pub(crate) async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => connection.execute(sql).await.map(|_| ()),
            Self::Postgres(connection) => connection.execute(sql).await.map(|_| ()),
            Self::MySql(connection) => connection.execute(sql).await.map(|_| ()),
        }
        .unwrap();
    }

    /// Locks the rows of all feeds until [`release`](Self::release).
    pub(crate) async fn lock_feeds(&mut self) {
        if let Self::Sqlite(_) = self {
            return self.run("BEGIN IMMEDIATE").await;
        }
        self.run("BEGIN").await;
        self.run("SELECT * FROM wirebench_feeds FOR UPDATE").await;
    }

    pub(crate) async fn release(&mut self) {
        self.run("ROLLBACK").await;
    }
}
