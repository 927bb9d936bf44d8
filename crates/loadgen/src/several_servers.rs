//! The control of several servers that share a feed, as if they were one.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, try_join_all};
use tokio::time::Instant;
use wirebench_protocol::control::{CountWindow, Publisher, StoreReport, WindowReport};

use crate::control::ControlError;
use crate::server_control::{CountedMessages, ServerControl, ServerUsage};

/// How long servers may take to hear of each other's messages before their counts are taken as they
/// are.
const AGREE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two looks at their counts.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Several servers with one feed. The publisher runs on the first.
#[derive(Debug)]
pub struct SeveralServers {
    first: Arc<dyn ServerControl>,
    others: Vec<Arc<dyn ServerControl>>,
}

impl SeveralServers {
    /// Returns the control of a server and of the `others` that share its feed.
    pub fn new(first: Arc<dyn ServerControl>, others: Vec<Arc<dyn ServerControl>>) -> Self {
        Self { first, others }
    }

    /// Returns the same for any server.
    pub fn shared(self) -> Arc<dyn ServerControl> {
        Arc::new(self)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn ServerControl>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Asks all servers what they have counted, until they agree or the time is up. A server hears of
    /// a message of another one a little later, so that one asked at once may have counted less.
    async fn counts(&self) -> Result<Vec<CountedMessages>, ControlError> {
        let deadline = Instant::now() + AGREE_TIMEOUT;
        loop {
            let counted = try_join_all(self.all().map(|server| server.counted())).await?;
            let first = counted[0].window.feed;
            let agree = counted.iter().all(|counted| counted.window.feed == first);
            if agree || Instant::now() > deadline {
                return Ok(counted);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

impl ServerControl for SeveralServers {
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
        async {
            let used = try_join_all(self.all().map(|server| server.usage())).await?;
            Ok(used.into_iter().reduce(sum).expect("there is a first server"))
        }
        .boxed()
    }

    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
        async move { try_join_all(self.all().map(|server| server.count(window))).await.map(drop) }
            .boxed()
    }

    /// Every server counts all messages of the feed, its own and those of the others. So the counts
    /// are not added up: the largest is that of the server that has heard of most.
    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
        async {
            let counted = self.counts().await?;
            let windows = counted.into_iter().map(|counted| counted.window);
            Ok(CountedMessages { window: of_all(windows), publishing: None })
        }
        .boxed()
    }

    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>> {
        self.first.start_publisher(plan)
    }

    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
        self.first.stop_publisher()
    }

    fn outlives_server(&self) -> bool {
        false
    }

    fn process(&self) -> Option<u32> {
        None
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

/// Returns the count of the server that has heard of most messages, with what the stores of all did.
fn of_all(windows: impl IntoIterator<Item = WindowReport>) -> WindowReport {
    let (mut feed, mut stores) = (None, Vec::new());
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
    }

    impl FakeServer {
        fn which_has_heard(heard: u64) -> Arc<Self> {
            Arc::new(Self { heard: heard.into(), ..Self::default() })
        }
    }

    impl ServerControl for FakeServer {
        fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
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

        fn outlives_server(&self) -> bool {
            false
        }

        fn process(&self) -> Option<u32> {
            None
        }
    }

    fn control(servers: &[Arc<FakeServer>]) -> SeveralServers {
        let mut servers = servers.iter().map(|it| Arc::clone(it) as Arc<dyn ServerControl>);
        SeveralServers::new(servers.next().unwrap(), servers.collect())
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
        assert_eq!(of_all([4, 7, 6].map(count)), count(7));
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
        let plan = Publisher { rate: 1.0, pace: Pace::Exact, payload, seed: 1, timers: 1 };
        control.start_publisher(&plan).await.unwrap();
        assert_eq!(control.stop_publisher().await.unwrap(), Some(3));
        let asked = |of: fn(&FakeServer) -> &AtomicU64| {
            servers.each_ref().map(|server| of(server).load(Ordering::SeqCst))
        };
        assert_eq!(asked(|server| &server.publishers), [1, 0]);
        assert_eq!(asked(|server| &server.windows), [1, 1]);
    }

    #[tokio::test]
    async fn what_one_server_does_not_tell_is_not_known_of_all() {
        let servers = [1, 6].map(FakeServer::which_has_heard);
        assert_eq!(control(&servers).usage().await.unwrap().rss_peak_bytes, None);
    }
}
