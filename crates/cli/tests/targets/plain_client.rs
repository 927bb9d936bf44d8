//! A row beside what a plain client sees at the same time, which knows nothing of this program.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;

use crate::running_server::RunningServer;
use crate::support::DEADLINE;
use crate::workbench::{SCENARIO, Workbench, has_node};

/// Subscribes over a socket. The thread returns everything behind the head of the answer, once the
/// server has ended.
fn subscribe(server: &RunningServer) -> JoinHandle<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.write_all(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::spawn(move || {
        let mut text = String::new();
        // A server that is killed may reset the connection.
        let _ = socket.read_to_string(&mut text);
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    })
}

/// Returns the processor time of a process in its whole life, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum();
    // As on every Linux that this is tested on.
    ticks / 100.0
}

#[test]
fn a_row_agrees_with_a_plain_client() {
    if !has_node() {
        return;
    }
    let bench = Workbench::new();
    let server = RunningServer::node(&bench, "http.mjs");
    let target = format!(
        "process.pid = {}\npublish.url = 'http://127.0.0.1:{port}/publish'\n\
         sse.url = 'http://127.0.0.1:{port}/sse'\n",
        server.pid(),
        port = server.port
    );
    let target = bench.write_target("running.toml", &target);
    let plain = subscribe(&server);
    let more = ["--transports", "sse"];
    let ended = crate::support::finish(bench.start(SCENARIO, &[target], &more), "run");
    // This test counts, and a busy machine makes only the delays invalid.
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let used = cpu_seconds(server.pid());
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
