//! A disk that is full: a small file system in memory. It can be mounted only as root.

use std::path::Path;
use std::process::Command;

use wirebench_store::{Store, StoreErrorKind, StoreUrl};

use crate::support::{message, new_places, patient};

/// A file system of four megabytes; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Returns `None`, and says so, if the process may not mount it.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "wirebench-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a file system cannot be mounted here");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a connection of the store may still be closing.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn sqlite_on_a_full_disk_says_so_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let url = StoreUrl::sqlite(disk.path().join("feeds.db"));
    let feed = Store::open(&url, &patient(), ()).await.unwrap().feed("bench").await.unwrap();
    let payload = format!("\"{}\"", "x".repeat(10_000));
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 2 << 20]).unwrap();
    let mut newest = 0;
    let error = loop {
        match feed.append(&[message(&payload)]).await {
            Ok(appended) => newest = appended[0].seq(),
            Err(error) => break error,
        }
        assert!(newest < 1000, "the disk has room for a hundred messages");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert!(error.is_temporary());
    assert!(newest > 10);
    let error = feed.append(&[message(&payload)]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert_eq!(feed.read(0, 1000, u64::MAX).await.unwrap().len() as u64, newest);

    std::fs::remove_file(filler).unwrap();
    let appended = feed.append(&[message(&payload)]).await.unwrap();
    assert_eq!(new_places(&appended), [newest + 1]);
}
