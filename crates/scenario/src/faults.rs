//! What goes wrong during a run, on purpose.

use std::fmt;
use std::time::Duration;

use crate::duration::duration_text;

/// What a run is to stand. The default is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Connections are cut at regular times.
    pub cuts: Option<Cuts>,
    /// The server goes away, or stands still, and comes back.
    pub outage: Option<Outage>,
    /// The share of the subscribers that read nothing for as long as the window is open; 0 for none.
    pub stalled_share: f64,
    /// All connections are cut at one instant, this long after the window opened.
    pub avalanche_after: Option<Duration>,
    /// What stands between the subscribers and the server.
    pub proxy: Option<Proxy>,
}

/// Connections that are cut while the window is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// From the opening of the window to the first cut, and from one to the next.
    pub every: Duration,
    /// The share of the connections that each cut takes, drawn anew each time.
    pub share: f64,
}

/// A time without a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What happens to it.
    pub fault: ServerFault,
    /// From the opening of the window to the signal.
    pub after: Duration,
    /// From the signal to the new start; a server that takes longer to stop is started once it has.
    pub down: Duration,
}

/// What happens to the server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// SIGTERM, then a new start at the same address, with an empty feed.
    Stop,
    /// SIGKILL, then a new start at the same address, with an empty feed.
    Kill,
    /// SIGSTOP, then SIGCONT: it stands still and forgets nothing.
    Freeze,
}

/// A proxy in the path, with one habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Holds a response back until it is whole, or fills a buffer.
    Buffering,
    /// Cuts a connection on which nothing was sent either way for so long.
    IdleCut {
        /// For how long.
        idle: Duration,
    },
    /// Forwards requests without `Upgrade`.
    StripUpgrade,
    /// Closes the connection after each response.
    CloseAfterResponse,
    /// Is far away and narrow.
    Slow {
        /// What it adds, each way.
        delay: Duration,
        /// Bytes per second that a connection may carry, each way; `None` for no limit.
        bandwidth: Option<usize>,
    },
}

impl Faults {
    /// Whether nothing goes wrong.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the server goes away or stands still.
    pub fn stops_server(&self) -> bool {
        self.outage.is_some()
    }
}

impl ServerFault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stop, Self::Kill, Self::Freeze];

    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
        }
    }
}

/// The habits of a proxy by name: what a scenario chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHabit {
    /// [`Proxy::Buffering`].
    Buffering,
    /// [`Proxy::IdleCut`].
    IdleCut,
    /// [`Proxy::StripUpgrade`].
    StripUpgrade,
    /// [`Proxy::CloseAfterResponse`].
    CloseAfterResponse,
    /// [`Proxy::Slow`].
    Slow,
}

impl ProxyHabit {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Buffering, Self::IdleCut, Self::StripUpgrade, Self::CloseAfterResponse, Self::Slow];

    /// The name in scenario files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buffering => "buffering",
            Self::IdleCut => "idle-cut",
            Self::StripUpgrade => "strip-upgrade",
            Self::CloseAfterResponse => "close-after-response",
            Self::Slow => "slow",
        }
    }
}

impl Proxy {
    /// Its habit.
    pub const fn habit(self) -> ProxyHabit {
        match self {
            Self::Buffering => ProxyHabit::Buffering,
            Self::IdleCut { .. } => ProxyHabit::IdleCut,
            Self::StripUpgrade => ProxyHabit::StripUpgrade,
            Self::CloseAfterResponse => ProxyHabit::CloseAfterResponse,
            Self::Slow { .. } => ProxyHabit::Slow,
        }
    }
}

impl fmt::Display for Faults {
    /// The keys that are set, as in a scenario file: `server=kill server-after=3s server-down=1s`.
    /// Empty for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(Cuts { every, share }) = self.cuts {
            words.push(format!("cut-every={}", duration_text(every)));
            words.push(format!("cut-share={share}"));
        }
        if let Some(Outage { fault, after, down }) = self.outage {
            words.push(format!("server={}", fault.name()));
            words.push(format!("server-after={}", duration_text(after)));
            words.push(format!("server-down={}", duration_text(down)));
        }
        if self.stalled_share > 0.0 {
            words.push(format!("stalled-share={}", self.stalled_share));
        }
        if let Some(after) = self.avalanche_after {
            words.push(format!("avalanche-after={}", duration_text(after)));
        }
        if let Some(proxy) = self.proxy {
            words.push(format!("proxy={}", proxy.habit().name()));
            match proxy {
                Proxy::IdleCut { idle } => {
                    words.push(format!("proxy-idle={}", duration_text(idle)));
                }
                Proxy::Slow { delay, bandwidth } => {
                    words.push(format!("proxy-delay={}", duration_text(delay)));
                    words.extend(bandwidth.map(|bytes| format!("proxy-bandwidth={bytes}")));
                }
                Proxy::Buffering | Proxy::StripUpgrade | Proxy::CloseAfterResponse => {}
            }
        }
        f.write_str(&words.join(" "))
    }
}
