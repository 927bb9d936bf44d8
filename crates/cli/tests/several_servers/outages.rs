//! Faults of a run with several servers: one of them goes away, or NATS, or the NATS server that leads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use wirebench_protocol::Transport;
use wirebench_report::Row;

use crate::support::{finish, wirebench};
use crate::{
    EACH, SCENARIO, SERVERS, folder_with, nats, nats_is_there, rows_after, servers, started_by,
    wait_until_nothing_is_left,
};

/// How many subscribers the scenario has.
const SUBSCRIBERS: f64 = 12.0;

/// A run that has ended, and all that it has started in its course.
struct EndedRun {
    rows: Vec<Row>,
    started: BTreeMap<u32, String>,
}

/// Runs the scenario over these transports, with these keys. Checks that every subscriber has received
/// every message once, and that no process and no folder is left.
fn run_with(transports: &[Transport], keys: &[&str]) -> EndedRun {
    let folder = folder_with(SCENARIO);
    let names: Vec<_> = transports.iter().map(|transport| transport.name()).collect();
    let names = names.join(",");
    let mut arguments = vec!["run", "x.toml", "--out", "out", "--transports", &names];
    arguments.extend(keys.iter().flat_map(|key| ["--set", key]));
    let child = wirebench(folder.path(), &arguments).spawn().unwrap();
    let id = child.id();
    let has_ended = AtomicBool::new(false);
    let (ended, started) = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut all = BTreeMap::new();
            while !has_ended.load(Ordering::Relaxed) {
                all.extend(started_by(id).into_iter().filter(|(_, command)| !command.is_empty()));
                thread::sleep(Duration::from_millis(20));
            }
            all
        });
        let ended = finish(child, "run");
        has_ended.store(true, Ordering::Relaxed);
        (ended, watching.join().unwrap())
    });
    let rows = rows_after(folder.path(), &ended);
    for row in &rows {
        let expected = row.number("published").unwrap() * SUBSCRIBERS;
        assert!(expected > 100.0, "{row:?}");
        assert_eq!(row.number("expected"), Some(expected), "{row:?}");
        assert_eq!(row.number("received"), Some(expected), "{row:?}");
        for column in ["missed_signalled", "missed_silently", "duplicate", "missing"] {
            assert_eq!(row.number(column), Some(0.0), "{column}: {row:?}");
        }
    }
    wait_until_nothing_is_left(&started);
    assert_eq!(rows.len(), transports.len());
    EndedRun { rows, started }
}

#[test]
fn over_every_transport_the_subscribers_of_a_killed_server_go_on_at_the_next_one() {
    if !nats_is_there() {
        return;
    }
    let keys = ["faults.server=kill", "faults.server-after=500ms", "faults.server-down=500ms"];
    let EndedRun { rows, started } =
        run_with(&Transport::ALL, &[&keys[..], &["timing.measure=3s"]].concat());
    for row in rows {
        assert!(row.number("back_99_ms") > Some(0.0), "{row:?}");
        let reconnects = row.number("reconnects").unwrap();
        assert!(reconnects >= f64::from(u32::try_from(EACH).unwrap()), "{row:?}");
        let faults = "server=kill server-after=0.5s server-down=0.5s";
        assert_eq!(row.text("faults"), Some(faults));
    }
    assert_eq!(servers(&started).len(), (SERVERS + 1) * Transport::COUNT, "{started:?}");
}

#[test]
fn a_server_that_is_stopped_or_frozen_loses_nothing_either() {
    if !nats_is_there() {
        return;
    }
    let times = ["faults.server-after=500ms", "faults.server-down=500ms", "timing.measure=3s"];
    let transports = [Transport::LongPolling, Transport::Sse];
    let stopped = run_with(&transports, &[&["faults.server=stop"], &times[..]].concat());
    for row in stopped.rows {
        assert!(row.number("back_99_ms") > Some(0.0), "{row:?}");
    }
    let frozen = run_with(&transports, &[&["faults.server=freeze"], &times[..]].concat());
    for row in frozen.rows {
        assert!(row.number("delivery_max_us") > Some(400_000.0), "{row:?}");
    }
    assert_eq!(servers(&frozen.started).len(), SERVERS * transports.len());
}

#[test]
fn over_every_transport_what_was_due_while_nats_was_away_arrives_once_it_is_back() {
    if !nats_is_there() {
        return;
    }
    let times = ["faults.backbone-after=500ms", "faults.backbone-down=500ms", "timing.measure=3s"];
    for (fault, started_each) in [("kill", 2), ("freeze", 1)] {
        let fault = format!("faults.backbone={fault}");
        let keys = [&[&*fault][..], &times].concat();
        let EndedRun { rows, started } = run_with(&Transport::ALL, &keys);
        for row in rows {
            assert!(row.number("delivery_max_us") > Some(400_000.0), "{fault}: {row:?}");
            assert_eq!(row.number("backbone_servers"), Some(1.0));
        }
        assert_eq!(nats(&started).len(), started_each * Transport::COUNT, "{fault}: {started:?}");
        assert_eq!(servers(&started).len(), SERVERS * Transport::COUNT, "{fault}: {started:?}");
    }
}

#[test]
fn a_cluster_of_nats_loses_nothing_when_its_leader_is_killed() {
    if !nats_is_there() {
        return;
    }
    let keys = ["server.backbone-servers=3", "faults.backbone=kill", "faults.backbone-after=500ms"];
    let keys = [&keys[..], &["faults.backbone-down=1s", "timing.measure=3s"]].concat();
    let EndedRun { rows, started } = run_with(&[Transport::WebSocket], &keys);
    // The others have to notice that it is gone.
    assert!(rows[0].number("delivery_max_us") > Some(400_000.0), "{rows:?}");
    assert_eq!(rows[0].number("backbone_servers"), Some(3.0));
    // One of them was started twice.
    assert_eq!(nats(&started).len(), 4, "{started:?}");
}
