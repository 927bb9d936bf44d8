//! A row beside what a plain client sees at the same time, which knows nothing of this program.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::support::{DEADLINE, Lines};
use crate::workbench::{SCENARIO, Workbench, has_node};

/// Node with server-sent events, which this test starts; killed when dropped.
struct Events {
    child: Child,
    port: u64,
}

impl Events {
    fn start(bench: &Workbench) -> Self {
        let mut command = Command::new("node");
        command.arg(bench.target("servers/http.mjs")).env_remove("PORT").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let line = Lines::of(child.stdout.take().unwrap()).next("the port");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, port: line["port"].as_u64().unwrap() }
    }

    /// Subscribes over a socket. The thread returns everything behind the head of the answer, once
    /// the server has ended.
    fn subscribe(&self) -> JoinHandle<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port.try_into().unwrap())).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.write_all(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        std::thread::spawn(move || {
            let mut text = String::new();
            // A server that is killed may reset the connection.
            let _ = socket.read_to_string(&mut text);
            text.split_once("\r\n\r\n").unwrap().1.to_owned()
        })
    }

    /// Returns the processor time of the process in its whole life, in seconds.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum();
        // As on every Linux that this is tested on.
        ticks / 100.0
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_row_agrees_with_a_plain_client() {
    if !has_node() {
        return;
    }
    let bench = Workbench::new();
    let server = Events::start(&bench);
    let target = format!(
        "process.pid = {}\npublish.url = 'http://127.0.0.1:{port}/publish'\n\
         sse.url = 'http://127.0.0.1:{port}/sse'\n",
        server.child.id(),
        port = server.port
    );
    let target = bench.write_target("running.toml", &target);
    let plain = server.subscribe();
    let more = ["--transports", "sse"];
    let ended = crate::support::finish(bench.start(SCENARIO, &[target], &more), "run");
    // This test counts, and a busy machine makes only the delays invalid.
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let used = server.cpu_seconds();
    drop(server);
    let plain = plain.join().unwrap();
    let row = &wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap()[0];
    let number = |column| row.number(column).unwrap_or_else(|| panic!("no {column} in {row:?}"));

    let messages: Vec<serde_json::Value> = plain
        .split("data: ")
        .skip(1)
        .map(|data| serde_json::from_str(data.lines().next().unwrap()).unwrap())
        .collect();
    let numbers = messages.iter().map(|message| message["seq"].as_u64().unwrap());
    assert!(numbers.eq(1..=messages.len() as u64), "{messages:?}");
    // The first message, those of the warm-up, and those of the window.
    #[expect(clippy::cast_precision_loss, reason = "there are some dozens")]
    let (count, bytes) = (messages.len() as f64, plain.len() as f64);
    assert!(count > number("published"), "{count} messages, {row:?}");
    assert_eq!(row.number("missing"), Some(0.0), "{row:?}");
    // Each message has the same bytes for both, but for the digits of its numbers. One at an end of
    // the window may be received in it, and its bytes cross outside of it.
    let each = number("bytes_down") / number("received");
    assert!((each - bytes / count).abs() < 0.1 * each, "{each} and {} bytes", bytes / count);
    let cpu = number("server_cpu_s");
    assert!(cpu > 0.0 && cpu <= used + 0.02, "{cpu} s of {used} s");
}
