//! Another program that has locked a file of SQLite.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that keeps others from writing to a file of SQLite, until it is dropped.
pub(crate) struct SqliteLock(Child);

impl SqliteLock {
    /// Returns `None` if there is no Python on this machine, and Python is not required.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    pub(crate) fn take(file: &Path) -> Option<Self> {
        const PROGRAM: &str = "import sqlite3, sys\n\
                               database = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                               database.execute('BEGIN IMMEDIATE')\n\
                               print('locked', flush=True)\n\
                               sys.stdin.read()\n";
        let started = Command::new("python3")
            .args(["-c", PROGRAM])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            let required = std::env::var_os("WIREBENCH_REQUIRE_PYTHON").is_some();
            assert!(!required, "python3 is required");
            eprintln!("skipped: there is no python3");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Some(Self(child))
    }
}

impl Drop for SqliteLock {
    fn drop(&mut self) {
        // The program ends with its standard input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
