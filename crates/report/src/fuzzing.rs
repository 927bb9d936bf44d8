//! What fuzzing holds this crate to: `fuzz/` runs it on bytes that it makes up, a test on its corpus.

use std::path::{Path, PathBuf};

use crate::csv::{Table, parse_values};
use crate::{COLUMNS, Column, FIRST_COLUMNS, TIMELINE_COLUMNS, Value};

/// The rows that are read of a `runs.csv` or a `timeline.csv` are the rows that are written of them.
pub fn csv(bytes: &[u8]) {
    hold(bytes, COLUMNS, FIRST_COLUMNS);
    hold(bytes, TIMELINE_COLUMNS, TIMELINE_COLUMNS.len());
    // Few inputs have all the columns: any table will do to try the values.
    for kind in [
        crate::ValueType::Text,
        crate::ValueType::Integer,
        crate::ValueType::Decimal,
        crate::ValueType::Boolean,
    ] {
        let few = [
            Column::new(crate::Role::Identity, kind, "a", ()),
            Column::new(crate::Role::Measured, kind, "b", ()),
        ];
        hold(bytes, &few, 1);
    }
}

fn hold<Extract>(bytes: &[u8], columns: &[Column<Extract>], required: usize) {
    let path = Path::new("fuzzed.csv");
    match parse_values(path, bytes, columns, required) {
        Ok(rows) => {
            let written = written(&rows, columns);
            let again = parse_values(path, &written, columns, columns.len());
            let text = String::from_utf8_lossy(&written);
            assert_eq!(again.ok().as_ref(), Some(&rows), "written as {text}");
        }
        Err(error) => assert!(error.to_string().contains("fuzzed.csv"), "{error}"),
    }
}

fn written<Extract>(rows: &[Vec<Value>], columns: &[Column<Extract>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut table = Table::begin(PathBuf::new(), &mut bytes, columns).expect("memory takes it");
    for row in rows {
        assert_eq!(row.len(), columns.len());
        table.append(row).expect("memory takes it");
    }
    drop(table);
    bytes
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpus_holds() {
    replay::replay("csv", csv);
}
