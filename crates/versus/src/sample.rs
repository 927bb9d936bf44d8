//! One measurement of one server over one transport.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use wirebench_protocol::Transport;

use crate::cost::CostOf;
use crate::crowd::CountingCrowd;
use crate::floor::{FloorKind, FloorServer};
use crate::options::VersusOptions;
use crate::publisher::MessagePost;
use crate::rivals::Rival;
use crate::subscription::{CursorIn, FeedRoute, RouteKind};

/// The subscribers that connect before memory is read for the first time. What a server allocates
/// once is then there.
const FIRST_SUBSCRIBERS: u32 = 50;

/// The messages before the window.
const WARM_UP_MESSAGES: u32 = 10;

/// The time after the last subscription until memory is read.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// The time within which the last messages have to arrive.
const ARRIVAL_TIME: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measured {
    /// Deliveries to subscribers.
    Deliveries {
        /// The processor time of the server, user and system, for each delivery, in microseconds.
        cpu_us: f64,
        /// The memory of each idle subscriber, in KiB. `None` for the floor.
        idle_kib: Option<f64>,
    },
    /// Polls for which there was nothing, as many in a second as one server thread answers.
    Polls {
        /// Polls per second.
        per_second: f64,
    },
}

/// Measures a server over a transport, which it has.
pub(crate) fn of_rival(
    rival: &Rival,
    transport: Transport,
    route: FeedRoute,
    options: &VersusOptions,
) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let server = rival.start(transport, folder.path(), &options.packages)?;
    if matches!(route.kind, RouteKind::ShortPolling) {
        return polls(server.address, &route.path, options.seconds);
    }
    deliveries(server.address, server.cost(), route, rival.publish_path(), options)
}

/// Returns the processor time of the floor for each delivery, in microseconds.
pub(crate) fn of_floor(kind: FloorKind, options: &VersusOptions) -> anyhow::Result<f64> {
    let server = FloorServer::start(kind)?;
    let kind = match kind {
        FloorKind::Push => RouteKind::EventStream,
        FloorKind::Poll => RouteKind::LongPolling(CursorIn::FeedCursor),
    };
    let route = FeedRoute { path: "/".to_owned(), kind };
    match deliveries(server.address, server.cost(), route, "/", options)? {
        Measured::Deliveries { cpu_us, .. } => Ok(cpu_us),
        Measured::Polls { .. } => unreachable!("the floor delivers"),
    }
}

fn deliveries(
    address: SocketAddr,
    cost: CostOf,
    route: FeedRoute,
    publish_path: &str,
    options: &VersusOptions,
) -> anyhow::Result<Measured> {
    let subscribers = options.subscribers;
    let mut crowd = CountingCrowd::new(address, route);
    let first = FIRST_SUBSCRIBERS.min(subscribers / 2);
    crowd.grow_to(first)?;
    thread::sleep(SETTLE_TIME);
    let before = cost.memory_kib()?;
    crowd.grow_to(subscribers)?;
    thread::sleep(SETTLE_TIME);
    let after = cost.memory_kib()?;
    let idle_kib = before.zip(after).map(|(before, after)| {
        f64::from(after.saturating_sub(before)) / f64::from(subscribers - first)
    });

    let crowd = crowd.start()?;
    let mut post = MessagePost::connect(address, publish_path)?;
    let period = Duration::from_secs(1) / options.messages_per_second;
    let messages = options.messages_per_second * options.seconds;
    let cpu_time = publish(&mut post, WARM_UP_MESSAGES, period)
        .and_then(|()| Ok((cost.cpu_time()?, publish(&mut post, messages, period)?)))
        .and_then(|(before, ())| Ok(cost.cpu_time()?.saturating_sub(before)));
    let expected = u64::from(subscribers) * u64::from(WARM_UP_MESSAGES + messages);
    let received = crowd.wait_for(expected, Instant::now() + ARRIVAL_TIME);
    // What went wrong with a subscriber explains what is missing.
    crowd.stop()?;
    let cpu_us = cpu_time?.as_secs_f64() * 1e6 / f64::from(subscribers) / f64::from(messages);
    ensure!(received == expected, "{received} messages arrived, where {expected} were published");
    Ok(Measured::Deliveries { cpu_us, idle_kib })
}

/// Publishes at due times, the first at once, and waits for one period after the last one: by then
/// it is delivered.
fn publish(post: &mut MessagePost, messages: u32, period: Duration) -> anyhow::Result<()> {
    let mut due = Instant::now();
    for _ in 0..messages {
        post.publish()?;
        due += period;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// Measures with `wrk` how many polls for which there is nothing are answered in a second.
fn polls(address: SocketAddr, path: &str, seconds: u32) -> anyhow::Result<Measured> {
    let url = format!("http://{address}{path}");
    let arguments = ["-t1", "-c100", &format!("-d{seconds}s"), &url];
    let output = Command::new("wrk").args(arguments).output().context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("wrk said `{text}`");
    ensure!(output.status.success() && !text.contains("Non-2xx or 3xx"), said());
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    let per_second = rate.and_then(|rate| rate.trim().parse().ok()).with_context(said)?;
    Ok(Measured::Polls { per_second })
}
