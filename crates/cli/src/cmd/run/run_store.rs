//! Where the feed of one run is kept, from before its server starts until after it has stopped.

use anyhow::Context;
use rand::RngExt;
use rand::distr::Uniform;
use tempfile::TempDir;
use wirebench_loadgen::{DEFAULT_FEED, ServerOrders};
use wirebench_scenario::{FeedStore, Run};
use wirebench_store::StoreUrl;

use crate::databases::{DatabaseUrl, Databases};
use crate::environment;
use crate::processes::nats::cluster::NatsCluster;
use crate::processes::server_process::StoreArgument;

/// The store of one run, which starts empty.
#[derive(Debug)]
pub(super) struct RunStore {
    /// The name of the feed.
    pub(super) feed: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Memory,
    /// A file in a folder of its own, which is removed with this value.
    File(TempDir),
    /// A database of others.
    Database(DatabaseUrl),
    /// The backbone of several servers: a NATS server of others, on which the feed is removed.
    Backbone(DatabaseUrl),
    /// The same, NATS servers that were started for the run, and end with it.
    OwnBackbone(NatsCluster),
}

impl RunStore {
    /// Returns the store of a run that is not skipped. Starts NATS if several servers share the feed,
    /// and the environment does not say where NATS is.
    pub(super) async fn of(run: &Run, databases: &Databases) -> anyhow::Result<Self> {
        let bench = || DEFAULT_FEED.to_owned();
        if run.instances > 1 {
            let feed = new_name();
            let kind = match databases.backbone() {
                Some(url) => Kind::Backbone(url.clone()),
                None => Kind::OwnBackbone(start_backbone(run, &feed).await?),
            };
            return Ok(Self { feed, kind });
        }
        Ok(match run.store {
            FeedStore::Memory => Self { feed: bench(), kind: Kind::Memory },
            FeedStore::Sqlite => {
                let folder = TempDir::with_prefix("wirebench-");
                let folder = folder.context("cannot create a folder for the file of SQLite")?;
                Self { feed: bench(), kind: Kind::File(folder) }
            }
            FeedStore::Postgres | FeedStore::MySql => {
                let url = databases.url(run.store).cloned();
                let url = url.context("a run without a database was not skipped")?;
                Self { feed: new_name(), kind: Kind::Database(url) }
            }
        })
    }

    /// Returns what the server is told of it.
    pub(super) fn argument(&self) -> Option<StoreArgument> {
        match &self.kind {
            Kind::Memory => None,
            Kind::File(folder) => {
                let url = StoreUrl::sqlite(folder.path().join("feeds.db"));
                Some(StoreArgument::Plain(url.to_string()))
            }
            Kind::Database(url) => Some(StoreArgument::Secret(url.secret().to_owned())),
            Kind::Backbone(url) => Some(StoreArgument::Backbone(url.secret().to_owned())),
            Kind::OwnBackbone(nats) => Some(StoreArgument::Backbone(nats.url())),
        }
    }

    /// Carries out orders until what the run has started to keep the feed ends without an order, or an
    /// order fails. Returns the reason.
    pub(super) async fn run(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        match &mut self.kind {
            Kind::OwnBackbone(nats) => nats.run(orders).await,
            Kind::Memory | Kind::File(_) | Kind::Database(_) | Kind::Backbone(_) => {
                std::future::pending().await
            }
        }
    }

    /// Removes what the run has stored. Called when its server has stopped.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        match self.kind {
            Kind::Memory => Ok(()),
            Kind::File(folder) => folder.close().context("cannot remove the file of SQLite"),
            Kind::OwnBackbone(nats) => nats.stop().await,
            Kind::Database(url) | Kind::Backbone(url) => {
                let removed = async { url.open().await?.remove(&self.feed).await };
                removed
                    .await
                    .with_context(|| format!("cannot remove the feed `{}` from {url}", self.feed))
            }
        }
    }
}

/// Starts the NATS servers of one run.
async fn start_backbone(run: &Run, feed: &str) -> anyhow::Result<NatsCluster> {
    let instead = format!(
        "put the URL of a server with JetStream into the variable `{}`",
        environment::BACKBONE
    );
    NatsCluster::start(run.backbone_servers.unwrap_or(1), feed, &instead).await
}

/// Returns a name that no other feed of the database has. It is as long as the name of the feed of
/// other runs, because it is part of each request.
fn new_name() -> String {
    let letters = Uniform::new_inclusive('a', 'z').expect("there are letters");
    rand::rng().sample_iter(letters).take(DEFAULT_FEED.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_feed_is_as_long_as_the_usual_one_and_new() {
        let names: Vec<_> = (0..3).map(|_| new_name()).collect();
        assert!(names.iter().all(|name| name.len() == DEFAULT_FEED.len()), "{names:?}");
        assert!(names[0] != names[1] || names[1] != names[2], "{names:?}");
    }
}
