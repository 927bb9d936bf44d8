//! The feed `message-table`: the rows of a table `message`, as one of the tutorials polls it. It is
//! kept in the store of the server if there is one, and in memory otherwise.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::future::try_join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wirebench_protocol::Timestamp;
use wirebench_server::{ApiError, Feed, Rejected, Server};
use wirebench_store::{Store, StoreError};

use crate::feeds::internal::publish;

/// The name of the feed, also in the store.
pub(crate) const NAME: &str = "message-table";

/// The number of rows that the table keeps at most. A poll without a cursor gets all of them: about 200 KiB
/// of the rows that the server inserts.
const ROWS: NonZeroU32 = NonZeroU32::new(2_000).expect("2,000 is not 0");

/// The rows per second that all visitors together may insert one by one.
const INSERTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");

/// The number of rows that the server inserts at once when a visitor asks for it.
const FILL_ROWS: u32 = 100;

/// The time between two such requests, of whichever visitors.
const FILL_PAUSE: Duration = Duration::from_secs(1);

/// The length of a text in characters, without the white space around it.
const MAX_TEXT_CHARACTERS: usize = 200;

/// The size of a payload. There is room for the longest text with every character escaped.
const MAX_PAYLOAD_BYTES: usize = 4 << 10;

#[derive(Debug)]
pub(crate) struct MessageTable {
    pub(crate) feed: Feed,
    /// `None` if the table is in memory.
    store: Option<Store>,
    /// The number of rows that the table keeps at most.
    rows_kept: NonZeroU64,
    /// When the server was last asked to fill the table.
    filled_at: Mutex<Option<Instant>>,
}

/// A row.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
enum TableRow {
    /// What a visitor has typed.
    Typed { text: String },
    /// One of the rows that the server inserts at once. The pages have the words for it.
    Filled { number: u32, of: u32 },
}

/// Where the table is.
#[derive(Serialize)]
struct TableBody {
    /// The database, by its cargo feature. `None` if the table is in memory.
    store: Option<&'static str>,
    /// The number of rows that the table keeps at most.
    rows_kept: NonZeroU64,
    /// The statements that the server has sent to its database, for whatever reason. `None` without
    /// one.
    queries: Option<u64>,
    at_ns: Timestamp,
}

#[derive(Serialize)]
struct FilledBody {
    inserted: usize,
}

impl MessageTable {
    /// Returns an empty table in memory.
    pub(crate) fn in_memory() -> Self {
        Self { feed: table(), store: None, rows_kept: ROWS.into(), filled_at: Mutex::default() }
    }

    /// Returns the table of this store.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn in_store(store: &Store) -> Result<Self, StoreError> {
        let stored = store.feed(NAME).await?.keeping_at_most(ROWS.into());
        let rows_kept = stored.retention().messages.unwrap_or(ROWS.into());
        let feed = table().durable(stored).await?;
        Ok(Self { feed, store: Some(store.clone()), rows_kept, filled_at: Mutex::default() })
    }

    /// The route that tells where the table is, and what the store of `server` has been asked.
    pub(crate) fn reading_routes(self: &Arc<Self>, server: &Server) -> Router {
        let state = (Arc::clone(self), server.clone());
        Router::new().route("/demo/message-table", get(tell)).with_state(state)
    }

    pub(crate) fn changing_routes(self: &Arc<Self>) -> Router {
        Router::new().route("/demo/message-table/fill", post(fill)).with_state(Arc::clone(self))
    }

    /// Returns the table of the next server, in the same place.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn restarted(&self) -> Result<Self, StoreError> {
        match &self.store {
            Some(store) => Self::in_store(store).await,
            None => Ok(Self::in_memory()),
        }
    }

    /// Inserts rows. Returns when all of them are committed.
    async fn fill(&self) -> Result<FilledBody, ApiError> {
        self.take_turn()?;
        let row = |number| publish(&self.feed, &TableRow::Filled { number, of: FILL_ROWS });
        let inserted = try_join_all((1..=FILL_ROWS).map(row)).await?;
        Ok(FilledBody { inserted: inserted.len() })
    }

    /// Refuses a request that comes too soon after another.
    fn take_turn(&self) -> Result<(), ApiError> {
        let mut filled_at = self.filled_at.lock();
        if filled_at.is_some_and(|at| at.elapsed() < FILL_PAUSE) {
            let error = format!("rows were inserted less than {FILL_PAUSE:?} ago");
            let hint = "try again in a second: all visitors together may do this once a second";
            let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, error, hint);
            return Err(refused.with_retry_after(1));
        }
        *filled_at = Some(Instant::now());
        Ok(())
    }
}

