//! A process with all that it started, and what they use.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use wirebench_measure::ProcessTimes;
use wirebench_protocol::process::clock_ticks_per_second;

use crate::failure::TargetFailure;

/// A process with all that it started, directly or not: the workers of nginx and the children of
/// Node count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessTree {
    root: u32,
    /// When the root started, in ticks since the machine started. It tells apart another process
    /// that has its number later.
    root_started: u64,
    /// It leads a process group. What is in the group belongs to it, even if its parent has ended.
    leads_group: bool,
}

/// What the processes of a tree use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeUsage {
    /// Processor time so far, user and system. It includes processes that have ended, if their
    /// parents waited for them.
    pub cpu: Duration,
    /// Resident memory. Memory that several processes may share counts once. `None` if the system
    /// does not tell.
    pub rss_bytes: Option<u64>,
    /// The highest resident memory of a single process so far.
    pub peak_bytes: Option<u64>,
}

impl ProcessTree {
    /// Returns the tree of a process that was started as the leader of a process group, and that
    /// nobody has waited for yet.
    pub(crate) fn started(root: u32) -> Self {
        let root_started = process(root).map_or(0, |process| process.started);
        Self { root, root_started, leads_group: true }
    }

    /// Returns the tree of a process that runs already.
    ///
    /// # Errors
    ///
    /// There is no such process.
    pub fn of_pid(pid: u32) -> Result<Self, TargetFailure> {
        let running = process(pid).ok_or_else(|| TargetFailure::Process {
            asked: format!("`process.pid` is {pid}"),
            found: "no such process runs".to_owned(),
        })?;
        Ok(Self::running(&running))
    }

    /// Returns the tree of the process of this name that is not the child of another one.
    ///
    /// # Errors
    ///
    /// There is none, or more than one.
    pub(crate) fn of_name(name: &str) -> Result<Self, TargetFailure> {
        let all = processes();
        // The kernel keeps only so many bytes of a name.
        let kept = name.get(..15).unwrap_or(name);
        let named: Vec<_> = all.iter().filter(|process| process.name == kept).collect();
        let is_child = |process: &ProcessTimes| named.iter().any(|it| it.pid == process.parent);
        let first: Vec<_> = named.iter().filter(|process| !is_child(process)).collect();
        if let [only] = first.as_slice() {
            return Ok(Self::running(only));
        }
        let found = if first.is_empty() {
            "no such process runs".to_owned()
        } else {
            let pids: Vec<_> = first.iter().map(|process| process.pid.to_string()).collect();
            format!("more than one runs, choose with `process.pid`: {}", pids.join(", "))
        };
        Err(TargetFailure::Process { asked: format!("`process.name` is `{name}`"), found })
    }

    fn running(process: &ProcessTimes) -> Self {
        Self { root: process.pid, root_started: process.started, leads_group: false }
    }

    /// Returns the process at the root.
    pub(crate) fn root(self) -> u32 {
        self.root
    }

    /// Returns the processes that run now, or have ended and are still known.
    fn members(self) -> Vec<ProcessTimes> {
        let mut rest = processes();
        // The number of a process is given away only when no process is in its group.
        let is_another = |it: &ProcessTimes| it.pid == self.root && it.started != self.root_started;
        if rest.iter().any(is_another) {
            return Vec::new();
        }
        let mut members: Vec<ProcessTimes> = Vec::new();
        let mut pids = HashSet::from([self.root]);
        loop {
            let in_group = |process: &ProcessTimes| self.leads_group && process.group == self.root;
            let (found, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|process| {
                pids.contains(&process.pid) || pids.contains(&process.parent) || in_group(process)
            });
            if found.is_empty() {
                return members;
            }
            pids.extend(found.iter().map(|process| process.pid));
            members.extend(found);
            rest = others;
        }
    }

    /// Returns the numbers of the processes that run now, or have ended and are still known.
    pub fn pids(self) -> Vec<u32> {
        self.members().iter().map(|process| process.pid).collect()
    }

    /// Returns what the processes use. `None` if there are none. This reads several files for each
    /// process of the machine, so it belongs on a thread that may block.
    pub fn usage(self) -> Option<TreeUsage> {
        let members = self.members();
        if members.is_empty() {
            return None;
        }
        let ticks = |ticks: u64| {
            Duration::from_secs(ticks) / u32::try_from(clock_ticks_per_second()).unwrap_or(100)
        };
        let mut usage = TreeUsage::default();
        let (mut own, mut file, mut shared) = (None, 0, 0);
        for process in &members {
            // The ticks include threads that have ended, and the threads' own clocks are exact.
            let exact = threads_time(process.pid).unwrap_or_default();
            usage.cpu += ticks(process.used).max(exact) + ticks(process.reaped);
            let Some(memory) = ResidentMemory::of(process.pid) else { continue };
            *own.get_or_insert(0) += memory.own;
            file = memory.file.max(file);
            shared = memory.shared.max(shared);
            usage.peak_bytes = usage.peak_bytes.max(Some(memory.peak));
        }
        usage.rss_bytes = own.map(|own: u64| own + file + shared);
        Some(usage)
    }

    /// Returns true if one of the processes still runs.
    pub fn runs(self) -> bool {
        self.members().iter().any(|process| !has_ended(process.pid))
    }

