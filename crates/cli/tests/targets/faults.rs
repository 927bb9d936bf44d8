//! Faults against target servers: connections that are cut, and servers that are stopped,
//! killed and frozen.

use wirebench_report::Row;

use crate::workbench::{Measured, SCENARIO, Workbench, has_node, has_pushpin};

/// Measures a target over one transport with these faults, for five seconds.
fn measured(bench: &Workbench, file: &str, transport: &str, faults: &str) -> Vec<Row> {
    // What is lost for good does not come in the drain, either.
    let scenario = SCENARIO.replace("\"2s\"", "\"5s\"").replace("\"60s\"", "\"10s\"");
    let scenario = scenario + "\n[faults]\n" + faults;
    let more = ["--transports", transport];
    let Measured { ended, rows, .. } = bench.measure(&scenario, &[bench.target(file)], &more);
    assert_eq!(ended.code, Some(0), "{file}: {ended:?}");
    rows
}

fn number(row: &Row, column: &str) -> f64 {
    row.number(column).unwrap_or_else(|| panic!("no {column} in {row:?}"))
}

#[test]
fn a_server_that_resumes_loses_nothing_when_connections_are_cut_and_one_that_does_not_does() {
    let bench = Workbench::new();
    let cuts = "cut-every = \"500ms\"\ncut-share = 0.5\n";
    if has_node() {
        let row = &measured(&bench, "node-sse.toml", "sse", cuts)[0];
        assert!(number(row, "reconnects") > 0.0, "{row:?}");
        assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
    }
    if has_pushpin() {
        for transport in ["long-polling", "sse"] {
            let row = &measured(&bench, "pushpin.toml", transport, cuts)[0];
            assert!(number(row, "reconnects") > 0.0, "{row:?}");
            assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
        }
    }
    if bench.has_packages() {
        let row = &measured(&bench, "node-ws.toml", "websocket", cuts)[0];
        assert!(number(row, "missed_silently") > 0.0, "{row:?}");
        assert!(number(row, "delivered_ratio") < 1.0, "{row:?}");
        assert!(row.is_valid(), "it is what the run measures: {row:?}");
        let row = &measured(&bench, "socket.io-recovery.toml", "socket.io", cuts)[0];
        assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
    }
    let row = &measured(&bench, "wirebench.toml", "websocket", cuts)[0];
    assert!(number(row, "reconnects") > 0.0, "{row:?}");
    assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
}

#[test]
fn a_server_is_stopped_and_killed_and_what_it_refuses_is_counted() {
    let bench = Workbench::new();
    let faults = "server = [\"stop\", \"kill\"]\nserver-after = \"1s\"\nserver-down = \"1s\"\n";
    let rows = measured(&bench, "wirebench.toml", "sse", faults);
    assert_eq!(rows.len(), 2);
    for row in &rows {
        // Ten messages a second were due while it was down.
        assert!(number(row, "publish_refused") >= 5.0, "{row:?}");
        assert!(number(row, "published") >= 20.0, "it went on afterwards: {row:?}");
        assert!(number(row, "back_99_ms") >= 900.0, "{row:?}");
        assert!(number(row, "delivered_ratio") > 0.5, "{row:?}");
        assert!(number(row, "server_cpu_s") > 0.0, "both processes count: {row:?}");
        assert!(row.is_valid(), "{row:?}");
    }
}

#[test]
fn a_frozen_server_takes_every_message_late() {
    let bench = Workbench::new();
    let faults = "server = \"freeze\"\nserver-after = \"1s\"\nserver-down = \"1s\"\n";
    let row = &measured(&bench, "wirebench.toml", "sse", faults)[0];
    assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
    assert_eq!(row.number("publish_refused"), Some(0.0), "{row:?}");
    assert!(number(row, "delivery_max_us") >= 800_000.0, "due times do not move: {row:?}");
}

#[test]
fn a_proxy_is_between_the_subscribers_and_the_server_and_not_before_the_publisher() {
    let bench = Workbench::new();
    let slow = "proxy = \"slow\"\nproxy-delay = \"100ms\"\n";
    let row = &measured(&bench, "wirebench.toml", "sse", slow)[0];
    assert_eq!(row.number("delivered_ratio"), Some(1.0), "{row:?}");
    assert!(number(row, "delivery_min_us") >= 100_000.0, "{row:?}");
    let accepted = number(row, "publish_accepted_p50_us");
    assert!(accepted < number(row, "delivery_min_us"), "{accepted} µs, {row:?}");
}
