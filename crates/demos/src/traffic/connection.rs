//! One connection of the server, and the lanes whose bytes it carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Timestamp;

use crate::traffic::lanes::Lane;
use crate::traffic::trace::{Direction, Piece};

/// The number of pieces that a connection holds until it is known which lane they belong to. Bytes
/// that arrive after that are counted, but not kept.
const MAX_HELD_PIECES: usize = 16;

/// The number of lanes that a connection remembers. Beyond it, the connection forgets the oldest,
/// and counts as another connection if it ever carries that lane again.
const MAX_REMEMBERED_LANES: usize = 64;

/// A connection of the server. Requests find it in their extensions, and the
/// [`layer`](crate::traffic::layer) reports to it what crosses the socket.
#[derive(Debug)]
pub(crate) struct TrackedConnection {
    id: u64,
    /// True once the connection has carried a lane. Its bytes are delayed from then on.
    carries_lanes: AtomicBool,
    cut: AtomicBool,
    /// Woken by a cut: the task that waits to read.
    pub(crate) reader: AtomicWaker,
    /// Woken by a cut: the task that waits to write.
    pub(crate) writer: AtomicWaker,
    attribution: Mutex<Attribution>,
    closed: CancellationToken,
}

/// Which lane the bytes of a connection belong to.
#[derive(Debug, Default)]
struct Attribution {
    /// The lane of the request that is being answered, or was answered last.
    lane: Option<Arc<Lane>>,
    /// True while a request is being answered, or the connection is upgraded. Between requests,
    /// incoming bytes belong to the next request, whose lane is not known yet.
    answering: bool,
    /// Incoming pieces whose lane is not known yet.
    held: Vec<Piece>,
    /// The lanes that this connection has carried, oldest first.
    remembered: Vec<Arc<Lane>>,
}

impl TrackedConnection {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            carries_lanes: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            attribution: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Assigns what crosses from now on to `lane`, and with it what came in since the last
    /// response. Returns true if this is the first lane of the connection.
    pub(crate) fn begin_request(&self, lane: Option<&Arc<Lane>>) -> bool {
        let mut attribution = self.attribution.lock();
        attribution.lane = lane.cloned();
        attribution.answering = true;
        let held = std::mem::take(&mut attribution.held);
        let Some(lane) = lane else { return false };
        attribution.remember(lane);
        for piece in held {
            lane.count_piece(self.id, Direction::In, piece);
        }
        !self.carries_lanes.swap(true, Ordering::Relaxed)
    }

    /// Called when a response is complete. Its last bytes may still be on their way.
    pub(crate) fn end_response(&self) {
        self.attribution.lock().answering = false;
    }

    /// Called when bytes were read from the socket or written to it.
    pub(crate) fn count_bytes(&self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut attribution = self.attribution.lock();
        if direction == Direction::In && !attribution.answering {
            attribution.hold(bytes);
        } else if let Some(lane) = &attribution.lane {
            lane.count_piece(self.id, direction, Piece::new(Timestamp::now(), bytes));
        }
    }

    /// Returns true once the connection has carried a lane.
    pub(crate) fn carries_lanes(&self) -> bool {
        self.carries_lanes.load(Ordering::Relaxed)
    }

    /// Returns true if the last request belonged to a lane that meets the condition.
    pub(crate) fn serves(&self, condition: impl FnOnce(&Lane) -> bool) -> bool {
        self.attribution.lock().lane.as_ref().is_some_and(|lane| condition(lane))
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Cuts the connection: reads and writes fail from now on, and those that are waiting wake up.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Called when the connection is closed, for whatever reason.
    pub(crate) fn close(&self) {
        let remembered = std::mem::take(&mut self.attribution.lock().remembered);
        for lane in remembered {
            lane.count_closed_connection();
        }
        self.closed.cancel();
    }

    /// Returns once the connection is closed.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }
}

impl Attribution {
    /// Counts the connection for `lane` unless that was done before.
    fn remember(&mut self, lane: &Arc<Lane>) {
        if self.remembered.iter().any(|known| Arc::ptr_eq(known, lane)) {
            return;
        }
        if self.remembered.len() == MAX_REMEMBERED_LANES {
            self.remembered.remove(0).count_closed_connection();
        }
        self.remembered.push(Arc::clone(lane));
        lane.count_opened_connection();
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.held.len() < MAX_HELD_PIECES {
            self.held.push(Piece::new(Timestamp::now(), bytes));
        } else if let Some(last) = self.held.last_mut() {
            last.add_dropped_bytes(bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::traffic::lanes::LaneRegistry;

    fn counts(lane: &Lane) -> Value {
        serde_json::to_value(lane.counts()).unwrap()
    }

    #[test]
    fn bytes_that_arrive_between_requests_belong_to_the_next_request() {
        let lanes = LaneRegistry::default();
        let [one, two] = ["000000ab.one", "000000ab.two"].map(|tag| lanes.lane(tag).unwrap());
        let connection = TrackedConnection::new(1);
        connection.count_bytes(Direction::In, &[0; 10]);
        connection.count_bytes(Direction::In, &[0; 5]);
        assert!(connection.begin_request(Some(&one)), "the first lane of the connection");
        connection.count_bytes(Direction::In, &[0; 1]);
        connection.count_bytes(Direction::Out, &[0; 100]);
        connection.end_response();
        // What is still on its way out belongs to the response, what comes in to the next request.
        connection.count_bytes(Direction::Out, &[0; 100]);
        connection.count_bytes(Direction::In, &[0; 20]);
        assert!(!connection.begin_request(Some(&two)), "the second lane of the connection");
        connection.count_bytes(Direction::Out, &[0; 1]);
        connection.end_response();
        connection.count_bytes(Direction::In, &[0; 1_000]);
        connection.begin_request(None);
        connection.count_bytes(Direction::Out, &[0; 1_000]);
        let expected = |bytes_in, bytes_out, open| {
            json!({
                "requests": 0, "empty": 0, "connections": 1, "open_connections": open,
                "bytes_in": bytes_in, "bytes_out": bytes_out, "queries": 0,
            })
        };
        assert_eq!(counts(&one), expected(16, 200, 1));
        assert_eq!(counts(&two), expected(20, 1, 1));
        connection.close();
        assert_eq!(counts(&one), expected(16, 200, 0));
    }

    #[test]
    fn bytes_beyond_the_held_pieces_are_still_counted() {
        let lanes = LaneRegistry::default();
        let lane = lanes.lane("000000ab.one").unwrap();
        let connection = TrackedConnection::new(1);
        for _ in 0..10 * MAX_HELD_PIECES {
            connection.count_bytes(Direction::In, &[0; 3]);
        }
        assert_eq!(connection.attribution.lock().held.len(), MAX_HELD_PIECES);
        connection.begin_request(Some(&lane));
        assert_eq!(counts(&lane)["bytes_in"], 10 * MAX_HELD_PIECES * 3);
    }

    #[test]
    fn a_connection_forgets_its_oldest_lane_beyond_the_limit() {
        let (lanes, other) = (LaneRegistry::default(), LaneRegistry::default());
        let connection = TrackedConnection::new(1);
        let first = lanes.lane("000000ab.0").unwrap();
        connection.begin_request(Some(&first));
        for n in 0..MAX_REMEMBERED_LANES {
            connection.begin_request(Some(&other.lane(&format!("000000ab.{n}")).unwrap()));
        }
        assert_eq!(counts(&first)["open_connections"], 0);
        connection.begin_request(Some(&first));
        assert_eq!(counts(&first)["connections"], 2);
    }
}
