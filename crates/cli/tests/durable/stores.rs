//! The stores that the tests use: a file of SQLite, or a database server or a NATS server of the
//! test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::nats_server::NatsServer;
use crate::servers::{DatabaseServer, ServerKind, SmallDisk};
use crate::support::Served;

/// A store for one test.
#[derive(Debug)]
pub(crate) enum TestStore {
    /// A file, and the folder that is removed with this.
    Sqlite(PathBuf, #[expect(dead_code, reason = "it is dropped")] Option<TempDir>),
    /// A database on a server of its own.
    Server(DatabaseServer),
    /// Streams on a server of their own.
    Nats(NatsServer),
}

impl TestStore {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        Self::Sqlite(folder.path().join("feeds.db"), Some(folder))
    }

    pub(crate) fn sqlite_on(disk: &SmallDisk) -> Self {
        Self::Sqlite(disk.path().join("feeds.db"), None)
    }

    /// Starts a server. Returns `None` if it is not installed.
    pub(crate) async fn server(kind: ServerKind) -> Option<Self> {
        let server = DatabaseServer::start(kind).await?;
        server.create("feeds");
        Some(Self::Server(server))
    }

    /// Starts a server that has its tables on a disk of their own.
    pub(crate) async fn server_on(kind: ServerKind, disk: &SmallDisk) -> Option<Self> {
        let server = DatabaseServer::start(kind).await?;
        server.create_on("feeds", disk);
        Some(Self::Server(server))
    }

    /// Starts a NATS server. Returns `None` if it is not installed.
    pub(crate) fn nats() -> Option<Self> {
        NatsServer::start().map(Self::Nats)
    }

    /// Kills the server, as a crash would.
    pub(crate) fn crash(&mut self) {
        match self {
            Self::Sqlite(..) => panic!("{self:?} has no server"),
            Self::Server(server) => server.crash(),
            Self::Nats(server) => server.kill(),
        }
    }

    /// Starts the server that crashed.
    pub(crate) async fn start_again(&mut self) {
        match self {
            Self::Sqlite(..) => panic!("{self:?} has no server"),
            Self::Server(server) => server.start_again().await,
            Self::Nats(server) => server.start_again(),
        }
    }

    /// Returns the URL, with the password.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file, _) => format!("sqlite:{}", file.display()),
            Self::Server(server) => server.url("feeds"),
            Self::Nats(server) => server.url(),
        }
    }

    /// Returns the file of SQLite.
    pub(crate) fn file(&self) -> &Path {
        let Self::Sqlite(file, _) = self else { panic!("{self:?} has no file") };
        file
    }

    pub(crate) fn server_mut(&mut self) -> &mut DatabaseServer {
        let Self::Server(server) = self else { panic!("{self:?} has no server") };
        server
    }

    /// Returns the command that serves feeds of this store. The window is small: most of what is
    /// read comes from the store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        serve_from(&self.url(), arguments)
    }

    /// Serves feeds of this store.
    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Served {
        Served::of(&mut self.command(arguments))
    }
}

/// Returns the command that serves feeds of a store, whose URL may have a password.
pub(crate) fn serve_from(url: &str, arguments: &[&str]) -> Command {
    let arguments = [&["--no-demos", "--window", "10"], arguments].concat();
    let mut command = Served::command(&arguments);
    let is_nats = url.starts_with("nats:");
    command.env(if is_nats { "WIREBENCH_BACKBONE" } else { "WIREBENCH_STORE" }, url);
    command
}
