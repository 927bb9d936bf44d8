//! The teaching demos: pages that subscribe with the browser's own means, the feeds that they subscribe
//! to, and the API beside them. [`Demos`] is what `wirebench serve` wires into its server.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wirebench_protocol::After;
use wirebench_server::{Feed, Layer, Server};

mod access;
mod answer;
mod assets;
mod book;
mod chat;
mod clock;
mod controls;
mod feeds;
mod inbox;
mod jobs;
mod lanes;
mod language;
mod monitor;
mod naive;
mod names;
mod network;
mod pages;
mod publisher;
mod tap;
mod trace;
mod wire;

pub use access::ControlAccess;

/// A body of the demo API is a few words.
const BODY_BYTES: usize = 4 << 10;

/// How long connections may take to end properly before a restart cuts them: it is to be over in the time
/// that somebody looks on.
const LEAVING: Duration = Duration::from_millis(500);

/// The demos of one life of the server. A handle: clones are the same demos.
#[derive(Clone, Debug)]
pub struct Demos(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access: ControlAccess,
    /// Tells this life of the server from others.
    life: String,
    network: Arc<network::Network>,
    taps: tap::Taps,
    demo: publisher::Demo,
    chat: chat::Chat,
    monitor: monitor::Monitor,
    inbox: inbox::Inbox,
    clock: clock::Clock,
    jobs: jobs::Jobs,
    /// Cancelled when somebody wants the server to restart.
    restart: CancellationToken,
    /// Cancelled when the server stops.
    ended: CancellationToken,
    /// What works for single connections, until they or the server end.
    tasks: TaskTracker,
}

impl Demos {
    /// New demos, with empty feeds.
    pub fn new(access: ControlAccess) -> Self {
        Self::set_as(access, publisher::Plan::default(), 0)
    }

    /// The demos of the server's next life: with empty feeds, and with the rate, the payload and the link
    /// delay that these are set to. Nobody has to set the sliders again after a restart.
    #[must_use]
    pub fn next_life(&self) -> Self {
        Self::set_as(self.0.access, self.0.demo.plan(), self.0.network.delay_ms())
    }

    fn set_as(access: ControlAccess, plan: publisher::Plan, link_delay_ms: u64) -> Self {
        let network = network::Network::default();
        network.set_delay(link_delay_ms);
        Self(Arc::new(Inner {
            access,
            life: format!("{:016x}", rand::random::<u64>()),
            network: Arc::new(network),
            taps: tap::Taps::default(),
            demo: publisher::Demo::new(plan),
            chat: chat::Chat::new(),
            monitor: monitor::Monitor::new(),
            inbox: inbox::Inbox::new(),
            clock: clock::Clock::new(),
            jobs: jobs::Jobs::new(),
            restart: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// The names of the feeds that the pages subscribe to.
    pub const FEEDS: [&str; 6] = ["demo", "chat", "monitor", "inbox", "clock", "jobs"];

    /// The feeds that the pages subscribe to, by name: for [`Server::new`].
    pub fn feeds(&self) -> impl Iterator<Item = (String, Feed)> {
        let Inner { demo, chat, monitor, inbox, clock, jobs, .. } = &*self.0;
        let feeds = [&demo.feed, &chat.feed, &monitor.feed, &inbox.feed, &clock.feed, &jobs.feed];
        Self::FEEDS.map(str::to_owned).into_iter().zip(feeds.map(Feed::clone))
    }

    /// What counts, delays and cuts the bytes of every connection: for [`Server::with_layer`].
    pub fn layer(&self) -> impl Layer + use<> {
        wire::Wires(Arc::clone(&self.0.network))
    }

    /// The pages, the demo API and the routes of the server behind one router: for
    /// [`Server::serve_app`].
    pub fn app(&self, server: &Server) -> Router {
        let changes = Router::new()
            .merge(controls::router(self.0.access))
            .merge(chat::router())
            .merge(inbox::router())
            .merge(jobs::router())
            .merge(naive::router(server))
            .route_layer(from_fn(access::same_origin_only));
        let api = Router::new()
            .merge(controls::questions())
            .merge(lanes::router())
            .merge(monitor::questions())
            .merge(changes)
            .layer(from_fn(answer::no_store))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(self.clone());
        pages::router()
            .merge(api)
            .method_not_allowed_fallback(answer::no_such_method)
            .merge(server.router())
            .layer(from_fn_with_state(self.clone(), lanes::attribute))
    }

    /// Works for the demos: publishes, samples, sees members off. Until dropped.
    pub async fn run(&self) {
        let own = &self.0;
        let _ending = own.ended.clone().drop_guard();
        let _publishing = own.demo.run();
        tokio::join!(
            own.chat.run(),
            own.monitor.run(),
            own.inbox.run(),
            own.clock.run(),
            own.jobs.run(),
            self.end_with_the_feeds(),
            self.cut_the_rest(),
        );
    }

    /// Returns when somebody wants the server to restart.
    pub async fn restart_wanted(&self) {
        self.0.restart.cancelled().await;
    }

    /// The server closes its feeds when it stops, and then waits for connections: also for those that are
    /// served by tasks of ours, which are to end now and not after the wait.
    async fn end_with_the_feeds(&self) {
        let feed = &self.0.jobs.feed;
        let now = feed.locate(After::Newest).expect("the newest message is never beyond itself");
        feed.follow(now).for_each(async |_| ()).await;
        self.0.ended.cancel();
    }

    async fn cut_the_rest(&self) {
        self.restart_wanted().await;
        tokio::time::sleep(LEAVING).await;
        self.0.network.cut_all();
    }
}
