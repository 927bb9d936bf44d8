//! The lanes of all tabs: what crossed in each of them, counted always and recorded while a page
//! asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use crate::traffic::outage::Outage;
use crate::traffic::trace::{Direction, Piece, Trace, TracePage};

/// The number of tabs that are known. Beyond it, the least recently used tab without an open
/// connection is forgotten. If every tab has an open connection, the lanes of a new tab are not
/// counted.
const MAX_TABS: usize = 256;

/// The number of lanes of a tab. Further lanes are not counted.
const MAX_LANES: usize = 64;

/// The number of tabs that are recorded at a time.
const MAX_RECORDED_TABS: usize = 32;

/// The start of the parameter with which a request names its lane.
pub(crate) const LANE: &str = "lane=";

/// Returns true if a request with this target names a lane, whether it is a valid one or not.
pub(crate) fn names_lane(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|parameter| parameter.starts_with(LANE))
}

/// A page that is open in a browser. The page chooses the id at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TabId(u32);

impl TabId {
    /// Parses eight hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

/// Parses the tag of a lane, `<tab>.<name>`.
fn parse_tag(tag: &str) -> Option<(TabId, &str)> {
    let (tab, name) = tag.split_once('.')?;
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let valid = (1..=32).contains(&name.len()) && name.bytes().all(is_allowed);
    Some((TabId::parse(tab)?, valid.then_some(name)?))
}

/// The tabs and their lanes.
#[derive(Debug, Default)]
pub(crate) struct LaneRegistry(Mutex<BTreeMap<TabId, TabLanes>>);

#[derive(Debug)]
struct TabLanes {
    last_used: Instant,
    lanes: BTreeMap<String, Arc<Lane>>,
    trace: Arc<Trace>,
    /// The requests of the tab's lanes are cut while it lasts.
    outage: Arc<Outage>,
}

/// One subscription of a page, and what the page publishes beside it.
#[derive(Debug)]
pub(crate) struct Lane {
    tab: TabId,
    name: String,
    counts: LaneCounts,
    trace: Arc<Trace>,
    outage: Arc<Outage>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct LaneCounts {
    requests: AtomicU64,
    /// The number of responses with status 204.
    empty: AtomicU64,
    /// The number of distinct connections that have carried the lane.
    connections: AtomicU64,
    /// Bytes from the browser.
    bytes_in: AtomicU64,
    /// Bytes to the browser.
    bytes_out: AtomicU64,
    /// How many of `connections` are still open.
    open_connections: AtomicU64,
    /// Statements that requests of the lane sent to the database. 0 without one.
    queries: AtomicU64,
}

/// The limit of tabs that are recorded at a time is reached.
#[derive(Debug)]
pub(crate) struct TooManyRecordings;

impl LaneRegistry {
    /// Returns the lane with this tag. Returns `None` if the tag is invalid or a limit is reached.
    pub(crate) fn lane(&self, tag: &str) -> Option<Arc<Lane>> {
        let (id, name) = parse_tag(tag)?;
        let mut tabs = self.0.lock();
        let tab = find_or_add(&mut tabs, id)?;
        if let Some(lane) = tab.lanes.get(name) {
            return Some(Arc::clone(lane));
        }
        if tab.lanes.len() == MAX_LANES {
            return None;
        }
        let lane = Arc::new(Lane {
            tab: id,
            name: name.to_owned(),
            counts: LaneCounts::default(),
            trace: Arc::clone(&tab.trace),
            outage: Arc::clone(&tab.outage),
        });
        tab.lanes.insert(name.to_owned(), Arc::clone(&lane));
        Some(lane)
    }

    /// Returns the lanes of a tab by their names. An unknown tab has no lanes.
    pub(crate) fn lanes_of(&self, id: TabId) -> BTreeMap<String, Arc<Lane>> {
        self.0.lock().get(&id).map(|tab| tab.lanes.clone()).unwrap_or_default()
    }

    /// Begins an outage for the lanes of a tab. An unknown tab has none.
    pub(crate) fn begin_outage(&self, id: TabId, duration: Duration) {
        if let Some(tab) = self.0.lock().get(&id) {
            tab.outage.begin(duration);
        }
    }

    /// Returns what was recorded for a tab after the record `after`. A tab is recorded for a while
    /// after each call.
    ///
    /// # Errors
    /// The tab is not being recorded, and as many others are as the limit allows.
    pub(crate) fn trace(&self, id: TabId, after: u64) -> Result<TracePage, TooManyRecordings> {
        let mut tabs = self.0.lock();
        let is_recorded =
            |(other, tab): &(&TabId, &TabLanes)| **other != id && tab.trace.is_recording();
        if tabs.iter().filter(is_recorded).count() >= MAX_RECORDED_TABS {
            return Err(TooManyRecordings);
        }
        let tab = find_or_add(&mut tabs, id).ok_or(TooManyRecordings)?;
        let trace = Arc::clone(&tab.trace);
        drop(tabs);
        Ok(trace.read(after))
    }
}

/// Returns the tab, adding it if there is room for it.
fn find_or_add(tabs: &mut BTreeMap<TabId, TabLanes>, id: TabId) -> Option<&mut TabLanes> {
    if !tabs.contains_key(&id) && tabs.len() == MAX_TABS {
        let closed = tabs.iter().filter(|(_, tab)| !tab.is_open());
        let oldest = closed.min_by_key(|(_, tab)| tab.last_used).map(|(id, _)| *id)?;
        tabs.remove(&oldest);
    }
    let tab = tabs.entry(id).or_insert_with(|| TabLanes {
        last_used: Instant::now(),
        lanes: BTreeMap::new(),
        trace: Arc::default(),
        outage: Arc::default(),
    });
    tab.last_used = Instant::now();
    Some(tab)
}

impl TabLanes {
    fn is_open(&self) -> bool {
        self.lanes.values().any(|lane| lane.counts.open_connections.load(Ordering::Relaxed) > 0)
    }
}

impl Lane {
    pub(crate) fn tab(&self) -> TabId {
        self.tab
    }

