//! Runs a scenario of two seconds with the real binary, and reads its files back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{measure, run};
use tempfile::TempDir;
use wirebench_protocol::Transport;

const SCENARIO: &str = r#"
about = "Does it work at all?"

[feed]
rate = 20

[crowd]
subscribers = 10
ramp = "100ms"

[timing]
warm-up = "200ms"
measure = "2s"
drain = "2s"

[link]
delay = "5ms"

[short-polling]
interval = "200ms"
"#;

fn folder_with(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("smoke.toml"), scenario).unwrap();
    folder
}

fn rows(folder: &Path) -> Vec<wirebench_report::Row> {
    wirebench_report::read(&folder.join("runs.csv")).unwrap()
}

#[test]
fn a_scenario_runs_from_end_to_end_and_its_folder_can_be_read_back() {
    let folder = folder_with(SCENARIO);
    let ended = measure(folder.path(), &["smoke.toml", "--tag", "test=yes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for transport in Transport::ALL {
        assert!(ended.stdout.contains(transport.name()), "no {transport} in {}", ended.stdout);
    }
    let out = folder.path().join("out");
    let rows = rows(&out);
    assert_eq!(rows.len(), Transport::COUNT);
    for row in &rows {
        let number = |column: &str| row.number(column).unwrap();
        let count = |column| row.value(column).unwrap().to_string().parse::<u64>().unwrap();
        let transport = row.text("transport").unwrap();
        assert!((1.0..=45.0).contains(&number("published")), "{transport}: {ended:?}");
        assert_eq!(count("expected"), count("published") * 10, "{transport}");
        assert_eq!(count("received"), count("expected"), "{transport}");
        // A session of Socket.IO has two for its requests, and upgrades to a third.
        let each = if row.text("socket_io_mode") == Some("upgrade") { 3 } else { 1 };
        assert_eq!(count("connections_opened"), 10 * each, "{transport}");
        assert!(number("delivery_min_us") >= 5_000.0, "{transport} is faster than its link");
        assert!(number("bytes_per_message") > 256.0, "{transport}");
        let [cost, floor, ratio] = ["us_per_message", "floor_us", "floor_ratio"]
            .map(|figure| number(&format!("server_cpu_{figure}")));
        assert!(cost > 0.0 && floor > 0.0, "{transport}: {cost} µs, {floor} µs");
        assert!(
            (floor * ratio - cost).abs() < cost / 1e3,
            "{transport}: {floor} × {ratio}, {cost}"
        );
    }
    let timeline = wirebench_report::read_timeline(&out.join("timeline.csv")).unwrap();
    for row in &rows {
        let run = row.text("run_id").unwrap();
        let seconds = timeline.iter().filter(|second| second.text("run_id") == Some(run));
        let received: f64 = seconds.map(|second| second.number("received").unwrap()).sum();
        assert_eq!(Some(received), row.number("received"), "the seconds of {run} add up");
    }
    let log = fs::read_to_string(out.join("latency.hlog")).unwrap();
    assert!(log.starts_with("#[Histogram log format version 1.3]"), "{log}");
    let machine: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("machine.json")).unwrap()).unwrap();
    assert_eq!(machine["tags"]["test"], "yes", "{machine}");
    assert!(machine["cores"].as_u64() >= Some(1), "{machine}");
    let policies = serde_json::json!(["policy=same first=0.1s most=5s"]);
    assert_eq!(machine["settings"]["reconnect"], policies, "{machine}");
    let profile = machine["profile"].as_str().unwrap();
    assert_eq!(profile == "dev", cfg!(debug_assertions), "{profile}");
    assert_eq!(machine["allocator"] == "glibc", cfg!(target_env = "gnu"), "{machine}");
    let version = run(&out, &["--version"]).stdout;
    assert!(version.contains(&format!("(profile {profile}")), "{version}");
    let doctor = run(&out, &["doctor"]).stdout;
    assert!(doctor.contains(&format!("build profile     {profile}\n")), "{doctor}");

    let again = run(&out, &["check", "scenario.toml"]);
    assert_eq!(again.code, Some(0), "the scenario as run is a scenario: {again:?}");
    let second = run(folder.path(), &["run", "smoke.toml", "--out", "out"]);
    assert_eq!(second.code, Some(2), "a folder with a run is not overwritten: {second:?}");
    assert!(second.stderr.contains("--force"), "{second:?}");
}

