//! `[faults]`: what goes wrong on purpose.

use std::time::Duration;

use crate::key::table;
use crate::placed::needs;
use crate::{Cuts, Faults, Outage, OutageOf, Problem, ProxyFault, ProxyHabit, ServerFault};

/// The table is not multiplied out if the lengths of its lists alone make more combinations than
/// this.
const MAX_COMBINATIONS: usize = 10_000;

table! {
    /// What goes wrong on purpose. A run with faults is valid as long as no message is missed
    /// silently.
    table "faults" => FaultsTable, FaultsDraft {
        /// The interval at which connections are cut. The first cut is one interval after the
        /// window opens; 0s: never.
        "cut-every" => CUT_EVERY, cut_every: Vec<Duration>,
        default r#""0s""#, from r#""0s""# to r#""1h""#;

        /// The share of the connections that each cut breaks. They are drawn again for each cut.
        "cut-share" => CUT_SHARE, cut_share: Vec<f64>, default "1", from "0.001" to "1";

        /// What happens to the server. After "stop" (SIGTERM) and "kill" (SIGKILL) it starts again
        /// at the same address; a feed in memory is empty then. After "freeze" (SIGSTOP) it
        /// continues with the feed that it had. Of several servers it happens to the last one, whose
        /// subscribers go on at the next server.
        "server" => SERVER, server: Vec<Option<ServerFault>>, default r#""none""#;

        /// The time from the opening of the window to the signal.
        "server-after" => SERVER_AFTER, server_after: Vec<Duration>,
        default r#""3s""#, from r#""0s""# to r#""1h""#;

        /// The time from the signal to the new start, or to SIGCONT.
        "server-down" => SERVER_DOWN, server_down: Vec<Duration>,
        default r#""1s""#, from r#""0s""# to r#""1h""#;

        /// What happens to NATS, over which several servers share their feed: "stop", "kill" or
        /// "freeze". Of several NATS servers it happens to the one that leads the stream of the feed.
        /// Afterwards it goes on with the streams that it had. The publisher waits for it and then
        /// publishes what was due meanwhile. In a run either a server or NATS goes away: with
        /// `server` as well, one run has the one and another run the other.
        "backbone" => BACKBONE, backbone: Vec<Option<ServerFault>>, default r#""none""#;

        /// The time from the opening of the window to the signal to NATS.
        "backbone-after" => BACKBONE_AFTER, backbone_after: Vec<Duration>,
        default r#""3s""#, from r#""0s""# to r#""1h""#;

        /// The time from the signal to the new start of NATS, or to SIGCONT.
        "backbone-down" => BACKBONE_DOWN, backbone_down: Vec<Duration>,
        default r#""1s""#, from r#""0s""# to r#""1h""#;

        /// The share of the subscribers that stop reading when the window opens, and read again
        /// when it closes. Their deliveries count, their delays do not.
        "stalled-share" => STALLED_SHARE, stalled_share: Vec<f64>, default "0", from "0" to "0.9";

        /// All connections are cut at one instant, this long after the window opens; 0s: never.
        "avalanche-after" => AVALANCHE_AFTER, avalanche_after: Vec<Duration>,
        default r#""0s""#, from r#""0s""# to r#""1h""#;

        /// A proxy between the subscribers and the server, as a separate process. It holds
        /// responses back until they are complete or 16 KiB have arrived ("buffering"), cuts idle
        /// connections ("idle-cut"), forwards requests without Upgrade ("strip-upgrade"), closes
        /// the connection after each response ("close-after-response"), or adds delay and limits
        /// the bandwidth ("slow").
        "proxy" => PROXY, proxy: Vec<Option<ProxyHabit>>, default r#""none""#;

        /// With "idle-cut": how long a connection may be idle in both directions.
        "proxy-idle" => PROXY_IDLE, proxy_idle: Vec<Duration>,
        default r#""60s""#, from r#""10ms""# to r#""1h""#;

        /// With "slow": the delay that the proxy adds to that of the link, each way.
        "proxy-delay" => PROXY_DELAY, proxy_delay: Vec<Duration>,
        default r#""100ms""#, from r#""0s""# to r#""10s""#;

        /// With "slow": the maximum bytes per second of each connection, each way; 0: no limit.
        "proxy-bandwidth" => PROXY_BANDWIDTH, proxy_bandwidth: Vec<usize>,
        default "0", from "0" to "1_000_000_000";
    }
}

