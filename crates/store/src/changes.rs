//! How a server learns of messages that another server has appended.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use wirebench_protocol::{Epoch, Seq};

use crate::error::{StoreError, StoreErrorKind};
use crate::message::FeedNewest;
use crate::tables::{ChangeListener, Tables};

/// The pause before a watcher that lost its connection listens again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// How a watcher learns of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// Asks the table of feeds this often: one query for all feeds.
    Poll(Duration),
    /// Is told by the database when a message is committed. Only PostgreSQL and NATS do that. A lost
    /// notification is made good by a question, every five seconds (NATS: four times a second).
    Listen,
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
    seen: HashMap<String, (Option<Epoch>, Seq)>,
}

impl Changes {
    pub(crate) fn new(tables: Arc<dyn Tables>, mode: WatchMode) -> Result<Self, StoreError> {
        let every = match mode {
            WatchMode::Poll(every) => every.max(Duration::from_millis(1)),
            WatchMode::Listen if tables.can_listen() => tables.check_every(),
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

    /// Waits until feeds have messages that were not returned before, or another epoch, and returns
    /// these feeds. The first answer has every feed.
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
    async fn hear(&mut self) -> Result<Vec<FeedNewest>, StoreError> {
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
                Ok(Some((feed, newest))) => Ok(vec![FeedNewest { feed, epoch: None, newest }]),
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
    fn keep(&mut self, news: Vec<FeedNewest>) -> Vec<FeedNewest> {
        let mut changed = Vec::new();
        for news in news {
            let (epoch, newest) = self.seen.get(&news.feed).copied().unzip();
            let epoch = epoch.flatten();
            let is_other = news.epoch.is_some() && epoch.is_some() && news.epoch != epoch;
            if is_other || newest.is_none_or(|newest| newest < news.newest) {
                self.seen.insert(news.feed.clone(), (news.epoch.or(epoch), news.newest));
                changed.push(news);
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
