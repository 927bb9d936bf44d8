//! How a figure changes along a sweep, in words.

use super::comparison::leaders;
use super::figures::AskedFigure;
use super::sweep::{Sweep, SweptKind};
use super::words::{listed, with_unit};
use crate::numbers::{thousands, times};
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

/// What becomes of a figure over one transport.
struct KindChange<'k> {
    change: Change,
    name: &'k str,
    /// The values at both ends, as the tables write them; `None` if they are not known.
    ends: Option<[(f64, String); 2]>,
    /// The end of the values that a part of the sweep has, such as `, up to 1,000`.
    part: String,
}

/// Says how a figure changes from one end of the sweep to the other, over each transport, and over
/// which it is best along the way.
///
/// Only the `first` of several sentences names the ends.
pub(super) fn growth_sentence(sweep: &Sweep<'_, '_>, asked: AskedFigure, first: bool) -> String {
    let changes: Vec<KindChange<'_>> =
        sweep.kinds.iter().map(|kind| change(sweep, kind, asked)).collect();
    let parts = [
        (Change::Grows, "grows over"),
        (Change::Falls, "falls over"),
        (Change::Stays, "does not change measurably over"),
        (Change::Unknown, "cannot be followed over"),
    ];
    let parts = parts.into_iter().filter_map(|(change, verb)| {
        let alike: Vec<_> = changes.iter().filter(|it| it.change == change).collect();
        let names: Vec<String> = alike.iter().map(|it| it.name.to_owned()).collect();
        let names = match names.len() {
            0 => return None,
            all if all == changes.len() && all > 2 && change == Change::Unknown => {
                "any transport".to_owned()
            }
            all if all == changes.len() && all > 2 => "every transport".to_owned(),
            _ => listed(&names),
        };
        Some(format!("{verb} {names}{}", values(change, &alike, asked)))
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

/// Returns what becomes of a figure over one transport.
fn change<'k>(
    sweep: &Sweep<'_, '_>,
    kind: &'k SweptKind<'_, '_>,
    asked: AskedFigure,
) -> KindChange<'k> {
    let column = asked.column;
    let name = kind.name.as_str();
    let unknown = KindChange { change: Change::Unknown, name, ends: None, part: String::new() };
    let known = kind.lines.iter().filter_map(|(place, line)| {
        let cell = line.cell(column).filter(|_| line.is_usable())?;
        Some((*place, *line, cell))
    });
    let known: Vec<_> = known.collect();
    let [(from, first, low), .., (to, last, high)] = known.as_slice() else { return unknown };
    let change = match ranking(&[*first, *last], column) {
        Ranking::Same => Change::Stays,
        Ranking::First(place) if place.shares.iter().all(|shares| *shares) => Change::Stays,
        Ranking::First(_) if high.0 > low.0 => Change::Grows,
        Ranking::First(_) => Change::Falls,
        Ranking::Nothing | Ranking::Disturbed { .. } => return unknown,
    };
    let part = [
        (sweep.places.first() != Some(*from)).then(|| format!(", from {}", value(sweep, from))),
        (sweep.places.last() != Some(*to)).then(|| format!(", up to {}", value(sweep, to))),
    ];
    let part = part.into_iter().flatten().collect();
    KindChange { change, name, ends: Some([low.clone(), high.clone()]), part }
}

/// Returns the values behind the names of transports, in brackets: from end to end of one; of
/// several, how much they change and what they come to.
fn values(change: Change, alike: &[&KindChange<'_>], asked: AskedFigure) -> String {
    let known = alike.iter().filter_map(|it| Some((it.ends.as_ref()?, it.part.as_str())));
    let known: Vec<_> = known.collect();
    let text = match known.as_slice() {
        [] => return String::new(),
        [([low, high], part)] => {
            let ratio = match change {
                Change::Grows | Change::Falls if low.0 > 0.0 => {
                    format!(", ×{}", times(high.0 / low.0))
                }
                _ => String::new(),
            };
            format!("{}{ratio}{part}", range(&low.1, &high.1, asked))
        }
        several => {
            let part = several.iter().map(|(_, part)| *part).find(|part| !part.is_empty());
            let at_end = extremes(several.iter().map(|([_, high], _)| high));
            let ratios = several.iter().filter(|([low, _], _)| low.0 > 0.0);
            let ratios = ratios.map(|([low, high], _)| high.0 / low.0);
            let ratios: Vec<f64> = ratios.collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            let (least, most) = (times(least), times(most));
            let by = match change {
                Change::Stays | Change::Unknown => String::new(),
                _ if ratios.len() < several.len() => "ending at ".to_owned(),
                _ if least == most => format!("×{least}, ending at "),
                _ => format!("×{least} to ×{most}, ending at "),
            };
            let part = part.map_or("", |_| ", in part of the range");
            format!("{by}{}{part}", range(&at_end[0], &at_end[1], asked))
        }
    };
    format!(" ({text})")
}

/// Returns the texts of the least and the greatest of some values.
fn extremes<'v>(values: impl Iterator<Item = &'v (f64, String)> + Clone) -> [String; 2] {
    let order = |a: &&(f64, String), b: &&(f64, String)| a.0.total_cmp(&b.0);
    let (least, most) = (values.clone().min_by(order), values.max_by(order));
    [least, most].map(|value| value.map(|(_, text)| text.clone()).unwrap_or_default())
}

/// Returns two values with their unit, or one if they read the same.
fn range(low: &str, high: &str, asked: AskedFigure) -> String {
    let text = if low == high { low.to_owned() } else { format!("{low} to {high}") };
    with_unit(&text, asked.column)
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
        "backbone_servers" => format!("from {ends} NATS servers"),
        "rate_per_s" => format!("from {ends} messages per second"),
        "payload_bytes" => format!("from {ends} bytes of payload"),
        _ => format!("from {} of {name}", format!("{ends} {unit}").trim_end()),
    };
    format!("{with}{from}, ")
}

/// Returns a value of the swept setting, without its unit.
fn value(sweep: &Sweep<'_, '_>, place: &Value) -> String {
    let text = DisplayUnit::of(sweep.column).setting(place);
    text.parse().map_or_else(|_| text.clone(), thousands)
}
