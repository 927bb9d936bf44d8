//! How many short polls per second one worker of the load generator makes, next to `wrk` with as
//! many connections, against the same server with one thread. The rounds are interleaved, so that
//! a slow change of the machine affects both.
//!
//! `cargo bench -p wirebench-loadgen`

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::cell::Cell;
use std::future::pending;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use tokio::task::LocalSet;
use wirebench_loadgen::{DEFAULT_FEED, Dialer, HttpClient, SubscriberSettings, Target, subscribe};
use wirebench_measure::Event;
use wirebench_protocol::{After, Transport};
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};
use wirebench_server::{Feed, Server};

const ROUNDS: usize = 3;

/// The connections of each side.
const CONNECTIONS: u32 = 100;

/// The length of a measurement, in seconds.
const SECONDS: u32 = 3;

/// Without an emulated link.
const LINK: LinkSettings = LinkSettings { delay: Duration::ZERO, jitter: Duration::ZERO };

fn main() {
    let address = serve();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let polls = polls_per_second(address);
        ours.push(polls);
        match wrk_per_second(address) {
            Some(requests) => {
                theirs.push(requests);
                println!("round {round}: load generator {polls:.0}/s, wrk {requests:.0}/s");
            }
            None => println!("round {round}: load generator {polls:.0}/s, wrk did not run"),
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            println!("medians: {ours:.0}/s and {theirs:.0}/s, ratio {:.2}", ours / theirs);
        }
        (ours, _) => println!("median: {:.0}/s", ours.unwrap_or_default()),
    }
}

/// Serves an empty feed from a thread of its own until the process ends.
fn serve() -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime takes a few files and some memory").block_on(async {
            let any_port = "127.0.0.1:0".parse().expect("an address");
            let listener = wirebench_server::listen(any_port).expect("loopback has free ports");
            let address = listener.local_addr().expect("a bound socket has an address");
            sender.send(address).expect("the bench waits for the address");
            let server = Server::new([(DEFAULT_FEED.to_owned(), Feed::new(100))]);
            server.serve(listener, pending()).await;
        });
    });
    address.recv().expect("the server has started")
}

/// Polls as one worker does: an event loop with a task for each subscriber. Each polls again as
/// soon as it is answered.
fn polls_per_second(address: SocketAddr) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime takes a few files and some memory");
    let client = Rc::new(HttpClient::new(Dialer::new(LINK, 1), HttpSettings::default()));
    let (authority, feed) = (address.to_string(), DEFAULT_FEED.to_owned());
    let target =
        Rc::new(Target { authority, address, feed, tls: None, foreign: None, others: Vec::new() });
    let answers = Rc::new(Cell::new(0_u32));
    let settings = SubscriberSettings {
        interval: Duration::ZERO,
        headers: Headers::Bare,
        ..SubscriberSettings::default()
    };
    let crowd = LocalSet::new();
    for _ in 0..CONNECTIONS {
        let (client, target) = (Rc::clone(&client), Rc::clone(&target));
        let answers = Rc::clone(&answers);
        crowd.spawn_local(async move {
            let polls = Transport::ShortPolling;
            let mut events = subscribe(polls, &client, &target, After::Newest, &settings);
            while let Some(event) = events.next().await {
                if let Event::Empty { .. } = event.expect("the server answers") {
                    answers.set(answers.get() + 1);
                }
            }
        });
    }
    let length = Duration::from_secs(u64::from(SECONDS));
    runtime.block_on(crowd.run_until(tokio::time::sleep(length)));
    f64::from(answers.get()) / f64::from(SECONDS)
}

/// Returns what `wrk` makes of the same polls. `None` if it is not installed.
fn wrk_per_second(address: SocketAddr) -> Option<f64> {
    let url = format!("http://{address}{}", Transport::ShortPolling.path(DEFAULT_FEED));
    let connections = format!("-c{CONNECTIONS}");
    let length = format!("-d{SECONDS}s");
    let output = Command::new("wrk").args(["-t1", &connections, &length, &url]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
