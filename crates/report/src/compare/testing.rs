//! Rows with chosen values, for the tests of comparisons.

use std::sync::LazyLock;

use crate::testing::{measurement, record, run};
use crate::{COLUMNS, Row, Value};

/// Made once: the histograms behind a row take longer than all that is tested with it.
static TEMPLATE: LazyLock<Row> = LazyLock::new(|| Row::of(&record(&run(), &measurement())));

/// A valid row of server-sent events with these values.
pub(super) fn row(values: &[(&str, Value)]) -> Row {
    let mut row = TEMPLATE.values().to_vec();
    let fixed = [("transport", Value::words("sse")), ("hold_us", Value::Blank)];
    for (name, value) in fixed.iter().chain(values) {
        let at = COLUMNS.iter().position(|column| column.name == *name).expect("a column");
        row[at] = value.clone();
    }
    Row::of_values(row)
}
