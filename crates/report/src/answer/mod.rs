//! The answer to a scenario's question, in words: what the tables show, in one or two sentences.
//!
//! It names no transport that the tables do not mark as best, says what the runs cannot decide, and
//! never calls invalid or disturbed runs best.

mod comparison;
mod figures;
mod growth;
mod sweep;
#[cfg(test)]
mod tests;
mod words;

use self::comparison::{Compared, compare_figure};
use self::figures::Figures;
use self::growth::growth_sentence;
use self::sweep::Sweep;
use self::words::{capital, listed};
use crate::question::Question;
use crate::row::Row;
use crate::settings::VaryingSettings;
use crate::table::{TableLine, are_repeated, lines, rows_of};
use crate::text_layout::{Style, wrapped};

/// Returns the answer to a scenario's question. Empty if there are no rows.
///
/// It has a sentence for each figure that answers the question. In a sweep, the sentence covers
/// the whole of it: how the figure grows, and where it is lowest.
pub fn answer(rows: &[Row], question: Question<'_>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = VaryingSettings::of(rows);
    let lines = lines(rows, &settings);
    let Some(figures) = Figures::of(&lines, question) else {
        return none_is_valid(rows);
    };
    let mut sentences = match Sweep::of(&lines, &settings) {
        Some(sweep) => along(&sweep, &figures, &lines),
        None => side_by_side(&figures, &lines, &settings),
    };
    if let Some(first) = sentences.first_mut().filter(|_| !are_repeated(&lines)) {
        let each = if lines.len() > 1 { " of each" } else { "" };
        *first = format!("in one run{each}, {first}");
    }
    sentences.extend(left_out(&lines));
    let sentences: Vec<String> = sentences.iter().map(|it| capital(it) + ".").collect();
    sentences.join(" ")
}

/// Returns the question and the answer as the last lines of a terminal's output. Empty if there are
/// no rows; without the question if it is not known.
pub(crate) fn question_and_answer(rows: &[Row], question: Question<'_>, style: Style) -> String {
    let about = question.about.split_whitespace().collect::<Vec<_>>().join(" ");
    let paragraphs = [("Question: ", about), ("Answer:   ", answer(rows, question))];
    let known = paragraphs.iter().filter(|(_, text)| !text.is_empty() && !rows.is_empty());
    known
        .map(|(label, text)| wrapped(&format!("{label}{text}"), style.width, "          "))
        .collect()
}

/// Returns a sentence for each figure of a sweep. If only some transports have the swept setting, it is
/// said how the first figure changes over them, and then how all transports compare.
fn along(sweep: &Sweep<'_, '_>, figures: &Figures, lines: &[TableLine<'_>]) -> Vec<String> {
    let growth = figures.all().enumerate();
    let growth = growth.map(|(at, asked)| growth_sentence(sweep, asked, at == 0));
    if sweep.is_shared() {
        return growth.collect();
    }
    growth.take(1).chain(side_by_side(figures, lines, sweep.settings)).collect()
}

/// Returns a sentence for each figure. Figures that are the same over all transports share one.
fn side_by_side(
    figures: &Figures,
    lines: &[TableLine<'_>],
    settings: &VaryingSettings,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut same = Vec::new();
    let mut place_of_same = 0;
    for asked in figures.all() {
        match compare_figure(asked, lines, settings) {
            Compared::Sentence(sentence) => sentences.push(sentence),
            Compared::Same(value) => {
                if same.is_empty() {
                    place_of_same = sentences.len();
                }
                same.push(value);
            }
        }
    }
    if !same.is_empty() {
        sentences.insert(place_of_same, format!("over all transports alike, {}", listed(&same)));
    }
    sentences
}

fn none_is_valid(rows: &[Row]) -> String {
    let first = rows.iter().find(|row| !row.is_valid());
    let reason = first.map_or("", Row::invalid_reason);
    match rows.len() {
        1 => format!("Cannot be decided: the run is invalid ({reason})."),
        runs => format!("Cannot be decided: all {runs} runs are invalid (the first: {reason})."),
    }
}

/// Returns a sentence of the runs that were left out. `None` if every run could be compared.
fn left_out(lines: &[TableLine<'_>]) -> Option<String> {
    let runs = || rows_of(lines);
    let invalid = runs().filter(|row| !row.is_valid()).count();
    let disturbed = runs().filter(|row| row.is_valid() && row.disturbance().is_some()).count();
    let parts = [
        (invalid, "is invalid and left out", "are invalid and left out"),
        (
            disturbed,
            "was disturbed and is never called best",
            "were disturbed and are never called best",
        ),
    ];
    let parts = parts.into_iter().filter(|(runs, ..)| *runs > 0);
    let words: Vec<String> = parts
        .map(|(runs, one, many)| format!("{runs} {}", if runs == 1 { one } else { many }))
        .collect();
    (!words.is_empty()).then(|| format!("of {} runs, {}", runs().count(), words.join(", and ")))
}
