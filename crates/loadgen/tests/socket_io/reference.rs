//! The reference server as a child process, on a port of its own, ended when dropped.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use wirebench_loadgen::Target;

use crate::support::{TIMEOUT, within};

const PACKAGE: &str = include_str!("package.json");
const LOCK: &str = include_str!("package-lock.json");

/// A running reference server.
#[derive(Debug)]
pub(crate) struct Reference {
    process: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Reference {
    /// Starts the server with these options, in JSON. Returns `None`, and prints that the test is
    /// skipped, if npm is not installed; fails if the environment requires it.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    pub(crate) async fn start(options: &Value) -> Option<Self> {
        let there = Command::new("npm").arg("--version").output().await.is_ok();
        let required = std::env::var_os("WIREBENCH_REQUIRE_NPM").is_some();
        assert!(there || !required, "npm is required, and not installed");
        if !there {
            eprintln!("skipped: npm is not installed");
            return None;
        }
        Some(Self::run(options, 0).await)
    }

    async fn run(options: &Value, port: u16) -> Self {
        let modules = installed().await.join("node_modules");
        let mut process = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socket_io/server.cjs"))
            .arg(options.to_string())
            .arg(port.to_string())
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self { process, commands, lines, port };
        let line = server.line().await;
        server.port = line["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap();
        server
    }

    /// Kills the process, and starts another one on the same port.
    pub(crate) async fn restart(&mut self) {
        self.process.kill().await.unwrap();
        *self = Self::run(&json!({}), self.port).await;
    }

    /// Returns the next line that the server prints.
    pub(crate) async fn line(&mut self) -> Value {
        let line = within(TIMEOUT, "a line of the reference server", self.lines.next_line()).await;
        serde_json::from_str(&line.unwrap().expect("the reference server runs")).unwrap()
    }

    /// Gives the server a command.
    pub(crate) async fn command(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Returns where the feed `name` is.
    pub(crate) async fn target(&self, name: &str) -> Target {
        Target::resolve(&format!("{}/feeds/{name}", self.url())).await.unwrap()
    }

    /// Returns where the server is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops the process without ending it: its connections stay open, and nothing comes over them.
    pub(crate) async fn freeze(&self) {
        let pid = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().await.unwrap().success());
    }
}

/// Installs the packages, once for each content of the lock file. Returns where they are.
async fn installed() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (PACKAGE, LOCK).hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("socket.io-reference-{:016x}", hasher.finish()));
    if folder.is_dir() {
        return folder;
    }
    // Tests run in processes of their own. Each installs for itself, and the first to finish wins.
    let own = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(own.path().join("package.json"), PACKAGE).unwrap();
    fs::write(own.path().join("package-lock.json"), LOCK).unwrap();
    let installation = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(own.path())
        .status();
    assert!(within(TIMEOUT, "npm ci", installation).await.unwrap().success(), "npm ci failed");
    if fs::rename(own.path(), &folder).is_err() {
        assert!(folder.is_dir(), "{} cannot be created", folder.display());
    }
    folder
}
