//! One side of a comparison: run folders, or `runs.csv` files without the rest of the folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use crate::columns::RunColumn;
use crate::csv;
use crate::error::ReadError;
use crate::hlog::{HistogramError, Histograms};
use crate::row::Row;

/// One side of a comparison: all runs of one or more folders.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub(super) sources: Vec<ResultFiles>,
}

/// The files of one folder, or one `runs.csv`.
#[derive(Clone, Debug)]
pub(super) struct ResultFiles {
    pub(super) path: PathBuf,
    pub(super) rows: Vec<Row>,
    pub(super) histograms: Option<Histograms>,
    /// `machine.json`, if there is one.
    pub(super) machine: Option<serde_json::Value>,
    /// `scenario.toml`, if there is one.
    pub(super) scenario: Option<serde_json::Value>,
}

/// A side that cannot be read. The message says where, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SideError {
    /// The folder is empty.
    #[error(
        "`{path}` is an empty folder: expected a run folder with `runs.csv`\n\n\
         write one with `wirebench run SCENARIO --out {path}`"
    )]
    EmptyFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder is not a run folder.
    #[error("`{path}` has no `runs.csv`: expected a run folder\n\n{}", hint(.inside))]
    NoRuns {
        /// The path.
        path: PathBuf,
        /// The run folders in it.
        inside: Vec<PathBuf>,
    },
    /// The file has a header, but no run.
    #[error(
        "`{path}` has no rows: expected one for each run\n\n\
         no run was finished; run the scenario again"
    )]
    NoRows {
        /// The path.
        path: PathBuf,
    },
    /// The same file was given twice, which would count its runs twice.
    #[error("`{path}` was given twice: expected every run once\n\nname it on one side, once")]
    Twice {
        /// The path.
        path: PathBuf,
    },
    /// Nothing is at the path.
    #[error(
        "`{path}` does not exist: expected a run folder, or a `runs.csv`\n\n\
         `wirebench run SCENARIO --out FOLDER` writes one"
    )]
    NotThere {
        /// The path.
        path: PathBuf,
    },
    /// A file that cannot be opened or read.
    #[error("cannot read `{path}`")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file that describes the runs is not well-formed.
    #[error(
        "`{path}` is not {expected}: {reason}\n\n\
         correct it, or compare the `runs.csv` alone to do without what it says"
    )]
    Malformed {
        /// The path.
        path: PathBuf,
        /// The expected format.
        expected: &'static str,
        /// Where the error is, and what is wrong.
        reason: String,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] ReadError),
    /// The histograms cannot be read, or belong to other runs.
    #[error(transparent)]
    Histograms(#[from] HistogramError),
}

impl Side {
    /// Reads run folders and `runs.csv` files. A file is read alone, without the histograms and the
    /// machine beside it.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or has an error in any line.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SideError> {
        let mut side = Self::default();
        let mut seen = BTreeSet::new();
        for path in paths {
            let source = ResultFiles::read(path)?;
            if !seen.insert(source.file()) {
                return Err(SideError::Twice { path: path.clone() });
            }
            side.sources.push(source);
        }
        Ok(side)
    }

    /// Returns a side of these rows, as if they were read from a `runs.csv` at `path`.
    pub fn of_rows(path: impl Into<PathBuf>, rows: Vec<Row>) -> Self {
        let path = path.into();
        Self {
            sources: vec![ResultFiles {
                path,
                rows,
                histograms: None,
                machine: None,
                scenario: None,
            }],
        }
    }

    /// Returns the runs that have this value in a column.
    pub(super) fn with_value(&self, column: &RunColumn, value: &str) -> Self {
        let has = |row: &Row| row.text(column.name) == Some(value);
        let mut side = self.clone();
        for source in &mut side.sources {
            source.rows.retain(has);
        }
        side
    }

    /// Returns the values of a column, each once, in alphabetical order. Blank ones are left out.
    pub fn values(&self, column: &RunColumn) -> Vec<String> {
        let values: BTreeSet<&str> = self.rows().filter_map(|row| row.text(column.name)).collect();
        values.into_iter().map(str::to_owned).collect()
    }

    /// Returns all runs, valid or not, in the order in which they were given.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sources.iter().flat_map(|source| &source.rows)
    }

    /// Returns the paths that were given.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| source.path.as_path())
    }

    /// Returns the delivery histogram of each run that has one, with its row.
    pub fn histograms(&self) -> impl Iterator<Item = (&Row, &Histogram<u64>)> {
        self.sources.iter().flat_map(|source| {
            source.rows.iter().filter_map(|row| {
                let histogram = source.histograms.as_ref()?.of_run(row.text("run_id")?)?;
                Some((row, histogram))
            })
        })
    }
}

