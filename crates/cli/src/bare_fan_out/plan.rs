//! What a bare fan-out consists of.

/// The fan-out to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FanOutPlan {
    /// The number of connections that each message is written to; at least 1.
    pub(crate) connections: usize,
    /// The size of a message; at least 1.
    pub(crate) payload_bytes: usize,
    /// The number of threads that write, each to its share of the connections; at least 1. Beside
    /// each of them another thread reads.
    pub(crate) threads: usize,
    /// The number of messages that count; at least 1.
    pub(crate) messages: u32,
}

/// The maximum number of bytes that one measurement writes, so that it does not take longer with
/// long messages.
const MAX_BYTES: usize = 256 << 20;

/// Files of this process that are open beside the connections.
const OTHER_FILES: usize = 100;

impl FanOutPlan {
    /// Returns a plan with at most so many messages: fewer if they are so long that they would take
    /// too much time, but at least 3.
    pub(crate) fn new(
        connections: usize,
        payload_bytes: usize,
        threads: usize,
        most_messages: u32,
    ) -> Self {
        let message = connections.saturating_mul(payload_bytes).max(1);
        let messages = u32::try_from(MAX_BYTES / message).unwrap_or(most_messages);
        let messages = messages.max(3).min(most_messages);
        Self { connections, payload_bytes, threads: threads.min(connections), messages }
    }
}

/// Returns the number of open files that a measurement with so many connections needs. Both ends of
/// a connection are in this process.
pub(crate) fn files_for(connections: usize) -> usize {
    connections.saturating_mul(2).saturating_add(OTHER_FILES)
}

/// Returns the maximum number of connections that a limit of open files allows.
pub(crate) fn most_connections(open_files: u64) -> usize {
    usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_fewer_and_no_thread_is_without_a_connection() {
        let plan = FanOutPlan::new(1_000, 200, 1, 50);
        assert_eq!((plan.messages, plan.threads), (50, 1));
        let plan = FanOutPlan::new(1_000, 1 << 20, 4, 50);
        assert_eq!((plan.messages, plan.threads), (3, 4));
        let plan = FanOutPlan::new(2, 200, 4, 2);
        assert_eq!((plan.messages, plan.threads), (2, 2));
    }

    #[test]
    fn both_ends_of_each_connection_fit_the_limit_of_open_files() {
        for open_files in [0, 99, 100, 101, 1_024, 20_000] {
            let most = most_connections(open_files);
            assert!(most == 0 || files_for(most) as u64 <= open_files, "{open_files}: {most}");
            assert!(files_for(most + 1) as u64 > open_files, "{open_files}: {most}");
        }
    }
}
