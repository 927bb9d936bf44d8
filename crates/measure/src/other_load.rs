//! The load of the machine besides a run, from two readings of the machine.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::machine::{MachineReading, ProcessTimes};

/// A run is disturbed if others take more than this share of the processor time of the usable
/// cores.
///
/// On two cores it is a tenth of one core. The services of an idle machine stay far below it, and
/// one busy loop is far above it. `docs/method.md` has the figures.
pub const DISTURBED_CPU_RATIO: f64 = 0.05;

/// The maximum number of processes that a reason names.
const NAMED: usize = 3;

/// A process with less than this share of what others used is not named.
const NAMED_SHARE: f64 = 0.05;

/// A cause (other processes or the hypervisor) with less than this share of the whole is not
/// mentioned.
const MENTIONED_SHARE: f64 = 0.1;

/// The load of the machine besides a run. A value that could not be measured is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct OtherLoad {
    /// The number of cores that this process may use.
    pub cores: usize,
    /// The share of their processor time that processes other than the two ends used, 0 to 1.
    pub other_ratio: Option<f64>,
    /// The share of their processor time that a hypervisor took away, 0 to 1.
    pub steal_ratio: Option<f64>,
    /// The share of the time in which some task of the machine, of the run or not, waited for a
    /// core.
    pub pressure_ratio: Option<f64>,
    /// The other processes whose time is known, the busiest first. If the run may not use all cores
    /// of the machine, only processes that last ran on a core that it may use.
    pub processes: Vec<OtherProcess>,
}

/// A process that does not belong to the run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OtherProcess {
    /// The process number.
    pub pid: u32,
    /// The name of the process.
    pub name: String,
    /// Its processor time, divided by the time that passed: 1 is one core.
    pub cores: f64,
}

impl OtherLoad {
    /// Returns the load between two readings. The processes `of_the_run` and their descendants belong
    /// to the run: the load generator with the server and the proxy, which it starts, and a server
    /// that ran before. All other processes are others.
    pub fn between(from: &MachineReading, to: &MachineReading, of_the_run: &[u32]) -> Self {
        let passed = to.at.saturating_since(from.at);
        let whole = passed.as_secs_f64();
        let Some((before, after)) = from.cores.zip(to.cores).filter(|_| whole > 0.0) else {
            return Self::default();
        };
        let own: HashSet<u32> =
            [from, to].iter().flat_map(|reading| family(&reading.processes, of_the_run)).collect();
        let seconds = |ticks: u64| exact(ticks) / exact(to.ticks_per_second.max(1));
        let share = |ticks| Some((seconds(ticks) / (whole * exact(after.cores as u64))).min(1.0));
        let used = others(from, to, &own);
        let mut processes: Vec<OtherProcess> = used
            .processes
            .iter()
            .filter(|(process, ticks)| *ticks > 0 && to.allowed.contains(&process.core))
            .map(|(process, ticks)| OtherProcess {
                pid: process.pid,
                name: process.name.clone(),
                cores: seconds(*ticks) / whole,
            })
            .collect();
        processes.sort_by(|a, b| b.cores.total_cmp(&a.cores).then(a.pid.cmp(&b.pid)));
        let busy = after.busy.saturating_sub(before.busy);
        let counted = used.all();
        let other = if after.is_all && to.sees_everything() {
            counted
        } else {
            // Some processes are hidden: the rest of the cores' time is theirs.
            let seen = if after.is_all { counted } else { 0 };
            busy.saturating_sub(own_ticks(from, to, &own)).max(seen)
        };
        Self {
            cores: after.cores,
            other_ratio: share(other),
            steal_ratio: share(after.steal.saturating_sub(before.steal)),
            pressure_ratio: from
                .pressure
                .zip(to.pressure)
                .map(|(from, to)| (to.saturating_sub(from).as_secs_f64() / whole).min(1.0)),
            processes,
        }
    }

    /// Returns true if others took so much processor time that it may explain the run's delays.
    /// `None` if the kernel does not report how much they took.
    pub fn is_disturbed(&self) -> Option<bool> {
        let taken = [self.other_ratio, self.steal_ratio];
        let known = taken.iter().any(Option::is_some);
        known.then(|| taken.into_iter().flatten().sum::<f64>() > DISTURBED_CPU_RATIO)
    }

