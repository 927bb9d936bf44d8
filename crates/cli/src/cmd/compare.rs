//! `wirebench compare`: decides whether a change made a metric better or worse, or whether the runs
//! cannot tell.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wirebench_report::compare::{CompareOptions, Comparison, Side, SideError, compare};
use wirebench_report::html;

use super::report::write_page;
use crate::exit::Exit;
use crate::print;
use crate::run_folder::RunFolder;

/// Compare runs before and after a change
///
/// Pairs runs by transport and settings and gives each metric a verdict: better, worse, no change,
/// or cannot tell. Whole runs are compared, so make several runs of each side (`run --repeat 10`).
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// Run folder or `runs.csv` from before the change
    base: PathBuf,
    /// Run folder or `runs.csv` from after the change
    new: PathBuf,
    /// More runs from before the change
    #[arg(long = "base", value_name = "PATH")]
    more_base: Vec<PathBuf>,
    /// More runs from after the change
    #[arg(long = "new", value_name = "PATH")]
    more_new: Vec<PathBuf>,
    /// The smallest change that matters, in percent
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    noise_threshold: f64,
    /// Exit with 3 if a metric got worse, and with 4 if the new side lacks valid runs for a setting
    /// of the base side
    #[arg(long)]
    fail_on_regression: bool,
    /// Write a page that shows both sides in the same charts. An existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show the values of all differences other than the measurements
    #[arg(long, short)]
    verbose: bool,
    /// How to print the comparison
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    format: CompareFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompareFormat {
    /// For a terminal
    Text,
    /// For a pull request
    Markdown,
    /// For programs
    Json,
    /// One line per metric
    Csv,
}

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<Exit> {
    let sides = side(&arguments.base, &arguments.more_base)
        .and_then(|base| Ok((base, side(&arguments.new, &arguments.more_new)?)));
    let (base, new) = match sides {
        Ok(sides) => sides,
        Err(error) => {
            print::talk(&format!("error: {:#}", anyhow::Error::new(error)));
            return Ok(Exit::Usage);
        }
    };
    let options =
        CompareOptions { noise_threshold: arguments.noise_threshold, ..CompareOptions::default() };
    let comparison = compare(&base, &new, &options);
    if !comparison.has_runs_in_common() {
        print::talk(&nothing_in_common(arguments, &comparison));
        return Ok(Exit::Usage);
    }
    let text = match arguments.format {
        CompareFormat::Text => comparison.to_text(print::style(), arguments.verbose),
        CompareFormat::Markdown => comparison.to_markdown(),
        CompareFormat::Json => comparison.to_json(),
        CompareFormat::Csv => comparison.to_csv(),
    };
    print::data(&text)?;
    if let Some(path) = &arguments.html {
        let written = write_page(path, &page(arguments, &comparison)?, false)?;
        if written != Exit::Done {
            return Ok(written);
        }
    }
    if comparison.settings.is_empty() {
        print::talk("error: nothing could be compared: a side has no valid run");
        return Ok(Exit::Invalid);
    }
    Ok(match arguments.fail_on_regression {
        true if comparison.regressed() => Exit::Regression,
        true if !comparison.is_complete() => Exit::Invalid,
        _ => Exit::Done,
    })
}

/// Returns the error that the sides have no run in common. It lists the runs of each side.
fn nothing_in_common(arguments: &CompareArguments, comparison: &Comparison) -> String {
    let settings = |is_base: bool| {
        let here = comparison.unpaired.iter().filter(|it| (it.base_runs != [0, 0]) == is_base);
        here.map(|it| it.setting.to_string()).collect::<Vec<_>>().join("; ")
    };
    format!(
        "error: `{}` and `{}` have no run in common: expected runs of one transport at the same \
         settings on both sides\n\nbase has {}\nnew has {}\nrun the same scenario for both",
        arguments.base.display(),
        arguments.new.display(),
        settings(true),
        settings(false)
    )
}

/// Returns a page that shows both sides. The folders are read again, because only the page needs
/// their other files.
fn page(arguments: &CompareArguments, comparison: &Comparison) -> anyhow::Result<String> {
    let kept = |first: &PathBuf, more: &[PathBuf]| -> anyhow::Result<Vec<RunFolder>> {
        std::iter::once(first).chain(more).map(|path| RunFolder::read(path)).collect()
    };
    let base = kept(&arguments.base, &arguments.more_base)?;
    let new = kept(&arguments.new, &arguments.more_new)?;
    let base: Vec<_> = base.iter().map(RunFolder::report).collect();
    let new: Vec<_> = new.iter().map(RunFolder::report).collect();
    Ok(html::overlay(&base, &new, Some(comparison)))
}

fn side(first: &PathBuf, more: &[PathBuf]) -> Result<Side, SideError> {
    let paths: Vec<PathBuf> = std::iter::once(first).chain(more).cloned().collect();
    Side::read(&paths)
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(percent) if percent.is_finite() && (0.0..=1_000.0).contains(&percent) => {
            Ok(percent / 100.0)
        }
        _ => Err("expected a percentage from 0 to 1000, such as `5`".to_owned()),
    }
}
