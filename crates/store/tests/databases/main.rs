//! The store over the real databases. The same cases run over each of them.
//!
//! The tests start PostgreSQL and MariaDB themselves: `tests/servers` says how.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod cases;
mod full_disk;
mod outages;
#[path = "../servers/mod.rs"]
mod servers;
mod support;
mod test_database;
mod writer_cases;

use futures::future::LocalBoxFuture;

use self::servers::{DatabaseServer, ServerKind};
use self::support::within;
use self::test_database::TestDatabase;

type Case = (&'static str, for<'a> fn(&'a TestDatabase) -> LocalBoxFuture<'a, ()>);

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        [$((stringify!($case), |database| Box::pin($module::$case(database)))),*]
    };
}

/// What holds over every database.
const CASES: [Case; 19] = cases![
    cases::a_feed_keeps_its_epoch_and_its_messages,
    cases::names_and_keys_are_told_apart_byte_by_byte,
    cases::payloads_of_any_bytes_and_size_come_back_unchanged,
    cases::sequence_numbers_have_no_holes_with_eight_writers_of_two_servers,
    cases::a_known_key_is_answered_and_not_written_again,
    cases::a_read_is_bounded_by_messages_and_bytes_but_never_empty,
    cases::old_messages_are_removed_by_count_by_size_and_by_age,
    cases::a_removed_feed_is_gone_and_other_feeds_stay,
    cases::servers_that_open_a_new_database_at_once_agree,
    cases::a_locked_feed_is_not_available_until_it_is_released,
    cases::tables_of_a_newer_version_are_refused,
    cases::missing_tables_are_reported_as_such,
    cases::the_observer_is_told_of_statements_rows_and_commits,
    cases::a_watcher_that_polls_learns_of_what_others_append,
    cases::an_append_that_is_dropped_midway_leaves_no_trace_or_everything,
    writer_cases::a_lone_message_is_written_at_once,
    writer_cases::many_publishers_share_transactions_and_commits_are_in_order,
    writer_cases::a_failed_transaction_answers_all_its_publishers,
    writer_cases::the_writer_applies_the_retention,
];

/// Runs a case, in a database of its own.
#[expect(clippy::print_stdout, reason = "shown if the case fails")]
async fn run_case((name, case): Case, database: &TestDatabase) {
    println!("{name} over {:?}", database.kind());
    within(name, case(database)).await;
}

#[tokio::test]
async fn every_case_holds_over_sqlite() {
    for case in CASES {
        run_case(case, &TestDatabase::in_a_file()).await;
    }
}

async fn every_case_holds_over(kind: ServerKind) {
    let Some(server) = DatabaseServer::start(kind).await else { return };
    for (number, case) in CASES.into_iter().enumerate() {
        let database = TestDatabase::on(&server, &format!("case_{number}"));
        run_case(case, &database).await;
    }
}

#[tokio::test]
async fn every_case_holds_over_postgres() {
    every_case_holds_over(ServerKind::Postgres).await;
}

#[tokio::test]
async fn every_case_holds_over_mariadb() {
    every_case_holds_over(ServerKind::MariaDb).await;
}
