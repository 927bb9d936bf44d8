//! What else the machine did during a run: two readings of `/proc`, and what lies between them.
//!
//! Nothing here reads a file: the texts are handed in.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use wirebench_protocol::Timestamp;

/// From this share of the processor time of the usable cores on, taken by others, a run is disturbed.
///
/// On two cores it is a tenth of one core. The services of an idle machine stay far below it, and one
/// busy loop is far above. `docs/method.md` has the figures.
pub const DISTURBED_CPU_RATIO: f64 = 0.05;

/// At most so many processes are named in a reason.
const NAMED: usize = 3;

/// A process with less than this share of what others used is not named.
const NAMED_SHARE: f64 = 0.05;

/// A part of the cause (other processes, the hypervisor) below this share of the whole is not mentioned.
const MENTIONED_SHARE: f64 = 0.1;

/// What the kernel said of the machine at one instant. What it did not say is `None` or absent.
#[derive(Clone, Debug)]
pub struct MachineReading {
    /// When it was read.
    pub at: Timestamp,
    /// Ticks per second in which the kernel counts processor time; normally 100.
    pub ticks_per_second: u64,
    /// The cores that this process may use.
    pub allowed: HashSet<usize>,
    /// Their counters.
    pub cores: Option<CoreTimes>,
    /// The time in which at least one task waited for a core, since the machine started.
    pub pressure: Option<Duration>,
    /// The processes that can be seen.
    pub processes: Vec<ProcessTimes>,
}

/// The counters of `/proc/stat`, in ticks, summed over the cores that this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreTimes {
    /// How many cores they are.
    pub cores: usize,
    /// Whether these are all cores of the machine.
    pub is_all: bool,
    /// Time of processes: user (which includes guests), nice and system.
    ///
    /// Interrupts and soft interrupts are not in it: on loopback most of them carry the run's own
    /// messages.
    pub busy: u64,
    /// Time in which a hypervisor ran something else although a task was ready.
    pub steal: u64,
}

/// What `/proc/<pid>/stat` says of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTimes {
    /// Its number.
    pub pid: u32,
    /// The number of its parent.
    pub parent: u32,
    /// Its name as the kernel has it: at most 15 bytes; control characters are replaced.
    pub name: String,
    /// User and system time of all its threads, in ticks.
    pub used: u64,
    /// The same of its children that ended and that it waited for.
    pub reaped: u64,
    /// When it started, in ticks since the machine did. Tells processes apart that had the same number.
    pub started: u64,
    /// The core that it ran on last.
    pub core: usize,
}

impl CoreTimes {
    /// Reads `/proc/stat`, of the cores in `allowed` only. `None` when it holds none of them.
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
    /// Reads `/proc/<pid>/stat`; `None` when the text has another form.
    pub fn parse(stat: &str) -> Option<Self> {
        // The name stands in brackets and may hold brackets and spaces itself.
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
            name: name.chars().map(shown).collect(),
            used: ticks(14)? + ticks(15)?,
            reaped: ticks(16)? + ticks(17)?,
            started: field(22)?.parse().ok()?,
            core: field(39)?.parse().ok()?,
        })
    }
}

/// Reads the list of cores in `/proc/self/status` (`Cpus_allowed_list: 0-3,8`).
pub fn allowed_cores(status: &str) -> Option<HashSet<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = HashSet::new();
    for range in list.trim().split(',') {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        cores.extend(low.parse::<usize>().ok()?..=high.parse().ok()?);
    }
    Some(cores)
}

/// Reads `/proc/pressure/cpu`: the time in which some task waited for a core.
pub fn pressure(text: &str) -> Option<Duration> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

/// What the machine did beside a run. What could not be measured is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtherLoad {
    /// The cores that this process may use.
    pub cores: usize,
    /// The share of their processor time that processes other than the two ends used, 0 to 1.
    pub other_ratio: Option<f64>,
    /// The share of their processor time that a hypervisor took away, 0 to 1.
    pub steal_ratio: Option<f64>,
    /// The share of the time in which some task of the machine, of the run or not, waited for a core.
    pub pressure_ratio: Option<f64>,
    /// The processes that others' time is known of, the busiest first. Where the run may not use all cores
    /// of the machine, those that ran last on a core that it may use.
    pub processes: Vec<OtherProcess>,
}

/// A process that is neither end of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherProcess {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its processor time, divided by the time that passed: 1 is one core.
    pub cores: f64,
}

