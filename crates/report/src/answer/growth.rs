//! How a figure changes along a sweep, in words.

use super::comparison::leaders;
use super::figures::AskedFigure;
use super::sweep::{Sweep, SweptKind};
use super::words::{listed, thousands, with_unit};
use crate::numbers::times;
use crate::table::{Ranking, TableLine, ranking};
use crate::units::DisplayUnit;
use crate::value::Value;

/// What becomes of a figure from one end of a sweep to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Grows,
    Falls,
    /// The runs cannot tell the ends apart.
    Stays,
    /// One of the ends was disturbed or is missing.
    Unknown,
}

/// The most parts of which a sentence names each.
const MOST_PARTS: usize = 3;

/// Says how a figure changes from one end of the sweep to the other, over each transport, and over
/// which it is best along the way.
///
/// Only the `first` of several sentences names the ends.
pub(super) fn growth_sentence(sweep: &Sweep<'_, '_>, asked: AskedFigure, first: bool) -> String {
    let changes: Vec<(Change, String)> =
        sweep.kinds.iter().map(|kind| change(sweep, kind, asked)).collect();
    let of = |wanted: Change| -> Vec<String> {
        let found = changes.iter().filter(|(change, _)| *change == wanted);
        found.map(|(_, text)| text.clone()).collect()
    };
    let parts = [
        (Change::Grows, "grows over"),
        (Change::Falls, "falls over"),
        (Change::Stays, "does not change measurably over"),
        (Change::Unknown, "cannot be followed over"),
    ];
    let parts = parts.into_iter().filter_map(|(change, verb)| {
        let names = of(change);
        (!names.is_empty()).then(|| format!("{verb} {}", listed(&names)))
    });
    let parts: Vec<String> = parts.collect();
    let ends = if first { from_end_to_end(sweep) } else { String::new() };
    format!(
        "{ends}{} {}{}",
        asked.figure.in_words(),
        parts.join(", and "),
        best_along_the_way(sweep, asked)
    )
}

/// Returns what becomes of a figure over one transport, and the name of the transport with the
/// values at both ends.
fn change(sweep: &Sweep<'_, '_>, kind: &SweptKind<'_, '_>, asked: AskedFigure) -> (Change, String) {
    let column = asked.column;
    let known = kind.lines.iter().filter(|(_, it)| it.is_usable() && it.cell(column).is_some());
    let known: Vec<&(&Value, &TableLine<'_>)> = known.collect();
    let [(from, first), .., (to, last)] = known.as_slice() else {
        return (Change::Unknown, kind.name.clone());
    };
    let (Some((low, low_text)), Some((high, high_text))) = (first.cell(column), last.cell(column))
    else {
        return (Change::Unknown, kind.name.clone());
    };
    let change = match ranking(&[*first, *last], column) {
        Ranking::Same => Change::Stays,
        Ranking::First(place) if place.shares.iter().all(|shares| *shares) => Change::Stays,
        Ranking::First(_) if high > low => Change::Grows,
        Ranking::First(_) => Change::Falls,
        Ranking::Nothing | Ranking::Disturbed { .. } => Change::Unknown,
    };
    let ratio = if change == Change::Stays || low <= 0.0 {
        String::new()
    } else {
        format!(", ×{}", times(high / low))
    };
    let values = if low_text == high_text {
        with_unit(&low_text, column)
    } else {
        with_unit(&format!("{low_text} to {high_text}"), column)
    };
    let ends = [
        (sweep.places.first() != Some(*from)).then(|| format!(", from {}", value(sweep, from))),
        (sweep.places.last() != Some(*to)).then(|| format!(", up to {}", value(sweep, to))),
    ];
    let ends: String = ends.into_iter().flatten().collect();
    (change, format!("{} ({values}{ratio}{ends})", kind.name))
}

/// Returns the end of the sentence: over which transports the figure is best along the sweep. Empty
/// if there are no several transports to compare.
fn best_along_the_way(sweep: &Sweep<'_, '_>, asked: AskedFigure) -> String {
    let transports: Vec<&str> = sweep.kinds.iter().map(|kind| kind.name.as_str()).collect();
    if transports.len() < 2 || !sweep.is_shared() {
        return String::new();
    }
    let best = asked.best_word();
    let mut segments: Vec<(Option<String>, &Value)> = Vec::new();
    for group in &sweep.groups {
        let Some(place) = group.first().and_then(|line| place_of(sweep, line)) else { continue };
        let leaders = leaders(asked, group, sweep.settings);
        if segments.last().is_none_or(|(known, _)| *known != leaders) {
            segments.push((leaders, place));
        }
    }
    match segments.as_slice() {
        [] => String::new(),
        [(None, _)] => format!("; over which it is {best} cannot be decided"),
        [(Some(names), _)] => format!("; it is {best} over {names} throughout"),
        several if several.len() <= MOST_PARTS => {
            let parts = several.iter().enumerate().map(|(at, (leaders, place))| {
                let from = if at == 0 { "at" } else { "from" };
                let place = value(sweep, place);
                match leaders {
                    Some(names) => format!("{from} {place} over {names}"),
                    None => format!("{from} {place} undecided"),
                }
            });
            format!("; it is {best} {}", parts.collect::<Vec<_>>().join(", "))
        }
        _ => format!("; over which it is {best} changes several times"),
    }
}

fn place_of<'l>(sweep: &Sweep<'l, '_>, line: &'l TableLine<'_>) -> Option<&'l Value> {
    let at = sweep.settings.shared.iter().position(|column| column.name == sweep.column.name)?;
    line.group.shared.get(at)
}

/// Returns the settings and the ends of the sweep: `from 10 to 5,000 subscribers, `.
fn from_end_to_end(sweep: &Sweep<'_, '_>) -> String {
    let ends = [sweep.places.first(), sweep.places.last()].into_iter().flatten();
    let ends: Vec<String> = ends.map(|place| value(sweep, place)).collect();
    let DisplayUnit { name, unit, .. } = DisplayUnit::of(sweep.column);
    let ends = ends.join(" to ");
    let with = match sweep.fixed.as_slice() {
        [] => String::new(),
        fixed => format!("with {}, ", listed(fixed)),
    };
    let from = match sweep.column.name {
        "subscribers" | "servers" => format!("from {ends} {name}"),
        "rate_per_s" => format!("from {ends} messages per second"),
        "payload_bytes" => format!("from {ends} bytes of payload"),
        _ => format!("from {} of {name}", format!("{ends} {unit}").trim_end()),
    };
    format!("{with}{from}, ")
}

/// Returns a value of the swept setting, without its unit.
fn value(sweep: &Sweep<'_, '_>, place: &Value) -> String {
    let text = DisplayUnit::of(sweep.column).setting(place);
    if text.chars().all(|digit| digit.is_ascii_digit()) { thousands(&text) } else { text }
}
