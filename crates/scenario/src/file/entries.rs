//! What the file and the command line say, key by key: known keys only, each with its place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};
use wirebench_protocol::Transport;

use super::Argument;
use super::reader::nearest;
use crate::keys::{KEYS, TABLES, THRESHOLDS};
use crate::{Place, Problem};

/// A value in the text that it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located<'a> {
    pub(super) value: &'a Spanned<DeValue<'a>>,
    pub(super) source: Source<'a>,
}

/// The text that a value comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    File(&'a str),
    Argument { shown: &'a str, text: &'a str },
    Default(&'static str),
}

/// A key of the command line with its value, parsed.
pub(super) struct Parsed<'a> {
    argument: &'a Argument,
    value: Spanned<DeValue<'a>>,
}

/// Everything that was said. Where the command line and the file both speak, the command line counts.
pub(super) struct Entries<'a> {
    /// By [`Key::path`](crate::Key::path).
    pub(super) keys: BTreeMap<String, Located<'a>>,
    /// What stands in `[thresholds]`, in order.
    pub(super) thresholds: Vec<Bound<'a>>,
}

/// A column of `[thresholds]`, or of the table of a transport in it.
pub(super) struct Bound<'a> {
    pub(super) transport: Option<Transport>,
    pub(super) column: String,
    /// Where the column is named.
    pub(super) place: Place,
    pub(super) found: Located<'a>,
}

/// Parses a file. Of a file that is not TOML only that is said: what the rest of it means is anyone's guess.
pub(super) fn parse<'a>(
    text: &'a str,
    problems: &mut Vec<Problem>,
) -> Option<Spanned<DeTable<'a>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let whole = errors.is_empty();
    let mut last_line = None;
    for error in errors {
        let place = Place::in_text(text, error.span().map_or(0, |span| span.start));
        let Place::File { line, .. } = place else { continue };
        // Further errors in a line are mostly echoes of its first.
        if last_line.replace(line) != Some(line) {
            problems.push(syntax(place, &error));
        }
    }
    whole.then_some(document)
}

/// Parses the values of the command line.
pub(super) fn parse_arguments<'a>(
    arguments: &'a [Argument],
    problems: &mut Vec<Problem>,
) -> Vec<Parsed<'a>> {
    let mut parsed = Vec::new();
    for argument in arguments {
        let text = argument.value.as_str();
        match DeValue::parse(text) {
            Ok(value) => parsed.push(Parsed { argument, value }),
            Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
                problems.push(syntax(Place::Argument(argument.shown.clone()), &error));
            }
            Err(_) => {
                let value = Spanned::new(0..text.len(), DeValue::String(Cow::Borrowed(text)));
                parsed.push(Parsed { argument, value });
            }
        }
    }
    parsed
}

fn syntax(place: Place, error: &Error) -> Problem {
    Problem { place, message: format!("not valid TOML: {}", error.message()), hint: None }
}

impl<'a> Entries<'a> {
    pub(super) fn gather(
        text: &'a str,
        document: &'a Spanned<DeTable<'a>>,
        arguments: &'a [Parsed<'a>],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut entries = Self { keys: BTreeMap::new(), thresholds: Vec::new() };
        for (name, value) in document.get_ref() {
            let located = Located { value, source: Source::File(text) };
            let place = Place::in_text(text, name.span().start);
            match value.get_ref() {
                DeValue::Table(table) if is_table(name.get_ref()) => {
                    for (key, value) in table {
                        let place = Place::in_text(text, key.span().start);
                        let path = [name.get_ref().to_string(), key.get_ref().to_string()];
                        entries.put(&path, Located { value, ..located }, place, problems);
                    }
                }
                _ => entries.put(&[name.get_ref().to_string()], located, place, problems),
            }
        }
        // The parser sorts by name; a file's thresholds are kept in the order of the file.
        entries.thresholds.sort_by_key(|bound| bound.found.value.span().start);
        for Parsed { argument, value } in arguments {
            let path: Vec<_> = argument.key.split('.').map(str::to_owned).collect();
            let source = Source::Argument { shown: &argument.shown, text: &argument.value };
            let place = Place::Argument(argument.shown.clone());
            entries.put(&path, Located { value, source }, place, problems);
        }
        entries
    }

    /// Keeps a value under its name, or says that there is no such name.
    fn put(
        &mut self,
        path: &[String],
        located: Located<'a>,
        place: Place,
        problems: &mut Vec<Problem>,
    ) {
        match path {
            [table, column] if table == THRESHOLDS => {
                self.put_bounds(column, located, place, problems);
            }
            [table, transport, column] if table == THRESHOLDS => {
                match known_transport(transport, &place) {
                    Ok(transport) => self.put_bound(Some(transport), column, place, located),
                    Err(problem) => problems.push(problem),
                }
            }
            [table] if is_table(table) => problems.push(Problem {
                place: located.place().unwrap_or(place),
                message: format!("`{table}` must be a table, found {}", located.found()),
                hint: Some(table_takes(table)),
            }),
            path => {
                let name = path.join(".");
                if KEYS.iter().any(|key| key.path() == name) {
                    self.keys.insert(name, located);
                } else {
                    problems.push(unknown(path, located, place));
                }
            }
        }
    }

    /// Keeps a bound for all transports, or the table of bounds for one.
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
        match known_transport(name, &place) {
            Ok(transport) => {
                for (column, value) in table {
                    let place = located.place_of(column.span().start).unwrap_or(place.clone());
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
            None => table_takes(THRESHOLDS),
        }),
    })
}

