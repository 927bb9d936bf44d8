//! Lays out a table: aligns its columns, marks the first places, and keeps it within the width of
//! the terminal.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::columns::{HEADING_LINES, Section, TableColumn};
use super::first_places::{Basis, Ranking, first_place, ranking};
use super::lines::{TableLine, compared};
use crate::columns::RunColumn;
use crate::numbers::{ABSENT, times};
use crate::settings::VaryingSettings;
use crate::text_layout::{Style, display_width, padding, wrapped};
use crate::units::{DisplayUnit, setting_in_words};
use crate::value::Value;

/// A table as text, before it is laid out.
pub(super) struct Grid {
    title: &'static str,
    headings: Vec<[String; HEADING_LINES]>,
    /// The number of columns, from the left, that are settings of all transports.
    shared: usize,
    /// The number of columns, from the left, that are not measured.
    labels: usize,
    /// The columns that are left out if the table is too wide with them.
    optional: Vec<usize>,
    /// The columns that are never parted from the one before: its ratio to the best.
    ratios: Vec<usize>,
    groups: Vec<LineGroup>,
    bases: Vec<Basis>,
}

/// What stands in a column behind the labels.
#[derive(Clone, Copy)]
enum GridColumn {
    Figure(&'static TableColumn),
    /// A figure in multiples of the best.
    Ratio(&'static TableColumn),
}

/// The heading of the column of multiples of the best.
pub(super) const RATIO: &str = "×";

impl GridColumn {
    /// Returns the columns of a table. A ratio that no line has is left out.
    fn of(section: &Section, lines: &[TableLine<'_>]) -> Vec<Self> {
        let has_ratio = |column: &TableColumn| {
            section.has_ratio(column)
                && compared(lines)
                    .any(|group| ratios(group, column).iter().any(|cell| cell.text != ABSENT))
        };
        let columns = section.columns.iter().flat_map(|column| {
            let ratio = has_ratio(column).then_some(Self::Ratio(column));
            [Some(Self::Figure(column)), ratio].into_iter().flatten()
        });
        columns.collect()
    }

    fn heading(self) -> [String; HEADING_LINES] {
        match self {
            Self::Figure(column) => column.heading,
            Self::Ratio(_) => ["", "", "", RATIO],
        }
        .map(str::to_owned)
    }

    fn needs_room(self) -> bool {
        matches!(self, Self::Figure(column) if column.needs_room)
    }
}

/// The lines of one setting, which are compared with each other.
struct LineGroup {
    /// The setting in words, shown where there is no room for its columns.
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
        section: &Section,
        settings: &VaryingSettings,
        lines: &[TableLine<'_>],
    ) -> Self {
        let columns = GridColumn::of(section, lines);
        let headings: Vec<[String; HEADING_LINES]> = settings
            .shared
            .iter()
            .map(|column| heading(column))
            .chain([["", "", "transport", ""].map(str::to_owned)])
            .chain(settings.own.iter().map(|column| heading(column)))
            .chain(columns.iter().map(|column| column.heading()))
            .collect();
        let labels = headings.len() - columns.len();
        let places = |is: fn(GridColumn) -> bool| -> Vec<usize> {
            (labels..).zip(&columns).filter(|(_, column)| is(**column)).map(|(at, _)| at).collect()
        };
        let mut grid = Self {
            title: section.title,
            headings,
            shared: settings.shared.len(),
            labels,
            optional: places(GridColumn::needs_room),
            ratios: places(|column| matches!(column, GridColumn::Ratio(_))),
            groups: Vec::new(),
            bases: Vec::new(),
        };
        for group in compared(lines) {
            grid.push(settings, group, &columns);
        }
        grid
    }

    fn push(
        &mut self,
        settings: &VaryingSettings,
        group: &[TableLine<'_>],
        columns: &[GridColumn],
    ) {
        let mut measured = Vec::new();
        for column in columns {
            measured.push(match column {
                GridColumn::Ratio(column) => ratios(group, column),
                GridColumn::Figure(column) => {
                    let (cells, basis) = cells(group, column);
                    self.bases.extend(basis);
                    cells
                }
            });
        }
        let lines = group.iter().enumerate().map(|(at, line)| {
            let setting = |(column, value): (&&RunColumn, &Value)| {
                Cell::plain(DisplayUnit::of(column).setting(value))
            };
            let mut cells: Vec<Cell> =
                settings.shared.iter().zip(&line.group.shared).map(setting).collect();
            cells.push(Cell::plain(name(line)));
            cells.extend(settings.own.iter().zip(&line.group.own).map(setting));
            cells.extend(measured.iter().map(|cells| cells[at].clone()));
            cells
        });
        let title = group.first().map(|line| setting_title(settings, line)).unwrap_or_default();
        self.groups.push(LineGroup { title, lines: lines.collect() });
    }

    /// Returns the table under its title. If it is wider than `style` allows, it is made without the
    /// columns that need room; then the settings go above their lines, and columns that still do not
    /// fit go into further tables below. No other column is left out.
    pub(super) fn render(&self, style: Style) -> String {
        let all: Vec<usize> = (0..self.headings.len()).collect();
        let needed = all.iter().copied().filter(|at| !self.optional.contains(at)).collect();
        for columns in [all, needed] {
            if self.width_of(&columns) <= style.width {
                return self.block(self.title, &columns, style);
            }
        }
        let blocks = self.blocks(style.width);
        let continued = format!("{}, continued", self.title);
        let blocks = blocks.iter().enumerate().map(|(at, columns)| {
            self.block(if at == 0 { self.title } else { &continued }, columns, style)
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    /// Splits the columns into as few tables as it takes to stay within a width. Each has the
    /// transport and its own settings.
    fn blocks(&self, width: usize) -> Vec<Vec<usize>> {
        let labels: Vec<usize> = (self.shared..self.labels).collect();
        let needed: Vec<usize> =
            (self.labels..self.headings.len()).filter(|at| !self.optional.contains(at)).collect();
        // A ratio stays behind its figure.
        let measured: Vec<&[usize]> =
            needed.chunk_by(|_, next| self.ratios.contains(next)).collect();
        let in_tables_of = |columns: usize| -> Vec<Vec<usize>> {
            let chunks = measured.chunks(columns);
            chunks.map(|chunk| [&labels[..], &chunk.concat()].concat()).collect()
        };
        let fits = |blocks: &[Vec<usize>]| blocks.iter().all(|block| self.width_of(block) <= width);
        (1..=measured.len())
            .map(|tables| in_tables_of(measured.len().div_ceil(tables)))
            .find(|blocks| fits(blocks))
            .unwrap_or_else(|| in_tables_of(1))
    }

    /// Returns a table of some columns. The settings stand above the lines if they are not among
    /// them.
    fn block(&self, title: &str, columns: &[usize], style: Style) -> String {
        let widths: Vec<usize> = columns.iter().map(|at| self.width(*at)).collect();
        let with_settings = self.shared == 0 || columns.first() == Some(&0);
        let mut text = format!("{title}\n");
        for part in 0..HEADING_LINES {
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

    /// Aligns words to the left and numbers to the right, with two spaces between columns. A mark
    /// takes one of the two.
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
            let padding = padding(&cell.text, *width);
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

    /// Returns the width of these columns, with a mark behind the last.
    fn width_of(&self, columns: &[usize]) -> usize {
        columns.iter().map(|at| self.width(*at) + 2).sum::<usize>().saturating_sub(1)
    }

    fn width(&self, at: usize) -> usize {
        let heading = self.headings[at].iter().map(|part| display_width(part));
        heading.chain(self.column(at).map(|cell| display_width(&cell.text))).max().unwrap_or(0)
    }

    fn column(&self, at: usize) -> impl Iterator<Item = &Cell> {
        self.groups.iter().flat_map(|group| &group.lines).map(move |line| &line[at])
    }

    pub(super) fn has(&self, is: impl Fn(&Cell) -> bool) -> bool {
        self.groups.iter().flat_map(|group| &group.lines).flatten().any(is)
    }

    /// Returns true if a figure has its ratio to the best behind it.
    pub(super) fn has_ratios(&self) -> bool {
        !self.ratios.is_empty()
    }

    /// Returns how each first place was decided.
    pub(super) fn bases(&self) -> &[Basis] {
        &self.bases
    }

    fn is_numeric(&self, at: usize) -> bool {
        self.column(at).all(|cell| cell.text == ABSENT || cell.text.parse::<f64>().is_ok())
    }
}

/// Returns one column of the lines that are compared with each other, and how its first place was
/// decided. No line is marked if all read the same.
fn cells(group: &[TableLine<'_>], column: &TableColumn) -> (Vec<Cell>, Option<Basis>) {
    let first = first_place(group, column);
    let is_best = |at: usize| first.as_ref().is_some_and(|first| first.shares[at]);
    let cell = |(at, line): (usize, &TableLine<'_>)| match line.cell(column) {
        None => Cell::plain(ABSENT),
        Some((_, text)) => Cell { best: is_best(at), text },
    };
    (group.iter().enumerate().map(cell).collect(), first.map(|first| first.basis))
}

/// Returns a column in multiples of its best value, which is 1.00 for every line that shares the
/// first place. A line that may not be compared has none.
fn ratios(group: &[TableLine<'_>], column: &TableColumn) -> Vec<Cell> {
    let value = |line: &TableLine<'_>| line.cell(column).map(|(value, _)| value);
    let ranking = ranking(group, column);
    let best = match &ranking {
        Ranking::First(first) => value(&group[first.leader]).filter(|best| *best > 0.0),
        _ => None,
    };
    let ratio = |(at, line): (usize, &TableLine<'_>)| match &ranking {
        Ranking::Same if line.may_be_best() => value(line).map(|_| 1.0),
        Ranking::First(first) if first.shares[at] => Some(1.0),
        Ranking::First(_) if line.is_usable() && !line.forgets_its_cursor() => {
            Some(value(line)? / best?)
        }
        _ => None,
    };
    let ratios = group.iter().enumerate().map(ratio);
    ratios.map(|ratio| Cell::plain(ratio.map_or_else(|| ABSENT.to_owned(), times))).collect()
}

/// Returns the setting of a group in words.
fn setting_title(settings: &VaryingSettings, line: &TableLine<'_>) -> String {
    let values = settings.shared.iter().zip(&line.group.shared);
    let words: Vec<String> =
        values.map(|(column, value)| setting_in_words(column, value)).collect();
    words.join(", ")
}

/// Returns the heading of a setting: its name over two lines, and its unit.
fn heading(column: &RunColumn) -> [String; HEADING_LINES] {
    let DisplayUnit { name, unit, .. } = DisplayUnit::of(column);
    let (above, name) = name.rsplit_once(' ').unwrap_or(("", &name));
    ["", above, name, unit].map(str::to_owned)
}

/// Returns the name of the transport, marked if runs of it are invalid (`!`) or were disturbed
/// (`~`).
fn name(line: &TableLine<'_>) -> String {
    let invalid = if line.is_usable() && line.invalid.is_empty() { "" } else { " !" };
    let disturbed = if line.is_disturbed() { " ~" } else { "" };
    format!("{}{invalid}{disturbed}", line.group.transport)
}