/// hyper keeps 16 KiB of buffers for each connection. This test sees from outside that the server of
/// a run was told its stack.
#[test]
fn an_idle_poll_costs_less_memory_without_hyper() {
    let scenario = r#"
        transports = ["long-polling"]
        server.http-stack = ["own", "hyper"]
        feed = { rate = 1 }
        crowd = { subscribers = 300, ramp = "500ms" }
        timing = { warm-up = "0s", measure = "1s", drain = "5s" }
        link = { delay = "1ms" }
    "#;
    let folder = folder_with(scenario);
    // This test does not use the delays, so they need not be valid.
    let ended = run(folder.path(), &["run", "smoke.toml", "--out", "out"]);
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = rows(&folder.path().join("out"));
    let memory = |stack| {
        let row = rows.iter().find(|row| row.text("http_stack") == Some(stack)).unwrap();
        row.number("server_rss_per_subscriber_bytes").unwrap()
    };
    assert!(memory("own") + 8_192.0 < memory("hyper"), "{} {}", memory("own"), memory("hyper"));
}

/// Returns true if a run carries its messages in text, so that bytes are in Base64.
fn carries_text(transport: Transport, mode: Option<&str>) -> bool {
    match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => true,
        Transport::WebSocket => false,
        Transport::SocketIo => mode == Some("polling"),
    }
}

#[test]
fn bytes_cost_a_third_more_where_a_transport_carries_text() {
    let scenario = r#"
        feed = { rate = 10, payload = { binary = 30_000 } }
        crowd = { subscribers = 4, ramp = "100ms" }
        timing = { warm-up = "200ms", measure = "4s", drain = "5s" }
        link = { delay = "1ms" }
        http = { headers = "bare" }
        short-polling = { interval = "200ms" }
        socket-io = { mode = ["polling", "websocket"] }
    "#;
    let folder = folder_with(scenario);
    // This test does not use the delays, so they need not be valid.
    let ended = run(folder.path(), &["run", "smoke.toml", "--out", "out"]);
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = rows(&folder.path().join("out"));
    assert_eq!(rows.len(), Transport::COUNT + 1);
    for row in &rows {
        let (transport, mode) = (row.text("transport").unwrap(), row.text("socket_io_mode"));
        let reasons = row.text("invalid_reason").unwrap_or_default().split("; ");
        let mut others = reasons.filter(|reason| !reason.ends_with("delays may be its own"));
        assert!(others.all(str::is_empty), "{transport}: {ended:?}");
        assert_eq!(row.number("damaged"), Some(0.0), "{transport}");
        assert_eq!(row.number("missing"), Some(0.0), "{transport}");
        assert_eq!(row.number("payload_bytes"), Some(30_000.0), "{transport}");
        assert_eq!(row.text("payload_kind"), Some("binary"), "{transport}");
        let overhead = row.number("overhead_ratio").unwrap();
        // A little of the last messages may cross after the window, and of earlier ones within it.
        let around = if carries_text(transport.parse().unwrap(), mode) { 4.0 / 3.0 } else { 1.0 };
        let found = overhead / around;
        assert!((0.9..1.15).contains(&found), "{transport} {mode:?}: {overhead} bytes per byte");
    }
}

/// Nobody publishes but the subscribers, so that the deliveries follow from what they publish.
#[test]
fn each_message_of_a_subscriber_is_delivered_to_those_that_it_is_for() {
    let upstream = "[upstream]\nrate = 5\nto = [\"chat\", \"others\", \"direct\"]\n";
    let scenario =
        SCENARIO.replace("rate = 20", "rate = 0").replace("measure = \"2s\"", "measure = \"1s\"");
    let folder = folder_with(&(scenario + upstream));
    // This test counts, and a busy machine makes only the delays invalid.
    let ended = measure(folder.path(), &["smoke.toml"]);
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = rows(&folder.path().join("out"));
    assert_eq!(rows.len(), 3 * Transport::ALL.len());
    for row in &rows {
        let count = |column| row.value(column).unwrap().to_string().parse::<u64>().unwrap();
        let to = row.text("upstream_to").unwrap();
        let what = format!("{to} over {}", row.text("transport").unwrap());
        let deliveries = match to {
            "chat" => 10,
            "others" => 9,
            _ => 1,
        };
        assert!(count("published") > 10, "{what}");
        assert_eq!(count("expected"), count("published") * deliveries, "{what}");
        assert_eq!(count("received"), count("expected"), "{what}");
        let echo = row.number("upstream_echo_p50_us");
        assert_eq!(echo.is_some(), to == "chat", "{what}: its own message comes back: {echo:?}");
        assert!(row.number("upstream_others_p50_us") > Some(5_000.0), "{what}");
    }
}

