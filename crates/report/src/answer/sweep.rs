//! What a scenario sweeps: a setting with several values, and the lines along them.

use super::words::{name_without, setting};
use crate::columns::RunColumn;
use crate::settings::VaryingSettings;
use crate::table::{TableLine, compared};
use crate::value::Value;

/// A setting with several values.
pub(super) struct Sweep<'l, 'a> {
    pub(super) column: &'static RunColumn,
    /// Its values, from the lowest to the highest.
    pub(super) places: Vec<Value>,
    /// The lines along it, by what they have in common: a transport with its other settings.
    pub(super) kinds: Vec<SweptKind<'l, 'a>>,
    /// The lines that are compared with each other, place by place.
    pub(super) groups: Vec<&'l [TableLine<'a>]>,
    /// The other settings of all transports, at which the sweep is read; empty if there are none.
    pub(super) fixed: Vec<String>,
    pub(super) settings: &'l VaryingSettings,
}

/// The lines of one transport along a sweep.
pub(super) struct SweptKind<'l, 'a> {
    pub(super) name: String,
    pub(super) lines: Vec<(&'l Value, &'l TableLine<'a>)>,
}

/// Where the values of a setting are in a line.
#[derive(Clone, Copy)]
enum Swept {
    /// Among the settings of all transports.
    Shared(usize),
    /// Among those of some.
    Own(usize),
}

impl Swept {
    fn value<'l>(self, line: &'l TableLine<'_>) -> &'l Value {
        match self {
            Self::Shared(at) => &line.group.shared[at],
            Self::Own(at) => &line.group.own[at],
        }
    }
}

impl<'l, 'a> Sweep<'l, 'a> {
    /// Returns the sweep of these lines: the setting with the most numbers. Of the other settings of
    /// all transports, the last value is taken. `None` if no setting varies that has an order.
    pub(super) fn of(lines: &'l [TableLine<'a>], settings: &'l VaryingSettings) -> Option<Self> {
        let shared = settings.shared.iter().enumerate().map(|(at, it)| (Swept::Shared(at), *it));
        let own = settings.own.iter().enumerate().map(|(at, it)| (Swept::Own(at), *it));
        let candidates = shared.chain(own).filter_map(|(swept, column)| {
            let places = places(swept, lines)?;
            Some((swept, column, places))
        });
        // The first of those with the most values.
        let (swept, column, places) = candidates
            .reduce(|best, next| if next.2.len() > best.2.len() { next } else { best })?;
        let last = lines.last()?;
        let others = || settings.shared.iter().enumerate().filter(|(_, it)| it.name != column.name);
        let at_last = |line: &TableLine<'_>| {
            others().all(|(at, _)| line.group.shared[at] == last.group.shared[at])
        };
        let fixed = others().map(|(at, it)| setting(it, &last.group.shared[at])).collect();
        let mut kinds: Vec<SweptKind<'l, 'a>> = Vec::new();
        for line in lines.iter().filter(|line| at_last(line)) {
            let value = swept.value(line);
            if *value == Value::Blank {
                continue;
            }
            let name = name_without(line, settings, Some(column));
            match kinds.iter_mut().find(|kind| kind.name == name) {
                Some(kind) => kind.lines.push((value, line)),
                None => kinds.push(SweptKind { name, lines: vec![(value, line)] }),
            }
        }
        let groups = compared(lines).filter(|group| group.first().is_some_and(at_last)).collect();
        Some(Self { column, places, kinds, groups, fixed, settings })
    }

    /// Returns true if all transports have the swept setting, so that they are compared at each of
    /// its values.
    pub(super) fn is_shared(&self) -> bool {
        self.settings.shared.iter().any(|column| column.name == self.column.name)
    }
}

/// Returns the numbers that a setting has, from the lowest. `None` if they are not several numbers.
fn places(swept: Swept, lines: &[TableLine<'_>]) -> Option<Vec<Value>> {
    let mut found: Vec<(f64, Value)> = Vec::new();
    for value in lines.iter().map(|line| swept.value(line)).filter(|it| **it != Value::Blank) {
        let number = value.number()?;
        if found.iter().all(|(_, known)| known != value) {
            found.push((number, value.clone()));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    (found.len() > 1).then(|| found.into_iter().map(|(_, value)| value).collect())
}
