//! `wirebench report`: shows what was measured, as a page or in another format.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum, ValueHint};
use wirebench_report::{Format, Question, Row, hgrm, html};

use crate::exit::Exit;
use crate::exports::ExportArguments;
use crate::open_page::open_page;
use crate::print;
use crate::run_folder::RunFolder;

/// Rebuild the page of a run folder, draw the trend over several folders, or print the rows
///
/// With one folder, writes `report.html` into it. With several folders, earliest first, writes one
/// page that shows how each metric changed from folder to folder. With `--format`, prints the rows
/// on standard output instead.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// Run folders
    #[arg(required = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    folders: Vec<PathBuf>,
    /// The page to write [default: report.html in the run folder; for several folders, trend.html
    /// in the current folder]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Overwrite the file that `--out` names
    #[arg(long, requires = "out")]
    force: bool,
    /// Print the rows in this format, and write no page
    #[arg(long, value_enum, conflicts_with = "out")]
    format: Option<ReportFormat>,
    /// Open the page in the browser
    #[arg(long, conflicts_with = "format")]
    open: bool,
    #[command(flatten)]
    exports: ExportArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportFormat {
    /// The same tables as `wirebench run`
    Text,
    /// For a pull request
    Markdown,
    /// For programs; `wirebench schema results` describes it
    Json,
    /// Percentiles of delivery latency, run by run, for HdrHistogram's plotter
    Hgrm,
}

/// The formats in which `run` prints what it measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RowsFormat {
    /// Tables for a terminal
    Text,
    /// For a pull request
    Markdown,
    /// For programs; `wirebench schema results` describes it
    Json,
}

impl From<RowsFormat> for Format {
    fn from(format: RowsFormat) -> Self {
        match format {
            RowsFormat::Text => Self::Text,
            RowsFormat::Markdown => Self::Markdown,
            RowsFormat::Json => Self::Json,
        }
    }
}

pub(crate) fn run(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let folders: Result<Vec<RunFolder>, _> =
        arguments.folders.iter().map(|path| RunFolder::read(path)).collect();
    let folders = match folders {
        Ok(folders) => folders,
        Err(error) => {
            print::talk(&format!("error: {error:#}"));
            return Ok(Exit::Usage);
        }
    };
    let rows: Vec<_> = folders.iter().flat_map(|folder| folder.rows.iter().cloned()).collect();
    arguments.exports.write_rows(&rows, question(&folders))?;
    if let Some(format) = arguments.format {
        print::data(&text(&folders, &rows, format)?)?;
        return Ok(Exit::Done);
    }
    let (page, own) = match folders.as_slice() {
        [folder] => (html::report(&folder.report()), folder.path().join("report.html")),
        folders => {
            let reports: Vec<_> = folders.iter().map(RunFolder::report).collect();
            (html::trend(&reports), PathBuf::from("trend.html"))
        }
    };
    let path = arguments.out.as_deref().unwrap_or(&own);
    let written = write_page(path, &page, may_overwrite(arguments))?;
    if arguments.open && written == Exit::Done {
        open_page(path)?;
    }
    Ok(written)
}

/// Returns true if the page may overwrite a file. The page in a run folder always may. A file that
/// the user names, and the trend, may only with `--force`.
fn may_overwrite(arguments: &ReportArguments) -> bool {
    arguments.force || (arguments.out.is_none() && arguments.folders.len() == 1)
}

/// Writes a page. Refuses to overwrite a file unless `overwrite` is true.
pub(crate) fn write_page(path: &Path, page: &str, overwrite: bool) -> anyhow::Result<Exit> {
    if !overwrite && path.exists() {
        print::talk(&format!(
            "error: `{}` already exists: choose another file, or remove this one",
            path.display()
        ));
        return Ok(Exit::Usage);
    }
    std::fs::write(path, page).with_context(|| format!("cannot write `{}`", path.display()))?;
    print::talk(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}

fn text(folders: &[RunFolder], rows: &[Row], format: ReportFormat) -> anyhow::Result<String> {
    let (question, style) = (question(folders), print::style());
    Ok(match format {
        ReportFormat::Text => Format::Text.write(rows, question, style),
        ReportFormat::Markdown => Format::Markdown.write(rows, question, style),
        ReportFormat::Json => Format::Json.write(rows, question, style),
        ReportFormat::Hgrm => folders.iter().map(percentiles).collect::<anyhow::Result<_>>()?,
    })
}

/// Returns the question of these folders; no question if they do not all ask the same.
fn question(folders: &[RunFolder]) -> Question<'_> {
    let mut questions = folders.iter().map(RunFolder::question);
    let first = questions.next().unwrap_or_default();
    if questions.all(|other| other == first) { first } else { Question::default() }
}

/// Returns the percentiles of each run of a folder, each under a comment that names the run.
fn percentiles(folder: &RunFolder) -> anyhow::Result<String> {
    let Some(histograms) = &folder.histograms else {
        bail!("`{}` has no `latency.hlog` to take percentiles from", folder.path().display());
    };
    let runs = folder.rows.iter().filter_map(|row| row.text("run_id"));
    let texts =
        runs.filter_map(|run| Some(format!("#[{run}]\n{}\n", hgrm(histograms.of_run(run)?))));
    Ok(texts.collect())
}
