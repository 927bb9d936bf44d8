//! Reads from `/proc` what the machine has done so far, to find what other processes took of it.

use std::fs;

use wirebench_measure::{
    CoreTimes, MachineReading, OtherLoad, ProcessTimes, allowed_cores, pressure,
};
use wirebench_protocol::{Timestamp, process};

/// Reads the counters of the cores, the pressure and every process that is visible. What the kernel
/// does not show is left out. This takes about 10 µs for each process, so it belongs on a thread
/// that may block.
pub fn read_machine() -> MachineReading {
    let at = Timestamp::now();
    let text = |path: &str| fs::read_to_string(path).ok();
    let allowed = text("/proc/self/status").and_then(|status| allowed_cores(&status));
    let allowed = allowed.unwrap_or_default();
    MachineReading {
        at,
        ticks_per_second: process::clock_ticks_per_second(),
        cores: text("/proc/stat").and_then(|stat| CoreTimes::parse(&stat, &allowed)),
        pressure: text("/proc/pressure/cpu").and_then(|text| pressure(&text)),
        processes: processes(),
        allowed,
    }
}

/// Reads the machine on a thread that may block, because that takes milliseconds. Returns `None` if
/// the thread failed.
pub(super) async fn machine_now() -> Option<MachineReading> {
    tokio::task::spawn_blocking(read_machine).await.ok()
}

/// Returns what the machine did between two readings besides the run. The run is this process and
/// all that it started, and `server` with its children, if this process did not start it.
pub(super) fn other_load(
    from: Option<&MachineReading>,
    to: Option<&MachineReading>,
    server: Option<u32>,
) -> OtherLoad {
    let of_the_run: Vec<u32> = [std::process::id()].into_iter().chain(server).collect();
    from.zip(to).map(|(from, to)| OtherLoad::between(from, to, &of_the_run)).unwrap_or_default()
}

/// Reads all processes. One that ends while it is read is left out.
fn processes() -> Vec<ProcessTimes> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
        })
        .filter_map(|entry| fs::read(entry.path().join("stat")).ok())
        // A process may choose any bytes for its name.
        .filter_map(|stat| ProcessTimes::parse(&String::from_utf8_lossy(&stat)))
        .collect()
}
