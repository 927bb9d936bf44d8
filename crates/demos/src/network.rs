//! The network between browsers and server: its delay, its cuts, and the connections over it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Timestamp;

use crate::tap::Lane;
use crate::trace::{Direction, Piece};

/// Pieces that a connection holds until it is known to which lane they belong. What comes in beyond them
/// is counted, and its bytes are not kept.
const HELD_PIECES: usize = 16;

/// Lanes that a connection remembers to have carried. Beyond them it forgets the first, and counts as
/// another connection should it ever carry that one again.
const CARRIED_LANES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Network {
    /// How long each byte of a lane takes, one way.
    delay_ms: AtomicU64,
    /// Until when requests of lanes are cut.
    cut_until: Mutex<Option<Instant>>,
    /// The connections that are open; as many as the system grants files.
    connections: Mutex<BTreeMap<u64, Weak<Connection>>>,
    newest: AtomicU64,
}

impl Network {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms())
    }

    pub(crate) fn delay_ms(&self) -> u64 {
        self.delay_ms.load(Ordering::Relaxed)
    }

    /// For every byte that enters the link from now on.
    pub(crate) fn set_delay(&self, delay_ms: u64) {
        self.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// Cuts every connection whose last request was of a lane, and those on which one comes for so long.
    pub(crate) fn cut(&self, lasting: Duration) {
        *lock(&self.cut_until) = Some(Instant::now() + lasting);
        self.cut_where(|connection| lock(&connection.carrying).lane.is_some());
    }

    /// Cuts every connection.
    pub(crate) fn cut_all(&self) {
        self.cut_where(|_| true);
    }

    fn cut_where(&self, condition: impl Fn(&Connection) -> bool) {
        let open: Vec<_> = lock(&self.connections).values().filter_map(Weak::upgrade).collect();
        for connection in open.iter().filter(|connection| condition(connection)) {
            connection.cut();
        }
    }

    /// Whether requests of lanes are being cut.
    pub(crate) fn is_cut(&self) -> bool {
        lock(&self.cut_until).is_some_and(|until| Instant::now() < until)
    }

    /// A connection that was just accepted.
    pub(crate) fn welcome(self: &Arc<Self>) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            id: self.newest.fetch_add(1, Ordering::Relaxed) + 1,
            network: Arc::clone(self),
            tagged: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            carrying: Mutex::default(),
            gone: CancellationToken::new(),
        });
        lock(&self.connections).insert(connection.id, Arc::downgrade(&connection));
        connection
    }
}

/// A connection of the server. With the requests that come over it; its [`wire`](crate::wire) tells it
/// what crosses.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    network: Arc<Network>,
    /// It has carried a lane, and is delayed from then on.
    tagged: AtomicBool,
    cut: AtomicBool,
    /// Whoever waits to read or to write, to be told of a cut.
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
    carrying: Mutex<Carrying>,
    gone: CancellationToken,
}

/// Whose bytes cross a connection.
#[derive(Debug, Default)]
struct Carrying {
    /// The lane of the request that is being answered, or was last.
    lane: Option<Arc<Lane>>,
    /// A request is being answered, or an upgraded connection goes on. Between requests, what comes in
    /// belongs to the next one, whose lane is not known yet.
    answering: bool,
    held: Vec<Piece>,
    /// The lanes that were carried so far.
    carried: Vec<Arc<Lane>>,
}

impl Connection {
    /// From here on, what crosses belongs to `lane`; so does what came in since the last answer. Says
    /// whether it is the first lane of the connection.
    pub(crate) fn carry(&self, lane: Option<&Arc<Lane>>) -> bool {
        let mut carrying = lock(&self.carrying);
        carrying.lane = lane.cloned();
        carrying.answering = true;
        let held = std::mem::take(&mut carrying.held);
        let Some(lane) = lane else { return false };
        if !carrying.carried.iter().any(|carried| Arc::ptr_eq(carried, lane)) {
            if carrying.carried.len() == CARRIED_LANES {
                carrying.carried.remove(0).left();
            }
            carrying.carried.push(Arc::clone(lane));
            lane.joined();
        }
        for piece in held {
            lane.crossed(self.id, Direction::In, piece);
        }
        !self.tagged.swap(true, Ordering::Relaxed)
    }

    /// The answer is complete, if not yet on its way as a whole.
    pub(crate) fn answered(&self) {
        lock(&self.carrying).answering = false;
    }

