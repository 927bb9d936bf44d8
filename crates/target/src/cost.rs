//! What a server has used so far, all its processes together, also after it was started again.

use std::time::Duration;

use crate::process::{ProcessTree, TreeUsage};

/// The cost of a server so far.
#[derive(Debug, Default)]
pub(crate) struct CostSoFar {
    /// Its processes now. `None` while it is down, and if they are not known.
    tree: Option<ProcessTree>,
    /// What these processes used when they were read last.
    latest: Option<TreeUsage>,
    /// What earlier processes had used when they were asked to end. `None` if none are known.
    earlier: Option<Duration>,
    /// The highest memory so far.
    peak_bytes: Option<u64>,
}

/// A reading of the cost. What is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CostReading {
    /// Processor time, user and system.
    pub(crate) cpu: Option<Duration>,
    /// Resident memory now.
    pub(crate) rss_bytes: Option<u64>,
    /// The highest resident memory that was read so far, or that a single process has had.
    pub(crate) peak_bytes: Option<u64>,
}

impl CostSoFar {
    /// Called when the server has started, or when it is known which process it is.
    pub(crate) fn begin(&mut self, tree: ProcessTree) {
        self.tree = Some(tree);
        self.earlier.get_or_insert_default();
    }

    /// Reads the cost. Processes that have ended meanwhile have used what they had when they were
    /// read last.
    pub(crate) async fn read(&mut self) -> CostReading {
        if let Some(tree) = self.tree {
            let usage = tokio::task::spawn_blocking(move || tree.usage()).await;
            if let Ok(Some(usage)) = usage {
                self.latest = Some(usage);
                self.peak_bytes = self.peak_bytes.max(usage.rss_bytes).max(usage.peak_bytes);
            }
        }
        let cpu = self.latest.map(|usage| usage.cpu).unwrap_or_default();
        CostReading {
            cpu: self.earlier.map(|earlier| earlier + cpu),
            rss_bytes: self.latest.and_then(|usage| usage.rss_bytes),
            peak_bytes: self.peak_bytes,
        }
    }

    /// Called just before the server ends. Keeps what it has used.
    pub(crate) async fn end(&mut self) {
        let cpu = self.read().await.cpu;
        *self = Self { earlier: cpu, peak_bytes: self.peak_bytes, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("1000").process_group(0).spawn().unwrap())
        }

        fn tree(&self) -> ProcessTree {
            ProcessTree::started(self.0.id())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[tokio::test]
    async fn the_cost_of_a_server_that_was_started_again_only_grows() {
        let mut cost = CostSoFar::default();
        assert_eq!(cost.read().await, CostReading::default(), "nothing is known");
        let first = Sleeper::start();
        cost.begin(first.tree());
        let before = cost.read().await;
        assert!(before.cpu > Some(Duration::ZERO) && before.rss_bytes.is_some(), "{before:?}");
        cost.end().await;
        drop(first);
        let down = cost.read().await;
        assert!(down.cpu >= before.cpu && down.rss_bytes.is_none(), "{down:?}");
        assert!(down.peak_bytes >= before.rss_bytes, "{down:?}");
        let second = Sleeper::start();
        cost.begin(second.tree());
        let after = cost.read().await;
        assert!(after.cpu > down.cpu && after.rss_bytes.is_some(), "{after:?} after {down:?}");
    }
}
