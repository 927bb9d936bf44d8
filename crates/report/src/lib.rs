//! Turns measurements into files, tables, comparisons and pages.
//!
//! A run becomes a [`Row`] of `runs.csv`, and each of its seconds a line of `timeline.csv` and of
//! `latency.hlog`. [`table()`] shows the rows to a person. [`compare`] compares runs before and
//! after a change. [`html`] makes pages. What a column is called and means is stated once, in
//! [`COLUMNS`] and [`TIMELINE_COLUMNS`], which the header, the reader and the tables follow.
//!
//! This crate does not print, has no async code and never uses the network.

mod answer;
mod columns;
pub mod compare;
mod csv;
mod error;
mod format;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod hlog;
pub mod html;
mod new_file;
mod numbers;
mod question;
mod row;
mod settings;
mod statistics;
mod table;
#[cfg(test)]
mod testing;
mod text_layout;
mod units;
mod value;

pub use answer::answer;
pub use columns::{
    AGENT_COLUMNS, AgentColumn, AgentRecord, Better, COLUMNS, Column, FIRST_COLUMNS, Role,
    RunColumn, RunRecord, SCHEMA_VERSION, SecondColumn, SecondRecord, TIMELINE_COLUMNS,
    disturbed_agents, setting_column,
};
pub use csv::{AgentsCsv, RunsCsv, TimelineCsv, read, read_agents, read_timeline};
pub use error::{ReadError, WriteError};
pub use format::{Format, hgrm, results_schema};
pub use hlog::{HistogramError, Histograms, LatencyLog, LogStart};
pub use numbers::thousands;
pub use question::Question;
pub use row::{AgentRow, Row, TimelineRow};
pub use table::table;
pub use text_layout::Style;
pub use value::{Value, ValueType};
