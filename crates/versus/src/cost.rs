//! What a server has used: processor time and memory, read from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Whose cost is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CostOf {
    /// A process with its children and theirs.
    Processes(u32),
    /// One thread of this process.
    Thread(u32),
}

impl CostOf {
    /// Returns the processor time so far, user and system.
    ///
    /// # Errors
    /// The process or the thread has ended, or the kernel was built without `CONFIG_SCHED_INFO`.
    pub(crate) fn cpu_time(self) -> anyhow::Result<Duration> {
        match self {
            Self::Processes(pid) => {
                let mut time = Duration::ZERO;
                for pid in processes(pid) {
                    for thread in threads(pid)? {
                        time += run_time(&format!("/proc/{pid}/task/{thread}/schedstat"))?;
                    }
                }
                Ok(time)
            }
            Self::Thread(thread) => run_time(&format!("/proc/self/task/{thread}/schedstat")),
        }
    }

    /// Returns the memory that the processes have written to, in KiB: private memory, and
    /// memory that they share with each other. Neither their code nor what the kernel keeps for
    /// their sockets. `None` for a thread.
    ///
    /// # Errors
    /// The process has ended, or the kernel does not tell (Linux 5.14 and later do).
    pub(crate) fn memory_kib(self) -> anyhow::Result<Option<u32>> {
        let Self::Processes(pid) = self else { return Ok(None) };
        let mut sum_kib = 0;
        for pid in processes(pid) {
            let file = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
            for key in ["Pss_Anon:", "Pss_Shmem:"] {
                let line = text.lines().find_map(|line| line.strip_prefix(key));
                let kib =
                    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u32>().ok());
                sum_kib += kib.with_context(|| format!("{file} has no {key}"))?;
            }
        }
        Ok(Some(sum_kib))
    }
}

/// Returns a process and all that it has started, directly or not.
pub(crate) fn processes(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        next += 1;
        for thread in threads(pid).unwrap_or_default() {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
            let children = children.unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    all
}

fn threads(pid: u32) -> anyhow::Result<Vec<u32>> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// The first number of `schedstat` is the time on a processor, in nanoseconds.
fn run_time(file: &str) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    first.map(Duration::from_nanos).with_context(|| format!("{file} does not begin with a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process of its own: those of other tests come and go.
    #[test]
    fn a_process_has_used_time_and_memory() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let cost = CostOf::Processes(child.id());
        let (time, memory) = (cost.cpu_time(), cost.memory_kib());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(time.unwrap() > Duration::ZERO);
        assert!(memory.unwrap().unwrap() > 0);
    }

    #[test]
    fn the_children_of_a_process_belong_to_it() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = processes(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
    }

    #[test]
    fn a_process_that_is_not_there_has_no_cost() {
        assert!(CostOf::Processes(u32::MAX).cpu_time().is_err());
    }
}
