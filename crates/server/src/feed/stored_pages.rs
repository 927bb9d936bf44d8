//! What readers get from the store: pages of messages that several readers share.
//!
//! Readers that come back after an outage all ask for about the same messages. They read whole
//! pages, whose places do not depend on the reader, so that one query answers all of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::{Cursor, Epoch, Seq};
use wirebench_store::{KeptRange, StoreError, StoredFeed, StoredMessage};

use super::entry::Entry;
use super::payload::MessagePayload;
use super::window::BATCH_BYTES;

/// The maximum number of messages of a page. Pages begin after the multiples of this number, and
/// also where a page ended early because its messages are large.
const PAGE_MESSAGES: u64 = 256;

/// The maximum number of pages that one poll passes because none of their messages is for the
/// subscriber. After that, the answer is empty, and its cursor lies after them.
pub(crate) const SKIPPED_PAGES: usize = 64;

/// The maximum number of pages that are kept for the next readers.
const KEPT_PAGES: usize = 64;

/// The size, in bytes of JSON, from which on no further page is kept.
const KEPT_BYTES: usize = 16 << 20;

/// How long a page is kept. Readers that come back together come within this time.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// A read of the store that several readers wait for.
type SharedRead<T> = Shared<BoxFuture<'static, Result<T, StoreError>>>;

/// Messages that follow each other in the store, encoded for everybody.
#[derive(Clone, Debug)]
pub(super) struct StoredPage {
    pub(super) epoch: Epoch,
    entries: Arc<[Arc<Entry>]>,
}

/// Reads a feed for many readers at once.
#[derive(Debug)]
pub(super) struct StoredPages {
    feed: StoredFeed,
    /// Oldest first.
    pages: Mutex<VecDeque<KeptPage>>,
    range: Mutex<Option<SharedRead<KeptRange>>>,
}

/// A page that was read, or is being read.
#[derive(Debug)]
struct KeptPage {
    /// The page has the messages after this one.
    after: Seq,
    since: Instant,
    read: SharedRead<StoredPage>,
}

impl StoredPage {
    /// Returns the messages of the page after a place, in order.
    pub(super) fn after(&self, seq: Seq) -> &[Arc<Entry>] {
        &self.entries[self.entries.partition_point(|entry| entry.seq <= seq)..]
    }

    fn last(&self) -> Option<Seq> {
        self.entries.last().map(|entry| entry.seq)
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.json.len()).sum()
    }
}

impl StoredPages {
    pub(super) fn new(feed: StoredFeed) -> Self {
        Self { feed, pages: Mutex::default(), range: Mutex::default() }
    }

    /// Returns a page with the next message after a place that the store keeps. The page is empty,
    /// or has nothing after that place, if the store keeps none.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn with_next_after(&self, seq: Seq) -> Result<StoredPage, StoreError> {
        let mut after = seq - seq % PAGE_MESSAGES;
        loop {
            let page = self.page(after).await?;
            match page.last() {
                Some(last) if last <= seq => after = last,
                Some(_) | None => return Ok(page),
            }
        }
    }

    /// Returns the place before the oldest message that the store keeps.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn start(&self) -> Result<Seq, StoreError> {
        let read = {
            let mut range = self.range.lock();
            let under_way = range.as_ref().filter(|read| read.peek().is_none()).cloned();
            under_way.unwrap_or_else(|| {
                let feed = self.feed.clone();
                range.insert(shared(async move { feed.range().await })).clone()
            })
        };
        Ok(read.await?.oldest - 1)
    }

    /// Forgets everything that was read: the feed begins another epoch.
    pub(super) fn clear(&self) {
        self.pages.lock().clear();
        *self.range.lock() = None;
    }

    /// Returns the read of the page after a place: one that is under way or kept, or a new one.
    fn page(&self, after: Seq) -> SharedRead<StoredPage> {
        let mut pages = self.pages.lock();
        pages.retain(KeptPage::is_of_use);
        if let Some(page) = pages.iter().find(|page| page.after == after) {
            return page.read.clone();
        }
        while is_full(&pages) {
            pages.pop_front();
        }
        let feed = self.feed.clone();
        let read = shared(async move { read_page(&feed, after).await });
        pages.push_back(KeptPage { after, since: Instant::now(), read: read.clone() });
        read
    }
}

impl KeptPage {
    /// Returns false if the page has to be read again. A failed read is repeated, and where nothing
    /// was found, there may be messages by now.
    fn is_of_use(&self) -> bool {
        let has_messages = match self.read.peek() {
            None => true,
            Some(Ok(page)) => page.last().is_some(),
            Some(Err(_)) => false,
        };
        has_messages && self.since.elapsed() < KEPT_FOR
    }

    /// Returns the size of the page; 0 until it has been read.
    fn bytes(&self) -> usize {
        self.read.peek().and_then(|page| page.as_ref().ok()).map_or(0, StoredPage::bytes)
    }
}

fn is_full(pages: &VecDeque<KeptPage>) -> bool {
    let bytes: usize = pages.iter().map(KeptPage::bytes).sum();
    pages.len() >= KEPT_PAGES || bytes >= KEPT_BYTES
}

/// Reads as a task: a read that its readers have left must not keep a connection of the database.
fn shared<T: Clone + Send + Sync + 'static>(
    read: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> SharedRead<T> {
    let task = AbortOnDropHandle::new(tokio::spawn(read));
    task.map(|read| read.expect("reading does not panic")).boxed().shared()
}

async fn read_page(feed: &StoredFeed, after: Seq) -> Result<StoredPage, StoreError> {
    // The messages and the epoch belong together, whatever the feed does meanwhile.
    let feed = feed.at(feed.incarnation());
    let epoch = feed.epoch();
    let most = u32::try_from(PAGE_MESSAGES - after % PAGE_MESSAGES).unwrap_or(u32::MAX);
    let messages = feed.read(after, most, BATCH_BYTES as u64).await?;
    let entry = |StoredMessage { seq, payload, kind, recipients, due, .. }| {
        let payload = MessagePayload::from_stored(kind, payload);
        let cursor = Cursor { epoch, seq };
        Arc::new(Entry::encode(cursor, due, &payload).to(recipients))
    };
    Ok(StoredPage { epoch, entries: messages.into_iter().map(entry).collect() })
}
