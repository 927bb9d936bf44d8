//! Agents: a run whose subscribers are in several processes, and what happens when one of them dies,
//! stalls, or reads another clock.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../../store/tests/servers/nats_server.rs"]
mod nats_server;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_server::NatsServer;
use support::{DEADLINE, Lines, finish, measure, run, send, wirebench};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wirebench_agents::{Agent as ConnectedAgent, AgentMachine, AgentPlan};

const SHORT: &str = r#"
feed = { rate = 20 }
crowd = { subscribers = 30, ramp = "300ms" }
timing = { warm-up = "500ms", measure = "2s", drain = "30s" }
"#;

/// One run, so long that it has to be ended.
const LONG: &str = r#"
transports = ["sse"]
feed = { rate = 20 }
crowd = { subscribers = 10, ramp = "100ms" }
timing = { warm-up = "0s", measure = "600s", drain = "30s" }
"#;

/// A process that is killed when it is dropped.
struct Agent {
    child: Child,
    said: Lines,
}

impl Agent {
    /// Starts an agent that waits at a NATS server, and waits until it does.
    fn start(url: &str, name: &str) -> Self {
        Self::in_zone(url, name, "a")
    }

    /// The same, with another label.
    fn in_zone(url: &str, name: &str, zone: &str) -> Self {
        let label = format!("zone={zone}");
        let arguments = ["agent", "--nats", url, "--name", name, "--labels", &label];
        Self::of(wirebench(&std::env::temp_dir(), &arguments))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Lines::of(child.stderr.take().unwrap());
        let agent = Self { child, said };
        agent.says("waiting for work");
        agent
    }

    /// Waits until the agent says something.
    fn says(&self, what: &str) {
        while !self.said.next(what).contains(what) {}
    }

    fn signal(&self, signal: &str) {
        send(self.child.id(), signal);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder_with(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), scenario).unwrap();
    folder
}

