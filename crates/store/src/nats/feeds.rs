//! The feeds that this server has opened.

use std::sync::Arc;

use parking_lot::RwLock;
use wirebench_protocol::Epoch;

use super::stream::NatsFeed;
use crate::tables::FeedId;

/// Feeds by their ids. A feed gets another id in each epoch, so that a reader of the epoch before
/// cannot go on in the next one by mistake.
#[derive(Debug, Default)]
pub(super) struct Feeds(RwLock<Vec<(Arc<NatsFeed>, Epoch)>>);

impl Feeds {
    /// Returns the feed of this name: the one that is open, or a new one.
    pub(super) fn named(&self, name: &str) -> Arc<NatsFeed> {
        let known = self.find(|feed| feed.name == name);
        known.unwrap_or_else(|| Arc::new(NatsFeed::new(name)))
    }

    /// Returns the id of a feed in an epoch.
    pub(super) fn id(&self, feed: &Arc<NatsFeed>, epoch: Epoch) -> FeedId {
        let mut feeds = self.0.write();
        let known = feeds.iter().position(|(known, of)| known.name == feed.name && *of == epoch);
        let place = known.unwrap_or_else(|| {
            // Another task may have opened it meanwhile.
            let known = feeds.iter().find(|(known, _)| known.name == feed.name);
            let feed = Arc::clone(known.map_or(feed, |(known, _)| known));
            feeds.push((feed, epoch));
            feeds.len() - 1
        });
        FeedId(i64::try_from(place).unwrap_or(i64::MAX))
    }

    /// Returns the feed of an id, and its epoch.
    pub(super) fn get(&self, id: FeedId) -> Option<(Arc<NatsFeed>, Epoch)> {
        let feeds = self.0.read();
        let (feed, epoch) = feeds.get(usize::try_from(id.0).ok()?)?;
        Some((Arc::clone(feed), *epoch))
    }

    pub(super) fn of_token(&self, token: &str) -> Option<Arc<NatsFeed>> {
        self.find(|feed| feed.token == token)
    }

    /// Returns each feed once.
    pub(super) fn all(&self) -> Vec<Arc<NatsFeed>> {
        let mut all: Vec<Arc<NatsFeed>> = Vec::new();
        for (feed, _) in &*self.0.read() {
            if !all.iter().any(|known| known.name == feed.name) {
                all.push(Arc::clone(feed));
            }
        }
        all
    }

    /// Called when messages may have been lost.
    pub(super) fn doubt(&self) {
        for feed in self.all() {
            feed.heard.lock().doubt();
        }
    }

    fn find(&self, is_wanted: impl Fn(&NatsFeed) -> bool) -> Option<Arc<NatsFeed>> {
        let feeds = self.0.read();
        feeds.iter().map(|(feed, _)| feed).find(|feed| is_wanted(feed)).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_has_another_id_in_each_epoch() {
        let feeds = Feeds::default();
        let feed = feeds.named("a");
        let first = feeds.id(&feed, Epoch(1));
        assert_eq!(feeds.id(&feeds.named("a"), Epoch(1)), first);
        let second = feeds.id(&feeds.named("a"), Epoch(2));
        assert_ne!(first, second);
        assert_eq!(feeds.get(first).unwrap().1, Epoch(1));
        let (same, epoch) = feeds.get(second).unwrap();
        assert!(Arc::ptr_eq(&feed, &same));
        assert_eq!(epoch, Epoch(2));
        assert_eq!(feeds.all().len(), 1);
        assert!(feeds.get(FeedId(9)).is_none());
    }
}
