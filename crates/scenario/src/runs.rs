//! From a scenario to its runs: the product of the lists, in an order that is fair to all transports.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use wirebench_protocol::Transport;
use wirebench_protocol::control::{Pace, Payload};

use crate::{Connections, Faults, Http, Link, Reconnect, Run, Scenario};

/// What all transports share that are compared with each other.
struct Setting<'s> {
    rate: f64,
    pace: Pace,
    payload: &'s Payload,
    subscribers: usize,
    link: Link,
    http: Http,
    reconnect: Reconnect,
    faults: Faults,
}

/// One transport with the one knob that is its own.
#[derive(Clone, Copy)]
struct Contender {
    transport: Transport,
    interval: Option<Duration>,
    hold: Option<Duration>,
}

impl Scenario {
    /// Every run, in the order in which they are to be made. The same seed gives the same runs.
    ///
    /// The repeats are outermost, then the settings, in the order of their keys in the file format; at
    /// each setting the transports take turns in an order of its own, drawn from the seed. So whatever
    /// drifts on the machine hits all transports alike. The intervals of short polling and the holds of
    /// long polling multiply the runs of that transport alone.
    pub fn runs(&self, seed: u64) -> Vec<Run> {
        let mut seeds = StdRng::seed_from_u64(seed);
        let mut runs = Vec::new();
        for repeat in 1..=self.timing.repeat {
            for setting in self.settings() {
                let feed_seed = seeds.random();
                // Forked, so that feeds stay the same when other transports are chosen.
                let mut order = seeds.fork();
                let mut contenders = self.contenders();
                contenders.shuffle(&mut order);
                let run = |contender| self.run(&setting, contender, repeat, feed_seed);
                runs.extend(contenders.into_iter().map(run));
            }
        }
        let width = runs.len().to_string().len().max(3);
        for (index, run) in runs.iter_mut().enumerate() {
            run.id = format!("{:0width$}-{}", index + 1, run.transport.name());
        }
        runs
    }

