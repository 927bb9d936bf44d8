//! The server as a run reaches it: its control, also after it was restarted.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wirebench_measure::{AddressedCount, ExpectedRange, PublishRecord, StoreCost};
use wirebench_protocol::control::{CountWindow, Publisher, WindowCount, WindowReport};
use wirebench_scenario::Run;

use crate::control::ControlError;
use crate::server_control::{CountedMessages, ServerControl, ServerUsage, Survivors};

/// The control of a server that may go away and come back.
///
/// A server that is started again begins its counters anew, and a new epoch of its feed unless the
/// feed is durable. What the process before it has used and counted is read just before it ends and
/// added to what the next one reports. So the counters only grow, as far as they are known. The
/// counters of what survives the server do so by themselves.
#[derive(Debug)]
pub(super) struct RestartableServer {
    /// A feed that is kept in a store continues its epoch after a restart.
    durable: bool,
    /// Locked for the time of a copy, never while a call is under way.
    state: Mutex<RestartableState>,
}

#[derive(Debug)]
struct RestartableState {
    control: Arc<dyn ServerControl>,
    /// The server is frozen or gone: it is not asked.
    away: bool,
    /// The run has a fault that takes the server away, so a call may fail.
    may_go_away: bool,
    publishing: bool,
    /// What the earlier processes had used and published.
    earlier: EarlierUsage,
    /// What the earlier processes counted in the window.
    counted: Vec<WindowReport>,
}

/// What the server counted in the window, all its processes together.
#[derive(Clone, Debug)]
pub(super) struct WindowTotals {
    /// What each epoch of the feed published, the current one last.
    pub(super) epochs: Vec<WindowCount>,
    /// What its store did; `None` without a store.
    pub(super) store: Option<StoreCost>,
    /// How publishing went; `None` if the server publishes.
    pub(super) publishing: Option<PublishRecord>,
}

#[derive(Clone, Copy, Debug, Default)]
struct EarlierUsage {
    cpu: Duration,
    rss_peak_bytes: Option<u64>,
    published: u64,
    late_publishes: u64,
}

impl RestartableServer {
    /// `run` says whether the server may go away, and whether its feed is durable.
    pub(super) fn new(control: Arc<dyn ServerControl>, run: &Run) -> Self {
        Self {
            durable: run.store.is_durable(),
            state: Mutex::new(RestartableState {
                control,
                away: false,
                may_go_away: run.faults.stops_server(),
                publishing: false,
                earlier: EarlierUsage::default(),
                counted: Vec::new(),
            }),
        }
    }

    fn control(&self) -> Arc<dyn ServerControl> {
        Arc::clone(&self.state.lock().control)
    }

    /// Returns the process of the server, if the load generator did not start it.
    pub(super) fn process(&self) -> Option<u32> {
        self.control().process()
    }

    /// Returns what the server has used, all its processes together. It has to answer.
    pub(super) async fn usage(&self) -> Result<ServerUsage, ControlError> {
        let usage = self.control().usage().await?;
        Ok(self.state.lock().earlier.and(usage))
    }

