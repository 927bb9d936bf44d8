//! Parses what the kernel reports of the machine in `/proc`.
//!
//! Nothing here reads a file: the texts are passed in.

use std::collections::HashSet;
use std::time::Duration;

use wirebench_protocol::Timestamp;

/// What the kernel reported of the machine at one instant. A value that it did not report is `None`
/// or absent.
#[derive(Clone, Debug)]
pub struct MachineReading {
    /// The time of the reading.
    pub at: Timestamp,
    /// The ticks per second in which the kernel counts processor time; normally 100.
    pub ticks_per_second: u64,
    /// The cores that this process may use.
    pub allowed: HashSet<usize>,
    /// The counters of these cores.
    pub cores: Option<CoreTimes>,
    /// The time in which at least one task waited for a core, since the machine started.
    pub pressure: Option<Duration>,
    /// The processes that can be seen.
    pub processes: Vec<ProcessTimes>,
}

/// The counters of `/proc/stat`, in ticks, summed over the cores that this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreTimes {
    /// The number of cores.
    pub cores: usize,
    /// True if these are all cores of the machine.
    pub is_all: bool,
    /// The time of processes: user (which includes guests), nice and system.
    ///
    /// Interrupts and soft interrupts are not included, because on loopback most of them carry the
    /// run's own messages.
    pub busy: u64,
    /// The time in which a hypervisor ran something else although a task was ready.
    pub steal: u64,
}

/// What `/proc/<pid>/stat` reports of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTimes {
    /// The process number.
    pub pid: u32,
    /// The process number of its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its name as the kernel stores it, at most 15 bytes. Control characters are replaced.
    pub name: String,
    /// The user and system time of all its threads, in ticks.
    pub used: u64,
    /// The same for its children that ended and that it waited for.
    pub reaped: u64,
    /// When it started, in ticks since the machine started. This tells processes apart that had the
    /// same number.
    pub started: u64,
    /// The core that it ran on last.
    pub core: usize,
}

impl CoreTimes {
    /// Parses `/proc/stat` for the cores in `allowed`. `None` if it has none of them.
    pub fn parse(stat: &str, allowed: &HashSet<usize>) -> Option<Self> {
        let mut times = Self { cores: 0, is_all: true, busy: 0, steal: 0 };
        for line in stat.lines().filter_map(|line| line.strip_prefix("cpu")) {
            let mut fields = line.split_ascii_whitespace();
            // The first line has no number and is the sum of all cores.
            let Some(core) = fields.next().filter(|_| !line.starts_with(' ')) else { continue };
            if !allowed.contains(&core.parse().ok()?) {
                times.is_all = false;
                continue;
            }
            // user nice system idle iowait irq softirq steal; kernels before 2.6.11 end earlier.
            let counters: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
            let [user, nice, system, ..] = counters.as_slice() else { return None };
            times.cores += 1;
            times.busy += user + nice + system;
            times.steal += counters.get(7).copied().unwrap_or(0);
        }
        (times.cores > 0).then_some(times)
    }
}

impl ProcessTimes {
    /// Parses `/proc/<pid>/stat`; `None` if the text has another form.
    pub fn parse(stat: &str) -> Option<Self> {
        // The name is in brackets and may contain brackets and spaces.
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the state is field 3.
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number| Some(u64::try_from(field(number)?.parse::<i64>().ok()?).unwrap_or(0));
        let shown = |sign: char| if sign.is_control() { '?' } else { sign };
        Some(Self {
            pid: pid.parse().ok()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            name: name.chars().map(shown).collect(),
            used: ticks(14)? + ticks(15)?,
            reaped: ticks(16)? + ticks(17)?,
            started: field(22)?.parse().ok()?,
            core: field(39)?.parse().ok()?,
        })
    }

    /// Returns its own time and that of its children that ended, in ticks.
    pub(crate) fn total(&self) -> u64 {
        self.used + self.reaped
    }
}

impl MachineReading {
    /// Returns true if no process is hidden, by a container with its own process numbers or by the
    /// mount option `hidepid`. Only then is the kernel's thread number 2 visible.
    pub(crate) fn sees_everything(&self) -> bool {
        self.processes.iter().any(|process| process.pid == 2 && process.name == "kthreadd")
    }
}

