//! The feed `jobs`: jobs that take a given time, and the message that each of them is done.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use wirebench_server::{ApiError, Feed};

use crate::api::answer::{JsonBody, limit_reached};
use crate::feeds::internal::{publish, read_only};

/// The number of jobs that run at a time.
const MAX_RUNNING: usize = 32;

/// How long a job may take, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=120;

#[derive(Debug)]
pub(crate) struct Jobs {
    pub(crate) feed: Feed,
    /// When each running job started, by the time at which it will be done and by its id. A job
    /// does no work: the page shows the waiting.
    running: Mutex<BTreeMap<(Instant, String), Instant>>,
    /// Notified when a job is started.
    started: Notify,
}

#[derive(Serialize)]
struct JobDone<'a> {
    job: &'a str,
    state: &'static str,
    took_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartRequest {
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct StartedJob {
    job: String,
    seconds: u64,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self { feed: read_only(100), running: Mutex::default(), started: Notify::new() }
    }

    /// Publishes the end of each job until dropped.
    pub(crate) async fn run(&self) {
        loop {
            let next = self.running.lock().keys().next().map(|(done, _)| *done);
            let next_is_done = async {
                match next {
                    Some(done) => tokio::time::sleep_until(done).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = next_is_done => self.finish_due_jobs(),
                () = self.started.notified() => {}
            }
        }
    }

    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        Router::new().route("/demo/jobs", post(start)).with_state(Arc::clone(self))
    }

    fn finish_due_jobs(&self) {
        let now = Instant::now();
        let mut running = self.running.lock();
        while let Some(first) = running.first_entry()
            && first.key().0 <= now
        {
            let ((_, id), started) = first.remove_entry();
            let took_ms = u64::try_from((now - started).as_millis()).unwrap_or(u64::MAX);
            publish(&self.feed, &JobDone { job: &id, state: "done", took_ms });
        }
    }

    fn start(&self, seconds: u64) -> Result<StartedJob, ApiError> {
        if !SECONDS.contains(&seconds) {
            let error = format!("`seconds` is {seconds}");
            return Err(ApiError::bad_request(error, "it must be between 1 and 120"));
        }
        let mut running = self.running.lock();
        if running.len() >= MAX_RUNNING {
            let left = running.keys().next().map(|(done, _)| *done - Instant::now());
            let retry_after = left.unwrap_or_default().as_secs() + 1;
            let error = format!("{MAX_RUNNING} jobs are running, which is the limit");
            return Err(limit_reached(error, "wait until a job is done", retry_after));
        }
        let job = format!("{:016x}", rand::random::<u64>());
        let now = Instant::now();
        running.insert((now + Duration::from_secs(seconds), job.clone()), now);
        self.started.notify_one();
        Ok(StartedJob { job, seconds })
    }
}

async fn start(
    State(jobs): State<Arc<Jobs>>,
    JsonBody(request): JsonBody<StartRequest>,
) -> Result<(StatusCode, Json<StartedJob>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(jobs.start(request.seconds)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wirebench_protocol::After;

    use super::*;

    fn published(jobs: &Jobs) -> Vec<Value> {
        let start = jobs.feed.locate(After::Start).unwrap();
        let entries = jobs.feed.read(start).entries;
        let messages = entries.iter().map(|entry| serde_json::from_slice(&entry.json).unwrap());
        messages.map(|message: Value| message["payload"].clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_job_is_done_after_its_own_time_whatever_the_order_of_the_starts() {
        let jobs = Jobs::new();
        let long = jobs.start(8).unwrap().job;
        let short = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let short = jobs.start(2).unwrap().job;
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let expected = json!({"job": short, "state": "done", "took_ms": 2_000});
            assert_eq!(published(&jobs), [expected]);
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        tokio::select! {
            () = jobs.run() => {}
            () = short => {}
        }
        assert_eq!(published(&jobs)[1], json!({"job": long, "state": "done", "took_ms": 8_000}));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_running_jobs_is_limited() {
        let jobs = Jobs::new();
        for _ in 0..MAX_RUNNING {
            jobs.start(5).unwrap();
        }
        assert!(jobs.start(5).is_err());
        let _ = tokio::time::timeout(Duration::from_secs(6), jobs.run()).await;
        assert!(jobs.start(5).is_ok());
    }

    #[test]
    fn a_job_takes_1_to_120_seconds() {
        for seconds in [0, 121, u64::MAX] {
            assert!(Jobs::new().start(seconds).is_err(), "{seconds}");
        }
    }
}
