//! Runs with several servers that share a feed over NATS, through the real binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../../../store/tests/servers/nats_server.rs"]
mod nats_server;
mod outages;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use nats_server::NatsServer;
use support::{CommandOutput, DEADLINE, finish, run, send, wirebench};
use tempfile::TempDir;
use wirebench_protocol::Transport;
use wirebench_report::Row;

/// A short run over every transport, by three servers.
const SCENARIO: &str = r#"
server = { instances = 3 }
feed = { rate = 20 }
crowd = { subscribers = 12, ramp = "10ms" }
link = { delay = "0ms" }
timing = { warm-up = "0s", measure = "1s", drain = "30s" }
socket-io = { mode = "websocket" }
short-polling = { interval = "200ms" }
"#;

/// How many servers there are, and how many of the subscribers each of them has.
const SERVERS: usize = 3;
const EACH: usize = 4;

fn folder_with(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), scenario).unwrap();
    folder
}

/// Returns true if the tests can start NATS. Otherwise says that a test is skipped.
fn nats_is_there() -> bool {
    NatsServer::start().is_some()
}

/// Runs the scenario and returns its rows. On a busy machine the load generator is late, and says so;
/// nothing else may be wrong with them.
fn rows_of(folder: &Path) -> Vec<Row> {
    rows_after(folder, &run(folder, &["run", "x.toml", "--out", "out"]))
}

/// Returns the rows of a run that has ended.
fn rows_after(folder: &Path, ended: &CommandOutput) -> Vec<Row> {
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = wirebench_report::read(&folder.join("out/runs.csv")).unwrap();
    for row in rows.iter().filter(|row| !row.is_valid()) {
        let why = row.invalid_reason();
        assert!(why.ends_with("delays may be its own") && !why.contains(';'), "{why}");
    }
    rows
}

/// Starts a run over one transport that lasts longer than the test.
fn start_long_run(folder: &Path, transport: &str) -> Child {
    let arguments = ["run", "x.toml", "--out", "out", "--transports", transport];
    let arguments = [&arguments[..], &["--set", "timing.measure=100s"]].concat();
    wirebench(folder, &arguments).spawn().unwrap()
}

/// Waits until something is true.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

/// Waits until a run has measured a second: then everybody is subscribed.
fn wait_for_a_second(folder: &Path) {
    wait_until("a second of the run", || {
        let timeline = fs::read_to_string(folder.join("out/timeline.csv")).unwrap_or_default();
        timeline.contains("001-")
    });
}

/// What a run has started, with its command line: servers, NATS and the guardian.
fn started_by(run: u32) -> BTreeMap<u32, String> {
    let children = format!("/proc/{run}/task/{run}/children");
    let text = fs::read_to_string(children).unwrap_or_default();
    let pids = text.split_whitespace().filter_map(|pid| pid.parse().ok());
    let command = |pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.map(|pid: u32| (pid, command(pid))).collect()
}

fn servers(started: &BTreeMap<u32, String>) -> Vec<u32> {
    let servers = started.iter().filter(|(_, command)| command.contains("\0serve\0"));
    servers.map(|(pid, _)| *pid).collect()
}

/// The processes of NATS that a run has started.
fn nats(started: &BTreeMap<u32, String>) -> Vec<&str> {
    let is_nats = |command: &&str| command.contains("nats-server\0");
    started.values().map(String::as_str).filter(is_nats).collect()
}

/// Returns the folder of a NATS server.
fn nats_folder(command: &str) -> PathBuf {
    let streams = command.split('\0').skip_while(|part| *part != "--store_dir").nth(1).unwrap();
    Path::new(streams).parent().unwrap().to_owned()
}

/// Returns how many connections a server has accepted on the port where it has most.
fn accepted_connections(server: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{server}/fd")).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    let sockets: HashSet<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.into()))
        .collect();
    let (mut listening, mut open) = (HashSet::new(), BTreeMap::<String, usize>::new());
    for line in fs::read_to_string("/proc/net/tcp").unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if !sockets.contains(fields[9]) {
            continue;
        }
        match fields[3] {
            "0A" => _ = listening.insert(fields[1].to_owned()),
            "01" => *open.entry(fields[1].to_owned()).or_default() += 1,
            _ => {}
        }
    }
    listening.iter().filter_map(|port| open.get(port)).copied().max().unwrap_or_default()
}

