//! Which clock a process reads.

use std::fs;

use serde::{Deserialize, Serialize};

/// Names the clock that a process reads. Two processes for which it is equal read the same
/// `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HostClock {
    /// The id that the kernel drew when it booted.
    boot_id: String,
    /// The time namespace of the process, which may shift the clock. `None` for a kernel without
    /// them (before Linux 5.6).
    time_namespace: Option<String>,
}

impl HostClock {
    /// Reads it from `/proc`. `None` if that does not say which boot this is. Then nothing is known
    /// of other processes' clocks.
    #[must_use]
    pub fn read() -> Option<Self> {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let time_namespace = fs::read_link("/proc/self/ns/time").ok();
        let time_namespace = time_namespace.as_deref().map(|path| path.to_string_lossy());
        let boot_id = boot_id.trim();
        (!boot_id.is_empty()).then(|| Self {
            boot_id: boot_id.to_owned(),
            time_namespace: time_namespace.map(std::borrow::Cow::into_owned),
        })
    }
}