    /// Returns why the run is disturbed, with the names of the busiest processes. `None` if it is
    /// not disturbed, or if that is not known.
    pub fn reason(&self) -> Option<String> {
        if self.is_disturbed() != Some(true) {
            return None;
        }
        let ratios = [self.other_ratio, self.steal_ratio].map(Option::unwrap_or_default);
        let worth_a_word = |ratio: f64| ratio >= MENTIONED_SHARE * (ratios[0] + ratios[1]);
        let mut reasons = Vec::new();
        if worth_a_word(ratios[0]) {
            reasons.push(self.others_in_words(ratios[0] * exact(self.cores as u64)));
        }
        if worth_a_word(ratios[1]) {
            let taken = ratios[1] * exact(self.cores as u64);
            reasons.push(format!("the hypervisor took {} (steal time)", self.of_the_cores(taken)));
        }
        Some(reasons.join("; "))
    }

    fn others_in_words(&self, taken: f64) -> String {
        let named: Vec<&OtherProcess> = self
            .processes
            .iter()
            .filter(|process| process.cores >= NAMED_SHARE * taken)
            .take(NAMED)
            .collect();
        let of_the_cores = self.of_the_cores(taken);
        match named.as_slice() {
            [] => format!("other processes used {of_the_cores}: which ones is unknown"),
            [one] if one.cores >= (1.0 - MENTIONED_SHARE) * taken => {
                format!("another process used {of_the_cores}: pid {}, {}", one.pid, one.name)
            }
            named => {
                let mut text = format!("other processes used {of_the_cores}, among them");
                for (at, OtherProcess { pid, name, cores }) in named.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    let _ = write!(text, "{comma} pid {pid}, {name} ({})", amount(*cores));
                }
                text
            }
        }
    }

    fn of_the_cores(&self, taken: f64) -> String {
        let cores = if self.cores == 1 { "core" } else { "cores" };
        format!("{} of {} {cores}", amount(taken), self.cores)
    }
}

/// The processor time that others used between two readings, in ticks.
struct Others<'a> {
    processes: Vec<(&'a ProcessTimes, u64)>,
    /// The time of processes that have ended, as far as their parents waited for them.
    ended: u64,
}

impl Others<'_> {
    fn all(&self) -> u64 {
        self.processes.iter().map(|(_, ticks)| ticks).sum::<u64>() + self.ended
    }
}

fn others<'a>(from: &MachineReading, to: &'a MachineReading, own: &HashSet<u32>) -> Others<'a> {
    let is_other = |process: &&ProcessTimes| {
        // The kernel's thread for soft interrupts mostly carries the run's own messages.
        !own.contains(&process.pid) && !process.name.starts_with("ksoftirqd/")
    };
    let identity = |process: &ProcessTimes| (process.pid, process.started);
    let mut before: HashMap<(u32, u64), &ProcessTimes> = from
        .processes
        .iter()
        .filter(is_other)
        .map(|process| (identity(process), process))
        .collect();
    let mut others = Others { processes: Vec::new(), ended: 0 };
    let mut reaped = 0;
    for process in to.processes.iter().filter(is_other) {
        let earlier = before.remove(&identity(process));
        let (used, waited) = earlier.map_or((0, 0), |earlier| (earlier.used, earlier.reaped));
        others.processes.push((process, process.used.saturating_sub(used)));
        reaped += process.reaped.saturating_sub(waited);
    }
    // Processes that ended had used some time before, which is now counted in their parents.
    let had: u64 = before.values().map(|process| process.total()).sum();
    others.ended = reaped.saturating_sub(had);
    others
}

/// Returns the processor time of the run's own processes, in ticks. Those that ended are included,
/// because the kernel adds the time of a child to its parent.
fn own_ticks(from: &MachineReading, to: &MachineReading, own: &HashSet<u32>) -> u64 {
    let total = |reading: &MachineReading| -> u64 {
        let processes = reading.processes.iter().filter(|process| own.contains(&process.pid));
        processes.map(ProcessTimes::total).sum()
    };
    total(to).saturating_sub(total(from))
}

