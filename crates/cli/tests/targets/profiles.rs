//! Every target file that comes with the program, against the real server: all messages are
//! delivered, and what they cost is known.

use std::fs;
use std::path::Path;

use wirebench_protocol::Transport;
use wirebench_scenario::TargetFile;

use crate::running_server::RunningServer;
use crate::support;
use crate::workbench::{Measured, SCENARIO, Workbench, has_nchan, has_node, has_pushpin, nats};

/// Checks that a target has delivered everything over these transports, and that its cost is there.
pub(crate) fn assert_complete(measured: &Measured, target: &str, transports: &[Transport]) {
    let Measured { ended, rows, machine } = measured;
    assert_eq!(ended.code, Some(0), "{target}: {ended:?}");
    let mut found: Vec<Transport> =
        rows.iter().map(|row| row.text("transport").unwrap().parse().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, transports, "{target}: {ended:?}");
    for row in rows {
        let transport = row.text("transport").unwrap();
        let number = |column: &str| {
            row.number(column).unwrap_or_else(|| panic!("{target}, {transport}: no {column}"))
        };
        let is = |column: &str, expected: f64| {
            assert!((number(column) - expected).abs() < 0.5, "{target}, {transport}: {row:?}");
        };
        assert_eq!(row.text("target"), Some(target), "{transport}");
        assert!(number("published") >= 10.0, "{target}, {transport}: {row:?}");
        is("expected", number("published") * 10.0);
        is("received", number("expected"));
        for none in ["missing", "duplicate", "out_of_order", "damaged", "publish_refused"] {
            is(none, 0.0);
        }
        for some in ["server_cpu_s", "server_rss_idle_bytes", "publish_accepted_p50_us"] {
            assert!(number(some) > 0.0, "{target}, {transport}: {some} in {row:?}");
        }
        assert!(number("server_rss_peak_bytes") >= number("server_rss_idle_bytes"), "{row:?}");
        assert!(number("delivery_min_us") >= 1_000.0, "{target}, {transport} beat its link");
        assert_eq!(row.number("late_publishes"), None, "nobody knows it: {row:?}");
    }
    let recorded = &machine["targets"][0];
    assert_eq!(recorded["name"], target);
    assert!(recorded["version"].as_str().is_some_and(|it| it.contains('.')), "{recorded}");
}

fn check(bench: &Workbench, file: &str, transports: &[Transport]) {
    let measured = bench.measure(SCENARIO, &[bench.target(file)], &[]);
    assert_complete(&measured, file.strip_suffix(".toml").unwrap(), transports);
}

#[test]
fn nchan_delivers_over_every_transport_but_socket_io() {
    if has_nchan() {
        let transports: Vec<_> =
            Transport::ALL.into_iter().filter(|it| *it != Transport::SocketIo).collect();
        check(&Workbench::new(), "nchan.toml", &transports);
    }
}

#[test]
fn pushpin_delivers_over_every_transport_that_it_holds() {
    if has_pushpin() {
        let transports = [Transport::LongPolling, Transport::Sse, Transport::WebSocket];
        check(&Workbench::new(), "pushpin.toml", &transports);
    }
}

#[test]
fn node_delivers_events_and_answers_polls() {
    if has_node() {
        let transports = [Transport::ShortPolling, Transport::LongPolling, Transport::Sse];
        check(&Workbench::new(), "node-sse.toml", &transports);
    }
}

#[test]
fn the_packages_of_npm_deliver() {
    let bench = Workbench::new();
    if bench.has_packages() {
        check(&bench, "node-ws.toml", &[Transport::WebSocket]);
        check(&bench, "socket.io.toml", &[Transport::SocketIo]);
        check(&bench, "socket.io-recovery.toml", &[Transport::SocketIo]);
    }
}

#[test]
fn nats_delivers_over_its_websocket_and_is_published_to_over_another() {
    if let Some(programs) = nats() {
        let bench = Workbench::new().with_programs(programs);
        check(&bench, "nats.toml", &[Transport::WebSocket]);
        // As many messages at once share a frame, and these do not fit into the 4,096 bytes that NATS
        // sends to browsers.
        let scenario = SCENARIO.replace("payload = 64", "payload = 6_000");
        let scenario = scenario.replace("rate = 10", "rate = 500");
        let measured = bench.measure(&scenario, &[bench.target("nats.toml")], &[]);
        let row = &measured.rows[0];
        assert_eq!(row.number("missing"), Some(0.0), "{row:?}");
        assert_eq!(row.number("received"), row.number("expected"), "{row:?}");
        assert!(row.number("received") > Some(0.0), "{row:?}");
    }
}

