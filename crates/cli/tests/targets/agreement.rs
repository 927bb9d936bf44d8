//! wirebench's own server, measured as a target and in the built-in way: the numbers agree.

use wirebench_protocol::Transport;
use wirebench_report::Row;

use crate::profiles::assert_complete;
use crate::workbench::{SCENARIO, Workbench};

/// A crowd whose messages cost much more than the requests that publish them to a target.
const CROWD: &str = r#"
transports = ["sse", "websocket"]
crowd = { subscribers = 200, ramp = "200ms" }
feed = { rate = 20, payload = 64 }
timing = { warm-up = "300ms", measure = "2s", drain = "60s" }
link = { delay = "20ms" }
"#;

/// How many times the larger of two numbers may be the smaller one. The built-in way takes no
/// requests, and its numbers come from the server itself, so they are never quite the same.
const AGREEMENT: f64 = 1.5;

/// How often both ways take turns until they agree. Other programs can only make a run take longer,
/// and seldom all runs of one way and none of the other.
const ROUNDS: usize = 5;

#[test]
fn wirebench_as_a_target_counts_what_the_built_in_way_counts() {
    let bench = Workbench::new();
    let target = bench.measure(SCENARIO, &[bench.target("wirebench.toml")], &[]);
    assert_complete(&target, "wirebench", &Transport::ALL);
    let built_in = bench.measure(SCENARIO, &[], &["--server-workers", "1"]);
    assert_eq!(built_in.ended.code, Some(0), "{:?}", built_in.ended);
    for row in &target.rows {
        let transport = row.text("transport").unwrap();
        let same = |it: &&Row| it.text("transport") == Some(transport);
        let other = built_in.rows.iter().find(same).unwrap();
        let number = |row: &Row, column: &str| row.number(column).unwrap();
        // Not the peak: a session of Socket.IO that upgrades closes its first connections when it can.
        for column in ["connections_opened", "reconnects", "gaps"] {
            let [one, two] = [row, other].map(|row| number(row, column));
            assert!((one - two).abs() < 0.5, "{transport}, {column}: {one} and {two}");
        }
        // The same program with the same crowd: what differs is that it takes requests.
        let [one, two] = [row, other].map(|row| number(row, "server_rss_idle_bytes"));
        assert!((0.7..1.4).contains(&(one / two)), "{transport}: {one} and {two} bytes");
        assert_eq!(other.text("target"), None);
        assert_eq!(other.number("publish_refused"), None);
    }
}

/// The least processor time and the shortest delay so far, for each transport. Longer delays are
/// those of a busy machine: it has one process more to run if the server is a target.
#[derive(Debug, Default)]
struct Least {
    cpu_s: [Option<f64>; 2],
    delay_us: [Option<f64>; 2],
}

impl Least {
    fn add(&mut self, rows: &[Row]) {
        for (at, transport) in ["sse", "websocket"].into_iter().enumerate() {
            let row = rows.iter().find(|row| row.text("transport") == Some(transport)).unwrap();
            for (least, column) in
                [(&mut self.cpu_s[at], "server_cpu_s"), (&mut self.delay_us[at], "delivery_min_us")]
            {
                let number = row.number(column).unwrap_or_else(|| panic!("no {column} in {row:?}"));
                *least = Some(least.map_or(number, |least| least.min(number)));
            }
        }
    }

    fn agrees_with(&self, other: &Self) -> bool {
        let pairs = |one: [Option<f64>; 2], two: [Option<f64>; 2]| one.into_iter().zip(two);
        pairs(self.cpu_s, other.cpu_s).chain(pairs(self.delay_us, other.delay_us)).all(|pair| {
            let (Some(one), Some(two)) = pair else { return false };
            one.max(two) <= AGREEMENT * one.min(two)
        })
    }
}

#[test]
fn wirebench_as_a_target_costs_and_takes_what_the_built_in_way_says() {
    let bench = Workbench::new();
    let (mut target, mut built_in) = (Least::default(), Least::default());
    for _ in 0..ROUNDS {
        let measured = bench.once(CROWD, &[bench.target("wirebench.toml")], &[]);
        target.add(&measured.rows);
        let measured = bench.once(CROWD, &[], &["--server-workers", "1"]);
        built_in.add(&measured.rows);
        if target.agrees_with(&built_in) {
            return;
        }
    }
    panic!("as a target {target:?}, built in {built_in:?}");
}
