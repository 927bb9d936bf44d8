//! `runs.csv`: a line for each run, written as soon as the run ends.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::table::{CsvWriter, read_values};
use crate::columns::{COLUMNS, FIRST_COLUMNS};
use crate::error::{ReadError, WriteError};
use crate::row::Row;

/// A `runs.csv` that is being written.
#[derive(Debug)]
pub struct RunsCsv(CsvWriter);

impl RunsCsv {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// If the file exists already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        CsvWriter::create(path.into(), COLUMNS).map(Self)
    }

    /// Creates the file, or overwrites it, and writes its header.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn overwrite(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        let path = path.into();
        match File::create(&path) {
            Ok(file) => CsvWriter::begin(path, file, COLUMNS).map(Self),
            Err(source) => Err(WriteError::Io { path, source }),
        }
    }

    /// Appends a row and hands it to the system at once, so that a later failure does not lose it.
    pub fn append(&mut self, row: &Row) -> Result<(), WriteError> {
        self.0.append(row.values())
    }
}

/// Reads a `runs.csv`.
///
/// Columns are found by their names. Those that this version does not know are ignored; those that
/// were appended after [`FIRST_COLUMNS`] are blank if the file lacks them.
///
/// # Errors
///
/// The error names the line and what to do about it. Nothing is read from a file with an error in
/// any line.
pub fn read(path: &Path) -> Result<Vec<Row>, ReadError> {
    read_values(path, COLUMNS, FIRST_COLUMNS)
        .map(|lines| lines.into_iter().map(Row::of_values).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::Invalid;

    use super::*;
    use crate::testing::{measurement, record, run};
    use crate::value::Value;

    fn rows() -> Vec<Row> {
        let (mut run, mut measurement) = (run(), measurement());
        let valid = Row::of(&record(&run, &measurement));
        "run, \"quoted\"\nover two lines".clone_into(&mut run.id);
        run.interval = Some(std::time::Duration::from_millis(250));
        measurement.published = None;
        measurement.server = None;
        measurement.invalid =
            vec![Invalid::Missing { missing: 2, expected: 30 }, Invalid::Interrupted];
        vec![valid, Row::of(&record(&run, &measurement))]
    }

    /// A file as wirebench writes it, with these rows.
    fn written(rows: &[Row]) -> String {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        let mut file = RunsCsv::create(&path).unwrap();
        for row in rows {
            file.append(row).unwrap();
        }
        fs::read_to_string(&path).unwrap()
    }

    fn read_text(text: &str) -> Result<Vec<Row>, String> {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        fs::write(&path, text).unwrap();
        read(&path).map_err(|error| {
            error.to_string().replace(&*folder.path().to_string_lossy(), "results/fan-out")
        })
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let rows = rows();
        assert_eq!(read_text(&written(&rows)).unwrap(), rows);
    }

    #[test]
    fn a_row_is_in_the_file_as_soon_as_it_is_appended() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        let mut file = RunsCsv::create(&path).unwrap();
        assert_eq!(read(&path).unwrap(), [], "a header alone is a file without runs");
        for (count, row) in (1..).zip(&rows()) {
            file.append(row).unwrap();
            assert_eq!(read(&path).unwrap().len(), count);
        }
    }

    #[test]
    fn results_are_never_overwritten() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        RunsCsv::create(&path).unwrap();
        assert!(matches!(RunsCsv::create(&path), Err(WriteError::Exists { .. })));
    }

    #[test]
    fn the_header_and_a_row_look_like_this() {
        assert_snapshot!(written(&rows()[..1]));
    }

    #[test]
    fn columns_are_found_by_name_and_unknown_ones_ignored() {
        let rows = rows();
        let text = written(&rows[..1]);
        let (header, line) = text.trim_end().split_once('\n').unwrap();
        let moved = format!("mood,{header}\ngood,{line}\n");
        assert_eq!(read_text(&moved).unwrap(), rows[..1]);
    }

    #[test]
    fn a_file_from_before_a_column_was_appended_is_blank_there() {
        let text = written(&rows()[..1]);
        let first = |line: &str| line.split(',').take(FIRST_COLUMNS).collect::<Vec<_>>().join(",");
        let old: String = text.lines().map(|line| first(line) + "\n").collect();
        let row = &read_text(&old).unwrap()[0];
        assert_eq!(row.text("transport"), Some("long-polling"));
        assert_eq!(row.value("pace"), Some(&Value::Blank));
    }

    #[test]
    fn lines_that_end_as_on_windows_are_read_too() {
        let rows = rows();
        let text = written(&rows[..1]).replace('\n', "\r\n");
        assert_eq!(read_text(&text).unwrap(), rows[..1]);
    }

    #[test]
    fn an_empty_file_is_reported() {
        assert_snapshot!(read_text("").unwrap_err());
    }

    #[test]
    fn a_missing_file_is_reported() {
        let error = read(Path::new("no/such/runs.csv")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `no/such/runs.csv`");
    }

    #[test]
    fn missing_columns_are_named() {
        let text = written(&[]).replace("delivery_p99_us,", "").replace("received,", "");
        assert_snapshot!(read_text(&text).unwrap_err());
    }

    #[test]
    fn another_version_is_reported_before_its_missing_columns() {
        assert_snapshot!(read_text("schema_version,delivery\n2,26170\n").unwrap_err());
    }

    #[test]
    fn a_line_that_was_cut_between_two_others_is_named() {
        let text = written(&rows()[..1]);
        let (header, line) = text.trim_end().split_once('\n').unwrap();
        let cut = format!("{header}\n{line}\n{}\n{line}\n", &line[..40]);
        assert_snapshot!(read_text(&cut).unwrap_err());
    }

    #[test]
    fn a_last_line_that_was_cut_anywhere_is_named() {
        let text = written(&rows()[..1]);
        let header = text.find('\n').unwrap() + 1;
        for end in header + 1..text.len() {
            let error = read_text(&text[..end]).unwrap_err();
            assert!(error.contains("runs.csv:2: the last line has no line end"), "{error}");
        }
        assert_snapshot!(read_text(&text[..header + 40]).unwrap_err());
    }

    #[test]
    fn a_field_that_is_not_a_number_is_named() {
        let text =
            written(&rows()[..1]).replace("long-polling,1,false,3,", "long-polling,1,false,many,");
        assert_snapshot!(read_text(&text).unwrap_err());
    }
}
