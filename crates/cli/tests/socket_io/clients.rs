//! Clients that other people wrote: npm's `socket.io-client`, and `PyPI`'s `python-socketio`.
//!
//! Each is a script that subscribes to a feed, prints what happens, and takes commands. So one set
//! of cases judges with both, over polling, over a WebSocket, and from one to the other.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::installed;
use crate::server::{JudgedServer, ServerEnd, Setup};
use crate::support::Lines;

/// The namespace that all clients subscribe to.
const NAMESPACE: &str = "/feeds/bench";

/// Which client judges.
#[derive(Clone, Copy, Debug)]
enum Program {
    Node,
    Python,
}

/// What a client may use, in the client's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Polling,
    WebSocket,
    /// The default of both clients: polling first, then an upgrade.
    Upgrade,
}

impl Mode {
    fn transports(self) -> &'static str {
        match self {
            Self::Polling => r#"["polling"]"#,
            Self::WebSocket => r#"["websocket"]"#,
            Self::Upgrade => r#"["polling","websocket"]"#,
        }
    }
}

/// A client in a process of its own; killed when dropped.
struct JudgingClient {
    process: Child,
    commands: ChildStdin,
    lines: Lines,
    /// Lines that were read while another was awaited.
    passed: VecDeque<Value>,
    name: String,
}

impl JudgingClient {
    /// Starts a client of the feed `bench`, after a cursor. Returns `None`, and says so, if the
    /// client cannot be installed here.
    fn start(program: Program, mode: Mode, url: &str, after: Option<&str>) -> Option<Self> {
        Self::start_as("", NAMESPACE, program, mode, url, after)
    }

    /// Starts a client of a namespace, with this name unless it is empty.
    fn start_as(
        name: &str,
        namespace: &str,
        program: Program,
        mode: Mode,
        url: &str,
        after: Option<&str>,
    ) -> Option<Self> {
        let mut command = program.command()?;
        command.args([url, namespace, mode.transports(), after.unwrap_or_default(), name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let name = format!("{program:?} over {mode:?} {name}");
        Some(Self { process, commands, lines, passed: VecDeque::new(), name })
    }

    /// Returns the next line about this event. Lines about other events stay in their order.
    fn next(&mut self, event: &str) -> Value {
        if let Some(place) = self.passed.iter().position(|line| line["event"] == event) {
            return self.passed.remove(place).unwrap();
        }
        loop {
            let line =
                self.lines.next(&format!("{}: `{event}`; before it {:?}", self.name, self.passed));
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["event"] == event {
                return line;
            }
            self.passed.push_back(line);
        }
    }

    /// Asserts that the next messages are these, once and in order.
    fn assert_messages(&mut self, payloads: impl IntoIterator<Item = u64>) {
        for payload in payloads {
            let message = self.next("message");
            assert_eq!(message["data"]["payload"], payload, "{}: {message}", self.name);
        }
    }

    fn command(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").unwrap();
    }

    /// Lets the client close its connection, and asserts that nothing else has come.
    fn close(mut self) {
        self.command(&json!({ "close": true }));
        let disconnected = self.next("disconnect");
        let reason = disconnected["reason"].as_str().unwrap();
        assert!(["io client disconnect", "client disconnect"].contains(&reason), "{reason}");
        let unexpected =
            |line: &Value| !["open", "hello", "upgrade"].contains(&line["event"].as_str().unwrap());
        self.passed.retain(unexpected);
        assert!(self.passed.is_empty(), "{}: {:?}", self.name, self.passed);
    }
}

impl Drop for JudgingClient {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    fn command(self) -> Option<Command> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socket_io");
        let (program, script): (PathBuf, _) = match self {
            Self::Node => ("node".into(), folder.join("node/client.cjs")),
            Self::Python => (installed::python()?, folder.join("python/client.py")),
        };
        let mut command = Command::new(program);
        command.arg(script);
        if let Self::Node = self {
            command.env("NODE_PATH", installed::node_modules()?);
        }
        Some(command)
    }
}

/// Publishes a number.
async fn publish(server: &JudgedServer, number: u64) -> String {
    server.publish(NAMESPACE, &number.to_string()).await
}

/// Waits until a client is connected, and upgraded if it does that. Returns the greeting.
fn wait_until_connected(client: &mut JudgingClient, program: Program, mode: Mode) -> Value {
    let opened = client.next("open");
    // Python's client upgrades before it reports a session.
    let expected = match (program, mode) {
        (_, Mode::Polling) | (Program::Node, Mode::Upgrade) => "polling",
        (_, Mode::WebSocket) | (Program::Python, Mode::Upgrade) => "websocket",
    };
    assert_eq!(opened["transport"], expected, "{}", client.name);
    if let (Program::Node, Mode::Upgrade) = (program, mode) {
        assert_eq!(client.next("upgrade")["transport"], "websocket", "{}", client.name);
    }
    client.next("hello")["data"].clone()
}

async fn receives_messages_in_order(program: Program, mode: Mode) {
    let server = JudgedServer::start(Setup::QUIET);
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), None) else { return };
    let hello = wait_until_connected(&mut client, program, mode);
    assert!(hello["cursor"].as_str().unwrap().ends_with("-0"), "{hello}");
    assert_eq!(hello.get("gap"), None);
    // Python's client does not take more than 16 packets at a time over polling.
    for batch in (0..50).step_by(10) {
        for number in batch..batch + 10 {
            publish(&server, number).await;
        }
        client.assert_messages(batch..batch + 10);
    }
    client.close();
}

