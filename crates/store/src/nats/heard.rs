//! The newest messages of a feed as the stream has handed them on. So a server that did not publish a
//! message need not read it from the stream.

use std::collections::VecDeque;

use wirebench_protocol::{Epoch, Seq};

use crate::message::StoredMessage;

/// The maximum number of messages that are kept.
const MAX_MESSAGES: usize = 1024;

/// The maximum size of their payloads, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// Messages that follow each other without a hole.
#[derive(Debug, Default)]
pub(super) struct Heard {
    messages: VecDeque<StoredMessage>,
    bytes: usize,
    /// The epoch of the messages. `None`: not known; after a lost connection they may be of another
    /// one.
    epoch: Option<Epoch>,
}

impl Heard {
    /// Keeps a message, and forgets the oldest ones for which there is no room any more. Returns
    /// false if its number is not higher than that of the last one, so that the stream may have been
    /// created anew.
    pub(super) fn keep(&mut self, message: StoredMessage) -> bool {
        let last = self.messages.back().map(|last| last.seq);
        if last.is_some_and(|last| message.seq != last + 1) {
            self.forget();
        }
        self.bytes += message.payload.len();
        let grows = last.is_none_or(|last| message.seq > last);
        if !grows {
            self.epoch = None;
        }
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.payload.len();
        }
        grows
    }

    /// Called when the stream says when it was created.
    pub(super) fn confirm(&mut self, epoch: Epoch) {
        if self.epoch.is_some_and(|known| known != epoch) {
            self.forget();
        }
        self.epoch = Some(epoch);
    }

    /// Called when messages may have been lost, or are of another epoch: forgets everything.
    pub(super) fn doubt(&mut self) {
        self.forget();
        self.epoch = None;
    }

    fn forget(&mut self) {
        self.messages.clear();
        self.bytes = 0;
    }

    /// Returns the messages after a place of an epoch: at most so many, and at most so many bytes, but
    /// at least one. `None` if the next one is not here.
    pub(super) fn after(
        &self,
        epoch: Epoch,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Option<Vec<StoredMessage>> {
        let first = self.messages.front().filter(|_| self.epoch == Some(epoch))?.seq;
        let skip = usize::try_from((after + 1).checked_sub(first)?).ok()?;
        let mut bytes = 0;
        let most = usize::try_from(max_messages).unwrap_or(usize::MAX);
        let messages = self.messages.iter().skip(skip).take(most).enumerate();
        let fitting = messages.take_while(|(place, message)| {
            bytes += message.payload.len() as u64;
            *place == 0 || bytes <= max_bytes
        });
        let found: Vec<_> = fitting.map(|(_, message)| message.clone()).collect();
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wirebench_protocol::control::PayloadKind;
    use wirebench_protocol::{Recipients, Timestamp};

    use super::*;

    const EPOCH: Epoch = Epoch(7);

    fn message(seq: Seq) -> StoredMessage {
        StoredMessage {
            seq,
            payload: Bytes::from_static(b"0123456789"),
            kind: PayloadKind::Json,
            recipients: Recipients::Everyone,
            due: Timestamp::from_nanos(0),
            key: None,
        }
    }

    fn heard(messages: impl IntoIterator<Item = Seq>) -> Heard {
        let mut heard = Heard::default();
        heard.confirm(EPOCH);
        for seq in messages {
            heard.keep(message(seq));
        }
        heard
    }

    fn numbers(found: Option<Vec<StoredMessage>>) -> Option<Vec<Seq>> {
        Some(found?.iter().map(|message| message.seq).collect())
    }

    #[test]
    fn what_follows_a_place_is_found_within_both_limits() {
        let heard = heard(5..=9);
        assert_eq!(numbers(heard.after(EPOCH, 4, 10, 1_000)), Some(vec![5, 6, 7, 8, 9]));
        assert_eq!(numbers(heard.after(EPOCH, 6, 2, 1_000)), Some(vec![7, 8]));
        assert_eq!(numbers(heard.after(EPOCH, 6, 10, 25)), Some(vec![7, 8]));
        assert_eq!(numbers(heard.after(EPOCH, 6, 10, 1)), Some(vec![7]), "at least one");
        assert_eq!(numbers(heard.after(EPOCH, 3, 10, 1_000)), None, "4 is not here");
        assert_eq!(numbers(heard.after(EPOCH, 9, 10, 1_000)), None, "10 is not here");
        assert_eq!(numbers(heard.after(EPOCH, 50, 10, 1_000)), None);
    }

    #[test]
    fn a_hole_forgets_what_was_before_it() {
        let heard = heard([5, 6, 8, 9]);
        assert_eq!(numbers(heard.after(EPOCH, 5, 10, 1_000)), None);
        assert_eq!(numbers(heard.after(EPOCH, 7, 10, 1_000)), Some(vec![8, 9]));
    }

    #[test]
    fn a_number_that_does_not_grow_makes_everything_doubtful() {
        let mut heard = heard([5, 6]);
        assert!(!heard.keep(message(1)));
        assert_eq!(numbers(heard.after(EPOCH, 0, 10, 1_000)), None, "it may be of another epoch");
        heard.confirm(EPOCH);
        assert_eq!(numbers(heard.after(EPOCH, 0, 10, 1_000)), Some(vec![1]));
        heard.doubt();
        assert!(heard.keep(message(2)));
        assert_eq!(numbers(heard.after(EPOCH, 1, 10, 1_000)), None);
        heard.confirm(EPOCH);
        assert_eq!(numbers(heard.after(Epoch(8), 1, 10, 1_000)), None, "another epoch");
        heard.confirm(Epoch(8));
        assert_eq!(numbers(heard.after(Epoch(8), 1, 10, 1_000)), None, "2 was of the one before");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let most = Seq::try_from(MAX_MESSAGES).unwrap();
        let heard = heard(1..=most + 3);
        assert_eq!(numbers(heard.after(EPOCH, 2, 1, 1_000)), None);
        assert_eq!(numbers(heard.after(EPOCH, 3, 1, 1_000)), Some(vec![4]));
    }
}
