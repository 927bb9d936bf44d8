//! The progress of the runs: a bar on a terminal, lines elsewhere, nothing with `--quiet`.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wirebench_loadgen::Progress;
use wirebench_measure::Measurement;
use wirebench_scenario::{Run, Scenario, TopTable, varying};

use crate::print;

/// Shows the progress of the runs.
#[derive(Debug)]
pub(super) struct Display {
    output: Output,
    names: Names,
}

/// How progress is shown.
#[derive(Debug)]
enum Output {
    /// `--quiet`.
    Nothing,
    /// A line for each run, for logs.
    Lines { done: usize, runs: usize },
    /// A bar that shows how many runs are done and what the current run is doing.
    Bar(ProgressBar),
}

impl Output {
    fn new(quiet: bool, runs: usize) -> Self {
        if quiet {
            return Self::Nothing;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { done: 0, runs };
        }
        let bar = ProgressBar::new(runs as u64);
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self::Bar(bar)
    }
}

impl Display {
    /// Returns a display for these runs.
    pub(super) fn new(quiet: bool, runs: &[Run]) -> Self {
        Self { output: Output::new(quiet, runs.len()), names: Names::of(runs) }
    }

    /// Shows which scenario is run, and where its results go.
    pub(super) fn scenario(&self, scenario: &Scenario, folder: &Path) {
        let TopTable { name, about, .. } = &scenario.top;
        self.say(&format!("{name}: {}", if about.is_empty() { name } else { about }));
        self.say(&format!("writing to {}", folder.display()));
    }

    /// Shows what a run is doing.
    pub(super) fn progress(&self, run: &Run, progress: &Progress) {
        let Output::Bar(bar) = &self.output else { return };
        let doing = match progress {
            Progress::Ramp { subscribed, wanted } => {
                format!("connecting {subscribed} of {wanted}")
            }
            Progress::WarmUp => "warming up".to_owned(),
            Progress::Second(second) => {
                let p99 = second.delivery().percentile(99.0);
                let p99 =
                    p99.map_or_else(String::new, |p99| format!(", p99 {}", milliseconds(p99)));
                format!("second {}, {} received{p99}", second.index + 1, second.seen.received)
            }
        };
        bar.set_message(format!("{}: {doing}", self.names.name(run)));
    }

    /// Shows the result of a run.
    pub(super) fn run_done(&mut self, run: &Run, measurement: &Measurement) {
        let seen = &measurement.seen;
        let p99 =
            measurement.delivery().percentile(99.0).map_or_else(|| "–".to_owned(), milliseconds);
        let name = self.names.name(run);
        let mut line = format!("{name}: {} received, p99 {p99}", seen.received);
        for reason in &measurement.invalid {
            let _ = write!(line, "; invalid: {reason}");
        }
        match &mut self.output {
            Output::Nothing => {}
            Output::Lines { done, runs } => {
                *done += 1;
                print::talk(&format!("[{done}/{runs}] {line}"));
            }
            Output::Bar(bar) => {
                bar.inc(1);
                if !measurement.invalid.is_empty() {
                    bar.println(line);
                }
            }
        }
    }

    /// Prints a line beside the progress.
    pub(super) fn say(&self, line: &str) {
        match &self.output {
            Output::Nothing => {}
            Output::Lines { .. } => print::talk(line),
            Output::Bar(bar) => bar.suspend(|| print::talk(line)),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}

/// Names runs by what sets them apart: the transport, the keys that vary in the scenario, the
/// repeat.
#[derive(Debug)]
struct Names {
    varying: Vec<&'static str>,
    repeats: u32,
}

impl Names {
    fn of(runs: &[Run]) -> Self {
        let repeats = runs.iter().map(|run| run.repeat).max().unwrap_or(1);
        Self { varying: varying(runs), repeats }
    }

    fn name(&self, run: &Run) -> String {
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

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirebench_scenario::Overrides;

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
