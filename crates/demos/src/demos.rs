//! All demos of one server: their feeds, their routes, and their background work.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::After;
use wirebench_server::{Feed, Layer, Server};
use wirebench_store::{Store, StoreError};

use crate::api::access::{ControlAccess, same_origin_only};
use crate::api::{answer, join};
use crate::controls::Controls;
use crate::feeds::chat::Chat;
use crate::feeds::clock::Clock;
use crate::feeds::demo::{DemoFeed, PublisherSettings};
use crate::feeds::event_streams::EventStreams;
use crate::feeds::inbox::Inbox;
use crate::feeds::jobs::Jobs;
use crate::feeds::message_table::{self, MessageTable};
use crate::feeds::monitor::Monitor;
use crate::feeds::naive_monitor::NaiveMonitor;
use crate::pages;
use crate::traffic::lanes::LaneRegistry;
use crate::traffic::layer::TrafficLayer;
use crate::traffic::network::Network;
use crate::traffic::routes as traffic_routes;

/// The largest body that a request to the demo API may have, in bytes.
const MAX_BODY_BYTES: usize = 4 << 10;

/// How long connections may take to close by themselves before a restart cuts those that may carry
/// lanes. Short, because people watch the restart on the page. Others end as whenever the server
/// stops.
const RESTART_GRACE: Duration = Duration::from_millis(500);

/// The link delay of a new server, one way, in milliseconds. Without a delay, long polling would
/// look as if it cost nothing.
const LINK_DELAY_MS: u64 = 25;

/// The demos of one server. This is a handle: clones refer to the same demos.
#[derive(Clone, Debug)]
pub struct Demos(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    controls: Controls,
    lanes: Arc<LaneRegistry>,
    chat: Arc<Chat>,
    monitor: Monitor,
    inbox: Arc<Inbox>,
    clock: Clock,
    jobs: Arc<Jobs>,
    message_table: Arc<MessageTable>,
    /// Cancelled when the server stops. Ends the tasks that serve single connections.
    stopped: CancellationToken,
}

impl Demos {
    /// Returns new demos with empty feeds, all of them in memory.
    pub fn new(access: ControlAccess) -> Self {
        let table = MessageTable::in_memory();
        Self::with_settings(access, PublisherSettings::default(), LINK_DELAY_MS, table)
    }

    /// Returns new demos whose feed `message-table` is kept in a store. All others are empty and in
    /// memory.
    ///
    /// # Errors
    /// The database fails.
    pub async fn with_store(access: ControlAccess, store: &Store) -> Result<Self, StoreError> {
        let table = MessageTable::in_store(store).await?;
        Ok(Self::with_settings(access, PublisherSettings::default(), LINK_DELAY_MS, table))
    }

