//! A disk that is soon full: a small file system in memory. It can be mounted only as root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::programs::run;

/// A small file system; unmounted when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a file system of this many megabytes. Returns `None`, and says so, if the process may
    /// not.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    pub(crate) fn mount(megabytes: u32) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "wirebench-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a file system cannot be mounted here");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk but for this many bytes, until the returned file is removed.
    pub(crate) fn fill_but(&self, bytes: u64) -> PathBuf {
        let path = self.path().join("filler");
        let mut filler = File::create(&path).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length.saturating_sub(bytes)).unwrap();
        path
    }

    /// Makes the file system one that nobody can write to.
    pub(crate) fn make_read_only(&self) {
        run(Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a connection of the store may still be closing.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