    /// Returns the same, or `None` if the server is away or takes too long to answer.
    pub(super) async fn usage_if_there(&self) -> Result<Option<ServerUsage>, ControlError> {
        if self.state.lock().away {
            return Ok(None);
        }
        match self.usage().await {
            Ok(usage) => Ok(Some(usage)),
            Err(error) if error.is_timeout() || self.state.lock().may_go_away => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Announces the window.
    pub(super) async fn count(&self, window: CountWindow) -> Result<(), ControlError> {
        self.control().count(window).await
    }

    /// Starts a publisher.
    pub(super) async fn start_publisher(&self, publisher: &Publisher) -> Result<(), ControlError> {
        self.control().start_publisher(publisher).await?;
        self.state.lock().publishing = true;
        Ok(())
    }

    /// Stops the publisher. Returns how many messages were published late, as far as it is known.
    pub(super) async fn stop_publisher(&self) -> Result<Option<u64>, ControlError> {
        if !std::mem::take(&mut self.state.lock().publishing) {
            return Ok(Some(self.state.lock().earlier.late_publishes));
        }
        let late = self.control().stop_publisher().await?;
        Ok(late.map(|late| self.state.lock().earlier.late_publishes + late))
    }

    /// Returns what was counted in the window.
    pub(super) async fn totals(&self) -> Result<WindowTotals, ControlError> {
        let CountedMessages { window, publishing } = self.control().counted().await?;
        let mut counted = self.state.lock().counted.clone();
        counted.push(window);
        let epochs: Vec<_> = counted.iter().map(|report| report.feed).collect();
        let epochs = if self.durable { vec![as_one_epoch(&epochs)] } else { epochs };
        Ok(WindowTotals { epochs, store: store_cost(&counted), publishing })
    }

    /// Called before the server is frozen or ended. If it `ends`, keeps what it has counted.
    /// Returns true if the counters and the publisher begin anew when it comes back.
    pub(super) async fn leave(&self, ends: bool) -> Result<bool, ControlError> {
        let control = self.control();
        match control.survivors() {
            Survivors::Everything => return Ok(false),
            Survivors::OtherServers(group) => return group.leave(ends).await.map(|()| false),
            Survivors::Nobody => {}
        }
        let kept = if ends { Some((self.usage().await?, control.counted().await?)) } else { None };
        let mut state = self.state.lock();
        state.away = true;
        if let Some((usage, counted)) = kept {
            state.counted.push(counted.window);
            state.publishing = false;
            state.earlier = EarlierUsage {
                cpu: usage.cpu.unwrap_or_default(),
                rss_peak_bytes: usage.rss_peak_bytes,
                published: usage.published.unwrap_or_default(),
                late_publishes: usage.late_publishes.unwrap_or_default(),
            };
        }
        Ok(ends)
    }

    /// Called when the server answers again. `control` is that of a new process.
    pub(super) async fn come_back(
        &self,
        control: Option<Arc<dyn ServerControl>>,
    ) -> Result<(), ControlError> {
        if let Survivors::OtherServers(group) = self.control().survivors() {
            return group.come_back(control).await;
        }
        let mut state = self.state.lock();
        state.away = false;
        if let Some(control) = control {
            state.control = control;
        }
        Ok(())
    }
}

/// Returns what the processes of a server published in the window of a feed whose epoch outlives
/// them. What one of them published after it was asked and before it ended lies between the counts,
/// and is kept like the rest. Messages of runs with restarts are for everybody.
fn as_one_epoch(counted: &[WindowCount]) -> WindowCount {
    if let [only] = counted {
        return *only;
    }
    let first_seq = counted.iter().find_map(|count| count.first_seq);
    let last_seq = counted.iter().rev().find_map(|count| count.last_seq);
    let published = first_seq.zip(last_seq).map_or(0, |(first, last)| last + 1 - first);
    WindowCount { published, first_seq, last_seq, ..WindowCount::default() }
}

/// Returns what the store did for all processes; `None` if they had none.
fn store_cost(counted: &[WindowReport]) -> Option<StoreCost> {
    let mut reports = counted.iter().filter_map(|report| report.store.as_ref()).peekable();
    reports.peek()?;
    let mut cost = StoreCost::default();
    reports.for_each(|report| cost.add(report));
    Some(cost)
}

/// Returns the messages of the window that every subscriber should receive of one epoch.
pub(super) fn expected_range(epoch: &WindowCount) -> ExpectedRange {
    epoch.first_seq.zip(epoch.last_seq).map(|(first, last)| first..=last)
}

/// Returns how many messages were published in the window, in all epochs of the feed.
pub(super) fn published(epochs: &[WindowCount]) -> u64 {
    epochs.iter().map(|epoch| epoch.published).sum()
}

/// Returns how many of these messages were not for everybody.
pub(super) fn addressed(epochs: &[WindowCount]) -> AddressedCount {
    AddressedCount {
        except: epochs.iter().map(|epoch| epoch.except).sum(),
        only: epochs.iter().map(|epoch| epoch.only).sum(),
    }
}

impl EarlierUsage {
    fn and(self, usage: ServerUsage) -> ServerUsage {
        ServerUsage {
            cpu: usage.cpu.map(|cpu| self.cpu + cpu),
            rss_peak_bytes: usage.rss_peak_bytes.max(self.rss_peak_bytes),
            published: usage.published.map(|published| self.published + published),
            late_publishes: usage.late_publishes.map(|late| self.late_publishes + late),
            ..usage
        }
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::control::{StoreCounts, StoreReport};

    use super::*;

    #[test]
    fn the_processes_of_a_durable_feed_publish_in_one_epoch() {
        let count =
            |first_seq, last_seq| WindowCount { first_seq, last_seq, ..WindowCount::default() };
        let nothing = count(None, None);
        // Message 8 was published after the first process was asked.
        let all = as_one_epoch(&[count(Some(5), Some(7)), nothing, count(Some(9), Some(12))]);
        assert_eq!((all.published, expected_range(&all)), (8, Some(5..=12)));
        assert_eq!(as_one_epoch(&[nothing, nothing]), nothing);
        let addressed = WindowCount { published: 2, except: 1, only: 1, ..count(Some(5), Some(9)) };
        assert_eq!(as_one_epoch(&[addressed]), addressed, "the only process knows it all");
    }

    #[test]
    fn what_a_store_did_is_known_only_if_there_is_one() {
        let without = WindowReport::default();
        assert_eq!(store_cost(&[without.clone(), without.clone()]), None);
        let counts = StoreCounts { queries: 7, ..StoreCounts::default() };
        let store = Some(StoreReport { counts, ..StoreReport::default() });
        let with = WindowReport { store, ..without };
        assert_eq!(store_cost(&[with.clone(), with]).unwrap().counts.queries, 14);
    }
}
