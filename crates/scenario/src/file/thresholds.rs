//! `[thresholds]`: bounds on the columns of `runs.csv`, for every transport or for one.

use toml::de::DeValue;

use super::entries::{Bound, Entries, Located};
use super::reader::nearest;
use crate::columns::WORDS;
use crate::keys::THRESHOLDS;
use crate::{COLUMNS, Comparison, Problem, Threshold};

/// Reads every bound: first those for all transports, then those for each, in the order of the file.
pub(super) fn read(entries: &Entries<'_>, problems: &mut Vec<Problem>) -> Vec<Threshold> {
    let mut thresholds = Vec::new();
    for entry in &entries.thresholds {
        match threshold(entry) {
            Ok(threshold) => thresholds.push(threshold),
            Err(problem) => problems.push(problem),
        }
    }
    thresholds.sort_by_key(|threshold| threshold.transport);
    thresholds
}

fn threshold(entry: &Bound<'_>) -> Result<Threshold, Problem> {
    let Bound { transport, column, place, found } = entry;
    let name = match transport {
        None => format!("{THRESHOLDS}.{column}"),
        Some(transport) => format!("{THRESHOLDS}.{transport}.{column}"),
    };
    if !COLUMNS.contains(&column.as_str()) {
        return Err(Problem {
            place: place.clone(),
            message: format!("`{name}` is not a column of `runs.csv`"),
            hint: Some(match nearest(column, COLUMNS.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "its columns are named as in `delivery_p99_us`, the unit last".to_owned(),
            }),
        });
    }
    if WORDS.contains(&column.as_str()) {
        let message = format!("`{name}` cannot have a bound: the column holds words");
        return Err(Problem { place: place.clone(), message, hint: None });
    }
    match found.value.get_ref().as_str().and_then(comparison) {
        Some((comparison, bound)) => {
            Ok(Threshold { transport: *transport, column: column.clone(), comparison, bound })
        }
        None => Err(Problem {
            place: found.place().unwrap_or_else(|| place.clone()),
            message: format!(
                "`{name}` must be a bound such as `\"< 60_000\"`, found {}",
                found.found()
            ),
            hint: Some(meant(*found)),
        }),
    }
}

/// Reads `< 60_000`.
fn comparison(text: &str) -> Option<(Comparison, f64)> {
    let text = text.trim();
    // Longer operators first: `<` also starts `<=`.
    let mut operators = Comparison::ALL;
    operators.sort_by_key(|comparison| std::cmp::Reverse(comparison.operator().len()));
    let (comparison, bound) = operators.into_iter().find_map(|comparison| {
        text.strip_prefix(comparison.operator()).map(|bound| (comparison, bound))
    })?;
    Some((comparison, number(bound)?))
}

/// A finite number as TOML would have it: digits may be grouped by `_`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '_' | '.' | '-' | '+' | 'e' | 'E');
    let number = text.chars().all(digits).then(|| text.replace('_', ""))?;
    number.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn meant(found: Located<'_>) -> String {
    let text = match found.value.get_ref() {
        DeValue::String(text) => text.trim().to_owned(),
        _ => found.found(),
    };
    let bound = text.trim_start_matches(['<', '=', '>', '!', '≤', '≥', '~', ' ']);
    let operator = match text[..text.len() - bound.len()].trim() {
        "=" | "" => Some("=="),
        "=<" | "≤" => Some("<="),
        "=>" | "≥" => Some(">="),
        _ => None,
    };
    match (number(bound), operator) {
        (Some(_), Some(operator)) => format!("did you mean `\"{operator} {bound}\"`?"),
        _ => "a bound is `<`, `<=`, `==`, `>=` or `>`, and a number in the unit of the column"
            .to_owned(),
    }
}
