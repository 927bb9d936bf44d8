//! The packages of npm and `PyPI` that judge, installed once below the target directory.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::there;

const NODE_PACKAGE: &str = include_str!("node/package.json");
const NODE_LOCK: &str = include_str!("node/package-lock.json");
const PYTHON_REQUIREMENTS: &str = include_str!("python/requirements.txt");

/// Returns the folder with the packages of npm, for `NODE_PATH`. Returns `None`, and says why, if
/// they are not installed and cannot be.
pub(crate) fn node_modules() -> Option<PathBuf> {
    let folder = installed("socket-io-npm", &[NODE_PACKAGE, NODE_LOCK], |folder| {
        fs::write(folder.join("package.json"), NODE_PACKAGE).unwrap();
        fs::write(folder.join("package-lock.json"), NODE_LOCK).unwrap();
        run("npm", &["ci", "--silent", "--no-audit", "--no-fund"], folder)
    });
    there(folder, "WIREBENCH_REQUIRE_NPM").map(|folder| folder.join("node_modules"))
}

/// Returns a Python that has the packages of `PyPI`. Returns `None`, and says why, if they are not
/// installed and cannot be.
pub(crate) fn python() -> Option<PathBuf> {
    let folder = installed("socket-io-python", &[PYTHON_REQUIREMENTS], |folder| {
        fs::write(folder.join("requirements.txt"), PYTHON_REQUIREMENTS).unwrap();
        run("python3", &["-m", "venv", "."], folder)?;
        let python = folder.join("bin/python3");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
        let arguments = [&pip[..], &["--requirement", "requirements.txt"]].concat();
        run(python.to_str().unwrap(), &arguments, folder)
    });
    there(folder, "WIREBENCH_REQUIRE_PYTHON").map(|folder| folder.join("bin/python3"))
}

/// Returns a folder with what `install` puts there, once for each content of the files that
/// describe it.
fn installed(
    name: &str,
    description: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    description.hash(&mut hasher);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.join(format!("{name}-{:016x}", hasher.finish()));
    // Each test may be a process of its own. The others wait for the first.
    let lock = File::create(target.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("installed");
    if !complete.exists() {
        // What an interrupted installation has left.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        install(&folder)?;
        fs::write(&complete, "").unwrap();
    }
    Ok(folder)
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let command = format!("`{program} {}`", arguments.join(" "));
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{command}: {error}")),
    }
}
