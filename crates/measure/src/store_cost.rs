//! What a run cost the store of the server.

use std::time::Duration;

use wirebench_protocol::control::{StoreCounts, StoreReport};

use crate::latency::Latency;

/// What the store of the server did in the window of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreCost {
    /// How much it did.
    pub counts: StoreCounts,
    /// How long the transactions took that have written messages: from the wait for a connection to
    /// the answer of the database to the commit.
    pub commit: Latency,
}

impl StoreCost {
    /// Adds what a process of the server has reported. A server that was restarted in the window
    /// had several.
    pub fn add(&mut self, report: &StoreReport) {
        self.counts += report.counts;
        for (nanos, times) in &report.commit_times_ns {
            self.commit.record_many(Duration::from_nanos(*nanos), *times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_several_processes_add_up() {
        let report = |queries, commit_times_ns: &[(u64, u64)]| StoreReport {
            counts: StoreCounts {
                queries,
                rows_read: 10 * queries,
                transactions: 2 * queries,
                committed: 3 * queries,
                replayed: 4 * queries,
            },
            commit_times_ns: commit_times_ns.to_vec(),
        };
        let mut cost = StoreCost::default();
        cost.add(&report(1, &[(1_000, 3), (5_000, 1)]));
        cost.add(&report(2, &[(1_000, 96)]));
        assert_eq!(cost.counts, report(3, &[]).counts);
        let mut commit = Latency::new();
        (0..99).for_each(|_| commit.record(Duration::from_micros(1)));
        commit.record(Duration::from_micros(5));
        assert_eq!(cost.commit, commit);
    }
}
