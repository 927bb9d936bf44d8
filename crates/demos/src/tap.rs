//! What crossed the wire in each lane of each tab: counts always, the bytes while somebody looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

use crate::trace::{Direction, Excerpt, Piece, Trace};

/// Tabs that are known. Beyond them, the one that was used least lately and has no open connection is
/// forgotten; where all have, the new one's lanes are not counted.
const TABS: usize = 256;

/// Lanes of a tab. More are not counted.
const LANES: usize = 64;

/// Tabs that are recorded at a time; the next one is told so.
const RECORDED_TABS: usize = 32;

/// A page open in a browser; it names itself at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TabId(u32);

impl TabId {
    /// Eight hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

/// The tag of a lane: `<tab>.<name>`.
pub(crate) fn parse_tag(tag: &str) -> Option<(TabId, &str)> {
    let (tab, name) = tag.split_once('.')?;
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let named = (1..=32).contains(&name.len()) && name.bytes().all(fits);
    Some((TabId::parse(tab)?, named.then_some(name)?))
}

/// All that was tapped.
#[derive(Debug, Default)]
pub(crate) struct Taps(Mutex<BTreeMap<TabId, Tab>>);

#[derive(Debug)]
struct Tab {
    used: Instant,
    lanes: BTreeMap<String, Arc<Lane>>,
    trace: Arc<Trace>,
}

/// One subscription of a page, and the upstream that goes with it.
#[derive(Debug)]
pub(crate) struct Lane {
    name: String,
    counts: Counts,
    trace: Arc<Trace>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    requests: AtomicU64,
    /// Those answered with 204.
    empty: AtomicU64,
    /// Distinct connections that have carried the lane.
    connections: AtomicU64,
    /// From the browser.
    bytes_in: AtomicU64,
    /// To the browser.
    bytes_out: AtomicU64,
    /// Those of `connections` that are still open.
    open_connections: AtomicU64,
}

/// Too many tabs are being recorded.
#[derive(Debug)]
pub(crate) struct Full;

impl Taps {
    /// The lane of that tag; `None` where the tag is none, or there is no room.
    pub(crate) fn lane(&self, tag: &str) -> Option<Arc<Lane>> {
        let (id, name) = parse_tag(tag)?;
        let mut tabs = lock(&self.0);
        let tab = tab(&mut tabs, id)?;
        if let Some(lane) = tab.lanes.get(name) {
            return Some(Arc::clone(lane));
        }
        if tab.lanes.len() == LANES {
            return None;
        }
        let lane = Arc::new(Lane {
            name: name.to_owned(),
            counts: Counts::default(),
            trace: Arc::clone(&tab.trace),
        });
        tab.lanes.insert(name.to_owned(), Arc::clone(&lane));
        Some(lane)
    }

    /// The lanes of a tab, by name; none where the tab is not known.
    pub(crate) fn lanes(&self, id: TabId) -> BTreeMap<String, Arc<Lane>> {
        lock(&self.0).get(&id).map(|tab| tab.lanes.clone()).unwrap_or_default()
    }

