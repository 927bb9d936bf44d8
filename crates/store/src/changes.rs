//! How a server learns of messages that another server has appended.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use wirebench_protocol::Seq;

use crate::error::{StoreError, StoreErrorKind};
use crate::tables::{ChangeListener, Tables};

/// How often a watcher that listens asks the table all the same, and how long it waits before it
/// connects again. A lost notification is made good after this time.
const LISTEN_CHECK: Duration = Duration::from_secs(5);

/// The pause before a watcher that lost its connection listens again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// How a watcher learns of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// Asks the table of feeds this often: one query for all feeds.
    Poll(Duration),
    /// Is told by the database when a transaction commits. Only PostgreSQL does that.
    Listen,
}

/// A feed and its newest message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedNewest {
    /// The name of the feed.
    pub feed: String,
    /// The newest message that was ever appended; 0 before the first.
    pub newest: Seq,
}

/// Watches what is appended to all feeds of a store, by whichever server.
pub struct Changes {
    tables: Arc<dyn Tables>,
    mode: WatchMode,
    /// The time between two questions to the table.
    check: Interval,
    /// The time between two attempts to listen.
    pause: Interval,
    listener: Option<Box<dyn ChangeListener>>,
    /// What was returned last of each feed.
    seen: HashMap<String, Seq>,
}

impl Changes {
    pub(crate) fn new(tables: Arc<dyn Tables>, mode: WatchMode) -> Result<Self, StoreError> {
        let every = match mode {
            WatchMode::Poll(every) => every.max(Duration::from_millis(1)),
            WatchMode::Listen if tables.can_listen() => LISTEN_CHECK,
            WatchMode::Listen => {
                let found = "this database cannot tell; poll it instead";
                return Err(StoreError::new(StoreErrorKind::Other, "listen to the store", found));
            }
        };
        let [check, pause] = [every, RECONNECT_PAUSE].map(|every| {
            let mut interval = tokio::time::interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Ok(Self { tables, mode, check, pause, listener: None, seen: HashMap::new() })
    }

    /// Waits until feeds have messages that were not returned before, and returns these feeds. The
    /// first answer has every feed.
    ///
    /// # Errors
    /// The database fails. The next call tries again, after a pause.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Vec<FeedNewest>, StoreError> {
        loop {
            let news = match self.mode {
                WatchMode::Poll(_) => {
                    self.check.tick().await;
                    self.tables.newest_of_all().await?
                }
                WatchMode::Listen => self.hear().await?,
            };
            let changed = self.keep(news);
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Waits for one notification. Asks the table instead after connecting, when it may have missed
    /// some, and now and then.
    async fn hear(&mut self) -> Result<Vec<(String, Seq)>, StoreError> {
        let Some(listener) = &mut self.listener else {
            self.pause.tick().await;
            let listener = self.tables.listen().await?;
            // Listens first and asks then, so that nothing is appended in between unnoticed.
            let all = self.tables.newest_of_all().await?;
            self.check.reset();
            self.listener = Some(listener);
            return Ok(all);
        };
        tokio::select! {
            heard = listener.hear() => match heard {
                Ok(Some(news)) => Ok(vec![news]),
                Ok(None) => {
                    self.listener = None;
                    Ok(Vec::new())
                }
                Err(error) => {
                    self.listener = None;
                    Err(error)
                }
            },
            _ = self.check.tick() => self.tables.newest_of_all().await,
        }
    }

    /// Remembers the news, and returns those that were not known.
    fn keep(&mut self, news: Vec<(String, Seq)>) -> Vec<FeedNewest> {
        let mut changed = Vec::new();
        for (feed, newest) in news {
            let seen = self.seen.get(&feed);
            if seen.is_none_or(|seen| *seen < newest) {
                self.seen.insert(feed.clone(), newest);
                changed.push(FeedNewest { feed, newest });
            }
        }
        changed
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, seen, .. } = self;
        formatter
            .debug_struct("Changes")
            .field("mode", mode)
            .field("seen", seen)
            .finish_non_exhaustive()
    }
}
