//! Servers that run already, found by the name or the number of their process.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Lines, finish};
use crate::workbench::{SCENARIO, Workbench};

/// A process of this name that waits for a child, which serves. Both are killed when this is
/// dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    /// Starts the program, which is a shell.
    fn start(shell: &Path) -> Self {
        let mut command = Command::new(shell);
        command.args(["-c", "\"$1\" serve --listen 127.0.0.1:0 --no-demos & wait", "sh"]);
        command.arg(env!("CARGO_BIN_EXE_wirebench")).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let line = Lines::of(child.stdout.take().unwrap()).next("the ready line");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, url: line["listening"].as_str().unwrap().to_owned() }
    }

    /// Returns a target file for it. `process` says which process it is.
    fn target(&self, process: &str) -> String {
        format!(
            "process.{process}\npublish.url = '{url}/feeds/bench/messages'\n\
             sse.url = '{url}/feeds/bench/sse'\nsse.message = '/payload'\n",
            url = self.url
        )
    }

    /// Returns the memory of the process without its child, in bytes.
    fn own_bytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<f64>().unwrap() * 1024.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// Copies the shell to a name that no other process of the machine has.
fn shell(bench: &Workbench, suffix: &str) -> (std::path::PathBuf, String) {
    let name = format!("wb{}{suffix}", std::process::id());
    let path = bench.path().join(&name);
    fs::copy("/bin/sh", &path).unwrap();
    (path, name)
}

#[test]
fn a_server_that_runs_is_found_by_name_and_by_number_and_its_children_count() {
    let bench = Workbench::new();
    let (path, name) = shell(&bench, "a");
    let server = Running::start(&path);
    for process in [format!("name = '{name}'"), format!("pid = {}", server.child.id())] {
        let target = bench.write_target("running.toml", &server.target(&process));
        let ended = finish(bench.start(SCENARIO, &[target], &["--transports", "sse"]), "run");
        // This test counts, and a busy machine makes only the delays invalid.
        assert!(matches!(ended.code, Some(0 | 4)), "{process}: {ended:?}");
        let row = &wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap()[0];
        assert_eq!(row.number("missing"), Some(0.0), "{process}: {row:?}");
        assert!(row.number("received") > Some(0.0), "{process}: {row:?}");
        // The shell waits: it uses no time, and little memory.
        assert!(row.number("server_cpu_s") > Some(0.0), "{process}: {row:?}");
        let own = server.own_bytes();
        let all = row.number("server_rss_idle_bytes").unwrap();
        assert!(all > 2.0 * own, "{process}: {all} bytes, of which {own} are the shell's");
        assert!(row.number("server_rss_peak_bytes") >= Some(all), "{process}: {row:?}");
    }
}

#[test]
fn a_process_that_is_not_there_or_there_twice_is_reported() {
    let bench = Workbench::new();
    let (path, name) = shell(&bench, "b");
    let said = |text: &str| {
        let target = bench.write_target("running.toml", text);
        let ended = finish(bench.start(SCENARIO, &[target], &["--transports", "sse"]), "run");
        assert_eq!(ended.code, Some(4), "{ended:?}");
        ended.stderr
    };
    let one = Running::start(&path);
    let none = said(&one.target("name = 'wb-no-such-name'"));
    assert!(none.contains("`process.name` is `wb-no-such-name`: no such process runs"), "{none}");
    let none = said(&one.target("pid = 4194304"));
    assert!(none.contains("`process.pid` is 4194304: no such process runs"), "{none}");
    let two = Running::start(&path);
    let twice = said(&one.target(&format!("name = '{name}'")));
    assert!(twice.contains("more than one runs, choose with `process.pid`: "), "{twice}");
    for server in [&one, &two] {
        assert!(twice.contains(&server.child.id().to_string()), "{twice}");
    }
}
