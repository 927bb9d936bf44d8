//! The emulated network between browsers and server: its delay, its cuts, and its open connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::traffic::connection::TrackedConnection;
use crate::traffic::lanes::TabId;
use crate::traffic::outage::Outage;

#[derive(Debug, Default)]
pub(crate) struct Network {
    /// How long each byte of a lane takes in one direction.
    delay_ms: AtomicU64,
    /// The requests of all lanes are cut while it lasts.
    outage: Outage,
    /// The open connections that the layer is under, by their ids. Bounded by the file descriptors of the process.
    connections: Mutex<BTreeMap<u64, Weak<TrackedConnection>>>,
    newest_id: AtomicU64,
}

impl Network {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms())
    }

    pub(crate) fn delay_ms(&self) -> u64 {
        self.delay_ms.load(Ordering::Relaxed)
    }

    /// Sets the delay for every byte that enters the network from now on.
    pub(crate) fn set_delay(&self, delay_ms: u64) {
        self.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// Cuts every connection whose last request belonged to a lane, and for `duration` every
    /// connection on which such a request arrives. A later cut replaces this one.
    pub(crate) fn cut_lanes(&self, duration: Duration) {
        self.outage.begin(duration);
        self.cut_where(|connection| connection.serves(|_| true));
    }

    /// Cuts every connection whose last request belonged to a lane of this tab.
    pub(crate) fn cut_tab(&self, tab: TabId) {
        self.cut_where(|connection| connection.serves(|lane| lane.tab() == tab));
    }

    /// Cuts every connection that the layer is under.
    pub(crate) fn cut_all(&self) {
        self.cut_where(|_| true);
    }

    fn cut_where(&self, condition: impl Fn(&TrackedConnection) -> bool) {
        let open: Vec<_> = self.connections.lock().values().filter_map(Weak::upgrade).collect();
        for connection in open.iter().filter(|connection| condition(connection)) {
            connection.cut();
        }
    }

    /// Returns true while requests of lanes are cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.outage.is_on()
    }

    /// Adds a connection that the layer was just put under. [`Self::remove`] takes it out again.
    pub(crate) fn add_connection(&self) -> Arc<TrackedConnection> {
        let id = self.newest_id.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Arc::new(TrackedConnection::new(id));
        self.connections.lock().insert(id, Arc::downgrade(&connection));
        connection
    }

    pub(crate) fn remove(&self, connection: &TrackedConnection) {
        self.connections.lock().remove(&connection.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::lanes::LaneRegistry;

    #[tokio::test(start_paused = true)]
    async fn a_cut_affects_only_lanes_and_ends_when_its_time_is_over() {
        let (network, lanes) = (Network::default(), LaneRegistry::default());
        let lane = lanes.lane("000000ab.one").unwrap();
        let [with_lane, without_lane] = [(); 2].map(|()| network.add_connection());
        with_lane.begin_request(Some(&lane));
        without_lane.begin_request(None);
        network.cut_lanes(Duration::from_secs(3));
        assert!(with_lane.is_cut() && !without_lane.is_cut());
        tokio::time::advance(Duration::from_millis(2_999)).await;
        assert!(network.is_cut());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!network.is_cut());
        network.cut_all();
        assert!(without_lane.is_cut());
    }

    #[test]
    fn a_removed_connection_is_not_cut() {
        let network = Network::default();
        let connection = network.add_connection();
        network.remove(&connection);
        network.cut_all();
        assert!(!connection.is_cut());
    }
}
