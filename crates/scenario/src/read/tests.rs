//! Reading and writing scenarios, compared with each other and with the declared keys.

mod any_scenario;

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{HttpStack, ShortPollingMode, SocketIoMode, Transport};

use self::any_scenario::any_scenario;
use super::Overrides;
use crate::target::TextList;
use crate::{
    AgentsTable, Audience, ConnectionSharing, CrowdTable, FaultsTable, FeedStore, FeedTable,
    FeedTimers, FileError, Focus, Headers, HttpTable, LinkTable, LongPollingTable, Operator,
    Placement, Policy, PushTable, ReconnectTable, ReportTable, Run, Scenario, SentPayload,
    ServerTable, ShortPollingTable, SocketIoTable, TABLES, Threshold, Timing, TopTable,
    UpstreamTable, commented_scenario, keys,
};

fn parse(text: &str, overrides: &Overrides) -> Result<Scenario, FileError> {
    Scenario::parse("test", text, Path::new(""), overrides)
}

fn valid(text: &str) -> Scenario {
    parse(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn set(key: &str, value: &str) -> Overrides {
    Overrides { set: vec![(key.to_owned(), value.to_owned())], ..Overrides::default() }
}

/// Returns the error of an invalid file. Empty for a valid one.
fn problems(text: &str) -> String {
    parse(text, &Overrides::default()).map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn an_empty_file_is_the_defaults() {
    let expected = Scenario {
        top: TopTable {
            name: "test".to_owned(),
            about: String::new(),
            transports: Transport::ALL.to_vec(),
            targets: TextList::default(),
        },
        feed: FeedTable {
            rate: vec![10.0],
            pace: vec![Pace::Steady],
            timers: vec![FeedTimers::One],
            payload: vec![Payload::Bytes(256)],
            window: 10_000,
        },
        server: ServerTable {
            store: vec![FeedStore::Memory],
            http_stack: vec![HttpStack::Own],
            instances: vec![1],
            backbone_servers: vec![1],
        },
        crowd: CrowdTable {
            subscribers: vec![100],
            ramp: Duration::from_secs(2),
            connections: vec![ConnectionSharing::Own],
            place: Placement::default(),
        },
        timing: Timing {
            warm_up: Duration::from_secs(2),
            measure: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            repeat: 1,
        },
        link: LinkTable { delay: vec![Duration::from_millis(25)], jitter: vec![Duration::ZERO] },
        http: HttpTable { version: vec![1], tls: vec![false], headers: Headers::Browser },
        short_polling: ShortPollingTable {
            interval: vec![Duration::from_secs(1)],
            mode: vec![ShortPollingMode::Cursor],
        },
        long_polling: LongPollingTable { hold: vec![Duration::from_secs(25)], cursor: vec![true] },
        push: PushTable { timer: vec![Duration::ZERO] },
        socket_io: SocketIoTable { mode: vec![SocketIoMode::Upgrade] },
        upstream: UpstreamTable {
            rate: vec![0.0],
            to: vec![Audience::Everyone],
            payload: vec![SentPayload::json(64)],
        },
        reconnect: ReconnectTable {
            policy: vec![Policy::Same],
            first: vec![Duration::from_millis(100)],
            most: vec![Duration::from_secs(5)],
        },
        faults: no_faults(),
        agents: AgentsTable { probe_rate: 0.0 },
        report: ReportTable { focus: Focus::default() },
        thresholds: Vec::new(),
        targets: Vec::new(),
    };
    assert_eq!(valid(""), expected);
}

fn no_faults() -> FaultsTable {
    FaultsTable {
        cut_every: vec![Duration::ZERO],
        cut_share: vec![1.0],
        server: vec![None],
        server_after: vec![Duration::from_secs(3)],
        server_down: vec![Duration::from_secs(1)],
        backbone: vec![None],
        backbone_after: vec![Duration::from_secs(3)],
        backbone_down: vec![Duration::from_secs(1)],
        stalled_share: vec![0.0],
        avalanche_after: vec![Duration::ZERO],
        proxy: vec![None],
        proxy_idle: vec![Duration::from_mins(1)],
        proxy_delay: vec![Duration::from_millis(100)],
        proxy_bandwidth: vec![0],
    }
}

#[test]
fn the_commented_scenario_is_the_defaults() {
    assert_eq!(valid(&commented_scenario()), valid(""));
}

#[test]
fn the_commented_scenario_reads_well() {
    insta::assert_snapshot!(commented_scenario());
}

#[test]
fn the_example_of_the_specification_is_read_as_it_says() {
    let text = r#"
about = "How does delivery delay grow with the crowd at a steady trickle?"
transports = ["short-polling", "long-polling", "sse", "websocket", "socket.io"]
[feed]
rate = 10
pace = "steady"
payload = 256
window = 10_000
[crowd]
subscribers = [10, 100, 1_000]
ramp = "2s"
[timing]
warm-up = "2s"
measure = "10s"
drain = "5s"
repeat = 3
[link]
delay = "25ms"
jitter = "0ms"
[http]
version = 1
tls = false
headers = "browser"
[short-polling]
interval = "1s"
[long-polling]
hold = "25s"
[socket-io]
mode = "upgrade"
[thresholds]
delivery_p99_us = "< 60_000"
missing = "== 0"
"#;
    let mut expected = valid("");
    expected.top.about =
        "How does delivery delay grow with the crowd at a steady trickle?".to_owned();
    expected.crowd.subscribers = vec![10, 100, 1_000];
    expected.timing.repeat = 3;
    expected.thresholds =
        [("delivery_p99_us", Operator::Less, 60_000.0), ("missing", Operator::Equal, 0.0)]
            .map(|(column, operator, bound)| Threshold {
                transport: None,
                column: column.to_owned(),
                operator,
                bound,
            })
            .to_vec();
    assert_eq!(valid(text), expected);
}

#[test]
fn a_transport_with_a_dot_in_its_name_has_thresholds_with_and_without_quotes() {
    let expected = Threshold {
        transport: Some(Transport::SocketIo),
        column: "missing".to_owned(),
        operator: Operator::Equal,
        bound: 0.0,
    };
    for text in [
        "[thresholds.\"socket.io\"]\nmissing = \"== 0\"",
        "[thresholds.socket.io]\nmissing = \"== 0\"",
        "thresholds.socket.io.missing = \"== 0\"",
    ] {
        assert_eq!(valid(text).thresholds, std::slice::from_ref(&expected), "{text}");
    }
    let argument = parse("", &set("thresholds.socket.io.missing", "== 0")).unwrap();
    assert_eq!(argument.thresholds, [expected]);
    let error = parse("[thresholds.socket.oi]\nmissing = \"== 0\"", &Overrides::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`thresholds.socket.oi` is not the table of a transport"), "{error}");
}

#[test]
fn every_key_is_read_and_refuses_what_it_is_not() {
    for key in keys() {
        let text = if key.table.is_empty() {
            format!("{} = 1979-05-27", key.name)
        } else {
            format!("[{}]\n{} = 1979-05-27", key.table, key.name)
        };
        let problems = problems(&text);
        assert!(problems.contains(&format!("`{}` must be ", key.path)), "{problems}");
        assert!(problems.contains("found `1979-05-27`"), "{problems}");
    }
}

#[test]
fn every_key_that_may_be_a_list_takes_one_and_no_other_does() {
    // The target files are one value: they are all measured by the same runs. So are the figures
    // that the runs are read for.
    let one_value = [TopTable::TARGETS.path, ReportTable::FOCUS.path];
    for key in keys().filter(|key| !one_value.contains(&key.path)) {
        let default = key.default();
        let value = if default.starts_with('[') { default } else { format!("[{default}]") };
        let scenario = parse("", &set(key.path, &value));
        assert_eq!(scenario.is_ok(), key.list, "{}", key.path);
    }
}

#[test]
fn a_bound_itself_is_allowed() {
    for key in keys() {
        let (least, most) = key.range.unzip();
        for bound in [least, most].into_iter().flatten() {
            // Beside the other defaults it may be too much; of itself it must not be.
            let error =
                parse("", &set(key.path, bound)).map_or_else(|e| e.to_string(), |_| String::new());
            let refused = format!("`{}` must be at least {bound}, found", key.path);
            let refused_too = format!("`{}` must be at most {bound}, found", key.path);
            assert!(!error.contains(&refused) && !error.contains(&refused_too), "{error}");
        }
    }
}

#[test]
fn the_greatest_payload_is_the_same_from_a_file() {
    let (_, most) = FeedTable::PAYLOAD.range.unwrap();
    assert_eq!(most.replace('_', ""), wirebench_protocol::MAX_PAYLOAD_BYTES.to_string());
}

#[test]
fn payloads_may_be_binary_and_mixed_with_others() {
    let scenario = valid(
        "feed = { payload = [256, { binary = 16 }, { binary = 1_048_576 }] }\n\
         upstream = { rate = 0.001, payload = [64, { binary = 48 }] }",
    );
    let binary = Payload::Binary;
    assert_eq!(scenario.feed.payload, [Payload::Bytes(256), binary(16), binary(1_048_576)]);
    assert_eq!(scenario.upstream.payload, [SentPayload::json(64), SentPayload::binary(48)]);
    let settings: Vec<_> = scenario.runs(1).iter().flat_map(Run::settings).collect();
    for setting in [("feed.payload", "binary 16"), ("upstream.payload", "binary 48")] {
        let is_there = settings.iter().any(|(key, value)| (*key, &**value) == setting);
        assert!(is_there, "{setting:?}");
    }
    for (text, expected) in [
        ("feed.payload = { binary = 15 }", "at least 16 if binary"),
        ("feed.payload = { binary = 1_048_577 }", "at most 1_048_576"),
        ("feed.payload = { binary = \"16\" }", "without quotes"),
        ("feed.payload = { binary = 16, file = \"a\" }", "nothing else"),
        ("feed.payload = { binry = 16 }", "`binary`"),
        ("feed.payload = { bytes = 16 }", "`{ binary = 1024 }`"),
        ("upstream = { rate = 1, payload = { binary = 47 } }", "at least 48"),
        ("upstream = { rate = 1, payload = { file = \"a\" } }", "`{ binary = 64 }`"),
    ] {
        let found = problems(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn a_payload_that_is_no_file_is_refused_rather_than_read_for_ever() {
    for path in ["/dev/zero", "/dev/null"] {
        let text = format!("[feed]\npayload = {{ file = \"{path}\" }}");
        let error = parse(&text, &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains(&format!("must be a plain file, found `{path}`")), "{error}");
    }
}

#[test]
fn every_key_is_declared_in_the_table_that_it_names() {
    for key in keys() {
        assert!(key.table.is_empty() || TABLES.iter().any(|table| table.name == key.table));
        assert!(key.doc.ends_with('.'), "{}: {}", key.path, key.doc);
    }
}

#[test]
fn the_command_line_counts_over_the_file() {
    let text = "transports = [\"sse\"]\n[crowd]\nsubscribers = 0\n[timing]\nrepeat = 3\n\
                [thresholds]\nmissing = \"== 0\"";
    let overrides = Overrides {
        set: [
            ("crowd.subscribers", "[1, 2]"),
            ("feed.pace", "\"exact\""),
            ("link.delay", "5ms"),
            ("thresholds.missing", "< 7"),
            ("thresholds.sse.gaps", "\"== 0\""),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec(),
        transports: Some(vec![Transport::WebSocket, Transport::Sse]),
        repeat: Some(2),
        targets: Vec::new(),
    };
    let scenario = parse(text, &overrides).unwrap();
    assert_eq!(scenario.crowd.subscribers, [1, 2]);
    assert_eq!(scenario.feed.pace, [Pace::Exact]);
    assert_eq!(scenario.link.delay, [Duration::from_millis(5)]);
    assert_eq!(scenario.top.transports, [Transport::WebSocket, Transport::Sse]);
    assert_eq!(scenario.timing.repeat, 2);
    let thresholds: Vec<_> = scenario
        .thresholds
        .iter()
        .map(|threshold| (threshold.transport, threshold.column.as_str(), threshold.bound))
        .collect();
    assert_eq!(thresholds, [(None, "missing", 7.0), (Some(Transport::Sse), "gaps", 0.0)]);
}

#[test]
fn the_last_of_several_settings_counts() {
    let mut overrides = set("crowd.subscribers", "1");
    overrides.set.extend(set("crowd.subscribers", "2").set);
    assert_eq!(parse("", &overrides).unwrap().crowd.subscribers, [2]);
}

#[test]
fn a_payload_file_is_found_from_the_folder_of_the_scenario() {
    let text = "[feed]\npayload = { file = \"quotes.jsonl\" }";
    let scenario =
        Scenario::parse("test", text, Path::new("tests/data"), &Overrides::default()).unwrap();
    assert_eq!(scenario.feed.payload, [Payload::File(data_file())]);
}

#[test]
fn streams_alone_need_neither_an_interval_nor_a_large_window() {
    let scenario = valid(
        "transports = [\"sse\"]\nfeed = { rate = 1_000, window = 1 }\n\
         timing = { measure = \"500ms\", drain = \"50ms\" }",
    );
    assert_eq!(scenario.feed.window, 1);
}

#[test]
fn a_drain_is_long_enough_exactly_from_the_interval_and_a_round_trip() {
    let drain = |drain| problems(&format!("[timing]\ndrain = \"{drain}\""));
    assert_eq!(drain("1050ms"), "");
    let refused = drain("1049ms");
    assert!(refused.contains("must be at least `\"1.05s\"`, found `\"1049ms\"`"), "{refused}");
}

fn data_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/quotes.jsonl").canonicalize().unwrap()
}

proptest! {
    #[test]
    fn a_scenario_survives_its_toml(scenario in any_scenario()) {
        let toml = scenario.to_toml();
        match parse(&toml, &Overrides::default()) {
            Ok(read) => prop_assert_eq!(read, scenario),
            Err(error) => prop_assert!(false, "{}\n\n{}", error, toml),
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text: String, key: String, value: String) {
        let _ = parse(&text, &set(&key, &value));
    }

    #[test]
    fn no_value_makes_the_reader_panic(
        key in select(keys().collect::<Vec<_>>()),
        value in "(-?[0-9]{1,40}|-?[0-9]{1,3}\\.[0-9]{1,20}(e[0-9]{1,3})?|\
                  \"[0-9.a-zµ -]{0,9}\"|nan|inf|\\[\\]|\\{\\}|\\{ (burst|file) = .{0,4} \\})",
    ) {
        let list = format!("[{value}, {value}]");
        let path = key.path;
        for value in [&value, &list] {
            let _ = parse("", &set(path, value));
            let _ = parse(&format!("{path} = {value}"), &Overrides::default());
        }
    }

    #[test]
    fn a_file_cut_anywhere_does_not_make_the_reader_panic(end in 0_usize..5_000) {
        let text = commented_scenario();
        let _ = parse(text.get(..end).unwrap_or(&text), &Overrides::default());
    }
}

#[test]
fn shares_of_places_are_read_and_add_up_to_one() {
    let place = |place: &str| {
        parse(&format!("[crowd]\nplace = {place}"), &Overrides::default())
            .map(|scenario| scenario.crowd.place)
    };
    let halves = place("{ zone-a = 0.5, zone-b = 0.5 }").unwrap();
    assert_eq!(halves.0, [("zone-a".to_owned(), 0.5), ("zone-b".to_owned(), 0.5)]);
    for (wrong, why) in [
        ("{ zone-a = 0.5 }", "the shares add up to 0.5, not to 1"),
        ("{ zone-a = 0, zone-b = 1 }", "the share of `zone-a` must be above 0"),
        ("0.5", "must be a table with a share of the subscribers for each label"),
    ] {
        let error = place(wrong).unwrap_err().to_string();
        assert!(error.contains(why), "{wrong}: {error}");
    }
}
