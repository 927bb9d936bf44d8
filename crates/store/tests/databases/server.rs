//! PostgreSQL and MariaDB as child processes: each in a folder of its own, reached over a socket in
//! it, in the foreground, ended when dropped.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wirebench_store::Database;

use crate::programs::{self, are_there, give, run, user_instead_of_root};
use crate::support::within;
use crate::test_database::{PASSWORD, Raw};

/// A database that is a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Postgres,
    MariaDb,
}

/// A running server.
pub(crate) struct DatabaseServer {
    pub(crate) kind: ServerKind,
    child: Option<Child>,
    folder: TempDir,
    user: Option<&'static str>,
}

impl ServerKind {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["initdb", "postgres"],
            Self::MariaDb => &["mariadb-install-db", "mariadbd"],
        }
    }

    pub(crate) fn database(self) -> Database {
        match self {
            Self::Postgres => Database::Postgres,
            Self::MariaDb => Database::MySql,
        }
    }

    /// The database that every server has.
    fn administration(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
        }
    }

    /// The signal that ends the server at once, as a crash would, and its children with it.
    fn crash(self) -> Signal {
        match self {
            Self::Postgres => Signal::QUIT,
            Self::MariaDb => Signal::KILL,
        }
    }
}

impl DatabaseServer {
    /// Installs and starts a server. Returns `None` if its programs are not there.
    pub(crate) async fn start(kind: ServerKind) -> Option<Self> {
        if !are_there(kind.programs()) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let root = user_instead_of_root(folder.path());
        let user = if kind == ServerKind::Postgres { root } else { root.map(|_| "root") };
        let mut server = Self { kind, child: None, folder, user };
        server.install();
        server.start_again().await;
        Some(server)
    }

    fn install(&self) {
        let folder = self.folder.path();
        match self.kind {
            ServerKind::Postgres => {
                let password = folder.join("password");
                std::fs::write(&password, PASSWORD).unwrap();
                if let Some(user) = self.user {
                    give(folder, user);
                }
                run(programs::command("initdb", self.user)
                    .current_dir(folder)
                    .args(["--pgdata", "data", "--username", "wirebench", "--encoding", "UTF8"])
                    .args(["--no-locale", "--no-sync", "--auth", "scram-sha-256"])
                    .arg("--pwfile")
                    .arg(password));
            }
            ServerKind::MariaDb => {
                let init = format!(
                    "CREATE USER 'wirebench'@'localhost' IDENTIFIED BY '{PASSWORD}';\n\
                     GRANT ALL ON *.* TO 'wirebench'@'localhost';\n"
                );
                std::fs::write(folder.join("init.sql"), init).unwrap();
                run(self
                    .mariadb("mariadb-install-db")
                    .args(["--auth-root-authentication-method=normal", "--skip-test-db"]));
            }
        }
    }

    /// Starts the server on the data that it has, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let url = self.url(self.kind.administration());
        within("a server that starts", async {
            while Raw::connect(&url).await.is_err() {
                let ended = self.child.as_mut().unwrap().try_wait().unwrap();
                assert!(ended.is_none(), "{:?} ended: {}", self.kind, self.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    fn command(&self) -> Command {
        let folder = self.folder.path();
        match self.kind {
            ServerKind::Postgres => {
                let mut command = programs::command("postgres", self.user);
                command.current_dir(folder).args(["-D", "data", "-c", "listen_addresses="]);
                command.arg("-c").arg(setting("unix_socket_directories", folder));
                // What is tested is not whether the disk keeps what it is given.
                command.args(["-c", "fsync=off", "-c", "max_connections=60"]);
                command
            }
            ServerKind::MariaDb => {
                let mut command = self.mariadb("mariadbd");
                command.arg(setting("--socket", &folder.join("socket")));
                command.arg(setting("--pid-file", &folder.join("pid")));
                command.args(["--skip-networking", "--innodb-flush-log-at-trx-commit=2"]);
                if !folder.join("initialized").exists() {
                    command.arg(setting("--init-file", &folder.join("init.sql")));
                    File::create(folder.join("initialized")).unwrap();
                }
                command
            }
        }
    }

    fn mariadb(&self, program: &str) -> Command {
        let mut command = programs::command(program, None);
        command.current_dir(self.folder.path()).arg("--no-defaults");
        command.arg(setting("--datadir", &self.folder.path().join("data")));
        command.args(self.user.map(|user| format!("--user={user}")));
        command
    }

    /// Ends the server as a crash would, and waits until it has ended.
    pub(crate) fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), self.kind.crash());
            child.wait().unwrap();
        }
    }

    /// Returns the URL of a database, with the password.
    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.path().display();
        match self.kind {
            ServerKind::Postgres => {
                format!("postgres://wirebench:{PASSWORD}@localhost/{database}?host={folder}")
            }
            ServerKind::MariaDb => {
                format!("mysql://wirebench:{PASSWORD}@localhost/{database}?socket={folder}/socket")
            }
        }
    }

    /// Creates an empty database.
    pub(crate) async fn create(&self, database: &str) {
        let mut raw = Raw::connect(&self.url(self.kind.administration())).await.unwrap();
        raw.run(&format!("CREATE DATABASE {database}")).await;
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn setting(name: &str, value: &Path) -> String {
    format!("{name}={}", value.display())
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        self.crash();
    }
}
