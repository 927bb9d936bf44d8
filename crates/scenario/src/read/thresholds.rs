//! `[thresholds]`: bounds on the columns of `runs.csv`, for every transport or for one.

use toml::de::DeValue;

use super::entries::Bound;
use crate::columns::{COLUMNS, WORDS};
use crate::error::Problem;
use crate::tables::thresholds::NAME as THRESHOLDS;
use crate::threshold::{Operator, Threshold};
use crate::values::located::Located;
use crate::words::nearest;

/// Reads every bound. First come those for every transport, then those for each, in the order of
/// the file.
pub(super) fn read(bounds: &[Bound<'_>], problems: &mut Vec<Problem>) -> Vec<Threshold> {
    let mut thresholds = Vec::new();
    for bound in bounds {
        match threshold(bound) {
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
    match found.value.get_ref().as_str().and_then(operator_and_bound) {
        Some((operator, bound)) => {
            Ok(Threshold { transport: *transport, column: column.clone(), operator, bound })
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

/// Reads an operator and a number, as in `< 60_000`.
fn operator_and_bound(text: &str) -> Option<(Operator, f64)> {
    let text = text.trim();
    // Longer operators first: `<` also starts `<=`.
    let mut operators = Operator::ALL;
    operators.sort_by_key(|operator| std::cmp::Reverse(operator.symbol().len()));
    let (operator, bound) = operators
        .into_iter()
        .find_map(|operator| Some((operator, text.strip_prefix(operator.symbol())?)))?;
    Some((operator, number(bound)?))
}

/// Reads a finite number as TOML does: digits may be grouped by `_`.
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