impl OtherLoad {
    /// What lies between two readings. The process `loadgen` and all that descend from it (the server and
    /// the proxy, which it starts) are the run's own; everything else is others'.
    pub fn between(from: &MachineReading, to: &MachineReading, loadgen: u32) -> Self {
        let passed = to.at.saturating_since(from.at);
        let whole = passed.as_secs_f64();
        let Some((before, after)) = from.cores.zip(to.cores).filter(|_| whole > 0.0) else {
            return Self::default();
        };
        let own: HashSet<u32> =
            [from, to].iter().flat_map(|reading| family(&reading.processes, loadgen)).collect();
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
        let other = if after.is_all && sees_everything(to) {
            counted
        } else {
            // Some processes are hidden: what is left of the cores' time is theirs.
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

    /// Returns true if others took so much processor time that the run's delays may be theirs. `None` when
    /// it is not known what they took.
    pub fn is_disturbed(&self) -> Option<bool> {
        let taken = [self.other_ratio, self.steal_ratio];
        let known = taken.iter().any(Option::is_some);
        known.then(|| taken.into_iter().flatten().sum::<f64>() > DISTURBED_CPU_RATIO)
    }

    /// Why the run is disturbed, with the busiest processes named; `None` when it is not, or not known to be.
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

impl ProcessTimes {
    fn total(&self) -> u64 {
        self.used + self.reaped
    }
}

/// What others used between two readings, in ticks.
struct Others<'a> {
    processes: Vec<(&'a ProcessTimes, u64)>,
    /// What processes used that have ended, as far as their parents waited for them.
    ended: u64,
}

impl Others<'_> {
    fn all(&self) -> u64 {
        self.processes.iter().map(|(_, ticks)| ticks).sum::<u64>() + self.ended
    }
}

fn others<'a>(from: &MachineReading, to: &'a MachineReading, own: &HashSet<u32>) -> Others<'a> {
    let is_other = |process: &&ProcessTimes| {
        // The kernel's own handling of soft interrupts, which is the run's as far as it is the network's.
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
    // Those that are gone had used something before, which their parents have now.
    let had: u64 = before.values().map(|process| process.total()).sum();
    others.ended = reaped.saturating_sub(had);
    others
}

/// What the run's own processes used, those that ended included: a parent has the time of its children.
fn own_ticks(from: &MachineReading, to: &MachineReading, own: &HashSet<u32>) -> u64 {
    let total = |reading: &MachineReading| -> u64 {
        let processes = reading.processes.iter().filter(|process| own.contains(&process.pid));
        processes.map(ProcessTimes::total).sum()
    };
    total(to).saturating_sub(total(from))
}

/// A process and all that descend from it.
fn family(processes: &[ProcessTimes], first: u32) -> HashSet<u32> {
    let mut family = HashSet::from([first]);
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

/// Returns true if no process is hidden: neither by a container, which has process numbers of its own, nor
/// by the mount option `hidepid`. The kernel's thread number 2 is visible only then.
fn sees_everything(reading: &MachineReading) -> bool {
    reading.processes.iter().any(|process| process.pid == 2 && process.name == "kthreadd")
}

/// Cores to one place, and to two below one.
fn amount(cores: f64) -> String {
    if cores < 0.995 { format!("{cores:.2}") } else { format!("{cores:.1}") }
}

#[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53 for a million years")]
fn exact(number: u64) -> f64 {
    number as f64
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
    fn a_list_of_cores_has_ranges_and_single_ones() {
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

    /// A line of `/proc/<pid>/stat`, on core 0.
    fn stat(pid: u32, name: &str, parent: u32, [used, reaped]: [u64; 2]) -> String {
        let system = used / 4;
        let (in_user_mode, started) = (used - system, 31);
        format!(
            "{pid} ({name}) S {parent} 0 0 0 -1 4194560 46105 927365 0 652 {in_user_mode} {system} {reaped} 0 \
             20 0 13 0 {started} 51843072 4801 18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 0 0 \
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

    /// The load generator is 50, its server 51. Everything is in ticks of 10 ms.
    const OWN: &[(u32, &str, u32, [u64; 2])] =
        &[(50, "wirebench", 40, [0, 0]), (51, "wirebench", 50, [0, 0])];
    const KERNEL: (u32, &str, u32, [u64; 2]) = (2, "kthreadd", 0, [0, 0]);

    /// Two cores; seconds, the cores' busy ticks, stolen ticks, and processes.
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
                .map(|(pid, name, parent, ticks)| {
                    ProcessTimes::parse(&stat(*pid, name, *parent, *ticks)).unwrap()
                })
                .collect(),
        }
    }

    fn load(from: &MachineReading, to: &MachineReading) -> OtherLoad {
        OtherLoad::between(from, to, 50)
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
            "other processes used 1.4 of 2 cores, among them pid 61, rustc (0.60), pid 62, rustc (0.30), \
             pid 63, rustc (0.29)"
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
    fn a_number_that_was_given_again_is_another_process() {
        let mut from = reading(0, [0, 0], &[&[KERNEL, (90, "old", 1, [9_000, 0])], OWN].concat());
        from.processes[1].started = 5;
        let to = reading(10, [400, 0], &[&[KERNEL, (90, "new", 1, [400, 0])], OWN].concat());
        assert_eq!(load(&from, &to).processes[0].name, "new");
        assert_eq!(load(&from, &to).other_ratio, Some(0.2));
    }

    #[test]
    fn a_server_that_was_killed_and_one_that_was_started_again_are_the_runs_own() {
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
    fn where_processes_are_hidden_the_rest_of_the_cores_time_is_theirs() {
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
    fn soft_interrupts_are_nobodys() {
        let softirq = |ticks| (15, "ksoftirqd/0", 2, [ticks, 0]);
        let from = reading(0, [0, 0], &[&[KERNEL, softirq(0)], OWN].concat());
        let to = reading(10, [0, 0], &[&[KERNEL, softirq(900)], OWN].concat());
        assert_eq!(load(&from, &to).other_ratio, Some(0.0));
    }

    #[test]
    fn time_that_a_hypervisor_took_disturbs_too() {
        let from = reading(0, [0, 0], &[&[KERNEL], OWN].concat());
        let to = reading(10, [0, 300], &[&[KERNEL], OWN].concat());
        assert_eq!(
            load(&from, &to).reason().unwrap(),
            "the hypervisor took 0.30 of 2 cores (steal time)"
        );
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_not_known() {
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
