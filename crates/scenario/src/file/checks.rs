//! What no key can get wrong alone: settings under which a run could not measure what it is for.
//!
//! Each check takes the hardest of the listed settings. A draft with a value missing passes: what is
//! wrong with it is known already.

use std::time::Duration;

use wirebench_protocol::Transport;
use wirebench_protocol::control::Pace;

use super::draft::Draft;
use super::reader::{self, Placed, Value};
use crate::keys::{self, Key};
use crate::write::grouped;
use crate::{Connections, Place, Problem, duration_text};

/// The most runs that a scenario may ask for.
pub(super) const MOST_RUNS: usize = 10_000;

pub(super) fn check(draft: &Draft, problems: &mut Vec<Problem>) {
    let found = [
        name_is_a_folder(draft),
        measure_spans_the_interval(draft),
        measure_spans_a_message(draft),
        drain_outlasts_the_slowest(draft),
        window_outlasts_the_longest_absence(draft),
        what_is_shared_has_streams(draft),
        runs_can_be_counted(draft),
    ];
    problems.extend(found.into_iter().flatten());
    super::reconnect::check(draft, problems);
    super::faults::check(draft, problems);
}

/// A connection of HTTP/1.1 carries one answer at a time.
fn what_is_shared_has_streams(draft: &Draft) -> Option<Problem> {
    let shared = draft.connections.iter().find(|placed| placed.value == Connections::Shared)?;
    let version = draft.version.first()?;
    let streams = draft.version.iter().any(|version| version.value == 2);
    (!streams).then(|| Problem {
        place: first_place([shared.place.as_ref(), version.place.as_ref()]),
        message: format!(
            "`{}` must be `\"own\"` over HTTP/1.1, found `\"shared\"`",
            keys::CONNECTIONS.path()
        ),
        hint: Some(format!(
            "only HTTP/2 carries many streams on one connection: set `{} = 2`",
            keys::VERSION.path()
        )),
    })
}

/// Results are kept in a folder of that name, which must not lead elsewhere.
fn name_is_a_folder(draft: &Draft) -> Option<Problem> {
    let name = draft.name.as_ref()?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    (!name.value.chars().all(fits) || name.value.starts_with('.')).then(|| Problem {
        place: first_place([name.place.as_ref()]),
        message: format!(
            "`{}` must be letters, digits, `-`, `_` and inner `.` and spaces, found `{}`",
            keys::NAME.path(),
            name.value
        ),
        hint: Some("results are kept in a folder of this name".to_owned()),
    })
}

/// In a window shorter than the interval, most subscribers would not poll at all.
fn measure_spans_the_interval(draft: &Draft) -> Option<Problem> {
    let (measure, interval) = (draft.measure.as_ref()?, longest(&draft.interval)?);
    (draft.has(Transport::ShortPolling) && measure.value < interval.value).then(|| Problem {
        place: first_place([measure.place.as_ref(), interval.place.as_ref()]),
        message: must_last(&keys::MEASURE, interval.value, measure),
        hint: Some("it has to span a whole `short-polling.interval`".to_owned()),
    })
}

/// A feed so slow that the window may pass without a message measures nothing.
fn measure_spans_a_message(draft: &Draft) -> Option<Problem> {
    let (measure, rate) = (draft.measure.as_ref()?, lowest(&draft.rate)?);
    let pace = draft.burst()?;
    let between = Duration::try_from_secs_f64(f64::from(pace.value) / rate.value).ok()?;
    (measure.value < between).then(|| Problem {
        place: first_place([measure.place.as_ref(), rate.place.as_ref(), pace.place.as_ref()]),
        message: must_last(&keys::MEASURE, round_up(between), measure),
        hint: Some(format!(
            "at {} messages per second {} comes every {}",
            rate.value,
            if pace.value == 1 { "one".to_owned() } else { format!("a burst of {}", pace.value) },
            duration_text(round_up(between))
        )),
    })
}

/// A message published at the end of the window needs this long to arrive; counted as lost, it would
/// only have been late.
fn drain_outlasts_the_slowest(draft: &Draft) -> Option<Problem> {
    let (drain, interval) = (draft.drain.as_ref()?, longest(&draft.interval)?);
    let (delay, jitter) = (longest(&draft.delay)?, longest(&draft.jitter)?);
    let trip = delay.value + jitter.value;
    let (slowest, transport, why) = draft
        .transports
        .iter()
        .map(|&Placed { value: transport, .. }| match transport {
            Transport::ShortPolling => {
                (interval.value + 2 * trip, transport, "an interval and a round trip")
            }
            // An answer on its way, the next poll, and its answer.
            Transport::LongPolling => (3 * trip, transport, "three trips over the link"),
            Transport::Sse | Transport::WebSocket => (trip, transport, "a trip over the link"),
        })
        .max_by_key(|(time, ..)| *time)?;
    let polled = (transport == Transport::ShortPolling).then_some(interval);
    (drain.value < slowest).then(|| Problem {
        place: first_place([
            drain.place.as_ref(),
            polled.and_then(|interval| interval.place.as_ref()),
            delay.place.as_ref(),
            jitter.place.as_ref(),
        ]),
        message: must_last(&keys::DRAIN, slowest, drain),
        hint: Some(format!(
            "over `{transport}` a message takes up to {why}; what is only late would count as missing"
        )),
    })
}