/// Returns the rows of a CSV file by the names of their columns.
fn rows(file: &Path) -> Vec<BTreeMap<String, String>> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    // No value of these files has a comma, but for the sentence in the last column.
    let row = |line: &str| {
        header.iter().cloned().zip(line.splitn(header.len(), ',').map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// Waits until the timeline of a run folder has a line of the first run.
fn wait_for_a_second(folder: &Path) {
    let started = Instant::now();
    while !fs::read_to_string(folder.join("timeline.csv")).unwrap_or_default().contains("001-") {
        assert!(started.elapsed() < DEADLINE, "no second");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a long run over these agents, and waits until it measures.
fn start_long_run(folder: &TempDir, nats: &NatsServer, agents: &str) -> Child {
    let arguments =
        ["run", "x.toml", "--agents", &nats.url(), "--at-least", agents, "--out", "out"];
    let child = wirebench(folder.path(), &arguments).spawn().unwrap();
    wait_for_a_second(&folder.path().join("out"));
    child
}

#[test]
fn agents_deliver_everything_over_every_transport_and_their_rows_add_up_to_the_whole() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(SHORT);
    let agents = ["one", "two"].map(|name| Agent::start(&nats.url(), name));
    let arguments = ["x.toml", "--agents", &nats.url(), "--at-least", "2"];
    let ended = measure(folder.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let whole = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(whole.len(), wirebench_protocol::Transport::ALL.len());
    let parts = rows(&folder.path().join("out/agents.csv"));
    for run in &whole {
        assert_eq!(run.number("missing"), Some(0.0), "{run:?}");
        let id = run.text("run_id").unwrap();
        let of_run: Vec<_> = parts.iter().filter(|row| row["run_id"] == id).collect();
        let names: Vec<_> = of_run.iter().map(|row| &*row["agent"]).collect();
        assert_eq!(names, ["one", "two"]);
        let sum = |column: &str| of_run.iter().map(|row| number(row, column)).sum::<u64>();
        assert_eq!((sum("subscribers"), sum("subscribed")), (30, 30));
        for column in ["received", "bytes_up", "bytes_down", "connections_opened"] {
            #[expect(clippy::cast_precision_loss, reason = "some millions")]
            let sum = sum(column) as f64;
            assert_eq!(run.number(column), Some(sum), "{column} of {id}");
        }
        for row in of_run {
            assert_eq!(row["labels"], "zone=a");
            assert_eq!(row["clock_bound_us"], "", "they read one clock");
            assert_eq!(row["lost"], "");
        }
    }
    for agent in &agents {
        agent.says("waiting for work");
    }
}

#[test]
fn local_agents_need_nothing_but_a_nats_server_and_leave_nothing_behind() {
    if nats_server::program().is_none() {
        return;
    }
    let folder = folder_with(SHORT);
    let arguments = ["x.toml", "--transports", "websocket", "--local-agents", "3"];
    let ended = measure(folder.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let parts = rows(&folder.path().join("out/agents.csv"));
    let names: Vec<_> = parts.iter().map(|row| &*row["agent"]).collect();
    assert_eq!(names, ["local-1", "local-2", "local-3"]);
    assert!(parts.iter().all(|row| row["subscribed"] == "10" && row["workers"] == "1"));
    let ours = folder.path().to_string_lossy().into_owned();
    for process in fs::read_dir("/proc").unwrap().map_while(Result::ok) {
        // A process that a run started has the run's folder as its own.
        let there = fs::read_link(process.path().join("cwd"));
        assert!(!there.is_ok_and(|cwd| cwd.to_string_lossy() == ours), "{process:?}");
    }
}

#[test]
fn an_agent_that_dies_is_named_and_the_run_ends() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(LONG);
    let one = Agent::start(&nats.url(), "one");
    let two = Agent::start(&nats.url(), "two");
    let child = start_long_run(&folder, &nats, "2");
    two.signal("KILL");
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("agent `two` was lost: it is gone"), "{ended:?}");
    let whole = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    let why = whole[0].text("invalid_reason").unwrap();
    assert!(why.contains("agent `two` was lost"), "{why}");
    let parts = rows(&folder.path().join("out/agents.csv"));
    assert_eq!((&*parts[0]["subscribed"], &*parts[0]["lost"]), ("5", ""));
    assert_eq!(parts[1]["subscribed"], "0", "its subscribers count as not connected");
    assert!(parts[1]["lost"].contains("it is gone"), "{parts:?}");
    one.says("waiting for work");
}

#[test]
fn an_agent_that_stalls_is_named_and_the_run_ends() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(LONG);
    let _one = Agent::start(&nats.url(), "one");
    let two = Agent::start(&nats.url(), "two");
    let child = start_long_run(&folder, &nats, "2");
    two.signal("STOP");
    let ended = finish(child, "run");
    two.signal("CONT");
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("agent `two` was lost: it stalls"), "{ended:?}");
    // It has noticed that nobody waits for it, and works for the next run.
    two.says("waiting for work");
}

#[test]
fn agents_whose_controller_is_killed_end_their_subscribers_and_wait_for_work() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(LONG);
    let agent = Agent::start(&nats.url(), "one");
    let mut child = start_long_run(&folder, &nats, "1");
    child.kill().unwrap();
    child.wait().unwrap();
    agent.says("the controller is gone");
    let again = folder_with(SHORT);
    let arguments = ["x.toml", "--transports", "sse", "--agents", &nats.url(), "--at-least", "1"];
    let ended = measure(again.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn ctrl_c_ends_the_run_and_keeps_what_was_measured_and_the_agents() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(LONG);
    let agent = Agent::start(&nats.url(), "one");
    let child = start_long_run(&folder, &nats, "1");
    send(child.id(), "INT");
    let ended = finish(child, "run");
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let whole = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert!(whole[0].text("invalid_reason").is_some_and(|why| why.ends_with("interrupted")));
    agent.says("waiting for work");
    agent.signal("INT");
    let mut agent = agent;
    let started = Instant::now();
    while agent.child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < DEADLINE, "Ctrl-C does not end the agent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn subscribers_are_placed_as_the_scenario_asks_and_reach_the_run_at_its_own_address() {
    let Some(nats) = NatsServer::start() else { return };
    let place = "[crowd]\nsubscribers = 16\nplace = { zone-a = 0.75, zone-b = 0.25 }\n";
    let folder = folder_with(&format!(
        "feed = {{ rate = 20 }}\ntiming = {{ warm-up = \"0s\", measure = \"1s\" }}\n{place}"
    ));
    let url = nats.url();
    let agents = [("one", "a"), ("three", "b"), ("two", "a")];
    let _agents = agents.map(|(name, zone)| Agent::in_zone(&url, name, zone));
    let arguments =
        ["x.toml", "--transports", "sse,websocket", "--agents", &url, "--at-least", "3"];
    // An address of this machine beside the usual one: a server that listens on that only is not
    // reached.
    let arguments = [&arguments[..], &["--advertise", "127.0.0.2"]].concat();
    let ended = measure(folder.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let parts = rows(&folder.path().join("out/agents.csv"));
    assert_eq!(parts.len(), 6, "{parts:?}");
    for run in parts.chunks(3) {
        let connected: Vec<_> = run.iter().map(|row| number(row, "subscribed")).collect();
        // One part of four for the one in zone b, and the rest in equal shares.
        assert_eq!(connected, [6, 4, 6], "{run:?}");
    }
    let nowhere = fs::read_to_string(folder.path().join("x.toml")).unwrap().replace("-b", "-c");
    fs::write(folder.path().join("y.toml"), nowhere).unwrap();
    let ended = run(folder.path(), &["run", "y.toml", "--agents", &url, "--at-least", "3"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("names `zone-c`, and no agent has this label"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_another_version_is_named() {
    let Some(nats) = NatsServer::start() else { return };
    let plan = AgentPlan {
        name: "old".to_owned(),
        labels: BTreeMap::new(),
        version: "0.0.1 of long ago".to_owned(),
        machine: AgentMachine::default(),
        workers: 1,
    };
    let agent =
        Arc::new(ConnectedAgent::connect(&nats.url().parse().unwrap(), plan).await.unwrap());
    let stop = CancellationToken::new();
    let waiting = tokio::spawn(agent.run(stop.clone()));
    let folder = folder_with(SHORT);
    let url = nats.url();
    let ended = tokio::task::spawn_blocking(move || {
        run(folder.path(), &["run", "x.toml", "--agents", &url])
    });
    let ended = ended.await.unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("agent `old` is wirebench 0.0.1 of long ago, and this is"), "{said}");
    stop.cancel();
    waiting.await.unwrap().unwrap();
}

#[test]
fn without_a_nats_server_local_agents_say_what_to_do() {
    let folder = folder_with(SHORT);
    let mut command = wirebench(folder.path(), &["run", "x.toml", "--local-agents", "2"]);
    let ended = finish(command.env("PATH", folder.path()).spawn().unwrap(), "run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("name a server with `--agents nats://HOST:PORT`"), "{ended:?}");
}

#[test]
fn too_few_agents_and_a_nats_server_that_is_not_there_are_reported() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(SHORT);
    let _agent = Agent::start(&nats.url(), "one");
    let url = nats.url();
    let few = ["run", "x.toml", "--agents", &url, "--at-least", "2", "--agents-wait-s", "1"];
    let ended = run(folder.path(), &few);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("1 of 2 agents are there after 1s: `one`"), "{ended:?}");
    let nobody = ["run", "x.toml", "--agents", "nats://user:secret@127.0.0.1:1"];
    let ended = run(folder.path(), &nobody);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot meet over NATS"), "{ended:?}");
    assert!(!ended.stderr.contains("secret"), "{ended:?}");
    let ended = run(folder.path(), &["run", "x.toml", "--advertise", "10.0.0.5"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("--local-agents"), "{ended:?}");
}

#[test]
fn an_agent_with_another_clock_counts_in_that_of_the_run_and_says_how_well() {
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder_with(&format!("{SHORT}\n[agents]\nprobe-rate = 20\n"));
    let url = nats.url();
    // Its clock is 5,000 s ahead.
    let mut command = Command::new("unshare");
    command
        .args(["--time", "--monotonic", "5000", "--fork", "--kill-child", "--"])
        .arg(env!("CARGO_BIN_EXE_wirebench"))
        .args(["agent", "--nats", &url, "--name", "ahead"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let can = Command::new("unshare").args(["--time", "--fork", "--", "true"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
        {
            eprintln!("skipped: this user may not create a time namespace");
        }
        return;
    }
    let _agent = Agent::of(command);
    let _near = Agent::start(&url, "near");
    let arguments = ["x.toml", "--transports", "websocket", "--agents", &url, "--at-least", "2"];
    let ended = measure(folder.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let parts = rows(&folder.path().join("out/agents.csv"));
    let ahead = &parts[0];
    let value = |column: &str| ahead[column].parse::<f64>().unwrap();
    let (offset, bound) = (value("clock_offset_us"), value("clock_bound_us"));
    assert!((offset + 5e9).abs() <= bound + 1.0, "{offset} ± {bound}");
    assert!(bound > 0.0 && bound < 1e6, "{bound}");
    assert_eq!(parts[1]["clock_bound_us"], "", "the other agent has the clock of the run");
    let whole = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(whole[0].number("missing"), Some(0.0));
    let known = whole[0].number("clock_bound_ms").unwrap();
    assert!((known - bound / 1e3).abs() < 1.0, "{known} ms of the run, {bound} µs of the agent");
    // A delay that was computed from two clocks would be 5,000 s.
    let p99 = whole[0].number("delivery_p99_us");
    assert!(p99.is_none_or(|p99| p99 < 60e6), "{p99:?}");
}
