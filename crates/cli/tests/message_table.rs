//! Runs over the stores of a scenario, through the real binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../../store/tests/servers/mod.rs"]
mod servers;
mod support;

use std::fs;
use std::path::Path;

use servers::{DatabaseServer, PASSWORD, ServerKind};
use support::{CommandOutput, finish, run, wirebench};
use tempfile::TempDir;
use wirebench_protocol::ShortPollingMode;
use wirebench_report::Row;

/// One short run for each store and each way to get messages.
const SCENARIO: &str = r#"
transports = ["short-polling", "sse"]
crowd = { subscribers = 10, ramp = "50ms" }
feed = { rate = 20 }
timing = { warm-up = "100ms", measure = "2s", drain = "60s" }
short-polling = { interval = "200ms", mode = ["cursor", "table", "whole"] }
"#;

fn folder_with(more: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), format!("{SCENARIO}\n{more}")).unwrap();
    folder
}

/// Makes the runs. A busy machine may make the load generator late, so that the delays of a run are
/// invalid. Its counts are not.
fn measured(folder: &Path) -> (CommandOutput, Vec<Row>) {
    let ended = run(folder, &["run", "x.toml", "--out", "out"]);
    let rows = wirebench_report::read(&folder.join("out/runs.csv")).unwrap_or_default();
    (ended, rows)
}

/// Returns true if all runs were made, valid or not.
fn is_done(ended: &CommandOutput) -> bool {
    matches!(ended.code, Some(0 | 4))
}

#[test]
fn each_store_is_measured_in_each_mode_and_runs_without_a_url_are_skipped() {
    let folder = folder_with("server.store = [\"memory\", \"postgres\", \"sqlite\"]");
    let (ended, rows) = measured(folder.path());
    assert!(is_done(&ended), "{ended:?}");
    let skipped = "4 runs skipped with the store `postgres`: WIREBENCH_POSTGRES is not set";
    assert_eq!(ended.stderr.matches(skipped).count(), 2, "before and after the runs: {ended:?}");
    let machine = fs::read_to_string(folder.path().join("out/machine.json")).unwrap();
    assert!(machine.contains(skipped), "{machine}");

    for store in ["memory", "sqlite"] {
        let of_store = || rows.iter().filter(|row| row.text("store") == Some(store));
        assert_eq!(of_store().count(), 4, "{store}");
        for row in of_store() {
            for column in ["missing", "duplicate", "out_of_order", "gaps"] {
                assert_eq!(row.number(column), Some(0.0), "{store}: {column}: {row:?}");
            }
        }
        let bytes = |mode: ShortPollingMode| {
            let mut of_mode =
                of_store().filter(|row| row.text("short_polling_mode") == Some(mode.name()));
            of_mode.next().unwrap().number("bytes_per_message").unwrap()
        };
        let [cursor, table, whole] = ShortPollingMode::ALL.map(bytes);
        for row in of_store() {
            let durable = store == "sqlite";
            assert_eq!(row.number("store_queries_per_s").is_some_and(|rate| rate > 0.0), durable);
            let from_database = matches!(row.text("short_polling_mode"), Some("table" | "whole"));
            let rows_read = row.number("store_rows_per_message");
            assert_eq!(
                rows_read.is_some_and(|rows| rows > 0.0),
                durable && from_database,
                "{row:?}"
            );
            let replayed = row.number("replayed_from_store");
            assert_eq!(replayed.is_some_and(|count| count > 0.0), durable && from_database);
            let commit = row.number("store_commit_p50_us");
            assert_eq!(commit.is_some_and(|median| median > 0.0), durable, "{row:?}");
        }
        // Some 22 messages in each answer, where the others have four.
        assert!(whole > 2.0 * cursor && whole > 2.0 * table, "{store}: {cursor} {table} {whole}");
    }
    assert_eq!(rows.len(), 8);
}

#[test]
fn a_run_removes_its_file_of_sqlite() {
    let folder = folder_with("server.store = \"sqlite\"");
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let arguments = ["run", "x.toml", "--out", "out", "--transports", "sse"];
    let mut command = wirebench(folder.path(), &arguments);
    let ended = finish(command.env("TMPDIR", &temporary).spawn().unwrap(), "a run over SQLite");
    assert!(is_done(&ended), "{ended:?}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_killed_server_with_a_store_goes_on_with_its_feed_and_nothing_is_lost() {
    let folder = folder_with(
        "server.store = \"sqlite\"\n\
         faults = { server = \"kill\", server-after = \"500ms\", server-down = \"200ms\" }",
    );
    let (ended, rows) = measured(folder.path());
    assert!(is_done(&ended), "{ended:?}");
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
        for column in ["missed_signalled", "missed_silently", "duplicate", "gaps"] {
            assert_eq!(row.number(column), Some(0.0), "{column}: {row:?}");
        }
        assert!(row.number("reconnects").unwrap() >= 10.0, "{row:?}");
    }
}

#[tokio::test]
async fn a_run_leaves_nothing_in_a_database_and_its_password_is_shown_nowhere() {
    for kind in ServerKind::ALL {
        let Some(server) = DatabaseServer::start(kind).await else { continue };
        server.create("feeds");
        let (store, variable) = match kind {
            ServerKind::Postgres => ("postgres", "WIREBENCH_POSTGRES"),
            ServerKind::MariaDb => ("mysql", "WIREBENCH_MYSQL"),
        };
        let folder = folder_with(&format!("server.store = \"{store}\""));
        let mut command = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]);
        let ended = finish(command.env(variable, server.url("feeds")).spawn().unwrap(), store);
        assert!(is_done(&ended), "{ended:?}");
        let out = folder.path().join("out");
        let rows = wirebench_report::read(&out.join("runs.csv")).unwrap();
        assert_eq!(rows.len(), 4);
        for row in rows {
            assert_eq!(row.text("store"), Some(store));
            assert!(row.number("received").unwrap() > 0.0, "{row:?}");
            for column in ["missing", "duplicate", "out_of_order", "gaps"] {
                assert_eq!(row.number(column), Some(0.0), "{column}: {row:?}");
            }
        }
        for table in ["wirebench_feeds", "wirebench_messages"] {
            let rows = server.sql("feeds", &format!("SELECT COUNT(*) FROM {table}"));
            assert_eq!(rows.trim(), "0", "{table}");
        }
        let files = fs::read_dir(&out).unwrap();
        let files = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        for text in files.chain([ended.stdout, ended.stderr]) {
            assert!(!text.contains(PASSWORD), "{text}");
        }
    }
}

#[test]
fn a_scenario_without_a_run_to_make_is_an_error() {
    let folder = folder_with("server.store = [\"postgres\", \"mysql\"]");
    let (ended, rows) = measured(folder.path());
    assert_eq!((ended.code, rows.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.stderr.contains("has no run to make"), "{ended:?}");
    assert!(ended.stderr.contains("WIREBENCH_MYSQL"), "{ended:?}");
    assert!(!folder.path().join("out").exists(), "no folder for nothing");
}

#[test]
fn a_database_that_does_not_answer_is_an_error_before_the_first_run() {
    let folder = folder_with("server.store = [\"memory\", \"postgres\"]");
    let url = "postgres://user:hunter2@127.0.0.1:1/bench";
    let mut command = wirebench(folder.path(), &["run", "x.toml", "--out", "out"]);
    let ended = finish(command.env("WIREBENCH_POSTGRES", url).spawn().unwrap(), "a run");
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("WIREBENCH_POSTGRES"), "{ended:?}");
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    assert!(!folder.path().join("out").exists(), "nothing has run");
}
