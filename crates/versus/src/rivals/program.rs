//! Finds a program.

use std::env;
use std::path::PathBuf;

/// Returns the path of a program. Servers of the system are not in the search path of every user.
pub(super) fn installed(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.find(|folder| folder.join(program).is_file());
    found.map_or_else(|| PathBuf::from(program), |folder| folder.join(program))
}
