//! The settings of a run, key by key, so that runs can be named by what sets them apart.

use wirebench_protocol::control::{Payload, PayloadKind};

use crate::tables::crowd::CrowdTable;
use crate::tables::faults::FaultsTable;
use crate::tables::feed::FeedTable;
use crate::tables::http::HttpTable;
use crate::tables::link::LinkTable;
use crate::tables::long_polling::LongPollingTable;
use crate::tables::push::PushTable;
use crate::tables::reconnect::ReconnectTable;
use crate::tables::server::ServerTable;
use crate::tables::short_polling::ShortPollingTable;
use crate::tables::socket_io::SocketIoTable;
use crate::tables::upstream::UpstreamTable;
use crate::values::value::FieldValue;
use crate::{Run, SentPayload, duration_text};

impl Run {
    /// Returns the value of each key that may be a list, by the path of the key, as in
    /// `("crowd.subscribers", "100")`.
    ///
    /// The name of the target comes as `target`, if there is one. Keys that do not concern the transport are left out, and what subscribers send if they send
    /// nothing. Nor does what is published concern a feed that somebody else fills. The tables `reconnect` and `faults` are
    /// one value each. `transports` is left out, since the transport names the run.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let payload = match &self.payload {
            Payload::Bytes(bytes) => bytes.to_string(),
            Payload::Binary(bytes) => format!("binary {bytes}"),
            Payload::File(path) => path.display().to_string(),
        };
        let faults = self.faults.to_string();
        let published = [
            (FeedTable::RATE.path, self.rate.to_string()),
            (FeedTable::PACE.path, self.pace.write().replace('"', "")),
            (FeedTable::TIMERS.path, self.timers.name().to_owned()),
            (FeedTable::PAYLOAD.path, payload),
        ];
        let mut settings: Vec<_> = published.into_iter().filter(|_| !self.is_watched()).collect();
        settings.extend([
            (ServerTable::STORE.path, self.store.name().to_owned()),
            (ServerTable::INSTANCES.path, self.instances.to_string()),
            (CrowdTable::SUBSCRIBERS.path, self.subscribers.to_string()),
            (CrowdTable::CONNECTIONS.path, self.http.connections.name().to_owned()),
            (LinkTable::DELAY.path, duration_text(self.link.delay)),
            (LinkTable::JITTER.path, duration_text(self.link.jitter)),
            (HttpTable::VERSION.path, self.http.version.to_string()),
            (HttpTable::TLS.path, self.http.tls.to_string()),
        ]);
        let nats = self.backbone_servers;
        settings.extend(nats.map(|nats| (ServerTable::BACKBONE_SERVERS.path, nats.to_string())));
        settings.extend(self.target.iter().map(|target| ("target", target.name().to_owned())));
        let stack = self.http_stack;
        settings.extend(stack.map(|stack| (ServerTable::HTTP_STACK.path, stack.name().to_owned())));
        settings.extend(
            self.interval.map(|time| (ShortPollingTable::INTERVAL.path, duration_text(time))),
        );
        let mode = self.short_polling_mode;
        settings.extend(mode.map(|mode| (ShortPollingTable::MODE.path, mode.name().to_owned())));
        settings.extend(self.hold.map(|time| (LongPollingTable::HOLD.path, duration_text(time))));
        let cursor = self.poll_cursor;
        settings.extend(cursor.map(|kept| (LongPollingTable::CURSOR.path, kept.to_string())));
        settings.extend(self.push_timer.map(|time| (PushTable::TIMER.path, duration_text(time))));
        settings.extend(
            self.socket_io_mode.map(|mode| (SocketIoTable::MODE.path, mode.name().to_owned())),
        );
        let rate = self.upstream.map_or(0.0, |upstream| upstream.rate);
        settings.push((UpstreamTable::RATE.path, rate.to_string()));
        settings.extend(self.upstream.into_iter().flat_map(|upstream| {
            let SentPayload { kind, bytes } = upstream.payload;
            let sent = match kind {
                PayloadKind::Json => bytes.to_string(),
                PayloadKind::Binary => format!("binary {bytes}"),
            };
            [
                (UpstreamTable::TO.path, upstream.to.name().to_owned()),
                (UpstreamTable::PAYLOAD.path, sent),
            ]
        }));
        settings.push((ReconnectTable::TABLE.name, self.reconnect.to_string()));
        settings.push((
            FaultsTable::TABLE.name,
            if faults.is_empty() { "none".to_owned() } else { faults },
        ));
        settings
    }
}

/// Returns the keys of [`Run::settings`] that have more than one value among these runs, in the
/// order of the file.
pub fn varying(runs: &[Run]) -> Vec<&'static str> {
    let all: Vec<_> = runs.iter().flat_map(Run::settings).collect();
    let mut varying: Vec<&'static str> = Vec::new();
    for (key, _) in &all {
        let mut values = all.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        let first = values.next();
        if values.any(|value| Some(value) != first) && !varying.contains(key) {
            varying.push(key);
        }
    }
    varying
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Overrides, Scenario, keys};

    fn runs(text: &str) -> Vec<Run> {
        let scenario = Scenario::parse("test", text, Path::new(""), &Overrides::default());
        scenario.unwrap_or_else(|error| panic!("{error}")).runs(1)
    }

    #[test]
    fn the_keys_that_vary_are_those_with_more_than_one_value() {
        assert!(varying(&runs("timing = { repeat = 3 }")).is_empty());
        let several = "feed = { rate = [1, 10] }\ncrowd = { subscribers = [10] }\n\
                       link = { delay = [\"0ms\", \"25ms\"] }\n\
                       long-polling = { hold = [\"1s\", \"2s\"] }";
        assert_eq!(varying(&runs(several)), ["feed.rate", "link.delay", "long-polling.hold"]);
        let faults = "faults = { cut-every = \"1s\", cut-share = [0.1, 0.2] }";
        assert_eq!(varying(&runs(faults)), ["faults"]);
    }

    #[test]
    fn every_key_that_may_be_a_list_is_a_setting_of_some_run() {
        let texts = ["", "upstream = { rate = 1 }", "server = { instances = 2 }"];
        let runs: Vec<_> = texts.into_iter().flat_map(runs).collect();
        let named: Vec<_> = runs.iter().flat_map(Run::settings).map(|(key, _)| key).collect();
        for key in keys().filter(|key| key.list && key.name != "transports") {
            let is_named = named.contains(&key.path) || named.contains(&key.table);
            assert!(is_named, "{} is missing", key.path);
        }
    }
}