    fn settings(&self) -> Vec<Setting<'_>> {
        let (mut settings, troubles) = (Vec::new(), self.troubles());
        for &rate in &self.rate {
            for &pace in &self.pace {
                for payload in &self.payload {
                    for &subscribers in &self.subscribers {
                        for (link, http) in self.paths() {
                            let setting = |&(reconnect, faults)| Setting {
                                rate,
                                pace,
                                payload,
                                subscribers,
                                link,
                                http,
                                reconnect,
                                faults,
                            };
                            settings.extend(troubles.iter().map(setting));
                        }
                    }
                }
            }
        }
        settings
    }

    /// What goes wrong, and how subscribers come back from it.
    fn troubles(&self) -> Vec<(Reconnect, Faults)> {
        let faults = self.faults.combinations();
        let reconnects = self.reconnect.combinations().into_iter();
        reconnects
            .flat_map(|reconnect| faults.iter().map(move |&faults| (reconnect, faults)))
            .collect()
    }

    fn links(&self) -> impl Iterator<Item = Link> {
        self.delay
            .iter()
            .flat_map(|&delay| self.jitter.iter().map(move |&jitter| Link { delay, jitter }))
    }

    /// What lies between a subscriber and the server.
    fn paths(&self) -> impl Iterator<Item = (Link, Http)> {
        let https = self.https();
        self.links().flat_map(move |link| https.clone().into_iter().map(move |http| (link, http)))
    }

    /// Over HTTP/1.1 every subscriber has its own connection, whatever the others do.
    fn https(&self) -> Vec<Http> {
        let headers = self.headers;
        let mut https = Vec::new();
        for &version in &self.version {
            for &tls in &self.tls {
                let whose =
                    if version == 1 { &[Connections::Own][..] } else { &self.connections[..] };
                let spoken =
                    whose.iter().map(|&connections| Http { version, tls, headers, connections });
                https.extend(spoken);
            }
        }
        https
    }

    fn contenders(&self) -> Vec<Contender> {
        let mut contenders = Vec::new();
        for &transport in &self.transports {
            let plain = Contender { transport, interval: None, hold: None };
            match transport {
                Transport::ShortPolling => contenders.extend(
                    self.interval
                        .iter()
                        .map(|&interval| Contender { interval: Some(interval), ..plain }),
                ),
                Transport::LongPolling => contenders
                    .extend(self.hold.iter().map(|&hold| Contender { hold: Some(hold), ..plain })),
                Transport::Sse | Transport::WebSocket => contenders.push(plain),
            }
        }
        contenders
    }

    fn run(&self, setting: &Setting<'_>, contender: Contender, repeat: u32, seed: u64) -> Run {
        Run {
            id: String::new(),
            repeat,
            transport: contender.transport,
            subscribers: setting.subscribers,
            ramp: self.ramp,
            rate: setting.rate,
            pace: setting.pace,
            payload: setting.payload.clone(),
            window: self.window,
            timing: self.timing,
            link: setting.link,
            http: setting.http,
            interval: contender.interval,
            hold: contender.hold,
            reconnect: setting.reconnect,
            faults: setting.faults,
            seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;
    use crate::Overrides;

    fn scenario(text: &str) -> Scenario {
        Scenario::parse("test", text, Path::new(""), &Overrides::default())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn lists_multiply_out() {
        let runs =
            scenario("feed = { rate = [1, 2], payload = [16, 64, 256] }\ntiming = { repeat = 5 }")
                .runs(1);
        assert_eq!(runs.len(), 2 * 3 * 4 * 5);
    }

    #[test]
    fn connections_are_shared_over_http_2_alone() {
        let text = "transports = [\"sse\"]\ncrowd = { connections = [\"own\", \"shared\"] }\nhttp = { version = [1, 2], tls = [false, true] }";
        let spoken: Vec<_> = scenario(text)
            .runs(1)
            .into_iter()
            .map(|run| (run.http.version, run.http.tls, run.http.connections.name()))
            .collect();
        let expected = [
            (1, false, "own"),
            (1, true, "own"),
            (2, false, "own"),
            (2, false, "shared"),
            (2, true, "own"),
            (2, true, "shared"),
        ];
        assert_eq!(spoken, expected);
    }

    #[test]
    fn a_knob_of_one_transport_multiplies_that_transport_alone() {
        let text = "short-polling = { interval = [\"1s\", \"2s\"] }\nlong-polling = { hold = [\"1s\", \"2s\", \"3s\"] }";
        let mut counts = BTreeMap::new();
        for run in scenario(text).runs(1) {
            *counts.entry(run.transport.name()).or_insert(0) += 1;
            assert_eq!(run.interval.is_some(), run.transport == Transport::ShortPolling);
            assert_eq!(run.hold.is_some(), run.transport == Transport::LongPolling);
        }
        let expected = [("long-polling", 3), ("short-polling", 2), ("sse", 1), ("websocket", 1)];
        assert_eq!(counts, BTreeMap::from(expected));
    }

    #[test]
    fn repeats_come_outermost_and_settings_in_their_order() {
        let text = "transports = [\"sse\"]\nfeed = { rate = [1, 2] }\nlink = { delay = [\"5ms\", \"1ms\"] }\ntiming = { repeat = 2 }";
        let order: Vec<_> = scenario(text)
            .runs(1)
            .into_iter()
            .map(|run| (run.repeat, run.rate.to_string(), run.link.delay.as_millis()))
            .collect();
        let mut expected = Vec::new();
        for repeat in [1, 2] {
            for rate in ["1", "2"] {
                expected.extend([5, 1].map(|delay| (repeat, rate.to_owned(), delay)));
            }
        }
        assert_eq!(order, expected);
    }

    #[test]
    fn transports_that_are_compared_carry_the_same_feed_and_others_do_not() {
        let runs = scenario("crowd = { subscribers = [1, 2] }\ntiming = { repeat = 3 }").runs(7);
        let mut seeds: BTreeMap<(u32, usize), BTreeSet<u64>> = BTreeMap::new();
        for run in &runs {
            seeds.entry((run.repeat, run.subscribers)).or_default().insert(run.seed);
        }
        assert!(seeds.values().all(|seeds| seeds.len() == 1));
        let distinct: BTreeSet<_> = seeds.values().flatten().collect();
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn a_feed_stays_the_same_when_fewer_transports_are_chosen() {
        let all = scenario("feed = { rate = [1, 2] }").runs(7);
        let one = scenario("transports = [\"sse\"]\nfeed = { rate = [1, 2] }").runs(7);
        let of_sse = all.iter().filter(|run| run.transport == Transport::Sse);
        assert!(of_sse.map(|run| run.seed).eq(one.iter().map(|run| run.seed)));
    }

    #[test]
    fn the_order_of_transports_changes_between_settings_and_follows_from_the_seed() {
        let scenario = scenario("timing = { repeat = 20 }");
        let runs = scenario.runs(3);
        let orders: BTreeSet<Vec<_>> =
            runs.chunks(4).map(|turn| turn.iter().map(|run| run.transport).collect()).collect();
        assert!(orders.len() > 5, "20 turns in {} orders", orders.len());
        assert_eq!(runs, scenario.runs(3));
        assert_ne!(runs, scenario.runs(4));
    }

    #[test]
    fn ids_are_unique_and_plain() {
        let runs = scenario("timing = { repeat = 300 }").runs(1);
        let ids: BTreeSet<_> = runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids.len(), runs.len());
        assert!(
            ids.iter()
                .all(|id| { id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) })
        );
        assert!(runs[0].id.starts_with("0001-"));
    }
}
