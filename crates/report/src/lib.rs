//! Numbers in; CSV, histogram logs and tables out.
//!
//! A run becomes a [`Row`] of `runs.csv`, each of its seconds a line of `timeline.csv` and of
//! `latency.hlog`; [`table()`] shows the rows to a person. What a column is called and means is
//! said once, in [`COLUMNS`] and [`TIMELINE_COLUMNS`]: header, reader and table all follow them.
//! Runs before and after a change are held against each other by [`compare`]. [`html`] makes pages
//! to look at.
//! This crate does not print, has no async and never touches the network.

mod columns;
#[cfg(test)]
mod columns_page;
pub mod compare;
mod csv;
mod error;
mod format;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod histograms;
mod hlog;
pub mod html;
mod row;
mod table;
#[cfg(test)]
mod testing;
mod timeline;
mod value;

pub use columns::{
    Better, COLUMNS, Column, FIRST_COLUMNS, Role, RunColumn, RunRecord, SCHEMA_VERSION, ValueType,
};
pub use csv::{RunsCsv, read};
pub use error::{ReadError, WriteError};
pub use format::{Format, hgrm, results_schema};
pub use histograms::{HistogramError, Histograms};
pub use hlog::{LatencyLog, LogStart};
pub use row::Row;
pub use table::{Style, table};
pub use timeline::{
    SecondColumn, SecondRecord, TIMELINE_COLUMNS, TimelineCsv, TimelineRow, read_timeline,
};
pub use value::Value;
