//! What was published so far, and in the window how long it took.

use wirebench_loadgen::CountedMessages;
use wirebench_measure::{PublishRecord, Window};
use wirebench_protocol::control::{CountWindow, WindowCount, WindowReport};
use wirebench_protocol::{Seq, Timestamp};

/// What a publisher has counted. It outlives the publisher.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishTally {
    /// Messages published so far.
    pub(crate) published: u64,
    window: Option<Window>,
    count: WindowCount,
    record: PublishRecord,
}

impl PublishTally {
    /// Counts anew, what is due in this window.
    pub(crate) fn begin(&mut self, window: CountWindow) {
        let CountWindow { from_ns: from, to_ns: to } = window;
        let published = self.published;
        *self = Self { published, window: Some(Window { from, to }), ..Self::default() };
    }

    /// Counts a message that the server may have: it was accepted at a time, or nothing says so.
    pub(crate) fn published(&mut self, seq: Seq, due: Timestamp, accepted_at: Option<Timestamp>) {
        self.published += 1;
        if !self.counts(due) {
            return;
        }
        self.count.published += 1;
        self.count.first_seq.get_or_insert(seq);
        self.count.last_seq = Some(seq);
        if let Some(at) = accepted_at {
            self.record.accepted.record(at.saturating_since(due));
        }
    }

    /// Counts a message that the server refused.
    pub(crate) fn refused(&mut self, due: Timestamp) {
        if self.counts(due) {
            self.record.refused += 1;
        }
    }

    /// Returns what was counted in the window.
    pub(crate) fn counted(&self) -> CountedMessages {
        let window = WindowReport { feed: self.count, store: None };
        CountedMessages { window, publishing: Some(self.record.clone()) }
    }

    fn counts(&self, due: Timestamp) -> bool {
        self.window.is_some_and(|window| window.contains(due))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_is_due_in_the_window_is_counted() {
        let at = |millis| Timestamp::from_nanos(0) + Duration::from_millis(millis);
        let mut tally = PublishTally::default();
        tally.published(1, at(90), Some(at(95)));
        tally.begin(CountWindow { from_ns: at(100), to_ns: at(200) });
        tally.published(2, at(100), Some(at(130)));
        tally.refused(at(110));
        tally.published(3, at(150), None);
        tally.published(4, at(200), Some(at(201)));
        tally.refused(at(210));
        let CountedMessages { window, publishing } = tally.counted();
        assert_eq!((window.feed.published, tally.published), (2, 4));
        assert_eq!((window.feed.first_seq, window.feed.last_seq), (Some(2), Some(3)));
        let publishing = publishing.unwrap();
        assert_eq!((publishing.accepted.len(), publishing.refused), (1, 1));
        let accepted = publishing.accepted.max().unwrap();
        assert!(accepted.abs_diff(Duration::from_millis(30)) < Duration::from_millis(1));
    }
}
