//! Checks of several tables together: settings under which a run could not measure what it is for.
//!
//! Each check takes the hardest of the listed settings. A draft with a missing value passes: its
//! problem is noted already.

use std::time::Duration;

use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{Delivery, ShortPollingMode, Transport};

use super::draft::ScenarioDraft;
use super::{fault_checks, instance_checks};
use crate::duration::duration_text;
use crate::error::Problem;
use crate::key::Key;
use crate::network::ConnectionSharing;
use crate::placed::{first_place, longest};
use crate::tables::crowd::CrowdTable;
use crate::tables::feed::FeedTable;
use crate::tables::http::HttpTable;
use crate::tables::short_polling::ShortPollingTable;
use crate::tables::timing::Timing;
use crate::tables::upstream::UpstreamTable;
use crate::values::field::Placed;
use crate::words::grouped;

/// The maximum number of messages per second that a feed takes from its publisher.
const MAX_PUBLISHED_PER_SECOND: f64 = 1e6;

/// Returns everything that is wrong with the draft beyond its single values.
pub(super) fn check(draft: &ScenarioDraft) -> Vec<Problem> {
    let across_tables = [
        measure_spans_the_interval(draft),
        measure_spans_a_message(draft),
        drain_outlasts_the_slowest(draft),
        window_outlasts_the_longest_absence(draft),
        the_whole_feed_fits_into_an_answer(draft),
        shared_connections_have_streams(draft),
        somebody_publishes(draft),
        the_timers_are_not_too_many(draft),
        draft.feed.check(),
        draft.push.check(),
        somebody_else_is_there(draft),
    ];
    let mut problems: Vec<_> =
        draft.top.check().into_iter().chain(across_tables.into_iter().flatten()).collect();
    problems.extend(draft.upstream.check());
    problems.extend(draft.reconnect.check());
    problems.extend(draft.faults.check());
    problems.extend(fault_checks::check(draft));
    problems.extend(instance_checks::check(draft));
    problems
}

/// Checks that connections are shared over HTTP/2 alone: one of HTTP/1.1 carries one answer at a
/// time.
fn shared_connections_have_streams(draft: &ScenarioDraft) -> Option<Problem> {
    let shared =
        draft.crowd.connections.iter().find(|placed| placed.value == ConnectionSharing::Shared)?;
    let version = draft.http.version.first()?;
    let streams = draft.http.version.iter().any(|version| version.value == 2);
    (!streams).then(|| Problem {
        place: first_place([shared.place.as_ref(), version.place.as_ref()]),
        message: format!(
            "`{}` must be `\"own\"` over HTTP/1.1, found `\"shared\"`",
            CrowdTable::CONNECTIONS.path
        ),
        hint: Some(format!(
            "only HTTP/2 carries many streams on one connection: set `{} = 2`",
            HttpTable::VERSION.path
        )),
    })
}

/// Checks that a message to others has somebody who receives it.
fn somebody_else_is_there(draft: &ScenarioDraft) -> Option<Problem> {
    let to = draft.upstream.addressed()?;
    let alone = draft.crowd.subscribers.iter().find(|subscribers| subscribers.value < 2)?;
    Some(Problem {
        place: first_place([alone.place.as_ref(), to.place.as_ref()]),
        message: format!(
            "`{} = \"{}\"` needs at least 2 subscribers, found `{} = {}`",
            UpstreamTable::TO.path,
            to.value.name(),
            CrowdTable::SUBSCRIBERS.path,
            alone.value
        ),
        hint: Some("a subscriber that is alone has nobody to send to".to_owned()),
    })
}

/// Checks that in every run somebody publishes: the publisher of the feed, or the subscribers.
fn somebody_publishes(draft: &ScenarioDraft) -> Option<Problem> {
    let none = draft.feed.rate.iter().find(|rate| rate.value <= 0.0)?;
    (!draft.upstream.always_publishes()).then(|| Problem {
        place: first_place([none.place.as_ref()]),
        message: format!("nobody publishes: `{}` is 0", FeedTable::RATE.path),
        hint: Some(format!(
            "make it more than 0, or let the subscribers publish: `{} = 0.1`, `{} = \"chat\"`",
            UpstreamTable::RATE.path,
            UpstreamTable::TO.path
        )),
    })
}

