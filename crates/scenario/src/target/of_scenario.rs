//! The targets of a scenario, and the settings that only our own server has.

use std::sync::Arc;

use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{HttpStack, ShortPollingMode, Transport};

use super::TargetFile;
use crate::key::Key;
use crate::tables::agents::AgentsTable;
use crate::tables::feed::FeedTable;
use crate::tables::http::HttpTable;
use crate::tables::long_polling::LongPollingTable;
use crate::tables::push::PushTable;
use crate::tables::server::ServerTable;
use crate::tables::short_polling::ShortPollingTable;
use crate::tables::upstream::UpstreamTable;
use crate::{FeedStore, FeedTimers, Scenario};

/// Why targets cannot be measured by a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetConflict {
    /// The scenario asks for what only our own server does.
    #[error("`{key}`: {why}, so it does not go together with a target")]
    OwnServer {
        /// The key of the scenario.
        key: &'static str,
        /// What it asks for.
        why: &'static str,
    },
    /// Two targets would have the same name in results.
    #[error("two targets are called `{0}`: give one of them another `name`")]
    SameName(String),
    /// A target has no transport of the scenario.
    #[error("the target `{target}` has no transport of the scenario: it has {has}")]
    NoTransport {
        /// Its name.
        target: String,
        /// The transports that it has.
        has: String,
    },
    /// A list asks for one run for each kind of message, but somebody else publishes.
    #[error(
        "`{key}` is a list, but the target `{target}` watches a feed that somebody else fills: give \
         it one value"
    )]
    Watched {
        /// Its name.
        target: String,
        /// The key of the scenario.
        key: &'static str,
    },
    /// The URL and the scenario disagree.
    #[error(
        "the target `{target}` is reached by `{url}` over {transport}, but the scenario asks for \
         `{} = {asked}`", HttpTable::TLS.path
    )]
    Tls {
        /// Its name.
        target: String,
        /// The transport.
        transport: Transport,
        /// The URL of the transport.
        url: String,
        /// Whether the scenario asks for TLS.
        asked: bool,
    },
    /// A fault takes down a server that wirebench does not start.
    #[error(
        "the scenario stops, kills or freezes the server, but `{target}` does not say how it is \
         started: set `process.command`, or leave the fault out"
    )]
    NotStarted {
        /// Its name.
        target: String,
    },
}

impl Scenario {
    /// Returns the first thing that does not go together with the targets. `None` if all of them
    /// can be measured.
    pub(crate) fn target_conflict(&self) -> Option<TargetConflict> {
        if self.targets.is_empty() {
            return None;
        }
        if let Some((key, why)) = self.of_our_own_server() {
            return Some(TargetConflict::OwnServer { key: key.path, why });
        }
        self.targets.iter().enumerate().find_map(|(index, target)| {
            let others = &self.targets[..index];
            let same = others.iter().any(|other| other.name() == target.name());
            let same = same.then(|| TargetConflict::SameName(target.name().to_owned()));
            same.or_else(|| self.check_target(target).err())
                .or_else(|| self.check_watched(target).err())
        })
    }

    fn check_target(&self, target: &TargetFile) -> Result<(), TargetConflict> {
        let mut known = self
            .top
            .transports
            .iter()
            .filter_map(|&transport| target.url(transport).map(|url| (transport, url.to_string())))
            .peekable();
        if known.peek().is_none() {
            let has: Vec<_> = target.transports().iter().map(ToString::to_string).collect();
            let (target, has) = (target.name().to_owned(), has.join(", "));
            return Err(TargetConflict::NoTransport { target, has });
        }
        let goes_down = self.faults.server.iter().any(Option::is_some);
        if goes_down && target.process.command.0.is_empty() {
            return Err(TargetConflict::NotStarted { target: target.name().to_owned() });
        }
        for (transport, url) in known.filter(|(_, url)| !url.starts_with("{env:")) {
            let is_tls = url.starts_with("https:") || url.starts_with("wss:");
            if let Some(&asked) = self.http.tls.iter().find(|asked| **asked != is_tls) {
                let target = target.name().to_owned();
                return Err(TargetConflict::Tls { target, transport, url, asked });
            }
        }
        Ok(())
    }

    /// Checks that a scenario does not vary what is published to a feed that somebody else fills.
    fn check_watched(&self, target: &TargetFile) -> Result<(), TargetConflict> {
        let lists = [
            (FeedTable::RATE, self.feed.rate.len()),
            (FeedTable::PACE, self.feed.pace.len()),
            (FeedTable::PAYLOAD, self.feed.payload.len()),
        ];
        match lists.iter().find(|(_, values)| target.is_watched() && *values > 1) {
            Some((key, _)) => {
                Err(TargetConflict::Watched { target: target.name().to_owned(), key: key.path })
            }
            None => Ok(()),
        }
    }

