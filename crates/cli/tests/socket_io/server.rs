//! The server that is judged: `wirebench serve`, or the reference server in its place.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::installed;
use crate::support::{Lines, send, wirebench};

/// How a server beats, and what it keeps. The defaults keep a busy machine from ending a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) ping_interval_ms: u64,
    pub(crate) ping_timeout_ms: u64,
    /// The number of messages that a feed keeps.
    pub(crate) window: usize,
}

impl Setup {
    /// No ping during any case.
    pub(crate) const QUIET: Self =
        Self { ping_interval_ms: 25_000, ping_timeout_ms: 20_000, window: 10_000 };
    /// The heartbeat of the documents' suites.
    pub(crate) const SUITE: Self =
        Self { ping_interval_ms: 300, ping_timeout_ms: 200, ..Self::QUIET };
    /// The ping interval of the suites, with time to answer.
    pub(crate) const PINGING: Self = Self { ping_interval_ms: 300, ..Self::QUIET };
}

/// How a server ends that is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEnd {
    /// `SIGTERM`: it ends its sessions, and then itself.
    Orderly,
    /// `SIGKILL`: it ends at once, and its connections with it.
    Killed,
}

/// A running server with the feeds `bench` and `other`. Dropping it kills it, prints what it has
/// written to standard error, and fails the test if it has panicked.
#[derive(Debug)]
pub(crate) struct JudgedServer {
    setup: Setup,
    process: ServerProcess,
    pub(crate) http: reqwest::Client,
}

/// One life of a server.
#[derive(Debug)]
struct ServerProcess {
    child: Child,
    url: String,
    /// Returns the lines on standard error, at its end.
    errors: Option<JoinHandle<Vec<String>>>,
}

impl JudgedServer {
    /// Starts a server. Returns once it listens.
    pub(crate) fn start(setup: Setup) -> Self {
        let command =
            if Self::is_reference() { reference(setup) } else { serve(setup, "127.0.0.1:0") };
        // No idle connections: one of them may have ended with a server that restarts.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { setup, process: ServerProcess::start(command), http }
    }

    /// Ends the server, and starts another one at the same address, with empty feeds. Returns once
    /// it listens.
    pub(crate) fn restart(&mut self, end: ServerEnd) {
        let signal = match end {
            ServerEnd::Orderly => "TERM",
            ServerEnd::Killed => "KILL",
        };
        send(self.process.child.id(), signal);
        let status = self.process.child.wait().unwrap();
        assert_eq!(status.success(), end == ServerEnd::Orderly, "{status}");
        let address = self.url().strip_prefix("http://").unwrap();
        self.process = ServerProcess::start(serve(self.setup, address));
    }

    /// Returns true if the reference server is judged, to check the cases.
    pub(crate) fn is_reference() -> bool {
        std::env::var_os("WIREBENCH_JUDGE_REFERENCE").is_some()
    }

    /// Returns `http://`, the address and the port.
    pub(crate) fn url(&self) -> &str {
        &self.process.url
    }
}

impl ServerProcess {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let errors = std::thread::spawn(move || errors.lines().map_while(Result::ok).collect());
        let lines = Lines::of(child.stdout.take().unwrap());
        let ready: Value = serde_json::from_str(&lines.next("the ready line")).unwrap();
        let url = ready["listening"].as_str().unwrap().to_owned();
        Self { child, url, errors: Some(errors) }
    }
}

impl Drop for ServerProcess {
    #[expect(clippy::print_stderr, reason = "shows why a test has failed")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        for line in &errors {
            eprintln!("server: {line}");
        }
        let panicked = errors.iter().any(|line| line.contains("panicked at"));
        assert!(!panicked || std::thread::panicking(), "the server has panicked");
    }
}

fn serve(setup: Setup, address: &str) -> Command {
    let mut command = wirebench(Path::new(env!("CARGO_TARGET_TMPDIR")), &["serve"]);
    command.args(["--listen", address, "--feed", "bench", "--feed", "other"]);
    command.args(["--window", &setup.window.to_string()]);
    command.arg("--socket-io-ping-interval").arg(format!("{}ms", setup.ping_interval_ms));
    command.arg("--socket-io-ping-timeout").arg(format!("{}ms", setup.ping_timeout_ms));
    command
}

fn reference(setup: Setup) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socket_io/node/reference.cjs");
    let options = json!({
        "pingInterval": setup.ping_interval_ms,
        "pingTimeout": setup.ping_timeout_ms,
        "window": setup.window,
    });
    let modules = installed::node_modules().expect("the reference server needs npm");
    let mut command = Command::new("node");
    command.arg(script).arg(options.to_string()).env("NODE_PATH", modules);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
