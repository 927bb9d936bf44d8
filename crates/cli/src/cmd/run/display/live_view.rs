//! What a run is doing, as text that changes each second.

use std::fmt::Write;
use std::time::Duration;

use wirebench_loadgen::Progress;
use wirebench_measure::Second;
use wirebench_scenario::Run;

use super::sparkline::Scale;
use crate::print::{milliseconds, minutes, thousands};

/// The most seconds that a line of bars shows.
const MAX_SECONDS: usize = 60;

/// What there is to see of the runs of a scenario.
#[derive(Debug)]
pub(super) struct LiveView {
    runs: usize,
    done: usize,
    /// How long all runs take that are not done, without that under way.
    waiting: Duration,
    current: Option<CurrentRun>,
    /// The seconds of the newest run of each, in the order in which they were first seen.
    lines: Vec<Line>,
}

/// The run that is under way.
#[derive(Debug)]
struct CurrentRun {
    id: String,
    name: String,
    line: usize,
    takes: Duration,
    /// The length of the window.
    measure: Duration,
    /// How many deliveries each published message makes.
    recipients: f64,
    doing: String,
    published: Option<u64>,
    received: u64,
    figures: Option<Figures>,
}

/// A transport, or a target server over it, with the p99 of each second.
#[derive(Debug)]
struct Line {
    name: String,
    p99s: Vec<Option<Duration>>,
}

/// What the newest second says.
#[derive(Debug)]
struct Figures {
    deliveries_per_second: Option<f64>,
    p99: Option<Duration>,
    server: Option<f64>,
    load_generator: Option<f64>,
}

impl LiveView {
    pub(super) fn new(runs: &[Run]) -> Self {
        let waiting = runs.iter().map(takes).sum();
        Self { runs: runs.len(), done: 0, waiting, current: None, lines: Vec::new() }
    }

    /// Returns true if this is not the run that is under way.
    pub(super) fn is_new(&self, run: &Run) -> bool {
        self.current.as_ref().is_none_or(|current| current.id != run.id)
    }

    /// A run begins.
    pub(super) fn begin(&mut self, run: &Run, name: String) {
        let line = self.line_of(run);
        let published = run.published_per_second();
        self.waiting = self.waiting.saturating_sub(takes(run));
        self.current = Some(CurrentRun {
            id: run.id.clone(),
            name,
            line,
            takes: takes(run),
            measure: run.timing.measure,
            recipients: if published > 0.0 { run.deliveries_per_second() / published } else { 0.0 },
            doing: String::new(),
            published: Some(0),
            received: 0,
            figures: None,
        });
    }

    /// Something happened in the run that is under way.
    pub(super) fn observe(&mut self, progress: &Progress) {
        let Some(current) = &mut self.current else { return };
        match progress {
            Progress::Ramp { subscribed, wanted } => {
                let [subscribed, wanted] = [*subscribed, *wanted].map(thousands);
                current.doing = format!("connecting {subscribed} of {wanted}");
            }
            Progress::WarmUp => "warming up".clone_into(&mut current.doing),
            Progress::Second(second) => {
                current.observe(second);
                self.lines[current.line].p99s.push(second.delivery().percentile(99.0));
            }
        }
    }

    /// The run that was under way has ended.
    pub(super) fn end(&mut self) {
        self.done += 1;
        self.current = None;
    }

    /// Returns the text, in lines of at most `width` characters where names allow it. `elapsed` is
    /// the age of the run that is under way.
    pub(super) fn text(&self, width: usize, elapsed: Duration) -> String {
        let mut text = String::new();
        if let Some(current) = &self.current {
            let _ = writeln!(text, "[{}/{}] {}", self.done + 1, self.runs, current.name);
            let left = self.waiting + current.takes.saturating_sub(elapsed);
            let _ = writeln!(text, "  {} · {} left", current.doing, minutes(left));
            if let Some(figures) = &current.figures {
                let _ = writeln!(text, "  {}", figures.arriving(current.outstanding()));
                let _ = writeln!(text, "  {}", figures.processors());
            }
        }
        text.push_str(&self.bars(width));
        text.trim_end().to_owned()
    }

    /// Returns a line of bars for each transport.
    fn bars(&self, width: usize) -> String {
        let all = self.lines.iter().flat_map(|line| line.p99s.iter().flatten().copied());
        let Some(scale) = Scale::of(all) else { return String::new() };
        let names = self.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
        let mut text = String::from("p99 of each second, all on one logarithmic scale\n");
        // Two spaces, the name, a space, the p99 in 11 characters, two spaces, the bars.
        let room = width.saturating_sub(names + 16).clamp(1, MAX_SECONDS);
        for Line { name, p99s } in &self.lines {
            let newest = p99s.iter().rev().find_map(|p99| *p99);
            let newest = newest.map_or_else(|| "–".to_owned(), milliseconds);
            let shown = p99s[p99s.len().saturating_sub(room)..].iter().copied();
            let bars = scale.line(shown);
            let _ = writeln!(text, "  {name:names$} {newest:>11}  {bars}");
        }
        text
    }

    /// Returns the place of the line of a run, which is empty: a run begins.
    fn line_of(&mut self, run: &Run) -> usize {
        let name = match &run.target {
            None => run.transport.to_string(),
            Some(target) => format!("{} {}", target.name(), run.transport),
        };
        let place = self.lines.iter().position(|line| line.name == name);
        let place = place.unwrap_or_else(|| {
            self.lines.push(Line { name, p99s: Vec::new() });
            self.lines.len() - 1
        });
        self.lines[place].p99s.clear();
        place
    }
}

