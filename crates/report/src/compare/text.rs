//! A comparison for a terminal.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::words::{cells, heading, headline, legend, same_and_others, warnings};
use super::{Change, Comparison, Verdict};
use crate::Style;

const HEADINGS: [&str; 6] = ["", "base", "new", "change", "interval", "verdict"];

pub(super) fn text(comparison: &Comparison, style: Style) -> String {
    let mut text = headline(comparison) + "\n";
    for warning in warnings(comparison) {
        let _ = writeln!(text, "!  {warning}");
    }
    let settings: Vec<_> = comparison.settings.iter().map(same_and_others).collect();
    let lines = |changes: &[&Change]| -> Vec<[String; 6]> {
        changes.iter().map(|change| cells(change, comparison.noise_threshold)).collect()
    };
    let all = settings.iter().flat_map(|(_, others)| lines(others));
    let widths = widths(&all.chain([HEADINGS.map(str::to_owned)]).collect::<Vec<_>>());
    for (compared, (same, others)) in comparison.settings.iter().zip(&settings) {
        let _ = writeln!(text, "\n{}", heading(compared));
        if !others.is_empty() {
            push(&mut text, &HEADINGS.map(str::to_owned), &widths, str::to_owned);
            let _ = writeln!(text, "{}", "─".repeat(widths.iter().sum::<usize>() + 2 * 5));
        }
        for (cells, change) in lines(others).iter().zip(others) {
            push(&mut text, cells, &widths, |verdict| coloured(verdict, change.verdict, style));
        }
        if let Some(same) = same {
            let _ = writeln!(text, "{same}");
        }
    }
    if !comparison.settings.is_empty() {
        text.push('\n');
        for line in legend(comparison) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The name to the left, numbers to the right, the verdict to the left again.
fn push(
    text: &mut String,
    cells: &[String; 6],
    widths: &[usize; 6],
    paint: impl FnOnce(&str) -> String,
) {
    let padding = |at: usize| " ".repeat(widths[at] - length(&cells[at]));
    let mut line = format!("{}{}", cells[0], padding(0));
    for (at, cell) in cells.iter().enumerate().take(5).skip(1) {
        let _ = write!(line, "  {}{cell}", padding(at));
    }
    let _ = writeln!(text, "{line}  {}", paint(&cells[5]));
}

fn coloured(text: &str, verdict: Verdict, style: Style) -> String {
    match verdict {
        _ if !style.colour => text.to_owned(),
        Verdict::Worse => text.red().bold().to_string(),
        Verdict::Better => text.green().bold().to_string(),
        Verdict::NoChange => text.to_owned(),
        Verdict::CannotTell(_) => text.dimmed().to_string(),
    }
}

fn widths(lines: &[[String; 6]]) -> [usize; 6] {
    std::array::from_fn(|at| lines.iter().map(|line| length(&line[at])).max().unwrap_or(0))
}

/// Characters, each of which takes one column of a terminal in what this table holds.
fn length(text: &str) -> usize {
    text.chars().count()
}
