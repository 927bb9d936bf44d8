//! How transports compare in one figure, in words.

use super::figures::AskedFigure;
use super::words::{listed, name, setting, with_unit};
use crate::numbers::times;
use crate::settings::VaryingSettings;
use crate::table::{FirstPlace, Ranking, Summary, TableLine, compared, ranking};

/// What is said of one figure.
pub(super) enum Compared {
    /// It is the same over all transports: its name and value.
    Same(String),
    Sentence(String),
}

/// A sentence with more parts than this counts them in place of naming each.
const MOST_PARTS: usize = 3;

/// Compares the lines in a figure, at each setting.
pub(super) fn compare_figure(
    asked: AskedFigure,
    lines: &[TableLine<'_>],
    settings: &VaryingSettings,
) -> Compared {
    let groups: Vec<&[TableLine<'_>]> = compared(lines).collect();
    match groups.as_slice() {
        [group] => of_group(asked, group, settings),
        groups => Compared::Sentence(of_groups(asked, groups, settings)),
    }
}

/// Compares lines at one setting.
fn of_group(asked: AskedFigure, group: &[TableLine<'_>], settings: &VaryingSettings) -> Compared {
    let AskedFigure { figure, column } = asked;
    let figure = figure.in_words();
    let value = |line: &TableLine<'_>| line.cell(column).map(|(_, text)| with_unit(&text, column));
    Compared::Sentence(match ranking(group, column) {
        Ranking::First(first) => of_first_place(asked, group, &first, settings),
        Ranking::Disturbed { by } => format!(
            "which transport has the {} cannot be decided: the runs over {}, which were \
             disturbed, have the best",
            asked.best_of(),
            name(&group[by], settings)
        ),
        Ranking::Same => {
            let mut comparable = group.iter().filter(|line| line.may_be_best());
            let same = comparable.find_map(value).unwrap_or_default();
            return Compared::Same(format!("{figure} is {same}"));
        }
        Ranking::Nothing => {
            let known = group.iter().filter(|line| line.is_usable());
            let known = known
                .filter_map(|line| Some(format!("{} over {}", value(line)?, name(line, settings))));
            let known: Vec<String> = known.collect();
            match known.as_slice() {
                [] => format!("{figure} was not measured"),
                [one] => format!("{figure} is {one}"),
                several => format!(
                    "which transport has the {} cannot be decided: it is {}",
                    asked.best_of(),
                    listed(several)
                ),
            }
        }
    })
}

/// Says which lines have the first place, and which one is the furthest from it.
fn of_first_place(
    asked: AskedFigure,
    group: &[TableLine<'_>],
    first: &FirstPlace,
    settings: &VaryingSettings,
) -> String {
    let AskedFigure { figure, column } = asked;
    let figure = figure.in_words();
    let mut best = Vec::new();
    let mut others = Vec::new();
    for (line, shares) in group.iter().zip(&first.shares) {
        let Some((value, text)) = line.cell(column).filter(|_| line.may_be_best()) else {
            continue;
        };
        let entry = (value, text, name(line, settings));
        if *shares { best.push(entry) } else { others.push(entry) }
    }
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    let names: Vec<String> = best.iter().map(|(_, _, name)| name.clone()).collect();
    let [(lowest, low, _), .., (_, high, _)] = best.as_slice() else {
        let values = best.first().map(|(value, text, _)| (*value, text.as_str()));
        let (value, text) = values.unwrap_or_default();
        return format!(
            "{figure} is {} over {} ({}){}",
            asked.best_word(),
            listed(&names),
            with_unit(text, column),
            furthest(asked, &others, value)
        );
    };
    let range = if low == high { low.clone() } else { format!("{low} to {high}") };
    let range = with_unit(&range, column);
    if others.is_empty() {
        return format!(
            "which transport has the {} cannot be decided: {range} over {} are too close \
             to tell apart",
            asked.best_of(),
            listed(&names)
        );
    }
    let too_close = if low == high { "" } else { ", too close to tell apart" };
    format!(
        "{figure} is {} over {} ({range}{too_close}){}",
        asked.best_word(),
        listed(&names),
        furthest(asked, &others, *lowest)
    )
}

/// Says which of the other lines is the furthest from the best.
fn furthest(asked: AskedFigure, others: &[(f64, String, String)], best: f64) -> String {
    let lower_is_better = asked.is_lower_better();
    let order = |value: f64| if lower_is_better { value } else { -value };
    let last = others.iter().max_by(|a, b| order(a.0).total_cmp(&order(b.0)));
    let Some((value, text, name)) = last else { return String::new() };
    let counts = asked.column.summary == Summary::LowestShare;
    let ratio =
        if counts || best <= 0.0 { String::new() } else { format!(", ×{}", times(value / best)) };
    let worst = if lower_is_better { "highest" } else { "lowest" };
    format!(", and {worst} over {name} ({}{ratio})", with_unit(text, asked.column))
}

/// Compares lines at several settings that have no order.
fn of_groups(
    asked: AskedFigure,
    groups: &[&[TableLine<'_>]],
    settings: &VaryingSettings,
) -> String {
    let figure = asked.figure.in_words();
    let best = asked.best_word();
    let leaders: Vec<Option<String>> =
        groups.iter().map(|group| leaders(asked, group, settings)).collect();
    if leaders.iter().all(Option::is_none) {
        return format!(
            "which transport has the {} cannot be decided at any of the {} settings",
            asked.best_of(),
            groups.len()
        );
    }
    if leaders.iter().all(|it| *it == leaders[0])
        && let Some(names) = &leaders[0]
    {
        return format!("{figure} is {best} over {names} at every setting");
    }
    if groups.len() > MOST_PARTS {
        return by_counts(asked, groups, settings);
    }
    let parts = groups.iter().zip(&leaders).map(|(group, leaders)| {
        let at = setting_of(group, settings);
        match leaders {
            Some(names) => format!("over {names} with {at}"),
            None => format!("cannot be told apart with {at}"),
        }
    });
    format!("{figure} is {best} {}", parts.collect::<Vec<_>>().join("; "))
}

/// Says at how many settings each transport has or shares the first place.
fn by_counts(
    asked: AskedFigure,
    groups: &[&[TableLine<'_>]],
    settings: &VaryingSettings,
) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for group in groups {
        for name in leading(asked, group, settings) {
            match counts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> =
        counts.into_iter().map(|(name, count)| format!("{count} over {name}")).collect();
    format!(
        "of {} settings, {} is {}, alone or shared, at {}",
        groups.len(),
        asked.figure.in_words(),
        asked.best_word(),
        listed(&counts)
    )
}

/// Returns the names of the lines that have the first place. `None` if the runs do not tell, or if
/// all lines share it.
pub(super) fn leaders(
    asked: AskedFigure,
    group: &[TableLine<'_>],
    settings: &VaryingSettings,
) -> Option<String> {
    let names = leading(asked, group, settings);
    (!names.is_empty()).then(|| listed(&names))
}

/// Does the same, name by name; empty if the runs do not tell.
fn leading(asked: AskedFigure, group: &[TableLine<'_>], settings: &VaryingSettings) -> Vec<String> {
    let Some(first) = ranking(group, asked.column).first() else { return Vec::new() };
    let comparable =
        group.iter().filter(|line| line.may_be_best() && line.cell(asked.column).is_some());
    if first.shares.iter().filter(|shares| **shares).count() == comparable.count() {
        return Vec::new();
    }
    let sharing = group.iter().zip(&first.shares).filter(|(_, shares)| **shares);
    sharing.map(|(line, _)| name(line, settings)).collect()
}

/// Returns the settings of a group in words.
pub(super) fn setting_of(group: &[TableLine<'_>], settings: &VaryingSettings) -> String {
    let Some(line) = group.first() else { return String::new() };
    let values = settings.shared.iter().zip(&line.group.shared);
    listed(&values.map(|(column, value)| setting(column, value)).collect::<Vec<_>>())
}
