//! The entries of a file and of the command line, key by key. Unknown keys are refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};
use wirebench_protocol::Transport;

use super::arguments::Argument;
use crate::format::FileFormat;
use crate::tables::target::NAME as TARGET;
use crate::tables::thresholds::NAME as THRESHOLDS;
use crate::values::located::{Located, ValueSource};
use crate::words::{joined, nearest};
use crate::{Place, Problem};

/// A command line argument (`--set KEY=VALUE`) with its parsed value.
pub(crate) struct ParsedArgument<'a> {
    argument: &'a Argument,
    value: Spanned<DeValue<'a>>,
}

/// All entries. An argument of the command line replaces the entry of the file.
pub(crate) struct Entries<'a> {
    format: &'static FileFormat,
    /// The values by the paths of their keys.
    pub(crate) keys: BTreeMap<&'static str, Located<'a>>,
    /// The bounds in `[thresholds]`, in order.
    pub(super) thresholds: Vec<Bound<'a>>,
    /// What is in `[target]`. `None`: nothing.
    pub(super) target: Option<TargetEntries<'a>>,
}

/// The entries of `[target]` in a scenario, which are of another format.
pub(crate) struct TargetEntries<'a> {
    /// The place of the table, or of the first entry.
    pub(crate) place: Place,
    entries: Vec<Entry<'a>>,
}

/// A value that was found, at a path of names.
struct Entry<'a> {
    path: Vec<String>,
    /// Where the last name of the path is.
    place: Place,
    found: Located<'a>,
}

/// An entry of `[thresholds]`, or of the table of a transport in it.
pub(crate) struct Bound<'a> {
    pub(super) transport: Option<Transport>,
    pub(super) column: String,
    /// Where the column is named.
    pub(super) place: Place,
    pub(super) found: Located<'a>,
}

/// Parses a file. If it is not TOML, only that is reported: what the rest of it means is unknown.
pub(crate) fn parse<'a>(
    text: &'a str,
    problems: &mut Vec<Problem>,
) -> Option<Spanned<DeTable<'a>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let whole = errors.is_empty();
    let mut last_line = None;
    for error in errors {
        let place = Place::in_text(text, error.span().unwrap_or_default());
        let Place::File { line, .. } = place else { continue };
        // Further errors in a line are mostly echoes of its first.
        if last_line.replace(line) != Some(line) {
            problems.push(syntax(place, &error));
        }
    }
    whole.then_some(document)
}

/// Parses the values of the command line. A value that is not TOML is a string.
pub(super) fn parse_arguments<'a>(
    arguments: &'a [Argument],
    problems: &mut Vec<Problem>,
) -> Vec<ParsedArgument<'a>> {
    let mut parsed = Vec::new();
    for argument in arguments {
        let text = argument.value.as_str();
        match DeValue::parse(text) {
            Ok(value) => parsed.push(ParsedArgument { argument, value }),
            Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
                problems.push(syntax(Place::Argument(argument.shown.clone()), &error));
            }
            Err(_) => {
                let value = Spanned::new(0..text.len(), DeValue::String(Cow::Borrowed(text)));
                parsed.push(ParsedArgument { argument, value });
            }
        }
    }
    parsed
}

fn syntax(place: Place, error: &Error) -> Problem {
    Problem { place, message: format!("not valid TOML: {}", error.message()), hint: None }
}