    /// Returns a key that has another value than its default and that other servers know nothing
    /// of.
    fn of_our_own_server(&self) -> Option<(&'static Key, &'static str)> {
        const KEYS: [(Key, &str); 10] = [
            (UpstreamTable::RATE, "subscribers send to our own server only"),
            (AgentsTable::PROBE_RATE, "probes are published to our own server only"),
            (FeedTable::PAYLOAD, "bytes are published to our own server only"),
            (FeedTable::TIMERS, "our own server has the timers of its connections"),
            (ServerTable::STORE, "our own server keeps the feed there"),
            (ServerTable::HTTP_STACK, "it is how our own server speaks HTTP"),
            (ServerTable::INSTANCES, "several of our own servers share a feed"),
            (ShortPollingTable::MODE, "it asks our own server for other answers"),
            (LongPollingTable::CURSOR, "our own server answers polls without a cursor"),
            (PushTable::TIMER, "our own server has the timers"),
        ];
        let is_set = [
            self.upstream.rate.iter().any(|rate| *rate > 0.0),
            self.agents.probe_rate > 0.0,
            self.feed.payload.iter().any(|payload| payload.kind() != PayloadKind::Json),
            self.feed.timers.iter().any(|timers| *timers != FeedTimers::One),
            self.server.store.iter().any(|store| *store != FeedStore::Memory),
            self.server.http_stack.iter().any(|stack| *stack != HttpStack::default()),
            self.server.instances.iter().any(|instances| *instances > 1),
            self.short_polling.mode.iter().any(|mode| *mode != ShortPollingMode::default()),
            self.long_polling.cursor.iter().any(|cursor| !cursor),
            self.push.timer.iter().any(|timer| !timer.is_zero()),
        ];
        let set = KEYS.iter().zip(is_set).find(|(_, is_set)| *is_set);
        set.map(|((key, why), _)| (key, *why))
    }

    /// Returns the transports with the servers over which each is measured, in the order of the
    /// file. `None` is our own server.
    pub(crate) fn measured(&self) -> Vec<(Transport, Option<&Arc<TargetFile>>)> {
        let mut measured = Vec::new();
        for &transport in &self.top.transports {
            if self.targets.is_empty() {
                measured.push((transport, None));
            }
            let has = |target: &&Arc<TargetFile>| target.url(transport).is_some();
            measured
                .extend(self.targets.iter().filter(has).map(|target| (transport, Some(target))));
        }
        measured
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Overrides, Run};

    fn scenario(text: &str) -> Scenario {
        Scenario::parse("test", text, Path::new(""), &Overrides::default()).unwrap()
    }

    fn target(name: &str, tables: &[&str]) -> Arc<TargetFile> {
        let publish = "[publish]\nurl = 'http://127.0.0.1/p'\n".to_owned();
        let tables = tables.iter().map(|table| format!("[{table}]\nurl = 'http://127.0.0.1/s'\n"));
        let text: String = std::iter::once(publish).chain(tables).collect();
        Arc::new(TargetFile::parse(name, &text, Path::new("")).unwrap())
    }

    #[test]
    fn each_target_is_measured_over_each_transport_that_it_has() {
        let mut scenario = scenario("timing = { repeat = 2 }");
        let targets = vec![target("a.b", &["sse", "websocket"]), target("c", &["sse"])];
        scenario.targets = targets;
        assert_eq!(scenario.target_conflict(), None);
        let runs = scenario.runs(1);
        assert_eq!(runs.len(), 2 * 3);
        assert_eq!(scenario.run_count(), runs.len());
        let mut first: Vec<_> = runs[..3]
            .iter()
            .map(|run| (run.target.as_ref().unwrap().name(), run.transport.name()))
            .collect();
        first.sort_unstable();
        assert_eq!(first, [("a.b", "sse"), ("a.b", "websocket"), ("c", "sse")]);
        assert!(runs.iter().all(|run| run.http_stack.is_none()));
        assert!(runs.iter().any(|run| run.id.ends_with("-a-b-websocket")), "{}", runs[0].id);
        assert_eq!(crate::varying(&runs), ["target"]);
    }

    #[test]
    fn what_a_scenario_publishes_does_not_concern_a_watched_feed() {
        let watched = "publish = 'none'\n[sse]\nurl = 'http://127.0.0.1/s'";
        let watched = Arc::new(TargetFile::parse("w", watched, Path::new("")).unwrap());
        let targets = vec![target("a", &["sse"]), Arc::clone(&watched)];
        let both = Scenario { targets, ..scenario("feed.rate = 7") };
        assert!(both.target_conflict().is_none());
        let mut runs = both.runs(1);
        runs.sort_by_key(Run::is_watched);
        let [published, watching] = runs.as_slice() else { panic!("{runs:?}") };
        assert_eq!((published.rate, watching.rate), (7.0, 0.0));
        let has_rate = |run: &Run| run.settings().iter().any(|(key, _)| *key == "feed.rate");
        assert!(has_rate(published) && !has_rate(watching));
        let varied = Scenario { targets: vec![watched], ..scenario("feed.payload = [10, 20]") };
        assert_eq!(
            varied.target_conflict().unwrap().to_string(),
            "`feed.payload` is a list, but the target `w` watches a feed that somebody else fills: \
             give it one value"
        );
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let conflict = |text: &str, targets| {
            let scenario = Scenario { targets, ..scenario(text) };
            scenario.target_conflict().unwrap().to_string()
        };
        let sse = || vec![target("a", &["sse"])];
        insta::assert_snapshot!(
            [
                conflict("upstream = { rate = 1 }", sse()),
                conflict("server.http-stack = [\"own\", \"hyper\"]", sse()),
                conflict("server.instances = [1, 3]", sse()),
                conflict("push.timer = \"1s\"", sse()),
                conflict("transports = [\"websocket\"]", sse()),
                conflict("http.tls = true", sse()),
                conflict("faults.server = \"kill\"", sse()),
                conflict("", vec![target("a", &["sse"]), target("a", &["websocket"])]),
            ]
            .join("\n")
        );
    }
}