/// Checks that one server can publish what the timers of all connections ask for.
fn the_timers_are_not_too_many(draft: &ScenarioDraft) -> Option<Problem> {
    let timers = draft.feed.timer_per_connection()?;
    let rate = highest(&draft.feed.rate)?;
    let subscribers = draft.crowd.subscribers.iter().max_by_key(|placed| placed.value)?;
    let asked = rate.value * count(subscribers.value);
    (asked > MAX_PUBLISHED_PER_SECOND).then(|| Problem {
        place: first_place([
            timers.place.as_ref(),
            rate.place.as_ref(),
            subscribers.place.as_ref(),
        ]),
        message: format!(
            "a timer for each connection publishes subscribers × rate messages per second, up to \
             {}: a feed takes {}",
            grouped(messages(asked, Duration::from_secs(1))),
            grouped(messages(MAX_PUBLISHED_PER_SECOND, Duration::from_secs(1)))
        ),
        hint: Some(format!(
            "lower `{}` or `{}`",
            FeedTable::RATE.path,
            CrowdTable::SUBSCRIBERS.path
        )),
    })
}

/// Checks that each subscriber polls in the measured window.
fn measure_spans_the_interval(draft: &ScenarioDraft) -> Option<Problem> {
    let (measure, interval) =
        (draft.timing.measure.as_ref()?, longest(&draft.short_polling.interval)?);
    (draft.has(Delivery::Polled) && measure.value < interval.value).then(|| Problem {
        place: first_place([measure.place.as_ref(), interval.place.as_ref()]),
        message: must_last(&Timing::MEASURE, interval.value, measure),
        hint: Some(format!("it has to span a whole `{}`", ShortPollingTable::INTERVAL.path)),
    })
}

/// Checks that the measured window is long enough for a message to be published in it.
fn measure_spans_a_message(draft: &ScenarioDraft) -> Option<Problem> {
    let (measure, rate) = (draft.timing.measure.as_ref()?, lowest(&draft.feed.rate)?);
    let pace = draft.burst()?;
    let between = Duration::try_from_secs_f64(f64::from(pace.value) / rate.value).ok()?;
    (measure.value < between).then(|| Problem {
        place: first_place([measure.place.as_ref(), rate.place.as_ref(), pace.place.as_ref()]),
        message: must_last(&Timing::MEASURE, round_up(between), measure),
        hint: Some(format!(
            "at {} messages per second {} comes every {}",
            rate.value,
            if pace.value == 1 { "one".to_owned() } else { format!("a burst of {}", pace.value) },
            duration_text(round_up(between))
        )),
    })
}

/// Checks that a message published at the end of the window has time to arrive. If it had not, it
/// would count as lost although it is only late.
fn drain_outlasts_the_slowest(draft: &ScenarioDraft) -> Option<Problem> {
    let (drain, interval) = (draft.timing.drain.as_ref()?, longest(&draft.short_polling.interval)?);
    let (delay, jitter) = (longest(&draft.link.delay)?, longest(&draft.link.jitter)?);
    let (trip, timer) = (delay.value + jitter.value, longest(&draft.push.timer)?);
    let (slowest, transport, delivery, why) = draft
        .deliveries()
        .map(|(transport, delivery)| {
            let (time, why) = match delivery {
                Delivery::Polled => (interval.value + 2 * trip, "an interval and a round trip"),
                // An answer on its way, the next poll, and its answer.
                Delivery::Held => (3 * trip, "three trips over the link"),
                Delivery::Pushed if timer.value.is_zero() => (trip, "a trip over the link"),
                Delivery::Pushed => (timer.value + trip, "a period of the timer and a trip"),
            };
            (time, transport, delivery, why)
        })
        .max_by_key(|(time, ..)| *time)?;
    let waits_for = match delivery {
        Delivery::Polled => Some(interval),
        Delivery::Pushed => Some(timer),
        Delivery::Held => None,
    };
    (drain.value < slowest).then(|| Problem {
        place: first_place([
            drain.place.as_ref(),
            waits_for.and_then(|period| period.place.as_ref()),
            delay.place.as_ref(),
            jitter.place.as_ref(),
        ]),
        message: must_last(&Timing::DRAIN, slowest, drain),
        hint: Some(format!(
            "over `{transport}` a message takes up to {why}; what is only late would count \
             as missing"
        )),
    })
}

