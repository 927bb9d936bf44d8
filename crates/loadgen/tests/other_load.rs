//! Other load on the machine: a busy process is found, unless it belongs to the run.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wirebench_loadgen::read_machine;
use wirebench_measure::{OtherLoad, ProcessTimes};

/// Killed when dropped.
struct ShellProcess(Child);

impl ShellProcess {
    fn start(script: &str) -> Self {
        let mut command = Command::new("sh");
        // A script that reads its input waits for as long as the pipe is open.
        Self(command.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap())
    }

    fn times(&self) -> ProcessTimes {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        ProcessTimes::parse(&stat).unwrap()
    }
}

impl Drop for ShellProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_busy_process_and_what_it_used_are_found_unless_it_belongs_to_the_run() {
    let (busy, idle) =
        (ShellProcess::start("while :; do :; done"), ShellProcess::start("read line"));
    let from = read_machine();
    let (start, deadline) = (busy.times(), Instant::now() + Duration::from_mins(1));
    // 20 ticks are 0.2 s of processor time, however long they take on a machine that is busy.
    while busy.times().used < start.used + 20 {
        assert!(Instant::now() < deadline, "the busy process does not get a core");
        std::thread::sleep(Duration::from_millis(5));
    }
    let to = read_machine();
    let passed = to.at.saturating_since(from.at).as_secs_f64();

    let beside_idle = OtherLoad::between(&from, &to, &[idle.0.id()]);
    let found = beside_idle.processes.iter().find(|process| process.pid == busy.0.id());
    let found = found.unwrap_or_else(|| panic!("{} is not in {beside_idle:?}", busy.0.id()));
    assert_eq!(found.name, "sh");
    assert!(found.cores * passed >= 0.19, "{found:?} within {passed} s");
    let all = beside_idle.other_ratio.unwrap()
        * passed
        * f64::from(u32::try_from(beside_idle.cores).unwrap());
    assert!(all >= 0.19, "{all} s of {beside_idle:?}");

    // This process started it, so it belongs to a run that this process drives.
    let own = OtherLoad::between(&from, &to, &[std::process::id()]);
    assert!(own.processes.iter().all(|process| process.pid != busy.0.id()), "{own:?}");
}
