//! A comparison for a terminal.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::words::{
    cells, differing, differing_in_short, heading, headline, legend, same_and_others, warnings,
};
use crate::compare::comparison::Comparison;
use crate::compare::verdict::{Change, Verdict};
use crate::text_layout::{Style, display_width, padding, wrapped};

const HEADINGS: [&str; 6] = ["", "base", "new", "change", "interval", "verdict"];

/// Writes the comparison within the width that `style` allows: if a line of the tables would be
/// wider, its name stands on a line above it. With `verbose`, every difference besides the
/// measurements gets its own line.
pub(super) fn text(comparison: &Comparison, style: Style, verbose: bool) -> String {
    let mut text = wrapped(&headline(comparison), style.width, "");
    let differing = if verbose { differing(comparison) } else { differing_in_short(comparison) };
    let short = !verbose && differing.len() < comparison.differences.len();
    let more = if short { " (`--verbose` shows the values)" } else { "" };
    let differing = differing.into_iter().map(|it| it + more);
    for warning in warnings(comparison).into_iter().chain(differing) {
        text.push_str(&wrapped(&format!("!  {warning}"), style.width, "   "));
    }
    let settings: Vec<_> = comparison.settings.iter().map(same_and_others).collect();
    let lines = |changes: &[&Change]| -> Vec<[String; 6]> {
        changes.iter().map(|change| cells(change, comparison.noise_threshold)).collect()
    };
    let all = settings.iter().flat_map(|(_, others)| lines(others));
    let widths = widths(&all.chain([HEADINGS.map(str::to_owned)]).collect::<Vec<_>>());
    let layout = Layout::of(widths, style);
    for (compared, (same, others)) in comparison.settings.iter().zip(&settings) {
        text.push('\n');
        text.push_str(&wrapped(&heading(comparison, compared), style.width, "   "));
        if !others.is_empty() {
            layout.push(&mut text, &HEADINGS.map(str::to_owned), str::to_owned);
            let _ = writeln!(text, "{}", "─".repeat(layout.width()));
        }
        for (cells, change) in lines(others).iter().zip(others) {
            layout.push(&mut text, cells, |verdict| coloured(verdict, change.verdict, style));
        }
        if let Some(same) = same {
            text.push_str(&wrapped(same, style.width, "   "));
        }
    }
    if !comparison.settings.is_empty() {
        text.push('\n');
        for line in legend(comparison) {
            text.push_str(&wrapped(&line, style.width, "   "));
        }
    }
    text
}

/// How the columns are laid out.
struct Layout {
    widths: [usize; 6],
    /// True if the name of a metric, and why it could not be decided, stand above its numbers.
    stacked: bool,
}

/// The indent of numbers that stand below their name.
const INDENT: usize = 2;

impl Layout {
    fn of(widths: [usize; 6], style: Style) -> Self {
        let mut layout = Self { widths, stacked: false };
        if layout.width() > style.width {
            layout.stacked = true;
            layout.widths[5] = "cannot tell".len();
        }
        layout
    }

    fn width(&self) -> usize {
        let skipped = usize::from(self.stacked);
        let indent = if self.stacked { INDENT } else { 0 };
        let widths = &self.widths[skipped..];
        indent + widths.iter().sum::<usize>() + 2 * (widths.len() - 1)
    }

    /// Aligns the name to the left, numbers to the right, and the verdict to the left again.
    fn push(&self, text: &mut String, cells: &[String; 6], paint: impl FnOnce(&str) -> String) {
        let padding = |at: usize| padding(&cells[at], self.widths[at]);
        let numbers: Vec<String> =
            (1..5).map(|at| format!("{}{}", padding(at), cells[at])).collect();
        let numbers = numbers.join("  ");
        if !self.stacked {
            let _ = writeln!(text, "{}{}  {numbers}  {}", cells[0], padding(0), paint(&cells[5]));
            return;
        }
        let (verdict, why) = cells[5].split_once(": ").unwrap_or((&cells[5], ""));
        if !cells[0].is_empty() {
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            let _ = writeln!(text, "{}{why}", cells[0]);
        }
        let _ = writeln!(text, "{}{numbers}  {}", " ".repeat(INDENT), paint(verdict));
    }
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
    std::array::from_fn(|at| lines.iter().map(|line| display_width(&line[at])).max().unwrap_or(0))
}