/// What is published while a subscriber is away has to be in the feed when it comes back.
fn window_outlasts_the_longest_absence(draft: &Draft) -> Option<Problem> {
    let (window, rate, pace) = (draft.window.as_ref()?, highest(&draft.rate)?, draft.burst()?);
    let (interval, delay) = (longest(&draft.interval)?, longest(&draft.delay)?);
    let trip = delay.value + longest(&draft.jitter)?.value;
    let (away, transport) = draft
        .transports
        .iter()
        .map(|&Placed { value: transport, .. }| match transport {
            Transport::ShortPolling => (interval.value, transport),
            Transport::LongPolling => (2 * trip, transport),
            Transport::Sse | Transport::WebSocket => (Duration::ZERO, transport),
        })
        .max_by_key(|(away, _)| *away)?;
    let burst = if pace.value > 1 { usize::try_from(pace.value).ok()? } else { 0 };
    let needed = messages(rate.value, away) + burst;
    let meanwhile = match (away, burst) {
        (Duration::ZERO, _) => format!("a burst of {} has to fit", grouped(burst)),
        (away, burst) => format!(
            "over `{transport}` a subscriber is away for {} between polls; at {} messages per second{} \
             the oldest would be gone when it comes back",
            duration_text(away),
            rate.value,
            if burst > 0 { format!(" in bursts of {}", grouped(burst)) } else { String::new() }
        ),
    };
    (window.value < needed).then(|| Problem {
        place: first_place([
            window.place.as_ref(),
            rate.place.as_ref(),
            pace.place.as_ref(),
            interval.place.as_ref(),
            delay.place.as_ref(),
        ]),
        message: format!(
            "`{}` must be at least {}, {} {}",
            keys::WINDOW.path(),
            grouped(needed),
            found(window),
            grouped(window.value)
        ),
        hint: Some(meanwhile),
    })
}

/// How many messages come in that time, at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bounds of the keys keep it between 0 and 4e9"
)]
fn messages(rate: f64, time: Duration) -> usize {
    (rate * time.as_secs_f64()).ceil() as usize
}

fn runs_can_be_counted(draft: &Draft) -> Option<Problem> {
    let connections = |version| if version == 1 { 1 } else { draft.connections.len() };
    let repeat = usize::try_from(draft.repeat.as_ref()?.value).unwrap_or(usize::MAX);
    let settings = [
        draft.rate.len(),
        draft.pace.len(),
        draft.payload.len(),
        draft.subscribers.len(),
        draft.delay.len(),
        draft.jitter.len(),
        draft.tls.len(),
        draft.version.iter().map(|version| connections(version.value)).sum(),
        draft.reconnect.combinations(),
        draft.faults.combinations(),
        repeat,
    ];
    let each: usize = draft
        .transports
        .iter()
        .map(|transport| match transport.value {
            Transport::ShortPolling => draft.interval.len(),
            Transport::LongPolling => draft.hold.len(),
            Transport::Sse | Transport::WebSocket => 1,
        })
        .sum();
    let runs = settings.into_iter().fold(each, usize::saturating_mul);
    (runs > MOST_RUNS).then(|| Problem {
        place: Place::File { line: 1, column: 1 },
        message: format!(
            "a scenario may ask for at most {} runs, this one asks for {}",
            grouped(MOST_RUNS),
            grouped(runs)
        ),
        hint: Some("lists multiply out, and `timing.repeat` with them".to_owned()),
    })
}

impl Draft {
    fn has(&self, transport: Transport) -> bool {
        self.transports.iter().any(|placed| placed.value == transport)
    }

    /// The most messages that come at once.
    fn burst(&self) -> Option<Placed<u32>> {
        self.pace
            .iter()
            .map(|pace| Placed {
                value: if let Pace::Burst(burst) = pace.value { burst } else { 1 },
                place: pace.place.clone(),
            })
            .max_by_key(|pace| pace.value)
    }
}

pub(super) fn longest(durations: &[Placed<Duration>]) -> Option<&Placed<Duration>> {
    durations.iter().max_by_key(|placed| placed.value)
}

fn highest(rates: &[Placed<f64>]) -> Option<&Placed<f64>> {
    rates.iter().max_by(|a, b| a.value.total_cmp(&b.value))
}

fn lowest(rates: &[Placed<f64>]) -> Option<&Placed<f64>> {
    rates.iter().min_by(|a, b| a.value.total_cmp(&b.value))
}

/// Up to the next millisecond, for a text that one would write.
fn round_up(duration: Duration) -> Duration {
    match duration.subsec_nanos() % 1_000_000 {
        0 => duration,
        over => duration + Duration::from_nanos(u64::from(1_000_000 - over)),
    }
}

fn must_last(key: &Key, needed: Duration, placed: &Placed<Duration>) -> String {
    format!(
        "`{}` must be at least `\"{}\"`, {} `\"{}\"`",
        key.path(),
        duration_text(needed),
        found(placed),
        duration_text(placed.value)
    )
}

fn found<T>(placed: &Placed<T>) -> &'static str {
    if placed.place.is_some() { "found" } else { "but its default is" }
}

/// Of several values that do not go together, the first that somebody wrote.
pub(super) fn first_place<const N: usize>(places: [Option<&Place>; N]) -> Place {
    let written = places.into_iter().flatten().next();
    written.cloned().expect("the defaults go together, as a test makes sure")
}

/// A problem if a key has a value of its own that `what` would give a meaning, and that is not `met`. The
/// default is no value of its own: the scenario as run has every default filled in.
pub(super) fn needs<T: Value>(
    met: bool,
    what: &str,
    key: &Key,
    values: &[Placed<T>],
) -> Option<Problem> {
    let default = reader::default::<T>(key);
    let own = values.iter().find(|value| value.value != default)?;
    (!met).then(|| Problem {
        place: first_place([own.place.as_ref()]),
        message: format!("`{}` means nothing without {what}", key.path()),
        hint: None,
    })
}
