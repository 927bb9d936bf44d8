//! What a run asks of the server that it measures, besides the feed: what it has used, what was
//! published, and a publisher.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use wirebench_measure::PublishRecord;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{CountWindow, Publisher, Usage, WindowReport};

use crate::control::{ControlClient, ControlError};

/// The server of a run, besides its feed. [`FeedControl`] is that of wirebench's own server, whose
/// publisher and counts are in the server. Those of another server are beside it.
pub trait ServerControl: fmt::Debug + Send + Sync {
    /// Returns what the server has used so far, and what was published.
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>>;

    /// Sets the window in which messages are counted.
    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>>;

    /// Returns what was counted in the window so far.
    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>>;

    /// Starts a publisher, which publishes at a fixed pace.
    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>>;

    /// Stops the publisher and waits until it has stopped. Returns how many of its messages entered
    /// the feed late; `None` if that is not known.
    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>>;

    /// Returns what goes on while a fault has taken the server away.
    fn survivors(&self) -> Survivors<'_>;

    /// Returns the process of the server if it is on this machine and was not started for the run.
    /// It and its children belong to the run nevertheless.
    fn process(&self) -> Option<u32>;
}

/// What goes on while a fault has taken a server away.
#[derive(Clone, Copy, Debug)]
pub enum Survivors<'a> {
    /// Nothing: the publisher and all counts begin anew with the next process.
    Nobody,
    /// Other servers with the same feed. One of them has the publisher.
    OtherServers(&'a dyn ServerGroup),
    /// The publisher and all counts, which are beside the server. It can be asked at any time.
    Everything,
}

/// Several servers with the same feed, of which a fault takes the last one away. Together they can be
/// asked at any time.
pub trait ServerGroup: fmt::Debug + Send + Sync {
    /// Called before the last server is frozen or, if it `ends`, stopped or killed.
    fn leave(&self, ends: bool) -> BoxFuture<'_, Result<(), ControlError>>;

    /// Called when it answers again. `control` is that of a new process.
    fn come_back(
        &self,
        control: Option<Arc<dyn ServerControl>>,
    ) -> BoxFuture<'_, Result<(), ControlError>>;
}

/// What a server has used so far, and what was published. What is not known is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUsage {
    /// When the values were read.
    pub at: Timestamp,
    /// Processor time, user and system.
    pub cpu: Option<Duration>,
    /// Resident memory now.
    pub rss_bytes: Option<u64>,
    /// The highest resident memory so far.
    pub rss_peak_bytes: Option<u64>,
    /// The number of messages published. `None` if that is not known.
    pub published: Option<u64>,
    /// The number of messages that entered the feed late.
    pub late_publishes: Option<u64>,
}

/// What was counted in a window.
#[derive(Clone, Debug, Default)]
pub struct CountedMessages {
    /// What was published, and what the store of the server did.
    pub window: WindowReport,
    /// How publishing went, if the load generator publishes.
    pub publishing: Option<PublishRecord>,
}

/// The control API of wirebench's own server, for one of its feeds.
#[derive(Clone, Debug)]
pub struct FeedControl {
    client: ControlClient,
    feed: String,
}

impl FeedControl {
    /// Returns the control of `feed`.
    pub fn new(client: ControlClient, feed: impl Into<String>) -> Self {
        Self { client, feed: feed.into() }
    }

    /// Returns the same for any server.
    pub fn shared(self) -> Arc<dyn ServerControl> {
        Arc::new(self)
    }
}

impl ServerControl for FeedControl {
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
        async { Ok(self.client.usage().await?.into()) }.boxed()
    }

    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
        async move { self.client.count(&self.feed, window).await.map(drop) }.boxed()
    }

    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
        async {
            let window = self.client.counted(&self.feed).await?;
            Ok(CountedMessages { window, publishing: None })
        }
        .boxed()
    }

    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>> {
        self.client.start_publisher(&self.feed, plan).boxed()
    }

    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
        async { Ok(Some(self.client.stop_publisher(&self.feed).await?.late)) }.boxed()
    }

    fn survivors(&self) -> Survivors<'_> {
        Survivors::Nobody
    }

    fn process(&self) -> Option<u32> {
        None
    }
}

impl From<Usage> for ServerUsage {
    fn from(usage: Usage) -> Self {
        Self {
            at: usage.at_ns,
            cpu: Some(Duration::from_nanos(usage.cpu_ns)),
            rss_bytes: usage.rss_bytes,
            rss_peak_bytes: usage.rss_peak_bytes,
            published: Some(usage.published),
            late_publishes: Some(usage.late_publishes),
        }
    }
}
