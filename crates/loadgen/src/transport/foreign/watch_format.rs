//! Where a message that somebody else published has its number and its time.

use std::time::{Duration, SystemTime};

use wirebench_measure::{WatchedDelay, WatchedMessage};
use wirebench_protocol::{Cursor, Epoch, Timestamp, Transport};
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{TimeUnit, ValuePlace};

use crate::http::quote;
use crate::texts::{Misfit, text_at};

/// What a target file says of the messages of a feed that somebody else fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchFormat<'a> {
    /// The table of the target file that says so.
    table: &'static str,
    sequence: &'a ValuePlace,
    time: &'a ValuePlace,
    unit: TimeUnit,
}

/// The values of a message that are not in its text: in a header, or in the `id` of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside<'b> {
    pub(super) sequence: Option<&'b str>,
    pub(super) time: Option<&'b str>,
}

impl<'a> WatchFormat<'a> {
    /// Returns the format of a transport. `None` if wirebench fills the feed.
    pub(super) fn of(
        file: &'a TargetFile,
        transport: Transport,
        table: &'static str,
    ) -> Option<Self> {
        macro_rules! keys {
            ($table:ident) => {
                (&file.$table.sequence, &file.$table.time, file.$table.time_unit)
            };
        }
        let (sequence, time, unit) = match transport {
            Transport::ShortPolling => keys!(short_polling),
            Transport::LongPolling => keys!(long_polling),
            Transport::Sse => keys!(sse),
            Transport::WebSocket => keys!(websocket),
            Transport::SocketIo => keys!(socket_io),
        };
        file.is_watched().then_some(Self { table, sequence, time, unit })
    }

    /// Returns where the number and the time are.
    pub(super) fn places(&self) -> [&'a ValuePlace; 2] {
        [self.sequence, self.time]
    }

    /// Reads a message that arrived `at`.
    pub(super) fn read(
        &self,
        message: &str,
        beside: Beside<'_>,
        at: Timestamp,
        (epoch, with_payload): (Epoch, bool),
    ) -> Result<WatchedMessage, Misfit> {
        let sequence = value_at(self.sequence, message, beside.sequence, |text| {
            // The place before the first message is 0, and a feed may begin with the number 0.
            text.parse::<u64>().ok()?.checked_add(1)
        });
        let seq = sequence.map_err(|found| self.misfit("sequence", &found, "a whole number"))?;
        let time = value_at(self.time, message, beside.time, |text| since_1970(text, self.unit));
        let published = time.map_err(|found| {
            self.misfit("time", &found, &format!("a time in `{}`", self.unit.name()))
        })?;
        Ok(WatchedMessage {
            cursor: seq.map(|seq| Cursor { epoch, seq }),
            delay: published.and_then(|published| Some(delay(published, arrived(at)?))),
            received_at: at,
            payload_bytes: message.len(),
            payload: with_payload.then(|| message.into()),
        })
    }

    fn misfit(&self, key: &str, found: &str, what: &str) -> Misfit {
        Misfit {
            found: format!("`{}`", quote(found)),
            expected: format!("{what} (`{key}` of `[{}]`)", self.table),
        }
    }
}

/// Returns what `read` makes of the text at a place. `None` if nothing is there, and the text as the
/// error if it is something else.
fn value_at<T>(
    place: &ValuePlace,
    message: &str,
    beside: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let text = match place {
        ValuePlace::None => None,
        ValuePlace::Pointer(pointer) => text_at(message, pointer),
        ValuePlace::EventId | ValuePlace::Header(_) => beside.map(Into::into),
    };
    match text.as_deref().map(str::trim) {
        None | Some("" | "null") => Ok(None),
        Some(text) => read(text).map(Some).ok_or_else(|| text.to_owned()),
    }
}

/// Returns a time in nanoseconds since 1970. `None` if the text is not one.
fn since_1970(text: &str, unit: TimeUnit) -> Option<i128> {
    match unit {
        TimeUnit::Seconds => decimal(text, 1_000_000_000),
        TimeUnit::Milliseconds => decimal(text, 1_000_000),
        TimeUnit::Microseconds => decimal(text, 1_000),
        TimeUnit::Nanoseconds => decimal(text, 1),
        TimeUnit::Rfc3339 => text.parse().ok().map(jiff::Timestamp::as_nanosecond),
        TimeUnit::HttpDate => nanos_since_1970(httpdate::parse_http_date(text).ok()?),
    }
}

/// Returns a decimal number in nanoseconds, without rounding a whole one.
fn decimal(text: &str, nanos_per_unit: u32) -> Option<i128> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(i128::from(whole) * i128::from(nanos_per_unit));
    }
    let nanos = text.parse::<f64>().ok()? * f64::from(nanos_per_unit);
    // About 3,000 years: what is beyond is no time, and a number that is not finite neither.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a nanosecond do not matter")]
    (nanos.abs() < 1e20).then_some(nanos as i128)
}

fn nanos_since_1970(time: SystemTime) -> Option<i128> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i128::try_from(since.as_nanos()).ok()
}

/// Returns when something arrived by the clock that the publisher may have, in nanoseconds since
/// 1970. Both clocks are read now, so a clock that is set during a run does not falsify what arrives
/// afterwards.
fn arrived(at: Timestamp) -> Option<i128> {
    let ago = Timestamp::now().saturating_since(at);
    nanos_since_1970(SystemTime::now().checked_sub(ago)?)
}

fn delay(published: i128, arrived: i128) -> WatchedDelay {
    match u128::try_from(arrived - published) {
        Ok(nanos) => WatchedDelay::Took(Duration::from_nanos_u128(nanos)),
        Err(_) => WatchedDelay::Negative,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_without_rounding_as_far_as_they_are_whole() {
        let second = 1_764_331_200;
        let nanos = i128::from(second) * 1_000_000_000;
        for (text, unit, expected) in [
            ("1764331200", TimeUnit::Seconds, Some(nanos)),
            ("1764331200001", TimeUnit::Milliseconds, Some(nanos + 1_000_000)),
            ("1764331200000001", TimeUnit::Microseconds, Some(nanos + 1_000)),
            ("1764331200000000001", TimeUnit::Nanoseconds, Some(nanos + 1)),
            ("1764331200.5", TimeUnit::Seconds, Some(nanos + 500_000_000)),
            ("1.7643312e9", TimeUnit::Seconds, Some(nanos)),
            ("2025-11-28T12:00:00Z", TimeUnit::Rfc3339, Some(nanos)),
            ("2025-11-28T13:00:00.000000001+01:00", TimeUnit::Rfc3339, Some(nanos + 1)),
            ("Fri, 28 Nov 2025 12:00:00 GMT", TimeUnit::HttpDate, Some(nanos)),
            ("2025-11-28T12:00:00", TimeUnit::Rfc3339, None),
            ("noon", TimeUnit::Seconds, None),
            ("1e300", TimeUnit::Seconds, None),
            ("NaN", TimeUnit::Seconds, None),
        ] {
            assert_eq!(since_1970(text, unit), expected, "{text} in {unit:?}");
        }
    }

    #[test]
    fn a_delay_is_never_made_zero() {
        assert_eq!(delay(5, 8), WatchedDelay::Took(Duration::from_nanos(3)));
        assert_eq!(delay(8, 8), WatchedDelay::Took(Duration::ZERO));
        assert_eq!(delay(9, 8), WatchedDelay::Negative);
    }
}