    /// Returns true while the requests of the lane's tab are cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.outage.is_on()
    }

    pub(crate) fn counts(&self) -> &LaneCounts {
        &self.counts
    }

    pub(crate) fn count_request(&self) {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_empty_response(&self) {
        self.counts.empty.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts statements that a request of the lane sent to the database.
    pub(crate) fn count_queries(&self, statements: u64) {
        self.counts.queries.fetch_add(statements, Ordering::Relaxed);
    }

    /// Counts a connection that carries the lane for the first time.
    pub(crate) fn count_opened_connection(&self) {
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        self.counts.open_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a connection that has carried the lane.
    pub(crate) fn count_closed_connection(&self) {
        self.counts.open_connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts and records a piece that crossed a connection.
    pub(crate) fn count_piece(&self, connection: u64, direction: Direction, piece: Piece) {
        let bytes = match direction {
            Direction::In => &self.counts.bytes_in,
            Direction::Out => &self.counts.bytes_out,
        };
        bytes.fetch_add(piece.length as u64, Ordering::Relaxed);
        self.trace.record(&self.name, connection, direction, piece);
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::traffic::trace::RECORDING_TIME;

    const TAB: TabId = TabId(0xab);

    #[test]
    fn a_tag_names_a_tab_and_a_lane() {
        assert_eq!(parse_tag("000000aB.sse"), Some((TAB, "sse")));
        assert_eq!(parse_tag("000000ab.six-2"), Some((TAB, "six-2")));
        assert_eq!(parse_tag("000000ab.socket.io"), Some((TAB, "socket.io")));
        for tag in [
            "",
            ".",
            "000000ab",
            "000000ab.",
            "ab.sse",
            "000000abc.sse",
            "000000ag.sse",
            "+00000ab.sse",
            "000000ab.SSE",
            "000000ab.a%20b",
            "000000ab.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(parse_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_lane_counts_its_pieces_and_records_them_once_the_tab_asks() {
        let lanes = LaneRegistry::default();
        let lane = lanes.lane("000000ab.sse").unwrap();
        let count = |direction| {
            lane.count_piece(1, direction, Piece::new(Timestamp::from_nanos(1), b"hello"));
        };
        count(Direction::Out);
        lanes.trace(TAB, 0).unwrap();
        count(Direction::Out);
        count(Direction::In);
        let page = serde_json::to_value(lanes.trace(TAB, 0).unwrap()).unwrap();
        assert_eq!(page["records"].as_array().unwrap().len(), 2);
        let bytes = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((bytes(&lane.counts.bytes_out), bytes(&lane.counts.bytes_in)), (10, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_recorded_tabs_is_limited() {
        let lanes = LaneRegistry::default();
        let tab = |n: usize| TabId(u32::try_from(n).unwrap());
        for n in 0..MAX_RECORDED_TABS {
            lanes.trace(tab(n), 0).unwrap();
        }
        assert!(lanes.trace(tab(MAX_RECORDED_TABS), 0).is_err());
        assert!(lanes.trace(tab(0), 0).is_ok());
        tokio::time::advance(RECORDING_TIME).await;
        assert!(lanes.trace(tab(MAX_RECORDED_TABS), 0).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_recently_used_closed_tab_makes_room_for_a_new_one() {
        let lanes = LaneRegistry::default();
        let lane = |n: usize| lanes.lane(&format!("{n:08x}.sse"));
        for n in 0..MAX_TABS {
            lane(n).unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        lane(0).unwrap().count_opened_connection();
        lane(MAX_TABS).unwrap();
        let known = |n: usize| !lanes.lanes_of(TabId(u32::try_from(n).unwrap())).is_empty();
        assert!(known(0) && !known(1) && known(2) && known(MAX_TABS));
        for n in 0..=MAX_TABS {
            if known(n) && n > 0 {
                lane(n).unwrap().count_opened_connection();
            }
        }
        assert!(lane(MAX_TABS + 1).is_none());
    }

    #[test]
    fn the_number_of_lanes_of_a_tab_is_limited() {
        let lanes = LaneRegistry::default();
        for n in 0..MAX_LANES {
            assert!(lanes.lane(&format!("000000ab.{n}")).is_some());
        }
        assert!(lanes.lane("000000ab.one-more").is_none());
        assert!(lanes.lane("000000ab.0").is_some());
    }
}
