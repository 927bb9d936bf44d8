//! `[thresholds]`: the one table whose keys are columns and transports. `read` reads them.

use crate::key::Table;

/// The name of the table.
pub(crate) const NAME: &str = "thresholds";

/// The table. It declares no keys.
pub(crate) const TABLE: Table = Table {
    name: NAME,
    doc: "Bounds that the results have to meet, for any column of runs.csv. They apply to every \
          transport, or to one transport in a table such as [thresholds.sse].",
    keys: &[],
    example: "delivery_p99_us = \"< 60_000\"\nmissing = \"== 0\"",
};
