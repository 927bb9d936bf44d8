//! Publishers that go on through a proxy, whatever happens to the servers behind it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::publisher::{Publisher, Way};
use crate::support::within;

/// The pause of a publisher after each answer, and before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// Publishers in tasks of their own. All of them have keys: they repeat a message until it is
/// acknowledged.
pub(crate) struct RunningPublishers {
    acknowledged: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: JoinSet<Publisher>,
}

impl RunningPublishers {
    /// Starts publishers over requests and over a WebSocket.
    pub(crate) fn start(url: &str) -> Self {
        let acknowledged = Arc::new(Semaphore::new(0));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for (name, way) in [("post", Way::Post), ("websocket", Way::WebSocket)] {
            let mut publisher = Publisher::new(name, way, true).paced(PAUSE);
            let (url, stop) = (url.to_owned(), stop.clone());
            let acknowledged = Arc::clone(&acknowledged);
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    let publishing = publisher.publish_until_gone(&url, &acknowledged);
                    stop.run_until_cancelled(publishing).await;
                    tokio::time::sleep(PAUSE).await;
                }
                publisher
            });
        }
        Self { acknowledged, stop, tasks }
    }

    /// Waits until this many messages more are acknowledged.
    pub(crate) async fn acknowledged(&self, count: u32) {
        // What was acknowledged before does not count.
        let _ = self.acknowledged.forget_permits(usize::MAX);
        let acquired = within("acknowledgements", self.acknowledged.acquire_many(count)).await;
        acquired.unwrap().forget();
    }

    /// Ends the publishers. Each repeats what was not answered until it is acknowledged, and then
    /// publishes one message more.
    pub(crate) async fn finish(self, url: &str) -> Vec<Publisher> {
        self.stop.cancel();
        let mut publishers = within("publishers", self.tasks.join_all()).await;
        for publisher in &mut publishers {
            publisher.publish(url, 1).await;
        }
        publishers
    }
}
