//! The runs of a scenario: the product of its lists, in an order that is fair to all transports.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{Delivery, HttpStack, ShortPollingMode, SocketIoMode, Transport};

use crate::{
    ConnectionSharing, Faults, FeedStore, FeedTimers, HttpSettings, LinkSettings, Reconnect, Run,
    Scenario, TargetFile, Upstream,
};

/// The maximum number of runs that a scenario may ask for.
pub(crate) const MAX_RUNS: usize = 10_000;

/// What the transports that are compared with each other have in common.
struct SharedSettings<'s> {
    rate: f64,
    pace: Pace,
    timers: FeedTimers,
    payload: &'s Payload,
    store: FeedStore,
    instances: usize,
    backbone_servers: Option<usize>,
    subscribers: usize,
    link: LinkSettings,
    http: HttpSettings,
    http_stack: Option<HttpStack>,
    upstream: Option<Upstream>,
    reconnect: Reconnect,
    faults: Faults,
}

/// A transport of a server with the settings that are its own.
#[derive(Clone, Copy)]
struct Contender<'s> {
    transport: Transport,
    target: Option<&'s Arc<TargetFile>>,
    interval: Option<Duration>,
    short_polling_mode: Option<ShortPollingMode>,
    hold: Option<Duration>,
    poll_cursor: Option<bool>,
    push_timer: Option<Duration>,
    socket_io_mode: Option<SocketIoMode>,
}

impl Scenario {
    /// Returns every run, in the order in which they are made. The same seed gives the same runs.
    ///
    /// The repeats are outermost, then the settings, in the order of their keys in the file format,
    /// but for the HTTP stack, which belongs to a version of HTTP and comes after it.
    /// Under the same settings the transports take turns, in an order that is drawn from the seed,
    /// so that a drift of the machine affects all transports alike. The intervals and modes of
    /// short polling, the holds and cursors of long polling and the modes of Socket.IO multiply the
    /// runs of that transport alone, and push timers those of transports that push.
    pub fn runs(&self, seed: u64) -> Vec<Run> {
        let mut seeds = StdRng::seed_from_u64(seed);
        let mut runs = Vec::new();
        for repeat in 1..=self.timing.repeat {
            for shared in self.shared_settings() {
                let feed_seed = seeds.random();
                // Forked, so that feeds stay the same when other transports are chosen.
                let mut order = seeds.fork();
                let mut contenders = self.contenders();
                contenders.shuffle(&mut order);
                let run = |contender| self.run(&shared, contender, repeat, feed_seed);
                runs.extend(contenders.into_iter().map(run));
            }
        }
        let width = runs.len().to_string().len().max(3);
        for (index, run) in runs.iter_mut().enumerate() {
            let target = run.target.as_ref().map_or("", |target| target.name());
            let separator = if target.is_empty() { "" } else { "-" };
            let name = format!("{target}{separator}{}", run.transport);
            run.id = format!("{:0width$}-{}", index + 1, plain(&name));
        }
        runs
    }

    /// Returns the number of runs without making them: there may be far more than [`MAX_RUNS`].
    pub(crate) fn run_count(&self) -> usize {
        let factors = [
            self.feed.product(),
            self.server.store.len(),
            self.backbones().len(),
            self.crowd.subscribers.len(),
            self.link.product(),
            self.https().len(),
            self.upstream.count(),
            self.reconnect.count(),
            self.faults.count(),
            self.contenders().len(),
            usize::try_from(self.timing.repeat).unwrap_or(usize::MAX),
        ];
        factors.into_iter().fold(1, usize::saturating_mul)
    }

