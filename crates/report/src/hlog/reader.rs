//! Reads `latency.hlog`: the histograms of each run, over all its seconds.
//!
//! Any log in HdrHistogram's format with tags can be read. A log with an error in any line is
//! rejected as a whole. [`Histograms::check`] compares it to the `runs.csv` beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use crate::row::Row;

/// The delivery histograms of a run folder, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histograms {
    path: PathBuf,
    runs: BTreeMap<String, Tagged>,
}

/// What a log has of one run.
#[derive(Clone, Debug)]
struct Tagged {
    /// The line of its first interval, from 1.
    line: usize,
    /// All intervals, merged.
    histogram: Histogram<u64>,
}

/// A histogram log that cannot be read, or that belongs to other runs than those beside it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// The file cannot be opened or read, or is not text.
    #[error("cannot read `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is not an interval.
    #[error(
        "{path}:{line}: {found}: expected `Tag=<run id>,<start>,<length>,<max>,<histogram>`\n\n\
         the line was cut, or edited by hand; delete it to read the others"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        found: &'static str,
    },
    /// There are intervals of a run that `runs.csv` does not have.
    #[error(
        "{path}:{line}: run `{tag}` has no row in `runs.csv`: expected the histograms of its \
         runs\n\n\
         the log is of another folder; compare the `runs.csv` alone to do without histograms"
    )]
    NoRow {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The run's id.
        tag: String,
    },
    /// A run of `runs.csv` with deliveries has no intervals.
    #[error(
        "{path}: no histogram of run `{run_id}`, which has deliveries in `runs.csv`: expected \
         one\n\n\
         the log is of another folder, or was cut; compare the `runs.csv` alone to do without \
         histograms"
    )]
    NoIntervals {
        /// The file.
        path: PathBuf,
        /// The run's id.
        run_id: String,
    },
}

impl Histograms {
    /// Reads a log.
    ///
    /// # Errors
    ///
    /// The error names the line that is not an interval. A last line without a line end was cut.
    pub fn read(path: &Path) -> Result<Self, HistogramError> {
        let text = fs::read_to_string(path)
            .map_err(|source| HistogramError::Io { path: path.to_owned(), source })?;
        let mut deserializer = Deserializer::new();
        let mut histograms = Self { path: path.to_owned(), runs: BTreeMap::new() };
        for (line, content) in (1..).zip(text.split_inclusive('\n')) {
            histograms
                .add(line, content, &mut deserializer)
                .map_err(|found| HistogramError::Line { path: path.to_owned(), line, found })?;
        }
        Ok(histograms)
    }

    /// Returns all deliveries of a run; `None` if the log has no run of this id.
    pub fn of_run(&self, run_id: &str) -> Option<&Histogram<u64>> {
        self.runs.get(run_id).map(|tagged| &tagged.histogram)
    }

    /// Checks that the log belongs to these runs.
    ///
    /// # Errors
    ///
    /// If there are intervals without a row, or a row with deliveries but without intervals. The
    /// last run of the log may have no row, because it may have been cut short by a server that
    /// went away.
    pub fn check(&self, rows: &[Row]) -> Result<(), HistogramError> {
        let path = || self.path.clone();
        let ids: Vec<&str> = rows.iter().filter_map(|row| row.text("run_id")).collect();
        let deliveries = || self.runs.iter().filter(|(tag, _)| run_of(tag) == tag.as_str());
        let last = deliveries().max_by_key(|(_, tagged)| tagged.line).map(|(tag, _)| tag.as_str());
        let stray = self.runs.iter().filter(|(tag, _)| {
            let run = run_of(tag);
            !ids.contains(&run) && (Some(run) != last || ids.is_empty())
        });
        if let Some((tag, tagged)) = stray.min_by_key(|(_, tagged)| tagged.line) {
            return Err(HistogramError::NoRow {
                path: path(),
                line: tagged.line,
                tag: run_of(tag).to_owned(),
            });
        }
        let delivered = rows.iter().filter(|row| row.number("delivery_max_us").is_some());
        match delivered.filter_map(|row| row.text("run_id")).find(|id| self.of_run(id).is_none()) {
            Some(id) => Err(HistogramError::NoIntervals { path: path(), run_id: id.to_owned() }),
            None => Ok(()),
        }
    }