impl FaultsTable {
    /// Returns every combination once. A key that has no meaning with the value of another key
    /// multiplies nothing. For example, `server-down` has no meaning if the server never stops.
    pub(crate) fn combinations(&self) -> Vec<Faults> {
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

    /// Returns the number of combinations, or an upper bound if there are too many to make them.
    pub(crate) fn count(&self) -> usize {
        let bound = self.product();
        if bound > MAX_COMBINATIONS { bound } else { self.combinations().len() }
    }

    fn cuts(&self) -> Vec<Option<Cuts>> {
        let pairs = pairs(&self.cut_every, &self.cut_share);
        distinct(pairs.map(|(every, share)| (!every.is_zero()).then_some(Cuts { every, share })))
    }

    /// Returns what goes away, one after the other: nothing, if neither key asks for more, the server
    /// and NATS.
    fn outages(&self) -> Vec<Option<Outage>> {
        let none = self.server.contains(&None) && self.backbone.contains(&None);
        let of = |of, faults: &[Option<ServerFault>], after: &[Duration], down: &[Duration]| {
            let times = pairs(after, down).collect::<Vec<_>>();
            let with = |fault| times.iter().map(move |&(after, down)| (fault, after, down));
            let all = faults.iter().copied().flatten().flat_map(with);
            all.map(|(fault, after, down)| Outage { of, fault, after, down }).collect::<Vec<_>>()
        };
        let server = of(OutageOf::Server, &self.server, &self.server_after, &self.server_down);
        let nats =
            of(OutageOf::Backbone, &self.backbone, &self.backbone_after, &self.backbone_down);
        let outages = server.into_iter().chain(nats).map(Some);
        distinct(none.then_some(None).into_iter().chain(outages))
    }

    fn proxies(&self) -> Vec<Option<ProxyFault>> {
        distinct(self.proxy.iter().flat_map(|&habit| {
            let links = pairs(&self.proxy_delay, &self.proxy_bandwidth);
            links.flat_map(move |(delay, bandwidth)| {
                let bandwidth = (bandwidth > 0).then_some(bandwidth);
                self.proxy_idle.iter().map(move |&idle| {
                    Some(match habit? {
                        ProxyHabit::Buffering => ProxyFault::Buffering,
                        ProxyHabit::IdleCut => ProxyFault::IdleCut { idle },
                        ProxyHabit::StripUpgrade => ProxyFault::StripUpgrade,
                        ProxyHabit::CloseAfterResponse => ProxyFault::CloseAfterResponse,
                        ProxyHabit::Slow => ProxyFault::Slow { delay, bandwidth },
                    })
                })
            })
        }))
    }
}

impl FaultsDraft {
    /// Returns a problem for each key that has a value of its own, but no meaning without another
    /// key that is not set. If the value of the other key could not be read, it counts as set.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let cuts = &self.cut_every;
        let cuts = cuts.is_empty() || cuts.iter().any(|every| !every.value.is_zero());
        let stops = &self.server;
        let stops = stops.is_empty() || stops.iter().any(|server| server.value.is_some());
        let nats = &self.backbone;
        let nats = nats.is_empty() || nats.iter().any(|nats| nats.value.is_some());
        let has = |habit| {
            self.proxy.is_empty() || self.proxy.iter().any(|proxy| proxy.value == Some(habit))
        };
        let (idle_cut, slow) = (has(ProxyHabit::IdleCut), has(ProxyHabit::Slow));
        let (cut, server) = ("`faults.cut-every`", "`faults.server = \"kill\"` or another");
        let backbone = "`faults.backbone = \"kill\"` or another";
        let (idle, far) = ("`faults.proxy = \"idle-cut\"`", "`faults.proxy = \"slow\"`");
        let found = [
            needs(cuts, cut, &FaultsTable::CUT_SHARE, &self.cut_share),
            needs(stops, server, &FaultsTable::SERVER_AFTER, &self.server_after),
            needs(stops, server, &FaultsTable::SERVER_DOWN, &self.server_down),
            needs(nats, backbone, &FaultsTable::BACKBONE_AFTER, &self.backbone_after),
            needs(nats, backbone, &FaultsTable::BACKBONE_DOWN, &self.backbone_down),
            needs(idle_cut, idle, &FaultsTable::PROXY_IDLE, &self.proxy_idle),
            needs(slow, far, &FaultsTable::PROXY_DELAY, &self.proxy_delay),
            needs(slow, far, &FaultsTable::PROXY_BANDWIDTH, &self.proxy_bandwidth),
        ];
        found.into_iter().flatten().collect()
    }
}

fn pairs<'a, A: Copy, B: Copy>(
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
    fn a_scenario_without_the_table_has_no_faults() {
        assert_eq!(combinations(""), [""]);
    }

    #[test]
    fn a_key_that_has_no_meaning_with_another_multiplies_no_runs() {
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
    fn either_the_server_or_nats_goes_away() {
        let of = |server: &str, backbone: &str| {
            let instances = if backbone == "\"none\"" { 1 } else { 3 };
            combinations(&format!(
                "server.instances = {instances}\n\
                 faults = {{ server = {server}, backbone = {backbone} }}"
            ))
        };
        let server = "server=kill server-after=3s server-down=1s";
        let nats = "backbone=stop backbone-after=3s backbone-down=1s";
        assert_eq!(of("\"kill\"", "\"none\""), [server]);
        assert_eq!(of("\"none\"", "\"stop\""), [nats]);
        assert_eq!(of("\"kill\"", "\"stop\""), [server, nats]);
        let with_none = of("[\"none\", \"kill\"]", "[\"stop\", \"none\"]");
        assert_eq!(with_none, ["", server, nats]);
    }

    #[test]
    fn every_fault_is_written_with_its_keys() {
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
