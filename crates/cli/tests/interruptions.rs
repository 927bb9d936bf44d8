//! Signals, killed servers, ports in use and wrong input: what is reported, and which results
//! remain.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;

use support::{DEADLINE, Lines, Served, finish, publish, run, send, wirebench};
use tempfile::TempDir;

/// Two runs with a window of one second. Most tests replace this by a longer one.
const SCENARIO: &str = r#"
transports = ["sse"]
feed = { rate = [20, 30] }
crowd = { subscribers = 5, ramp = "10ms" }
timing = { warm-up = "0s", measure = "1s", drain = "30s" }
"#;

fn folder_with(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), scenario).unwrap();
    folder
}

/// The servers that a `wirebench run` has started. Its guardian is its child, too.
fn servers_of(child: &Child) -> Vec<u32> {
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let text = fs::read_to_string(children).unwrap_or_default();
    let children = text.split_whitespace().filter_map(|pid| pid.parse().ok());
    let command =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    children.filter(|pid| command(pid).contains("\0serve\0")).collect()
}

/// Waits until the timeline of a run folder has a line of the run `id`.
fn wait_for_second_of(folder: &Path, id: &str) {
    let started = std::time::Instant::now();
    loop {
        let timeline = fs::read_to_string(folder.join("timeline.csv")).unwrap_or_default();
        if timeline.contains(id) {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "no second of {id} in {timeline}");
        std::thread::yield_now();
    }
}

#[test]
fn a_server_killed_during_a_run_is_reported_and_the_results_remain() {
    // Long enough that the second run is still in progress when the test notices its first second.
    let folder = folder_with(&SCENARIO.replace("1s", "6s"));
    let child = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]).spawn().unwrap();
    wait_for_second_of(&folder.path().join("out"), "002-sse");
    send(servers_of(&child)[0], "KILL");
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the server is gone"), "{ended:?}");
    assert!(ended.stderr.contains("1 measured run is in `out`"), "{ended:?}");
    let rows = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].number("received"), rows[0].number("expected"));
}

#[test]
fn ctrl_c_once_ends_the_run_in_progress_and_keeps_it() {
    let folder = folder_with(&SCENARIO.replace("1s", "100s"));
    let child = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]).spawn().unwrap();
    wait_for_second_of(&folder.path().join("out"), "001-sse");
    send(child.id(), "INT");
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(4), "an interrupted run is not valid: {ended:?}");
    let rows = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(rows.len(), 1, "no further run was begun");
    assert!(rows[0].text("invalid_reason").is_some_and(|why| why.ends_with("interrupted")));
    // The drain of an interrupted run is short. `loadgen/tests/crowd.rs` tests how much it
    // receives.
    assert!(rows[0].number("received") > Some(0.0), "{:?}", rows[0]);
    assert!(ended.stdout.contains("interrupted"), "{ended:?}");
}

#[test]
fn ctrl_c_twice_ends_at_once_and_leaves_no_server_behind() {
    let folder = folder_with(&SCENARIO.replace("30s", "60s").replace("1s", "100s"));
    let mut child = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]).spawn().unwrap();
    wait_for_second_of(&folder.path().join("out"), "001-sse");
    let server = servers_of(&child)[0];
    // A suspended server cannot be stopped properly. The run kills it.
    send(server, "STOP");
    // Two signals that arrive together count as one. So the signal is sent until the program has
    // ended.
    while child.try_wait().unwrap().is_none() {
        send(child.id(), "INT");
    }
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let started = std::time::Instant::now();
    while Path::new(&format!("/proc/{server}")).exists() {
        assert!(started.elapsed() < DEADLINE, "the server goes on without its load generator");
        std::thread::yield_now();
    }
}

