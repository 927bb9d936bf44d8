//! A table laid out: columns aligned, the first places marked, as wide as the terminal at most.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::lines::{Line, Settings};
use super::ties::{Basis, first_place};
use super::{ABSENT, Shown, Style};
use crate::{RunColumn, Value};

/// How many lines a heading may have: its name over up to three, and its unit.
pub(super) const HEADING: usize = 4;

/// A table as text, before it is laid out.
pub(super) struct Grid {
    title: &'static str,
    headings: Vec<[String; HEADING]>,
    /// How many columns, from the left, are settings of all transports.
    shared: usize,
    /// How many columns, from the left, are not measured.
    labels: usize,
    groups: Vec<Group>,
    bases: Vec<Basis>,
}

/// The lines of one setting, which are compared with each other.
struct Group {
    /// The setting, for where it has no room as columns.
    title: String,
    lines: Vec<Vec<Cell>>,
}

#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) best: bool,
}

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), best: false }
    }
}

impl Grid {
    pub(super) fn new(
        title: &'static str,
        settings: &Settings,
        lines: &[Line<'_>],
        shown: &[&Shown],
    ) -> Self {
        let headings: Vec<[String; HEADING]> = settings
            .shared
            .iter()
            .map(|column| heading(column))
            .chain([["", "", "transport", ""].map(str::to_owned)])
            .chain(settings.own.iter().map(|column| heading(column)))
            .chain(shown.iter().map(|shown| shown.heading.map(str::to_owned)))
            .collect();
        let labels = headings.len() - shown.len();
        let mut grid = Self {
            title,
            headings,
            shared: settings.shared.len(),
            labels,
            groups: Vec::new(),
            bases: Vec::new(),
        };
        for group in lines.chunk_by(|a, b| a.shared == b.shared) {
            grid.push(settings, group, shown);
        }
        grid
    }

    fn push(&mut self, settings: &Settings, group: &[Line<'_>], shown: &[&Shown]) {
        let mut columns = Vec::new();
        for shown in shown {
            let (cells, basis) = cells(group, shown);
            columns.push(cells);
            self.bases.extend(basis);
        }
        let lines = group.iter().enumerate().map(|(at, line)| {
            let label = |(column, value): (&&RunColumn, &Value)| Cell::plain(label(column, value));
            let mut cells: Vec<Cell> =
                settings.shared.iter().zip(&line.shared).map(label).collect();
            cells.push(Cell::plain(name(line)));
            cells.extend(settings.own.iter().zip(&line.own).map(label));
            cells.extend(columns.iter().map(|column| column[at].clone()));
            cells
        });
        let title = group.first().map(|line| setting_title(settings, line)).unwrap_or_default();
        self.groups.push(Group { title, lines: lines.collect() });
    }

    /// The table under its title. Where it is wider than `style` allows, the settings go above
    /// their lines, and then what still does not fit into further tables below: nothing is left
    /// out.
    pub(super) fn render(&self, style: Style) -> String {
        let all: Vec<usize> = (0..self.headings.len()).collect();
        if self.width_of(&all) <= style.width {
            return self.block(self.title, &all, style);
        }
        let blocks = self.blocks(style.width);
        let continued = format!("{}, continued", self.title);
        let blocks = blocks.iter().enumerate().map(|(at, columns)| {
            self.block(if at == 0 { self.title } else { &continued }, columns, style)
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    /// The columns of as few tables as it takes to stay within a width, each with the transport and
    /// its own settings.
    fn blocks(&self, width: usize) -> Vec<Vec<usize>> {
        let labels: Vec<usize> = (self.shared..self.labels).collect();
        let measured: Vec<usize> = (self.labels..self.headings.len()).collect();
        let in_tables_of = |columns: usize| -> Vec<Vec<usize>> {
            measured.chunks(columns).map(|chunk| [&labels, chunk].concat()).collect()
        };
        let fits = |blocks: &[Vec<usize>]| blocks.iter().all(|block| self.width_of(block) <= width);
        (1..=measured.len())
            .map(|tables| in_tables_of(measured.len().div_ceil(tables)))
            .find(|blocks| fits(blocks))
            .unwrap_or_else(|| in_tables_of(1))
    }

    /// Some of the columns, with the settings above the lines where they are not among them.
    fn block(&self, title: &str, columns: &[usize], style: Style) -> String {
        let widths: Vec<usize> = columns.iter().map(|at| self.width(*at)).collect();
        let with_settings = self.shared == 0 || columns.first() == Some(&0);
        let mut text = format!("{title}\n");
        for part in 0..HEADING {
            let heading = |at: &usize| Cell::plain(self.headings[*at][part].as_str());
            let cells: Vec<Cell> = columns.iter().map(heading).collect();
            if cells.iter().any(|cell| !cell.text.is_empty()) {
                self.push_line(&mut text, &cells, columns, &widths, style);
            }
        }
        let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
        let _ = writeln!(text, "{}", "─".repeat(rule));
        for (at, group) in self.groups.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            if !with_settings {
                text.push_str(&wrapped(&group.title, style.width, ""));
            }
            for line in &group.lines {
                let cells: Vec<Cell> = columns.iter().map(|at| line[*at].clone()).collect();
                self.push_line(&mut text, &cells, columns, &widths, style);
            }
        }
        text
    }

    /// Words to the left, numbers to the right, two spaces between; a mark takes one of the two.
    fn push_line(
        &self,
        text: &mut String,
        cells: &[Cell],
        columns: &[usize],
        widths: &[usize],
        style: Style,
    ) {
        let mut line = String::new();
        for ((cell, at), width) in cells.iter().zip(columns).zip(widths) {
            let padding = " ".repeat(width - length(&cell.text));
            let content = &cell.text;
            if *at < self.labels && !self.is_numeric(*at) {
                let _ = write!(line, "{content}{padding}");
            } else if cell.best && style.colour {
                let _ = write!(line, "{padding}{}", content.bold());
            } else {
                let _ = write!(line, "{padding}{content}");
            }
            line.push_str(if cell.best && !style.colour { "* " } else { "  " });
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }

    /// How wide these columns are, with a mark behind the last.
    fn width_of(&self, columns: &[usize]) -> usize {
        columns.iter().map(|at| self.width(*at) + 2).sum::<usize>().saturating_sub(1)
    }

    fn width(&self, at: usize) -> usize {
        let heading = self.headings[at].iter().map(|part| length(part));
        heading.chain(self.column(at).map(|cell| length(&cell.text))).max().unwrap_or(0)
    }

    fn column(&self, at: usize) -> impl Iterator<Item = &Cell> {
        self.groups.iter().flat_map(|group| &group.lines).map(move |line| &line[at])
    }

    pub(super) fn has(&self, is: impl Fn(&Cell) -> bool) -> bool {
        self.groups.iter().flat_map(|group| &group.lines).flatten().any(is)
    }

    /// How it was decided who shares a first place, wherever somebody does.
    pub(super) fn bases(&self) -> &[Basis] {
        &self.bases
    }

    fn is_numeric(&self, at: usize) -> bool {
        self.column(at).all(|cell| cell.text == ABSENT || cell.text.parse::<f64>().is_ok())
    }
}

/// Characters, each of which takes one column of a terminal in what this table holds.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// A paragraph broken between words into lines of at most `width` columns; those after the first
/// begin with `indent`. A longer word has a line for itself.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && column + 1 + length(word) > width {
            lines.push('\n');
            lines.push_str(indent);
            column = length(indent);
        } else if at > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length(word);
    }
    lines + "\n"
}

/// One column of the lines that are compared with each other. The first places are marked, which
/// several may share; nothing is where all read the same.
fn cells(group: &[Line<'_>], shown: &Shown) -> (Vec<Cell>, Option<Basis>) {
    let first = first_place(group, shown);
    let is_best = |at: usize| first.as_ref().is_some_and(|first| first.shares[at]);
    let cell = |(at, line): (usize, &Line<'_>)| match line.cell(shown) {
        None => Cell::plain(ABSENT),
        Some((_, text)) => Cell { best: is_best(at), text },
    };
    (group.iter().enumerate().map(cell).collect(), first.map(|first| first.basis))
}

/// The setting of a group in words, one after the other.
fn setting_title(settings: &Settings, line: &Line<'_>) -> String {
    let words = settings.shared.iter().zip(&line.shared);
    words.map(|(column, value)| in_words(column, value)).collect::<Vec<_>>().join(", ")
}

/// A setting with its value and unit: `poll interval 250 ms`.
pub(crate) fn in_words(column: &RunColumn, value: &Value) -> String {
    let [first, second, third, unit] = heading(column);
    let parts = [first, second, third, label(column, value), unit];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn heading(column: &RunColumn) -> [String; HEADING] {
    let (unit, _) = unit(column);
    let ending = match column.unit {
        "µs" => "_us",
        "s" => "_s",
        "B" => "_bytes",
        "1/s" => "_per_s",
        _ => "",
    };
    let name = column.name.strip_suffix(ending).unwrap_or(column.name).replace('_', " ");
    let (above, name) = name.rsplit_once(' ').unwrap_or(("", &name));
    ["", above, name, unit].map(str::to_owned)
}

/// The unit that a setting is shown in, and what its value is divided by for that.
fn unit(column: &RunColumn) -> (&'static str, f64) {
    match column.unit {
        "µs" => ("ms", 1e3),
        other => (other, 1.0),
    }
}

fn label(column: &RunColumn, value: &Value) -> String {
    match value {
        Value::Blank => ABSENT.to_owned(),
        Value::Decimal(number) => (number / unit(column).1).to_string(),
        other => other.to_string(),
    }
}

/// The transport, marked where runs of it are invalid (`!`) or were disturbed (`~`).
fn name(line: &Line<'_>) -> String {
    let invalid = if line.is_usable() && line.invalid.is_empty() { "" } else { " !" };
    let disturbed = if line.is_disturbed() { " ~" } else { "" };
    format!("{}{invalid}{disturbed}", line.transport)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_between_words_and_a_long_word_is_not() {
        assert_eq!(wrapped("one two three", 7, "  "), "one two\n  three\n");
        assert_eq!(wrapped("one", 7, "  "), "one\n");
        assert_eq!(wrapped("a-very-long-word here", 7, ""), "a-very-long-word\nhere\n");
    }
}
