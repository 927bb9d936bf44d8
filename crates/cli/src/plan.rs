//! What scenarios would run, what they need, and what theory predicts for them.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use wirebench_loadgen::DEFAULT_FEED;
use wirebench_measure::theory::{self, Conditions, GrowingTable, Prediction, predict};
use wirebench_protocol::control::Payload;
use wirebench_protocol::{HttpStack, ShortPollingMode, Uplink};
use wirebench_scenario::{
    Audience, ConnectionSharing, Faults, FeedStore, FeedTimers, HttpSettings, Overrides, Pace,
    Reconnect, Run, Scenario, duration_text,
};

use crate::databases::Databases;
use crate::machine::Machine;
use crate::print::{self, minutes, thousands};

/// Loads every scenario. If some are invalid, prints everything that is wrong with them and returns
/// `None`.
pub(crate) fn load(paths: &[PathBuf], overrides: &Overrides) -> Option<Vec<Scenario>> {
    let loaded = paths.iter().map(|path| Scenario::load(path, overrides));
    let (mut scenarios, mut invalid) = (Vec::new(), false);
    for scenario in loaded {
        match scenario {
            Ok(scenario) => scenarios.push(scenario),
            Err(error) => {
                print::talk(&error.in_colour());
                invalid = true;
            }
        }
    }
    (!invalid).then_some(scenarios)
}

/// Warns of each scenario that needs more connections than this machine allows, a database that this
/// program was built without, or another NATS than the environment names. Such a scenario is valid and may run elsewhere.
pub(crate) fn warn_of_shortages(
    paths: &[PathBuf],
    scenarios: &[Scenario],
    workers: usize,
    databases: &Databases,
) {
    for (path, scenario) in paths.iter().zip(scenarios) {
        if let Some(shortage) = shortage(scenario, workers) {
            print::warn(&format!("`{}` cannot run on this machine: {shortage}", path.display()));
        }
        if let Some(why) = databases.why_not(scenario) {
            print::warn(&format!("`{}` cannot run: {why}", path.display()));
        }
    }
}

/// Returns why this machine cannot have enough connections for a scenario, and what to do. `None`
/// if it can.
pub(crate) fn shortage(scenario: &Scenario, workers: usize) -> Option<String> {
    Machine::inspect().shortage(most_connections(&scenario.runs(0), workers))
}

/// Returns the maximum number of connections that the runs need at once, with this many threads of
/// the load generator.
fn most_connections(runs: &[Run], workers: usize) -> u64 {
    runs.iter().map(|run| run.connections(workers)).max().map_or(0, |most| most as u64)
}

/// Describes what a scenario asks for, with a line for each setting that is not skipped.
pub(crate) fn plan(scenario: &Scenario, workers: usize, databases: &Databases) -> String {
    // The seed decides the order and the details of the runs, not what they need.
    let (runs, skipped) = databases.split(scenario.runs(0));
    let time: Duration = runs.iter().map(Run::duration).sum();
    let connections = most_connections(&runs, workers);
    let (allowed, limit) = Machine::inspect().most_connections();
    let verdict = if connections > allowed {
        format!(" (this machine allows {}, limited by {limit})", thousands(allowed))
    } else {
        String::new()
    };
    let mut settings: Vec<&Run> = runs.iter().filter(|run| run.repeat == 1).collect();
    // The transports take turns in a seeded order. The plan lists them in the order of the file.
    for setting in settings.chunk_by_mut(|one, other| one.seed == other.seed) {
        setting.sort_by_key(|run| {
            let Run { transport, interval, hold, poll_cursor, push_timer, .. } = **run;
            let modes = (run.short_polling_mode, run.socket_io_mode);
            let target = scenario.targets.iter().position(|it| Some(it) == run.target.as_ref());
            (transport, target, interval, hold, !poll_cursor.unwrap_or(true), modes, push_timer)
        });
    }
    format!(
        "  {}\n  {} runs, at most {}; up to {} connections at once, as many open files and local \
         ports{verdict}\n{}\n{}{}\n",
        if scenario.top.about.is_empty() {
            "(no question: give it an `about`)"
        } else {
            &scenario.top.about
        },
        thousands(runs.len() as u64),
        minutes(time),
        thousands(connections),
        skipped.iter().fold(String::new(), |text, skipped| format!("{text}  {skipped}\n")),
        table(&settings),
        squares(&settings)
    )
}

