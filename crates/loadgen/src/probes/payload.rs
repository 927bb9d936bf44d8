//! The payload of a probe: it tells on which host it was published, and when it was due there.

use std::fmt::Write;

use wirebench_protocol::{ClockShift, Timestamp};

/// How the payload begins, with the quotation mark of the JSON string. No other payload of a run
/// does: what subscribers send begins with `wb:`, and a publisher's consists of letters and digits.
const PREFIX: &str = "\"wp:";

/// What the payload of a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The number of the host that published it.
    pub(crate) host: u64,
    /// When it was due, by the clock of that host, without the shift of any process.
    pub(crate) due: Timestamp,
}

impl Probe {
    /// Writes the payload: a JSON string of `bytes`, or a longer one if these are too few. 48 always
    /// suffice for a million hosts.
    pub(crate) fn write(self, bytes: usize) -> String {
        let Self { host, due } = self;
        let mut text = String::with_capacity(bytes);
        let _ = write!(text, "{PREFIX}{host}:{}:", due.as_nanos());
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len() + 1)));
        text.push('"');
        text
    }

    /// Reads a payload. `None` if it is no probe.
    fn read(payload: &str) -> Option<Self> {
        let mut fields = payload.strip_prefix(PREFIX)?.split(':');
        let (host, due) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next().map(|_| Self { host, due: Timestamp::from_nanos(due) })
    }

    /// Returns when the probe in this payload was due, by the clock of this process. `None` if it is
    /// no probe of the host of this number.
    pub(crate) fn due_on(host: u64, payload: &str) -> Option<Timestamp> {
        let probe = Self::read(payload).filter(|probe| probe.host == host)?;
        // Arrivals have this shift, too: the difference to one is that of the host's own clock.
        Some(probe.due.shifted(ClockShift::get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::SentMessage;

    #[test]
    fn a_payload_says_who_published_it_and_has_the_size_that_was_asked_for() {
        let due = Timestamp::from_nanos(u64::MAX / 4);
        for (host, bytes) in [(0, 48), (999_999, 48), (7, 4_096)] {
            let payload = Probe { host, due }.write(bytes);
            assert_eq!(payload.len(), bytes, "{payload}");
            assert!(serde_json::from_str::<String>(&payload).is_ok(), "{payload}");
            assert_eq!(Probe::read(&payload), Some(Probe { host, due }));
            assert_eq!(Probe::due_on(host, &payload), Some(due));
            assert_eq!(Probe::due_on(host + 1, &payload), None, "of another host");
            assert_eq!(SentMessage::read(&payload), None, "no subscriber sent it");
        }
        let short = Probe { host: 1, due }.write(0);
        assert_eq!(Probe::read(&short), Some(Probe { host: 1, due }));
    }

    #[test]
    fn other_payloads_are_no_probes() {
        for payload in ["1", "\"abc\"", "\"wp:\"", "\"wp:1:2\"", "\"wp:1:x:\"", "\"wb:1:2:3:\"", ""]
        {
            assert_eq!(Probe::read(payload), None, "{payload}");
        }
    }
}
