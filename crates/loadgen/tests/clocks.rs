//! Two clocks of one machine: a process in a time namespace of its own reads another clock. It
//! measures the offset, and counts in the clock of the process that started it.
//!
//! Where `unshare` may not make time namespaces, the test is skipped and says so.
//! `WIREBENCH_REQUIRE_TIME_NAMESPACES` makes that a failure.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the two processes talk so")]
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;
use wirebench_loadgen::{AppliedShift, ClockServer, HostClock, measure_offset};
use wirebench_protocol::Timestamp;

const DEADLINE: Duration = Duration::from_mins(1);

/// The address of the clock server, for the process in the namespace.
const ADDRESS: &str = "WIREBENCH_TEST_CLOCK_SERVER";

/// By how much the clock of the namespace is ahead.
const AHEAD: Duration = Duration::from_secs(100_000);

/// How the line begins in which the other process says what it found.
const FOUND: &str = "found: ";

/// What the process in the namespace found.
#[derive(serde::Deserialize, serde::Serialize)]
struct Found {
    clock: Option<HostClock>,
    offset_ns: i64,
    bound: Duration,
    /// Its own clock, and the same as its controller's, both read after the measurement.
    host_now: Timestamp,
    now: Timestamp,
}

#[tokio::test]
async fn a_process_in_another_time_namespace_counts_in_the_clock_of_its_controller() {
    if let Ok(address) = std::env::var(ADDRESS) {
        return measure(&address).await;
    }
    if !can_shift_clocks().await {
        return;
    }
    let server = ClockServer::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let before = Timestamp::now();
    let found = in_namespace(server.address().to_string()).await;
    let after = Timestamp::now();

    let ahead_ns = i64::try_from(AHEAD.as_nanos()).unwrap();
    let error = Duration::from_nanos(found.offset_ns.abs_diff(-ahead_ns));
    assert!(error <= found.bound, "wrong by {error:?} with a bound of {:?}", found.bound);
    assert!(found.bound < Duration::from_secs(1), "{:?}", found.bound);
    assert!(found.host_now > after + AHEAD / 2, "the namespace shifts no clock");
    assert!(before <= found.now + found.bound && found.now <= after + found.bound);
    assert!(found.clock.is_some());
    assert_ne!(found.clock, HostClock::read(), "it reads another clock, and has to say so");
}

/// Measures, applies what was measured, and prints it.
async fn measure(address: &str) {
    let offset = measure_offset(address).await.unwrap();
    let found = Found {
        clock: HostClock::read(),
        offset_ns: offset.offset_ns,
        bound: AppliedShift::apply(offset).bound(),
        host_now: Timestamp::host_now(),
        now: Timestamp::now(),
    };
    // The test harness may be in the middle of a line.
    println!("\n{FOUND}{}", serde_json::to_string(&found).unwrap());
}

/// Runs this test in a time namespace of its own and returns what it found there.
async fn in_namespace(address: String) -> Found {
    let name = "a_process_in_another_time_namespace_counts_in_the_clock_of_its_controller";
    let mut command = unshare();
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    command.env(ADDRESS, address).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(DEADLINE, command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix(FOUND)).expect(&text);
    serde_json::from_str(line).unwrap()
}

/// Returns the command that runs the program of its next argument with a clock that is ahead.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--time", "--monotonic", &AHEAD.as_secs().to_string()]);
    command
}

async fn can_shift_clocks() -> bool {
    let status = unshare().arg("true").stderr(Stdio::null()).status().await;
    let can = status.is_ok_and(|status| status.success());
    let required = std::env::var_os("WIREBENCH_REQUIRE_TIME_NAMESPACES").is_some();
    assert!(can || !required, "`unshare --time` does not work here");
    if !can {
        eprintln!("skipped: `unshare --time` does not work here");
    }
    can
}