/// Returns the feed, in memory, with the rules of what visitors may insert.
fn table() -> Feed {
    Feed::new(ROWS.get() as usize).with_publish_rate(INSERTS_PER_SECOND).with_check(check)
}

/// Decides whether a visitor may insert this row.
fn check(json: &[u8]) -> Result<(), Rejected> {
    if json.len() > MAX_PAYLOAD_BYTES {
        let error = format!("the payload has {} bytes", json.len());
        return Err(Rejected::malformed(error, "this feed accepts up to 4,096 bytes"));
    }
    let row: TableRow = serde_json::from_slice(json).map_err(|error| {
        let hint = "send {\"kind\":\"typed\",\"text\":…}";
        Rejected::malformed(format!("cannot read the row: {error}"), hint)
    })?;
    let TableRow::Typed { text } = row else {
        let error = "only the server inserts rows of this kind";
        return Err(Rejected::forbidden(error, "ask it to: POST /demo/message-table/fill"));
    };
    let length = text.trim().chars().count();
    if length == 0 {
        return Err(Rejected::malformed("the text is empty", "write at least one character"));
    }
    if length > MAX_TEXT_CHARACTERS {
        let error = format!("the text has {length} characters");
        return Err(Rejected::malformed(error, "a text may have up to 200 characters"));
    }
    Ok(())
}

async fn tell(State((table, server)): State<(Arc<MessageTable>, Server)>) -> Json<TableBody> {
    Json(TableBody {
        store: table.store.as_ref().map(|store| store.database().feature()),
        rows_kept: table.rows_kept,
        queries: server.store_metrics().map(|metrics| metrics.counts().queries),
        at_ns: Timestamp::now(),
    })
}

async fn fill(
    State(table): State<Arc<MessageTable>>,
) -> Result<(StatusCode, Json<FilledBody>), ApiError> {
    Ok((StatusCode::CREATED, Json(table.fill().await?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wirebench_protocol::After;

    use super::*;

    fn rows(table: &MessageTable) -> Vec<Value> {
        let start = table.feed.locate(After::Start).unwrap();
        let entries = table.feed.read(start).entries;
        let messages = entries.iter().map(|entry| serde_json::from_slice(&entry.json).unwrap());
        messages.map(|message: Value| message["payload"].clone()).collect()
    }

    fn insert(table: &MessageTable, row: &Value) -> Result<(), StatusCode> {
        let answer = table.feed.offer(row.to_string().as_bytes()).at_once().unwrap();
        answer.map(|_| ()).map_err(|rejected| rejected.status)
    }

    #[test]
    fn visitors_insert_texts_and_nothing_else() {
        let table = MessageTable::in_memory();
        let typed = |text: &str| json!({"kind": "typed", "text": text});
        for text in ["x".repeat(200), format!("  {}  ", "鹭".repeat(200)), "<b>".to_owned()] {
            assert_eq!(insert(&table, &typed(&text)), Ok(()));
        }
        let malformed = Err(StatusCode::BAD_REQUEST);
        for text in ["", " \n\t ", "\u{3000}", &"x".repeat(201)] {
            assert_eq!(insert(&table, &typed(text)), malformed, "{text}");
        }
        assert_eq!(insert(&table, &json!({"kind": "typed", "text": 1})), malformed);
        assert_eq!(insert(&table, &json!({"text": "x"})), malformed);
        assert_eq!(insert(&table, &json!("x".repeat(MAX_PAYLOAD_BYTES))), malformed);
        let filled = json!({"kind": "filled", "number": 1, "of": 1});
        assert_eq!(insert(&table, &filled), Err(StatusCode::FORBIDDEN));
        assert_eq!(table.feed.published(), 3);
    }

    #[test]
    fn visitors_insert_only_so_many_rows_per_second() {
        let table = MessageTable::in_memory();
        let row = json!({"kind": "typed", "text": "x"});
        let refused = (0..=10 * INSERTS_PER_SECOND.get()).find_map(|_| insert(&table, &row).err());
        assert_eq!(refused, Some(StatusCode::TOO_MANY_REQUESTS));
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_filled_at_most_once_a_second_and_keeps_its_newest_rows() {
        let table = MessageTable::in_memory();
        assert_eq!(table.fill().await.unwrap().inserted, 100);
        assert!(table.fill().await.is_err());
        let expected = |number| json!({"kind": "filled", "number": number, "of": 100});
        let found = rows(&table);
        assert_eq!((found.len(), &found[0], &found[99]), (100, &expected(1), &expected(100)));
        for _ in 0..20 {
            tokio::time::advance(FILL_PAUSE).await;
            table.fill().await.unwrap();
        }
        assert_eq!(table.feed.published(), 2_100);
        assert_eq!(table.feed.locate(After::Start).unwrap().seq, 100);
    }
}
