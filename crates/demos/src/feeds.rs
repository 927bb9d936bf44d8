//! What the demos' own feeds share.

use serde::Serialize;
use wirebench_server::{Feed, JsonPayload, Rejected};

/// A feed that keeps so many messages, and to which only the server publishes.
pub(crate) fn read_only(window: usize) -> Feed {
    Feed::new(window).with_check(|_| {
        Err(Rejected::forbidden("nobody publishes to this feed but the server", "subscribe to it"))
    })
}

/// Publishes a payload of ours.
pub(crate) fn publish(feed: &Feed, payload: &impl Serialize) {
    let json = serde_json::to_vec(payload).expect("payloads of ours have text keys only");
    feed.publish(&JsonPayload::from_json(&json).expect("what was just written is one JSON value"));
}