impl<'a> Entries<'a> {
    /// Gathers the entries of the file and of the command line. What is not known goes to the
    /// problems.
    pub(crate) fn gather(
        format: &'static FileFormat,
        text: &'a str,
        document: &'a Spanned<DeTable<'a>>,
        arguments: &'a [ParsedArgument<'a>],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut entries = Self::new(format);
        for (name, value) in document.get_ref() {
            let place = Place::in_text(text, name.span());
            let found = Located { value, origin: ValueSource::File(text) };
            let path = vec![name.get_ref().to_string()];
            entries.put_all(Entry { path, place, found }, problems);
        }
        // The parser sorts by name; a file's thresholds are kept in the order of the file.
        entries.thresholds.sort_by_key(|bound| bound.found.value.span().start);
        for ParsedArgument { argument, value } in arguments {
            let path: Vec<_> = argument.key.split('.').map(str::to_owned).collect();
            let origin = ValueSource::Argument { shown: &argument.shown, text: &argument.value };
            let place = Place::Argument(argument.shown.clone());
            entries.put_all(Entry { path, place, found: Located { value, origin } }, problems);
        }
        entries
    }

    /// Gathers the entries of the target that stands in a scenario.
    pub(crate) fn of_target(
        format: &'static FileFormat,
        table: TargetEntries<'a>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut entries = Self::new(format);
        for entry in table.entries {
            entries.put_all(entry, problems);
        }
        entries
    }

    fn new(format: &'static FileFormat) -> Self {
        Self { format, keys: BTreeMap::new(), thresholds: Vec::new(), target: None }
    }

    /// Keeps an entry, or all entries of a table.
    fn put_all(&mut self, entry: Entry<'a>, problems: &mut Vec<Problem>) {
        let Entry { path, place, found } = &entry;
        let DeValue::Table(table) = found.value.get_ref() else { return self.put(entry, problems) };
        if !matches!(path.as_slice(), [name] if self.format.is_table(name)) {
            return self.put(entry, problems);
        }
        for (key, value) in table {
            let inner = Entry {
                path: vec![path[0].clone(), key.get_ref().to_string()],
                place: found.place_of(key.span()).unwrap_or(place.clone()),
                found: found.inner(value),
            };
            self.put(inner, problems);
        }
        if let Some(target) = self.target.as_mut().filter(|_| path[0] == TARGET) {
            target.place = place.clone();
        }
    }

    /// Keeps a value under the path of its key, or notes that there is no such key.
    fn put(&mut self, entry: Entry<'a>, problems: &mut Vec<Problem>) {
        let Entry { path, place, found: located } = entry;
        let format = self.format;
        let bounds = format.is_table(THRESHOLDS);
        match path.as_slice() {
            [table, column] if bounds && table == THRESHOLDS => {
                self.put_bounds(column, located, place, problems);
            }
            // The name of a transport may have a dot.
            [table, transport @ .., column] if bounds && table == THRESHOLDS => {
                match known_transport(&transport.join("."), &place) {
                    Ok(transport) => self.put_bound(Some(transport), column, place, located),
                    Err(problem) => problems.push(problem),
                }
            }
            [table, path @ ..]
                if !path.is_empty() && format.is_table(TARGET) && table == TARGET =>
            {
                let empty = || TargetEntries { place: place.clone(), entries: Vec::new() };
                let target = self.target.get_or_insert_with(empty);
                target.entries.push(Entry { path: path.to_vec(), place, found: located });
            }
            [table] if format.is_table(table) => match format.short_key(table) {
                Some(key) => _ = self.keys.insert(key.path, located),
                None => problems.push(Problem {
                    place: located.place().unwrap_or(place),
                    message: format!("`{table}` must be a table, found {}", located.found()),
                    hint: Some(table_takes(format, table)),
                }),
            },
            path => {
                let name = path.join(".");
                match format.key(&name) {
                    Some(key) => {
                        self.keys.insert(key.path, located);
                    }
                    None => problems.push(unknown(format, path, located, place)),
                }
            }
        }
    }

    /// Keeps a bound for every transport, or the bounds in the table of one transport. A name with
    /// a dot may be quoted; without quotes, it is a table within a table.
    fn put_bounds(
        &mut self,
        name: &str,
        located: Located<'a>,
        place: Place,
        problems: &mut Vec<Problem>,
    ) {
        let DeValue::Table(table) = located.value.get_ref() else {
            return self.put_bound(None, name, place, located);
        };
        let (tables, bounds): (Vec<_>, Vec<_>) =
            table.iter().partition(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)));
        let place_of = |key: &Spanned<_>| located.place_of(key.span());
        for &(inner, value) in &tables {
            let place = place_of(inner).unwrap_or(place.clone());
            let name = format!("{name}.{}", inner.get_ref());
            self.put_bounds(&name, located.inner(value), place, problems);
        }
        if bounds.is_empty() && !tables.is_empty() {
            return;
        }
        match known_transport(name, &place) {
            Ok(transport) => {
                for (column, value) in bounds {
                    let place = place_of(column).unwrap_or(place.clone());
                    self.put_bound(Some(transport), column.get_ref(), place, located.inner(value));
                }
            }
            Err(problem) => problems.push(problem),
        }
    }

    fn put_bound(
        &mut self,
        transport: Option<Transport>,
        column: &str,
        place: Place,
        found: Located<'a>,
    ) {
        let known = |bound: &&mut Bound<'_>| bound.transport == transport && bound.column == column;
        if let Some(bound) = self.thresholds.iter_mut().find(known) {
            (bound.place, bound.found) = (place, found);
        } else {
            let column = column.to_owned();
            self.thresholds.push(Bound { transport, column, place, found });
        }
    }
}

fn known_transport(name: &str, place: &Place) -> Result<Transport, Problem> {
    name.parse().map_err(|_| Problem {
        place: place.clone(),
        message: format!("`{THRESHOLDS}.{name}` is not the table of a transport"),
        hint: Some(match nearest(name, Transport::ALL.iter().map(|transport| transport.name())) {
            Some(meant) => format!("did you mean `[{THRESHOLDS}.{meant}]`?"),
            None => bounds_take(),
        }),
    })
}

fn unknown(format: &FileFormat, path: &[String], located: Located<'_>, place: Place) -> Problem {
    let name = path.join(".");
    if matches!((path, located.value.get_ref()), ([_], DeValue::Table(_))) {
        let hint = match format.nearest_table(&name) {
            Some(table) => format!("did you mean `[{table}]`?"),
            None => format!("the tables are {}", format.all_tables()),
        };
        return Problem { place, message: format!("unknown table `[{name}]`"), hint: Some(hint) };
    }
    let hint = match (format.meant_by(path), path) {
        (Some(key), _) => format!("did you mean `{}`?", key.path),
        (None, [table, _]) if format.is_table(table) => table_takes(format, table),
        (None, _) => format!(
            "at the top of the file stand {}; all other keys in {}",
            format.names_of(""),
            format.all_tables()
        ),
    };
    Problem { place, message: format!("unknown key `{name}`"), hint: Some(hint) }
}

/// Says what may stand in a table.
fn table_takes(format: &FileFormat, name: &str) -> String {
    match name {
        THRESHOLDS => bounds_take(),
        TARGET => "it takes what a target file takes; `targets` is a list of such files".to_owned(),
        name => format!("`[{name}]` takes {}", format.names_of(name)),
    }
}

fn bounds_take() -> String {
    let transports = Transport::ALL.map(|transport| format!("`[{THRESHOLDS}.{transport}]`"));
    format!("`[{THRESHOLDS}]` takes columns of `runs.csv`, and {}", joined(transports, "and"))
}
