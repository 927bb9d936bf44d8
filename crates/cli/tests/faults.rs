//! Faults in runs of the real binary: servers that are killed and started again, and proxies.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use support::{CommandOutput, Lines, Served, measure, wirebench};
use tempfile::TempDir;
use wirebench_protocol::Transport;
use wirebench_report::Row;

/// One short run for each transport.
const SCENARIO: &str = r#"
crowd = { subscribers = 10, ramp = "50ms" }
feed = { rate = 20 }
timing = { warm-up = "100ms", measure = "5s", drain = "60s" }
link = { delay = "2ms" }
short-polling = { interval = "200ms" }
thresholds = { missed_silently = "== 0" }
"#;

fn measured(faults: &str, arguments: &[&str]) -> (CommandOutput, Vec<Row>) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), format!("{SCENARIO}\n[faults]\n{faults}")).unwrap();
    let ended = measure(folder.path(), &[&["x.toml"], arguments].concat());
    let rows = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap_or_default();
    (ended, rows)
}

#[test]
fn a_killed_server_comes_back_and_the_messages_it_lost_are_signalled() {
    let faults = "server = \"kill\"\nserver-after = \"1s\"\nserver-down = \"300ms\"";
    let (ended, rows) = measured(faults, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("Faults"), "{ended:?}");
    assert_eq!(rows.len(), Transport::COUNT);
    for row in rows {
        let transport = row.text("transport").unwrap();
        let number = |column| row.number(column).unwrap_or_else(|| panic!("{transport}: {column}"));
        let lost = number("expected") - number("received");
        assert!((number("missed_signalled") - lost).abs() < 0.5, "{transport}: {row:?}");
        assert!(number("missed_silently") < 0.5, "{transport}: {row:?}");
        let ratio = number("received") / number("expected");
        assert!(ratio > 0.0, "{transport}: {row:?}");
        assert!((number("delivered_ratio") - ratio).abs() < 1e-3, "{transport}: {row:?}");
        assert!(number("back_99_ms") >= 300.0, "{transport} before the server: {row:?}");
        assert!(number("reconnects_peak_per_s") >= 1.0, "{transport}: {row:?}");
        assert!(number("gaps") >= 1.0, "{transport}: {row:?}");
        // The first server published for one second, at 20 messages per second.
        assert!(number("published") >= 25.0, "the messages of both servers count: {row:?}");
        assert_eq!(
            row.text("faults"),
            Some("server=kill server-after=1s server-down=0.3s"),
            "{transport}"
        );
    }
}

