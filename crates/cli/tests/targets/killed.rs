//! A run that is killed leaves no process behind, although it cannot end anything itself.

use std::fs;
use std::path::PathBuf;

use crate::support::{finish, send};
use crate::workbench::{SCENARIO, Workbench, state_of, wait_until, wait_until_gone};

/// A server with a child, with a process whose parent has ended and that is in another session, and
/// with a folder of its own.
const SERVER: &str = r#"
[process]
command = ["sh", "-c", '''
  sleep 1000 & echo $! > {here}/child
  (setsid sleep 1000 & echo $! > {here}/stray)
  echo {folder} > {here}/folder
  echo $$ > {here}/pid
  exec wirebench serve --listen 127.0.0.1:{port} --no-demos --feed bench
''']
[publish]
url = "http://127.0.0.1:{port}/feeds/bench/messages"
[sse]
url = "http://127.0.0.1:{port}/feeds/bench/sse"
message = "/payload"
"#;

/// A run that goes on until somebody ends it.
fn long_scenario() -> String {
    SCENARIO.replace("\"2s\"", "\"100s\"")
}

#[test]
fn the_target_of_a_killed_run_ends_with_all_that_it_has_started() {
    let bench = Workbench::new();
    let target = bench.write_target("own.toml", SERVER);
    let mut run = bench.start(&long_scenario(), &[target], &["--transports", "sse"]);
    let pids = ["pid", "child", "stray"].map(|name| bench.pid_in(name));
    bench.wait_for_a_second();
    let folder = PathBuf::from(fs::read_to_string(bench.target("folder")).unwrap().trim());
    assert!(folder.exists() && pids.iter().all(|pid| state_of(*pid).is_some()));
    run.kill().unwrap();
    assert_eq!(finish(run, "run").code, None, "it was killed");
    for pid in pids {
        wait_until_gone(pid);
    }
    wait_until("its folder is removed", || !folder.exists());
}

/// Returns the processes that a process has started and that run.
fn children_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

#[test]
fn our_own_server_and_its_proxy_end_with_a_killed_run_even_while_they_are_suspended() {
    let bench = Workbench::new();
    let faults = "[faults]\nproxy = \"slow\"\n";
    let scenario = format!("{}{faults}", long_scenario());
    let mut run = bench.start(&scenario, &[], &["--transports", "sse"]);
    bench.wait_for_a_second();
    let children = children_of(run.id());
    assert!(children.len() >= 3, "the server, the proxy and the guardian: {children:?}");
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let (guardian, others): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|pid| name(*pid).contains("\0guard"));
    assert_eq!(guardian.len(), 1);
    for pid in &others {
        send(*pid, "STOP");
    }
    run.kill().unwrap();
    assert_eq!(finish(run, "run").code, None, "it was killed");
    for pid in others.into_iter().chain(guardian) {
        wait_until_gone(pid);
    }
}
