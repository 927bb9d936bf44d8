//! Appending a batch of messages in one transaction.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{IdempotencyKey, Recipients, Seq};

use super::columns::{integer, milliseconds_now, no_such_feed, payload_kind, recipients, seq};
use super::connections::Lease;
use super::dialect::Dialect;
use super::failure::OperationFailure;
use crate::message::{Appended, NewMessage};
use crate::tables::FeedId;

/// The maximum number of rows of one statement.
const MAX_ROWS: usize = 64;

/// The maximum size of the payloads of one statement, in bytes. MySQL takes no statements larger
/// than `max_allowed_packet`, which is 16 MiB or more unless set. One larger payload is sent alone.
const MAX_STATEMENT_BYTES: usize = 4 << 20;

/// A message that the feed keeps and whose key is used again.
struct KnownMessage {
    seq: Seq,
    kind: PayloadKind,
    recipients: Recipients,
    payload: Vec<u8>,
}

/// Appends messages, and returns what came of each. The connection must not be used again if this
/// fails.
pub(super) async fn append<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    messages: &[NewMessage],
) -> Result<Vec<Appended>, OperationFailure> {
    lease.begin(D::BEGIN).await?;
    // Until the end of the transaction, nobody else appends to this feed. So the sequence numbers
    // have no holes, and what is known of the keys stays true.
    let (name, newest) = lock(lease, feed).await?;
    let known = known_keys(lease, feed, messages).await?;
    let (appended, new) = number(newest, messages, &known);
    if let Some((newest, _)) = new.last() {
        for rows in Pieces::of(&new, |(_, message)| message.payload.len()) {
            insert(lease, feed, rows).await?;
        }
        advance(lease, feed, *newest, new.iter().map(|(_, message)| message)).await?;
        D::tell(lease, &name, *newest).await?;
    }
    lease.commit().await?;
    if !new.is_empty() {
        lease.committed(new.len());
    }
    Ok(appended)
}

/// Locks the row of a feed. Returns its name and its newest message.
async fn lock<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
) -> Result<(String, Seq), OperationFailure> {
    let mut sql = QueryBuilder::new("SELECT name, newest FROM wirebench_feeds WHERE id = ");
    D::bind_integer(&mut sql, feed.0);
    sql.push(D::LOCK_ROW);
    let rows = lease.rows(sql).await?;
    let row = rows.first().ok_or_else(no_such_feed)?;
    Ok((D::text(row, 0)?, seq(D::integer(row, 1)?)?))
}

/// Returns the messages of the feed that have a key of this batch.
async fn known_keys<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    messages: &[NewMessage],
) -> Result<HashMap<String, KnownMessage>, OperationFailure> {
    let keys: Vec<&IdempotencyKey> =
        messages.iter().filter_map(|message| message.key.as_ref()).collect();
    let mut known = HashMap::new();
    for keys in Pieces::of(&keys, |_| 0) {
        for row in lease.rows(find_by_key::<D>(feed, keys)).await? {
            let kind = payload_kind(&D::text(&row, 2)?)?;
            let seq = seq(D::integer(&row, 1)?)?;
            let (payload, recipients) = (D::bytes(&row, 3)?, recipients::<D>(&row, 4)?);
            let message = KnownMessage { seq, kind, recipients, payload };
            known.insert(D::text(&row, 0)?, message);
        }
    }
    Ok(known)
}

/// Returns the statement that finds the messages of a feed with these keys.
fn find_by_key<D: Dialect>(feed: FeedId, keys: &[&IdempotencyKey]) -> QueryBuilder<D> {
    let mut sql = QueryBuilder::new(
        "SELECT idempotency_key, seq, kind, payload, to_name, except_name FROM wirebench_messages",
    );
    sql.push(D::BY_KEY).push(" WHERE feed_id = ");
    D::bind_integer(&mut sql, feed.0);
    sql.push(" AND idempotency_key IN (");
    for (place, key) in keys.iter().enumerate() {
        sql.push(if place == 0 { "" } else { ", " });
        D::bind_text(&mut sql, Some(key.as_str()));
    }
    sql.push(")");
    sql
}

