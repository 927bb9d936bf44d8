//! The two tables, in any database.

use std::fmt;
use std::time::Duration;

use sqlx::QueryBuilder;
use wirebench_protocol::{Epoch, Seq, Timestamp};

use super::columns::{integer, no_such_feed, parsed, payload_kind, recipients, seq};
use super::connections::{Connections, Lease};
use super::dialect::Dialect;
use super::failure::OperationFailure;
use crate::message::{Appended, FeedNewest, KeptRange, NewMessage, StoredMessage};
use crate::options::Retention;
use crate::tables::{Answer, ChangeListener, FeedId, Tables, TrimmedPiece};

/// The tables of one database.
pub(super) struct SqlTables<D: Dialect> {
    /// For operations that write.
    pub(super) writers: Connections<D>,
    /// For operations that only read. May be the same.
    pub(super) readers: Connections<D>,
    pub(super) deadline: Duration,
}

impl<D: Dialect> SqlTables<D> {
    /// Gives an operation its deadline, and its failure a meaning.
    fn answer<'a, T: Send + 'a>(
        &self,
        attempted: &'static str,
        operation: impl Future<Output = Result<T, OperationFailure>> + Send + 'a,
    ) -> Answer<'a, T> {
        let deadline = self.deadline;
        Box::pin(async move {
            let outcome = tokio::time::timeout(deadline, operation).await;
            let outcome = outcome.unwrap_or(Err(OperationFailure::TimedOut(deadline)));
            outcome.map_err(|failure| failure.into_error(D::kind, attempted))
        })
    }
}

impl<D: Dialect> Tables for SqlTables<D> {
    fn feed<'a>(&'a self, name: &'a str, epoch: Epoch) -> Answer<'a, (FeedId, Epoch)> {
        self.answer("open a feed", async move {
            let mut lease = self.readers.lend().await?;
            if let Some(found) = find_feed(&mut lease, name).await? {
                lease.give_back();
                return Ok(found);
            }
            lease.give_back();
            let mut lease = self.writers.lend().await?;
            match create_feed(&mut lease, name, epoch).await {
                Ok(()) => {}
                // Another server was faster.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
                Err(error) => return Err(error.into()),
            }
            let found = find_feed(&mut lease, name).await?;
            lease.give_back();
            found.ok_or_else(|| OperationFailure::Unexpected("its row is gone".to_owned()))
        })
    }

    fn remove_piece<'a>(&'a self, feed: &'a str) -> Answer<'a, bool> {
        self.answer("remove a feed", async move {
            let mut lease = self.writers.lend().await?;
            let more = match find_feed(&mut lease, feed).await? {
                Some((feed, _)) => super::trim::remove_piece(&mut lease, feed).await?,
                None => false,
            };
            lease.give_back();
            Ok(more)
        })
    }

    fn append<'a>(&'a self, feed: FeedId, messages: &'a [NewMessage]) -> Answer<'a, Vec<Appended>> {
        self.answer("append messages", async move {
            let mut lease = self.writers.lend().await?;
            let appended = super::append::append(&mut lease, feed, messages).await?;
            lease.give_back();
            Ok(appended)
        })
    }

    fn read(
        &self,
        feed: FeedId,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Answer<'_, Vec<StoredMessage>> {
        self.answer("read messages", async move {
            let mut lease = self.readers.lend().await?;
            let messages = read(&mut lease, feed, after, max_messages, max_bytes).await?;
            lease.read(messages.len());
            lease.give_back();
            Ok(messages)
        })
    }

    fn range(&self, feed: FeedId) -> Answer<'_, KeptRange> {
        self.answer("read which messages are kept", async move {
            let mut lease = self.readers.lend().await?;
            let mut sql =
                QueryBuilder::new("SELECT oldest, newest FROM wirebench_feeds WHERE id = ");
            D::bind_integer(&mut sql, feed.0);
            let rows = lease.rows(sql).await?;
            lease.give_back();
            let row = rows.first().ok_or_else(no_such_feed)?;
            Ok(KeptRange { oldest: seq(D::integer(row, 0)?)?, newest: seq(D::integer(row, 1)?)? })
        })
    }

    fn trim(&self, feed: FeedId, retention: Retention) -> Answer<'_, TrimmedPiece> {
        self.answer("remove old messages", async move {
            let mut lease = self.readers.lend().await?;
            let is_due = super::trim::is_due(&mut lease, feed, retention).await?;
            lease.give_back();
            if !is_due {
                return Ok(TrimmedPiece { messages: 0, more: false });
            }
            let mut lease = self.writers.lend().await?;
            let piece = super::trim::trim(&mut lease, feed, retention).await?;
            lease.give_back();
            Ok(piece)
        })
    }

    fn newest_of_all(&self) -> Answer<'_, Vec<FeedNewest>> {
        self.answer("ask for new messages", async move {
            let mut lease = self.readers.lend().await?;
            let sql = QueryBuilder::new("SELECT name, epoch, newest FROM wirebench_feeds");
            let rows = lease.rows(sql).await?;
            lease.give_back();
            rows.iter().map(feed_newest::<D>).collect()
        })
    }

    fn can_listen(&self) -> bool {
        D::TELLS
    }

    fn listen(&self) -> Answer<'_, Box<dyn ChangeListener>> {
        self.answer("listen to the store", D::listen(&self.readers.pool))
    }
}

