//! The message table: what is inserted in one browser arrives in the others, in three ways.

use std::sync::Arc;

use serde_json::json;

use crate::browser::{Tab, Visit, visit};

/// The ways in which the page reads the table.
const WAYS: [&str; 3] = ["whole", "cursor", "push"];

async fn open(visit: &Visit) -> Arc<Tab> {
    let tab = visit.open("/message-table").await;
    tab.wait("$$('.state').every(({ dataset }) => dataset.state === 'connected')").await;
    // The page has been told where the table is.
    tab.wait("$('#in-store').hidden !== $('#in-memory').hidden").await;
    tab
}

/// What a count of a way says.
fn count(way: &str, name: &str) -> String {
    format!("Number($('[data-way={way}] [data-count={name}]').textContent)")
}

/// The bytes of the last polls of a way, or of the last rows that were pushed.
fn bytes_now(way: &str) -> String {
    format!(
        "(() => {{
            const [, number, unit] =
                $('[data-way={way}] [data-part=bytes-now]').textContent.match(/([\\d.]+) (\\w+)/)
                ?? [];
            return Number(number) * {{ B: 1, KiB: 1024, MiB: 1024 ** 2 }}[unit];
        }})()"
    )
}

/// Waits until every way has this many rows.
async fn wait_for_rows(tab: &Tab, rows: usize) {
    for way in WAYS {
        tab.wait(&format!("{} === {rows}", count(way, "known"))).await;
    }
}

/// Inserts a text in one tab, and waits until it is the newest row of all tabs in every way.
async fn insert_and_see(tab: &Tab, tabs: &[&Tab], text: &str) {
    tab.write("#text", text).await;
    tab.press("Enter").await;
    for seen_in in tabs {
        for way in WAYS {
            let newest = format!("$('[data-way={way}] tbody td:nth-child(2)').textContent");
            seen_in.wait(&format!("{newest} === {}", json!(text))).await;
        }
    }
}

async fn a_row_arrives_in_every_way(visit: &Visit) {
    const TEXT: &str = "hello <img src=x onerror=\"window.injected = true\">";
    let (ann, ben) = (open(visit).await, open(visit).await);
    for (author, text) in [(&ann, TEXT), (&ben, "and back")] {
        insert_and_see(author, &[&ann, &ben], text).await;
        author.wait("/^Row \\d+ was acknowledged/.test($('#inserted').textContent)").await;
    }
    for tab in [&ann, &ben] {
        wait_for_rows(tab, 2).await;
        assert!(tab.ask::<bool>("window.injected === undefined").await, "a script ran");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    }
}

#[test]
fn a_row_arrives_from_memory_in_every_way_and_the_page_says_that_there_are_no_queries() {
    visit(async |visit| {
        a_row_arrives_in_every_way(visit).await;
        let tab = open(visit).await;
        assert!(tab.text("#in-memory").await.contains("--features sqlite"), "it says how to build");
        assert!(tab.ask::<bool>("$('#in-memory').checkVisibility()").await);
        for way in WAYS {
            let shown = |part: &str| format!("$('[data-way={way}] [data-part={part}]')");
            assert!(tab.ask::<bool>(&format!("{}.checkVisibility()", shown("no-queries"))).await);
            for part in ["queries-chart", "queries-now"] {
                assert!(tab.ask::<bool>(&format!("!{}.checkVisibility()", shown(part))).await);
            }
        }
    });
}

#[test]
fn the_bytes_of_a_poll_grow_with_the_table_only_without_a_cursor() {
    visit(async |visit| {
        let tab = open(visit).await;
        tab.wait(&format!("{} > 0", bytes_now("cursor"))).await;
        let empty_poll: f64 = tab.ask(&bytes_now("cursor")).await;
        tab.click("#fill").await;
        wait_for_rows(&tab, 100).await;
        // All rows in each poll: a row has more than 50 bytes.
        tab.wait(&format!("{} > 100 * 50", bytes_now("whole"))).await;
        for _ in 0..3 {
            // The server does this at most once a second, and refuses it until then.
            let inserted = "fetch('/demo/message-table/fill', { method: 'POST' })
                .then(({ status }) => status === 201)";
            tab.wait(inserted).await;
        }
        wait_for_rows(&tab, 400).await;
        tab.wait(&format!("{} > 400 * 50", bytes_now("whole"))).await;
        tab.wait(&format!("{} < 2 * {empty_poll}", bytes_now("cursor"))).await;
        let row: f64 = tab.ask(&bytes_now("push")).await;
        assert!(row < 1_000.0, "{row} bytes for each row that was pushed");

        let received = |way| count(way, "received");
        assert_eq!(tab.ask::<u64>(&received("cursor")).await, 400);
        assert_eq!(tab.ask::<u64>(&received("push")).await, 400);
    });
}

#[test]
fn spaces_are_not_inserted_and_the_page_says_why() {
    visit(async |visit| {
        let tab = open(visit).await;
        tab.write("#text", "   ").await;
        tab.click("#insert").await;
        tab.wait("/not a space/.test($('#inserted').textContent)").await;
        insert_and_see(&tab, &[&tab], "a text").await;
        wait_for_rows(&tab, 1).await;
    });
}

#[cfg(feature = "sqlite")]
mod in_a_database {
    use tempfile::TempDir;

    use super::*;
    use crate::browser::visit_with;

    /// The queries per second of a way.
    fn queries_now(way: &str) -> String {
        format!("Number($('[data-way={way}] [data-part=queries-now]').textContent)")
    }

    /// Visits a server whose table is in a file of SQLite.
    fn visit_database(test: impl AsyncFnOnce(&Visit)) {
        let folder = TempDir::new().unwrap();
        let store = format!("sqlite:{}", folder.path().join("feeds.db").display());
        visit_with(&["--store", &store], test);
    }

    #[test]
    fn a_row_arrives_in_every_way_and_only_the_polls_ask_the_database() {
        visit_database(async |visit| {
            a_row_arrives_in_every_way(visit).await;
            let tab = open(visit).await;
            assert!(tab.text("#in-store").await.contains("SQLite"));
            for way in ["whole", "cursor"] {
                tab.wait(&format!("{} > 0.5", queries_now(way))).await;
                tab.wait(&format!(
                    "$('[data-way={way}] [data-part=queries-chart]').checkVisibility()"
                ))
                .await;
            }
            assert_eq!(tab.text("[data-way=push] [data-part=queries-now]").await, "0.0");
            tab.wait("/\\d/.test($('#all-queries').textContent)").await;
        });
    }

    #[test]
    fn a_restart_of_the_server_does_not_empty_the_table() {
        visit_database(async |visit| {
            let tab = open(visit).await;
            tab.click("#fill").await;
            wait_for_rows(&tab, 100).await;
            let restart = "fetch('/demo/restart', { method: 'POST' }).then(({ status }) => status)";
            assert_eq!(tab.ask::<u16>(restart).await, 202);
            tab.wait("!$('#server-away p').hidden").await;
            tab.wait("$$('.state').every(({ dataset }) => dataset.state === 'connected')").await;
            insert_and_see(&tab, &[&tab], "after the restart").await;
            wait_for_rows(&tab, 101).await;
            // Their cursors have gone on.
            for way in ["cursor", "push"] {
                assert_eq!(tab.ask::<u64>(&count(way, "received")).await, 101, "{way}");
            }
        });
    }
}
