//! Any CSV file of results, given its columns.
//!
//! Fields are quoted as RFC 4180 says. Lines end with a line feed alone, as the tools of Unix
//! expect; the reader also accepts a carriage return before it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Writer};

use crate::columns::{Column, SCHEMA_VERSION};
use crate::error::{ReadError, WriteError};
use crate::new_file::create_new;
use crate::value::Value;

/// A CSV file that is being written, with any columns.
#[derive(Debug)]
pub(crate) struct CsvWriter<W: io::Write = File> {
    path: PathBuf,
    writer: Writer<W>,
}

impl CsvWriter {
    pub(crate) fn create<Extract>(
        path: PathBuf,
        columns: &[Column<Extract>],
    ) -> Result<Self, WriteError> {
        let file = create_new(&path)?;
        Self::begin(path, file, columns)
    }
}

impl<W: io::Write> CsvWriter<W> {
    /// Writes the header to `file`; `path` is its name in errors.
    pub(crate) fn begin<Extract>(
        path: PathBuf,
        file: W,
        columns: &[Column<Extract>],
    ) -> Result<Self, WriteError> {
        let mut csv = Self { path, writer: Writer::from_writer(file) };
        csv.write(columns.iter().map(|column| column.name))?;
        Ok(csv)
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

/// Reads the values of each line, aligned with `columns`. A file must have the first `required` of
/// the columns; those of the others that it lacks are blank.
pub(crate) fn read_values<Extract>(
    path: &Path,
    columns: &[Column<Extract>],
    required: usize,
) -> Result<Vec<Vec<Value>>, ReadError> {
    let content =
        fs::read(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    parse_values(path, &content, columns, required)
}

/// Does the same for the content of a file; `path` is its name in errors.
pub(crate) fn parse_values<Extract>(
    path: &Path,
    content: &[u8],
    columns: &[Column<Extract>],
    required: usize,
) -> Result<Vec<Vec<Value>>, ReadError> {
    let (header, records) = split(path, content)?;
    let file = ParsedFile { path, columns, header: &header };
    // The version goes first: it explains why columns are missing.
    file.check_versions(&records)?;
    file.check_columns(required)?;
    records.iter().map(|record| file.values(record)).collect()
}

/// Splits a file into its header and its lines, each with as many fields as it has in the file.
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

/// A file that was split into fields, and the columns that it should have.
struct ParsedFile<'a, Extract> {
    path: &'a Path,
    columns: &'a [Column<Extract>],
    header: &'a StringRecord,
}

impl<Extract> ParsedFile<'_, Extract> {
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
        Value::parse(text, column.value_type).ok_or_else(|| ReadError::WrongKind {
            path: self.path.to_owned(),
            line: line_of(record),
            column: column.name,
            found: text.to_owned(),
            value_type: column.value_type,
        })
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|found| found == name)
    }
}

fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}
