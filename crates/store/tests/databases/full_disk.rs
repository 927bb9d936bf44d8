//! A file of SQLite on a disk that is full.

use wirebench_store::{Store, StoreErrorKind, StoreUrl};

use crate::servers::SmallDisk;
use crate::support::{message, new_places, patient};

#[tokio::test]
async fn sqlite_on_a_full_disk_says_so_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let url = StoreUrl::sqlite(disk.path().join("feeds.db"));
    let feed = Store::open(&url, &patient(), ()).await.unwrap().feed("bench").await.unwrap();
    let payload = format!("\"{}\"", "x".repeat(10_000));
    let filler = disk.fill_but(2 << 20);
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
