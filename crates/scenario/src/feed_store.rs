//! Where the server of a run keeps the feed.

/// Where the server of a run keeps the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedStore {
    /// In memory.
    #[default]
    Memory,
    /// In a file of SQLite.
    Sqlite,
    /// In a database of PostgreSQL.
    Postgres,
    /// In a database of MariaDB or MySQL.
    MySql,
}

impl FeedStore {
    /// All of them, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Sqlite, Self::Postgres, Self::MySql];

    /// Returns the name in scenario files and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    /// Returns true if messages outlive the process of the server.
    pub const fn is_durable(self) -> bool {
        match self {
            Self::Memory => false,
            Self::Sqlite | Self::Postgres | Self::MySql => true,
        }
    }
}
