//! A table laid out: columns aligned, the best values marked.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::lines::{Line, Settings};
use super::{ABSENT, Shown, Style, Take};
use crate::{Better, COLUMNS, RunColumn, Value};

/// A table as text, before it is laid out.
pub(super) struct Grid {
    headings: Vec<[String; 3]>,
    /// How many columns, from the left, are not measured.
    labels: usize,
    lines: Vec<Vec<Cell>>,
    /// Where another setting begins.
    breaks: Vec<usize>,
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
    pub(super) fn new(settings: &Settings, lines: &[Line<'_>], shown: &[&Shown]) -> Self {
        let headings: Vec<[String; 3]> = settings
            .shared
            .iter()
            .map(|column| heading(column))
            .chain([[String::new(), "transport".to_owned(), String::new()]])
            .chain(settings.own.iter().map(|column| heading(column)))
            .chain(shown.iter().map(|shown| shown.heading.map(str::to_owned)))
            .collect();
        let labels = headings.len() - shown.len();
        let mut grid = Self { headings, labels, lines: Vec::new(), breaks: Vec::new() };
        for group in lines.chunk_by(|a, b| a.shared == b.shared) {
            if !grid.lines.is_empty() {
                grid.breaks.push(grid.lines.len());
            }
            let columns: Vec<Vec<Cell>> = shown.iter().map(|shown| cells(group, shown)).collect();
            for (at, line) in group.iter().enumerate() {
                let label =
                    |(column, value): (&&RunColumn, &Value)| Cell::plain(label(column, value));
                let mut cells: Vec<Cell> =
                    settings.shared.iter().zip(&line.shared).map(label).collect();
                cells.push(Cell::plain(name(line)));
                cells.extend(settings.own.iter().zip(&line.own).map(label));
                cells.extend(columns.iter().map(|column| column[at].clone()));
                grid.lines.push(cells);
            }
        }
        grid
    }

    pub(super) fn render(&self, style: Style) -> String {
        let widths: Vec<usize> = (0..self.headings.len()).map(|at| self.width(at)).collect();
        let mut text = String::new();
        for part in 0..3 {
            let cells: Vec<Cell> =
                self.headings.iter().map(|heading| Cell::plain(heading[part].as_str())).collect();
            if cells.iter().any(|cell| !cell.text.is_empty()) {
                self.push_line(&mut text, &cells, &widths, style);
            }
        }
        let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
        let _ = writeln!(text, "{}", "─".repeat(rule));
        for (at, cells) in self.lines.iter().enumerate() {
            if self.breaks.contains(&at) {
                text.push('\n');
            }
            self.push_line(&mut text, cells, &widths, style);
        }
        text
    }

    /// Words to the left, numbers to the right, two spaces between; a mark takes one of the two.
    fn push_line(&self, text: &mut String, cells: &[Cell], widths: &[usize], style: Style) {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - length(&cell.text));
            let content = &cell.text;
            if at < self.labels && !self.is_numeric(at) {
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

    fn width(&self, at: usize) -> usize {
        let heading = self.headings[at].iter().map(|part| length(part));
        let cells = self.lines.iter().map(|line| length(&line[at].text));
        heading.chain(cells).max().unwrap_or(0)
    }

    pub(super) fn has(&self, is: impl Fn(&Cell) -> bool) -> bool {
        self.lines.iter().flatten().any(is)
    }

    fn is_numeric(&self, at: usize) -> bool {
        self.lines.iter().all(|line| {
            let text = &line[at].text;
            text == ABSENT || text.parse::<f64>().is_ok()
        })
    }
}

/// Characters, each of which takes one column of a terminal in what this table holds.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// One column of the lines that are compared with each other. The best are marked, and those that
/// read the same as the best; nothing is where all read the same.
fn cells(group: &[Line<'_>], shown: &Shown) -> Vec<Cell> {
    let values: Vec<Option<(f64, String)>> = group.iter().map(|line| line.cell(shown)).collect();
    let better = COLUMNS
        .iter()
        .find(|column| column.name == shown.column)
        .map_or(Better::Neither, |column| column.better);
    let rated: Vec<&(f64, String)> = group
        .iter()
        .zip(&values)
        .filter(|(line, _)| line.is_usable())
        .filter_map(|(_, value)| value.as_ref())
        .collect();
    let best = match better {
        _ if shown.take == Take::Range => None,
        Better::Lower => rated.iter().min_by(|a, b| a.0.total_cmp(&b.0)),
        Better::Higher => rated.iter().max_by(|a, b| a.0.total_cmp(&b.0)),
        Better::Neither => None,
    };
    let best = best
        .map(|(_, text)| text.clone())
        .filter(|best| rated.iter().any(|(_, text)| text != best));
    group
        .iter()
        .zip(values)
        .map(|(line, value)| match value {
            None => Cell::plain(ABSENT),
            Some((_, text)) => {
                Cell { best: line.is_usable() && best.as_ref() == Some(&text), text }
            }
        })
        .collect()
}

pub(super) fn heading(column: &RunColumn) -> [String; 3] {
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
    [above.to_owned(), name.to_owned(), unit.to_owned()]
}

/// The unit that a setting is shown in, and what its value is divided by for that.
fn unit(column: &RunColumn) -> (&'static str, f64) {
    match column.unit {
        "µs" => ("ms", 1e3),
        other => (other, 1.0),
    }
}

pub(super) fn label(column: &RunColumn, value: &Value) -> String {
    match value {
        Value::Blank => ABSENT.to_owned(),
        Value::Decimal(number) => (number / unit(column).1).to_string(),
        other => other.to_string(),
    }
}

/// The transport, marked where runs of it are invalid.
fn name(line: &Line<'_>) -> String {
    if line.is_usable() && line.invalid.is_empty() {
        line.transport.to_owned()
    } else {
        format!("{} !", line.transport)
    }
}
