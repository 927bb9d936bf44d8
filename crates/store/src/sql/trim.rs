//! Removing messages that are beyond the limits of a feed, and whole feeds, a piece at a time.

use sqlx::QueryBuilder;
use wirebench_protocol::Seq;

use super::columns::{integer, milliseconds_now, no_such_feed, seq};
use super::connections::Lease;
use super::dialect::Dialect;
use super::failure::OperationFailure;
use crate::options::Retention;
use crate::tables::{FeedId, TrimmedPiece};

/// The maximum number of messages of a piece. Appends wait while it is removed.
const PIECE: u32 = 512;

/// What a feed keeps.
#[derive(Clone, Copy)]
struct Kept {
    oldest: Seq,
    newest: Seq,
    bytes: u64,
}

impl Kept {
    /// Returns true if the oldest message, which was written at this time, is beyond a limit.
    fn is_beyond(self, retention: Retention, written_at_ms: i64, now_ms: i64) -> bool {
        let Retention { messages, age, bytes } = retention;
        let count = (self.newest + 1).saturating_sub(self.oldest);
        messages.is_some_and(|most| count > most.get())
            || bytes.is_some_and(|most| self.bytes > most && self.oldest < self.newest)
            || age.is_some_and(|most| {
                let age = u128::try_from(now_ms.saturating_sub(written_at_ms)).unwrap_or(0);
                age > most.as_millis()
            })
    }
}

/// Returns true if the oldest message is beyond a limit. Locks nothing, so that an idle feed costs
/// two queries of one row each.
pub(super) async fn is_due<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    retention: Retention,
) -> Result<bool, OperationFailure> {
    let kept = kept(lease, feed, "").await?;
    let oldest = oldest(lease, feed, kept, 1).await?;
    let now_ms = milliseconds_now();
    Ok(oldest.first().is_some_and(|first| kept.is_beyond(retention, first.written_at_ms, now_ms)))
}

/// Removes a piece in one transaction. The connection must not be used again if this fails.
pub(super) async fn trim<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    retention: Retention,
) -> Result<TrimmedPiece, OperationFailure> {
    lease.begin(D::BEGIN).await?;
    let before = kept(lease, feed, D::LOCK_ROW).await?;
    let candidates = oldest(lease, feed, before, PIECE).await?;
    let now_ms = milliseconds_now();
    let mut after = before;
    for message in &candidates {
        if !after.is_beyond(retention, message.written_at_ms, now_ms) {
            break;
        }
        after.oldest = message.seq + 1;
        after.bytes = after.bytes.saturating_sub(message.size);
    }
    let messages = after.oldest - before.oldest;
    if messages > 0 {
        remove(lease, feed, after).await?;
    }
    lease.commit().await?;
    Ok(TrimmedPiece { messages, more: messages == u64::from(PIECE) })
}

/// Removes a piece of a feed in one transaction, and the feed itself if nothing is left of it.
/// Returns true if something is left. The connection must not be used again if this fails.
pub(super) async fn remove_piece<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
) -> Result<bool, OperationFailure> {
    lease.begin(D::BEGIN).await?;
    let before = kept(lease, feed, D::LOCK_ROW).await?;
    let end = before.newest + 1;
    let oldest = end.min(before.oldest + u64::from(PIECE));
    remove(lease, feed, Kept { oldest, ..before }).await?;
    if oldest == end {
        let mut sql = QueryBuilder::new("DELETE FROM wirebench_feeds WHERE id = ");
        D::bind_integer(&mut sql, feed.0);
        lease.execute(sql).await?;
    }
    lease.commit().await?;
    Ok(oldest < end)
}

async fn kept<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    lock: &'static str,
) -> Result<Kept, OperationFailure> {
    let mut sql =
        QueryBuilder::new("SELECT oldest, newest, bytes FROM wirebench_feeds WHERE id = ");
    D::bind_integer(&mut sql, feed.0);
    sql.push(lock);
    let rows = lease.rows(sql).await?;
    let row = rows.first().ok_or_else(no_such_feed)?;
    let number = |column| seq(D::integer(row, column)?);
    Ok(Kept { oldest: number(0)?, newest: number(1)?, bytes: number(2)? })
}

/// A message that may be removed.
struct Candidate {
    seq: Seq,
    size: u64,
    written_at_ms: i64,
}

async fn oldest<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    kept: Kept,
    most: u32,
) -> Result<Vec<Candidate>, OperationFailure> {
    let mut sql = QueryBuilder::new(
        "SELECT seq, size, published_at_ms FROM wirebench_messages WHERE feed_id = ",
    );
    D::bind_integer(&mut sql, feed.0);
    sql.push(" AND seq >= ");
    D::bind_integer(&mut sql, integer(kept.oldest));
    sql.push(" ORDER BY seq LIMIT ");
    D::bind_integer(&mut sql, most.into());
    let candidate = |row: &D::Row| {
        let [first, second] = [seq(D::integer(row, 0)?)?, seq(D::integer(row, 1)?)?];
        Ok(Candidate { seq: first, size: second, written_at_ms: D::integer(row, 2)? })
    };
    lease.rows(sql).await?.iter().map(candidate).collect()
}

/// Removes everything before what is kept afterwards.
async fn remove<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    after: Kept,
) -> Result<(), OperationFailure> {
    let mut sql = QueryBuilder::new("DELETE FROM wirebench_messages WHERE feed_id = ");
    D::bind_integer(&mut sql, feed.0);
    sql.push(" AND seq < ");
    D::bind_integer(&mut sql, integer(after.oldest));
    lease.execute(sql).await?;
    let mut sql = QueryBuilder::new("UPDATE wirebench_feeds SET oldest = ");
    D::bind_integer(&mut sql, integer(after.oldest));
    sql.push(", bytes = ");
    D::bind_integer(&mut sql, integer(after.bytes));
    sql.push(" WHERE id = ");
    D::bind_integer(&mut sql, feed.0);
    lease.execute(sql).await?;
    Ok(())
}
