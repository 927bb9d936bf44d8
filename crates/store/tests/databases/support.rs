//! What the cases have in common.

use std::time::Duration;

use bytes::Bytes;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{IdempotencyKey, Recipients, Timestamp};
use wirebench_store::{Appended, NewMessage, Retention, StoreError, StoreErrorKind, StoreOptions};

/// Upper bound of every wait. It is reached only if something hangs, not because the machine is
/// busy.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Waits for a future, with a deadline.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(TIMEOUT, future).await;
    waited.unwrap_or_else(|_| panic!("{what}: nothing within {TIMEOUT:?}"))
}

/// Options with a deadline that no answer of a busy machine exceeds.
pub(crate) fn patient() -> StoreOptions {
    StoreOptions { deadline: Duration::from_mins(1), ..StoreOptions::default() }
}

/// Options for cases in which the deadline passes. On a busy machine it may also pass where it
/// should not: such operations go through [`eventually`].
pub(crate) fn hasty() -> StoreOptions {
    StoreOptions { deadline: Duration::from_millis(600), ..StoreOptions::default() }
}

pub(crate) fn keeping(retention: Retention) -> StoreOptions {
    StoreOptions { retention, ..patient() }
}

/// Repeats an operation for as long as the database is not available, and returns what it returns
/// then.
pub(crate) async fn eventually<T>(
    what: &str,
    operation: impl AsyncFn() -> Result<T, StoreError>,
) -> T {
    within(what, async {
        loop {
            match operation().await {
                Ok(value) => return value,
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{what}: {error}");
                    // Some failures come at once. Whoever is waited for has to get its turn.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    })
    .await
}

/// A JSON message without a key.
pub(crate) fn message(json: &str) -> NewMessage {
    NewMessage {
        payload: Bytes::copy_from_slice(json.as_bytes()),
        kind: PayloadKind::Json,
        recipients: Recipients::Everyone,
        due: Timestamp::from_nanos(7),
        key: None,
    }
}

pub(crate) fn keyed(json: &str, key: &str) -> NewMessage {
    NewMessage { key: Some(key.parse::<IdempotencyKey>().unwrap()), ..message(json) }
}

/// The places of messages that must all be new.
pub(crate) fn new_places(appended: &[Appended]) -> Vec<u64> {
    let place = |appended: &Appended| match appended {
        Appended::New { seq } => *seq,
        Appended::Known { .. } => panic!("{appended:?} is not new"),
    };
    appended.iter().map(place).collect()
}