    /// Returns the demos of the server after a restart: the feeds in memory are empty, and the
    /// publisher and the link delay keep their settings, so that nobody has to set the sliders
    /// again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn restarted(&self) -> Result<Self, StoreError> {
        let Controls { access, demo, network, .. } = &self.0.controls;
        let table = self.0.message_table.restarted().await?;
        Ok(Self::with_settings(*access, demo.settings(), network.delay_ms(), table))
    }

    fn with_settings(
        access: ControlAccess,
        settings: PublisherSettings,
        link_delay_ms: u64,
        message_table: MessageTable,
    ) -> Self {
        let network = Network::default();
        network.set_delay(link_delay_ms);
        Self(Arc::new(Inner {
            controls: Controls::new(access, DemoFeed::new(settings), network),
            lanes: Arc::default(),
            chat: Arc::new(Chat::new()),
            monitor: Monitor::new(),
            inbox: Arc::new(Inbox::new()),
            clock: Clock::new(),
            jobs: Arc::new(Jobs::new()),
            message_table: Arc::new(message_table),
            stopped: CancellationToken::new(),
        }))
    }

    /// The names of the feeds that the pages subscribe to.
    pub const FEEDS: [&str; 7] =
        ["demo", "chat", "monitor", "inbox", "clock", "jobs", message_table::NAME];

    /// Returns the feeds that the pages subscribe to, by name, for [`Server::new`].
    pub fn feeds(&self) -> impl Iterator<Item = (String, Feed)> {
        let Inner { controls, chat, monitor, inbox, clock, jobs, message_table, .. } = &*self.0;
        let feeds = [
            &controls.demo.feed,
            &chat.feed,
            &monitor.feed,
            &inbox.feed,
            &clock.feed,
            &jobs.feed,
            &message_table.feed,
        ];
        Self::FEEDS.map(str::to_owned).into_iter().zip(feeds.map(Feed::clone))
    }

    /// Returns the layer that counts, delays and cuts the bytes of connections that may carry lanes,
    /// for [`Server::with_layer`].
    pub fn layer(&self) -> impl Layer + use<> {
        TrafficLayer::new(Arc::clone(&self.0.controls.network))
    }

    /// Returns the pages, the demo API and the routes of the server as one router, for
    /// [`Server::serve_app`].
    pub fn app(&self, server: &Server) -> Router {
        let Inner { controls, lanes, chat, monitor, inbox, clock, jobs, message_table, stopped } =
            &*self.0;
        let naive = NaiveMonitor::new(server.clone(), &monitor.cost, stopped.clone());
        let changes = Router::new()
            .merge(controls.changing_routes())
            .merge(chat.routes())
            .merge(inbox.routes())
            .merge(jobs.routes())
            .merge(message_table.changing_routes())
            .merge(naive.routes())
            .merge(EventStreams::new(clock.feed.clone()).routes())
            .merge(traffic_routes::changing_routes(lanes, &controls.network))
            .route_layer(from_fn(same_origin_only));
        let api = Router::new()
            .merge(controls.reading_routes())
            .merge(join::routes())
            .merge(traffic_routes::routes(lanes))
            .merge(monitor.routes())
            .merge(message_table.reading_routes(server))
            .merge(changes)
            .layer(from_fn(answer::no_store))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
        let app = pages::routes::routes()
            .merge(api)
            .method_not_allowed_fallback(answer::method_not_allowed)
            .merge(server.router());
        traffic_routes::attribute_requests(app, lanes, &controls.network)
    }

    /// Publishes, samples the machine and removes silent chat members until dropped.
    pub async fn run(&self) {
        let Inner { controls, chat, monitor, inbox, clock, jobs, stopped, .. } = &*self.0;
        let _stopped = stopped.clone().drop_guard();
        let _publishing = controls.demo.run();
        tokio::join!(
            chat.run(),
            monitor.run(),
            inbox.run(),
            clock.run(),
            jobs.run(),
            self.stop_with_the_feeds(),
            self.cut_after_restart_request(),
        );
    }

    /// Returns once a visitor has asked for a restart of the server.
    pub async fn restart_requested(&self) {
        self.0.controls.restart.cancelled().await;
    }

    /// The server closes its feeds when it stops, and then waits for its connections. Those of the
    /// naive monitor are served by tasks of this crate, which must end at once and not after that
    /// wait.
    async fn stop_with_the_feeds(&self) {
        let feed = &self.0.jobs.feed;
        let newest = feed.locate(After::Newest).expect("the newest message is not in the future");
        feed.follow(newest).for_each(async |_| ()).await;
        self.0.stopped.cancel();
    }

    async fn cut_after_restart_request(&self) {
        self.restart_requested().await;
        tokio::time::sleep(RESTART_GRACE).await;
        self.0.controls.network.cut_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_restarted_server_keeps_its_settings() {
        let demos = Demos::new(ControlAccess::Loopback);
        let settings = PublisherSettings { rate: 20.0, payload_bytes: 256, publishing: false };
        demos.0.controls.demo.set(settings).unwrap();
        demos.0.controls.network.set_delay(100);
        let next = demos.restarted().await.unwrap();
        assert_eq!(next.0.controls.demo.settings(), settings);
        assert_eq!(next.0.controls.network.delay_ms(), 100);
        assert_ne!(next.0.controls.life, demos.0.controls.life);
    }
}
