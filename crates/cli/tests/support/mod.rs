//! Runs the real binary, with a deadline for every wait.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses another part of the support"
)]

pub(crate) mod installed;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Upper bound of every wait. It is reached only if something hangs, not because the machine is
/// busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(5);

/// The exit code and the output of a command that has ended.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Returns the command `wirebench` with these arguments, in a folder.
pub(crate) fn wirebench(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirebench"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    // What a test runs does not depend on who runs it.
    for variable in
        ["WIREBENCH_AGENTS", "WIREBENCH_BACKBONE", "WIREBENCH_MYSQL", "WIREBENCH_POSTGRES"]
    {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `wirebench` until it ends.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> CommandOutput {
    finish(wirebench(folder, arguments).spawn().unwrap(), &arguments.join(" "))
}

/// Runs a scenario with `--out out`. Runs it up to five times if the machine is too busy for a
/// valid run (exit code 4), because a test cannot prevent that.
pub(crate) fn measure(folder: &Path, arguments: &[&str]) -> CommandOutput {
    let arguments = [&["run"], arguments, &["--out", "out", "--force"]].concat();
    let mut ended = run(folder, &arguments);
    for _ in 0..4 {
        // Tables are as wide as the terminal: the sentence may be on two lines.
        let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let busy = ended.code == Some(4) && said.contains("delays may be its own");
        if !busy {
            break;
        }
        ended = run(folder, &arguments);
    }
    ended
}

/// Waits for a process to end. Kills it and panics after [`DEADLINE`].
pub(crate) fn finish(mut child: Child, what: &str) -> CommandOutput {
    let read = |mut stream: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        })
    };
    let stdout = child.stdout.take().map(|stream| read(Box::new(stream)));
    let stderr = child.stderr.take().map(|stream| read(Box::new(stream)));
    let started = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if started.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("`{what}` did not end within {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.map(|reader| reader.join().unwrap()).unwrap_or_default()
    };
    CommandOutput { code, stdout: text(stdout), stderr: text(stderr) }
}

/// The lines of a process's output as they arrive. Each has a deadline.
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    pub(crate) fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    pub(crate) fn next(&self, what: &str) -> String {
        self.0.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no line: {what}"))
    }

    /// Returns the lines that are left, once the output has ended.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.0.recv_timeout(DEADLINE).ok()).collect()
    }
}

/// A `wirebench serve` on free ports; killed when dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) ready: serde_json::Value,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::of(&mut Self::command(arguments))
    }

    /// Returns the command that starts it with further arguments.
    pub(crate) fn command(arguments: &[&str]) -> Command {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        wirebench(&std::env::temp_dir(), &arguments)
    }

    /// Starts it with a command.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        let ready = serde_json::from_str(&lines.next("the ready line")).unwrap();
        Self { child, ready }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["listening"].as_str().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        send(self.child.id(), signal);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by its name to a process that a test started.
pub(crate) fn send(pid: u32, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "cannot send SIG{signal} to {pid}");
}

/// Publishes over a new socket. One request does not need an HTTP client.
pub(crate) fn publish(url: &str, body: &str) {
    post(url.strip_prefix("http://").unwrap(), "/feeds/bench/messages", body);
}

/// Posts a body, which has to be answered with 201 or 202.
pub(crate) fn post(address: &str, path: &str, body: &str) {
    use std::io::Write;

    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}");
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 201") || line.starts_with("HTTP/1.1 202"), "{line}");
}

/// Waits for a future, with a deadline.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    waited.unwrap_or_else(|_| panic!("{what}: nothing within {DEADLINE:?}"))
}

/// Returns true if a program is installed. Otherwise says that the test is skipped, or fails if
/// `variable` requires it.
pub(crate) fn is_there(installed: bool, program: &str, variable: &str) -> bool {
    let needed = installed.then_some(()).ok_or_else(|| format!("{program} is not installed"));
    there(needed, variable).is_some()
}

/// Returns what a test needs. Otherwise says that the test is skipped and why, or fails if
/// `variable` requires it.
#[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
pub(crate) fn there<T>(needed: Result<T, String>, variable: &str) -> Option<T> {
    match needed {
        Ok(needed) => Some(needed),
        Err(problem) => {
            assert!(std::env::var_os(variable).is_none(), "required, and missing: {problem}");
            eprintln!("skipped: {problem}");
            None
        }
    }
}
