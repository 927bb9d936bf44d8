//! A run beside a busy process is marked as disturbed, and its reason names the process.

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::run;
use tempfile::TempDir;
use wirebench_report::Value;

const SCENARIO: &str = r#"
transports = ["sse"]
feed = { rate = 20 }
crowd = { subscribers = 2, ramp = "0s" }
timing = { warm-up = "0s", measure = "1s" }
link = { delay = "1ms" }
"#;

/// Threads that each use a core until this is dropped. They belong to the process of the test,
/// which is not part of the run: only processes that the run starts are.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start(threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        Self(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Only the three busiest processes are named. Three other processes of this machine may be busier
/// than this one, so the test makes up to six runs. `loadgen/tests/other_load.rs` tests
/// independently of time that a busy process is found.
#[test]
fn a_run_beside_a_busy_process_is_marked_as_disturbed_and_names_the_process() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("beside.toml"), SCENARIO).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _busy = Busy::start(4 * cores);
    let pid = format!("pid {}, ", std::process::id());
    let mut reasons = Vec::new();
    for _ in 0..6 {
        let arguments = ["run", "beside.toml", "--quiet", "--out", "out", "--force"];
        let ended = run(folder.path(), &arguments);
        let row = &wirebench_report::read(&folder.path().join("out/runs.csv")).unwrap()[0];
        assert_eq!(row.value("disturbed"), Some(&Value::Boolean(true)), "{row:?}");
        // The busy process may also make the run so late that it is invalid.
        assert_eq!(ended.code, Some(if row.is_valid() { 0 } else { 4 }), "{ended:?}");
        let reason = row.text("disturbed_reason").unwrap();
        // A note that is wider than the table is wrapped between words.
        let stdout = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(stdout.contains(&format!("disturbed: {reason}")), "{ended:?}");
        let warning = format!("1 of 1 runs disturbed, 001-sse most: {reason}");
        assert!(ended.stderr.contains(&warning), "{ended:?}");
        reasons.push(reason.to_owned());
        if reason.contains(&pid) {
            return;
        }
    }
    panic!("{pid} is not named in {reasons:?}");
}
