//! The task of one subscriber of a crowd: runs it and records what it sees.

use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;

use wirebench_measure::{Event, UpstreamEvent};
use wirebench_protocol::{After, Timestamp};

use super::state::{SubscriberState, WorkerShare, WorkerState};
use crate::error::{SubscribeError, error_chain};
use crate::subscriber::{Subscriber, SubscriberEvent, run_subscriber};
use crate::transport::SubscriberSettings;
use crate::upstream::{Outbox, SendSchedule};

/// Runs the subscriber number `index`. Ends only if it is refused for good.
pub(super) async fn subscriber_task(
    share: Rc<WorkerShare>,
    index: usize,
    worker: Rc<WorkerState>,
    state: Rc<SubscriberState>,
) {
    let stalls = stalls(index, share.run.faults.stalled_share);
    let task = Task { share: &share, index, worker: &worker, state: &state, stalls };
    // Pinned before the first branch, so that the task has space for it once.
    let mut running = std::pin::pin!(task.run());
    if !stalls {
        return running.await;
    }
    let mut stall = worker.stall.subscribe();
    // A future that is not polled reads nothing. The worker owns the sender, which outlives this.
    tokio::select! {
        biased;
        _ = stall.wait_for(|stall| *stall) => {}
        () = &mut running => return,
    }
    let _ = stall.wait_for(|stall| !*stall).await;
    running.await;
}

/// Returns true if this subscriber is one of those that stop reading: spread evenly over the crowd.
#[expect(clippy::cast_precision_loss, reason = "subscribers are counted in thousands, not in 2^53")]
fn stalls(index: usize, share: f64) -> bool {
    let up_to = |count: usize| (count as f64 * share + 1e-9).floor();
    up_to(index + 1) > up_to(index)
}

struct Task<'a> {
    share: &'a WorkerShare,
    index: usize,
    worker: &'a WorkerState,
    state: &'a SubscriberState,
    stalls: bool,
}

