//! The options of a server that concern the store of its feeds.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use wirebench_demos::LaneQueries;
use wirebench_scenario::parse_duration;
use wirebench_server::{Feed, StoreMetrics};
use wirebench_store::{
    Changes, Database, Retention, Store, StoreError, StoreOptions, StoreUrl, Synchronous, WatchMode,
};

use crate::environment;

/// How often a database is asked for what other servers have appended.
const DEFAULT_POLL: WatchMode = WatchMode::Poll(Duration::from_millis(100));

/// Where feeds are kept.
#[derive(Args, Debug)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreArguments {
    /// Keep the feeds in a database: `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or
    /// `mysql://USER:PASSWORD@HOST/DATABASE`. Arguments can be read by everybody on the machine: put
    /// a URL with a password into the variable `WIREBENCH_STORE` [default: feeds are in memory, and
    /// a restart empties them]
    #[arg(long, value_name = "URL")]
    store: Option<UrlText>,
    /// Share the feeds with other servers over NATS: `nats://HOST:PORT`, or several with commas
    /// between them. Each feed is a stream of JetStream (docs/scale.md). Put a URL with a password
    /// into the variable `WIREBENCH_BACKBONE`
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    backbone: Option<UrlText>,
    /// When a commit of SQLite is on the disk
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    store_synchronous: OnDisk,
    /// Limit of what the store keeps of each feed: `messages=N`, `age=TIME` or `bytes=N`; repeat the
    /// option for more limits [default: everything is kept]
    #[arg(long, value_name = "LIMIT", value_parser = retained)]
    retain: Vec<Retained>,
    /// How to learn of messages that other servers append to the same store: the interval of
    /// questions to the database, or `listen` to be told by PostgreSQL [default: 100ms; a backbone
    /// tells]
    #[arg(long, value_name = "HOW", value_parser = watch_mode)]
    store_poll: Option<WatchMode>,
}

/// The text of `--store`. It may contain a password, so `Debug` does not show it.
#[derive(Clone)]
struct UrlText(String);

impl FromStr for UrlText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for UrlText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UrlText(…)")
    }
}

/// The values of `--store-synchronous`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum OnDisk {
    /// Some time after it is acknowledged: losing power may lose the last messages, killing the
    /// process loses none
    #[default]
    Normal,
    /// Before it is acknowledged
    Full,
}

/// A value of `--retain`.
#[derive(Clone, Copy, Debug)]
enum Retained {
    Messages(NonZeroU64),
    Age(Duration),
    Bytes(u64),
}

/// The options, checked.
#[derive(Debug)]
pub(super) struct StoreSetup {
    url: StoreUrl,
    options: StoreOptions,
    watch: WatchMode,
}

/// A store that is open.
#[derive(Debug)]
pub(super) struct OpenStore {
    store: Store,
    metrics: StoreMetrics,
    url: StoreUrl,
    watch: WatchMode,
}

impl StoreArguments {
    /// Checks the options. Returns `None` if feeds are in memory.
    pub(super) fn read(&self) -> anyhow::Result<Option<StoreSetup>> {
        let Some(url) = self.url()? else {
            if !self.retain.is_empty() {
                bail!(
                    "`--retain` needs a store (`--store`) or a backbone (`--backbone`); `--window` \
                     limits feeds in memory"
                );
            }
            return Ok(None);
        };
        let mut retention = Retention::default();
        for limit in &self.retain {
            match *limit {
                Retained::Messages(messages) => retention.messages = Some(messages),
                Retained::Age(age) => retention.age = Some(age),
                Retained::Bytes(bytes) => retention.bytes = Some(bytes),
            }
        }
        let synchronous = match self.store_synchronous {
            OnDisk::Normal => Synchronous::Normal,
            OnDisk::Full => Synchronous::Full,
        };
        let options = StoreOptions { synchronous, retention, ..StoreOptions::default() };
        let default = match url.database() {
            Database::Nats => WatchMode::Listen,
            Database::Sqlite | Database::Postgres | Database::MySql => DEFAULT_POLL,
        };
        Ok(Some(StoreSetup { url, options, watch: self.store_poll.unwrap_or(default) }))
    }

    /// Returns where the feeds are kept. The options come before the variables.
    fn url(&self) -> anyhow::Result<Option<StoreUrl>> {
        let store = ("--store", &self.store, environment::STORE);
        let backbone = ("--backbone", &self.backbone, environment::BACKBONE);
        let given = [store, backbone]
            .into_iter()
            .find_map(|(option, value, _)| Some((option, value.as_ref()?.0.clone())));
        let set = || {
            let variable = |(option, _, name)| Some((option, std::env::var(name).ok()?));
            variable(store).or_else(|| variable(backbone))
        };
        let Some((option, text)) = given.or_else(set) else { return Ok(None) };
        let url: StoreUrl =
            text.parse().with_context(|| format!("cannot use the value of `{option}`"))?;
        match (option, url.database()) {
            ("--store", Database::Nats) => {
                bail!("`--store` takes a database; NATS is a backbone: write `--backbone {url}`")
            }
            ("--backbone", database) if database != Database::Nats => bail!(
                "`--backbone` takes `nats://HOST:PORT`; {} is a store: write `--store`",
                database.name()
            ),
            _ => Ok(Some(url)),
        }
    }
}