async fn resumes_at_its_cursor(program: Program, mode: Mode) {
    let server = JudgedServer::start(Setup::QUIET);
    publish(&server, 1).await;
    let cursor = publish(&server, 2).await;
    for number in 3..8 {
        publish(&server, number).await;
    }
    let after = Some(cursor.as_str());
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), after) else { return };
    let hello = wait_until_connected(&mut client, program, mode);
    assert_eq!(hello, json!({ "cursor": cursor }), "{}", client.name);
    client.assert_messages(3..8);
    publish(&server, 8).await;
    client.assert_messages([8]);
    client.close();
}

async fn is_told_of_a_gap(program: Program, mode: Mode) {
    let server = JudgedServer::start(Setup { window: 3, ..Setup::QUIET });
    let cursor = publish(&server, 1).await;
    for number in 2..8 {
        publish(&server, number).await;
    }
    let after = Some(cursor.as_str());
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), after) else { return };
    let hello = wait_until_connected(&mut client, program, mode);
    assert_eq!(hello["gap"], json!({ "missed": 3 }), "{}", client.name);
    client.assert_messages(5..8);
    client.close();
}

async fn publishes_with_an_acknowledgement(program: Program, mode: Mode) {
    let server = JudgedServer::start(Setup::QUIET);
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), None) else { return };
    wait_until_connected(&mut client, program, mode);
    client.command(&json!({ "publish": 1 }));
    let published = client.next("published")["data"].clone();
    client.assert_messages([1]);
    client.command(&json!({ "publish": 2 }));
    client.assert_messages([2]);
    client.next("published");
    client.close();

    let after = published["cursor"].as_str();
    assert!(after.is_some(), "{published}");
    let mut client = JudgingClient::start(program, mode, server.url(), after).unwrap();
    wait_until_connected(&mut client, program, mode);
    client.assert_messages([2]);
    client.close();
}

/// Bytes arrive as the client's own type for bytes: a `Buffer`, or `bytes`.
async fn exchanges_bytes(program: Program, mode: Mode) {
    let server = JudgedServer::start(Setup::QUIET);
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), None) else { return };
    wait_until_connected(&mut client, program, mode);
    let every: Vec<u8> = (0..=255).collect();
    let large = every.repeat(300);
    for bytes in [&every[..], b"", b"42[]", &large] {
        let base64 = STANDARD.encode(bytes);
        client.command(&json!({ "publish_base64": base64 }));
        let message = client.next("message");
        assert_eq!(message["data"]["payload"], json!({ "bytes": base64 }), "{}", client.name);
        let published = client.next("published");
        assert!(published["data"]["cursor"].is_string(), "{}: {published}", client.name);
    }
    client.close();
}

/// What the tutorials do with `socket.emit`, `socket.broadcast.emit` and `io.emit`.
async fn sends_to_one_to_all_but_one_and_to_all(program: Program, mode: Mode) {
    // The reference server has no names.
    if JudgedServer::is_reference() {
        return;
    }
    let server = JudgedServer::start(Setup::QUIET);
    let start = |name| JudgingClient::start_as(name, NAMESPACE, program, mode, server.url(), None);
    let (Some(mut ann), Some(mut bob)) = (start("ann"), start("bob")) else { return };
    for client in [&mut ann, &mut bob] {
        wait_until_connected(client, program, mode);
    }
    for (payload, options) in [(1, json!({ "to": "bob" })), (2, json!({ "except": "ann" }))] {
        ann.command(&json!({ "publish": payload, "options": options }));
        let published = ann.next("published");
        assert!(published["data"]["cursor"].is_string(), "{}: {published}", ann.name);
    }
    ann.command(&json!({ "publish": 3 }));
    ann.next("published");
    bob.assert_messages(1..4);
    ann.assert_messages([3]);
    ann.close();
    bob.close();
}

async fn survives_an_orderly_restart(program: Program, mode: Mode) {
    survives_a_restart(program, mode, ServerEnd::Orderly).await;
}

async fn survives_a_killed_server(program: Program, mode: Mode) {
    survives_a_restart(program, mode, ServerEnd::Killed).await;
}