    fn shared_settings(&self) -> Vec<SharedSettings<'_>> {
        let (servers, paths, rest) = (self.servers(), self.paths(), self.upstream_and_troubles());
        let mut all = Vec::new();
        for (rate, pace, timers, payload) in self.feeds() {
            for &(store, (instances, backbone_servers), subscribers) in &servers {
                for &(link, http, http_stack) in &paths {
                    all.extend(rest.iter().map(|&(upstream, reconnect, faults)| SharedSettings {
                        rate,
                        pace,
                        timers,
                        payload,
                        store,
                        instances,
                        backbone_servers,
                        subscribers,
                        link,
                        http,
                        http_stack,
                        upstream,
                        reconnect,
                        faults,
                    }));
                }
            }
        }
        all
    }

    /// Returns what is published.
    fn feeds(&self) -> Vec<(f64, Pace, FeedTimers, &Payload)> {
        let mut all = Vec::new();
        for &rate in &self.feed.rate {
            for &pace in &self.feed.pace {
                for &timers in &self.feed.timers {
                    let with = |payload| (rate, pace, timers, payload);
                    all.extend(self.feed.payload.iter().map(with));
                }
            }
        }
        all
    }

    /// Returns where the feed is kept, how many servers share it, and how many subscribers they have.
    fn servers(&self) -> Vec<(FeedStore, (usize, Option<usize>), usize)> {
        let backbones = self.backbones();
        let mut all = Vec::new();
        for &store in &self.server.store {
            for &backbone in &backbones {
                let with = |&subscribers| (store, backbone, subscribers);
                all.extend(self.crowd.subscribers.iter().map(with));
            }
        }
        all
    }

    /// Returns how many servers there are, and how many of NATS they share their feed over. A single
    /// server has none.
    fn backbones(&self) -> Vec<(usize, Option<usize>)> {
        let mut all = Vec::new();
        for &instances in &self.server.instances {
            if instances == 1 {
                all.push((instances, None));
            } else {
                let with = |&servers| (instances, Some(servers));
                all.extend(self.server.backbone_servers.iter().map(with));
            }
        }
        all
    }

    /// Returns what subscribers send, what goes wrong, and how they come back from it.
    fn upstream_and_troubles(&self) -> Vec<(Option<Upstream>, Reconnect, Faults)> {
        let (reconnects, faults) = (self.reconnect.combinations(), self.faults.combinations());
        let mut all = Vec::new();
        for upstream in self.upstream.combinations() {
            for &reconnect in &reconnects {
                all.extend(faults.iter().map(|&faults| (upstream, reconnect, faults)));
            }
        }
        all
    }

    /// Returns what lies between a subscriber and the server, and who speaks HTTP there.
    fn paths(&self) -> Vec<(LinkSettings, HttpSettings, Option<HttpStack>)> {
        let https = self.https();
        let with = |link| https.iter().map(move |&(http, stack)| (link, http, stack));
        self.link.combinations().into_iter().flat_map(with).collect()
    }

    /// Returns the ways to speak HTTP. Over HTTP/1.1 no connections are shared, and over HTTP/2 there
    /// is one stack.
    fn https(&self) -> Vec<(HttpSettings, Option<HttpStack>)> {
        let headers = self.http.headers;
        let mut https = Vec::new();
        for &version in &self.http.version {
            for &tls in &self.http.tls {
                let with = |connections| HttpSettings { version, tls, headers, connections };
                if version == 1 {
                    let own = with(ConnectionSharing::Own);
                    https.extend(self.server.http_stack.iter().map(|&stack| (own, Some(stack))));
                } else {
                    https.extend(self.crowd.connections.iter().map(|&it| (with(it), None)));
                }
            }
        }
        https
    }

    fn contenders(&self) -> Vec<Contender<'_>> {
        let mut contenders = Vec::new();
        for (transport, target) in self.measured() {
            let plain = Contender {
                transport,
                target,
                interval: None,
                short_polling_mode: None,
                hold: None,
                poll_cursor: None,
                push_timer: None,
                socket_io_mode: None,
            };
            match transport {
                Transport::ShortPolling => {
                    for &interval in &self.short_polling.interval {
                        let polled = Contender { interval: Some(interval), ..plain };
                        contenders.extend(
                            self.short_polling.mode.iter().map(|&mode| Contender {
                                short_polling_mode: Some(mode),
                                ..polled
                            }),
                        );
                    }
                }
                Transport::LongPolling => {
                    for &hold in &self.long_polling.hold {
                        let held = Contender { hold: Some(hold), ..plain };
                        contenders.extend(
                            self.long_polling
                                .cursor
                                .iter()
                                .map(|&cursor| Contender { poll_cursor: Some(cursor), ..held }),
                        );
                    }
                }
                Transport::Sse | Transport::WebSocket => contenders.extend(self.pushed(plain)),
                Transport::SocketIo => {
                    for &mode in &self.socket_io.mode {
                        let session = Contender { socket_io_mode: Some(mode), ..plain };
                        contenders.extend(self.pushed(session));
                    }
                }
            }
        }
        contenders
    }

    /// Returns a contender once for each push timer, or as it is if nothing is pushed to it.
    fn pushed<'s>(&self, plain: Contender<'s>) -> Vec<Contender<'s>> {
        match plain.transport.delivery_in(plain.socket_io_mode) {
            Delivery::Polled | Delivery::Held => vec![plain],
            Delivery::Pushed => {
                let with = |&timer| Contender { push_timer: Some(timer), ..plain };
                self.push.timer.iter().map(with).collect()
            }
        }
    }

    fn run(
        &self,
        shared: &SharedSettings<'_>,
        contender: Contender<'_>,
        repeat: u32,
        seed: u64,
    ) -> Run {
        let is_watched = contender.target.is_some_and(|target| target.is_watched());
        Run {
            id: String::new(),
            repeat,
            transport: contender.transport,
            target: contender.target.cloned(),
            subscribers: shared.subscribers,
            ramp: self.crowd.ramp,
            rate: if is_watched { 0.0 } else { shared.rate },
            pace: shared.pace,
            timers: shared.timers,
            payload: shared.payload.clone(),
            window: self.feed.window,
            store: shared.store,
            instances: shared.instances,
            backbone_servers: shared.backbone_servers,
            http_stack: shared.http_stack.filter(|_| contender.target.is_none()),
            timing: self.timing,
            link: shared.link,
            http: shared.http,
            interval: contender.interval,
            short_polling_mode: contender.short_polling_mode,
            hold: contender.hold,
            poll_cursor: contender.poll_cursor,
            push_timer: contender.push_timer,
            socket_io_mode: contender.socket_io_mode,
            upstream: shared.upstream,
            probe_rate: self.agents.probe_rate,
            reconnect: shared.reconnect,
            faults: shared.faults,
            seed,
        }
    }
}