#[test]
fn a_threshold_that_is_not_met_is_named_and_gives_exit_code_99() {
    let bound = "[thresholds.sse]\ndelivery_p50_us = \"< 1\"\n";
    let folder = folder_with(&format!("{SCENARIO}{bound}"));
    let ended = measure(folder.path(), &["smoke.toml", "--transports", "sse", "--quiet"]);
    assert_eq!(ended.code, Some(99), "{ended:?}");
    assert!(ended.stderr.contains("delivery_p50_us"), "{ended:?}");
}

#[test]
fn a_threshold_on_a_percentile_of_too_few_deliveries_is_not_met() {
    let scenario = r#"
        feed = { rate = 20 }
        crowd = { subscribers = 1, ramp = "0s" }
        timing = { warm-up = "0s", measure = "900ms" }
        link = { delay = "1ms" }
        thresholds = { delivery_p99_us = "< 3_600_000_000" }
    "#;
    let folder = folder_with(scenario);
    let ended = measure(folder.path(), &["smoke.toml", "--transports", "sse", "--quiet"]);
    assert_eq!(ended.code, Some(99), "{ended:?}");
    assert!(ended.stderr.contains("`delivery_p99_us` was not measured"), "{ended:?}");
    let row = &rows(&folder.path().join("out"))[0];
    assert!((2.0..100.0).contains(&row.number("received").unwrap()), "{ended:?}");
    assert_eq!(row.number("delivery_p99_us"), None, "{ended:?}");
    assert!(row.number("delivery_p50_us").is_some(), "{ended:?}");
    assert!(row.number("delivery_max_us").is_some(), "{ended:?}");
}

#[test]
fn a_small_run_after_a_large_one_has_its_own_memory_peak() {
    let scenario = |subscribers: &str| {
        format!(
            // What is under way at once is most of the memory of many subscribers.
            "feed = {{ rate = 4, payload = 16_384 }}\n\
             crowd = {{ subscribers = {subscribers}, ramp = \"500ms\" }}\n\
             timing = {{ warm-up = \"0s\", measure = \"500ms\" }}\n"
        )
    };
    let peaks = |subscribers: &str| -> Vec<Option<f64>> {
        let folder = folder_with(&scenario(subscribers));
        // This test does not use the delays, so they need not be valid.
        let ended = measure(folder.path(), &["smoke.toml", "--transports", "long-polling"]);
        assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
        let rows = rows(&folder.path().join("out"));
        rows.iter().map(|row| row.number("loadgen_rss_peak_bytes")).collect()
    };
    let [alone, large, small] = [peaks("10"), peaks("[900, 10]")].concat()[..] else {
        panic!("expected one run, then two");
    };
    let (Some(alone), Some(large), Some(small)) = (alone, large, small) else {
        let blank = "blank where the kernel does not reset the peak";
        assert_eq!([alone, large, small], [None; 3], "{blank}");
        return;
    };
    assert!(large > alone + 8e6, "{large} bytes of 900 subscribers, {alone} of 10");
    assert!(
        small - alone < (large - alone) / 3.0,
        "10 subscribers: {alone} bytes alone, {small} after 900 that took {large}"
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let folder = folder_with(SCENARIO);
    let ended = run(folder.path(), &["run", "smoke.toml", "--dry-run", "--repeat", "3"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let runs = format!("{} runs", 3 * Transport::COUNT);
    assert!(ended.stdout.contains(&runs), "{ended:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the scenario is there");
}
