//! What a run shows while it goes on: a live view on a terminal, lines elsewhere, and figures for
//! Prometheus.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::{DEADLINE, Lines, finish, run, send, wirebench};
use tempfile::TempDir;

const SCENARIO: &str = r#"
about = "Is it there?"
transports = ["sse", "websocket"]
feed = { rate = 50 }
crowd = { subscribers = 5, ramp = "100ms" }
timing = { warm-up = "0s", measure = "2s", drain = "30s" }
"#;

fn folder_with(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), scenario).unwrap();
    folder
}

/// Runs the scenario on a terminal with this many columns. Returns all that was written to it. `None`
/// where there is no program that makes a terminal.
fn on_a_terminal(columns: usize, options: &str) -> Option<String> {
    let folder = folder_with(SCENARIO);
    let program = env!("CARGO_BIN_EXE_wirebench");
    let line = format!(
        "stty cols {columns} rows 24 && '{program}' run x.toml --out out --force {options}"
    );
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
        .current_dir(folder.path())
        .env("TERM", "xterm-256color")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(child) = command.spawn() else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
        {
            eprintln!("skipped: there is no program `script`, which makes a terminal");
        }
        return None;
    };
    let ended = finish(child, "script");
    // A machine that is too busy for a valid run shows the same.
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    Some(ended.stdout)
}

#[test]
fn a_terminal_shows_what_arrives_each_second_and_keeps_a_line_for_each_run() {
    let Some(shown) = on_a_terminal(80, "") else { return };
    for part in ["connecting", "second 1 of 2", "deliveries/s", "of a core: server", "s left", "▁"]
    {
        assert!(shown.contains(part), "no `{part}`: {shown}");
    }
    // The lines of both runs stay. They take turns in any order.
    for number in ["[1/2] ", "[2/2] "] {
        let stays = |line: &str| line.contains(number) && line.contains(" received, p99 ");
        assert!(shown.lines().any(stays), "no line that begins with {number}: {shown}");
    }
}

#[test]
fn a_narrow_terminal_and_plain_show_lines() {
    for (columns, options) in [(59, ""), (80, "--plain")] {
        let Some(shown) = on_a_terminal(columns, options) else { return };
        assert!(!shown.contains("deliveries/s"), "{columns} columns, {options}: {shown}");
        assert!(shown.contains("[2/2] "), "{columns} columns, {options}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_run_are_there_for_prometheus_while_it_goes_on() {
    let folder = folder_with(&SCENARIO.replace("measure = \"2s\"", "measure = \"600s\""));
    let arguments =
        ["run", "x.toml", "--transports", "sse", "--out", "out", "--metrics", "127.0.0.1:0"];
    let mut child = wirebench(folder.path(), &arguments).spawn().unwrap();
    let said = Lines::of(child.stderr.take().unwrap());
    let url = loop {
        let line = said.next("the address of the metrics");
        if let Some(url) = line.strip_prefix("metrics: ") {
            break url.trim().to_owned();
        }
    };
    let started = Instant::now();
    let figures = loop {
        let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
        if text.contains("wirebench_run_delivery_seconds_bucket{") {
            break text;
        }
        assert!(started.elapsed() < DEADLINE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let value = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no `{name}`: {figures}"));
        value.trim().parse::<f64>().unwrap()
    };
    let received = value(r#"wirebench_run_received_total{transport="sse"}"#);
    assert!(received > 0.0, "{figures}");
    // A second is added to one figure after the other, and delays are read first.
    let counted = value(r#"wirebench_run_delivery_seconds_count{transport="sse"}"#);
    assert!(counted > 0.0 && counted <= received, "{figures}");
    assert!(value(r#"wirebench_run_subscribers{state="wanted"}"#) > 4.5, "{figures}");
    assert!(figures.contains(r#"wirebench_run_info{run_id="001-sse",scenario="x""#), "{figures}");
    send(child.id(), "INT");
    finish(child, "run");
}

#[test]
fn an_address_that_is_in_use_is_reported_before_anything_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder_with(SCENARIO);
    let ended = run(folder.path(), &["run", "x.toml", "--out", "out", "--metrics", &address]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("cannot serve metrics at `{address}`")), "{ended:?}");
    assert!(!folder.path().join("out").exists());
}