impl ResultFiles {
    fn read(path: &Path) -> Result<Self, SideError> {
        let metadata = fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SideError::NotThere { path: path.to_owned() },
            _ => SideError::Io { path: path.to_owned(), source },
        });
        let is_folder = metadata?.is_dir();
        let source = if is_folder { Self::read_folder(path)? } else { Self::read_file(path)? };
        if source.rows.is_empty() {
            return Err(SideError::NoRows { path: source.runs_csv() });
        }
        Ok(source)
    }

    fn read_file(path: &Path) -> Result<Self, SideError> {
        let (path, rows) = (path.to_owned(), csv::read(path)?);
        Ok(Self { path, rows, histograms: None, machine: None, scenario: None })
    }

    fn read_folder(path: &Path) -> Result<Self, SideError> {
        if !path.join("runs.csv").exists() {
            let files = entries(path)?;
            if files.is_empty() {
                return Err(SideError::EmptyFolder { path: path.to_owned() });
            }
            let mut inside: Vec<PathBuf> =
                files.into_iter().filter(|entry| entry.join("runs.csv").exists()).collect();
            inside.sort();
            return Err(SideError::NoRuns { path: path.to_owned(), inside });
        }
        let rows = csv::read(&path.join("runs.csv"))?;
        let log = path.join("latency.hlog");
        let histograms = log.exists().then(|| Histograms::read(&log)).transpose()?;
        if let Some(histograms) = &histograms {
            histograms.check(&rows)?;
        }
        let machine = described(&path.join("machine.json"), "JSON", |text| {
            serde_json::from_str(text).map_err(|error| error.to_string())
        })?;
        let scenario = described(&path.join("scenario.toml"), "TOML", |text| {
            toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
        })?;
        Ok(Self { path: path.to_owned(), rows, histograms, machine, scenario })
    }

    fn runs_csv(&self) -> PathBuf {
        if self.path.is_dir() { self.path.join("runs.csv") } else { self.path.clone() }
    }

    /// Returns the canonical path of the file of the rows.
    fn file(&self) -> PathBuf {
        let path = self.runs_csv();
        fs::canonicalize(&path).unwrap_or(path)
    }
}

/// Reads a file that describes the runs. Returns `None` if there is no such file.
fn described(
    path: &Path,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<serde_json::Value, String>,
) -> Result<Option<serde_json::Value>, SideError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SideError::Io { path: path.to_owned(), source }),
    };
    parse(&text).map(Some).map_err(|reason| SideError::Malformed {
        path: path.to_owned(),
        expected,
        reason,
    })
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, SideError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|source| SideError::Io { path: path.to_owned(), source })
}

