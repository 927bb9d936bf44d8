//! The faults of a run: what goes wrong on purpose.

use std::fmt;
use std::time::Duration;

use crate::duration::duration_text;

/// The faults of a run. The default is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Connections are cut at regular times.
    pub cuts: Option<Cuts>,
    /// A server is stopped, killed or suspended, and comes back.
    pub outage: Option<Outage>,
    /// The share of the subscribers that read nothing while the window is open. 0 for none.
    pub stalled_share: f64,
    /// All connections are cut at one instant, this long after the window opened.
    pub avalanche_after: Option<Duration>,
    /// The proxy between the subscribers and the server.
    pub proxy: Option<ProxyFault>,
}

/// Connections that are cut while the window is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// The time from the opening of the window to the first cut, and from one cut to the next.
    pub every: Duration,
    /// The share of the connections that each cut takes, drawn anew each time.
    pub share: f64,
}

/// A time during which a server does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Which server that is.
    pub of: OutageOf,
    /// What happens to it.
    pub fault: ServerFault,
    /// The time from the opening of the window to the signal.
    pub after: Duration,
    /// The time from the signal to the new start. A server that takes longer to stop is started
    /// when it has stopped.
    pub down: Duration,
}

/// Which server goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageOf {
    /// The server, or the last of several.
    Server,
    /// The NATS server that leads the stream of the feed, among those that the run has started.
    Backbone,
}

/// What happens to the process of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// SIGTERM, then a new start at the same address. A feed in memory is empty then.
    Stop,
    /// SIGKILL, then a new start at the same address. A feed in memory is empty then.
    Kill,
    /// SIGSTOP, then SIGCONT: the server is suspended and loses nothing.
    Freeze,
}

/// A proxy between the subscribers and the server, which misbehaves in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// Holds a response back until it is complete, or fills a buffer.
    Buffering,
    /// Cuts a connection on which nothing is sent either way.
    IdleCut {
        /// How long nothing may be sent.
        idle: Duration,
    },
    /// Forwards requests without `Upgrade`.
    StripUpgrade,
    /// Closes the connection after each response.
    CloseAfterResponse,
    /// Adds a delay, and limits the bandwidth.
    Slow {
        /// The additional delay, each way.
        delay: Duration,
        /// Bytes per second that a connection may carry, each way. `None` means unlimited.
        bandwidth: Option<usize>,
    },
}

impl Faults {
    /// Returns true if there is no fault.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Returns true if a server is stopped, killed or suspended.
    pub fn stops_server(&self) -> bool {
        self.outage.is_some_and(|outage| outage.of == OutageOf::Server)
    }

    /// Returns true if NATS is stopped, killed or suspended.
    pub fn stops_backbone(&self) -> bool {
        self.outage.is_some_and(|outage| outage.of == OutageOf::Backbone)
    }
}

impl OutageOf {
    /// Returns the key of a scenario that asks for it. Its times have the same name with `-after`
    /// and `-down`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Backbone => "backbone",
        }
    }
}

impl ServerFault {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Stop, Self::Kill, Self::Freeze];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
        }
    }
}

/// The kinds of [`ProxyFault`], by the names that a scenario chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHabit {
    /// [`ProxyFault::Buffering`].
    Buffering,
    /// [`ProxyFault::IdleCut`].
    IdleCut,
    /// [`ProxyFault::StripUpgrade`].
    StripUpgrade,
    /// [`ProxyFault::CloseAfterResponse`].
    CloseAfterResponse,
    /// [`ProxyFault::Slow`].
    Slow,
}

impl ProxyHabit {
    /// All values.
    pub const ALL: [Self; 5] =
        [Self::Buffering, Self::IdleCut, Self::StripUpgrade, Self::CloseAfterResponse, Self::Slow];

    /// Returns the name in scenario files and on the command line.
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

impl ProxyFault {
    /// Returns the kind of the proxy.
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
    /// Writes the keys that are set, as in `server=kill server-after=3s server-down=1s`. Writes
    /// nothing if there is no fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(Cuts { every, share }) = self.cuts {
            words.push(format!("cut-every={}", duration_text(every)));
            words.push(format!("cut-share={share}"));
        }
        if let Some(Outage { of, fault, after, down }) = self.outage {
            let key = of.key();
            words.push(format!("{key}={}", fault.name()));
            words.push(format!("{key}-after={}", duration_text(after)));
            words.push(format!("{key}-down={}", duration_text(down)));
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
                ProxyFault::IdleCut { idle } => {
                    words.push(format!("proxy-idle={}", duration_text(idle)));
                }
                ProxyFault::Slow { delay, bandwidth } => {
                    words.push(format!("proxy-delay={}", duration_text(delay)));
                    words.extend(bandwidth.map(|bytes| format!("proxy-bandwidth={bytes}")));
                }
                ProxyFault::Buffering
                | ProxyFault::StripUpgrade
                | ProxyFault::CloseAfterResponse => {}
            }
        }
        f.write_str(&words.join(" "))
    }
}