#[test]
fn a_server_that_is_stopped_or_frozen_comes_back() {
    let faults = "server = [\"stop\", \"freeze\"]\nserver-after = \"1s\"\nserver-down = \"300ms\"";
    let (ended, rows) = measured(faults, &["--transports", "sse,long-polling"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rows.len(), 4);
    for row in rows {
        let frozen = row.text("faults").unwrap().starts_with("server=freeze");
        assert_eq!(row.number("missed_silently"), Some(0.0), "{row:?}");
        // A frozen server cuts off nobody. Messages that it publishes late arrive late.
        assert_eq!(row.number("back_99_ms").is_none(), frozen, "{row:?}");
        if frozen {
            assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
            assert!(row.number("delivery_max_us").unwrap() >= 250_000.0, "{row:?}");
        }
    }
}

#[test]
fn a_proxy_that_refuses_a_transport_is_a_result_and_not_a_failure() {
    let (ended, rows) = measured("proxy = \"strip-upgrade\"", &["--transports", "sse,websocket"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for row in rows {
        let through = row.text("transport") == Some("sse");
        assert_eq!(row.number("delivered_ratio"), Some(f64::from(u8::from(through))), "{row:?}");
    }
}

#[test]
fn the_proxy_works_outside_of_a_run() {
    let served = Served::start();
    let arguments = ["proxy", "--upstream", served.url(), "--habit", "close-after-response"];
    let mut proxy = wirebench(Path::new("."), &arguments).spawn().unwrap();
    let ready = Lines::of(proxy.stdout.take().unwrap()).next("the ready line of the proxy");
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let url = ready["listening"].as_str().unwrap();
    let arguments = ["subscribe", url, "--transport", "long-polling", "--after", "start"];
    let mut subscriber = wirebench(Path::new("."), &arguments).spawn().unwrap();
    let lines = Lines::of(subscriber.stdout.take().unwrap());
    for number in 1..=3 {
        support::publish(served.url(), &number.to_string());
        let line: serde_json::Value = serde_json::from_str(&lines.next("a message")).unwrap();
        assert_eq!(line["payload"], number);
    }
    for child in [&mut subscriber, &mut proxy] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn an_unsupported_upstream_is_bad_usage() {
    for (upstream, words) in [
        ("https://127.0.0.1:9", "speaks no TLS"),
        ("http://127.0.0.1:9/live", "`/live` is more than a host and a port"),
        ("ftp://127.0.0.1:9", "the scheme has to be `http`"),
        ("nonsense", "expected `http://host:port`"),
    ] {
        let arguments = ["proxy", "--upstream", upstream, "--habit", "strip-upgrade"];
        let ended = support::run(Path::new("."), &arguments);
        assert_eq!(ended.code, Some(2), "{upstream}: {ended:?}");
        // The words are wrapped to the width of a terminal.
        let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words) && said.contains("--upstream"), "{upstream}: {said}");
    }
}

#[test]
fn with_every_habit_an_unreachable_upstream_is_answered_with_502_and_logged() {
    // The listener is closed again, and no other test listens on this address.
    let dead = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let upstream = format!("http://{dead}");
    for habit in ["buffering", "idle-cut", "strip-upgrade", "close-after-response", "slow"] {
        let arguments = ["proxy", "--upstream", &upstream, "--habit", habit];
        let mut proxy = wirebench(Path::new("."), &arguments).spawn().unwrap();
        let ready = Lines::of(proxy.stdout.take().unwrap()).next("the ready line of the proxy");
        let log = Lines::of(proxy.stderr.take().unwrap());
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let address = ready["listening"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(support::DEADLINE)).unwrap();
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{habit}: {answer:?}");
        assert!(answer.contains("connection: close"), "{habit}: {answer:?}");
        assert!(
            answer.contains(&dead.to_string()),
            "{habit} says what it cannot reach: {answer:?}"
        );
        let line = log.next("a warning in the log");
        assert!(line.contains("WARN") && line.contains(&dead.to_string()), "{habit}: {line:?}");
        proxy.kill().unwrap();
        proxy.wait().unwrap();
    }
}

#[test]
fn with_a_list_of_reconnect_policies_each_row_names_its_policy() {
    let text = "avalanche-after = \"1s\"\n[reconnect]\npolicy = [\"same\", \"native\"]";
    let (ended, rows) = measured(text, &["--transports", "sse"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let policies: Vec<_> = rows.iter().map(|row| row.text("reconnect").unwrap()).collect();
    assert_eq!(policies, ["policy=same first=0.1s most=5s", "policy=native"]);
    assert!(ended.stdout.contains("policy=native"), "the table tells them apart: {ended:?}");
    for row in &rows {
        assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
    }
    // A browser comes back sooner only if the server announces a shorter pause. This server
    // announces no pause.
    let back = rows[1].number("back_99_ms").unwrap();
    assert!(back >= 3_000.0, "an EventSource was back after {back} ms");
}

#[test]
fn serve_announces_the_pause_of_the_option_retry() {
    for (retry, expected) in [("250ms", "\nretry: 250\nid: "), ("none", "\nid: ")] {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--no-demos", "--retry", retry];
        let mut server = wirebench(Path::new("."), &arguments).spawn().unwrap();
        let ready = Lines::of(server.stdout.take().unwrap()).next("the ready line");
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let address = ready["listening"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /feeds/bench/sse HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let lines = Lines::of(stream);
        let mut said = String::new();
        while !said.contains("\nid: ") {
            said += "\n";
            said += &lines.next("the first block of the stream");
        }
        assert!(said.contains(expected), "{retry}: {said}");
        assert_eq!(said.contains("retry"), expected.contains("retry"), "{retry}: {said}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
