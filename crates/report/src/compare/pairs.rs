//! Which runs are compared with which: those of one transport at one setting.

use super::side::Side;
use crate::columns::{COLUMNS, FIRST_COLUMNS, Role, RunColumn};
use crate::row::Row;
use crate::settings::{ONCE_FIXED, RunGroup, TransportSetting, VaryingSettings, position};
use crate::value::Value;

/// The runs of both sides that agree in all settings. One side may be empty.
pub(super) struct Pair<'a> {
    pub(super) setting: TransportSetting,
    pub(super) base: Vec<&'a Row>,
    pub(super) new: Vec<&'a Row>,
}

impl<'a> Pair<'a> {
    /// Keeps the valid runs that have a valid neighbour on the other side: the run of the same
    /// repeat. Neighbours are at the same places. Without any, keeps the invalid runs, so that they
    /// are reported.
    pub(super) fn neighbours(self) -> Self {
        let repeat = |row: &Row| row.number("repeat");
        let neighbour = |base: &Row| {
            let mut new = self.new.iter().copied().filter(|row| row.is_valid());
            new.find(|row| repeat(row) == repeat(base))
        };
        let valid = self.base.iter().copied().filter(|row| row.is_valid());
        let (base, new): (Vec<_>, Vec<_>) =
            valid.filter_map(|base| Some((base, neighbour(base)?))).unzip();
        if base.is_empty() {
            let invalid =
                |rows: Vec<&'a Row>| rows.into_iter().filter(|row| !row.is_valid()).collect();
            return Self { base: invalid(self.base), new: invalid(self.new), ..self };
        }
        Self { base, new, ..self }
    }
}

/// Returns all settings of either side, by transport in the order in which transports are listed,
/// and then in the order of the runs. The sides are to differ in the column `but`.
pub(super) fn pairs<'a>(base: &'a Side, new: &'a Side, but: Option<&RunColumn>) -> Vec<Pair<'a>> {
    let rows: Vec<&Row> = base.rows().chain(new.rows()).collect();
    let first_new = base.rows().count();
    let columns = columns(base, new).filter(|column| but.is_none_or(|but| but.name != column.name));
    let settings = VaryingSettings::among(columns, &rows);
    let mut groups = settings.groups(&rows);
    groups.sort_by_key(|group| position(group.transport));
    let pair = |group: RunGroup<'_>| {
        let (base, new): (Vec<usize>, Vec<usize>) =
            group.runs.iter().partition(|at| **at < first_new);
        let [base, new] = [base, new].map(|runs| runs.into_iter().map(|at| rows[at]).collect());
        Pair { setting: group.setting(&settings), base, new }
    };
    groups.into_iter().map(pair).collect()
}

/// Returns what runs have to agree in: every setting that both sides recorded, and the scenario if
/// a side has several.
fn columns(base: &Side, new: &Side) -> impl Iterator<Item = &'static RunColumn> {
    let scenarios = |side: &Side| {
        let first = side.rows().next().and_then(|row| row.text("scenario"));
        side.rows().any(|row| row.text("scenario") != first)
    };
    let by_scenario = scenarios(base) || scenarios(new);
    COLUMNS
        .iter()
        .enumerate()
        .filter(move |(at, column)| match column.role {
            Role::Setting => [base, new].into_iter().all(|side| recorded(*at, column, side)),
            Role::Identity | Role::Measured => by_scenario && column.name == "scenario",
        })
        .map(|(_, column)| column)
}

