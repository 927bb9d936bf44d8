//! A server that was started for a run, and is ended with it.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirebench_scenario::TargetFile;

use super::output::OutputTail;
use super::owned_tree::OwnedTree;
use super::readiness::Readiness;
use super::spawn::{ProgramCall, how_it_ended};
use super::tree::ProcessTree;
use crate::failure::TargetFailure;
use crate::values::{PlaceholderValues, folder_of};

/// How long a server may take to end after SIGTERM, before it is killed.
const STOP_TIME: Duration = Duration::from_secs(8);

/// How often it is checked whether all processes have ended.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// How long the last lines of a process that has ended may take to arrive.
const OUTPUT_TIME: Duration = Duration::from_millis(500);

/// A server that is ready. Dropping it kills it with all that it has started.
#[derive(Debug)]
pub(crate) struct StartedServer {
    child: Child,
    tree: OwnedTree,
    call: ProgramCall,
    output: OutputTail,
    /// The tasks that read its outputs.
    readers: JoinSet<()>,
    /// The folder of this process, which is removed with it.
    _folder: TempDir,
}

/// How a server ended when it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// It ended by itself.
    Ended,
    /// It had not ended within 8 s after SIGTERM, and was killed.
    Killed,
}

impl StartedServer {
    /// Starts the server of a target on `port`, and waits until it is ready, for `within` at most.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends, or is not ready in time. What it has written is in the error.
    pub(crate) async fn start(
        file: &TargetFile,
        port: u16,
        within: Duration,
    ) -> Result<Self, TargetFailure> {
        let process = &file.process;
        let folder = TempDir::with_prefix("wirebench-").map_err(TargetFailure::Prepare)?;
        let values =
            placeholders(file).with("port", port.to_string()).with_path("folder", folder.path());
        let readiness = Readiness::of(process, &values, port)?;
        let environment = &process.environment;
        let call = ProgramCall::of(&process.command, environment, &values, folder.path())?;
        let (show, shown) = watch::channel(false);
        let mut started = Self::spawned(call, folder, readiness.line(), show)?;
        let ready = timeout(within, readiness.wait(shown));
        let ready = tokio::select! {
            status = started.child.wait() => Err(how_it_ended(status)),
            ready = ready => Ok(ready.is_ok()),
        };
        match ready {
            Ok(true) => Ok(started),
            Ok(false) => Err(TargetFailure::NotReady {
                command: started.call.shown.clone(),
                within,
                waited_for: readiness.words(),
                output: started.output.for_error(),
            }),
            Err(how) => Err(started.failure(" before it was ready", how).await),
        }
    }

    /// Starts the process and the tasks that read its outputs. `show` is told when a line of its
    /// standard output contains `ready_line`.
    fn spawned(
        call: ProgramCall,
        folder: TempDir,
        ready_line: Option<String>,
        show: watch::Sender<bool>,
    ) -> Result<Self, TargetFailure> {
        let (mut child, tree) = call.spawn(Stdio::null())?;
        tree.owns_folder(folder.path());
        let (output, mut readers) = (OutputTail::default(), JoinSet::new());
        if let Some(stream) = child.stdout.take() {
            let look = move |line: &str| {
                if ready_line.as_ref().is_some_and(|text| line.contains(text)) {
                    show.send_replace(true);
                }
            };
            readers.spawn(output.clone().read(stream, look));
        }
        if let Some(stream) = child.stderr.take() {
            readers.spawn(output.clone().read(stream, |_| ()));
        }
        Ok(Self { child, tree, call, output, readers, _folder: folder })
    }

    /// Returns its processes.
    pub(crate) fn tree(&self) -> ProcessTree {
        *self.tree
    }

    /// Waits until the server ends by itself, which it should not do. Returns why, with what it has
    /// written.
    pub(crate) async fn ended(&mut self) -> TargetFailure {
        let status = self.child.wait().await;
        self.failure("", how_it_ended(status)).await
    }

    /// Asks all processes to end, and waits until they have. Kills them after 8 s.
    pub(crate) async fn stop(mut self) -> StopOutcome {
        self.tree.signal(Signal::TERM);
        if timeout(STOP_TIME, self.gone()).await.is_ok() {
            return StopOutcome::Ended;
        }
        self.kill().await;
        StopOutcome::Killed
    }

    /// Kills all processes and waits until they have ended.
    pub(crate) async fn kill(mut self) {
        self.tree.signal(Signal::KILL);
        // Nothing survives this signal, but a process that waits for a broken disk takes its time.
        let _ = timeout(STOP_TIME, self.gone()).await;
    }

    /// Suspends all processes.
    pub(crate) fn suspend(&self) {
        self.tree.signal(Signal::STOP);
    }

    /// Resumes suspended processes.
    pub(crate) fn resume(&self) {
        self.tree.signal(Signal::CONT);
    }

    /// Waits until no process runs.
    async fn gone(&mut self) {
        let _ = self.child.wait().await;
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        while self.tree.runs() {
            check.tick().await;
        }
    }

    /// Returns the failure of a server that has ended, once its last lines have arrived.
    async fn failure(&mut self, during: &'static str, how: String) -> TargetFailure {
        let all_read = async { while self.readers.join_next().await.is_some() {} };
        let _ = timeout(OUTPUT_TIME, all_read).await;
        let (command, output) = (self.call.shown.clone(), self.output.for_error());
        TargetFailure::Ended { command, during, how, output }
    }
}