/// Returns a name with nothing but `a` to `z`, digits and `-`.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(plain).collect()
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
        assert_eq!(runs.len(), 2 * 3 * Transport::COUNT * 5);
    }

    #[test]
    fn a_single_server_has_no_backbone() {
        let text = "transports = [\"sse\"]\n\
                    server = { instances = [1, 2, 3], backbone-servers = [1, 3] }";
        let shared: Vec<_> = scenario(text)
            .runs(1)
            .into_iter()
            .map(|run| (run.instances, run.backbone_servers))
            .collect();
        let expected = [(1, None), (2, Some(1)), (2, Some(3)), (3, Some(1)), (3, Some(3))];
        assert_eq!(shared, expected);
        assert_eq!(scenario(text).run_count(), expected.len());
    }

    #[test]
    fn connections_are_shared_over_http_2_alone() {
        let text = "transports = [\"sse\"]\ncrowd = { connections = [\"own\", \"shared\"] }\n\
                    http = { version = [1, 2], tls = [false, true] }";
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
    fn a_stack_is_chosen_over_http_1_alone() {
        let text = "transports = [\"sse\"]\nserver.http-stack = [\"own\", \"hyper\"]\n\
                    http = { version = [1, 2], tls = true }";
        let scenario = scenario(text);
        let runs = scenario.runs(1);
        let stacks: Vec<_> = runs.iter().map(|run| (run.http.version, run.http_stack)).collect();
        let expected = [(1, Some(HttpStack::Own)), (1, Some(HttpStack::Hyper)), (2, None)];
        assert_eq!(stacks, expected);
        assert_eq!(scenario.run_count(), runs.len());
    }

    #[test]
    fn a_knob_of_one_transport_multiplies_that_transport_alone() {
        let text = "short-polling.interval = [\"1s\", \"2s\"]\n\
                    short-polling.mode = [\"cursor\", \"whole\"]\n\
                    long-polling = { hold = [\"1s\", \"2s\", \"3s\"], cursor = [true, false] }\n\
                    push = { timer = [\"0s\", \"1s\"] }\n\
                    socket-io = { mode = [\"polling\", \"websocket\", \"upgrade\"] }";
        let mut counts = BTreeMap::new();
        for run in scenario(text).runs(1) {
            *counts.entry(run.transport.name()).or_insert(0) += 1;
            assert_eq!(run.interval.is_some(), run.transport == Transport::ShortPolling);
            assert_eq!(run.short_polling_mode.is_some(), run.interval.is_some());
            assert_eq!(run.hold.is_some(), run.transport == Transport::LongPolling);
            assert_eq!(run.poll_cursor.is_some(), run.hold.is_some());
            assert_eq!(run.push_timer.is_some(), run.delivery() == Delivery::Pushed);
            assert_eq!(run.socket_io_mode.is_some(), run.transport == Transport::SocketIo);
        }
        let expected = [
            ("long-polling", 3 * 2),
            ("short-polling", 2 * 2),
            // Its mode `polling` has no push timer.
            ("socket.io", 1 + 2 * 2),
            ("sse", 2),
            ("websocket", 2),
        ];
        assert_eq!(counts, BTreeMap::from(expected));
    }

    #[test]
    fn repeats_come_outermost_and_settings_in_their_order() {
        let text = "transports = [\"sse\"]\nfeed = { rate = [1, 2] }\n\
                    link = { delay = [\"5ms\", \"1ms\"] }\ntiming = { repeat = 2 }";
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
        let orders: BTreeSet<Vec<_>> = runs
            .chunks(Transport::COUNT)
            .map(|turn| turn.iter().map(|run| run.transport).collect())
            .collect();
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
