//! PostgreSQL and MariaDB as child processes: each in a folder of its own, reached over a socket in
//! it, in the foreground, ended when dropped. The tests of several crates use this.
//!
//! They are started from the packages of Debian. Tests are skipped where these are not installed,
//! unless `WIREBENCH_REQUIRE_DATABASES` is set.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses another part")]

mod programs;
mod small_disk;
pub(crate) mod sqlite_lock;

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use self::programs::{are_there, give, run, user_instead_of_root};
pub(crate) use self::small_disk::SmallDisk;

/// The password of the servers. Nothing that wirebench writes may contain it.
pub(crate) const PASSWORD: &str = "hunter2hunter2";

/// Upper bound of a start. It is reached only if something hangs, not because the machine is busy.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A database that is a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Postgres,
    MariaDb,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct DatabaseServer {
    pub(crate) kind: ServerKind,
    child: Option<Child>,
    folder: TempDir,
    user: Option<&'static str>,
    /// The port at which the server is reached over TLS, and only over TLS.
    tls_port: Option<u16>,
}

/// The certificate of a server and its key, in PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerCertificate<'a> {
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a str,
}

impl ServerKind {
    pub(crate) const ALL: [Self; 2] = [Self::Postgres, Self::MariaDb];

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["initdb", "postgres", "psql"],
            Self::MariaDb => &["mariadb-install-db", "mariadbd", "mariadb"],
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
        Self::start_with(kind, None).await
    }

    /// Installs and starts a server that is also reached over TLS, with this certificate.
    pub(crate) async fn start_with(
        kind: ServerKind,
        tls: Option<ServerCertificate<'_>>,
    ) -> Option<Self> {
        if !are_there(kind.programs()) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let root = user_instead_of_root(folder.path());
        let user = if kind == ServerKind::Postgres { root } else { root.map(|_| "root") };
        let mut server = Self { kind, child: None, folder, user, tls_port: None };
        if let Some(tls) = tls {
            std::fs::write(server.folder.path().join("certificate.pem"), tls.certificate).unwrap();
            std::fs::write(server.folder.path().join("key.pem"), tls.key).unwrap();
            // Another program may take the port before the server does; then the test fails.
            let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            server.tls_port = Some(free.local_addr().unwrap().port());
        }
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
                if self.tls_port.is_some() {
                    let key = Permissions::from_mode(0o600);
                    std::fs::set_permissions(folder.join("key.pem"), key).unwrap();
                    let rules = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n";
                    std::fs::write(folder.join("data/pg_hba.conf"), rules).unwrap();
                }
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
        let started = Instant::now();
        while !self.ask(self.kind.administration(), "SELECT 1").status.success() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{:?} ended: {}", self.kind, self.log());
            assert!(started.elapsed() < START_LIMIT, "{:?} starts: {}", self.kind, self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the server again if it has ended by itself.
    pub(crate) async fn start_again_if_ended(&mut self) {
        let ended = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
        if ended {
            self.start_again().await;
        }
    }

    fn command(&self) -> Command {
        let folder = self.folder.path();
        match self.kind {
            ServerKind::Postgres => {
                let mut command = programs::command("postgres", self.user);
                command.current_dir(folder).args(["-D", "data"]);
                command.arg("-c").arg(setting("unix_socket_directories", folder));
                if let Some(port) = self.tls_port {
                    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on"]);
                    command.arg("-c").arg(format!("port={port}"));
                    command
                        .arg("-c")
                        .arg(setting("ssl_cert_file", &folder.join("certificate.pem")));
                    command.arg("-c").arg(setting("ssl_key_file", &folder.join("key.pem")));
                } else {
                    command.args(["-c", "listen_addresses="]);
                }
                // What is tested is not whether the disk keeps what it is given.
                command.args(["-c", "fsync=off", "-c", "max_connections=60"]);
                command
            }
            ServerKind::MariaDb => {
                let mut command = self.mariadb("mariadbd");
                command.arg(setting("--socket", &folder.join("socket")));
                command.arg(setting("--pid-file", &folder.join("pid")));
                command.arg("--innodb-flush-log-at-trx-commit=2");
                if let Some(port) = self.tls_port {
                    command.arg(format!("--port={port}"));
                    command.args(["--bind-address=127.0.0.1", "--require-secure-transport=ON"]);
                    command.arg(setting("--ssl-cert", &folder.join("certificate.pem")));
                    command.arg(setting("--ssl-key", &folder.join("key.pem")));
                } else {
                    command.arg("--skip-networking");
                }
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

    /// Returns the URL of a database over TCP, with the password. The server takes TLS only.
    pub(crate) fn tls_url(&self, database: &str) -> String {
        let scheme = match self.kind {
            ServerKind::Postgres => "postgres",
            ServerKind::MariaDb => "mysql",
        };
        let port = self.tls_port.unwrap();
        format!("{scheme}://wirebench:{PASSWORD}@localhost:{port}/{database}")
    }

    /// Stops the server so that it neither answers nor closes its connections. Only MariaDB, which
    /// is one process.
    pub(crate) fn freeze(&self) {
        assert_eq!(self.kind, ServerKind::MariaDb);
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), Signal::STOP).unwrap();
    }

    /// Lets a server go on that was frozen.
    pub(crate) fn thaw(&self) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), Signal::CONT).unwrap();
    }

    /// Creates an empty database whose tables are on a disk of their own.
    pub(crate) fn create_on(&self, database: &str, disk: &SmallDisk) {
        let tables = disk.path().join(database);
        match self.kind {
            ServerKind::Postgres => {
                std::fs::create_dir(&tables).unwrap();
                if let Some(user) = self.user {
                    give(&tables, user);
                }
                let administration = self.kind.administration();
                let location = tables.display();
                self.sql(administration, &format!("CREATE TABLESPACE small LOCATION '{location}'"));
                let create = format!("CREATE DATABASE {database} TABLESPACE small");
                self.sql(administration, &create);
            }
            ServerKind::MariaDb => {
                self.create(database);
                let folder = self.folder.path().join("data").join(database);
                run(Command::new("cp").arg("-a").arg(&folder).arg(&tables));
                std::fs::remove_dir_all(&folder).unwrap();
                std::os::unix::fs::symlink(&tables, &folder).unwrap();
            }
        }
    }

    /// Creates an empty database.
    pub(crate) fn create(&self, database: &str) {
        self.sql(self.kind.administration(), &format!("CREATE DATABASE {database}"));
    }

    /// Has the database's own client run a statement, and returns what it prints.
    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        let output = self.ask(database, statement);
        let failure = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {statement}: {failure}", self.kind);
        String::from_utf8(output.stdout).unwrap()
    }

    fn ask(&self, database: &str, statement: &str) -> Output {
        let folder = self.folder.path();
        let mut command = match self.kind {
            ServerKind::Postgres => {
                let mut command = programs::command("psql", None);
                command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
                command.arg(setting("--host", folder)).arg(format!("--dbname={database}"));
                command.args(self.tls_port.map(|port| format!("--port={port}")));
                command.env("PGPASSWORD", PASSWORD).args(["--username=wirebench", "--command"]);
                command
            }
            ServerKind::MariaDb => {
                let mut command = programs::command("mariadb", None);
                command.args(["--no-defaults", "--batch", "--skip-column-names"]);
                command.arg(setting("--socket", &folder.join("socket")));
                command.arg(format!("--database={database}"));
                command.env("MYSQL_PWD", PASSWORD).args(["--user=wirebench", "--execute"]);
                command
            }
        };
        command.arg(statement).stdin(Stdio::null()).output().unwrap()
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