/// Returns processes and all their descendants.
fn family(processes: &[ProcessTimes], first: &[u32]) -> HashSet<u32> {
    let mut family: HashSet<u32> = first.iter().copied().collect();
    loop {
        let known = family.len();
        let children = processes.iter().filter(|process| family.contains(&process.parent));
        let children: Vec<u32> = children.map(|process| process.pid).collect();
        family.extend(children);
        if family.len() == known {
            return family;
        }
    }
}

/// Writes a number of cores to one place, and to two places below 1.
fn amount(cores: f64) -> String {
    if cores < 0.995 { format!("{cores:.2}") } else { format!("{cores:.1}") }
}

#[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53 for a million years")]
fn exact(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::machine::CoreTimes;

    /// The load generator is 50, its server 51. Everything is in ticks of 10 ms.
    const OWN: &[(u32, &str, u32, [u64; 2])] =
        &[(50, "wirebench", 40, [0, 0]), (51, "wirebench", 50, [0, 0])];
    const KERNEL: (u32, &str, u32, [u64; 2]) = (2, "kthreadd", 0, [0, 0]);

    /// Returns a reading of two cores after some seconds, with busy ticks, stolen ticks and
    /// processes.
    fn reading(
        seconds: u64,
        [busy, steal]: [u64; 2],
        processes: &[(u32, &str, u32, [u64; 2])],
    ) -> MachineReading {
        MachineReading {
            at: Timestamp::from_nanos(0) + Duration::from_secs(seconds),
            ticks_per_second: 100,
            allowed: HashSet::from([0, 1]),
            cores: Some(CoreTimes { cores: 2, is_all: true, busy, steal }),
            pressure: Some(Duration::from_millis(500) * u32::try_from(seconds).unwrap()),
            processes: processes
                .iter()
                .map(|&(pid, name, parent, [used, reaped])| ProcessTimes {
                    pid,
                    parent,
                    group: pid,
                    name: name.to_owned(),
                    used,
                    reaped,
                    started: 31,
                    core: 0,
                })
                .collect(),
        }
    }

    fn load(from: &MachineReading, to: &MachineReading) -> OtherLoad {
        OtherLoad::between(from, to, &[50])
    }

    #[test]
    fn a_busy_process_is_named_and_the_two_ends_are_not_counted() {
        let others = |ticks| (123, "stress-ng", 1, [ticks, 0]);
        let from = reading(0, [0, 0], &[&[KERNEL, others(7)], OWN].concat());
        let own = [(50, "wirebench", 40, [300, 0]), (51, "wirebench", 50, [400, 0])];
        let to = reading(10, [1_600, 0], &[&[KERNEL, others(907)], &own[..]].concat());
        let load = load(&from, &to);
        assert_eq!(load.other_ratio, Some(0.45));
        assert_eq!((load.steal_ratio, load.pressure_ratio), (Some(0.0), Some(0.5)));
        assert_eq!(load.is_disturbed(), Some(true));
        let reason = load.reason().unwrap();
        assert_eq!(reason, "another process used 0.90 of 2 cores: pid 123, stress-ng");
    }

    #[test]
    fn an_idle_machine_with_its_services_is_not_disturbed() {
        let services = |ticks| [KERNEL, (7, "cron", 1, [ticks, 0]), (9, "journald", 1, [ticks, 0])];
        let from = reading(0, [0, 0], &[&services(0), OWN].concat());
        let to = reading(10, [0, 4], &[&services(40), OWN].concat());
        let load = load(&from, &to);
        assert_eq!((load.other_ratio, load.steal_ratio), (Some(0.04), Some(0.002)));
        assert_eq!((load.is_disturbed(), load.reason()), (Some(false), None));
    }

    #[test]
    fn the_busiest_three_are_named_with_their_shares() {
        let crowd = |ticks: [u64; 5]| -> Vec<(u32, &str, u32, [u64; 2])> {
            let processes = (60..).zip(ticks).map(|(pid, ticks)| (pid, "rustc", 1, [ticks, 0]));
            [KERNEL].into_iter().chain(processes).chain(OWN.iter().copied()).collect()
        };
        let from = reading(0, [0, 0], &crowd([0; 5]));
        let to = reading(10, [1_400, 0], &crowd([200, 600, 300, 290, 10]));
        assert_eq!(
            load(&from, &to).reason().unwrap(),
            "other processes used 1.4 of 2 cores, among them pid 61, rustc (0.60), pid 62, rustc \
             (0.30), pid 63, rustc (0.29)"
        );
    }

    #[test]
    fn processes_that_ended_count_through_their_parents_and_have_no_name() {
        let make = |ticks| (80, "make", 1, ticks);
        // The first compiler had used 500 before; it and another end, with 900 and 300 in all.
        let from =
            reading(0, [0, 0], &[&[KERNEL, make([0, 50]), (81, "cc", 80, [500, 0])], OWN].concat());
        let to = reading(10, [700, 0], &[&[KERNEL, make([0, 1_250])], OWN].concat());
        let load = load(&from, &to);
        assert_eq!(load.other_ratio, Some(0.35));
        assert_eq!(
            load.reason().unwrap(),
            "other processes used 0.70 of 2 cores: which ones is unknown"
        );
    }

    #[test]
    fn a_reused_process_number_is_another_process() {
        let mut from = reading(0, [0, 0], &[&[KERNEL, (90, "old", 1, [9_000, 0])], OWN].concat());
        from.processes[1].started = 5;
        let to = reading(10, [400, 0], &[&[KERNEL, (90, "new", 1, [400, 0])], OWN].concat());
        assert_eq!(load(&from, &to).processes[0].name, "new");
        assert_eq!(load(&from, &to).other_ratio, Some(0.2));
    }

    #[test]
    fn a_server_that_was_killed_and_its_successor_belong_to_the_run() {
        let from = reading(0, [0, 0], &[&[KERNEL], OWN].concat());
        let own = [(50, "wirebench", 40, [100, 600]), (55, "wirebench", 50, [200, 0])];
        let to = reading(10, [900, 0], &[&[KERNEL], &own[..]].concat());
        assert_eq!(load(&from, &to).other_ratio, Some(0.0));
        let hidden = |reading: &MachineReading| MachineReading {
            processes: reading.processes[1..].to_vec(),
            ..reading.clone()
        };
        assert_eq!(load(&hidden(&from), &hidden(&to)).other_ratio, Some(0.0));
    }

    #[test]
    fn if_processes_are_hidden_the_rest_of_the_cores_time_is_theirs() {
        let from = reading(0, [1_000, 0], OWN);
        let own = [(50, "wirebench", 40, [300, 0]), (51, "wirebench", 50, [100, 0])];
        let to = reading(10, [2_000, 0], &own);
        let load = load(&from, &to);
        assert_eq!(load.other_ratio, Some(0.3));
        assert_eq!(
            load.reason().unwrap(),
            "other processes used 0.60 of 2 cores: which ones is unknown"
        );
    }

    #[test]
    fn soft_interrupts_are_not_counted() {
        let softirq = |ticks| (15, "ksoftirqd/0", 2, [ticks, 0]);
        let from = reading(0, [0, 0], &[&[KERNEL, softirq(0)], OWN].concat());
        let to = reading(10, [0, 0], &[&[KERNEL, softirq(900)], OWN].concat());
        assert_eq!(load(&from, &to).other_ratio, Some(0.0));
    }

    #[test]
    fn time_that_a_hypervisor_took_disturbs_a_run_too() {
        let from = reading(0, [0, 0], &[&[KERNEL], OWN].concat());
        let to = reading(10, [0, 300], &[&[KERNEL], OWN].concat());
        assert_eq!(
            load(&from, &to).reason().unwrap(),
            "the hypervisor took 0.30 of 2 cores (steal time)"
        );
    }

    #[test]
    fn values_that_the_kernel_does_not_report_are_unknown() {
        let reading = |seconds| MachineReading {
            cores: None,
            pressure: None,
            ..reading(seconds, [0, 0], &[])
        };
        let load = load(&reading(0), &reading(10));
        assert_eq!(load, OtherLoad::default());
        assert_eq!((load.is_disturbed(), load.reason()), (None, None));
    }
}