    fn add(
        &mut self,
        line: usize,
        content: &str,
        deserializer: &mut Deserializer,
    ) -> Result<(), &'static str> {
        let Some(content) = content.strip_suffix('\n') else { return Err("no line end") };
        let content = content.trim_end();
        if content.is_empty() || content.starts_with(['#', '"']) {
            return Ok(());
        }
        let (tag, histogram) = interval(content, deserializer)?;
        if let Some(tagged) = self.runs.get_mut(tag) {
            tagged.histogram.add(histogram).map_err(|_| "a value beyond those of the lines before")
        } else {
            self.runs.insert(tag.to_owned(), Tagged { line, histogram });
            Ok(())
        }
    }
}

/// Returns the run that a tag belongs to. What subscribers sent has tags such as
/// `001-sse.upstream-ack`; ids of runs have no full stop.
fn run_of(tag: &str) -> &str {
    tag.split_once('.').map_or(tag, |(run, _)| run)
}

fn interval<'a>(
    line: &'a str,
    deserializer: &mut Deserializer,
) -> Result<(&'a str, Histogram<u64>), &'static str> {
    let fields: Vec<&str> = line.split(',').collect();
    let &[tag, start, length, max, encoded] = fields.as_slice() else {
        return Err("not five fields");
    };
    let tag = tag.strip_prefix("Tag=").ok_or("no tag")?;
    if [start, length, max].iter().any(|number| number.parse::<f64>().is_err()) {
        return Err("a time that is not a number");
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| "a histogram that is not Base64")?;
    let histogram = deserializer
        .deserialize(&mut bytes.as_slice())
        .map_err(|_| "a histogram that does not decode")?;
    Ok((tag, histogram))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::Second;
    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::hlog::{LatencyLog, LogStart};
    use crate::testing::{measurement, record, run, second, sent_and_received};

    /// Returns a log as wirebench writes it, of two runs that take turns.
    fn written() -> String {
        let folder = tempdir().unwrap();
        let path = folder.path().join("latency.hlog");
        let start = LogStart { wall: SystemTime::UNIX_EPOCH, clock: Timestamp::from_nanos(0) };
        let mut log = LatencyLog::create(&path, start).unwrap();
        for (run, millis) in [
            ("long-polling-1", vec![25, 26]),
            ("sse-1", vec![30]),
            ("long-polling-1", vec![]),
            ("long-polling-1", vec![1_000]),
        ] {
            log.append(run, &second(&millis)).unwrap();
        }
        fs::read_to_string(&path).unwrap()
    }

    fn read(text: &str) -> Result<Histograms, String> {
        let folder = tempdir().unwrap();
        let path = folder.path().join("latency.hlog");
        fs::write(&path, text).unwrap();
        Histograms::read(&path)
            .map(|histograms| Histograms {
                path: "results/fan-out/latency.hlog".into(),
                ..histograms
            })
            .map_err(|error| {
                error.to_string().replace(&*folder.path().to_string_lossy(), "results/fan-out")
            })
    }

    fn row(id: &str) -> Row {
        let run = wirebench_scenario::Run { id: id.to_owned(), ..run() };
        Row::of(&record(&run, &measurement()))
    }

    #[test]
    fn the_seconds_of_a_run_are_merged_into_one_histogram() {
        let histograms = read(&written()).unwrap();
        let all = second(&[25, 26, 1_000]).seen.delivery;
        assert_eq!(histograms.of_run("long-polling-1"), Some(all.histogram()));
        assert_eq!(histograms.of_run("sse-1").map(Histogram::len), Some(1));
        assert_eq!(histograms.of_run("websocket-1"), None);
        histograms.check(&[row("sse-1"), row("long-polling-1")]).unwrap();
    }

    #[test]
    fn what_subscribers_sent_has_histograms_of_its_own() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("latency.hlog");
        let start = LogStart { wall: SystemTime::UNIX_EPOCH, clock: Timestamp::from_nanos(0) };
        let mut log = LatencyLog::create(&path, start).unwrap();
        let seconds = [second(&[25]), Second { seen: sent_and_received(), ..second(&[]) }];
        for second in &seconds {
            log.append("sse-1", second).unwrap();
        }
        let histograms = Histograms::read(&path).unwrap();
        histograms.check(&[row("sse-1")]).unwrap();
        assert_eq!(histograms.of_run("sse-1").map(Histogram::len), Some(31));
        let sent = &seconds[1].seen.upstream;
        for (tag, latency) in [
            ("sse-1.upstream-ack", &sent.ack),
            ("sse-1.upstream-echo", &sent.echo),
            ("sse-1.upstream-others", &sent.others),
        ] {
            assert_eq!(histograms.of_run(tag), Some(latency.histogram()), "{tag}");
        }
        log.append("other-1", &seconds[1]).unwrap();
        log.append("sse-2", &seconds[0]).unwrap();
        let strays = Histograms::read(&path).unwrap().check(&[row("sse-1")]).unwrap_err();
        assert!(strays.to_string().contains("run `other-1` has no row"), "{strays}");
    }

    #[test]
    fn a_tag_without_a_row_is_named_with_its_line() {
        let (first, last) = ("long-polling-1", "sse-1");
        let error = read(&written()).unwrap().check(&[row(last)]).unwrap_err();
        assert!(error.to_string().contains(first), "{error}");
        assert_snapshot!(error);
    }

    #[test]
    fn the_last_run_of_a_log_may_have_been_cut_short() {
        read(&written()).unwrap().check(&[row("long-polling-1")]).unwrap();
        assert!(
            read(&written()).unwrap().check(&[]).is_err(),
            "a log of runs that were not measured"
        );
    }

    #[test]
    fn a_row_without_intervals_is_named() {
        let rows = ["sse-1", "long-polling-1", "websocket-1"].map(row);
        assert_snapshot!(read(&written()).unwrap().check(&rows).unwrap_err());
    }

    #[test]
    fn a_corrupted_line_is_named() {
        let text = written();
        let lines: Vec<&str> = text.lines().collect();
        let corrupted = text.replace(lines[5], &lines[5].replace("HISTF", "HISTX"));
        assert_ne!(text, corrupted);
        assert_snapshot!(read(&corrupted).unwrap_err());
    }

    #[test]
    fn a_log_that_was_cut_anywhere_in_a_line_is_reported() {
        let text = written();
        let last = text.trim_end().rfind('\n').unwrap() + 1;
        for end in last + 1..text.len() {
            let error = read(&text[..end]).unwrap_err();
            assert!(error.contains("latency.hlog:8: no line end"), "{error}");
        }
        assert_snapshot!(read(&text[..last + 40]).unwrap_err());
    }

    #[test]
    fn a_line_that_is_no_interval_is_reported_with_what_is_wrong() {
        for (line, found) in [
            ("0.000,1.000,26.000,HIST\n", "not five fields"),
            ("run,0.000,1.000,26.000,HIST\n", "no tag"),
            ("Tag=a,0.000,soon,26.000,HIST\n", "a time that is not a number"),
            ("Tag=a,0.000,1.000,26.000,HI*T\n", "a histogram that is not Base64"),
            ("Tag=a,0.000,1.000,26.000,HIST\n", "a histogram that does not decode"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(&format!(":1: {found}: expected")), "{error}");
        }
    }
}
