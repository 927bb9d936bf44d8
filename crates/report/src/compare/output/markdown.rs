//! A comparison for a pull request.

use std::fmt::Write as _;

use super::words::{
    cells, differing, differing_in_short, heading, headline, legend, same_and_others, warnings,
};
use crate::compare::comparison::Comparison;
use crate::compare::verdict::Verdict;
use crate::text_layout::markdown_escaped as escaped;

pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("**{}**\n", headline(comparison));
    let warnings = warnings(comparison);
    if !warnings.is_empty() || !comparison.differences.is_empty() {
        text.push('\n');
    }
    for warning in warnings {
        let _ = writeln!(text, "- ⚠ {}", escaped(&warning));
    }
    push_differing(&mut text, comparison);
    for compared in &comparison.settings {
        let (same, others) = same_and_others(compared);
        let _ = writeln!(text, "\n### {}\n", escaped(&heading(comparison, compared)));
        if !others.is_empty() {
            text.push_str("| | base | new | change | interval | verdict |\n");
            text.push_str("|---|---:|---:|---:|---:|---|\n");
        }
        for change in others {
            let cells = cells(change, comparison.noise_threshold).map(|cell| escaped(&cell));
            let [name, base, new, by, interval, verdict] = cells;
            let verdict = match change.verdict {
                Verdict::Better | Verdict::Worse => format!("**{verdict}**"),
                Verdict::NoChange | Verdict::CannotTell(_) => verdict,
            };
            let _ = writeln!(text, "| {name} | {base} | {new} | {by} | {interval} | {verdict} |");
        }
        if let Some(same) = same {
            let _ = writeln!(text, "\n{}", escaped(&same));
        }
    }
    if !comparison.settings.is_empty() {
        text.push('\n');
        for line in legend(comparison) {
            let _ = writeln!(text, "<sub>{}</sub><br>", escaped(&line));
        }
    }
    text
}

/// Writes what else differs. If that is much, it is one line that opens to show the values.
fn push_differing(text: &mut String, comparison: &Comparison) {
    let (all, short) = (differing(comparison), differing_in_short(comparison));
    let folded = all.len() > short.len();
    if folded {
        let summary = escaped(&short.join("; "));
        let _ = writeln!(text, "\n<details><summary>⚠ {summary}</summary>\n");
    }
    for sentence in all {
        let _ = writeln!(text, "- ⚠ {}", escaped(&sentence));
    }
    if folded {
        text.push_str("\n</details>\n");
    }
}
