//! What this process has used so far, read in the same way at both ends.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads, user and system (`CLOCK_PROCESS_CPUTIME_ID`).
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // A process cannot have used negative time.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident now, in bytes.
    pub resident_bytes: u64,
    /// The most that was ever resident, in bytes.
    pub peak_bytes: u64,
}

/// Resident memory of this process; `None` where `/proc` does not tell.
pub fn memory() -> Option<Memory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    Some(Memory {
        resident_bytes: kibibytes("VmRSS:")? * 1024,
        peak_bytes: kibibytes("VmHWM:")? * 1024,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_grows_with_work() {
        let before = cpu_time();
        let mut sum = 0_u64;
        while cpu_time().saturating_sub(before) < Duration::from_millis(2) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
    }

    #[test]
    fn memory_is_never_above_its_peak() {
        if let Some(memory) = memory() {
            assert!(memory.resident_bytes > 0 && memory.resident_bytes <= memory.peak_bytes);
        }
    }
}
