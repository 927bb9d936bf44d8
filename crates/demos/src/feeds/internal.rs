//! Feeds that only the server publishes to.

use serde::Serialize;
use wirebench_server::{Acknowledgement, Feed, JsonPayload, Rejected};

/// Returns a feed that keeps `window` messages and rejects messages from clients.
pub(super) fn read_only(window: usize) -> Feed {
    Feed::new(window).with_check(|_| {
        Err(Rejected::forbidden("only the server publishes to this feed", "subscribe to it"))
    })
}

/// Publishes a payload of the server.
pub(super) fn publish(feed: &Feed, payload: &impl Serialize) -> Acknowledgement {
    let json = serde_json::to_vec(payload).expect("the payloads of this crate have text keys");
    feed.publish(JsonPayload::from_json(&json).expect("serde_json writes exactly one JSON value"))
}
