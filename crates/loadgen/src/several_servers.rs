//! The control of several servers that share a feed, as if they were one.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, try_join_all};
use parking_lot::Mutex;
use tokio::time::Instant;
use wirebench_protocol::control::{CountWindow, Publisher, StoreReport, WindowReport};

use crate::control::ControlError;
use crate::server_control::{CountedMessages, ServerControl, ServerGroup, ServerUsage, Survivors};

/// How long servers may take to hear of each other's messages before their counts are taken as they
/// are.
const AGREE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two looks at their counts.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Several servers with one feed. The publisher runs on the first, and a fault takes the last one
/// away.
#[derive(Debug)]
pub struct SeveralServers {
    /// The servers that are always there, the first one first.
    staying: Vec<Arc<dyn ServerControl>>,
    /// Locked for the time of a copy, never while a call is under way.
    last: Mutex<LastServer>,
}

/// The server that may go away.
#[derive(Clone, Debug)]
struct LastServer {
    control: Arc<dyn ServerControl>,
    /// What it had used when it went away. `None` while it is there.
    away: Option<ServerUsage>,
    /// What the process before this one has done. `None` if there was none.
    earlier: Option<EarlierProcess>,
    /// The window that was announced.
    window: Option<CountWindow>,
}

/// What a process has done that a fault has ended.
#[derive(Clone, Debug)]
struct EarlierProcess {
    usage: ServerUsage,
    store: Option<StoreReport>,
}

impl SeveralServers {
    /// Returns the control of a server, of `others` that share its feed, and of the `last` one.
    pub fn new(
        first: Arc<dyn ServerControl>,
        others: Vec<Arc<dyn ServerControl>>,
        last: Arc<dyn ServerControl>,
    ) -> Self {
        let staying = [first].into_iter().chain(others).collect();
        let last = LastServer { control: last, away: None, earlier: None, window: None };
        Self { staying, last: Mutex::new(last) }
    }

    /// Returns the same for any server.
    pub fn shared(self) -> Arc<dyn ServerControl> {
        Arc::new(self)
    }

    fn last(&self) -> LastServer {
        self.last.lock().clone()
    }

    /// Asks all servers that have counted from the beginning what they have, until they agree or the
    /// time is up. A server hears of a message of another one a little later, so that one asked at
    /// once may have counted less.
    async fn counts(&self) -> Result<Vec<WindowReport>, ControlError> {
        let deadline = Instant::now() + AGREE_TIMEOUT;
        loop {
            let last = self.last();
            let has_counted = last.away.is_none() && last.earlier.is_none();
            let servers = self.staying.iter().chain(has_counted.then_some(&last.control));
            let counted = try_join_all(servers.map(|server| server.counted())).await?;
            let windows: Vec<_> = counted.into_iter().map(|counted| counted.window).collect();
            let agree = windows.iter().all(|window| window.feed == windows[0].feed);
            if agree || Instant::now() > deadline {
                return Ok(windows);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

impl LastServer {
    /// Returns what all its processes have used.
    async fn usage(&self) -> Result<ServerUsage, ControlError> {
        if let Some(away) = self.away {
            return Ok(away);
        }
        let now = self.control.usage().await?;
        Ok(self.earlier.as_ref().map_or(now, |earlier| continued(earlier.usage, now)))
    }

    /// Returns what its store has done, for all its processes that the counts of the feed leave out.
    async fn other_stores(&self) -> Result<Vec<StoreReport>, ControlError> {
        let Some(earlier) = &self.earlier else { return Ok(Vec::new()) };
        let now = match self.away {
            None => self.control.counted().await?.window.store,
            Some(_) => None,
        };
        Ok(earlier.store.clone().into_iter().chain(now).collect())
    }
}

impl ServerGroup for SeveralServers {
    fn leave(&self, ends: bool) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            let last = self.last();
            let usage = last.usage().await?;
            if !ends {
                self.last.lock().away = Some(usage);
                return Ok(());
            }
            let mut stores = last.other_stores().await?;
            if last.earlier.is_none() {
                stores.extend(last.control.counted().await?.window.store);
            }
            let store = (!stores.is_empty()).then(|| StoreReport::sum(stores));
            let mut state = self.last.lock();
            state.away = Some(ServerUsage { rss_bytes: usage.rss_bytes.map(|_| 0), ..usage });
            state.earlier = Some(EarlierProcess { usage, store });
            Ok(())
        }
        .boxed()
    }

    fn come_back(
        &self,
        control: Option<Arc<dyn ServerControl>>,
    ) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            let window = self.last().window;
            if let (Some(control), Some(window)) = (&control, window) {
                control.count(window).await?;
            }
            let mut last = self.last.lock();
            last.away = None;
            if let Some(control) = control {
                last.control = control;
            }
            Ok(())
        }
        .boxed()
    }
}

