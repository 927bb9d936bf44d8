//! Rows with chosen values, for the tests of comparisons.

use std::sync::LazyLock;

use crate::row::Row;
use crate::testing::{changed, measurement, record, run};
use crate::value::Value;

/// Made once, because the histograms behind a row take longer than all that is tested with it.
static TEMPLATE: LazyLock<Row> = LazyLock::new(|| Row::of(&record(&run(), &measurement())));

/// Returns a valid row of server-sent events with these values.
pub(super) fn row(values: &[(&str, Value)]) -> Row {
    let sse = changed(&TEMPLATE, &[("transport", Value::words("sse")), ("hold_us", Value::Blank)]);
    changed(&sse, values)
}