impl CurrentRun {
    fn observe(&mut self, second: &Second) {
        let of = self.measure.as_millis().div_ceil(1_000);
        self.doing = if u128::from(second.index) >= of {
            "waiting for what is under way".to_owned()
        } else {
            format!("second {} of {of}", second.index + 1)
        };
        self.published = self.published.zip(second.published).map(|(before, more)| before + more);
        self.received += second.seen.received;
        let length = second.length.as_secs_f64();
        self.figures = Some(Figures {
            deliveries_per_second: (length > 0.1).then(|| float(second.seen.received) / length),
            p99: second.delivery().percentile(99.0),
            server: second.server_cpu_ratio(),
            load_generator: second.loadgen_cpu_ratio(),
        });
    }

    /// Returns how many deliveries are due and have not arrived, as far as is known.
    fn outstanding(&self) -> Option<u64> {
        Some(whole(float(self.published?) * self.recipients).saturating_sub(self.received))
    }
}

impl Figures {
    fn arriving(&self, outstanding: Option<u64>) -> String {
        let rate = self.deliveries_per_second.map(|rate| thousands(whole(rate)));
        let outstanding = outstanding.map(thousands);
        format!(
            "{} deliveries/s · p99 {} · {} under way or missing",
            known(rate),
            known(self.p99.map(milliseconds)),
            known(outstanding)
        )
    }

    fn processors(&self) -> String {
        let share = |ratio: Option<f64>| known(ratio.map(|ratio| format!("{:.0} %", ratio * 1e2)));
        let (server, load_generator) = (share(self.server), share(self.load_generator));
        format!("of a core: server {server}, load generator {load_generator}")
    }
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count: ≥ 0")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

/// Returns how long a run takes if nothing is missing. The drain ends with the last message.
fn takes(run: &Run) -> Duration {
    run.duration().saturating_sub(run.timing.drain)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirebench_measure::{CpuTime, Recorder};
    use wirebench_protocol::Timestamp;
    use wirebench_scenario::{Overrides, Scenario};

    use super::*;

    const SCENARIO: &str = "transports = [\"short-polling\", \"sse\"]\nfeed = { rate = 10 }\n\
        crowd = { subscribers = 100, ramp = \"1s\" }\n\
        timing = { warm-up = \"1s\", measure = \"10s\" }";

    fn runs() -> Vec<Run> {
        let parsed = Scenario::parse("x", SCENARIO, Path::new(""), &Overrides::default());
        let mut runs = parsed.expect("a valid scenario").runs(1);
        runs.sort_by_key(|run| run.transport);
        runs
    }

    fn second(index: u64, delay_ms: u64, received: u64) -> Progress {
        let mut seen = Recorder::new();
        seen.received = received;
        seen.delivery.record_many(Duration::from_millis(delay_ms), received);
        Progress::Second(Box::new(Second {
            index,
            from: Timestamp::now(),
            length: Duration::from_secs(1),
            published: Some(10),
            seen,
            clock_bound: None,
            connections: 100,
            bytes_up: 0,
            bytes_down: 0,
            server_cpu: Some(CpuTime {
                used: Duration::from_millis(120),
                elapsed: Duration::from_secs(1),
            }),
            server_rss_bytes: None,
            loadgen_cpu: CpuTime {
                used: Duration::from_millis(80),
                elapsed: Duration::from_secs(1),
            },
        }))
    }

    #[test]
    fn a_run_that_connects_has_no_figures_yet() {
        let (runs, mut view) = (runs(), LiveView::new(&runs()));
        assert!(view.is_new(&runs[0]));
        view.begin(&runs[0], "short-polling".to_owned());
        assert!(!view.is_new(&runs[0]));
        view.observe(&Progress::Ramp { subscribed: 50, wanted: 100 });
        let text = view.text(80, Duration::from_millis(500));
        assert_eq!(text, "[1/2] short-polling\n  connecting 50 of 100 · 23 s left");
    }

    #[test]
    fn the_seconds_of_two_transports_are_drawn_on_one_scale() {
        let (runs, mut view) = (runs(), LiveView::new(&runs()));
        view.begin(&runs[0], "short-polling".to_owned());
        for index in 0..3 {
            view.observe(&second(index, 1_000, 1_000));
        }
        view.end();
        view.begin(&runs[1], "sse".to_owned());
        for (index, delay_ms, received) in [(0, 25, 1_000), (1, 30, 997), (2, 25, 1_000)] {
            view.observe(&second(index, delay_ms, received));
        }
        insta::assert_snapshot!(view.text(80, Duration::from_secs(5)));
        let narrow = view.text(60, Duration::from_secs(5));
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_the_drain_is_no_second_of_the_window() {
        let (runs, mut view) = (runs(), LiveView::new(&runs()));
        view.begin(&runs[0], "short-polling".to_owned());
        let Progress::Second(mut last) = second(10, 1_000, 5) else { unreachable!() };
        last.published = None;
        last.server_cpu = None;
        last.length = Duration::from_millis(50);
        view.observe(&Progress::Second(last));
        let text = view.text(80, Duration::from_secs(13));
        assert!(text.contains("waiting for what is under way"), "{text}");
        assert!(text.contains("– deliveries/s"), "{text}");
        assert!(text.contains("– under way or missing"), "{text}");
        assert!(text.contains("server –, load generator 8 %"), "{text}");
    }
}
