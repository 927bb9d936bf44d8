//! The options that write results to files, beside what is printed.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};
use wirebench_report::compare::Comparison;
use wirebench_report::{Format, Question, Row, RunsCsv, Style};

/// The options that write results to files. A file that exists is overwritten.
#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Also write the results to this file, as CSV. An existing file is overwritten
    #[arg(
        long = "export-csv",
        id = "export_csv",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Export"
    )]
    csv: Option<PathBuf>,
    /// Also write the results to this file, as JSON
    #[arg(
        long = "export-json",
        id = "export_json",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Export"
    )]
    json: Option<PathBuf>,
    /// Also write the results to this file, as Markdown
    #[arg(
        long = "export-markdown",
        id = "export_markdown",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Export"
    )]
    markdown: Option<PathBuf>,
}

impl ExportArguments {
    /// Checks that the files can be written, so that a long run does not find out at its end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let files = [&self.csv, &self.json, &self.markdown];
        for path in files.into_iter().flatten() {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.with_context(|| cannot_write(path))?;
        }
        Ok(())
    }

    /// Writes the rows of runs to the files, with what is asked of them.
    pub(crate) fn write_rows(&self, rows: &[Row], question: Question<'_>) -> anyhow::Result<()> {
        if let Some(path) = &self.csv {
            let mut csv = RunsCsv::overwrite(path)?;
            rows.iter().try_for_each(|row| csv.append(row))?;
        }
        // Only text depends on the style.
        let style = Style { colour: false, width: 80 };
        write(self.json.as_deref(), || Format::Json.write(rows, question, style))?;
        write(self.markdown.as_deref(), || Format::Markdown.write(rows, question, style))
    }

    /// Writes a comparison to the files.
    pub(crate) fn write_comparison(&self, comparison: &Comparison) -> anyhow::Result<()> {
        write(self.csv.as_deref(), || comparison.to_csv())?;
        write(self.json.as_deref(), || comparison.to_json())?;
        write(self.markdown.as_deref(), || comparison.to_markdown())
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write `{}`", path.display())
}
