//! `timeline.csv`: a line for each second of each run.

use std::path::{Path, PathBuf};

use super::table::{CsvWriter, read_values};
use crate::columns::{FIRST_TIMELINE_COLUMNS, TIMELINE_COLUMNS};
use crate::error::{ReadError, WriteError};
use crate::row::TimelineRow;

/// A `timeline.csv` that is being written.
#[derive(Debug)]
pub struct TimelineCsv(CsvWriter);

impl TimelineCsv {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// If the file exists already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        CsvWriter::create(path.into(), TIMELINE_COLUMNS).map(Self)
    }

    /// Appends a row and hands it to the system at once.
    pub fn append(&mut self, row: &TimelineRow) -> Result<(), WriteError> {
        self.0.append(row.values())
    }
}

/// Reads a `timeline.csv`, by the rules of [`read`](crate::read).
pub fn read_timeline(path: &Path) -> Result<Vec<TimelineRow>, ReadError> {
    read_values(path, TIMELINE_COLUMNS, FIRST_TIMELINE_COLUMNS)
        .map(|lines| lines.into_iter().map(TimelineRow::of_values).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::{CpuTime, Recorder, Second};
    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::columns::SecondRecord;
    use crate::testing::{measurement, run};
    use crate::value::Value;

    fn cpu(used_micros: u64, elapsed_millis: u64) -> CpuTime {
        let elapsed = Duration::from_millis(elapsed_millis);
        CpuTime { used: Duration::from_micros(used_micros), elapsed }
    }

    fn seconds() -> [Second; 2] {
        let full = Second {
            index: 0,
            from: Timestamp::from_nanos(5_000_000_000),
            length: Duration::from_secs(1),
            published: Some(10),
            seen: measurement().seen,
            clock_bound: None,
            connections: 3,
            bytes_up: 8_190,
            bytes_down: 16_770,
            server_cpu: Some(cpu(1_540, 1_000)),
            server_rss_bytes: Some(7_864_320),
            loadgen_cpu: cpu(23_400, 1_000),
        };
        let quiet = Second {
            index: 1,
            length: Duration::from_millis(400),
            published: None,
            seen: Recorder::new(),
            server_cpu: None,
            server_rss_bytes: None,
            loadgen_cpu: cpu(9_360, 400),
            ..full.clone()
        };
        [full, quiet]
    }

    #[test]
    fn what_is_written_reads_back_the_same_and_looks_like_this() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("timeline.csv");
        let run = run();
        let rows =
            seconds().map(|second| TimelineRow::of(&SecondRecord { run: &run, second: &second }));
        let mut file = TimelineCsv::create(&path).unwrap();
        for row in &rows {
            file.append(row).unwrap();
        }
        assert_eq!(read_timeline(&path).unwrap(), rows);
        assert_snapshot!(fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn a_file_from_before_a_column_was_appended_reads_with_that_column_blank() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("timeline.csv");
        let names: Vec<&str> = TIMELINE_COLUMNS[..18].iter().map(|column| column.name).collect();
        assert_eq!(names.last(), Some(&"loadgen_lag_p99_us"));
        let header = names.join(",");
        fs::write(&path, format!("{header}\n1,sse-1,sse,0,10,30,,,,0,0,3,8190,16770,,,0.0234,\n"))
            .unwrap();
        let rows = read_timeline(&path).unwrap();
        assert_eq!(rows[0].number("received"), Some(30.0));
        assert_eq!(rows[0].value("length_s"), Some(&Value::Blank));
    }
}