/// Returns a line for each setting whose deliveries grow with the square of the crowd, a chat or a
/// feed with a timer for each connection: how many messages and deliveries it makes per second, and
/// whether that is more than one core of the server can do.
fn squares(settings: &[&Run]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for run in settings {
        let Some(published) = published_by_each(run) else { continue };
        let deliveries = run.deliveries_per_second();
        let mut line = format!(
            "  {published} = {} messages/s, each to {}: {} deliveries/s",
            to_a_hundredth(run.published_per_second()),
            recipients(run),
            rounded(deliveries)
        );
        if deliveries > DELIVERIES_PER_CORE {
            let most = rounded(DELIVERIES_PER_CORE);
            let _ = write!(
                line,
                "\n        too much for one core, which makes some {most}/s: they grow with the \
                 square of the people"
            );
        }
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().fold(String::new(), |text, line| format!("{text}\n{line}"))
}

/// Says what is published for each subscriber, as a product. `None` if nothing is.
fn published_by_each(run: &Run) -> Option<String> {
    let people = thousands(run.subscribers as u64);
    let chat = run.upstream.filter(|upstream| upstream.to.publishes());
    let chat = chat
        .map(|upstream| format!("{}: {people} people × {}/s", upstream.to.name(), upstream.rate));
    let timers = match run.timers {
        FeedTimers::PerConnection if run.rate > 0.0 => {
            Some(format!("timers: {people} × {}/s", run.rate))
        }
        FeedTimers::PerConnection | FeedTimers::One => None,
    };
    match (chat, timers) {
        (Some(chat), Some(timers)) => Some(format!("{chat} + {timers}")),
        (Some(chat), None) if run.rate > 0.0 => {
            Some(format!("{chat} + {}/s of the feed", run.rate))
        }
        (chat, timers) => chat.or(timers),
    }
}

/// Returns to how many people each message goes.
fn recipients(run: &Run) -> String {
    let people = run.subscribers as u64;
    match run.upstream.map(|upstream| upstream.to) {
        None | Some(Audience::Everyone | Audience::Nobody) => thousands(people),
        Some(Audience::Others) => thousands(people.saturating_sub(1)),
        Some(Audience::One) => "1".to_owned(),
    }
}

/// Returns the number without the digits that only floating point adds.
fn to_a_hundredth(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

const HEADER: [&str; 23] = [
    "transport",
    "target",
    "store",
    "servers",
    "NATS",
    "HTTP by",
    "subscribers",
    "rate /s",
    "link ms",
    "poll/hold ms",
    "sent up",
    "messages",
    "deliveries",
    "requests",
    "framing B",
    "rows/message",
    "bytes/message",
    "queries /s",
    "delivered %",
    "mean ms",
    "p95 ms",
    "99 % back ms",
    "faults, reconnect",
];

/// The column of faults and reconnect policies: the last one, aligned to the left.
const FAULTS: usize = HEADER.len() - 1;

/// The column that predicts when subscribers are back.
const BACK: usize = FAULTS - 1;

/// The column of the target server.
const TARGET: usize = 1;

/// The column of where the feed is kept.
const STORE: usize = 2;

/// The column of how many servers share the feed.
const SERVERS: usize = 3;

/// The column of how many NATS servers are started for them.
const NATS: usize = 4;

/// The column of who reads requests and writes answers at the server.
const STACK: usize = 5;

/// The column of what the subscribers send.
const SENT: usize = 10;

/// The columns of what polls read from a table: rows and bytes for each message, and queries.
const ROWS: usize = 15;
const BYTES: usize = 16;
const QUERIES: usize = 17;

/// The column of the share of the messages that arrive, where some are lost.
const DELIVERED: usize = 18;

/// How many deliveries per second take one core of the server, some 6 to 10 µs each; see
/// `docs/method.md`.
const DELIVERIES_PER_CORE: f64 = 100_000.0;

/// A time of a message has as many digits as nanoseconds since the machine started. A plan must not
/// depend on when it is made, so it takes a machine that has run for half a day.
const TYPICAL_UPTIME: Duration = Duration::from_hours(12);

/// Lays out the table. The first and the last column are aligned to the left, the others to the
/// right.
fn table(settings: &[&Run]) -> String {
    let mut rows: Vec<[String; HEADER.len()]> = settings.iter().map(|run| row(run)).collect();
    let mut header = HEADER.map(str::to_owned);
    if settings.iter().all(|run| run.store == FeedStore::Memory) {
        for row in &mut rows {
            row[STORE].clear();
        }
    }
    if settings.iter().all(|run| run.instances == 1) {
        for row in &mut rows {
            row[SERVERS].clear();
        }
    }
    if settings.iter().all(|run| run.backbone_servers.is_none_or(|servers| servers == 1)) {
        for row in &mut rows {
            row[NATS].clear();
        }
    }
    if settings.iter().all(|run| run.http_stack != Some(HttpStack::Hyper)) {
        for row in &mut rows {
            row[STACK].clear();
        }
    }
    // Blank columns are left out.
    let optional =
        [TARGET, STORE, SERVERS, NATS, STACK, SENT, ROWS, BYTES, QUERIES, DELIVERED, BACK, FAULTS];
    for at in optional {
        if rows.iter().all(|row| row[at].is_empty()) {
            header[at].clear();
        }
    }
    rows.insert(0, header);
    let widths: [usize; HEADER.len()] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].len()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "  {:<width$}", row[0], width = widths[0]);
        let cells = row.iter().zip(widths).take(FAULTS).skip(1);
        for (cell, width) in cells.filter(|(_, width)| *width > 0) {
            let _ = write!(text, "  {cell:>width$}");
        }
        let _ = write!(text, "  {}", row[FAULTS]);
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Returns the planned numbers of a setting, then the predicted ones. A number that no law covers
/// is blank, and so is how much somebody else publishes.
fn row(run: &Run) -> [String; HEADER.len()] {
    let law = prediction(run);
    let [rows, bytes, queries] = reads(run, &law);
    let requests = law.requests_per_message.map(|requests| {
        let posts = match run.uplink() {
            Uplink::OwnConnection | Uplink::SecondConnection => run.expected_sent(),
            Uplink::Frame => None,
        };
        let deliveries = run.expected_deliveries() * law.delivered_ratio.unwrap_or(1.0);
        requests * deliveries + posts.unwrap_or_default()
    });
    let published = |text: String| if run.is_watched() { String::new() } else { text };
    let milliseconds = |duration: Option<Duration>| {
        duration.map_or_else(String::new, |duration| format!("{:.1}", duration.as_secs_f64() * 1e3))
    };
    [
        format!("{}{}{}", run.transport, own_suffix(run), http_suffix(run.http)),
        run.target.as_ref().map_or_else(String::new, |target| target.name().to_owned()),
        run.store.name().to_owned(),
        run.instances.to_string(),
        run.backbone_servers.map_or_else(String::new, |servers| servers.to_string()),
        run.http_stack.map_or("hyper", HttpStack::name).to_owned(),
        thousands(run.subscribers as u64),
        published(rate(run)),
        milliseconds(Some(run.link.delay)),
        milliseconds(run.interval.or_else(|| run.longest_hold())),
        run.expected_sent().map_or_else(String::new, rounded),
        published(rounded(run.expected_messages())),
        published(rounded(run.expected_deliveries())),
        requests.map_or_else(String::new, rounded),
        published(framing(run).map_or_else(String::new, |bytes| bytes.to_string())),
        rows,
        bytes,
        queries,
        law.delivered_ratio.map_or_else(String::new, |share| format!("{:.1}", share * 100.0)),
        milliseconds(law.delivery_mean),
        milliseconds(law.delivery_p95),
        milliseconds(back_99(run)),
        faults_and_reconnect(run),
    ]
}

/// Returns how many bytes the transport writes around the last message of a run. `None` where that
/// depends on the message or is shared, with payloads of bytes or from a file and over HTTP/2, and
/// for a target server.
fn framing(run: &Run) -> Option<usize> {
    let object = object_bytes(run).filter(|_| run.http.version == 1 && run.target.is_none())?;
    let mode = run.socket_io_mode.unwrap_or_default();
    Some(theory::framing_bytes(run.transport, mode, DEFAULT_FEED, last_seq(run), object))
}

/// Returns the size of the message object of the last message of a run. `None` for payloads of
/// bytes or from a file.
fn object_bytes(run: &Run) -> Option<usize> {
    let Payload::Bytes(payload) = run.payload else { return None };
    // As the server writes it.
    let (seq, uptime) = (last_seq(run), TYPICAL_UPTIME.as_nanos());
    Some(format!(r#"{{"seq":{seq},"published_ns":{uptime},"payload":}}"#).len() + payload)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a planned count")]
fn last_seq(run: &Run) -> u64 {
    run.expected_messages().round() as u64
}

/// Returns what theory says of the reading of a run's feed: rows that are read from the database
/// for each message that a subscriber receives, bytes in the bodies of answers with the whole feed
/// for each of them, and the queries per second that the polls send. Blank without a law, and rows
/// and queries without a database.
///
/// Messages that are pushed, or that polls get from memory, need no query.
fn reads(run: &Run, law: &Prediction) -> [String; 3] {
    let blank = || [String::new(), String::new(), String::new()];
    let Some(requests) = law.requests_per_message else { return blank() };
    let mode = run.short_polling_mode.unwrap_or_default();
    let interval = run.interval.unwrap_or_default();
    let table = GrowingTable {
        rate: run.published_per_second(),
        lead: run.timing.warm_up,
        window: run.timing.measure,
        kept: (!run.store.is_durable()).then_some(run.window),
    };
    let rows = table.rows_per_poll(mode, interval);
    let bytes = whole_feed_bytes(run, rows).map(|bytes| bytes * requests);
    let bytes = bytes.map_or_else(String::new, rounded);
    if !run.store.is_durable() {
        return [String::new(), bytes, String::new()];
    }
    let polls =
        run.interval.map_or(0.0, |interval| count(run.subscribers) / interval.as_secs_f64());
    let queries = polls * f64::from(mode.table_reads());
    [to_a_hundredth(rows * requests).to_string(), bytes, rounded(queries)]
}

/// Returns the size of the body of an answer with the whole feed, of so many rows. `None` for other
/// answers, and where subscribers publish too, whose messages have other sizes.
fn whole_feed_bytes(run: &Run, rows: f64) -> Option<f64> {
    let is_whole = run.short_polling_mode == Some(ShortPollingMode::Whole);
    let object = object_bytes(run).filter(|_| is_whole && run.upstream.is_none())?;
    // Each message but the first has a comma before it.
    Some(count(framing(run)?) + rows * count(object + 1) - 1.0)
}

/// Returns the suffix of the transport's name that says what a short poll asks for, what carries a
/// Socket.IO session, that long polls have no cursor, and at which timer messages are pushed. Empty
/// for the defaults of the other transports.
fn own_suffix(run: &Run) -> String {
    let polls = run.short_polling_mode.filter(|mode| *mode != ShortPollingMode::default());
    let polls = polls.map_or_else(String::new, |mode| format!(" {mode}"));
    let mode = run.socket_io_mode.map_or_else(String::new, |mode| format!(" {mode}"));
    let cursor = if run.forgets_its_cursor() { " no cursor" } else { "" };
    let timer = run.push_timer.filter(|period| !period.is_zero());
    let timer =
        timer.map_or_else(String::new, |period| format!(" every {}", duration_text(period)));
    format!("{polls}{mode}{cursor}{timer}")
}

/// Returns the rate of the feed's timers, with their number if it is not one.
fn rate(run: &Run) -> String {
    match run.timers {
        FeedTimers::One => run.rate.to_string(),
        FeedTimers::PerConnection => {
            format!("{} × {}", thousands(run.subscribers as u64), run.rate)
        }
    }
}

/// Returns the suffix of the transport's name that says how HTTP is spoken. Empty for plain
/// HTTP/1.1.
fn http_suffix(http: HttpSettings) -> String {
    let version = if http.version == 1 { "" } else { " h2" };
    let tls = if http.tls { " tls" } else { "" };
    let shared = if http.connections == ConnectionSharing::Shared { " shared" } else { "" };
    format!("{version}{tls}{shared}")
}

/// Returns what theory predicts for a run over the link of its scenario. No law covers faults, polls
/// that acknowledgements end too, or what somebody else publishes: such runs have no prediction.
pub(crate) fn prediction(run: &Run) -> Prediction {
    if !run.faults.is_none() || run.polls_acknowledge() || run.is_watched() {
        return Prediction::default();
    }
    // What many people say, or many timers publish, at their own times comes independently of each
    // other.
    let publishes = run.upstream.is_some_and(|upstream| upstream.to.publishes());
    let many = publishes || run.timers == FeedTimers::PerConnection;
    predict(&Conditions {
        delivery: run.delivery(),
        rate: run.received_per_second(),
        pace: if many { Pace::Poisson } else { run.pace },
        delay: run.link.delay,
        interval: run.interval,
        hold: run.longest_hold(),
        cursor: !run.forgets_its_cursor(),
        push_timer: run.push_timer.filter(|period| !period.is_zero()),
    })
}

/// Returns the faults, and the reconnect policy if it is not the default or if there are faults.
fn faults_and_reconnect(run: &Run) -> String {
    let mut words = Vec::new();
    if !run.faults.is_none() {
        words.push(run.faults.to_string());
    }
    if !run.faults.is_none() || run.reconnect != Reconnect::default() {
        words.push(run.reconnect.to_string());
    }
    words.join("; ")
}

/// Returns the time after which theory expects 99 % of the subscribers to be back, if all of them
/// are cut off at one instant. `None` with other faults, and over HTTP/2, because the law does not
/// include the wait for the SETTINGS of the server.
fn back_99(run: &Run) -> Option<Duration> {
    let avalanche = Faults { avalanche_after: run.faults.avalanche_after, ..Faults::default() };
    let alone = run.faults == avalanche && !avalanche.is_none() && run.http.version == 1;
    alone.then(|| {
        let pause = run.reconnect.first_pause(run.transport, run.interval.unwrap_or_default());
        theory::reconnect::recovery_time(0.99, &pause, run.link.delay, run.opening_trips())
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "planned counts: ≥ 0")]
fn rounded(number: f64) -> String {
    thousands(number.round() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "subscribers and bytes are far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_plan_of_the_default_scenario_lists_every_transport() {
        let scenario = Scenario::parse("x", "", Path::new(""), &Overrides::default());
        let plan =
            plan(&scenario.expect("an empty file has every default"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn the_plan_of_a_scenario_with_a_target_names_it() {
        let text = "transports = [\"websocket\", \"sse\"]\n[target]\nname = \"own\"\n\
                    publish.url = \"http://127.0.0.1:1/\"\nsse.url = \"http://127.0.0.1:1/\"";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("a target is valid"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn the_plan_of_an_avalanche_predicts_the_time_to_recover_under_each_policy() {
        let text =
            "[reconnect]\npolicy = [\"same\", \"native\"]\n[faults]\navalanche-after = \"1s\"";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("two policies are valid"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn the_plan_of_a_chat_says_how_deliveries_grow_and_when_they_are_too_many() {
        let text = "[feed]\nrate = 0\n[crowd]\nsubscribers = [10, 1_000]\n[upstream]\nrate = 0.2";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("a chat is valid"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn the_plan_of_the_mistakes_that_tutorials_teach_predicts_what_each_costs() {
        let text = "feed = { rate = 10, pace = \"poisson\", timers = [\"one\", \"per-connection\"] }\n\
                    crowd.subscribers = 50\nlong-polling.cursor = [true, false]\n\
                    push.timer = [\"0s\", \"1s\"]";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("the mistakes are valid"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn the_plan_of_a_message_table_predicts_what_polls_read_and_names_skipped_runs() {
        let text = "transports = [\"short-polling\", \"sse\"]\nfeed.rate = 2\n\
                    server.store = [\"memory\", \"sqlite\", \"postgres\"]\n\
                    short-polling.interval = \"500ms\"\n\
                    short-polling.mode = [\"whole\", \"table\", \"cursor\"]";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("three stores are valid"), 1, &Databases::default());
        insta::assert_snapshot!(plan);
    }

    #[test]
    fn polls_that_acknowledgements_end_too_have_no_law() {
        let law = |text: &str| {
            let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
            prediction(&scenario.expect("the text is valid").runs(1)[0])
        };
        let socket_io = |mode: &str, upstream: &str| {
            law(&format!("transports = [\"socket.io\"]\nsocket-io.mode = \"{mode}\"\n{upstream}"))
        };
        let (nothing, sends) = (Prediction::default(), "upstream.rate = 0.1");
        assert_eq!(socket_io("polling", sends), nothing);
        assert_ne!(socket_io("polling", ""), nothing);
        assert_ne!(socket_io("upgrade", sends), nothing);
        assert_ne!(law(&format!("transports = [\"long-polling\"]\n{sends}")), nothing);
    }

    #[test]
    fn the_plan_counts_a_shared_connection_once() {
        let text = "transports = [\"sse\"]\nhttp.version = 2\n\
                    crowd = { subscribers = 500_000, connections = \"shared\" }";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default());
        let plan = plan(&scenario.expect("the text is valid"), 1, &Databases::default());
        assert!(plan.contains("up to 2,500 connections at once"), "{plan}");
    }
}