/// Returns true if a process has ended, also if nobody has read its exit status yet.
fn has_ended(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

fn wait_until_nothing_is_left(started: &BTreeMap<u32, String>) {
    for (pid, command) in started {
        wait_until(&format!("{pid}, `{command}`, ends"), || has_ended(*pid));
    }
    for folder in nats(started).into_iter().map(nats_folder) {
        wait_until("the folder of NATS is removed", || !folder.exists());
    }
}

#[test]
fn over_every_transport_three_servers_deliver_everything() {
    if !nats_is_there() {
        return;
    }
    let folder = folder_with(SCENARIO);
    let rows = rows_of(folder.path());
    assert_eq!(rows.len(), Transport::COUNT);
    for row in rows {
        assert_eq!(row.number("servers"), Some(3.0), "{row:?}");
        assert_eq!((row.number("missing"), row.number("duplicate")), (Some(0.0), Some(0.0)));
        let expected = row.number("published").unwrap() * 12.0;
        assert!(expected > 100.0, "{row:?}");
        assert_eq!(row.number("received"), Some(expected), "{row:?}");
        // What the first server publishes is acknowledged by NATS.
        assert!(row.number("store_queries_per_s") > Some(0.0), "{row:?}");
    }
}

#[test]
fn what_subscribers_send_to_one_server_reaches_those_of_the_others() {
    if !nats_is_there() {
        return;
    }
    let upstream = "\nupstream = { rate = 2, to = \"others\" }\n";
    let folder = folder_with(&format!("transports = [\"websocket\", \"sse\"]{upstream}{SCENARIO}"));
    for row in rows_of(folder.path()) {
        assert!(row.number("upstream_sent") > Some(0.0), "{row:?}");
        assert_eq!(row.number("missing"), Some(0.0), "{row:?}");
        assert_eq!(row.number("received"), row.number("expected"), "{row:?}");
    }
}

#[test]
fn the_subscribers_are_spread_evenly_and_ctrl_c_ends_everything() {
    if !nats_is_there() {
        return;
    }
    for transport in Transport::ALL {
        let folder = folder_with(SCENARIO);
        let child = start_long_run(folder.path(), transport.name());
        wait_for_a_second(folder.path());
        let started = started_by(child.id());
        let connections: Vec<_> = servers(&started).into_iter().map(accepted_connections).collect();
        assert_eq!(connections, [EACH; SERVERS], "{transport}");
        send(child.id(), "INT");
        let ended = finish(child, "run");
        assert_eq!(ended.code, Some(4), "an interrupted run is not valid: {ended:?}");
        wait_until_nothing_is_left(&started);
    }
}

#[test]
fn nothing_is_left_of_a_run_that_is_killed() {
    if !nats_is_there() {
        return;
    }
    let folder = folder_with(SCENARIO);
    let mut child = start_long_run(folder.path(), "sse");
    wait_for_a_second(folder.path());
    let started = started_by(child.id());
    // The servers, NATS and the guardian.
    assert_eq!(started.len(), SERVERS + 2, "{started:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_nothing_is_left(&started);
}

#[test]
fn a_server_or_a_nats_that_is_killed_ends_the_run_with_the_reason() {
    if !nats_is_there() {
        return;
    }
    for (command, why) in
        [("\0serve\0", "the server is gone"), ("nats-server\0", "the NATS server is gone")]
    {
        let folder = folder_with(SCENARIO);
        let child = start_long_run(folder.path(), "sse");
        wait_for_a_second(folder.path());
        let started = started_by(child.id());
        let victim = started.iter().rfind(|(_, started)| started.contains(command)).unwrap();
        send(*victim.0, "KILL");
        let ended = finish(child, "run");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(why), "{ended:?}");
        wait_until_nothing_is_left(&started);
    }
}

/// Asks a server of NATS for the names of its streams. Returns its answer.
fn streams(nats: &NatsServer) -> String {
    let url = nats.url();
    let mut connection = TcpStream::connect(url.strip_prefix("nats://").unwrap()).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    let login = r#"CONNECT {"verbose":false,"user":"u","pass":"hunter2"}"#;
    let ask = "SUB answer 1\r\nPUB $JS.API.STREAM.NAMES answer 0\r\n\r\n";
    write!(connection, "{login}\r\n{ask}").unwrap();
    let mut lines = BufReader::new(connection);
    let mut line = String::new();
    while !line.starts_with("MSG ") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "NATS has closed the connection");
    }
    let bytes = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    let mut answer = String::new();
    lines.take(bytes).read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_nats_of_others_is_used_and_left_as_it_was_and_no_file_has_its_password() {
    let login = ["-js", "--user", "u", "--pass", "hunter2"];
    let Some(nats) = NatsServer::start_with(&login) else { return };
    let folder = folder_with(&format!("transports = [\"sse\"]\n{SCENARIO}"));
    let url = nats.url().replace("nats://", "nats://u:hunter2@");
    let mut command = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]);
    let ended = finish(command.env("WIREBENCH_BACKBONE", url).spawn().unwrap(), "run");
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(rows[0].number("missing"), Some(0.0), "{ended:?}");
    let answer = streams(&nats);
    assert!(answer.contains("\"total\":0"), "{answer}");
    for file in fs::read_dir(folder.path().join("out")).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("hunter2"), "{} has the password", path.display());
    }
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
}

#[test]
fn without_a_nats_the_error_says_what_to_do() {
    let folder = folder_with(SCENARIO);
    let mut command = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]);
    let ended = finish(command.env("PATH", folder.path()).spawn().unwrap(), "run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("2.10 or newer"), "{ended:?}");
    // A backbone that is named and not there is reported before anything starts.
    let mut command = wirebench(folder.path(), &["run", "x.toml", "--out", "none"]);
    command.env("WIREBENCH_BACKBONE", "nats://u:hunter2@127.0.0.1:1");
    let ended = finish(command.spawn().unwrap(), "run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("`WIREBENCH_BACKBONE` names"), "{ended:?}");
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    assert!(!folder.path().join("none").exists());
}

#[test]
fn the_plan_names_the_servers() {
    let folder = folder_with(&SCENARIO.replace("instances = 3", "instances = [1, 3]"));
    let ended = run(folder.path(), &["run", "x.toml", "--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let header = ended.stdout.lines().find(|line| line.contains("transport ")).unwrap();
    assert!(header.contains(" servers "), "{ended:?}");
}
