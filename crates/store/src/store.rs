//! One database with feeds in it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wirebench_protocol::{Epoch, Seq};

use crate::changes::{Changes, WatchMode};
use crate::error::{StoreError, StoreErrorKind};
use crate::message::{Appended, KeptRange, NewMessage, StoredMessage};
use crate::observer::StoreObserver;
use crate::options::{Retention, StoreOptions};
use crate::store_url::{Database, StoreUrl};
use crate::tables::{Answer, FeedId, Tables, TrimmedPiece};

/// The maximum length of the name of a feed, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A database with feeds in it. A handle: clones use the same connections.
#[derive(Clone)]
pub struct Store {
    database: Database,
    tables: Arc<dyn Tables>,
    options: StoreOptions,
}

/// One feed of a store. A handle: clones use the same feed, and all of them follow it into another
/// epoch together ([`adopt`](Self::adopt)).
#[derive(Clone)]
pub struct StoredFeed {
    tables: Arc<dyn Tables>,
    name: Arc<str>,
    incarnation: Arc<Mutex<FeedIncarnation>>,
    retention: Retention,
    deadline: Duration,
}

/// A feed from its creation to its removal. Who removes a feed and creates it anew, under the same
/// name, begins another epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedIncarnation {
    id: FeedId,
    epoch: Epoch,
}

impl FeedIncarnation {
    /// Returns the epoch in which the feed was created.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Store {
    /// Connects to a database and brings its tables up to date. A file of SQLite that does not
    /// exist is created; its folder must exist. `observer` is told what the store does; `()`
    /// ignores it.
    ///
    /// # Errors
    /// The database is not built in, cannot be reached, refuses the user, or has tables of a newer
    /// version.
    pub async fn open(
        url: &StoreUrl,
        options: &StoreOptions,
        observer: impl StoreObserver + 'static,
    ) -> Result<Self, StoreError> {
        let tables = tables_at(url, options, Arc::new(observer)).await?;
        Ok(Self { database: url.database(), tables, options: options.clone() })
    }

    /// Returns the kind of the database.
    pub fn database(&self) -> Database {
        self.database
    }

    /// Returns the feed of this name. Creates it, in a new epoch, if there is none.
    ///
    /// # Errors
    /// The name is empty, longer than 255 bytes, has a control character or white space around it;
    /// or the database fails.
    pub async fn feed(&self, name: &str) -> Result<StoredFeed, StoreError> {
        let plain = name.trim() == name && !name.contains(char::is_control);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !plain {
            let start: String = name.chars().take(64).collect();
            let found = format!(
                "its name `{}` is not 1 to {MAX_NAME_BYTES} bytes without control characters and \
                 white space around it",
                start.escape_debug()
            );
            return Err(StoreError::new(StoreErrorKind::Other, "open a feed", found));
        }
        let (id, epoch) = self.tables.feed(name, Epoch(rand::random())).await?;
        let StoreOptions { retention, deadline, .. } = self.options;
        let incarnation = Arc::new(Mutex::new(FeedIncarnation { id, epoch }));
        let (tables, name) = (Arc::clone(&self.tables), name.into());
        Ok(StoredFeed { tables, name, incarnation, retention, deadline })
    }

    /// Removes the feed of this name with all its messages. Each of many short transactions removes
    /// some. Does nothing if there is no such feed. Nobody should use the feed any more: handles of
    /// it fail from now on.
    ///
    /// # Errors
    /// The database fails. What was removed before stays removed.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        while self.tables.remove_piece(name).await? {}
        Ok(())
    }

    /// Returns the name of the server of NATS that leads the feed of this name among those that keep
    /// it. `None` if none does now, if there is no such feed, and for other databases.
    ///
    /// # Errors
    /// The database fails.
    pub async fn leader(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.tables.leader(name).await
    }

    /// Returns a watcher of what is appended to the feeds, by whichever server.
    ///
    /// # Errors
    /// [`WatchMode::Listen`], and the database cannot tell.
    pub fn watch(&self, mode: WatchMode) -> Result<Changes, StoreError> {
        Changes::new(Arc::clone(&self.tables), mode)
    }
}

