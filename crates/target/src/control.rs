//! What a run asks of a target server: its cost, which is read from the system, and a
//! publisher, which is on this side.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use wirebench_loadgen::{ControlError, CountedMessages, ServerControl, ServerUsage, Survivors};
use wirebench_protocol::control::{CountWindow, Publisher};
use wirebench_protocol::{Epoch, Timestamp};
use wirebench_scenario::TargetFile;

use crate::cost::{CostReading, CostSoFar};
use crate::process::ProcessTree;
use crate::publishing::{PublishTally, RunningPublisher};

/// The control of a target in one run. It outlives the process of the server: publishing goes on
/// while the server is down, and what it refuses is counted.
#[derive(Debug)]
pub struct TargetControl {
    file: Arc<TargetFile>,
    run: Epoch,
    /// The port of the server, if it was started for the run.
    port: Option<u16>,
    /// The process of the server, if it was not started for the run.
    running: Option<u32>,
    /// Locked while it is read, so that an end of the server cannot come in between.
    cost: tokio::sync::Mutex<CostSoFar>,
    tally: Arc<Mutex<PublishTally>>,
    publisher: tokio::sync::Mutex<Option<RunningPublisher>>,
}

impl TargetControl {
    pub(crate) fn new(
        file: Arc<TargetFile>,
        run: Epoch,
        port: Option<u16>,
        running: Option<ProcessTree>,
    ) -> Self {
        let mut cost = CostSoFar::default();
        if let Some(tree) = running {
            cost.begin(tree);
        }
        Self {
            file,
            run,
            port,
            running: running.map(ProcessTree::root),
            cost: tokio::sync::Mutex::new(cost),
            tally: Arc::default(),
            publisher: tokio::sync::Mutex::default(),
        }
    }

    /// Called when the server has started.
    pub(crate) async fn server_started(&self, tree: ProcessTree) {
        self.cost.lock().await.begin(tree);
    }

    /// Called just before the server ends.
    pub(crate) async fn server_ends(&self) {
        self.cost.lock().await.end().await;
    }
}

impl ServerControl for TargetControl {
    fn usage(&self) -> BoxFuture<'_, Result<ServerUsage, ControlError>> {
        async {
            let CostReading { cpu, rss_bytes, peak_bytes } = self.cost.lock().await.read().await;
            let (at, published) = (Timestamp::now(), self.tally.lock().published);
            let published = Some(published).filter(|_| !self.file.is_watched());
            let rss_peak_bytes = peak_bytes;
            Ok(ServerUsage { at, cpu, rss_bytes, rss_peak_bytes, published, late_publishes: None })
        }
        .boxed()
    }

    fn count(&self, window: CountWindow) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            self.tally.lock().begin(window);
            Ok(())
        }
        .boxed()
    }

    fn counted(&self) -> BoxFuture<'_, Result<CountedMessages, ControlError>> {
        async {
            if self.file.is_watched() {
                return Ok(CountedMessages::default());
            }
            Ok(self.tally.lock().counted())
        }
        .boxed()
    }

    fn start_publisher<'a>(
        &'a self,
        plan: &'a Publisher,
    ) -> BoxFuture<'a, Result<(), ControlError>> {
        async {
            let mut publisher = self.publisher.lock().await;
            let (file, tally) = (Arc::clone(&self.file), Arc::clone(&self.tally));
            let started = RunningPublisher::start(file, self.run, self.port, plan, tally).await;
            *publisher = Some(started.map_err(|failure| ControlError::Target(Box::new(failure)))?);
            Ok(())
        }
        .boxed()
    }

    fn stop_publisher(&self) -> BoxFuture<'_, Result<Option<u64>, ControlError>> {
        async {
            if let Some(publisher) = self.publisher.lock().await.take() {
                publisher.stop().await;
            }
            Ok(None)
        }
        .boxed()
    }

    fn survivors(&self) -> Survivors<'_> {
        Survivors::Everything
    }

    fn process(&self) -> Option<u32> {
        self.running
    }
}
