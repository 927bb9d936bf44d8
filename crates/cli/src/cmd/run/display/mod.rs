//! The progress of the runs: a live view on a terminal, lines elsewhere, nothing with `--quiet`.

mod live_view;
mod names;
mod sparkline;

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use wirebench_loadgen::Progress;
use wirebench_measure::Measurement;
use wirebench_scenario::{Run, Scenario, TopTable};

use self::live_view::LiveView;
use self::names::Names;
use crate::print::{self, milliseconds};

/// The least width of a terminal that has room for the live view.
const MIN_LIVE_WIDTH: usize = 60;

/// How progress is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Not at all.
    Quiet,
    /// A line for each run.
    Plain,
    /// A view that changes each second, if standard error is a terminal that has room for it.
    /// Otherwise as with `Plain`.
    Live,
}

/// Shows the progress of the runs.
#[derive(Debug)]
pub(super) struct Display {
    output: Output,
    names: Names,
    done: usize,
    runs: usize,
}

/// How progress is shown.
#[derive(Debug)]
enum Output {
    Nothing,
    /// A line for each run, for logs.
    Lines,
    Live(Box<Live>),
}

/// The live view, and where it is drawn.
#[derive(Debug)]
struct Live {
    view: LiveView,
    /// Draws text below what was printed, and draws it anew when it changes.
    bar: ProgressBar,
    /// When the run began that is under way.
    began: Option<Instant>,
}

impl Live {
    fn new(runs: &[Run]) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self { view: LiveView::new(runs), bar, began: None }
    }

    fn draw(&self) {
        let elapsed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        // The terminal may have been made narrower since. A line that is broken is still readable.
        let width = print::talk_width().unwrap_or(MIN_LIVE_WIDTH);
        self.bar.set_message(self.view.text(width, elapsed));
    }
}

impl Output {
    fn new(manner: Manner, runs: &[Run]) -> Self {
        let has_room = || {
            let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
            !dumb && print::talk_width().is_some_and(|width| width >= MIN_LIVE_WIDTH)
        };
        match manner {
            Manner::Quiet => Self::Nothing,
            Manner::Live if std::io::stderr().is_terminal() && has_room() => {
                Self::Live(Box::new(Live::new(runs)))
            }
            Manner::Live | Manner::Plain => Self::Lines,
        }
    }
}

impl Display {
    /// Returns a display for these runs.
    pub(super) fn new(manner: Manner, runs: &[Run]) -> Self {
        let (output, names) = (Output::new(manner, runs), Names::of(runs));
        Self { output, names, done: 0, runs: runs.len() }
    }

    /// Shows which scenario is run, and where its results go.
    pub(super) fn scenario(&self, scenario: &Scenario, folder: &Path) {
        let TopTable { name, about, .. } = &scenario.top;
        self.say(&format!("{name}: {}", if about.is_empty() { name } else { about }));
        self.say(&format!("writing to {}", folder.display()));
    }

    /// Shows what a run is doing.
    pub(super) fn progress(&mut self, run: &Run, progress: &Progress) {
        if let Output::Live(live) = &mut self.output {
            if live.view.is_new(run) {
                live.began = Some(Instant::now());
                live.view.begin(run, self.names.name(run));
            }
            live.view.observe(progress);
            live.draw();
        }
    }

    /// Shows the result of a run, in a line that stays.
    pub(super) fn run_done(&mut self, run: &Run, measurement: &Measurement) {
        let seen = &measurement.seen;
        let p99 =
            measurement.delivery().percentile(99.0).map_or_else(|| "–".to_owned(), milliseconds);
        let name = self.names.name(run);
        self.done += 1;
        let mut line =
            format!("[{}/{}] {name}: {} received, p99 {p99}", self.done, self.runs, seen.received);
        for reason in &measurement.invalid {
            let _ = write!(line, "; invalid: {reason}");
        }
        if let Output::Live(live) = &mut self.output {
            live.view.end();
            live.began = None;
        }
        self.say(&line);
        if let Output::Live(live) = &self.output {
            live.draw();
        }
    }

    /// Prints a text beside the progress.
    pub(super) fn say(&self, text: &str) {
        match &self.output {
            Output::Nothing => {}
            Output::Lines => print::talk(text),
            Output::Live(live) => live.bar.suspend(|| print::talk(text)),
        }
    }

    /// Removes the live view. The lines stay.
    pub(super) fn finish(&self) {
        if let Output::Live(live) = &self.output {
            live.bar.finish_and_clear();
        }
    }
}
