//! Ends what a run has started if the run is killed, so that no server of it goes on.
//!
//! A process that gets SIGKILL cannot end others. So a run has a guardian: a process of its own that
//! reads from a pipe what is started and what has ended. The pipe ends with the run, however it
//! ends, and then the guardian kills what is left. The kernel's signal at the death of a parent
//! (`PR_SET_PDEATHSIG`) would reach neither the workers of nginx nor the children of Node, and would
//! come when the thread ends that has started the process.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

use parking_lot::Mutex;
use rustix::process::Signal;

use super::tree::{ProcessTree, processes_with};

/// The variable by which processes are found that were started when the run was killed, before the
/// guardian heard of them. Its value is the number of the guardian.
const MARK: &str = "WIREBENCH_GUARDIAN";

/// How long the guardian tries to end processes. Nothing survives SIGKILL, but a process that waits
/// for a broken disk takes its time.
const KILL_TIME: Duration = Duration::from_secs(30);

/// The pause between two looks at what is left.
const LOOK_TIME: Duration = Duration::from_millis(10);

/// The pause between two looks at whether the guardian has ended, which takes it a millisecond.
const END_TIME: Duration = Duration::from_millis(1);

/// The guardian of this program. There is one at most, as there is one program that can be killed.
static GUARDIAN: OnceLock<Guardian> = OnceLock::new();

#[derive(Debug)]
struct Guardian {
    pid: u32,
    /// `None` once the guardian is dismissed.
    orders: Mutex<Option<ChildStdin>>,
}

/// This program while it has a guardian. When it is dropped, the guardian kills what is left, and has
/// ended itself: nothing of a run is there when the run is not.
#[derive(Debug)]
#[must_use = "the guardian is dismissed when this is dropped"]
pub struct Guarded {
    guardian: Child,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(guardian) = GUARDIAN.get() {
            drop(guardian.orders.lock().take());
        }
        // A guardian that somebody has suspended is not waited for longer than one that works.
        let deadline = Instant::now() + KILL_TIME;
        while matches!(self.guardian.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(END_TIME);
        }
    }
}

/// Starts the guardian of this program: a process in which [`guard`] reads standard input. Everything
/// that is started from here on is ended with this program.
///
/// # Errors
///
/// The process cannot be started, or there has been a guardian already.
pub fn start_guardian(mut command: Command) -> io::Result<Guarded> {
    // Its own process group: Ctrl-C is for the run, which ends what it has started.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn()?;
    let orders = Mutex::new(child.stdin.take());
    let guardian = Guardian { pid: child.id(), orders };
    GUARDIAN.set(guardian).map_err(|_| io::Error::from(io::ErrorKind::AlreadyExists))?;
    Ok(Guarded { guardian: child })
}

/// Something that the guardian is told, as a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// A process is about to start. Its number is not known yet.
    Starting,
    /// A process leads a process group now. With all that it starts, it is to end with the run.
    Started(u32),
    /// A folder is to be removed when the process has ended.
    Folder(u32, PathBuf),
    /// A process has ended, or will never start.
    Ended(Option<u32>),
}