    /// Bytes have left or reached the socket.
    pub(crate) fn crossed(&self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut carrying = lock(&self.carrying);
        if direction == Direction::In && !carrying.answering {
            let held = &mut carrying.held;
            if held.len() < HELD_PIECES {
                held.push(Piece::new(Timestamp::now(), bytes));
            } else if let Some(last) = held.last_mut() {
                last.grow(bytes.len());
            }
        } else if let Some(lane) = &carrying.lane {
            lane.crossed(self.id, direction, Piece::new(Timestamp::now(), bytes));
        }
    }

    pub(crate) fn is_tagged(&self) -> bool {
        self.tagged.load(Ordering::Relaxed)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Cuts it: reading and writing fail from now on, and whoever waits for either is told.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// It is closed, for whatever reason.
    pub(crate) fn end(&self) {
        lock(&self.network.connections).remove(&self.id);
        let carried = std::mem::take(&mut lock(&self.carrying).carried);
        for lane in carried {
            lane.left();
        }
        self.gone.cancel();
    }

    /// Done when it is closed.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tap::Taps;

    fn counts(lane: &Lane) -> Value {
        serde_json::to_value(lane.counts()).unwrap()
    }

    #[test]
    fn bytes_that_come_in_before_the_request_is_known_are_the_request_s() {
        let (network, taps) = (Arc::<Network>::default(), Taps::default());
        let [one, two] = ["000000ab.one", "000000ab.two"].map(|tag| taps.lane(tag).unwrap());
        let connection = network.welcome();
        connection.crossed(Direction::In, &[0; 10]);
        connection.crossed(Direction::In, &[0; 5]);
        assert!(connection.carry(Some(&one)), "the first lane of the connection");
        connection.crossed(Direction::In, &[0; 1]);
        connection.crossed(Direction::Out, &[0; 100]);
        connection.answered();
        // What is still on its way out belongs to the answer, what comes in to the next request.
        connection.crossed(Direction::Out, &[0; 100]);
        connection.crossed(Direction::In, &[0; 20]);
        assert!(!connection.carry(Some(&two)), "the second lane of the connection");
        connection.crossed(Direction::Out, &[0; 1]);
        connection.answered();
        connection.crossed(Direction::In, &[0; 1_000]);
        connection.carry(None);
        connection.crossed(Direction::Out, &[0; 1_000]);
        let expected = |bytes_in, bytes_out, open| {
            json!({
                "requests": 0, "empty": 0, "connections": 1, "open_connections": open,
                "bytes_in": bytes_in, "bytes_out": bytes_out,
            })
        };
        assert_eq!(counts(&one), expected(16, 200, 1));
        assert_eq!(counts(&two), expected(20, 1, 1));
        connection.end();
        assert_eq!(counts(&one), expected(16, 200, 0));
    }

    #[test]
    fn more_pieces_than_are_held_are_counted_all_the_same() {
        let (network, taps) = (Arc::<Network>::default(), Taps::default());
        let lane = taps.lane("000000ab.one").unwrap();
        let connection = network.welcome();
        for _ in 0..10 * HELD_PIECES {
            connection.crossed(Direction::In, &[0; 3]);
        }
        assert_eq!(lock(&connection.carrying).held.len(), HELD_PIECES);
        connection.carry(Some(&lane));
        assert_eq!(counts(&lane)["bytes_in"], 10 * HELD_PIECES * 3);
    }

    #[test]
    fn a_connection_that_has_carried_too_many_lanes_forgets_the_first() {
        let network = Arc::<Network>::default();
        let (taps, other) = (Taps::default(), Taps::default());
        let connection = network.welcome();
        let first = taps.lane("000000ab.0").unwrap();
        connection.carry(Some(&first));
        for n in 0..CARRIED_LANES {
            connection.carry(Some(&other.lane(&format!("000000ab.{n}")).unwrap()));
        }
        assert_eq!(counts(&first)["open_connections"], 0);
        connection.carry(Some(&first));
        assert_eq!(counts(&first)["connections"], 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_hits_lanes_and_nothing_else_and_lasts_as_long_as_it_is_to() {
        let (network, taps) = (Arc::<Network>::default(), Taps::default());
        let lane = taps.lane("000000ab.one").unwrap();
        let [tagged, untagged] = [(); 2].map(|()| network.welcome());
        tagged.carry(Some(&lane));
        untagged.carry(None);
        network.cut(Duration::from_secs(3));
        assert!(tagged.is_cut() && !untagged.is_cut());
        tokio::time::advance(Duration::from_millis(2_999)).await;
        assert!(network.is_cut());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!network.is_cut());
        network.cut_all();
        assert!(untagged.is_cut());
    }
}