/// Finds the row of a feed by its name.
async fn find_feed<D: Dialect>(
    lease: &mut Lease<D>,
    name: &str,
) -> Result<Option<(FeedId, Epoch)>, OperationFailure> {
    let mut sql = QueryBuilder::new("SELECT id, epoch FROM wirebench_feeds WHERE name = ");
    D::bind_text(&mut sql, Some(name));
    let rows = lease.rows(sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((FeedId(D::integer(row, 0)?), epoch(&D::text(row, 1)?)?)))
}

fn feed_newest<D: Dialect>(row: &D::Row) -> Result<FeedNewest, OperationFailure> {
    let epoch = Some(epoch(&D::text(row, 1)?)?);
    Ok(FeedNewest { feed: D::text(row, 0)?, epoch, newest: seq(D::integer(row, 2)?)? })
}

fn epoch(column: &str) -> Result<Epoch, OperationFailure> {
    u64::from_str_radix(column, 16).map(Epoch).map_err(|_| {
        OperationFailure::Unexpected(format!("its epoch `{column}` is not hexadecimal"))
    })
}

async fn create_feed<D: Dialect>(
    lease: &mut Lease<D>,
    name: &str,
    epoch: Epoch,
) -> Result<(), sqlx::Error> {
    let mut sql = QueryBuilder::new(
        "INSERT INTO wirebench_feeds (name, epoch, oldest, newest, bytes) VALUES (",
    );
    D::bind_text(&mut sql, Some(name));
    sql.push(", ");
    D::bind_text(&mut sql, Some(&format!("{:016x}", epoch.0)));
    sql.push(", 1, 0, 0)");
    lease.execute(sql).await
}

/// Reads one page. The two inner selects decide, from the sizes alone, which messages fit, so that
/// no database copies payloads that are not returned.
async fn read<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    after: Seq,
    max_messages: u32,
    max_bytes: u64,
) -> Result<Vec<StoredMessage>, OperationFailure> {
    let mut sql = QueryBuilder::new(
        "SELECT m.seq, m.published_ns, m.kind, m.idempotency_key, m.payload, \
                m.to_name, m.except_name \
         FROM wirebench_messages m JOIN ( \
           SELECT seq, size, SUM(size) OVER (ORDER BY seq) AS total FROM ( \
             SELECT seq, size FROM wirebench_messages WHERE feed_id = ",
    );
    D::bind_integer(&mut sql, feed.0);
    sql.push(" AND seq > ");
    D::bind_integer(&mut sql, integer(after));
    sql.push(" ORDER BY seq LIMIT ");
    D::bind_integer(&mut sql, max_messages.into());
    sql.push(") candidates ) page ON m.seq = page.seq WHERE m.feed_id = ");
    D::bind_integer(&mut sql, feed.0);
    sql.push(" AND (page.total <= ");
    D::bind_integer(&mut sql, integer(max_bytes));
    sql.push(" OR page.total = page.size) ORDER BY m.seq");
    lease.rows(sql).await?.iter().map(stored::<D>).collect()
}

fn stored<D: Dialect>(row: &D::Row) -> Result<StoredMessage, OperationFailure> {
    Ok(StoredMessage {
        seq: seq(D::integer(row, 0)?)?,
        due: Timestamp::from_nanos(seq(D::integer(row, 1)?)?),
        kind: payload_kind(&D::text(row, 2)?)?,
        key: D::optional_text(row, 3)?.as_deref().map(parsed).transpose()?,
        payload: D::bytes(row, 4)?.into(),
        recipients: recipients::<D>(row, 5)?,
    })
}

impl<D: Dialect> fmt::Debug for SqlTables<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqlTables").field("database", &D::NAME).finish_non_exhaustive()
    }
}
