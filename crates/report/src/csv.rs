//! `runs.csv`: a line for each run, written as soon as the run ends.
//!
//! Fields are quoted as RFC 4180 says. Lines end with a line feed alone, as the tools of Unix
//! expect; the reader takes both ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Writer};

use crate::{COLUMNS, Column, FIRST_COLUMNS, ReadError, Row, SCHEMA_VERSION, Value, WriteError};

/// A `runs.csv` that is being written.
#[derive(Debug)]
pub struct RunsCsv(Table);

impl RunsCsv {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// When the file is there already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        Table::create(path.into(), COLUMNS).map(Self)
    }

    /// Adds a row and hands it to the system at once, so that a later failure does not lose it.
    pub fn append(&mut self, row: &Row) -> Result<(), WriteError> {
        self.0.append(row.values())
    }
}

/// Reads a `runs.csv`.
///
/// Columns are found by their names. Those that this version does not know are ignored; those that
/// were appended after [`FIRST_COLUMNS`] are blank in a file that lacks them.
///
/// # Errors
///
/// Names the line and what to do about it; nothing is read from a file that is wrong somewhere.
pub fn read(path: &Path) -> Result<Vec<Row>, ReadError> {
    read_values(path, COLUMNS, FIRST_COLUMNS)
        .map(|lines| lines.into_iter().map(Row::of_values).collect())
}

/// A CSV file that is being written, whatever its columns.
#[derive(Debug)]
pub(crate) struct Table<W: io::Write = File> {
    path: PathBuf,
    writer: Writer<W>,
}

impl Table {
    pub(crate) fn create<Extract>(
        path: PathBuf,
        columns: &[Column<Extract>],
    ) -> Result<Self, WriteError> {
        let file = create_new(&path)?;
        Self::begin(path, file, columns)
    }
}

impl<W: io::Write> Table<W> {
    /// Writes the header to `file`, which errors call `path`.
    pub(crate) fn begin<Extract>(
        path: PathBuf,
        file: W,
        columns: &[Column<Extract>],
    ) -> Result<Self, WriteError> {
        let mut table = Self { path, writer: Writer::from_writer(file) };
        table.write(columns.iter().map(|column| column.name))?;
        Ok(table)
    }

    pub(crate) fn append(&mut self, values: &[Value]) -> Result<(), WriteError> {
        self.write(values.iter().map(ToString::to_string))
    }

    fn write<F: AsRef<[u8]>>(&mut self, fields: impl Iterator<Item = F>) -> Result<(), WriteError> {
        self.writer
            .write_record(fields)
            .map_err(io::Error::from)
            .and_then(|()| self.writer.flush())
            .map_err(|source| WriteError::Io { path: self.path.clone(), source })
    }
}

/// Results are never written over.
pub(crate) fn create_new(path: &Path) -> Result<File, WriteError> {
    File::create_new(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists { path: path.to_owned() },
        _ => WriteError::Io { path: path.to_owned(), source },
    })
}

/// The values of each line, aligned with `columns`, of which a file must have the first `required`.
pub(crate) fn read_values<Extract>(
    path: &Path,
    columns: &[Column<Extract>],
    required: usize,
) -> Result<Vec<Vec<Value>>, ReadError> {
    let content =
        fs::read(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    parse_values(path, &content, columns, required)
}

/// The values of each line of `content`, which errors call `path`.
pub(crate) fn parse_values<Extract>(
    path: &Path,
    content: &[u8],
    columns: &[Column<Extract>],
    required: usize,
) -> Result<Vec<Vec<Value>>, ReadError> {
    let (header, records) = split(path, content)?;
    let file = Lines { path, columns, header: &header };
    // The version goes first: it explains why columns are missing.
    file.check_versions(&records)?;
    file.check_columns(required)?;
    records.iter().map(|record| file.values(record)).collect()
}

/// Header and lines, each with as many fields as the file has there.
fn split(path: &Path, content: &[u8]) -> Result<(StringRecord, Vec<StringRecord>), ReadError> {
    let path = || path.to_owned();
    if content.is_empty() {
        return Err(ReadError::Empty { path: path() });
    }
    if !content.ends_with(b"\n") {
        let line = content.split(|byte| *byte == b'\n').count() as u64;
        return Err(ReadError::Unfinished { path: path(), line });
    }
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(content);
    let header =
        reader.headers().map_err(|source| ReadError::NotCsv { path: path(), source })?.clone();
    let records = reader
        .into_records()
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::NotCsv { path: path(), source })?;
    Ok((header, records))
}

/// A file that was split into fields, and what it should hold.
struct Lines<'a, Extract> {
    path: &'a Path,
    columns: &'a [Column<Extract>],
    header: &'a StringRecord,
}

impl<Extract> Lines<'_, Extract> {
    fn check_versions(&self, records: &[StringRecord]) -> Result<(), ReadError> {
        let Some(place) = self.place("schema_version") else { return Ok(()) };
        let expected = SCHEMA_VERSION.to_string();
        match records.iter().find(|record| record.get(place).is_some_and(|text| text != expected)) {
            None => Ok(()),
            Some(record) => Err(ReadError::OtherVersion {
                path: self.path.to_owned(),
                line: line_of(record),
                found: record[place].to_owned(),
            }),
        }
    }

    fn check_columns(&self, required: usize) -> Result<(), ReadError> {
        let missing: Vec<&'static str> = self
            .columns
            .iter()
            .take(required)
            .map(|column| column.name)
            .filter(|name| self.place(name).is_none())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ReadError::MissingColumns { path: self.path.to_owned(), columns: missing })
    }

    fn values(&self, record: &StringRecord) -> Result<Vec<Value>, ReadError> {
        if record.len() != self.header.len() {
            return Err(ReadError::Fields {
                path: self.path.to_owned(),
                line: line_of(record),
                found: record.len(),
                expected: self.header.len(),
            });
        }
        self.columns.iter().map(|column| self.value(record, column)).collect()
    }

    fn value(&self, record: &StringRecord, column: &Column<Extract>) -> Result<Value, ReadError> {
        let text = self.place(column.name).map_or("", |place| &record[place]);
        Value::parse(text, column.kind).ok_or_else(|| ReadError::WrongKind {
            path: self.path.to_owned(),
            line: line_of(record),
            column: column.name,
            found: text.to_owned(),
            kind: column.kind,
        })
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|found| found == name)
    }
}

fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::Invalid;

    use super::*;
    use crate::testing::{measurement, record, run};

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
    fn results_are_never_written_over() {
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
    fn an_empty_file_says_so() {
        assert_snapshot!(read_text("").unwrap_err());
    }

    #[test]
    fn a_file_that_is_not_there_says_so() {
        let error = read(Path::new("no/such/runs.csv")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `no/such/runs.csv`");
    }

    #[test]
    fn missing_columns_are_named() {
        let text = written(&[]).replace("delivery_p99_us,", "").replace("received,", "");
        assert_snapshot!(read_text(&text).unwrap_err());
    }

    #[test]
    fn another_version_is_told_before_its_missing_columns() {
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
