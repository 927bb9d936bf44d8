//! Reads `latency.hlog` with an independent reader, Python's `hdrhistogram`.

mod support;

use std::fs;
use std::process::Command;

use support::{is_there, measure};
use tempfile::TempDir;

/// Reads a log and prints, for each tag, how many values there are, their mean and the largest, in
/// ns. It prints no percentiles, because with few values readers differ in which of two
/// neighbouring values they return.
const READER: &str = r"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
runs = {}
whole = HdrHistogram(1, 3_600_000_000_000, 3)
reader = HistogramLogReader(sys.argv[1], whole)
while (interval := reader.get_next_interval_histogram()) is not None:
    tag = interval.get_tag()
    if tag not in runs:
        runs[tag] = HdrHistogram(1, 3_600_000_000_000, 3)
    runs[tag].add(interval)
for tag, histogram in runs.items():
    print(tag, histogram.get_total_count(), histogram.get_mean_value(), histogram.get_max_value())
";

/// Returns true if the reader is installed, or skips the test.
fn reader_is_there() -> bool {
    let imported = Command::new("python3").args(["-c", "import hdrh.log"]).output();
    let there = imported.is_ok_and(|output| output.status.success());
    is_there(there, "`hdrhistogram` for python3", "WIREBENCH_REQUIRE_PYTHON_READER")
}

#[test]
fn python_reads_the_numbers_of_runs_csv_from_the_log() {
    if !reader_is_there() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let scenario = "feed = { rate = 50 }\ncrowd = { subscribers = 5, ramp = \"50ms\" }\n\
                    timing = { warm-up = \"0s\", measure = \"2s\", drain = \"2s\" }\n\
                    link = { delay = \"3ms\" }\nshort-polling = { interval = \"100ms\" }\n";
    fs::write(folder.path().join("x.toml"), scenario).unwrap();
    let ended = measure(folder.path(), &["x.toml", "--quiet"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let log = folder.path().join("out/latency.hlog");
    let read = Command::new("python3").args(["-c", READER]).arg(&log).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read = String::from_utf8(read.stdout).unwrap();
    let rows = wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap();
    assert_eq!(read.lines().count(), rows.len(), "{read}");
    for row in &rows {
        let id = row.text("run_id").unwrap();
        let line = read.lines().find(|line| line.split(' ').next() == Some(id)).unwrap();
        let numbers: Vec<f64> = line.split(' ').skip(1).map(|text| text.parse().unwrap()).collect();
        let expected = ["received", "delivery_mean_us", "delivery_max_us"]
            .map(|column| row.number(column).unwrap());
        let found = [numbers[0], numbers[1] / 1e3, numbers[2] / 1e3];
        for (found, expected) in found.into_iter().zip(expected) {
            let ratio = found / expected;
            assert!((ratio - 1.0).abs() < 0.002, "{id}: {line}, expected {expected}");
        }
    }
}
