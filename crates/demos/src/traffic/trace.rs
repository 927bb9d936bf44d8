//! The pieces that crossed the lanes of a tab, recorded in order while the tab asks for them.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use tokio::time::Instant;
use wirebench_protocol::Timestamp;

/// How long a tab is recorded after each time that it asks.
pub(crate) const RECORDING_TIME: Duration = Duration::from_secs(10);

/// The number of records that are kept for a tab. Beyond it, the oldest are dropped.
const MAX_RECORDS: usize = 1_000;

/// The number of bytes that are kept of a piece.
const MAX_PIECE_BYTES: usize = 2_048;

/// The number of records in one response. The next response has the rest.
const MAX_PAGE_RECORDS: usize = 250;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From the browser.
    In,
    /// To the browser.
    Out,
}

/// The bytes of one read from a socket or one write to it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Piece {
    at_ns: Timestamp,
    /// The number of bytes that crossed. Not all of them may have been kept.
    pub(crate) length: usize,
    #[serde(serialize_with = "as_base64")]
    bytes: Bytes,
}

/// A piece with its number, its lane and its connection.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TraceRecord {
    n: u64,
    lane: String,
    connection: u64,
    direction: Direction,
    #[serde(flatten)]
    piece: Piece,
}

/// What was recorded for one tab.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<TraceBuffer>);

#[derive(Debug, Default)]
struct TraceBuffer {
    last_asked: Option<Instant>,
    /// The number of the newest record ever made. 0 before the first record.
    newest: u64,
    records: VecDeque<TraceRecord>,
}

/// The records that follow a given one.
#[derive(Debug, Serialize)]
pub(crate) struct TracePage {
    /// The value of `after` for the next request.
    next: u64,
    /// The number of records that were dropped before they could be read.
    dropped: u64,
    records: Vec<TraceRecord>,
}

impl Piece {
    pub(crate) fn new(at: Timestamp, bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(MAX_PIECE_BYTES)];
        Self { at_ns: at, length: bytes.len(), bytes: Bytes::copy_from_slice(kept) }
    }

    /// Counts further bytes that are not kept.
    pub(crate) fn add_dropped_bytes(&mut self, length: usize) {
        self.length += length;
    }
}

impl Trace {
    /// Returns true if the tab has asked lately. Drops the records otherwise.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.lock().is_recording()
    }

    pub(crate) fn record(&self, lane: &str, connection: u64, direction: Direction, piece: Piece) {
        let mut buffer = self.0.lock();
        if !buffer.is_recording() {
            return;
        }
        if buffer.records.len() == MAX_RECORDS {
            buffer.records.pop_front();
        }
        buffer.newest += 1;
        let (n, lane) = (buffer.newest, lane.to_owned());
        buffer.records.push_back(TraceRecord { n, lane, connection, direction, piece });
    }

    /// Returns the records after the record `after`, and keeps the recording going.
    pub(crate) fn read(&self, after: u64) -> TracePage {
        let mut buffer = self.0.lock();
        // First, so that what was recorded before a long pause is dropped.
        buffer.is_recording();
        buffer.last_asked = Some(Instant::now());
        // A number that does not exist yet comes from before a restart of the server. Start over.
        let after = if after > buffer.newest { 0 } else { after };
        let oldest = buffer.newest + 1 - buffer.records.len() as u64;
        let dropped = oldest.saturating_sub(after + 1);
        let later = buffer.records.iter().filter(|record| record.n > after);
        let records: Vec<_> = later.take(MAX_PAGE_RECORDS).cloned().collect();
        let next = records.last().map_or(buffer.newest, |record| record.n);
        TracePage { next, dropped, records }
    }
}

impl TraceBuffer {
    fn is_recording(&mut self) -> bool {
        let recording = self.last_asked.is_some_and(|asked| asked.elapsed() < RECORDING_TIME);
        if !recording && self.records.capacity() > 0 {
            self.records = VecDeque::new();
        }
        recording
    }
}

fn as_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(trace: &Trace, times: usize) {
        for _ in 0..times {
            let piece = Piece::new(Timestamp::from_nanos(1), b"hello");
            trace.record("sse", 1, Direction::Out, piece);
        }
    }

    fn numbers(page: &TracePage) -> Vec<u64> {
        page.records.iter().map(|record| record.n).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_tab_is_recorded_while_it_keeps_asking() {
        let trace = Trace::default();
        record(&trace, 1);
        assert_eq!(numbers(&trace.read(0)), [0; 0]);
        record(&trace, 2);
        assert_eq!(numbers(&trace.read(0)), [1, 2]);
        assert_eq!(numbers(&trace.read(1)), [2]);
        tokio::time::advance(RECORDING_TIME).await;
        record(&trace, 1);
        let later = trace.read(2);
        assert_eq!((later.next, later.dropped, later.records.len()), (2, 0, 0));
    }

    #[test]
    fn a_piece_keeps_its_length_and_the_first_of_its_bytes() {
        let mut piece = Piece::new(Timestamp::from_nanos(7), &[b'x'; MAX_PIECE_BYTES + 1]);
        piece.add_dropped_bytes(10);
        assert_eq!((piece.length, piece.bytes.len()), (MAX_PIECE_BYTES + 11, MAX_PIECE_BYTES));
        let record = TraceRecord {
            n: 3,
            lane: "sse".into(),
            connection: 4,
            direction: Direction::In,
            piece: Piece::new(Timestamp::from_nanos(7), b"hi"),
        };
        assert_eq!(
            serde_json::to_value(record).unwrap(),
            serde_json::json!({
                "n": 3, "lane": "sse", "connection": 4, "at_ns": 7, "direction": "in",
                "length": 2, "bytes": "aGk=",
            })
        );
    }

    #[test]
    fn records_beyond_the_limit_are_dropped_and_counted_as_dropped() {
        let trace = Trace::default();
        trace.read(0);
        record(&trace, MAX_RECORDS + 20);
        let first = trace.read(5);
        assert_eq!((first.dropped, first.next), (15, 20 + MAX_PAGE_RECORDS as u64));
        assert_eq!(numbers(&first).first(), Some(&21));
        let second = trace.read(first.next);
        assert_eq!((second.dropped, second.records.len()), (0, MAX_PAGE_RECORDS));
    }

    #[test]
    fn a_number_from_before_a_restart_means_from_the_start() {
        let trace = Trace::default();
        trace.read(0);
        record(&trace, 2);
        assert_eq!(numbers(&trace.read(4711)), [1, 2]);
    }
}
