//! What this process has used so far. Both ends read it in the same way.

use std::time::Duration;

use rustix::param::clock_ticks_per_second as ticks;
use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time of all threads, user and system (`CLOCK_PROCESS_CPUTIME_ID`).
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // A process cannot have used negative time.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// The resident memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The resident memory now, in bytes.
    pub resident_bytes: u64,
    /// The highest resident memory since the start of the process, or since [`reset_memory_peak`],
    /// in bytes.
    pub peak_bytes: u64,
}

/// Returns the resident memory of this process; `None` if `/proc` does not report it.
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

/// Sets the peak of resident memory to what is resident now. Returns true if the kernel allowed it
/// (`/proc/self/clear_refs`, Linux 4.0 and later).
///
/// Memory that was freed but that the allocator keeps is still resident, so it is part of the new
/// peak.
pub fn reset_memory_peak() -> bool {
    // 5 resets only the peak and touches no page.
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Returns the number of ticks per second in which `/proc` counts the processor time of other
/// processes.
pub fn clock_ticks_per_second() -> u64 {
    ticks()
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

    #[test]
    fn the_peak_of_memory_can_be_made_to_start_again() {
        const LARGE: usize = 64 << 20;
        // More than the allocator keeps for later: it is unmapped when it is dropped.
        let large = vec![1_u8; LARGE];
        std::hint::black_box(&large);
        let Some(with) = memory() else { return };
        drop(large);
        if !reset_memory_peak() {
            return;
        }
        let after = memory().expect("it was there a moment ago");
        assert!(with.peak_bytes >= LARGE as u64, "{with:?}");
        assert!(after.peak_bytes + LARGE as u64 / 2 <= with.peak_bytes, "{with:?}, then {after:?}");
        assert!(after.resident_bytes <= after.peak_bytes, "{after:?}");
    }
}
