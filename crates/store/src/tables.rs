//! What a database does for the store. Each operation is one transaction and has a deadline.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use wirebench_protocol::{Epoch, Seq};

use crate::error::StoreError;
use crate::message::{Appended, FeedNewest, KeptRange, NewMessage, StoredMessage};
use crate::options::Retention;

pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The row of a feed in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedId(pub(crate) i64);

/// What one piece of trimming did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrimmedPiece {
    /// The number of messages that were removed.
    pub(crate) messages: u64,
    /// There may be more to remove.
    pub(crate) more: bool,
}

/// The two tables of a store.
pub(crate) trait Tables: Debug + Send + Sync {
    /// Returns the feed of this name. Creates it in this epoch if there is none.
    fn feed<'a>(&'a self, name: &'a str, epoch: Epoch) -> Answer<'a, (FeedId, Epoch)>;

    /// Removes some of the oldest messages of the feed of this name, in one transaction, and the
    /// feed with the last of them. Returns true if there is more to remove.
    fn remove_piece<'a>(&'a self, feed: &'a str) -> Answer<'a, bool>;

    /// Appends messages in one transaction, and returns what came of each.
    fn append<'a>(&'a self, feed: FeedId, messages: &'a [NewMessage]) -> Answer<'a, Vec<Appended>>;

    /// Returns messages after a place, in order: at most so many, and at most so many bytes of
    /// payload. A single larger message is returned alone.
    fn read(
        &self,
        feed: FeedId,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Answer<'_, Vec<StoredMessage>>;

    /// Returns which messages the feed keeps.
    fn range(&self, feed: FeedId) -> Answer<'_, KeptRange>;

    /// Removes some of the oldest messages that are beyond a limit, in one transaction.
    fn trim(&self, feed: FeedId, retention: Retention) -> Answer<'_, TrimmedPiece>;

    /// Returns the newest message of every feed, with its epoch.
    fn newest_of_all(&self) -> Answer<'_, Vec<FeedNewest>>;

    /// Returns true if the database can tell what is appended.
    fn can_listen(&self) -> bool;

    /// Listens to what is appended. Called only if the database can tell.
    fn listen(&self) -> Answer<'_, Box<dyn ChangeListener>>;

    /// Returns the name of the server that leads the feed of this name among those that keep it.
    /// `None` if none does now, if there is no such feed, and if the database does not tell.
    fn leader<'a>(&'a self, _feed: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Returns how often a watcher that listens asks for the newest messages all the same.
    fn check_every(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Hears what is appended, by whichever server.
pub(crate) trait ChangeListener: Send {
    /// Waits for the next news: a feed and its newest message. `None` if the connection was lost,
    /// so that news may have been missed. Has no deadline: there may be no news for hours.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    fn hear(&mut self) -> Answer<'_, Option<(String, Seq)>>;
}