/// Checks that the feed keeps what is published while a subscriber is between two polls.
fn window_outlasts_the_longest_absence(draft: &ScenarioDraft) -> Option<Problem> {
    let (window, rate) = (draft.feed.window.as_ref()?, highest(&draft.feed.rate)?);
    let (pace, delay) = (draft.burst()?, longest(&draft.link.delay)?);
    let (interval, timer) = (longest(&draft.short_polling.interval)?, longest(&draft.push.timer)?);
    let trip = delay.value + longest(&draft.link.jitter)?.value;
    let (absence, transport, delivery) = draft
        .deliveries()
        .map(|(transport, delivery)| {
            let absence = match delivery {
                Delivery::Polled => interval.value,
                Delivery::Held => 2 * trip,
                Delivery::Pushed => timer.value,
            };
            (absence, transport, delivery)
        })
        .max_by_key(|(absence, ..)| *absence)?;
    let burst = if pace.value > 1 { usize::try_from(pace.value).ok()? } else { 0 };
    let (rate_of_all, sent) = (draft.highest_rate_of_all()?, draft.sent());
    let needed = messages(rate_of_all, absence) + burst;
    (window.value < needed).then(|| Problem {
        place: first_place([
            window.place.as_ref(),
            rate.place.as_ref(),
            pace.place.as_ref(),
            interval.place.as_ref(),
            timer.place.as_ref(),
            delay.place.as_ref(),
            sent.and_then(|sent| sent.place.as_ref()),
        ]),
        message: format!(
            "`{}` must be at least {}, {} {}",
            FeedTable::WINDOW.path,
            grouped(needed),
            found(window),
            grouped(window.value)
        ),
        hint: Some(why_it_must_fit(transport, delivery, absence, rate_of_all, burst)),
    })
}

/// Checks that polls for the whole feed get all of it. What an answer leaves out would be lost.
fn the_whole_feed_fits_into_an_answer(draft: &ScenarioDraft) -> Option<Problem> {
    let mode = &draft.short_polling.mode;
    let whole = mode.iter().find(|mode| mode.value == ShortPollingMode::Whole)?;
    let (window, warm_up, measure) = (
        draft.feed.window.as_ref()?,
        draft.timing.warm_up.as_ref()?,
        draft.timing.measure.as_ref()?,
    );
    let published = messages(draft.highest_rate_of_all()?, warm_up.value + measure.value);
    let is_stored = draft.server.store.iter().any(|store| store.value.is_durable());
    let kept = if is_stored { published } else { published.min(window.value) };
    let bytes = kept.saturating_mul(draft.largest_payload());
    let (most_messages, most_bytes) =
        (ShortPollingMode::MAX_WHOLE_MESSAGES, ShortPollingMode::MAX_WHOLE_BYTES);
    let is_too_much = kept > most_messages || bytes > most_bytes;
    (draft.has(Delivery::Polled) && is_too_much).then(|| Problem {
        place: first_place([
            whole.place.as_ref(),
            measure.place.as_ref(),
            warm_up.place.as_ref(),
            window.place.as_ref(),
        ]),
        message: format!(
            "`{} = \"{}\"` takes up to {} messages and {} MiB of payload in one answer, but the \
             feed grows to {} messages and {} MiB",
            ShortPollingTable::MODE.path,
            whole.value,
            grouped(most_messages),
            most_bytes >> 20,
            grouped(kept),
            grouped(bytes >> 20)
        ),
        hint: Some(format!(
            "the newest messages would be left out and never delivered: lower `{}` or `{}`",
            FeedTable::RATE.path,
            Timing::MEASURE.path
        )),
    })
}

fn why_it_must_fit(
    transport: Transport,
    delivery: Delivery,
    absence: Duration,
    rate: f64,
    burst: usize,
) -> String {
    if absence.is_zero() {
        return format!("a burst of {} has to fit", grouped(burst));
    }
    let bursts =
        if burst > 0 { format!(" in bursts of {}", grouped(burst)) } else { String::new() };
    let absence = duration_text(absence);
    match delivery {
        Delivery::Polled | Delivery::Held => format!(
            "over `{transport}` a subscriber is away for {absence} between polls; at {rate} \
             messages per second{bursts} the oldest would be gone when it comes back"
        ),
        Delivery::Pushed => format!(
            "over `{transport}` messages wait up to {absence} for the timer of a connection; at \
             {rate} messages per second{bursts} the oldest would be gone when it fires"
        ),
    }
}

