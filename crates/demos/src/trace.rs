//! What was recorded for a tab while it looks: the pieces that crossed its lanes, in order.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use tokio::time::Instant;
use wirebench_protocol::Timestamp;

/// How long a tab is recorded after it has asked.
pub(crate) const RECORDED_FOR: Duration = Duration::from_secs(10);

/// Records that are kept for a tab. Beyond them, the oldest go.
const RECORDS: usize = 1_000;

/// Bytes that are kept of a piece.
const PIECE_BYTES: usize = 2_048;

/// Records in one answer; the next has the rest.
const ANSWER_RECORDS: usize = 250;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From the browser.
    In,
    /// To it.
    Out,
}

/// What crossed a socket in one go.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Piece {
    at_ns: Timestamp,
    pub(crate) length: usize,
    #[serde(serialize_with = "as_base64")]
    bytes: Bytes,
}

/// A piece in its place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    n: u64,
    lane: String,
    connection: u64,
    direction: Direction,
    #[serde(flatten)]
    piece: Piece,
}

/// What was recorded for a tab.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Tape>);

#[derive(Debug, Default)]
struct Tape {
    asked: Option<Instant>,
    /// The newest record ever; 0 before the first.
    newest: u64,
    records: VecDeque<Record>,
}

/// Records after a place.
#[derive(Debug, Serialize)]
pub(crate) struct Excerpt {
    /// The place to go on from.
    next: u64,
    /// Records after the place asked for that are gone.
    dropped: u64,
    records: Vec<Record>,
}

impl Piece {
    pub(crate) fn new(at: Timestamp, bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(PIECE_BYTES)];
        Self { at_ns: at, length: bytes.len(), bytes: Bytes::copy_from_slice(kept) }
    }

    /// More came of which nothing is kept.
    pub(crate) fn grow(&mut self, length: usize) {
        self.length += length;
    }
}

impl Trace {
    /// Whether it is being recorded; what was, while it no longer is, goes.
    pub(crate) fn keep(&self) -> bool {
        lock(&self.0).keep()
    }

    pub(crate) fn record(&self, lane: &str, connection: u64, direction: Direction, piece: Piece) {
        let mut tape = lock(&self.0);
        if !tape.keep() {
            return;
        }
        if tape.records.len() == RECORDS {
            tape.records.pop_front();
        }
        tape.newest += 1;
        let n = tape.newest;
        tape.records.push_back(Record { n, lane: lane.to_owned(), connection, direction, piece });
    }

    pub(crate) fn ask(&self, after: u64) -> Excerpt {
        let mut tape = lock(&self.0);
        tape.keep();
        tape.asked = Some(Instant::now());
        // Beyond the newest: of an earlier life of the server, of which nothing is known.
        let after = if after > tape.newest { 0 } else { after };
        let oldest = tape.newest + 1 - tape.records.len() as u64;
        let dropped = oldest.saturating_sub(after + 1);
        let later = tape.records.iter().filter(|record| record.n > after);
        let records: Vec<_> = later.take(ANSWER_RECORDS).cloned().collect();
        let next = records.last().map_or(tape.newest, |record| record.n);
        Excerpt { next, dropped, records }
    }
}

impl Tape {
    fn keep(&mut self) -> bool {
        let asked = self.asked.is_some_and(|asked| asked.elapsed() < RECORDED_FOR);
        if !asked && self.records.capacity() > 0 {
            self.records = VecDeque::new();
        }
        asked
    }
}

fn as_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(trace: &Trace, times: usize) {
        for _ in 0..times {
            let piece = Piece::new(Timestamp::from_nanos(1), b"hello");
            trace.record("sse", 1, Direction::Out, piece);
        }
    }

    fn places(excerpt: &Excerpt) -> Vec<u64> {
        excerpt.records.iter().map(|record| record.n).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_recorded_while_somebody_asks() {
        let trace = Trace::default();
        send(&trace, 1);
        assert_eq!(places(&trace.ask(0)), [0; 0]);
        send(&trace, 2);
        assert_eq!(places(&trace.ask(0)), [1, 2]);
        assert_eq!(places(&trace.ask(1)), [2]);
        tokio::time::advance(RECORDED_FOR).await;
        send(&trace, 1);
        let later = trace.ask(2);
        assert_eq!((later.next, later.dropped, later.records.len()), (2, 0, 0));
    }

    #[test]
    fn a_piece_keeps_its_length_and_the_first_of_its_bytes() {
        let mut piece = Piece::new(Timestamp::from_nanos(7), &[b'x'; PIECE_BYTES + 1]);
        piece.grow(10);
        assert_eq!((piece.length, piece.bytes.len()), (PIECE_BYTES + 11, PIECE_BYTES));
        let record = Record {
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
    fn what_no_longer_fits_is_dropped_and_said_to_be() {
        let trace = Trace::default();
        trace.ask(0);
        send(&trace, RECORDS + 20);
        let first = trace.ask(5);
        assert_eq!((first.dropped, first.next), (15, 20 + ANSWER_RECORDS as u64));
        assert_eq!(places(&first).first(), Some(&21));
        let second = trace.ask(first.next);
        assert_eq!((second.dropped, second.records.len()), (0, ANSWER_RECORDS));
    }

    #[test]
    fn a_place_of_an_earlier_life_means_from_the_start() {
        let trace = Trace::default();
        trace.ask(0);
        send(&trace, 2);
        assert_eq!(places(&trace.ask(4711)), [1, 2]);
    }
}
