//! This machine and its limits. They are recorded beside every result, and checked before every
//! run.

use std::fmt::Write;
use std::num::NonZero;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_getres};
use serde::Serialize;

use crate::print::thousands;

/// The memory allocator of this program: that of the C library.
pub(crate) const ALLOCATOR: &str = if cfg!(target_env = "musl") {
    "musl"
} else if cfg!(target_env = "gnu") {
    "glibc"
} else {
    "system"
};

/// The number of open files beside the connections of subscribers: standard streams, result files,
/// event loops, the control API.
const SPARE_FILES: u64 = 100;

/// The facts about a machine that affect what is measured on it.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// The name of the processor.
    pub(crate) cpu: Option<String>,
    /// The number of cores that this process may use.
    pub(crate) cores: usize,
    /// The operating system and its release.
    pub(crate) kernel: String,
    /// The total memory.
    pub(crate) memory_bytes: Option<u64>,
    /// The number of files that one process may have open. `None` means unlimited.
    pub(crate) open_files: Option<u64>,
    /// The local ports from which connections are opened, first and last.
    pub(crate) port_range: Option<(u16, u16)>,
    /// The number of connections that may wait to be accepted.
    pub(crate) accept_queue: Option<u64>,
    /// The resolution of the clock, `CLOCK_MONOTONIC`.
    pub(crate) clock_resolution_ns: u64,
}

impl Machine {
    /// Reads the facts from the system. A fact that the system does not provide is `None`.
    pub(crate) fn inspect() -> Self {
        let name = rustix::system::uname();
        let resolution = clock_getres(ClockId::Monotonic);
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, NonZero::get),
            kernel: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            memory_bytes: field("/proc/meminfo", "MemTotal").and_then(|text| {
                text.strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
            }),
            open_files: getrlimit(Resource::Nofile).current,
            port_range: number_pair("/proc/sys/net/ipv4/ip_local_port_range"),
            accept_queue: text("/proc/sys/net/core/somaxconn").and_then(|text| text.parse().ok()),
            clock_resolution_ns: u64::try_from(resolution.tv_nsec).unwrap_or(0),
        }
    }

    /// Returns the maximum number of connections that one process can have to one address, and what
    /// limits it.
    pub(crate) fn most_connections(&self) -> (u64, &'static str) {
        let files = self.open_files.map(|files| files.saturating_sub(SPARE_FILES));
        let ports = self.port_range.map(ports);
        match (files, ports) {
            (Some(files), Some(ports)) if ports < files => (ports, "local ports"),
            (Some(files), _) => (files, "open files"),
            (None, Some(ports)) => (ports, "local ports"),
            (None, None) => (u64::MAX, "nothing known"),
        }
    }
}

/// The maximum number of local ports for connections: those from 1,024 on.
const MAX_PORTS: u64 = 64_512;

impl Machine {
    /// Returns why this machine cannot have `wanted` connections at once, and what to do. `None` if
    /// it can.
    pub(crate) fn shortage(&self, wanted: u64) -> Option<String> {
        let (allowed, limit) = self.most_connections();
        if wanted <= allowed {
            return None;
        }
        let [wanted_text, allowed] = [wanted, allowed].map(thousands);
        let mut text = format!(
            "it needs {wanted_text} connections at once, and this machine allows {allowed}, \
             limited by {limit}\n  lower `crowd.subscribers`: with its present settings, this \
             machine runs at most {allowed} connections"
        );
        // More open files than local ports would not allow more connections.
        let files = wanted.min(MAX_PORTS) + SPARE_FILES;
        if self.open_files.is_some_and(|open| open < files) {
            let _ = write!(
                text,
                "\n  or allow more open files: `ulimit -n {files}` as root, or `nofile` in \
                 /etc/security/limits.conf, then log in again"
            );
        }
        if self.port_range.is_some_and(|range| ports(range) < wanted) {
            let _ = if wanted <= MAX_PORTS {
                write!(
                    text,
                    "\n  or allow more local ports: `sysctl -w \
                     net.ipv4.ip_local_port_range=\"1024 65535\"`"
                )
            } else {
                let most = thousands(MAX_PORTS);
                write!(
                    text,
                    "\n  no setting helps beyond {most} connections: there are no more local ports"
                )
            };
        }
        text += "\n  or use several processes: `run --local-agents` and `server.instances` \
                 (docs/scale.md)";
        Some(text)
    }
}

/// Returns the number of ports from the first to the last.
fn ports((first, last): (u16, u16)) -> u64 {
    u64::from(last.saturating_sub(first)) + 1
}

/// Raises the limit of open files to the hard limit, as any user may.
pub(crate) fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If this fails the limit stays. It is checked before each run.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Returns half of the cores. It is the default number of threads of the server and of the load
/// generator, so that neither takes processor time from the other.
pub(crate) fn half_of_the_cores() -> usize {
    (Machine::inspect().cores / 2).max(1)
}

/// Returns the number of files that this process may have open.
pub(crate) fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Returns the value of the first `key : value` line of a file in `/proc`.
fn field(path: &str, key: &str) -> Option<String> {
    let text = text(path)?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

fn number_pair(path: &str) -> Option<(u16, u16)> {
    let text = text(path)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_or_local_ports_limit_the_connections() {
        let machine =
            |open_files, port_range| Machine { open_files, port_range, ..Machine::inspect() };
        assert_eq!(
            machine(Some(1_100), Some((1, 5_000))).most_connections(),
            (1_000, "open files")
        );
        assert_eq!(machine(Some(1 << 20), Some((1, 500))).most_connections(), (500, "local ports"));
        assert_eq!(machine(None, None).most_connections().0, u64::MAX);
    }

    #[test]
    fn a_crowd_that_does_not_fit_is_reported_with_what_would_help() {
        let ports = Some((32_768, 60_999));
        let machine = |open_files| Machine { open_files, port_range: ports, ..Machine::inspect() };
        assert_eq!(machine(Some(20_000)).shortage(19_900), None);
        let files = machine(Some(20_000)).shortage(20_000).expect("100 too many");
        assert!(files.contains("allows 19,900, limited by open files"), "{files}");
        assert!(files.contains("ulimit -n 20100") && !files.contains("sysctl"), "{files}");
        let both = machine(Some(20_000)).shortage(60_000).expect("too many");
        assert!(both.contains("ulimit -n 60100") && both.contains("sysctl"), "{both}");
        let never = machine(Some(2_000_000)).shortage(1_000_000).expect("too many");
        assert!(never.contains("no setting helps beyond 64,512"), "{never}");
        assert!(never.contains("--local-agents"), "{never}");
        assert!(!never.contains("sysctl") && !never.contains("ulimit"), "{never}");
    }
}