impl Task<'_> {
    async fn run(&self) {
        let run = &self.share.run;
        let outbox = run
            .upstream
            .map(|upstream| Outbox::new(upstream, self.number(), run.subscribers as u64));
        let subscriber = Subscriber {
            transport: run.transport,
            client: &self.share.client,
            target: &self.share.target,
            settings: SubscriberSettings {
                interval: run.interval.unwrap_or_default(),
                short_polling_mode: run.short_polling_mode.unwrap_or_default(),
                hold: run.hold.unwrap_or_default(),
                poll_cursor: !run.forgets_its_cursor(),
                push_timer: run.push_timer.unwrap_or_default(),
                socket_io_mode: run.socket_io_mode.unwrap_or_default(),
                reconnect: run.reconnect,
                headers: run.http.headers,
                number: self.number(),
                sends: run.upstream.is_some(),
                probe_host: self.share.probe_host,
                // The publisher of a run seals what is binary, and so do its subscribers.
                sealed: true,
                named: run.upstream.is_some_and(|upstream| upstream.to.addresses()),
                ..SubscriberSettings::default()
            },
            seed: run.seed.wrapping_add(self.index as u64),
            cut: Some(&self.state.cut).filter(|_| !run.faults.is_none()),
            outbox: outbox.as_ref(),
        };
        let running = run_subscriber(&subscriber, After::Newest, |event| match event {
            SubscriberEvent::Event(event) => self.record(event),
            SubscriberEvent::Interrupted { why, .. } => self.interrupted(why),
        });
        let fill = async {
            match &outbox {
                // Boxed, because few crowds send.
                Some(outbox) => Box::pin(self.fill(outbox)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            never = fill => match never {},
            _ = running => {}
        }
        self.share.status.send_modify(|status| status.refused += 1);
    }

    fn number(&self) -> u64 {
        self.index as u64
    }

    /// Puts each message into the outbox when it is due, while the subscribers send.
    async fn fill(&self, outbox: &Outbox) -> Infallible {
        let Some(upstream) = self.share.run.upstream else { return pending().await };
        let mut sending = self.worker.sending.subscribe();
        // The worker owns the sender, which outlives this.
        let _ = sending.wait_for(|sending| *sending).await;
        let seed = self.share.run.seed.wrapping_add(self.number());
        let schedule = SendSchedule::new(upstream.interval(), Timestamp::now(), seed);
        for due in schedule {
            tokio::time::sleep(due.saturating_since(Timestamp::now())).await;
            if !*sending.borrow() {
                break;
            }
            self.record(&Event::Upstream(UpstreamEvent::Due { due }));
            outbox.push(due);
        }
        pending().await
    }

    fn record(&self, event: &Event) {
        let recorder = if self.stalls { &self.worker.stalled } else { &self.worker.recorder };
        let (mut recorder, window) = (recorder.borrow_mut(), self.worker.window.get());
        recorder.observe(window, &mut self.state.sequence.borrow_mut(), event);
        if !matches!(event, Event::Connected { .. }) {
            return;
        }
        let (again, away_since) = self.state.subscribed();
        let now = Timestamp::now();
        if let Some(since) = away_since
            && window.is_some_and(|window| window.from <= now)
        {
            recorder.reconnects.record(since, now);
        }
        self.share.status.send_modify(|status| {
            status.subscribed += 1;
            if !again {
                status.ever_subscribed += 1;
                status.last_joined = Some(now);
            }
            status.reconnects += u64::from(again);
        });
    }

    fn interrupted(&self, why: Option<&SubscribeError>) {
        let was_subscribed = self.state.interrupted();
        let reason = why.map_or_else(|| "the server ended it".to_owned(), |why| error_chain(why));
        self.share.status.send_modify(|status| {
            status.subscribed -= u64::from(was_subscribed);
            status.last_error = Some(reason);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::watch;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;
    use wirebench_scenario::{Overrides, Scenario};

    use super::super::part::{CrowdShare, PartStatus};
    use super::*;
    use crate::dial::Dialer;
    use crate::http::HttpClient;
    use crate::target::Target;

    /// A crowd has thousands of these tasks. What is large and seldom needed belongs on the heap,
    /// where it is freed.
    #[test]
    fn the_task_of_a_subscriber_is_small() {
        let scenario = Scenario::parse("x", "", Path::new(""), &Overrides::default()).unwrap();
        let run = scenario.runs(1).remove(0);
        let address = "127.0.0.1:1".parse().unwrap();
        let (authority, feed) = ("127.0.0.1:1".to_owned(), "bench".to_owned());
        let share = WorkerShare {
            target: Target {
                authority,
                address,
                feed,
                tls: None,
                foreign: None,
                others: Vec::new(),
            },
            client: Arc::new(HttpClient::new(Dialer::new(run.link, 1), run.http)),
            run: Arc::new(run),
            share: CrowdShare::all(1),
            index: 0,
            workers: 1,
            start: Instant::now(),
            probe_host: None,
            status: Arc::new(watch::Sender::new(PartStatus::default())),
            stop: CancellationToken::new(),
        };
        let (worker, state) = (WorkerState::new(), SubscriberState::new(false));
        let task = subscriber_task(Rc::new(share), 0, Rc::new(worker), Rc::new(state));
        let size = size_of_val(&task);
        assert!(size <= 1_536, "{size} bytes");
    }

    #[test]
    fn the_subscribers_that_stop_reading_are_spread_over_the_crowd() {
        let stalled = |share| (0..100).filter(|index| stalls(*index, share)).collect::<Vec<_>>();
        assert!(stalled(0.0).is_empty());
        assert_eq!(stalled(0.1), (0..10).map(|n| n * 10 + 9).collect::<Vec<_>>());
        assert_eq!(stalled(0.29).len(), 29);
    }
}