#[test]
fn targets_take_turns_in_one_folder_and_the_table_names_them() {
    let bench = Workbench::new();
    let text = fs::read_to_string(bench.target("wirebench.toml")).unwrap();
    let renamed = |name: &str| text.replace("name = \"wirebench\"", &format!("name = \"{name}\""));
    let old = bench.write_target("old.toml", &renamed("old"));
    let new = bench.write_target("new.toml", &renamed("new"));
    let more = ["--transports", "sse,websocket"];
    let measured = bench.measure(SCENARIO, &[old, new], &more);
    assert_eq!(measured.ended.code, Some(0), "{:?}", measured.ended);
    assert_eq!(measured.rows.len(), 4);
    for name in ["old", "new"] {
        let rows = measured.rows.iter().filter(|row| row.text("target") == Some(name));
        assert_eq!(rows.count(), 2, "{name}");
        assert!(measured.ended.stdout.contains(name), "{}", measured.ended.stdout);
    }
    assert_eq!(measured.machine["targets"][1]["name"], "new");
}

/// The files that name a URL in the environment, against wirebench's own server.
#[test]
fn any_url_can_be_measured_without_its_process() {
    let bench = Workbench::new();
    let served = support::Served::start_with(&["--no-demos"]);
    let url = served.url();
    for (file, variable, path) in [
        ("sse.toml", "WIREBENCH_SSE_URL", "sse"),
        ("ws.toml", "WIREBENCH_WEBSOCKET_URL", "websocket"),
    ] {
        let text = fs::read_to_string(bench.target(file)).unwrap();
        let inner = "message = \"/payload\"\n";
        let handshake = "handshake = [{ expect = '{\"hello\":*' }]\n";
        let more = if path == "sse" { inner.to_owned() } else { format!("{handshake}{inner}") };
        let target = bench.write_target(file, &format!("{text}\n{more}"));
        let mut command = bench.command(SCENARIO, &[target], &[]);
        command.env("WIREBENCH_PUBLISH_URL", format!("{url}/feeds/bench/messages"));
        command.env(variable, format!("{url}/feeds/bench/{path}"));
        let ended = support::finish(command.spawn().unwrap(), file);
        // This test counts, and a busy machine makes only the delays invalid.
        assert!(matches!(ended.code, Some(0 | 4)), "{file}: {ended:?}");
        let row = &wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap()[0];
        assert_eq!(row.number("missing"), Some(0.0), "{file}: {row:?}");
        assert!(row.number("received") > Some(0.0), "{file}: {row:?}");
        for blank in ["server_cpu_s", "server_rss_peak_bytes", "server_cpu_floor_us"] {
            assert_eq!(row.number(blank), None, "{file}, {blank}: {row:?}");
        }
    }
}

/// The same files as they are, against servers that are not wirebench's.
#[test]
fn servers_of_other_projects_are_measured_by_their_urls_alone() {
    let bench = Workbench::new();
    let mut cases = Vec::new();
    if has_node() {
        let server = RunningServer::node(&bench, "http.mjs");
        cases.push((server, "sse.toml", "WIREBENCH_SSE_URL", "http", "sse"));
    }
    if bench.has_packages() {
        let server = RunningServer::node(&bench, "ws.mjs");
        cases.push((server, "ws.toml", "WIREBENCH_WEBSOCKET_URL", "ws", "websocket"));
    }
    for (server, file, variable, scheme, path) in cases {
        let at = format!("127.0.0.1:{}", server.port);
        let mut command = bench.command(SCENARIO, &[bench.target(file)], &[]);
        command.env("WIREBENCH_PUBLISH_URL", format!("http://{at}/publish"));
        command.env(variable, format!("{scheme}://{at}/{path}"));
        let ended = support::finish(command.spawn().unwrap(), file);
        // This test counts, and a busy machine makes only the delays invalid.
        assert!(matches!(ended.code, Some(0 | 4)), "{file}: {ended:?}");
        let rows = wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap();
        let [row] = &rows[..] else { panic!("{file}: {rows:?}") };
        assert_eq!(row.text("transport"), Some(path), "{row:?}");
        assert_eq!(row.number("missing"), Some(0.0), "{file}: {row:?}");
        assert!(row.number("received") > Some(0.0), "{file}: {row:?}");
        assert!(row.number("publish_accepted_p50_us") > Some(0.0), "{file}: {row:?}");
        assert_eq!(row.number("server_cpu_s"), None, "{file}: {row:?}");
    }
}

#[test]
fn every_target_file_is_valid_and_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "toml") {
            let file = TargetFile::load(&path).unwrap_or_else(|error| panic!("{error}"));
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(format!("{}.toml", file.name()), name);
            assert!(readme.contains(&format!("`{name}`")), "{name} is not in targets/README.md");
            assert!(!file.about.about.is_empty(), "{name} says nothing about itself");
            count += 1;
        }
    }
    assert!(count > 0, "no target in {}", folder.display());
}