impl StoredFeed {
    /// Returns a feed over tables of a test.
    #[cfg(test)]
    pub(crate) fn over(tables: Arc<dyn Tables>, options: &StoreOptions) -> Self {
        let StoreOptions { retention, deadline, .. } = *options;
        let incarnation = Arc::new(Mutex::new(FeedIncarnation { id: FeedId(1), epoch: Epoch(1) }));
        Self { tables, name: "test".into(), incarnation, retention, deadline }
    }

    /// Lowers the limit of messages that the feed keeps, if it is higher than this.
    #[must_use]
    pub fn keeping_at_most(mut self, messages: NonZeroU64) -> Self {
        let limit = self.retention.messages.map_or(messages, |limit| limit.min(messages));
        self.retention.messages = Some(limit);
        self
    }

    /// Returns the epoch in which the feed was created. It survives restarts.
    pub fn epoch(&self) -> Epoch {
        self.incarnation().epoch
    }

    /// Looks for the feed as it is now: the same, or another one if it was removed and created anew.
    /// It is created if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_up(&self) -> Result<FeedIncarnation, StoreError> {
        let (id, epoch) = self.tables.feed(&self.name, Epoch(rand::random())).await?;
        Ok(FeedIncarnation { id, epoch })
    }

    /// Returns a handle of one incarnation, which follows the feed into no other one.
    #[must_use]
    pub fn at(&self, incarnation: FeedIncarnation) -> Self {
        Self { incarnation: Arc::new(Mutex::new(incarnation)), ..self.clone() }
    }

    /// Returns the incarnation that is used now.
    pub fn incarnation(&self) -> FeedIncarnation {
        *self.incarnation.lock()
    }

    /// Uses this incarnation from now on, in all clones.
    pub fn adopt(&self, incarnation: FeedIncarnation) {
        *self.incarnation.lock() = incarnation;
    }

    fn id(&self) -> FeedId {
        self.incarnation().id
    }

    /// Returns which messages the feed keeps.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Returns the maximum time that an operation takes.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Appends messages in one transaction, and returns what came of each. The new ones have
    /// sequence numbers without holes, also between servers. A message whose key the feed still
    /// keeps, or that an earlier message of the same call has, is not written again.
    ///
    /// # Errors
    /// Nothing was written; except that, if the error is [`StoreErrorKind::Unavailable`], the
    /// connection may have been lost after the commit. Messages with a key can safely be repeated.
    ///
    /// # Cancel safety
    /// If the future is dropped, either all messages are written or none.
    pub async fn append(&self, messages: &[NewMessage]) -> Result<Vec<Appended>, StoreError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        self.tables.append(self.id(), messages).await
    }

    /// Returns the messages after a place, in order: at most `max_messages`, and at most
    /// `max_bytes` of payload, but at least one if there is one. If the first is not `after + 1`,
    /// those in between are no longer kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read(
        &self,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.tables.read(self.id(), after, max_messages, max_bytes).await
    }

    /// Returns which messages the feed keeps.
    ///
    /// # Errors
    /// The database fails.
    pub async fn range(&self) -> Result<KeptRange, StoreError> {
        self.tables.range(self.id()).await
    }

    /// Removes all messages that are beyond the limits of the retention, and returns how many they
    /// were. Each of many short transactions removes some, so that no append waits long.
    ///
    /// # Errors
    /// The database fails. What was removed before stays removed.
    pub async fn trim(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let piece = self.trim_piece().await?;
            removed += piece.messages;
            if !piece.more {
                return Ok(removed);
            }
        }
    }

    pub(crate) async fn trim_piece(&self) -> Result<TrimmedPiece, StoreError> {
        if self.retention == Retention::default() {
            return Ok(TrimmedPiece { messages: 0, more: false });
        }
        self.tables.trim(self.id(), self.retention).await
    }
}