fn hint(inside: &[PathBuf]) -> String {
    match inside {
        [] => "name the folder that `wirebench run` wrote, or a `runs.csv`".to_owned(),
        [one] => format!("there is one inside: `{}`", one.display()),
        [.., last] => {
            format!("there are {} inside, the last of them `{}`", inside.len(), last.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use tempfile::{TempDir, tempdir};

    use std::time::SystemTime;

    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::csv::RunsCsv;
    use crate::hlog::{LatencyLog, LogStart};
    use crate::testing::{measurement, record, run, second};

    fn write_runs(folder: &Path, rows: &[Row]) {
        fs::create_dir_all(folder).unwrap();
        let mut file = RunsCsv::create(folder.join("runs.csv")).unwrap();
        for row in rows {
            file.append(row).unwrap();
        }
    }

    fn folder_of_one_run() -> TempDir {
        let folder = tempdir().unwrap();
        write_runs(folder.path(), &[Row::of(&record(&run(), &measurement()))]);
        folder
    }

    fn error(folder: &Path) -> String {
        let error = Side::read(&[folder.to_owned()]).unwrap_err();
        error.to_string().replace(&*folder.to_string_lossy(), "results/fan-out")
    }

    #[test]
    fn a_bare_file_and_a_folder_without_the_rest_can_be_compared() {
        let folder = folder_of_one_run();
        for path in [folder.path().to_owned(), folder.path().join("runs.csv")] {
            let side = Side::read(&[path]).unwrap();
            assert_eq!(side.rows().count(), 1);
            assert_eq!(side.histograms().count(), 0);
        }
    }

    #[test]
    fn a_whole_folder_is_read_with_its_histograms_machine_and_scenario() {
        let folder = folder_of_one_run();
        let start = LogStart { wall: SystemTime::UNIX_EPOCH, clock: Timestamp::from_nanos(0) };
        let mut log = LatencyLog::create(folder.path().join("latency.hlog"), start).unwrap();
        log.append("long-polling-1", &second(&[25, 26])).unwrap();
        log.append("long-polling-1", &second(&[27])).unwrap();
        fs::write(folder.path().join("machine.json"), r#"{ "cores": 2 }"#).unwrap();
        fs::write(folder.path().join("scenario.toml"), "[crowd]\nsubscribers = 3\n").unwrap();
        let side = Side::read(&[folder.path().to_owned()]).unwrap();
        let (row, histogram) = side.histograms().next().unwrap();
        assert_eq!(row.text("run_id"), Some("long-polling-1"));
        assert_eq!(histogram.len(), 3);
        assert_eq!(side.sources[0].machine.as_ref().unwrap()["cores"], 2);
        assert_eq!(side.sources[0].scenario.as_ref().unwrap()["crowd"]["subscribers"], 3);
    }

    #[test]
    fn an_empty_folder_is_reported() {
        assert_snapshot!(error(tempdir().unwrap().path()));
    }

    #[test]
    fn a_folder_without_runs_is_reported() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        assert_snapshot!(error(folder.path()));
    }

    #[test]
    fn a_folder_of_run_folders_names_the_last_of_them() {
        let folder = tempdir().unwrap();
        for time in ["2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z"] {
            write_runs(&folder.path().join(time), &[]);
        }
        assert_snapshot!(error(folder.path()));
    }

    #[test]
    fn a_file_without_rows_is_reported() {
        let folder = tempdir().unwrap();
        write_runs(folder.path(), &[]);
        assert_snapshot!(error(folder.path()));
    }

    #[test]
    fn an_error_in_a_csv_file_is_reported_with_its_line() {
        let folder = folder_of_one_run();
        let path = folder.path().join("runs.csv");
        let text = fs::read_to_string(&path).unwrap();
        for (wrong, found) in [
            (text.replace("received,", ""), ":1: missing columns `received`"),
            (text.replace("\n1,", "\n2,"), ":2: `schema_version` is `2`"),
            (text[..text.len() - 9].to_owned(), ":2: the last line has no line end"),
            (String::new(), "is empty: expected a header line"),
        ] {
            fs::write(&path, wrong).unwrap();
            let error = error(folder.path());
            assert!(error.contains(found), "{error}");
        }
    }

    #[test]
    fn a_histogram_log_of_other_runs_is_rejected() {
        let folder = folder_of_one_run();
        fs::write(folder.path().join("latency.hlog"), "#[no interval]\n").unwrap();
        let error = error(folder.path());
        assert!(
            error.starts_with("results/fan-out/latency.hlog: no histogram of run `long-polling-1`"),
            "{error}"
        );
    }

    #[test]
    fn a_description_that_cannot_be_parsed_is_named() {
        for (file, text, found) in [
            ("machine.json", "{\"cpu\": ", "is not JSON: EOF while parsing a value at line 1"),
            ("scenario.toml", "about = \n", "is not TOML: "),
        ] {
            let folder = folder_of_one_run();
            fs::write(folder.path().join(file), text).unwrap();
            let error = error(folder.path());
            assert!(error.contains(&format!("`results/fan-out/{file}` {found}")), "{error}");
        }
    }

    #[test]
    fn the_same_file_twice_is_rejected_by_whatever_path_it_is_named() {
        let folder = folder_of_one_run();
        let paths = [folder.path().to_owned(), folder.path().join("runs.csv")];
        assert!(matches!(Side::read(&paths), Err(SideError::Twice { .. })));
    }

    #[test]
    fn a_missing_path_is_reported() {
        let error = Side::read(&["no/such/folder".into()]).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("`no/such/folder` does not exist: expected a run folder"),
            "{said}"
        );
        assert!(said.contains("`wirebench run SCENARIO --out FOLDER` writes one"), "{said}");
    }
}