impl Order {
    /// Tells the guardian, if there is one.
    pub(super) fn tell(&self) {
        if let Some(guardian) = GUARDIAN.get() {
            // A guardian that somebody has killed hears nothing. The run goes on without.
            if let Some(orders) = &mut *guardian.orders.lock() {
                let _ = orders.write_all(self.line().as_bytes());
            }
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Starting => "starting\n".to_owned(),
            Self::Started(pid) => format!("started {pid}\n"),
            Self::Folder(pid, path) => format!("folder {pid} {}\n", path.display()),
            Self::Ended(None) => "ended\n".to_owned(),
            Self::Ended(Some(pid)) => format!("ended {pid}\n"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let (verb, pid) = (words.next()?, words.next().map(str::parse));
        match (verb, pid, words.next()) {
            ("starting", None, None) => Some(Self::Starting),
            ("started", Some(Ok(pid)), None) => Some(Self::Started(pid)),
            ("folder", Some(Ok(pid)), Some(path)) => Some(Self::Folder(pid, path.into())),
            ("ended", None, None) => Some(Self::Ended(None)),
            ("ended", Some(Ok(pid)), None) => Some(Self::Ended(Some(pid))),
            _ => None,
        }
    }
}

/// Returns the variable that marks what is started. `None` without a guardian.
pub(super) fn mark() -> Option<(&'static str, String)> {
    GUARDIAN.get().map(|guardian| (MARK, guardian.pid.to_string()))
}

/// What the guardian has heard.
#[derive(Debug, Default)]
struct Watched {
    /// How many processes are about to start.
    starting: usize,
    started: BTreeMap<u32, (ProcessTree, Vec<PathBuf>)>,
}

impl Watched {
    fn hear(&mut self, order: Order) {
        match order {
            Order::Starting => self.starting += 1,
            Order::Started(pid) => {
                self.starting = self.starting.saturating_sub(1);
                self.started.insert(pid, (ProcessTree::started(pid), Vec::new()));
            }
            Order::Folder(pid, path) => {
                if let Some((_, folders)) = self.started.get_mut(&pid) {
                    folders.push(path);
                }
            }
            Order::Ended(None) => self.starting = self.starting.saturating_sub(1),
            Order::Ended(Some(pid)) => drop(self.started.remove(&pid)),
        }
    }

    /// Returns true if everything that was started has ended.
    fn is_empty(&self) -> bool {
        self.starting == 0 && self.started.is_empty()
    }

    /// Returns what still runs, with processes of which it has not heard.
    fn running(&self, mark: &str) -> Vec<ProcessTree> {
        let trees = self.started.values().map(|(tree, _)| *tree);
        trees.chain(processes_with(mark)).filter(|tree| tree.runs()).collect()
    }
}

/// Guards a run: hears from `input` what is started, until the run has ended. Then kills what is
/// left, and removes its folders.
pub fn guard(input: impl BufRead) {
    let mut watched = Watched::default();
    for line in input.lines().map_while(Result::ok) {
        if let Some(order) = Order::parse(&line) {
            watched.hear(order);
        }
    }
    if watched.is_empty() {
        return;
    }
    let (mark, deadline) = (format!("{MARK}={}", std::process::id()), Instant::now() + KILL_TIME);
    loop {
        // A process may have started another one since it was looked at.
        let running = watched.running(&mark);
        if running.is_empty() || Instant::now() > deadline {
            break;
        }
        for tree in running {
            tree.signal(Signal::KILL);
        }
        thread::sleep(LOOK_TIME);
    }
    for folder in watched.started.values().flat_map(|(_, folders)| folders) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Returns the order about a folder. `None` if its path cannot be a part of a line.
pub(super) fn folder_order(pid: u32, path: &Path) -> Option<Order> {
    let text = path.to_str().filter(|text| !text.contains('\n'))?;
    Some(Order::Folder(pid, text.into()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    #[test]
    fn an_order_is_a_line() {
        let folder = folder_order(7, Path::new("/tmp/a b")).unwrap();
        let orders =
            [Order::Starting, Order::Started(7), folder, Order::Ended(None), Order::Ended(Some(7))];
        for order in orders {
            assert_eq!(Order::parse(order.line().trim_end()), Some(order));
        }
        for wrong in ["", "started", "started x", "ended 1 2", "folder 1"] {
            assert_eq!(Order::parse(wrong), None, "{wrong}");
        }
        assert_eq!(folder_order(7, Path::new("/tmp/a\nb")), None);
    }

    /// A process that leads a group, with a child of its own. Returns the numbers of both.
    fn family() -> (std::process::Child, u32) {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    #[test]
    fn what_has_not_ended_with_the_run_is_killed_and_its_folder_is_removed() {
        let (mut left, child) = family();
        let (mut ended, _) = family();
        let folder = tempfile::tempdir().unwrap().keep();
        let orders = [
            Order::Started(left.id()),
            folder_order(left.id(), &folder).unwrap(),
            Order::Started(ended.id()),
            Order::Ended(Some(ended.id())),
        ];
        guard(Cursor::new(orders.map(|order| order.line()).concat()));
        assert!(!left.wait().unwrap().success());
        assert!(!ProcessTree::of_pid(child).is_ok_and(ProcessTree::runs), "the child goes on");
        assert!(!folder.exists());
        // What had ended for the run is none of the guardian's business.
        assert_eq!(ended.try_wait().unwrap(), None);
        ProcessTree::started(ended.id()).signal(Signal::KILL);
        ended.wait().unwrap();
    }

    #[test]
    fn a_process_of_which_nobody_has_told_is_found_by_its_mark() {
        let mut command = Command::new("sleep");
        let mark = format!("{}", std::process::id());
        let mut child = command.arg("1000").env(MARK, mark).spawn().unwrap();
        guard(Cursor::new(Order::Starting.line()));
        assert!(!child.wait().unwrap().success());
    }
}
