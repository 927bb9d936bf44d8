//! How soon a subscriber reconnects after its subscription broke.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use wirebench_protocol::Transport;

use crate::duration::duration_text;

/// The reconnect policy of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// All transports draw their pauses from the same distribution. The server announces `first`,
    /// too.
    Same {
        /// Upper bound of the first pause. The bound doubles with each further attempt.
        first: Duration,
        /// Upper bound of every pause.
        most: Duration,
    },
    /// Each transport waits as its usual client does when nobody configures it. The server
    /// announces nothing.
    Native,
}

/// The kinds of [`Reconnect`], by the names that a scenario chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// [`Reconnect::Same`].
    Same,
    /// [`Reconnect::Native`].
    Native,
}

impl Policy {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::Same, Self::Native];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Native => "native",
        }
    }
}

impl Reconnect {
    /// Returns the pause that the server of a run announces to its subscribers. `None` means that
    /// it announces nothing.
    pub const fn announced(self) -> Option<Duration> {
        match self {
            Self::Same { first, .. } => Some(first),
            Self::Native => None,
        }
    }
}

/// The pause of an `EventSource` if the server announces none. Chromium and Safari wait 3 s,
/// Firefox 5 s.
const EVENT_SOURCE: Duration = Duration::from_secs(3);

/// The range from which `reconnecting-websocket` draws its first pause.
const WEBSOCKET: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// The pause of a long polling loop after an error, as tutorials write it.
const LONG_POLLING: Duration = Duration::from_secs(1);

/// The range from which `socket.io-client` draws its first pause: `reconnectionDelay` 1 s, and a
/// `randomizationFactor` of 0.5.
const SOCKET_IO: RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_millis(1_500);

impl Reconnect {
    /// Returns the range over which the pause before the first attempt is evenly distributed.
    /// `interval` is that of short polling: the usual loop polls again at its next interval.
    pub fn first_pause(self, transport: Transport, interval: Duration) -> RangeInclusive<Duration> {
        match (self, transport) {
            (Self::Same { first, .. }, _) => Duration::ZERO..=first,
            (Self::Native, Transport::ShortPolling) => Duration::ZERO..=interval,
            (Self::Native, Transport::LongPolling) => LONG_POLLING..=LONG_POLLING,
            (Self::Native, Transport::Sse) => EVENT_SOURCE..=EVENT_SOURCE,
            (Self::Native, Transport::WebSocket) => WEBSOCKET,
            (Self::Native, Transport::SocketIo) => SOCKET_IO,
        }
    }
}

impl Default for Reconnect {
    /// Returns [`Reconnect::Same`], from 100 ms up to 5 s.
    fn default() -> Self {
        Self::Same { first: Duration::from_millis(100), most: Duration::from_secs(5) }
    }
}

impl fmt::Display for Reconnect {
    /// Writes the keys as in a scenario file: `policy=same first=0.1s most=5s`, or `policy=native`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { first, most } => write!(
                f,
                "policy={} first={} most={}",
                Policy::Same.name(),
                duration_text(*first),
                duration_text(*most)
            ),
            Self::Native => write!(f, "policy={}", Policy::Native.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_announces_the_first_pause_of_the_same_policy_alone() {
        assert_eq!(Reconnect::default().announced(), Some(Duration::from_millis(100)));
        assert_eq!(Reconnect::Native.announced(), None);
    }
}
