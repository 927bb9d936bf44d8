//! The times between which a socket was read.

use std::task::Poll;
use std::time::Duration;

use wirebench_loadgen::Dialer;
use wirebench_protocol::Timestamp;

/// The reads from the sockets of one dialer, each with a time before and a time after it.
///
/// The stamp of a message is the time at which its last byte was read plus the delay of the link.
/// So it lies between the two times of a read, moved by the delay. That also holds on a busy
/// machine: the times are then further apart.
#[derive(Debug)]
pub(crate) struct Reads<'a> {
    dialer: &'a Dialer,
    reads: Vec<Read>,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    from: Timestamp,
    to: Timestamp,
    bytes: u64,
}

impl<'a> Reads<'a> {
    pub(crate) fn new(dialer: &'a Dialer) -> Self {
        Self { dialer, reads: Vec::new() }
    }

    /// Polls something that reads from a connection of the dialer, and notes whether it did.
    pub(crate) fn note<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let (from, before) = (Timestamp::now(), self.dialer.counts().bytes_down);
        let polled = poll();
        let bytes = self.dialer.counts().bytes_down - before;
        if bytes > 0 {
            self.reads.push(Read { from, to: Timestamp::now(), bytes });
        }
        polled
    }

    /// Returns true if one read returned at least so many bytes.
    pub(crate) fn have(&self, bytes: u64) -> bool {
        self.reads.iter().any(|read| read.bytes >= bytes)
    }

    /// Discards the reads so far.
    pub(crate) fn clear(&mut self) {
        self.reads.clear();
    }

    /// Returns true if one of the reads, over a link with this delay, explains this stamp.
    pub(crate) fn explain(&self, stamp: Timestamp, delay: Duration) -> bool {
        self.reads.iter().any(|read| (read.from + delay..=read.to + delay).contains(&stamp))
    }
}