/// Decides what comes of each message, and returns those that are new with their numbers.
fn number<'a>(
    newest: Seq,
    messages: &'a [NewMessage],
    known: &HashMap<String, KnownMessage>,
) -> (Vec<Appended>, Vec<(Seq, &'a NewMessage)>) {
    let mut new: Vec<(Seq, &NewMessage)> = Vec::with_capacity(messages.len());
    let mut keys_of_batch: HashMap<&IdempotencyKey, (Seq, &NewMessage)> = HashMap::new();
    let mut appended = Vec::with_capacity(messages.len());
    for message in messages {
        let key = message.key.as_ref();
        if let Some(first) = key.and_then(|key| known.get(key.as_str())) {
            let same = first.kind == message.kind
                && first.recipients == message.recipients
                && *first.payload == *message.payload;
            appended.push(Appended::Known { seq: first.seq, same });
        } else if let Some((seq, first)) = key.and_then(|key| keys_of_batch.get(key)) {
            let same = first.kind == message.kind
                && first.recipients == message.recipients
                && first.payload == message.payload;
            appended.push(Appended::Known { seq: *seq, same });
        } else {
            let seq = newest + 1 + new.len() as u64;
            new.push((seq, message));
            appended.push(Appended::New { seq });
            if let Some(key) = key {
                keys_of_batch.insert(key, (seq, message));
            }
        }
    }
    (appended, new)
}

async fn insert<D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    rows: &[(Seq, &NewMessage)],
) -> Result<(), OperationFailure> {
    let mut sql = QueryBuilder::new(
        "INSERT INTO wirebench_messages \
         (feed_id, seq, published_ns, published_at_ms, kind, idempotency_key, to_name, \
         except_name, size, payload) VALUES ",
    );
    let published_at_ms = milliseconds_now();
    for (place, (seq, message)) in rows.iter().enumerate() {
        sql.push(if place == 0 { "(" } else { ", (" });
        let numbers = [feed.0, integer(*seq), integer(message.due.as_nanos()), published_at_ms];
        for number in numbers {
            D::bind_integer(&mut sql, number);
            sql.push(", ");
        }
        let key = message.key.as_ref().map(IdempotencyKey::as_str);
        let (to, except) = names(&message.recipients);
        for text in [Some(message.kind.name()), key, to, except] {
            D::bind_text(&mut sql, text);
            sql.push(", ");
        }
        D::bind_integer(&mut sql, integer(message.payload.len() as u64));
        sql.push(", ");
        D::bind_bytes(&mut sql, &message.payload);
        sql.push(")");
    }
    lease.execute(sql).await?;
    Ok(())
}

/// Returns the names in the columns `to_name` and `except_name`.
fn names(recipients: &Recipients) -> (Option<&str>, Option<&str>) {
    match recipients {
        Recipients::Everyone => (None, None),
        Recipients::Only(name) => (Some(name.as_str()), None),
        Recipients::Except(name) => (None, Some(name.as_str())),
    }
}

/// Moves the end of the feed to its new newest message.
async fn advance<'a, D: Dialect>(
    lease: &mut Lease<D>,
    feed: FeedId,
    newest: Seq,
    new: impl Iterator<Item = &'a &'a NewMessage>,
) -> Result<(), OperationFailure> {
    let bytes: usize = new.map(|message| message.payload.len()).sum();
    let mut sql = QueryBuilder::new("UPDATE wirebench_feeds SET newest = ");
    D::bind_integer(&mut sql, integer(newest));
    sql.push(", bytes = bytes + ");
    D::bind_integer(&mut sql, integer(bytes as u64));
    sql.push(" WHERE id = ");
    D::bind_integer(&mut sql, feed.0);
    lease.execute(sql).await?;
    Ok(())
}

/// Cuts rows into pieces, one for each statement. The length of a piece is a power of two, so that
/// a connection has few different statements to prepare, and keeps them all.
struct Pieces<'a, T, F> {
    rest: &'a [T],
    size: F,
}

impl<'a, T, F: Fn(&T) -> usize> Pieces<'a, T, F> {
    fn of(rows: &'a [T], size: F) -> Self {
        Self { rest: rows, size }
    }
}

impl<'a, T, F: Fn(&T) -> usize> Iterator for Pieces<'a, T, F> {
    type Item = &'a [T];

    fn next(&mut self) -> Option<Self::Item> {
        let longest = self.rest.len().checked_ilog2()?;
        let mut length = MAX_ROWS.min(1 << longest);
        let bytes = |rows: &[T]| rows.iter().map(&self.size).sum::<usize>();
        while length > 1 && bytes(&self.rest[..length]) > MAX_STATEMENT_BYTES {
            length /= 2;
        }
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(sizes: &[usize]) -> Vec<usize> {
        Pieces::of(sizes, |size| *size).map(<[usize]>::len).collect()
    }

    #[test]
    fn pieces_have_few_lengths_and_bounded_bytes() {
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[1; 100]), [64, 32, 4]);
        assert_eq!(lengths(&[1; 7]), [4, 2, 1]);
        assert_eq!(lengths(&[MAX_STATEMENT_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[2 * MAX_STATEMENT_BYTES, 1, 1]), [1, 2]);
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn sqlite_finds_any_number_of_keys_without_reading_the_feed() {
        use sqlx::{AssertSqlSafe, Connection, Row, Sqlite, SqliteConnection};

        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        Sqlite::migrate(&mut connection).await.unwrap();
        let key: IdempotencyKey = "key".parse().unwrap();
        for count in [1, 2, MAX_ROWS] {
            let sql = find_by_key::<Sqlite>(FeedId(1), &vec![&key; count]);
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.sql().as_str()));
            let plan = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let by_key = "USING INDEX wirebench_messages_by_key (feed_id=? AND idempotency_key=?)";
            assert!(steps.len() == 1 && steps[0].contains(by_key), "{count} keys: {steps:?}");
        }
    }
}
