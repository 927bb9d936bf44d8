//! What goes wrong during a run, on purpose.

use std::fmt;
use std::time::Duration;

use crate::duration_text;

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
pub enum Habit {
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

impl Habit {
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
    pub const fn habit(self) -> Habit {
        match self {
            Self::Buffering => Habit::Buffering,
            Self::IdleCut { .. } => Habit::IdleCut,
            Self::StripUpgrade => Habit::StripUpgrade,
            Self::CloseAfterResponse => Habit::CloseAfterResponse,
            Self::Slow { .. } => Habit::Slow,
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

/// `[faults]` of a scenario: a list for each key, which multiply out.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultLists {
    /// From one cut to the next; 0 for none.
    pub cut_every: Vec<Duration>,
    /// The share of the connections that each cut takes.
    pub cut_share: Vec<f64>,
    /// What happens to the server; `None` for nothing.
    pub server: Vec<Option<ServerFault>>,
    /// When.
    pub server_after: Vec<Duration>,
    /// For how long.
    pub server_down: Vec<Duration>,
    /// The share of the subscribers that stop reading.
    pub stalled_share: Vec<f64>,
    /// When all connections are cut; 0 for never.
    pub avalanche_after: Vec<Duration>,
    /// What stands in the path; `None` for nothing.
    pub proxy: Vec<Option<Habit>>,
    /// How long it lets a connection be idle.
    pub proxy_idle: Vec<Duration>,
    /// What it adds, each way.
    pub proxy_delay: Vec<Duration>,
    /// Bytes per second that it lets through; 0 for no limit.
    pub proxy_bandwidth: Vec<usize>,
}

impl FaultLists {
    /// Every combination once. What a key says that another one leaves without a meaning (how long a
    /// server is down that never goes) multiplies nothing.
    pub fn combinations(&self) -> Vec<Faults> {
        let mut all = Vec::new();
        for cuts in self.cuts() {
            for outage in self.outages() {
                for &stalled_share in &self.stalled_share {
                    for &avalanche in &self.avalanche_after {
                        let avalanche_after = (!avalanche.is_zero()).then_some(avalanche);
                        all.extend(self.proxies().into_iter().map(|proxy| Faults {
                            cuts,
                            outage,
                            stalled_share,
                            avalanche_after,
                            proxy,
                        }));
                    }
                }
            }
        }
        all
    }

    fn cuts(&self) -> Vec<Option<Cuts>> {
        let pairs = product(&self.cut_every, &self.cut_share);
        distinct(pairs.map(|(every, share)| (!every.is_zero()).then_some(Cuts { every, share })))
    }

    fn outages(&self) -> Vec<Option<Outage>> {
        distinct(self.server.iter().flat_map(|&fault| {
            product(&self.server_after, &self.server_down)
                .map(move |(after, down)| Some(Outage { fault: fault?, after, down }))
        }))
    }

    fn proxies(&self) -> Vec<Option<Proxy>> {
        distinct(self.proxy.iter().flat_map(|&habit| {
            let links = product(&self.proxy_delay, &self.proxy_bandwidth);
            links.flat_map(move |(delay, bandwidth)| {
                let bandwidth = (bandwidth > 0).then_some(bandwidth);
                self.proxy_idle.iter().map(move |&idle| {
                    Some(match habit? {
                        Habit::Buffering => Proxy::Buffering,
                        Habit::IdleCut => Proxy::IdleCut { idle },
                        Habit::StripUpgrade => Proxy::StripUpgrade,
                        Habit::CloseAfterResponse => Proxy::CloseAfterResponse,
                        Habit::Slow => Proxy::Slow { delay, bandwidth },
                    })
                })
            })
        }))
    }
}

fn product<'a, A: Copy, B: Copy>(
    one: &'a [A],
    other: &'a [B],
) -> impl Iterator<Item = (A, B)> + use<'a, A, B> {
    one.iter().flat_map(move |&a| other.iter().map(move |&b| (a, b)))
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Overrides, Scenario};

    fn combinations(text: &str) -> Vec<String> {
        let scenario = Scenario::parse("test", text, Path::new(""), &Overrides::default());
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        scenario.faults.combinations().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_scenario_that_names_no_fault_has_none() {
        assert_eq!(combinations(""), [""]);
    }

    #[test]
    fn what_has_no_meaning_beside_another_key_multiplies_nothing() {
        let text = r#"
            [faults]
            server = ["none", "kill", "freeze"]
            server-down = ["1s", "2s"]
            proxy = ["none", "idle-cut"]
            proxy-idle = ["2s", "3s"]
        "#;
        let found = combinations(text);
        assert_eq!(found.len(), (1 + 2 * 2) * (1 + 2), "{found:?}");
        assert_eq!(found[0], "");
        assert_eq!(found[1], "proxy=idle-cut proxy-idle=2s");
        assert_eq!(found[3], "server=kill server-after=3s server-down=1s");
    }

    #[test]
    fn every_fault_says_what_it_is() {
        let text = r#"
            [faults]
            cut-every = "2s"
            cut-share = 0.25
            stalled-share = 0.1
            avalanche-after = "4s"
            proxy = "slow"
            proxy-bandwidth = 4_096
        "#;
        assert_eq!(
            combinations(text),
            ["cut-every=2s cut-share=0.25 stalled-share=0.1 avalanche-after=4s proxy=slow \
              proxy-delay=0.1s proxy-bandwidth=4096"]
        );
    }
}