/// Returns the maximum number of messages that are published in this time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bounds of the keys keep it between 0 and 4e9"
)]
fn messages(rate: f64, time: Duration) -> usize {
    (rate * time.as_secs_f64()).ceil() as usize
}

impl ScenarioDraft {
    /// Returns the ways in which messages reach subscribers, each with its transport. Socket.IO has
    /// one for each of its modes.
    fn deliveries(&self) -> impl Iterator<Item = (Transport, Delivery)> {
        let modes = || self.socket_io.mode.iter().map(|mode| mode.value.delivery()).collect();
        self.top.transports.iter().flat_map(move |&Placed { value: transport, .. }| {
            let deliveries: Vec<_> = match transport {
                Transport::SocketIo => modes(),
                Transport::ShortPolling
                | Transport::LongPolling
                | Transport::Sse
                | Transport::WebSocket => vec![transport.delivery()],
            };
            deliveries.into_iter().map(move |delivery| (transport, delivery))
        })
    }

    /// Returns true if one of the transports delivers messages in this way.
    fn has(&self, delivery: Delivery) -> bool {
        self.deliveries().any(|(_, found)| found == delivery)
    }

    /// Returns the highest rate at which subscribers publish. `None` if they publish nothing.
    fn sent(&self) -> Option<&Placed<f64>> {
        highest(&self.upstream.rate).filter(|_| self.upstream.publishes())
    }

    /// Returns the highest rate at which messages enter the feed, from all timers and subscribers.
    fn highest_rate_of_all(&self) -> Option<f64> {
        let rate = highest(&self.feed.rate)?.value;
        let subscribers =
            self.crowd.subscribers.iter().map(|subscribers| subscribers.value).max()?;
        let timers = if self.feed.timer_per_connection().is_some() { subscribers } else { 1 };
        let sent = self.sent().map_or(0.0, |sent| sent.value);
        Some(rate * count(timers) + count(subscribers) * sent)
    }

    /// Returns the size of the largest payload that is published, in bytes. Payloads from files
    /// count as 0.
    fn largest_payload(&self) -> usize {
        let published = self.feed.payload.iter().map(|payload| match payload.value {
            Payload::Bytes(bytes) | Payload::Binary(bytes) => bytes,
            Payload::File(_) => 0,
        });
        let sent = self.upstream.payload.iter().map(|payload| payload.value.bytes);
        let sent = sent.filter(|_| self.upstream.sends() && self.upstream.publishes());
        published.chain(sent).max().unwrap_or(0)
    }

    /// Returns the maximum number of messages that are published at once.
    fn burst(&self) -> Option<Placed<u32>> {
        self.feed
            .pace
            .iter()
            .map(|pace| Placed {
                value: if let Pace::Burst(burst) = pace.value { burst } else { 1 },
                place: pace.place.clone(),
            })
            .max_by_key(|pace| pace.value)
    }
}

#[expect(clippy::cast_precision_loss, reason = "subscribers are counted in thousands, not in 2^53")]
fn count(subscribers: usize) -> f64 {
    subscribers as f64
}

fn highest(rates: &[Placed<f64>]) -> Option<&Placed<f64>> {
    rates.iter().max_by(|a, b| a.value.total_cmp(&b.value))
}

fn lowest(rates: &[Placed<f64>]) -> Option<&Placed<f64>> {
    rates.iter().min_by(|a, b| a.value.total_cmp(&b.value))
}

/// Rounds up to the next millisecond, so that the text is one that a user would write.
fn round_up(duration: Duration) -> Duration {
    match duration.subsec_nanos() % 1_000_000 {
        0 => duration,
        over => duration + Duration::from_nanos(u64::from(1_000_000 - over)),
    }
}

fn must_last(key: &Key, needed: Duration, placed: &Placed<Duration>) -> String {
    format!(
        "`{}` must be at least `\"{}\"`, {} `\"{}\"`",
        key.path,
        duration_text(needed),
        found(placed),
        duration_text(placed.value)
    )
}

/// Says where a value comes from, before the value itself.
fn found<T>(placed: &Placed<T>) -> &'static str {
    if placed.place.is_some() { "found" } else { "but its default is" }
}
