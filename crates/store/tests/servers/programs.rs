//! Where the programs of the databases are, and as which user they run.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns where a program is: in the path, or where Debian installs it.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.unwrap().path().join("bin"))
        .collect();
    versions.sort();
    let mut folders = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .chain(versions.into_iter().rev());
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
}

/// Returns true if all programs are installed. If not, prints that the test is skipped, or fails if
/// the environment requires them.
#[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
pub(crate) fn are_there(names: &[&str]) -> bool {
    let missing: Vec<&&str> = names.iter().filter(|name| find(name).is_none()).collect();
    let required = std::env::var_os("WIREBENCH_REQUIRE_DATABASES").is_some();
    assert!(missing.is_empty() || !required, "{missing:?} are required, and not installed");
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} are not installed");
    }
    missing.is_empty()
}

/// The user that PostgreSQL runs as, since it refuses to run as root: `None` for the current one.
pub(crate) fn user_instead_of_root(folder: &Path) -> Option<&'static str> {
    let is_root = std::fs::metadata(folder).unwrap().uid() == 0;
    is_root.then(|| if exists("postgres") { "postgres" } else { "nobody" })
}

fn exists(user: &str) -> bool {
    Command::new("id").arg(user).output().unwrap().status.success()
}

/// Returns a command that runs a program as a user, with the process of the program itself, and
/// ends with the test.
pub(crate) fn command(program: &str, user: Option<&str>) -> Command {
    let path = find(program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", group_of(user), "--clear-groups"]);
    }
    command.arg("--").arg(path);
    command
}

fn group_of(user: &str) -> &str {
    if user == "nobody" { "nogroup" } else { user }
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
}

/// Gives a folder to a user.
pub(crate) fn give(folder: &Path, user: &str) {
    run(Command::new("chown").arg("-R").arg(user).arg(folder));
}