/// Parses the list of cores in `/proc/self/status` (`Cpus_allowed_list: 0-3,8`).
pub fn allowed_cores(status: &str) -> Option<HashSet<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = HashSet::new();
    for range in list.trim().split(',') {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        cores.extend(low.parse::<usize>().ok()?..=high.parse().ok()?);
    }
    Some(cores)
}

/// Parses `/proc/pressure/cpu`: the time in which some task waited for a core.
pub fn pressure(text: &str) -> Option<Duration> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  2000 100 900 7000 50 10 300 40 60 0\n\
                        cpu0 1200 100 400 3000 50 10 200 30 60 0\n\
                        cpu1 800 0 500 4000 0 0 100 10 0 0\n\
                        intr 298167 0 0\nctxt 1\nbtime 2\n";

    fn cores(list: &str) -> HashSet<usize> {
        allowed_cores(&format!("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t{list}\n")).unwrap()
    }

    #[test]
    fn the_time_of_processes_is_user_nice_and_system_without_interrupts_and_guests() {
        let all = CoreTimes { cores: 2, is_all: true, busy: 3_000, steal: 40 };
        assert_eq!(CoreTimes::parse(STAT, &cores("0-1")), Some(all));
    }

    #[test]
    fn only_the_cores_that_may_be_used_are_counted() {
        let second = CoreTimes { cores: 1, is_all: false, busy: 1_300, steal: 10 };
        assert_eq!(CoreTimes::parse(STAT, &cores("1,4-7")), Some(second));
        assert_eq!(CoreTimes::parse(STAT, &cores("4-7")), None);
        assert_eq!(CoreTimes::parse("", &cores("0")), None);
        assert_eq!(CoreTimes::parse("cpu0 what is this\n", &cores("0")), None);
    }

    #[test]
    fn a_list_of_cores_has_ranges_and_single_cores() {
        assert_eq!(cores("0-2,5"), HashSet::from([0, 1, 2, 5]));
        for text in ["", "Cpus_allowed_list:\t\n", "Cpus_allowed_list:\t1-x\n"] {
            assert_eq!(allowed_cores(text), None, "{text:?}");
        }
    }

    #[test]
    fn pressure_is_the_total_of_some() {
        let text = "some avg10=58.57 avg60=65.15 avg300=35.18 total=145188499\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(pressure(text), Some(Duration::from_micros(145_188_499)));
        for text in ["", "full avg10=0.00 total=7\n", "some avg10=1\n", "some total=x\n"] {
            assert_eq!(pressure(text), None, "{text:?}");
        }
    }

    /// Returns a line of `/proc/<pid>/stat`, on core 0.
    fn stat(pid: u32, name: &str, parent: u32, [used, reaped]: [u64; 2]) -> String {
        let system = used / 4;
        let (in_user_mode, started) = (used - system, 31);
        format!(
            "{pid} ({name}) S {parent} 9 0 0 -1 4194560 46105 927365 0 652 {in_user_mode} {system} \
             {reaped} 0 \
             20 0 13 0 {started} 51843072 4801 18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 \
             0 17 0 0 \
             0 0 0 0 0 0 0 0 0 0 0 0\n"
        )
    }

    #[test]
    fn a_process_may_have_any_name() {
        for (name, shown) in [
            ("stress-ng", "stress-ng"),
            ("a (b) c) S 1", "a (b) c) S 1"),
            ("", ""),
            ("\u{1b}[31m", "?[31m"),
        ] {
            let parsed = ProcessTimes::parse(&stat(123, name, 7, [40, 5])).unwrap();
            let expected = ProcessTimes {
                pid: 123,
                parent: 7,
                group: 9,
                name: shown.to_owned(),
                used: 40,
                reaped: 5,
                started: 31,
                core: 0,
            };
            assert_eq!(parsed, expected);
        }
        for text in ["", "1", "1 (x", "1 (x) S 1 2 3", "x (x) S 1"] {
            assert_eq!(ProcessTimes::parse(text), None, "{text:?}");
        }
    }
}