/// Returns true if a side has the column. Files from before it was appended are blank there, which
/// is not a setting. The source of generated payloads is blank too, and is a setting; so is what had
/// only one value then.
fn recorded(at: usize, column: &RunColumn, side: &Side) -> bool {
    at < FIRST_COLUMNS
        || column.name == "payload_source"
        || ONCE_FIXED.contains(&column.name)
        || side.rows().any(|row| row.value(column.name) != Some(&Value::Blank))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_protocol::control::Payload;
    use wirebench_protocol::{HttpStack, ShortPollingMode, Transport};
    use wirebench_scenario::{FeedStore, Run};

    use super::*;
    use crate::columns::RunRecord;
    use crate::testing::{changed, measurement, record, run};

    fn row(change: impl FnOnce(&mut Run)) -> Row {
        let mut run = run();
        change(&mut run);
        Row::of(&record(&run, &measurement()))
    }

    fn blank(row: &Row, name: &str) -> Row {
        changed(row, &[(name, Value::Blank)])
    }

    /// Checks, for each pair: its name, how many runs of the base, and how many new ones.
    fn check(base: Vec<Row>, new: Vec<Row>, expected: &[(&str, usize, usize)]) {
        let sides = [("base", base), ("new", new)].map(|(path, rows)| Side::of_rows(path, rows));
        let found: Vec<(String, usize, usize)> = pairs(&sides[0], &sides[1], None)
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
    fn transports_are_separate_and_in_their_order() {
        let of = |transport| row(|run| run.transport = transport);
        check(
            vec![of(Transport::WebSocket), of(Transport::Sse)],
            vec![of(Transport::Sse), of(Transport::ShortPolling)],
            &[("short-polling", 0, 1), ("sse", 1, 1), ("websocket", 1, 0)],
        );
    }

    #[test]
    fn runs_that_differ_in_any_setting_are_not_compared_and_named_by_it() {
        let slower = row(|run| run.link.delay = Duration::from_millis(50));
        check(
            vec![row(|_| ())],
            vec![slower],
            &[("long-polling, link delay 25 ms", 1, 0), ("long-polling, link delay 50 ms", 0, 1)],
        );
    }

    #[test]
    fn a_setting_that_an_older_file_did_not_record_does_not_separate_it() {
        check(vec![blank(&row(|_| ()), "pace")], vec![row(|_| ())], &[("long-polling", 1, 1)]);
    }

    #[test]
    fn an_older_file_had_payloads_of_json() {
        let old = || vec![blank(&row(|_| ()), "payload_kind")];
        check(old(), vec![row(|_| ())], &[("long-polling", 1, 1)]);
        let binary = row(|run| run.payload = Payload::Binary(256));
        check(
            old(),
            vec![binary],
            &[
                ("long-polling, payload kind json", 1, 0),
                ("long-polling, payload kind binary", 0, 1),
            ],
        );
    }

    #[test]
    fn an_older_file_had_feeds_in_memory_and_polls_with_a_cursor() {
        let polled = |mode, store| {
            row(|run| {
                run.transport = Transport::ShortPolling;
                run.interval = Some(Duration::from_secs(1));
                (run.short_polling_mode, run.store) = (Some(mode), store);
            })
        };
        let cursor = |store| polled(ShortPollingMode::Cursor, store);
        let old = || vec![blank(&blank(&cursor(FeedStore::Memory), "store"), "short_polling_mode")];
        check(old(), vec![cursor(FeedStore::Memory)], &[("short-polling", 1, 1)]);
        check(
            old(),
            vec![cursor(FeedStore::Sqlite)],
            &[("short-polling, store memory", 1, 0), ("short-polling, store sqlite", 0, 1)],
        );
        check(
            old(),
            vec![polled(ShortPollingMode::Whole, FeedStore::Memory)],
            &[
                ("short-polling, short polling mode cursor", 1, 0),
                ("short-polling, short polling mode whole", 0, 1),
            ],
        );
    }

    #[test]
    fn an_older_file_is_compared_with_the_default_stack_and_over_http_2_there_is_no_stack() {
        let over =
            |version, stack| row(|run| (run.http.version, run.http_stack) = (version, stack));
        let (own, hyper) = (over(1, Some(HttpStack::Own)), over(1, Some(HttpStack::Hyper)));
        let old = || blank(&own, "http_stack");
        check(vec![old()], vec![own.clone()], &[("long-polling", 1, 1)]);
        check(
            vec![old()],
            vec![own.clone(), hyper],
            &[("long-polling, http stack own", 1, 1), ("long-polling, http stack hyper", 0, 1)],
        );
        let http_2 = over(2, None);
        check(
            vec![old(), http_2.clone()],
            vec![own, http_2],
            &[("long-polling, http version 1", 1, 1), ("long-polling, http version 2", 1, 1)],
        );
    }

    #[test]
    fn several_scenarios_are_compared_each_with_itself() {
        let named = |name: &str| {
            let (run, measurement) = (run(), measurement());
            Row::of(&RunRecord { scenario: name, run: &run, measurement: &measurement })
        };
        check(vec![named("idle")], vec![named("storm")], &[("long-polling", 1, 1)]);
        check(
            vec![named("idle"), named("storm")],
            vec![named("storm")],
            &[("long-polling, scenario idle", 1, 0), ("long-polling, scenario storm", 1, 1)],
        );
    }
}
