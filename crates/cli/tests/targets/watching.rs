//! Feeds that somebody else fills, measured through the real binary: a small server of the test's
//! own numbers and stamps its events, or does neither.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wirebench_report::Row;

use crate::workbench::{Measured, Workbench};

/// As short as it can be with faults that show. What is lost for good does not come in the drain.
const SCENARIO: &str = r#"
transports = ["sse"]
crowd = { subscribers = 10, ramp = "100ms" }
timing = { warm-up = "300ms", measure = "2s", drain = "2s" }
link = { delay = "1ms" }
"#;

/// The time from one event to the next.
const INTERVAL: Duration = Duration::from_millis(20);

/// What the server of a test does.
#[derive(Clone, Copy, Debug)]
enum Feed {
    /// Numbers and stamps its events, and sends what a client has missed that comes back.
    Resuming,
    /// Numbers and stamps its events. Who comes back gets what is published from then on.
    Forgetting,
    /// Sends texts.
    Texts,
    /// Sends nothing.
    Silent,
}

/// A server of events, until the test ends. Returns its URL.
fn start(feed: Feed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    thread::spawn(move || {
        let began = Instant::now();
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            // It ends when the client has gone.
            thread::spawn(move || serve(feed, began, connection));
        }
    });
    url
}

fn serve(feed: Feed, began: Instant, mut connection: TcpStream) -> std::io::Result<()> {
    let mut after = None;
    for line in BufReader::new(connection.try_clone()?).lines() {
        let line = line?;
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("last-event-id")
        {
            after = value.parse::<u32>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
    if let Feed::Silent = feed {
        // Until the client closes its end.
        return std::io::copy(&mut connection, &mut std::io::sink()).map(drop);
    }
    let now = u32::try_from(began.elapsed().as_millis() / INTERVAL.as_millis()).unwrap();
    let resumed = after.filter(|_| matches!(feed, Feed::Resuming));
    for number in resumed.unwrap_or(now) + 1.. {
        thread::sleep((began + INTERVAL * number).saturating_duration_since(Instant::now()));
        let event = match feed {
            Feed::Texts | Feed::Silent => "data: tick\n\n".to_owned(),
            Feed::Resuming | Feed::Forgetting => {
                let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
                format!("id: {number}\ndata: {{\"n\":{number},\"at\":{at}}}\n\n")
            }
        };
        connection.write_all(event.as_bytes())?;
    }
    Ok(())
}

/// Writes the target file of a feed whose events have numbers and times.
fn numbered(bench: &Workbench, feed: Feed, more: &str) -> PathBuf {
    let url = start(feed);
    let keys = "sequence = '/n'\ntime = '/at'\ntime-unit = 'ns'";
    let text = format!("publish = 'none'\n{more}\n[sse]\nurl = '{url}'\n{keys}\n");
    bench.write_target("watched.toml", &text)
}

fn number(row: &Row, column: &str) -> f64 {
    row.number(column).unwrap_or_else(|| panic!("no {column} in {row:?}"))
}

fn assert_blank(row: &Row, columns: &[&str]) {
    for column in columns {
        let value = row.value(column).unwrap_or_else(|| panic!("no column {column}"));
        assert_eq!(value.to_string(), "", "{column} in {row:?}");
    }
}

/// What is published, and how it is published, is never known.
const OF_PUBLISHER: [&str; 11] = [
    "published",
    "rate_per_s",
    "pace",
    "payload_bytes",
    "payload_kind",
    "window_messages",
    "publish_refused",
    "publish_accepted_p50_us",
    "late_publishes",
    "damaged",
    "server_cpu_floor_us",
];

#[test]
fn numbers_and_times_of_a_watched_feed_are_used() {
    let bench = Workbench::new();
    let process = format!("process.pid = {}", std::process::id());
    let target = numbered(&bench, Feed::Resuming, &process);
    let Measured { ended, rows, .. } = bench.measure(SCENARIO, &[target], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("`watched` watches a feed that somebody else fills"),
        "{ended:?}"
    );
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_blank(row, &OF_PUBLISHER);
    // A hundred events for each of ten subscribers, give or take those at the ends.
    assert!((900.0..1_100.0).contains(&number(row, "received")), "{row:?}");
    assert_eq!(row.number("expected"), row.number("received"));
    for none in ["missing", "duplicate", "out_of_order", "from_the_future", "reconnects"] {
        assert_eq!(row.number(none), Some(0.0), "{none} in {row:?}");
    }
    assert!(number(row, "delivery_min_us") >= 1_000.0, "faster than its link: {row:?}");
    assert!(number(row, "delivery_p99_us") < 60_000_000.0, "{row:?}");
    assert!(number(row, "server_cpu_s") > 0.0, "{row:?}");
}

#[test]
fn what_a_watched_feed_does_not_say_is_blank() {
    let bench = Workbench::new();
    let url = start(Feed::Texts);
    let mut command = bench.command(SCENARIO, &[bench.target("watch-sse.toml")], &[]);
    command.env("WIREBENCH_SSE_URL", url);
    let Measured { ended, rows, .. } = bench.measure_by(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_blank(row, &OF_PUBLISHER);
    assert!((900.0..1_100.0).contains(&number(row, "received")), "{row:?}");
    let unknown = ["expected", "missing", "duplicate", "out_of_order", "from_the_future"];
    assert_blank(row, &unknown);
    assert_blank(row, &["delivery_min_us", "delivery_p50_us", "delivery_max_us", "server_cpu_s"]);
    assert!(number(row, "bytes_per_message") > 10.0, "{row:?}");
    let timeline = std::fs::read_to_string(bench.path().join("out/timeline.csv")).unwrap();
    let second = timeline.lines().nth(1).unwrap();
    assert!(second.contains(",sse,0,,"), "nobody knows what was published: {second}");
}

#[test]
fn the_numbers_of_a_watched_feed_tell_what_is_lost_when_connections_are_cut() {
    let bench = Workbench::new();
    let cuts = SCENARIO.to_owned() + "faults = { cut-every = \"500ms\", cut-share = 0.5 }\n";
    for feed in [Feed::Resuming, Feed::Forgetting] {
        let target = numbered(&bench, feed, "");
        let Measured { ended, rows, .. } = bench.measure(&cuts, &[target], &[]);
        assert_eq!(ended.code, Some(0), "a loss is what the run measures: {ended:?}");
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert!(number(row, "reconnects") > 0.0, "{row:?}");
        let lost = number(row, "missing");
        match feed {
            Feed::Resuming => assert!(lost < 0.5, "{row:?}"),
            _ => assert!(lost > 0.5, "{row:?}"),
        }
        let difference = number(row, "expected") - number(row, "received") - lost;
        assert!(difference.abs() < 0.5, "{row:?}");
        assert!(number(row, "back_99_ms") > 0.0, "{row:?}");
        // How many were published while a subscriber was away at the end is not known.
        assert_blank(row, &["delivered_ratio", "missed_signalled", "missed_silently"]);
    }
}

#[test]
fn a_watched_feed_in_which_nothing_happens_is_no_result() {
    let bench = Workbench::new();
    let target = numbered(&bench, Feed::Silent, "");
    let Measured { ended, rows, .. } = bench.measure(SCENARIO, &[target], &[]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let reason = rows[0].text("invalid_reason").unwrap();
    assert!(reason.contains("no message arrived in the measured window"), "{reason}");
}

#[test]
fn a_scenario_cannot_vary_what_somebody_else_publishes() {
    let bench = Workbench::new();
    let target = numbered(&bench, Feed::Silent, "");
    let more = ["--set", "feed.rate=[1, 2]"];
    let Measured { ended, .. } = bench.measure(SCENARIO, &[target], &more);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`feed.rate` is a list"), "{ended:?}");
}