impl ServerControl for SeveralServers {
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
        async {
            let used = try_join_all(self.staying.iter().map(|server| server.usage()));
            let (used, last) = (used.await?, self.last().usage().await?);
            Ok(used.into_iter().fold(last, sum))
        }
        .boxed()
    }

    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            self.last.lock().window = Some(window);
            let last = self.last().control;
            let all = self.staying.iter().chain([&last]);
            try_join_all(all.map(|server| server.count(window))).await.map(drop)
        }
        .boxed()
    }

    /// Every server counts all messages of the feed, its own and those of the others. So the counts
    /// are not added up: the largest is that of the server that has heard of most. One that has come
    /// back has missed some, and does not count.
    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
        async {
            let counted = self.counts().await?;
            let stores = self.last().other_stores().await?;
            Ok(CountedMessages { window: of_all(counted, stores), publishing: None })
        }
        .boxed()
    }

    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>> {
        self.staying[0].start_publisher(plan)
    }

    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
        self.staying[0].stop_publisher()
    }

    fn survivors(&self) -> Survivors<'_> {
        Survivors::OtherServers(self)
    }

    fn process(&self) -> Option<u32> {
        None
    }
}

/// Returns what two processes of a server have used, one after the other.
fn continued(earlier: ServerUsage, now: ServerUsage) -> ServerUsage {
    ServerUsage {
        cpu: earlier.cpu.zip(now.cpu).map(|(earlier, now)| earlier + now),
        rss_peak_bytes: earlier.rss_peak_bytes.zip(now.rss_peak_bytes).map(|(a, b)| a.max(b)),
        late_publishes: earlier.late_publishes.zip(now.late_publishes).map(|(a, b)| a + b),
        ..now
    }
}

/// Returns what two servers have used together. What was published is in the feed that they share.
fn sum(one: ServerUsage, other: ServerUsage) -> ServerUsage {
    let bytes = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
    ServerUsage {
        at: one.at.max(other.at),
        cpu: one.cpu.zip(other.cpu).map(|(one, other)| one + other),
        rss_bytes: bytes(one.rss_bytes, other.rss_bytes),
        rss_peak_bytes: bytes(one.rss_peak_bytes, other.rss_peak_bytes),
        published: one.published.max(other.published),
        late_publishes: bytes(one.late_publishes, other.late_publishes),
    }
}