/// Returns the variables of the environment that the process needs, and the folder of the file.
fn placeholders(file: &TargetFile) -> PlaceholderValues {
    let process = &file.process;
    let variables = process.environment.0.iter().map(|(_, value)| value);
    let templates = process.command.0.iter().chain(variables).chain([&process.ready_url]);
    PlaceholderValues::of_environment(templates).with_path("here", &folder_of(file))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    /// Upper bound of every wait. It is reached only if something hangs.
    const DEADLINE: Duration = Duration::from_mins(5);

    /// A target in a folder of its own, whose process is a script of `sh`.
    fn target(folder: &TempDir, script: &str, more: &str) -> TargetFile {
        let text = format!(
            "process.command = ['sh', '-c', '''{script}''', 'sh', '{{port}}', '{{here}}']\n{more}\n\
             publish.url = 'http://127.0.0.1:{{port}}/'\nsse.url = 'http://127.0.0.1:{{port}}/'\n"
        );
        TargetFile::parse("x.toml", &text, folder.path())
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    async fn start(folder: &TempDir, script: &str, more: &str) -> StartedServer {
        let file = target(folder, script, more);
        StartedServer::start(&file, 1, DEADLINE).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns what a process has written into a file, once it has.
    fn written(path: &Path) -> String {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(path).unwrap_or_default();
            if text.ends_with('\n') {
                return text.trim().to_owned();
            }
            assert!(started.elapsed() < DEADLINE, "nothing in {}", path.display());
            std::thread::yield_now();
        }
    }

    const READY: &str = "process.ready-line = 'ready'";

    #[tokio::test]
    async fn a_server_that_ends_early_shows_its_last_lines() {
        let folder = TempDir::new().unwrap();
        let file = target(&folder, "echo one; echo \"port $1 is taken\" >&2; exit 3", READY);
        let error = StartedServer::start(&file, 4321, DEADLINE).await.unwrap_err().to_string();
        assert!(error.contains("ended before it was ready: it exited with code 3"), "{error}");
        assert!(error.contains("\n  one") && error.contains("\n  port 4321 is taken"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let folder = TempDir::new().unwrap();
        let mut file = target(&folder, "", READY);
        file.process.command.0.truncate(1);
        file.process.command.0[0] = wirebench_scenario::target::Template::new("no-such-server");
        let error = StartedServer::start(&file, 1, DEADLINE).await.unwrap_err().to_string();
        assert!(error.contains("is `no-such-server` installed"), "{error}");
    }

    #[tokio::test]
    async fn a_port_that_never_opens_is_reported_and_the_process_is_ended() {
        let folder = TempDir::new().unwrap();
        let script = "echo $$ > \"$2/pid\"; echo starting; exec sleep 1000";
        let port = crate::process::free_port().unwrap();
        let file = target(&folder, script, "");
        let within = Duration::from_millis(500);
        let error = StartedServer::start(&file, port, within).await.unwrap_err().to_string();
        assert!(error.contains("not ready within 0.5 s"), "{error}");
        assert!(error.contains(&format!("accept connections on port {port}")), "{error}");
        let pid = written(&folder.path().join("pid"));
        let started = Instant::now();
        let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        while !state().is_empty() && !state().contains(") Z ") {
            assert!(started.elapsed() < DEADLINE, "it goes on: {}", state());
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_server_is_ready_when_its_port_accepts_connections() {
        let folder = TempDir::new().unwrap();
        let port = crate::process::free_port().unwrap();
        let file = target(&folder, "exec sleep 1000", "");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let server = StartedServer::start(&file, port, DEADLINE).await.unwrap();
        assert_eq!(server.stop().await, StopOutcome::Ended);
        drop(listener);
    }

    #[tokio::test]
    async fn each_process_gets_an_empty_folder_which_is_removed_with_it() {
        let folder = TempDir::new().unwrap();
        let script = "pwd > \"$2/folder\"; ls -A > \"$2/content\"; echo ready; exec sleep 1000";
        let server = start(&folder, script, READY).await;
        let its = written(&folder.path().join("folder"));
        assert!(Path::new(&its).is_dir(), "{its}");
        assert_eq!(fs::read_to_string(folder.path().join("content")).unwrap(), "");
        server.kill().await;
        assert!(!Path::new(&its).exists());
    }

    #[tokio::test]
    async fn what_the_server_started_ends_with_it() {
        // The child ignores SIGTERM if the parent does.
        for (trap, outcome) in [("", StopOutcome::Ended), ("trap '' TERM", StopOutcome::Killed)] {
            let folder = TempDir::new().unwrap();
            let script = format!("{trap}\nsleep 1000 &\necho ready\nwait");
            let server = start(&folder, &script, READY).await;
            let tree = server.tree();
            assert!(tree.runs());
            assert_eq!(server.stop().await, outcome, "{trap}");
            assert!(!tree.runs(), "{trap}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_dropped_is_killed() {
        let folder = TempDir::new().unwrap();
        let server = start(&folder, "trap '' TERM\nsleep 1000 &\necho ready\nwait", READY).await;
        let tree = server.tree();
        drop(server);
        let started = Instant::now();
        while tree.runs() {
            assert!(started.elapsed() < DEADLINE);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_suspended_server_does_nothing_until_it_is_resumed() {
        let folder = TempDir::new().unwrap();
        let script = "echo ready\nwhile :; do :; done";
        let server = start(&folder, script, READY).await;
        server.suspend();
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", server.tree().root())).unwrap();
            stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
        };
        let started = Instant::now();
        while state() != 'T' {
            assert!(started.elapsed() < DEADLINE, "{}", state());
            tokio::task::yield_now().await;
        }
        let used = server.tree().usage().unwrap().cpu;
        server.resume();
        while server.tree().usage().unwrap().cpu < used + Duration::from_millis(20) {
            assert!(started.elapsed() < DEADLINE);
            tokio::task::yield_now().await;
        }
        server.kill().await;
    }
}
