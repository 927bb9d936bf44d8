//! What a run is set to, key by key: so that whoever shows a run can name what sets it apart from others.

use wirebench_protocol::control::Payload;

use crate::{Run, duration_text, write};

impl Run {
    /// The run's value of each key that may be a list, by the key's path: `("crowd.subscribers", "100")`.
    ///
    /// A key of another transport has no value. The tables `reconnect` and `faults` are one value each.
    /// `transports` is left out: the transport names the run.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let payload = match &self.payload {
            Payload::Bytes(bytes) => bytes.to_string(),
            Payload::File(path) => path.display().to_string(),
        };
        let faults = self.faults.to_string();
        let mut settings = vec![
            ("feed.rate", self.rate.to_string()),
            ("feed.pace", write::pace(&self.pace).replace('"', "")),
            ("feed.payload", payload),
            ("crowd.subscribers", self.subscribers.to_string()),
            ("crowd.connections", self.http.connections.name().to_owned()),
            ("link.delay", duration_text(self.link.delay)),
            ("link.jitter", duration_text(self.link.jitter)),
            ("http.version", self.http.version.to_string()),
            ("http.tls", self.http.tls.to_string()),
        ];
        settings.extend(self.interval.map(|time| ("short-polling.interval", duration_text(time))));
        settings.extend(self.hold.map(|time| ("long-polling.hold", duration_text(time))));
        settings.push(("reconnect", self.reconnect.to_string()));
        settings.push(("faults", if faults.is_empty() { "none".to_owned() } else { faults }));
        settings
    }
}

/// The keys of [`Run::settings`] that have more than one value among these runs, in the order of the file.
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
    use crate::{KEYS, Overrides, Scenario};

    fn runs(text: &str) -> Vec<Run> {
        let scenario = Scenario::parse("test", text, Path::new(""), &Overrides::default());
        scenario.unwrap_or_else(|error| panic!("{error}")).runs(1)
    }

    #[test]
    fn the_keys_that_vary_are_those_with_more_than_one_value() {
        assert!(varying(&runs("timing = { repeat = 3 }")).is_empty());
        let several = "feed = { rate = [1, 10] }\ncrowd = { subscribers = [10] }\n\
                       link = { delay = [\"0ms\", \"25ms\"] }\nlong-polling = { hold = [\"1s\", \"2s\"] }";
        assert_eq!(varying(&runs(several)), ["feed.rate", "link.delay", "long-polling.hold"]);
        let faults = "faults = { cut-every = \"1s\", cut-share = [0.1, 0.2] }";
        assert_eq!(varying(&runs(faults)), ["faults"]);
    }

    #[test]
    fn every_key_that_may_be_a_list_is_a_setting_of_some_run() {
        let named: Vec<_> = runs("").iter().flat_map(Run::settings).map(|(key, _)| key).collect();
        for key in KEYS.iter().filter(|key| key.list && key.name != "transports") {
            let path = key.path();
            let is_named = named.contains(&&*path) || named.contains(&key.table);
            assert!(is_named, "{path} is missing");
        }
    }
}
