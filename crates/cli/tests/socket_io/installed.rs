//! The packages of npm and `PyPI` that judge.

use std::fs;
use std::path::PathBuf;

use crate::support::installed::{installed, run};
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
