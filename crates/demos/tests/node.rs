//! The server's half of SSE in Node, as the page "Without id" shows it, run by the real Node.
//!
//! Without Node these tests are skipped and say so. `WIREBENCH_REQUIRE_NPM` makes that a failure.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_mins(2);

/// A script that runs in Node on a free port; killed when dropped.
struct NodeServer {
    child: Child,
    port: u16,
}

impl NodeServer {
    /// Starts a script of `web/node`. Returns `None` without Node.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn start(script: &str) -> Option<Self> {
        if Command::new("node").arg("--version").output().is_err() {
            let required = std::env::var_os("WIREBENCH_REQUIRE_NPM").is_some();
            assert!(!required, "there is no Node, and `WIREBENCH_REQUIRE_NPM` asks for it");
            eprintln!("skipped: there is no Node");
            return None;
        }
        let path = format!("{}/web/node/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("node");
        command.arg(path).env("PORT", "0").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("port ").expect("the script prints its port");
        let port = port.parse().unwrap();
        Some(Self { child, port })
    }

    /// Subscribes as a browser does. A browser that comes back sends the id of the last event.
    fn subscribe(&self, last_event_id: Option<&str>) -> Events {
        let mut stream = TcpStream::connect(("localhost", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let last = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n{last}\r\n")
            .unwrap();
        let mut events = Events(BufReader::new(stream));
        events.skip_to("retry: 1000");
        events
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a response.
struct Events(BufReader<TcpStream>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    data: String,
}

impl Events {
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the response ended");
        line.trim_end().to_owned()
    }

    fn skip_to(&mut self, wanted: &str) {
        while self.line() != wanted {}
    }

    /// Returns the next event. The sizes of the chunks are on lines of their own.
    fn next(&mut self) -> Event {
        let mut id = None;
        loop {
            let line = self.line();
            if let Some(found) = line.strip_prefix("id: ") {
                id = Some(found.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Event { id, data: data.to_owned() };
            }
        }
    }
}

#[test]
fn with_ids_a_browser_that_comes_back_gets_exactly_what_it_missed() {
    let Some(server) = NodeServer::start("sse.mjs") else { return };
    let mut witness = server.subscribe(None);
    let mut browser = server.subscribe(None);
    let last = browser.next();
    drop(browser);
    while witness.next() != last {}
    let missed = [witness.next(), witness.next()];
    let mut browser = server.subscribe(last.id.as_deref());
    assert_eq!([browser.next(), browser.next()], missed);
    // From then on both receive the same.
    assert_eq!(browser.next(), witness.next());
}

#[test]
fn without_ids_a_browser_that_comes_back_has_lost_what_it_missed() {
    let Some(server) = NodeServer::start("sse_without_id.mjs") else { return };
    let mut witness = server.subscribe(None);
    let mut browser = server.subscribe(None);
    let last = browser.next();
    assert_eq!(last.id, None, "there is nothing to send as `Last-Event-ID`");
    drop(browser);
    // Each connection has a timer of its own here, so the witness shows the time and no more.
    while witness.next().data <= last.data {}
    let seen_by_the_witness = witness.next();
    let mut browser = server.subscribe(last.id.as_deref());
    assert!(browser.next().data > seen_by_the_witness.data);
}