    /// What was recorded for a tab after a place. Asking is what makes it be recorded.
    ///
    /// # Errors
    /// The tab is not being recorded, and there is no room for another.
    pub(crate) fn excerpt(&self, id: TabId, after: u64) -> Result<Excerpt, Full> {
        let mut tabs = lock(&self.0);
        let recorded = tabs.iter().filter(|(other, tab)| **other != id && tab.trace.keep()).count();
        if recorded >= RECORDED_TABS {
            return Err(Full);
        }
        let trace = Arc::clone(&tab(&mut tabs, id).ok_or(Full)?.trace);
        drop(tabs);
        Ok(trace.ask(after))
    }
}

/// The tab of that name, known already or made room for.
fn tab(tabs: &mut BTreeMap<TabId, Tab>, id: TabId) -> Option<&mut Tab> {
    if !tabs.contains_key(&id) && tabs.len() == TABS {
        let unused = tabs.iter().filter(|(_, tab)| !tab.is_open());
        let oldest = unused.min_by_key(|(_, tab)| tab.used).map(|(id, _)| *id)?;
        tabs.remove(&oldest);
    }
    let tab = tabs.entry(id).or_insert_with(|| Tab {
        used: Instant::now(),
        lanes: BTreeMap::new(),
        trace: Arc::default(),
    });
    tab.used = Instant::now();
    Some(tab)
}

impl Tab {
    fn is_open(&self) -> bool {
        self.lanes.values().any(|lane| lane.counts.open_connections.load(Ordering::Relaxed) > 0)
    }
}

impl Lane {
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A request was made in it.
    pub(crate) fn asked(&self) {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// One was answered with nothing.
    pub(crate) fn found_nothing(&self) {
        self.counts.empty.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection carries it for the first time.
    pub(crate) fn joined(&self) {
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        self.counts.open_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that has carried it is closed.
    pub(crate) fn left(&self) {
        self.counts.open_connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A piece of it crossed a connection.
    pub(crate) fn crossed(&self, connection: u64, direction: Direction, piece: Piece) {
        let bytes = match direction {
            Direction::In => &self.counts.bytes_in,
            Direction::Out => &self.counts.bytes_out,
        };
        bytes.fetch_add(piece.length as u64, Ordering::Relaxed);
        self.trace.record(&self.name, connection, direction, piece);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::trace::RECORDED_FOR;

    const TAB: TabId = TabId(0xab);

    #[test]
    fn a_tag_names_a_tab_and_a_lane() {
        assert_eq!(parse_tag("000000aB.sse"), Some((TAB, "sse")));
        assert_eq!(parse_tag("000000ab.six-2"), Some((TAB, "six-2")));
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
            "000000ab.a.b",
            "000000ab.a%20b",
            "000000ab.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(parse_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn what_crosses_a_lane_is_counted_and_recorded_for_its_tab() {
        let taps = Taps::default();
        let lane = taps.lane("000000ab.sse").unwrap();
        let cross = |direction| {
            lane.crossed(1, direction, Piece::new(Timestamp::from_nanos(1), b"hello"));
        };
        cross(Direction::Out);
        taps.excerpt(TAB, 0).unwrap();
        cross(Direction::Out);
        cross(Direction::In);
        let excerpt = serde_json::to_value(taps.excerpt(TAB, 0).unwrap()).unwrap();
        assert_eq!(excerpt["records"].as_array().unwrap().len(), 2);
        let bytes = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((bytes(&lane.counts.bytes_out), bytes(&lane.counts.bytes_in)), (10, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_tabs_are_recorded_at_a_time_and_no_more() {
        let taps = Taps::default();
        let tab = |n: usize| TabId(u32::try_from(n).unwrap());
        for n in 0..RECORDED_TABS {
            taps.excerpt(tab(n), 0).unwrap();
        }
        assert!(taps.excerpt(tab(RECORDED_TABS), 0).is_err());
        assert!(taps.excerpt(tab(0), 0).is_ok());
        tokio::time::advance(RECORDED_FOR).await;
        assert!(taps.excerpt(tab(RECORDED_TABS), 0).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_tab_that_was_used_least_lately_makes_room_unless_it_is_open() {
        let taps = Taps::default();
        let lane = |n: usize| taps.lane(&format!("{n:08x}.sse"));
        for n in 0..TABS {
            lane(n).unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        lane(0).unwrap().joined();
        lane(TABS).unwrap();
        let known = |n: usize| !taps.lanes(TabId(u32::try_from(n).unwrap())).is_empty();
        assert!(known(0) && !known(1) && known(2) && known(TABS));
        for n in 0..=TABS {
            if known(n) && n > 0 {
                lane(n).unwrap().joined();
            }
        }
        assert!(lane(TABS + 1).is_none());
    }

    #[test]
    fn a_tab_has_so_many_lanes_and_no_more() {
        let taps = Taps::default();
        for n in 0..LANES {
            assert!(taps.lane(&format!("000000ab.{n}")).is_some());
        }
        assert!(taps.lane("000000ab.one-more").is_none());
        assert!(taps.lane("000000ab.0").is_some());
    }
}
