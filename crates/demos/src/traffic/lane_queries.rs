//! Assigns what is asked of a database to the lane whose request asks.

use std::sync::Arc;
use std::time::Duration;

use wirebench_store::StoreObserver;

use crate::traffic::lanes::Lane;

tokio::task_local! {
    /// The lane of the request that this task is answering.
    static ANSWERED_LANE: Arc<Lane>;
}

/// Counts for each lane the statements that its requests send to the database while they are
/// answered. For [`Store::open`](wirebench_store::Store::open).
///
/// What another task reads, for several subscribers at once or to write what was published, belongs
/// to no lane.
#[derive(Clone, Copy, Debug)]
pub struct LaneQueries;

impl StoreObserver for LaneQueries {
    fn queried(&self, statements: u64) {
        // Without a lane, nobody looks at the count.
        let _ = ANSWERED_LANE.try_with(|lane| lane.count_queries(statements));
    }

    fn read(&self, _messages: u64) {}

    fn committed(&self, _messages: u64, _took: Duration) {}
}

/// Answers a request. The statements that this sends to the database belong to the lane.
pub(super) async fn answer_for<T>(lane: Option<Arc<Lane>>, answer: impl Future<Output = T>) -> T {
    match lane {
        Some(lane) => ANSWERED_LANE.scope(lane, answer).await,
        None => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::lanes::LaneRegistry;

    #[tokio::test]
    async fn statements_belong_to_the_lane_that_is_answered() {
        let lanes = LaneRegistry::default();
        let lane = lanes.lane("000000ab.one").unwrap();
        answer_for(Some(Arc::clone(&lane)), async {
            LaneQueries.queried(2);
            tokio::spawn(async { LaneQueries.queried(10) }).await.unwrap();
        })
        .await;
        answer_for(None, async { LaneQueries.queried(100) }).await;
        assert_eq!(serde_json::to_value(lane.counts()).unwrap()["queries"], 2);
    }
}
