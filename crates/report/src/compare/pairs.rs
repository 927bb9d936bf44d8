//! Which runs are compared with which: those of one transport at one setting.

use wirebench_protocol::Transport;

use super::side::Side;
use crate::{COLUMNS, FIRST_COLUMNS, Role, Row, RunColumn, Value};

/// The runs of one transport at one setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How the messages travelled.
    pub transport: String,
    /// What tells this setting from the others of the comparison: columns that are not the same
    /// everywhere, with their values here.
    pub values: Vec<(&'static RunColumn, Value)>,
}

/// The runs of both sides that agree in all settings; one side may be empty.
pub(super) struct Pair<'a> {
    pub(super) setting: Setting,
    pub(super) base: Vec<&'a Row>,
    pub(super) new: Vec<&'a Row>,
}

/// All settings of either side, by transport in the order in which they are always named, then by
/// the other settings in the order of the runs.
pub(super) fn pairs<'a>(base: &'a Side, new: &'a Side) -> Vec<Pair<'a>> {
    let columns = columns(base, new);
    let mut pairs: Vec<(Vec<Value>, Pair<'a>)> = Vec::new();
    for (row, is_new) in
        base.rows().map(|row| (row, false)).chain(new.rows().map(|row| (row, true)))
    {
        let key: Vec<Value> = columns.iter().map(|column| setting(row, column)).collect();
        let at = pairs.iter().position(|(found, _)| *found == key).unwrap_or_else(|| {
            let transport = row.text("transport").unwrap_or_default().to_owned();
            let setting = Setting { transport, values: Vec::new() };
            pairs.push((key, Pair { setting, base: Vec::new(), new: Vec::new() }));
            pairs.len() - 1
        });
        let pair = &mut pairs[at].1;
        if is_new { &mut pair.new } else { &mut pair.base }.push(row);
    }
    let varying: Vec<usize> = (0..columns.len())
        .filter(|at| columns[*at].name != "transport")
        .filter(|at| varies(*at, columns[*at], &pairs))
        .collect();
    for (key, pair) in &mut pairs {
        let values = varying.iter().map(|at| (columns[*at], key[*at].clone()));
        pair.setting.values = values.filter(|(_, value)| *value != Value::Blank).collect();
    }
    pairs.sort_by_key(|(_, pair)| place(&pair.setting.transport));
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// What runs have to agree in: every setting that both sides recorded, and the scenario where a
/// side has several.
fn columns(base: &Side, new: &Side) -> Vec<&'static RunColumn> {
    let scenarios = |side: &Side| {
        let first = side.rows().next().and_then(|row| row.text("scenario"));
        side.rows().any(|row| row.text("scenario") != first)
    };
    let by_scenario = scenarios(base) || scenarios(new);
    COLUMNS
        .iter()
        .enumerate()
        .filter(|(at, column)| match column.part {
            Role::Setting => [base, new].into_iter().all(|side| recorded(*at, column, side)),
            _ => by_scenario && column.name == "scenario",
        })
        .map(|(_, column)| column)
        .collect()
}

/// Whether a side has the column: files from before it was appended are blank there, which is no
/// setting. That payloads were generated is one, and blank as well.
fn recorded(at: usize, column: &RunColumn, side: &Side) -> bool {
    at < FIRST_COLUMNS
        || column.name == "payload_source"
        || side.rows().any(|row| row.value(column.name) != Some(&Value::Blank))
}

/// The value of a setting. The size of replayed payloads was measured and is none.
fn setting(row: &Row, column: &RunColumn) -> Value {
    if column.name == "payload_bytes" && row.text("payload_source").is_some() {
        return Value::Blank;
    }
    row.value(column.name).cloned().unwrap_or(Value::Blank)
}

/// Whether a setting tells pairs apart. One that only some transports have does not by that alone.
fn varies(at: usize, column: &RunColumn, pairs: &[(Vec<Value>, Pair<'_>)]) -> bool {
    let blank_counts = !["poll_interval_us", "hold_us"].contains(&column.name);
    let mut values = pairs
        .iter()
        .map(|(key, _)| &key[at])
        .filter(|value| blank_counts || **value != Value::Blank);
    let first = values.next();
    values.any(|value| Some(value) != first)
}

fn place(transport: &str) -> usize {
    let known = Transport::ALL.iter().position(|known| known.name() == transport);
    known.unwrap_or(Transport::ALL.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_scenario::Run;

    use super::*;
    use crate::testing::{measurement, record, run};

    fn row(change: impl FnOnce(&mut Run)) -> Row {
        let mut run = run();
        change(&mut run);
        Row::of(&record(&run, &measurement()))
    }

    fn blank(row: &Row, name: &str) -> Row {
        let at = COLUMNS.iter().position(|column| column.name == name).unwrap();
        let mut values = row.values().to_vec();
        values[at] = Value::Blank;
        Row::of_values(values)
    }

    /// Checks, for each pair: its name, how many runs of the base, and how many new ones.
    fn check(base: Vec<Row>, new: Vec<Row>, expected: &[(&str, usize, usize)]) {
        let sides = [("base", base), ("new", new)].map(|(path, rows)| Side::of_rows(path, rows));
        let found: Vec<(String, usize, usize)> = pairs(&sides[0], &sides[1])
            .iter()
            .map(|pair| (pair.setting.to_string(), pair.base.len(), pair.new.len()))
            .collect();
        let expected: Vec<(String, usize, usize)> =
            expected.iter().map(|(name, base, new)| ((*name).to_owned(), *base, *new)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn repeats_of_one_setting_are_one_side_of_a_pair() {
        let repeats = |count: u32| (1..=count).map(|at| row(|run| run.repeat = at)).collect();
        check(repeats(3), repeats(2), &[("long-polling", 3, 2)]);
    }

    #[test]
    fn transports_are_apart_and_in_their_order() {
        let of = |transport| row(|run| run.transport = transport);
        check(
            vec![of(Transport::WebSocket), of(Transport::Sse)],
            vec![of(Transport::Sse), of(Transport::ShortPolling)],
            &[("short-polling", 0, 1), ("sse", 1, 1), ("websocket", 1, 0)],
        );
    }

    #[test]
    fn runs_that_differ_in_any_setting_are_not_compared_and_told_by_it() {
        let slower = row(|run| run.link.delay = Duration::from_millis(50));
        check(
            vec![row(|_| ())],
            vec![slower],
            &[("long-polling, link delay 25 ms", 1, 0), ("long-polling, link delay 50 ms", 0, 1)],
        );
    }

    #[test]
    fn a_setting_that_an_older_file_did_not_record_does_not_part_it() {
        check(vec![blank(&row(|_| ()), "pace")], vec![row(|_| ())], &[("long-polling", 1, 1)]);
    }

    #[test]
    fn several_scenarios_are_compared_each_with_itself() {
        let named = |name: &str| {
            let (run, measurement) = (run(), measurement());
            Row::of(&crate::RunRecord { scenario: name, run: &run, measurement: &measurement })
        };
        check(vec![named("idle")], vec![named("storm")], &[("long-polling", 1, 1)]);
        check(
            vec![named("idle"), named("storm")],
            vec![named("storm")],
            &[("long-polling, scenario idle", 1, 0), ("long-polling, scenario storm", 1, 1)],
        );
    }
}
