//! What the tests share: a file with a store, feeds in it, and requests to a server of them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use wirebench_server::{Batch, Cursor, Feed, JsonPayload, Seq, Server};
use wirebench_store::{Store, StoreObserver, StoreOptions, StoreUrl};

/// The time limit for what should happen soon. Only a hang takes this long.
pub(crate) const TIME_LIMIT: Duration = Duration::from_mins(2);

/// A store in a folder of its own.
pub(crate) struct TestStore {
    folder: TempDir,
    pub(crate) options: StoreOptions,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self::with(StoreOptions::default())
    }

    pub(crate) fn with(options: StoreOptions) -> Self {
        Self { folder: TempDir::new().unwrap(), options }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("feeds.db")
    }

    /// Opens the store, as another process would.
    pub(crate) async fn open(&self, observer: impl StoreObserver + 'static) -> Store {
        Store::open(&StoreUrl::sqlite(self.file()), &self.options, observer).await.unwrap()
    }

    /// Returns the feed `bench` over connections of its own, with a window of this many messages.
    pub(crate) async fn feed(&self, window: usize) -> Feed {
        keep(&self.open(()).await, Feed::new(window)).await
    }
}

/// Keeps a feed in a store, under the name `bench`.
pub(crate) async fn keep(store: &Store, feed: Feed) -> Feed {
    feed.durable(store.feed("bench").await.unwrap()).await.unwrap()
}

pub(crate) fn server_of(feed: &Feed) -> Server {
    Server::new([("bench".to_owned(), feed.clone())])
}

pub(crate) fn payload(json: &str) -> JsonPayload {
    JsonPayload::from_json(json.as_bytes()).unwrap()
}

/// Publishes messages with the numbers from 1 on, many at once, and waits for all acknowledgements.
pub(crate) async fn publish_numbers(feed: &Feed, count: u64) {
    for first in (1..=count).step_by(500) {
        let numbers = first..=count.min(first + 499);
        let published: Vec<_> =
            numbers.clone().map(|number| feed.publish(payload(&number.to_string()))).collect();
        for (number, published) in numbers.zip(published) {
            assert_eq!(published.await.unwrap().cursor.seq, number);
        }
    }
}

pub(crate) fn places(batch: &Batch) -> Vec<Seq> {
    batch.entries.iter().map(|entry| entry.seq).collect()
}

/// Follows a feed until it has this many messages. Fails if it is told of a gap.
pub(crate) async fn follow(feed: &Feed, after: Cursor, count: usize) -> Vec<Seq> {
    let mut follow = feed.follow(after);
    let mut seen = Vec::new();
    while seen.len() < count {
        let batch = within(follow.next()).await.expect("the feed is open");
        assert_eq!(batch.gap, None, "after {seen:?}");
        seen.extend(places(&batch));
    }
    seen
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIME_LIMIT, future).await.expect("it takes too long")
}

/// The answer to a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) feed_cursor: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) json: Value,
}

/// Sends a request to the routes of a server.
pub(crate) async fn ask(server: &Server, request: Request<Body>) -> Answered {
    let response = within(server.router().oneshot(request)).await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, feed_cursor) = (header("retry-after"), header("feed-cursor"));
    let tag = header("etag");
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answered { status, retry_after, feed_cursor, tag, json }
}

/// Publishes with a key, if there is one.
pub(crate) async fn post(server: &Server, json: &str, key: Option<&str>) -> Answered {
    let mut request = Request::post("/feeds/bench/messages");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    ask(server, request.body(Body::from(json.to_owned())).unwrap()).await
}

/// Polls once.
pub(crate) async fn poll(server: &Server, after: &str) -> Answered {
    poll_with(server, &format!("after={after}")).await
}

/// Polls once, with this query.
pub(crate) async fn poll_with(server: &Server, query: &str) -> Answered {
    let uri = format!("/feeds/bench/short-polling?{query}");
    ask(server, Request::get(uri).body(Body::empty()).unwrap()).await
}

/// Returns the numbers of the messages in an answer to a poll.
pub(crate) fn polled(answer: &Answered) -> Vec<Seq> {
    let messages = answer.json["messages"].as_array();
    messages.into_iter().flatten().map(|message| message["seq"].as_u64().unwrap()).collect()
}