#[test]
fn every_problem_of_an_invalid_scenario_is_reported() {
    let folder = folder_with("feed = { rat = 1 }\ncrowd = { subscribers = 0 }\n");
    for command in ["run", "check"] {
        let ended = run(folder.path(), &[command, "x.toml"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("x.toml:1:10: unknown key `feed.rat`"), "{ended:?}");
        assert!(ended.stderr.contains("x.toml:2:25: `crowd.subscribers`"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(run(folder.path(), &["check", "nosuch.toml"]).code, Some(2));
    assert_eq!(run(folder.path(), &["run"]).code, Some(2), "no scenario at all");
}

#[test]
fn a_port_in_use_is_reported_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(Path::new("."), &["serve", "--listen", &address]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{ended:?}");
    assert!(ended.stderr.contains("--listen"), "{ended:?}");
}

#[test]
fn more_subscribers_than_open_files_are_reported_before_anything_starts() {
    let folder = folder_with("crowd = { subscribers = 500_000 }");
    let ended = run(folder.path(), &["run", "x.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("500,000 connections"), "{ended:?}");
    assert!(ended.stderr.contains("ulimit -n 64612"), "{ended:?}");
    assert!(!folder.path().join("out").exists(), "nothing was begun");
}

#[test]
fn a_folder_that_cannot_be_written_is_reported_with_a_remedy() {
    let folder = folder_with(SCENARIO);
    let ended = run(folder.path(), &["run", "x.toml", "--out", "/proc/nowhere"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("`/proc/nowhere`"), "{ended:?}");
    assert!(ended.stderr.contains("--out"), "{ended:?}");
}

/// A limit on the size of files stands for a full disk: both refuse a write in the middle of a run.
#[test]
fn a_full_disk_during_a_run_is_reported_and_the_results_remain() {
    let timing = "measure = \"60s\"";
    let folder = folder_with(&SCENARIO.replace("measure = \"1s\"", timing));
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
    let child = std::process::Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_wirebench"), "run", "x.toml", "--out", "out"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the scenario ended early"), "{ended:?}");
    assert!(ended.stderr.contains("`out/latency.hlog`"), "{ended:?}");
    assert!(ended.stderr.contains("File too large"), "{ended:?}");
    assert!(ended.stderr.contains("make room"), "{ended:?}");
    let log = fs::read_to_string(folder.path().join("out/latency.hlog")).unwrap();
    assert!(log.contains("Tag=001-sse"), "the seconds before it are kept: {log}");
}

#[test]
fn a_server_stops_on_sigterm_with_streams_open() {
    let mut served = Served::start();
    let (url, folder) = (served.url().to_owned(), TempDir::new().unwrap());
    let subscribers: Vec<Child> = ["short-polling", "long-polling", "sse", "websocket"]
        .map(|transport| {
            let arguments =
                ["subscribe", &url, "--transport", transport, "--after", "start", "--once"];
            wirebench(folder.path(), &arguments).spawn().unwrap()
        })
        .into();
    let lines: Vec<(Child, Lines)> = subscribers
        .into_iter()
        .map(|mut child| {
            let lines = Lines::of(child.stdout.take().unwrap());
            (child, lines)
        })
        .collect();
    publish(&url, "{\"hello\":\"there\"}");
    for (_, lines) in &lines {
        let line: serde_json::Value = serde_json::from_str(&lines.next("a message")).unwrap();
        assert_eq!(line["payload"]["hello"], "there");
        assert!(line["delay_us"].is_u64(), "{line}");
    }
    served.signal("TERM");
    let status = served.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    for (child, _) in lines {
        // Each subscriber has to end. How a poller ends after its server has gone is not tested
        // here.
        finish(child, "subscribe");
    }
}

#[test]
fn a_subscriber_ends_with_0_on_sigterm() {
    let served = Served::start();
    let arguments = ["subscribe", served.url(), "--transport", "sse", "--after", "start"];
    let mut child = wirebench(Path::new("."), &arguments).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    publish(served.url(), "1");
    lines.next("the message");
    send(child.id(), "TERM");
    assert_eq!(finish(child, "subscribe").code, Some(0));
}

/// A server that stops gives a poller the drain time to poll once more. A second Ctrl-C ends the
/// server without waiting for that.
#[test]
fn a_second_ctrl_c_ends_a_server_at_once() {
    use std::io::{BufRead, BufReader, Read, Write};

    let folder = TempDir::new().unwrap();
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--drain-time", "1m", "--trust-proxy", "10.0.0.0/8"];
    let mut child = wirebench(folder.path(), &arguments).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    let ready: serde_json::Value = serde_json::from_str(&lines.next("the ready line")).unwrap();
    let address = ready["listening"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut polls = std::net::TcpStream::connect(address).unwrap();
    polls.set_read_timeout(Some(DEADLINE)).unwrap();
    let poll = format!("GET /feeds/bench/short-polling HTTP/1.1\r\nHost: {address}\r\n\r\n");
    polls.write_all(poll.as_bytes()).unwrap();
    let mut answer = [0; 12];
    polls.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");

    send(child.id(), "INT");
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("Ctrl-C again to end at once"), "{line}");
    assert!(child.try_wait().unwrap().is_none(), "it waits for the next poll");
    send(child.id(), "INT");
    assert_eq!(finish(child, "serve").code, Some(130));
}
