//! The names of runs.

use std::fmt::Write;

use wirebench_scenario::{Run, varying};

/// Names runs by what sets them apart: the transport, the keys that vary in the scenario, the
/// repeat.
#[derive(Debug)]
pub(super) struct Names {
    varying: Vec<&'static str>,
    repeats: u32,
}

impl Names {
    pub(super) fn of(runs: &[Run]) -> Self {
        let repeats = runs.iter().map(|run| run.repeat).max().unwrap_or(1);
        Self { varying: varying(runs), repeats }
    }

    pub(super) fn name(&self, run: &Run) -> String {
        let mut name = run.transport.to_string();
        for (key, value) in run.settings() {
            if self.varying.contains(&key) {
                let _ = write!(name, ", {key} = {value}");
            }
        }
        if self.repeats > 1 {
            let _ = write!(name, ", repeat {} of {}", run.repeat, self.repeats);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirebench_scenario::{Overrides, Scenario};

    use super::*;

    fn names(scenario: &str) -> Vec<String> {
        let parsed = Scenario::parse("x", scenario, Path::new(""), &Overrides::default());
        let runs = parsed.expect("a valid scenario").runs(1);
        let names = Names::of(&runs);
        let mut all: Vec<_> = runs.iter().map(|run| names.name(run)).collect();
        all.sort();
        all
    }

    #[test]
    fn a_run_of_a_sweep_is_named_by_the_keys_that_vary() {
        let sweep = "transports = [\"sse\"]\nfeed = { rate = [1, 10] }\n\
                     link = { delay = [\"0ms\", \"25ms\"] }\ntiming = { repeat = 2 }";
        let all = names(sweep);
        assert_eq!(all.len(), 8);
        assert_eq!(all[0], "sse, feed.rate = 1, link.delay = 0s, repeat 1 of 2");
        assert_eq!(all[7], "sse, feed.rate = 10, link.delay = 25ms, repeat 2 of 2");
    }

    #[test]
    fn a_key_of_one_transport_is_named_only_with_that_transport() {
        let polled = "transports = [\"short-polling\", \"sse\"]\n\
                      short-polling = { interval = [\"1s\", \"2s\"] }";
        let all = names(polled);
        let expected = [
            "short-polling, short-polling.interval = 1s",
            "short-polling, short-polling.interval = 2s",
            "sse",
        ];
        assert_eq!(all, expected);
    }
}