/// Returns the count of the server that has heard of most messages, with what the stores of all did,
/// among them `stores` of which nothing else counts.
fn of_all(
    windows: impl IntoIterator<Item = WindowReport>,
    mut stores: Vec<StoreReport>,
) -> WindowReport {
    let mut feed = None;
    for WindowReport { feed: counted, store } in windows {
        feed = feed.into_iter().chain([counted]).max_by_key(|counted| counted.published);
        stores.extend(store);
    }
    let store = (!stores.is_empty()).then(|| StoreReport::sum(stores));
    WindowReport { feed: feed.unwrap_or_default(), store }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use wirebench_protocol::Timestamp;
    use wirebench_protocol::control::{Pace, Payload, StoreCounts, WindowCount};

    use super::*;

    /// A server that hears of one more message each time it is asked, up to ten.
    #[derive(Debug, Default)]
    struct FakeServer {
        heard: AtomicU64,
        publishers: AtomicU64,
        windows: AtomicU64,
        usages: AtomicU64,
    }

    impl FakeServer {
        fn which_has_heard(heard: u64) -> Arc<Self> {
            Arc::new(Self { heard: heard.into(), ..Self::default() })
        }
    }

    impl ServerControl for FakeServer {
        fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
            self.usages.fetch_add(1, Ordering::SeqCst);
            let heard = self.heard.load(Ordering::SeqCst);
            let usage = ServerUsage {
                at: Timestamp::from_nanos(heard),
                cpu: Some(Duration::from_secs(1)),
                rss_bytes: Some(10),
                rss_peak_bytes: (heard > 1).then_some(20),
                published: Some(heard),
                late_publishes: Some(3),
            };
            async move { Ok(usage) }.boxed()
        }

        fn count(&self, _: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
            self.windows.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }.boxed()
        }

        fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
            let heard = self.heard.load(Ordering::SeqCst);
            self.heard.store((heard + 1).min(10), Ordering::SeqCst);
            let (first_seq, last_seq) = (Some(1), Some(heard));
            let feed =
                WindowCount { published: heard, first_seq, last_seq, ..WindowCount::default() };
            let counts = StoreCounts { queries: 5, ..StoreCounts::default() };
            let commit_times_ns = vec![(heard, 1)];
            let store = Some(StoreReport { counts, commit_times_ns });
            let window = WindowReport { feed, store };
            async move { Ok(CountedMessages { window, publishing: None }) }.boxed()
        }

        fn start_publisher<'a>(
            &'a self,
            _: &'a Publisher,
        ) -> BoxFuture<'a, Result<(), ControlError>> {
            self.publishers.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }.boxed()
        }

        fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
            async { Ok(Some(3)) }.boxed()
        }

        fn survivors(&self) -> Survivors<'_> {
            Survivors::Nobody
        }

        fn process(&self) -> Option<u32> {
            None
        }
    }

    fn control(servers: &[Arc<FakeServer>]) -> SeveralServers {
        let mut servers = servers.iter().map(|it| Arc::clone(it) as Arc<dyn ServerControl>);
        let (first, last) = (servers.next().unwrap(), servers.next_back().unwrap());
        SeveralServers::new(first, servers.collect(), last)
    }

    #[tokio::test(start_paused = true)]
    async fn the_count_is_that_of_one_server_once_all_have_heard_of_everything() {
        let servers = [8, 10, 9].map(FakeServer::which_has_heard);
        let window = control(&servers).counted().await.unwrap().window;
        assert_eq!((window.feed.published, window.feed.last_seq), (10, Some(10)));
        let store = window.store.unwrap();
        assert_eq!((store.counts.queries, store.commit_times_ns), (15, vec![(10, 3)]));
    }

    #[test]
    fn if_some_never_hear_of_it_the_largest_count_holds() {
        let count = |published| WindowReport {
            feed: WindowCount { published, ..WindowCount::default() },
            store: None,
        };
        assert_eq!(of_all([4, 7, 6].map(count), Vec::new()), count(7));
    }

    #[tokio::test]
    async fn the_servers_are_charged_together_and_one_of_them_publishes() {
        let servers = [4, 6].map(FakeServer::which_has_heard);
        let control = control(&servers);
        let expected = ServerUsage {
            at: Timestamp::from_nanos(6),
            cpu: Some(Duration::from_secs(2)),
            rss_bytes: Some(20),
            rss_peak_bytes: Some(40),
            published: Some(6),
            late_publishes: Some(6),
        };
        assert_eq!(control.usage().await.unwrap(), expected);
        let (from_ns, to_ns) = (Timestamp::from_nanos(1), Timestamp::from_nanos(2));
        control.count(CountWindow { from_ns, to_ns }).await.unwrap();
        let payload = Payload::Bytes(10);
        let plan = Publisher {
            rate: 1.0,
            pace: Pace::Exact,
            payload,
            seed: 1,
            timers: 1,
            until_acknowledged: false,
        };
        control.start_publisher(&plan).await.unwrap();
        assert_eq!(control.stop_publisher().await.unwrap(), Some(3));
        let asked = |of: fn(&FakeServer) -> &AtomicU64| {
            servers.each_ref().map(|server| of(server).load(Ordering::SeqCst))
        };
        assert_eq!(asked(|server| &server.publishers), [1, 0]);
        assert_eq!(asked(|server| &server.windows), [1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_killed_is_charged_up_to_then_and_its_next_process_counts_no_messages()
     {
        let servers = [8, 10, 9].map(FakeServer::which_has_heard);
        let control = control(&servers);
        let (from_ns, to_ns) = (Timestamp::from_nanos(1), Timestamp::from_nanos(2));
        control.count(CountWindow { from_ns, to_ns }).await.unwrap();
        let cpu = control.usage().await.unwrap().cpu;
        control.leave(true).await.unwrap();
        let away = control.usage().await.unwrap();
        assert_eq!((away.cpu, away.rss_bytes), (cpu, Some(20)), "it uses nothing more");
        let counted = control.counted().await.unwrap().window;
        assert_eq!((counted.feed.published, counted.store.unwrap().counts.queries), (10, 15));

        let next = FakeServer::which_has_heard(3);
        control.come_back(Some(Arc::clone(&next) as Arc<dyn ServerControl>)).await.unwrap();
        assert_eq!(next.windows.load(Ordering::SeqCst), 1, "it counts what its store does");
        let usage = control.usage().await.unwrap();
        assert_eq!(usage.cpu, cpu.map(|cpu| cpu + Duration::from_secs(1)));
        assert_eq!((usage.rss_bytes, usage.rss_peak_bytes), (Some(30), Some(60)));
        let counted = control.counted().await.unwrap().window;
        assert_eq!((counted.feed.published, counted.store.unwrap().counts.queries), (10, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_server_is_not_asked() {
        let servers = [4, 6].map(FakeServer::which_has_heard);
        let control = control(&servers);
        let before = control.usage().await.unwrap();
        control.leave(false).await.unwrap();
        let asked = servers[1].usages.load(Ordering::SeqCst);
        assert_eq!(control.usage().await.unwrap(), before);
        assert_eq!(servers[1].usages.load(Ordering::SeqCst), asked);
        control.come_back(None).await.unwrap();
        // It has heard of everything once it goes on.
        assert_eq!(control.counted().await.unwrap().window.feed.published, 10);
    }

    #[tokio::test]
    async fn what_one_server_does_not_tell_is_not_known_of_all() {
        let servers = [1, 6].map(FakeServer::which_has_heard);
        assert_eq!(control(&servers).usage().await.unwrap().rss_peak_bytes, None);
    }
}