async fn survives_a_restart(program: Program, mode: Mode, end: ServerEnd) {
    // The reference server has no restart of its own.
    if JudgedServer::is_reference() {
        return;
    }
    let mut server = JudgedServer::start(Setup::QUIET);
    let Some(mut client) = JudgingClient::start(program, mode, server.url(), None) else { return };
    wait_until_connected(&mut client, program, mode);
    publish(&server, 1).await;
    client.assert_messages([1]);

    // A server that is killed may take with it what it has just published.
    if end == ServerEnd::Orderly {
        publish(&server, 2).await;
    }
    server.restart(end);
    if end == ServerEnd::Orderly {
        client.assert_messages([2]);
    }
    client.next("disconnect");
    let hello = wait_until_connected(&mut client, program, mode);
    assert_eq!(hello["gap"], json!({ "reset": true }), "{}", client.name);
    publish(&server, 3).await;
    client.assert_messages([3]);
    client.passed.retain(|line| line["event"] != "connect_error");
    client.close();
}

/// Judges with one client in one mode.
macro_rules! judge {
    ($($module:ident: $program:ident, $mode:ident;)+) => {
        $(mod $module {
            use super::*;

            judge!(@case $program, $mode: receives_messages_in_order);
            judge!(@case $program, $mode: resumes_at_its_cursor);
            judge!(@case $program, $mode: is_told_of_a_gap);
            judge!(@case $program, $mode: publishes_with_an_acknowledgement);
            judge!(@case $program, $mode: exchanges_bytes);
            judge!(@case $program, $mode: sends_to_one_to_all_but_one_and_to_all);
            judge!(@case $program, $mode: survives_an_orderly_restart);
            judge!(@case $program, $mode: survives_a_killed_server);
        })+
    };
    (@case $program:ident, $mode:ident: $case:ident) => {
        #[tokio::test]
        async fn $case() {
            super::$case(Program::$program, Mode::$mode).await;
        }
    };
}

judge! {
    node_polling: Node, Polling;
    node_websocket: Node, WebSocket;
    node_upgrade: Node, Upgrade;
    python_polling: Python, Polling;
    python_websocket: Python, WebSocket;
    python_upgrade: Python, Upgrade;
}

/// `io("http://host")`, as beginners write it, asks for the main namespace.
#[tokio::test]
async fn a_client_that_names_no_feed_is_told_where_the_feeds_are() {
    if JudgedServer::is_reference() {
        return;
    }
    let server = JudgedServer::start(Setup::QUIET);
    for mode in [Mode::Polling, Mode::WebSocket, Mode::Upgrade] {
        let client = JudgingClient::start_as("", "", Program::Node, mode, server.url(), None);
        let Some(mut client) = client else { return };
        let refused = client.next("connect_error");
        let expected = "the namespace `/` has no feed: connect to `/feeds/{feed}`";
        assert_eq!(refused["message"], expected, "{}", client.name);
    }
}

/// The client connects and upgrades while messages are published as fast as they are taken.
#[tokio::test]
async fn nothing_is_lost_repeated_or_reordered_while_a_client_upgrades() {
    let server = JudgedServer::start(Setup::QUIET);
    let start = || JudgingClient::start(Program::Node, Mode::Upgrade, server.url(), Some("start"));
    let Some(mut client) = start() else { return };
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let publishing = async {
        let mut published = 0;
        while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            published += 1;
            publish(&server, published).await;
        }
        published
    };
    let receiving = tokio::task::spawn_blocking(move || {
        wait_until_connected(&mut client, Program::Node, Mode::Upgrade);
        client.assert_messages(1..200);
        stop.send(()).unwrap();
        client
    });
    let (published, client) = futures::join!(publishing, receiving);
    let mut client = client.unwrap();
    client.assert_messages(200..=published);
    client.close();
}

/// Over polling, python-engineio gives up a session whose answer has more than 16 packets. Its
/// client comes back, and resumes at its cursor. A server that sends at most 16 packets at a time
/// would be spared this; neither the document nor the reference server knows such a limit.
#[tokio::test]
async fn python_ends_a_polling_session_whose_answer_has_more_than_16_packets() {
    let server = JudgedServer::start(Setup::QUIET);
    for number in 1..=500 {
        publish(&server, number).await;
    }
    let url = server.url();
    let start = || JudgingClient::start(Program::Python, Mode::Polling, url, Some("start"));
    let Some(mut client) = start() else { return };
    assert_eq!(client.next("disconnect")["reason"], "transport error");
}

/// What the previous case is about is a limit of one client over one transport.
#[tokio::test]
async fn a_burst_reaches_every_other_client() {
    let server = JudgedServer::start(Setup::QUIET);
    for number in 1..=500 {
        publish(&server, number).await;
    }
    for (program, mode) in [
        (Program::Node, Mode::Polling),
        (Program::Node, Mode::WebSocket),
        (Program::Node, Mode::Upgrade),
        (Program::Python, Mode::WebSocket),
        (Program::Python, Mode::Upgrade),
    ] {
        let client = JudgingClient::start(program, mode, server.url(), Some("start"));
        let Some(mut client) = client else { continue };
        client.assert_messages(1..=500);
        client.close();
    }
}