    /// Sends a signal to all processes, once to each. Those that have ended need none.
    pub fn signal(self, signal: Signal) {
        let of = |pid: u32| i32::try_from(pid).ok().and_then(Pid::from_raw);
        let members = self.members();
        if self.leads_group
            && let Some(group) = of(self.root)
        {
            let _ = kill_process_group(group, signal);
        }
        for process in &members {
            let reached = self.leads_group && process.group == self.root;
            if let Some(pid) = of(process.pid).filter(|_| !reached) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
struct ResidentMemory {
    /// What belongs to this process alone.
    own: u64,
    /// Pages of files, such as its program, which others may share.
    file: u64,
    /// Memory that it shares with others on purpose.
    shared: u64,
    peak: u64,
}

impl ResidentMemory {
    /// `None` if the process has ended, or the kernel does not tell.
    fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let bytes = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        };
        Some(Self {
            own: bytes("RssAnon:")?,
            file: bytes("RssFile:")?,
            shared: bytes("RssShmem:")?,
            peak: bytes("VmHWM:")?,
        })
    }
}

/// Returns each process that has this variable in the environment with which it was started, as
/// `NAME=value`.
pub(crate) fn processes_with(variable: &str) -> impl Iterator<Item = ProcessTree> {
    processes().into_iter().filter_map(move |process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|it| it == variable.as_bytes()).then(|| ProcessTree::running(&process))
    })
}

/// Reads all processes. One that ends while it is read is left out.
fn processes() -> Vec<ProcessTimes> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(process).collect()
}

/// Reads one process. `None` if there is none.
fn process(pid: u32) -> Option<ProcessTimes> {
    // A process may choose any bytes for its name.
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    ProcessTimes::parse(&String::from_utf8_lossy(&stat))
}

/// Returns the processor time of the threads of a process. The first number of `schedstat` is a
/// thread's time in nanoseconds; a kernel without `CONFIG_SCHED_INFO` does not have it.
fn threads_time(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut time = Duration::ZERO;
    for thread in threads.filter_map(Result::ok) {
        // A thread that has just ended is in the ticks of its process.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        time += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
    }
    Some(time)
}

/// Returns true if a process has ended and its parent has not asked how, or if it is gone.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell with its own process group, and what it says first.
    struct Shell(Child, String);

    impl Shell {
        fn start(script: &str) -> Self {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdout(Stdio::piped()).stdin(Stdio::piped());
            let mut child = command.process_group(0).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            Self(child, line)
        }

        fn tree(&self) -> ProcessTree {
            ProcessTree::started(self.0.id())
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            self.tree().signal(Signal::KILL);
            let _ = self.0.wait();
        }
    }

    /// A loop that uses processor time, as a shell can write it.
    const WORK: &str = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";

    #[test]
    fn a_child_counts_while_it_runs_and_after_it_has_ended() {
        // The work is done when the line is there: by a child that still runs, and by one that has
        // ended.
        let alone = Shell::start("echo ready; read wait");
        let running = Shell::start(&format!("({WORK}; echo ready; sleep 1000) & wait"));
        let ended = Shell::start(&format!("sh -c '{WORK}'; echo ready; read wait"));
        let cpu = |shell: &Shell| shell.tree().usage().unwrap().cpu;
        let own = cpu(&alone);
        for shell in [&running, &ended] {
            assert!(cpu(shell) > own + Duration::from_millis(10), "{:?}, {own:?}", cpu(shell));
        }
        let memory = running.tree().usage().unwrap();
        assert!(memory.rss_bytes > memory.peak_bytes.map(|peak| peak / 2), "{memory:?}");
    }

    #[test]
    fn one_process_has_the_memory_that_the_kernel_says() {
        let shell = Shell::start("echo ready; read wait");
        let usage = shell.tree().usage().unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", shell.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
        assert_eq!(usage.rss_bytes, Some(kib * 1024));
        assert!(usage.peak_bytes >= usage.rss_bytes);
    }

    #[test]
    fn a_signal_reaches_children_whose_parent_has_ended_and_those_in_other_groups() {
        // The first child outlives its parent; the second one leaves the group.
        let script = "(sleep 1000 & echo $!); setsid sleep 1000 & wait";
        let mut shell = Shell::start(script);
        let orphan: u32 = shell.1.trim().parse().unwrap();
        let tree = shell.tree();
        let deadline = std::time::Instant::now() + Duration::from_mins(5);
        while tree.members().len() < 3 {
            assert!(std::time::Instant::now() < deadline, "{:?}", tree.members());
            std::thread::yield_now();
        }
        assert!(tree.members().iter().any(|process| process.pid == orphan));
        tree.signal(Signal::KILL);
        shell.0.wait().unwrap();
        while tree.runs() || !has_ended(orphan) {
            assert!(std::time::Instant::now() < deadline, "{:?}", tree.members());
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_process_is_found_by_its_number_or_its_name() {
        let shell = Shell::start("echo ready; read wait");
        assert_eq!(ProcessTree::of_pid(shell.0.id()).unwrap().root(), shell.0.id());
        let error = ProcessTree::of_pid(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("no such process"), "{error}");
        let error = ProcessTree::of_name("no-such-process-name").unwrap_err().to_string();
        assert!(error.contains("`process.name` is `no-such-process-name`"), "{error}");
        // This test and its threads are one process.
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        match ProcessTree::of_name(own.trim()) {
            Ok(tree) => assert_eq!(tree.root(), std::process::id()),
            Err(error) => assert!(error.to_string().contains("more than one"), "{error}"),
        }
    }
}
