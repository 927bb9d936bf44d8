//! What a server has used: processor time and memory, read from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use wirebench_target::ProcessTree;

/// Whose cost is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CostOf {
    /// A process with all that it has started.
    Processes(ProcessTree),
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
            Self::Processes(tree) => {
                Ok(tree.usage().context("the process of the server has ended")?.cpu)
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
        let Self::Processes(tree) = self else { return Ok(None) };
        let mut sum_kib = 0;
        for pid in tree.pids() {
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
    fn a_process_has_used_time_and_memory_until_it_has_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let cost = CostOf::Processes(ProcessTree::of_pid(child.id()).unwrap());
        let (time, memory) = (cost.cpu_time(), cost.memory_kib());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(time.unwrap() > Duration::ZERO);
        assert!(memory.unwrap().unwrap() > 0);
        assert!(cost.cpu_time().is_err());
    }
}