/// Opens the tables of a database, if it is built in.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "nats")),
    expect(
        unused_variables,
        clippy::needless_pass_by_value,
        reason = "without a database, only the URL is read"
    )
)]
fn tables_at<'a>(
    url: &'a StoreUrl,
    options: &'a StoreOptions,
    observer: Arc<dyn StoreObserver>,
) -> Answer<'a, Arc<dyn Tables>> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        crate::store_url::StoreLocation::File(file) => {
            Box::pin(crate::sql::sqlite::open(url, file, options, observer))
        }
        #[cfg(feature = "postgres")]
        crate::store_url::StoreLocation::Postgres(server) => {
            Box::pin(crate::sql::postgres::open(url, server, options, observer))
        }
        #[cfg(feature = "mysql")]
        crate::store_url::StoreLocation::MySql(server) => {
            Box::pin(crate::sql::mysql::open(url, server, options, observer))
        }
        #[cfg(feature = "nats")]
        crate::store_url::StoreLocation::Nats(servers) => {
            Box::pin(crate::nats::open(url, servers, options, observer))
        }
        #[cfg(not(all(
            feature = "sqlite",
            feature = "postgres",
            feature = "mysql",
            feature = "nats"
        )))]
        _ => Box::pin(std::future::ready(Err(not_built_in(url)))),
    }
}

#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "nats")))]
fn not_built_in(url: &StoreUrl) -> StoreError {
    let database = url.database();
    let built_in: Vec<&str> = Database::ALL
        .into_iter()
        .filter(|database| database.is_built_in())
        .map(Database::name)
        .collect();
    let built_in =
        if built_in.is_empty() { "no database".to_owned() } else { built_in.join(" and ") };
    let found = format!(
        "this program was built with {built_in} and without {}; \
         `cargo install --path crates/cli --features {}` builds it in",
        database.name(),
        database.feature()
    );
    StoreError::new(StoreErrorKind::Other, format!("open the store `{url}`"), found)
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, options, .. } = self;
        formatter
            .debug_struct("Store")
            .field("database", database)
            .field("options", options)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredFeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, incarnation, retention, .. } = self;
        formatter
            .debug_struct("StoredFeed")
            .field("name", name)
            .field("incarnation", &*incarnation.lock())
            .field("retention", retention)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_tables::FakeTables;

    #[test]
    fn a_feed_can_be_kept_shorter_than_the_others_but_not_longer() {
        let limit = |messages| {
            let retention = Retention { messages, ..Retention::default() };
            let options = StoreOptions { retention, ..StoreOptions::default() };
            let feed = StoredFeed::over(Arc::new(FakeTables::default()), &options);
            feed.keeping_at_most(NonZeroU64::new(5).unwrap()).retention().messages
        };
        assert_eq!(limit(None), NonZeroU64::new(5));
        assert_eq!(limit(NonZeroU64::new(9)), NonZeroU64::new(5));
        assert_eq!(limit(NonZeroU64::new(3)), NonZeroU64::new(3));
    }

    #[tokio::test]
    async fn a_database_that_is_not_built_in_says_how_to_build_it() {
        for text in [
            "sqlite:a.db",
            "postgres://u:hunter2@h/d",
            "mysql://u:hunter2@h/d",
            "nats://u:hunter2@h",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            let database = url.database();
            if database.is_built_in() {
                continue;
            }
            let error = Store::open(&url, &StoreOptions::default(), ()).await.unwrap_err();
            let text = error.to_string();
            let hint =
                format!("`cargo install --path crates/cli --features {}`", database.feature());
            assert!(text.contains(&hint) && !text.contains("hunter2"), "{text}");
            assert!(!error.is_temporary());
        }
    }
}
