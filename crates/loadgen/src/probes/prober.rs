//! Publishes the probes of an agent.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use http::header::{self, HeaderValue};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use wirebench_measure::ProbeRecord;
use wirebench_protocol::Timestamp;
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};

use super::ProbeSettings;
use super::payload::Probe;
use super::ticker::{Tick, Ticker};
use crate::dial::Dialer;
use crate::http::{ClientConnection, HttpClient, RequestHeaders, RequestKind};
use crate::target::Target;
use crate::upstream::SendSchedule;

/// The most probes that are under way at once, each over a connection of its own. One that is due
/// while so many are waits, and its delay shows that.
const MAX_UNDER_WAY: usize = 16;

/// The time that a probe may take, opening a connection included. [`Invalid::ProbesFailed`] names
/// it.
///
/// [`Invalid::ProbesFailed`]: wirebench_measure::Invalid::ProbesFailed
const TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes probes to a feed of our own server at the times at which they are due, with `POST
/// /feeds/{feed}/messages`, over connections that no row counts and without the emulated link.
/// Dropping it ends it at once.
#[derive(Debug)]
pub struct Prober {
    stop: CancellationToken,
    task: AbortOnDropHandle<ProbeRecord>,
}

impl Prober {
    /// Starts to publish, within the runtime of the caller.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub fn start(target: Target, settings: ProbeSettings) -> io::Result<Self> {
        let interval = Duration::try_from_secs_f64(1.0 / settings.rate).unwrap_or(Duration::MAX);
        let schedule = SendSchedule::new(interval, Timestamp::host_now(), settings.seed);
        let (ticker, stop) = (Ticker::start(schedule)?, CancellationToken::new());
        let publishing = publish(target, settings, ticker, stop.clone());
        Ok(Self { stop, task: AbortOnDropHandle::new(tokio::spawn(publishing)) })
    }

    /// Publishes no more, waits for the answers that are outstanding, for 5 s at most, and returns
    /// how many probes were due and acknowledged.
    pub async fn finish(self) -> ProbeRecord {
        self.stop.cancel();
        // The task ends by itself: it can only have panicked, and then nothing is known.
        self.task.await.unwrap_or_default()
    }
}

/// Publishes until `stop`.
async fn publish(
    target: Target,
    settings: ProbeSettings,
    mut ticker: Ticker,
    stop: CancellationToken,
) -> ProbeRecord {
    let publisher = Publisher::new(target, settings.seed);
    let (mut record, mut under_way) = (ProbeRecord::default(), FuturesUnordered::new());
    let mut idle: Vec<ClientConnection> = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(Tick { due, skipped }) = ticker.next(), if under_way.len() < MAX_UNDER_WAY => {
                record.due += 1 + skipped;
                let probe = Probe { host: settings.host, due };
                let body = Bytes::from(probe.write(settings.payload_bytes));
                under_way.push(publisher.within_timeout(idle.pop(), body));
            }
            Some(posted) = under_way.next() => idle.extend(record_answer(&mut record, posted)),
        }
    }
    while let Some(posted) = under_way.next().await {
        record_answer(&mut record, posted);
    }
    record
}

/// What became of a probe that the server acknowledged, or `None`.
type Posted = Option<Option<ClientConnection>>;

/// Counts an acknowledgement, and returns the connection that can be used again.
fn record_answer(record: &mut ProbeRecord, posted: Posted) -> Option<ClientConnection> {
    record.acknowledged += u64::from(posted.is_some());
    posted.flatten()
}

/// How a probe is published.
struct Publisher {
    client: HttpClient,
    target: Target,
    path: String,
    headers: RequestHeaders,
}

impl Publisher {
    fn new(target: Target, seed: u64) -> Self {
        let http = HttpSettings { tls: target.tls.is_some(), ..HttpSettings::default() };
        let client = HttpClient::new(Dialer::new(LinkSettings::default(), seed), http);
        let headers = client.headers(Headers::Bare, &target, RequestKind::Post);
        let json = HeaderValue::from_static("application/json");
        let headers = headers.with(header::CONTENT_TYPE, json);
        let path = format!("/feeds/{}/messages", target.feed);
        Self { client, target, path, headers }
    }

    async fn within_timeout(&self, idle: Option<ClientConnection>, body: Bytes) -> Posted {
        timeout(TIMEOUT, self.post(idle, body)).await.ok().flatten()
    }

    /// Posts a probe over an idle connection, or over another one if the server has closed it.
    async fn post(&self, idle: Option<ClientConnection>, body: Bytes) -> Posted {
        // Polled once, which finds out whether the server has closed it meanwhile.
        let open = idle.and_then(|mut http| http.closed().now_or_never().is_none().then_some(http));
        let mut http = match open {
            Some(http) => http,
            None => self.client.connect(&self.target).await.ok()?,
        };
        http.allow(TIMEOUT);
        let answer = http.post(&self.path, &self.headers, body).await.ok()?;
        let (last, accepted) = (answer.is_last(), answer.status().is_success());
        http.whole(answer.into_body()).await.ok()?;
        accepted.then(|| Some(http).filter(|_| !last))
    }
}