fn is_table(name: &str) -> bool {
    TABLES.iter().any(|table| table.name == name)
}

fn unknown(path: &[String], located: Located<'_>, place: Place) -> Problem {
    let name = path.join(".");
    let paths: Vec<_> = KEYS.iter().map(crate::Key::path).collect();
    let last = path.last().map_or("", String::as_str);
    // A key of the right name that stands in the wrong table is no slip of the finger.
    let elsewhere = KEYS.iter().position(|key| key.name == last).map(|at| paths[at].as_str());
    let meant = elsewhere.or_else(|| match path {
        [table, key] if is_table(table) => {
            let keys = KEYS.iter().filter(|known| known.table == table);
            let near = nearest(key, keys.map(|known| known.name))?;
            paths.iter().map(String::as_str).find(|path| *path == format!("{table}.{near}"))
        }
        _ => nearest(&name, paths.iter().map(String::as_str)),
    });
    if matches!((path, located.value.get_ref()), ([_], DeValue::Table(_))) {
        let tables = TABLES.iter().map(|table| table.name);
        let hint = match nearest(&name, tables.clone()) {
            Some(table) => format!("did you mean `[{table}]`?"),
            None => format!("the tables are {}", all(tables.map(|table| format!("`[{table}]`")))),
        };
        return Problem { place, message: format!("unknown table `[{name}]`"), hint: Some(hint) };
    }
    let hint = match (meant, path) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, [table, _]) if is_table(table) => table_takes(table),
        (None, _) => {
            let top = KEYS.iter().filter(|key| key.table.is_empty()).map(|key| key.name);
            let tables = TABLES.iter().map(|table| format!("`[{}]`", table.name));
            format!(
                "at the top of the file stand {}; all other keys in {}",
                all(top.map(|key| format!("`{key}`"))),
                all(tables)
            )
        }
    };
    Problem { place, message: format!("unknown key `{name}`"), hint: Some(hint) }
}

/// What may stand in a table, in words.
fn table_takes(table: &str) -> String {
    if table == THRESHOLDS {
        let transports = Transport::ALL.map(|transport| format!("`[{THRESHOLDS}.{transport}]`"));
        return format!("`[{table}]` takes columns of `runs.csv`, and {}", all(transports));
    }
    let keys = KEYS.iter().filter(|key| key.table == table);
    format!("`[{table}]` takes {}", all(keys.map(|key| format!("`{}`", key.name))))
}

/// `a`, `b` and `c`.
pub(super) fn all(words: impl IntoIterator<Item = String>) -> String {
    let mut words: Vec<_> = words.into_iter().collect();
    match (words.pop(), words.is_empty()) {
        (Some(last), false) => format!("{} and {last}", words.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}

impl<'a> Located<'a> {
    /// Where it stands; `None` for a default.
    pub(super) fn place(&self) -> Option<Place> {
        self.place_of(self.value.span().start)
    }

    /// The place of the byte at `offset` in the text that it comes from.
    fn place_of(&self, offset: usize) -> Option<Place> {
        match self.source {
            Source::File(text) => Some(Place::in_text(text, offset)),
            Source::Argument { shown, .. } => Some(Place::Argument(shown.to_owned())),
            Source::Default(_) => None,
        }
    }

    /// The value inside this one, from the same text.
    pub(super) fn inner(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value, ..*self }
    }

    /// The value in words: as it was written, if that is short.
    pub(super) fn found(&self) -> String {
        let (Source::File(text) | Source::Argument { text, .. } | Source::Default(text)) =
            self.source;
        let written = text.get(self.value.span()).unwrap_or_default();
        match self.value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => written.to_owned(),
            DeValue::Array(array) if array.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) if written.starts_with('{') && short(written) => {
                format!("`{written}`")
            }
            DeValue::Table(_) => "a table".to_owned(),
            _ if short(written) => format!("`{written}`"),
            _ => {
                let start: String = written.lines().next().unwrap_or("").chars().take(40).collect();
                format!("`{start}…`")
            }
        }
    }
}

fn short(written: &str) -> bool {
    written.chars().count() <= 60 && !written.contains('\n')
}
