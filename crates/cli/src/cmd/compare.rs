//! `wirebench compare`: decides whether a change made a metric better or worse, or whether the runs
//! cannot tell.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum, ValueHint};
use wirebench_report::compare::{
    CompareOptions, Comparison, Contrast, Side, SideError, compare, compare_neighbours,
};
use wirebench_report::{RunColumn, html, setting_column};

use super::report::write_page;
use crate::exit::Exit;
use crate::exports::ExportArguments;
use crate::print;
use crate::run_folder::RunFolder;

/// Compare runs before and after a change
///
/// Pairs runs by transport and settings and gives each metric a verdict: better, worse, no change,
/// or cannot tell. Whole runs are compared, so make several runs of each side (`run --repeat 10`).
///
/// With `--by target`, both sides are in one folder: two servers that took turns, such as two
/// versions of one. Each run is compared with its neighbour, so that a machine that drifts does not
/// count.
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// Run folder or `runs.csv` from before the change
    base: PathBuf,
    /// Run folder or `runs.csv` from after the change
    #[arg(required_unless_present = "by", conflicts_with = "by")]
    new: Option<PathBuf>,
    /// More runs from before the change; with `--by`, the value before it
    #[arg(long = "base", value_name = "PATH")]
    more_base: Vec<PathBuf>,
    /// More runs from after the change; with `--by`, the value after it
    #[arg(long = "new", value_name = "PATH")]
    more_new: Vec<PathBuf>,
    /// Compare the runs of two values of this setting in one folder, in pairs
    #[arg(long, value_name = "COLUMN", value_parser = setting, conflicts_with = "html")]
    by: Option<&'static RunColumn>,
    /// The smallest change that matters, in percent
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    noise_threshold: f64,
    /// Exit with 3 if a metric got worse, and with 4 if the new side lacks valid runs for a setting
    /// of the base side
    #[arg(long)]
    fail_on_regression: bool,
    /// Write a page that shows both sides in the same charts. An existing file is not overwritten
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Show the values of all differences other than the measurements
    #[arg(long, short)]
    verbose: bool,
    /// How to print the comparison
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    format: CompareFormat,
    #[command(flatten)]
    exports: ExportArguments,
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
    let options =
        CompareOptions { noise_threshold: arguments.noise_threshold, ..CompareOptions::default() };
    let compared = match (arguments.by, &arguments.new) {
        (None, Some(new)) => two_folders(arguments, new, &options),
        (by, _) => neighbours(arguments, by, &options),
    };
    let comparison = match compared {
        Ok(comparison) => comparison,
        Err(error) => {
            print::talk(&format!("error: {error:#}"));
            return Ok(Exit::Usage);
        }
    };
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
    arguments.exports.write_comparison(&comparison)?;
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

fn two_folders(
    arguments: &CompareArguments,
    new: &PathBuf,
    options: &CompareOptions,
) -> anyhow::Result<Comparison> {
    let base = side(&arguments.base, &arguments.more_base)?;
    Ok(compare(&base, &side(new, &arguments.more_new)?, options))
}

/// Compares the runs of two values of a setting in one folder.
fn neighbours(
    arguments: &CompareArguments,
    by: Option<&'static RunColumn>,
    options: &CompareOptions,
) -> anyhow::Result<Comparison> {
    let column = by.context("give a second folder, or `--by`")?;
    let runs = Side::read(std::slice::from_ref(&arguments.base))?;
    let there = runs.values(column);
    let named = |given: &[PathBuf], side| match given {
        [] => Ok(None),
        [one] => {
            let value = one.display().to_string();
            ensure!(
                there.contains(&value),
                "`{}` has no run with `{}` = `{value}`: it has {}",
                arguments.base.display(),
                column.name,
                listed(&there)
            );
            Ok(Some(value))
        }
        _ => bail!("with `--by`, `--{side}` takes one value"),
    };
    let (base, new) = (named(&arguments.more_base, "base")?, named(&arguments.more_new, "new")?);
    let (base, new) = match (base, new, there.as_slice()) {
        (Some(base), Some(new), _) => (base, new),
        (base, new, [first, second]) => match (base, new) {
            (Some(base), _) => {
                let other = if base == *first { second } else { first };
                (base, other.clone())
            }
            (None, Some(new)) => {
                let other = if new == *first { second } else { first };
                (other.clone(), new)
            }
            (None, None) => (first.clone(), second.clone()),
        },
        _ => bail!(
            "`{}` has {} as `{}`: choose two with `--base` and `--new`",
            arguments.base.display(),
            listed(&there),
            column.name
        ),
    };
    ensure!(base != new, "`{base}` cannot be compared with itself: choose another `--base`");
    Ok(compare_neighbours(&runs, &Contrast { column, base, new }, options))
}

fn listed(values: &[String]) -> String {
    match values {
        [] => "no value".to_owned(),
        values => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
    }
}

fn setting(name: &str) -> Result<&'static RunColumn, String> {
    setting_column(name).ok_or_else(|| {
        "expected a setting in `runs.csv`, such as `target` or `http_stack`".to_owned()
    })
}

/// Returns the error that the sides have no run in common. It lists the runs of each side.
fn nothing_in_common(arguments: &CompareArguments, comparison: &Comparison) -> String {
    let settings = |is_base: bool| {
        let here = comparison.unpaired.iter().filter(|it| (it.base_runs != [0, 0]) == is_base);
        here.map(|it| it.setting.to_string()).collect::<Vec<_>>().join("; ")
    };
    let (base, new) = match (&comparison.contrast, &arguments.new) {
        (Some(contrast), _) => (contrast.base.clone(), contrast.new.clone()),
        (None, new) => {
            let new = new.as_ref().map_or(String::new(), |new| new.display().to_string());
            (arguments.base.display().to_string(), new)
        }
    };
    format!(
        "error: `{base}` and `{new}` have no run in common: expected runs of one transport at the \
         same settings on both sides\n\nbase has {}\nnew has {}\nrun the same scenario for both",
        settings(true),
        settings(false)
    )
}

/// Returns a page that shows both sides. The folders are read again, because only the page needs
/// their other files.
fn page(arguments: &CompareArguments, comparison: &Comparison) -> anyhow::Result<String> {
    let kept = |first: Option<&PathBuf>, more: &[PathBuf]| -> anyhow::Result<Vec<RunFolder>> {
        first.into_iter().chain(more).map(|path| RunFolder::read(path)).collect()
    };
    let base = kept(Some(&arguments.base), &arguments.more_base)?;
    let new = kept(arguments.new.as_ref(), &arguments.more_new)?;
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