impl StoreSetup {
    /// Connects to the database.
    pub(super) async fn open(self) -> Result<OpenStore, StoreError> {
        let Self { url, options, watch } = self;
        let metrics = StoreMetrics::default();
        let observer = (metrics.clone(), LaneQueries);
        let store = Store::open(&url, &options, observer).await?;
        tracing::info!(store = %url, "feeds are kept in a store");
        Ok(OpenStore { store, metrics, url, watch })
    }
}

impl OpenStore {
    /// Returns where the store is, without a password.
    pub(super) fn name(&self) -> String {
        self.url.to_string()
    }

    /// Returns the store, for the feed of the demos that is kept in it.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Keeps a feed in the store from now on.
    pub(super) async fn keep(&self, name: &str, feed: Feed) -> Result<Feed, StoreError> {
        feed.durable(self.store.feed(name).await?).await
    }

    /// Returns what is counted of the store.
    pub(super) fn metrics(&self) -> StoreMetrics {
        self.metrics.clone()
    }

    /// Returns what tells of messages that other servers append.
    pub(super) fn changes(&self) -> Result<Changes, StoreError> {
        self.store.watch(self.watch)
    }
}

fn retained(text: &str) -> Result<Retained, String> {
    let expected = "a limit is `messages=N`, `age=TIME` (such as `24h`) or `bytes=N`, above 0";
    let read = || {
        let (what, limit) = text.split_once('=')?;
        match what {
            "messages" => limit.parse().ok().map(Retained::Messages),
            "age" => parse_duration(limit).filter(|age| !age.is_zero()).map(Retained::Age),
            "bytes" => limit.parse().ok().filter(|bytes| *bytes > 0).map(Retained::Bytes),
            _ => None,
        }
    };
    read().ok_or_else(|| expected.to_owned())
}

fn watch_mode(text: &str) -> Result<WatchMode, String> {
    match (text, parse_duration(text)) {
        ("listen", _) => Ok(WatchMode::Listen),
        (_, Some(every)) if every.as_millis() > 0 => Ok(WatchMode::Poll(every)),
        _ => Err("expected a time of 1 ms or more, such as `100ms`, or `listen`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        store: StoreArguments,
    }

    fn read(arguments: &[&str]) -> anyhow::Result<Option<StoreSetup>> {
        Line::try_parse_from([&["serve"], arguments].concat())?.store.read()
    }

    #[test]
    fn limits_are_combined_and_the_last_of_a_kind_counts() {
        let limits = ["messages=5", "age=2h", "bytes=9", "messages=7"];
        let options = limits.map(|limit| ["--retain", limit]).concat();
        let setup = read(&[&["--store", "sqlite:a.db"], &options[..]].concat()).unwrap().unwrap();
        let Retention { messages, age, bytes } = setup.options.retention;
        assert_eq!((messages, bytes), (NonZeroU64::new(7), Some(9)));
        assert_eq!(age, Some(Duration::from_hours(2)));
        assert_eq!(setup.watch, DEFAULT_POLL);
    }

    #[test]
    fn a_limit_without_a_store_or_with_a_wrong_value_is_an_error() {
        let error = read(&["--retain", "messages=5"]).unwrap_err().to_string();
        assert!(error.contains("`--store`"), "{error}");
        for limit in ["5", "messages=0", "age=0s", "bytes=x", "days=1"] {
            let error = read(&["--store", "sqlite:a", "--retain", limit]).unwrap_err().to_string();
            assert!(error.contains("a limit is"), "{error}");
        }
    }

    #[test]
    fn a_backbone_is_nats_and_a_store_is_not() {
        let setup = read(&["--backbone", "nats://u:hunter2@a,nats://b"]).unwrap().unwrap();
        assert_eq!(setup.watch, WatchMode::Listen);
        assert_eq!(setup.url.to_string(), "nats://u:***@a,nats://b");
        let error = read(&["--store", "nats://u:hunter2@a"]).unwrap_err().to_string();
        assert!(error.contains("write `--backbone nats://u:***@a`"), "{error}");
        let error = read(&["--backbone", "sqlite:a.db"]).unwrap_err().to_string();
        assert!(error.contains("SQLite is a store"), "{error}");
        assert!(read(&["--backbone", "nats://a", "--store", "sqlite:a"]).is_err());
    }

    #[test]
    fn no_error_and_no_debug_text_shows_a_password() {
        for url in ["postgres://u:hunter2@h", "oracle://u:hunter2@h/d", "postgres://u:hunter2@h/d"]
        {
            let line = Line::try_parse_from(["serve", "--store", url]).unwrap();
            let shown = format!("{line:?} {:?}", line.store.read());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
