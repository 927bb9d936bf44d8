//! The feed `jobs`: jobs that take their time, and say when they are done.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use wirebench_server::Feed;

use crate::answer::{Refusal, Sent};
use crate::{Demos, feeds};

/// Jobs at work at a time.
const AT_ONCE: usize = 32;

const SECONDS: std::ops::RangeInclusive<u64> = 1..=120;

#[derive(Debug)]
pub(crate) struct Jobs {
    pub(crate) feed: Feed,
    /// Those at work, by the time they are done and their id.
    at_work: Mutex<BTreeMap<(Instant, String), Job>>,
    /// Another began.
    begun: Notify,
}

/// A job, which does nothing: what is shown is the waiting.
#[derive(Debug)]
struct Job {
    since: Instant,
}

#[derive(Serialize)]
struct Done<'a> {
    job: &'a str,
    state: &'static str,
    took_ms: u64,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self { feed: feeds::read_only(100), at_work: Mutex::default(), begun: Notify::new() }
    }

    /// Ends the jobs that are done, until dropped.
    pub(crate) async fn run(&self) {
        loop {
            let next = self.at_work().keys().next().map(|(done, _)| *done);
            let until_done = async {
                match next {
                    Some(done) => tokio::time::sleep_until(done).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = until_done => self.end_what_is_done(),
                () = self.begun.notified() => {}
            }
        }
    }

    fn end_what_is_done(&self) {
        let now = Instant::now();
        let mut at_work = self.at_work();
        while let Some(first) = at_work.first_entry()
            && first.key().0 <= now
        {
            let ((_, id), job) = first.remove_entry();
            let took_ms = u64::try_from((now - job.since).as_millis()).unwrap_or(u64::MAX);
            feeds::publish(&self.feed, &Done { job: &id, state: "done", took_ms });
        }
    }

    fn begin(&self, seconds: u64) -> Result<Begun, Refusal> {
        if !SECONDS.contains(&seconds) {
            let error = format!("`seconds` is {seconds}");
            return Err(Refusal::bad_request(error, "it is to be 1 to 120"));
        }
        let mut at_work = self.at_work();
        if at_work.len() >= AT_ONCE {
            let left = at_work.keys().next().map(|(done, _)| *done - Instant::now());
            let left = left.unwrap_or_default().as_secs() + 1;
            let error = format!("{AT_ONCE} jobs are at work, which is as many as fit");
            return Err(Refusal::full(error, "wait until one is done", left));
        }
        let job = format!("{:016x}", rand::random::<u64>());
        let since = Instant::now();
        let done = since + Duration::from_secs(seconds);
        at_work.insert((done, job.clone()), Job { since });
        self.begun.notify_one();
        Ok(Begun { job, seconds })
    }

    fn at_work(&self) -> MutexGuard<'_, BTreeMap<(Instant, String), Job>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router() -> Router<Demos> {
    Router::new().route("/demo/jobs", post(begin))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct Begun {
    job: String,
    seconds: u64,
}

async fn begin(
    State(demos): State<Demos>,
    Sent(begin): Sent<Begin>,
) -> Result<(StatusCode, Json<Begun>), Refusal> {
    Ok((StatusCode::ACCEPTED, Json(demos.0.jobs.begin(begin.seconds)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wirebench_protocol::After;

    use super::*;

    fn done(jobs: &Jobs) -> Vec<Value> {
        let start = jobs.feed.locate(After::Start).unwrap();
        let entries = jobs.feed.read(start).entries;
        let messages = entries.iter().map(|entry| serde_json::from_slice(&entry.json).unwrap());
        messages.map(|message: Value| message["payload"].clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_are_done_in_their_time_in_whatever_order_they_began() {
        let jobs = Jobs::new();
        let long = jobs.begin(8).unwrap().job;
        let short = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let short = jobs.begin(2).unwrap().job;
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let expected = json!({"job": short, "state": "done", "took_ms": 2_000});
            assert_eq!(done(&jobs), [expected]);
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        tokio::select! {
            () = jobs.run() => {}
            () = short => {}
        }
        assert_eq!(done(&jobs)[1], json!({"job": long, "state": "done", "took_ms": 8_000}));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_jobs_are_at_work_at_a_time_and_no_more() {
        let jobs = Jobs::new();
        for _ in 0..AT_ONCE {
            jobs.begin(5).unwrap();
        }
        assert!(jobs.begin(5).is_err());
        let _ = tokio::time::timeout(Duration::from_secs(6), jobs.run()).await;
        assert!(jobs.begin(5).is_ok());
    }

    #[test]
    fn a_job_takes_one_to_120_seconds() {
        for seconds in [0, 121, u64::MAX] {
            assert!(Jobs::new().begin(seconds).is_err(), "{seconds}");
        }
    }
}
