//! Polls that ask the table of a durable feed, each with a query of its own. They use neither the
//! window nor the pages that readers share. A feed in memory has its window as its table.

use wirebench_protocol::{After, Cursor, Gap, Seq, ShortPollingMode, SubscriberName};
use wirebench_store::StoreError;

use super::durable_log::DurableLog;
use super::poll_batch::PollBatch;
use super::stored_pages::SKIPPED_PAGES;
use super::window::{BATCH_BYTES, ReadLimit};
use super::{Feed, LocateError};

/// The maximum number of rows of a query for the messages after a cursor.
const PAGE_ROWS: u32 = 1024;

impl Feed {
    /// Returns the messages after a place that are for a reader of this name, at most about 1 MiB of
    /// them. A durable feed asks its store, with one query unless none of what it finds is for the
    /// reader.
    ///
    /// # Errors
    /// As [`Feed::seek`].
    pub(crate) async fn poll_table(
        &self,
        name: Option<&SubscriberName>,
        after: After,
    ) -> Result<PollBatch, LocateError> {
        let Some(log) = &self.0.durable else {
            let (after, batch) = self.locate_and_read(name, after)?;
            return Ok(PollBatch::new(after, &batch));
        };
        let newest = self.0.window.read().newest();
        let (from, asks_from_start) = match after {
            After::Newest => (newest, false),
            After::Cursor(cursor) if cursor.epoch == newest.epoch => (cursor, false),
            After::Start | After::Cursor(_) => (newest.at(0), true),
        };
        let mut batch = page(log, from, newest.seq, name).await?;
        if asks_from_start {
            // What is no longer kept was not asked for.
            batch.gap = matches!(after, After::Cursor(_)).then_some(Gap::Reset);
        }
        for _ in 0..SKIPPED_PAGES {
            if !batch.is_empty() || batch.cursor.seq >= newest.seq {
                break;
            }
            batch = page(log, batch.cursor, newest.seq, name).await?;
        }
        if batch.is_empty() && from.seq > newest.seq {
            // Another server has given the cursor, or nobody.
            self.seek(after).await?;
        }
        Ok(batch)
    }

    /// Returns all messages that are kept and are for a reader of this name, up to
    /// [`ShortPollingMode::MAX_WHOLE_MESSAGES`] and about [`ShortPollingMode::MAX_WHOLE_BYTES`]. The
    /// newest are left out beyond that, and the cursor says so. A durable feed asks its store, with
    /// one query.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn poll_whole(
        &self,
        name: Option<&SubscriberName>,
    ) -> Result<PollBatch, StoreError> {
        let (messages, bytes) =
            (ShortPollingMode::MAX_WHOLE_MESSAGES, ShortPollingMode::MAX_WHOLE_BYTES);
        let Some(log) = &self.0.durable else {
            let limit = ReadLimit { messages, bytes };
            let window = self.0.window.read();
            let start = window.start();
            return Ok(PollBatch::new(start, &window.read(start, name, limit)));
        };
        let newest = self.0.window.read().newest();
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        let rows = log.stored.read(0, messages, bytes as u64).await?;
        let before = rows.first().map_or(newest.seq, |row| row.seq - 1);
        Ok(PollBatch::of_rows(newest.at(before), None, rows, name))
    }
}

/// Asks the store for the messages after a place. `newest` was in the store before: if the store has
/// nothing, what is missing up to that message is no longer kept.
async fn page(
    log: &DurableLog,
    from: Cursor,
    newest: Seq,
    name: Option<&SubscriberName>,
) -> Result<PollBatch, StoreError> {
    let rows = log.stored.read(from.seq, PAGE_ROWS, BATCH_BYTES as u64).await?;
    let before = rows.first().map_or(newest.max(from.seq), |row| row.seq - 1);
    let missed = before - from.seq;
    let gap = (missed > 0).then_some(Gap::Missed(missed));
    Ok(PollBatch::of_rows(from.at(before), gap, rows, name))
}
