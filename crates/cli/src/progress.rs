//! How a run is going: a bar on a terminal, lines elsewhere, nothing when quiet.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wirebench_loadgen::Progress;
use wirebench_measure::Measurement;
use wirebench_scenario::{Run, Scenario};

use crate::print;

/// Where progress goes.
#[derive(Debug)]
pub(crate) enum Display {
    /// `--quiet`.
    Nothing,
    /// A line for each run, for logs.
    Lines { done: usize, runs: usize },
    /// A bar that moves with the runs and says what the current one is doing.
    Bar(ProgressBar),
}

impl Display {
    /// The display for `runs` runs.
    pub(crate) fn new(quiet: bool, runs: usize) -> Self {
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

    /// What is going to be run, and where the results go.
    pub(crate) fn scenario(&self, scenario: &Scenario, folder: &Path) {
        let about = if scenario.about.is_empty() { &scenario.name } else { &scenario.about };
        self.say(&format!("{}: {about}", scenario.name));
        self.say(&format!("writing to {}", folder.display()));
    }

    /// What a run is doing.
    pub(crate) fn progress(&self, run: &Run, progress: &Progress) {
        let Self::Bar(bar) = self else { return };
        let doing = match progress {
            Progress::Ramp { standing, wanted } => format!("connecting {standing} of {wanted}"),
            Progress::WarmUp => "warming up".to_owned(),
            Progress::Second(second) => {
                let p99 = second.seen.delivery.percentile(99.0);
                let p99 =
                    p99.map_or_else(String::new, |p99| format!(", p99 {}", milliseconds(p99)));
                format!("second {}, {} received{p99}", second.index + 1, second.seen.received)
            }
        };
        bar.set_message(format!("{}: {doing}", describe(run)));
    }

    /// What a run came to.
    pub(crate) fn run_done(&mut self, run: &Run, measurement: &Measurement) {
        let seen = &measurement.seen;
        let p99 = seen.delivery.percentile(99.0).map_or_else(|| "–".to_owned(), milliseconds);
        let mut line = format!("{}: {} received, p99 {p99}", describe(run), seen.received);
        for reason in &measurement.invalid {
            let _ = write!(line, "; invalid: {reason}");
        }
        match self {
            Self::Nothing => {}
            Self::Lines { done, runs } => {
                *done += 1;
                print::talk(&format!("[{done}/{runs}] {line}"));
            }
            Self::Bar(bar) => {
                bar.inc(1);
                if !measurement.invalid.is_empty() {
                    bar.println(line);
                }
            }
        }
    }

    /// A line of talk beside the progress.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Nothing => {}
            Self::Lines { .. } => print::talk(line),
            Self::Bar(bar) => bar.suspend(|| print::talk(line)),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn describe(run: &Run) -> String {
    let subscribers = if run.subscribers == 1 { "subscriber" } else { "subscribers" };
    format!("{} {} {subscribers}", run.transport, run.subscribers)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
