//! What a durable publish costs: many publishers, one feed in a file of SQLite.
//!
//! `cargo bench -p wirebench-store --features sqlite`. The file is in the folder for temporary
//! files, or in `TMPDIR`: choose a disk as it will be used.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{Recipients, Timestamp};
use wirebench_store::{
    FeedWriter, NewMessage, Store, StoreOptions, StoreUrl, StoredFeed, Synchronous,
};

/// The number of messages that each publisher publishes, one after the other.
const MESSAGES: usize = 50;

fn main() {
    divan::main();
}

/// A feed in a new file.
struct BenchFeed {
    runtime: Runtime,
    feed: StoredFeed,
    _folder: TempDir,
}

impl BenchFeed {
    fn new(synchronous: Synchronous) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("the system has threads");
        let folder = TempDir::new().expect("there is a folder for temporary files");
        let url = StoreUrl::sqlite(folder.path().join("feeds.db"));
        let options = StoreOptions { synchronous, ..StoreOptions::default() };
        let feed = runtime.block_on(async {
            let store = Store::open(&url, &options, ()).await.expect("the folder is writable");
            store.feed("bench").await.expect("the file was just created")
        });
        Self { runtime, feed, _folder: folder }
    }
}

fn message() -> NewMessage {
    NewMessage {
        payload: Bytes::from(vec![b'1'; 256]),
        kind: PayloadKind::Json,
        recipients: Recipients::Everyone,
        due: Timestamp::now(),
        key: None,
    }
}

/// Publishers that wait for each acknowledgement before they publish again.
fn publish(bencher: Bencher<'_, '_>, publishers: usize, synchronous: Synchronous) {
    let BenchFeed { runtime, feed, _folder } = BenchFeed::new(synchronous);
    let writer = runtime.block_on(async { FeedWriter::start(feed, |_, _| {}) });
    bencher.counter(ItemsCount::new(publishers * MESSAGES)).bench_local(|| {
        runtime.block_on(join_all((0..publishers).map(|_| async {
            for _ in 0..MESSAGES {
                writer.publish(message()).await.expect("the disk has room");
            }
        })));
    });
}

/// A commit is on the disk some time later.
#[divan::bench(args = [1, 8, 64])]
fn publish_synchronous_normal(bencher: Bencher<'_, '_>, publishers: usize) {
    publish(bencher, publishers, Synchronous::Normal);
}

/// A commit waits for the disk.
#[divan::bench(args = [1, 8, 64])]
fn publish_synchronous_full(bencher: Bencher<'_, '_>, publishers: usize) {
    publish(bencher, publishers, Synchronous::Full);
}

/// One transaction with this many messages.
#[divan::bench(args = [1, 64, 1_000])]
fn append(bencher: Bencher<'_, '_>, messages: usize) {
    let BenchFeed { runtime, feed, _folder } = BenchFeed::new(Synchronous::Normal);
    let batch: Vec<NewMessage> = (0..messages).map(|_| message()).collect();
    bencher
        .counter(ItemsCount::new(messages))
        .bench_local(|| runtime.block_on(feed.append(&batch)).expect("the disk has room"));
}

/// Reads the first page of a backlog of 10,000 messages.
#[divan::bench(args = [1, 100, 1_000])]
fn read(bencher: Bencher<'_, '_>, messages: u32) {
    let BenchFeed { runtime, feed, _folder } = BenchFeed::new(Synchronous::Normal);
    let backlog: Vec<NewMessage> = (0..10_000).map(|_| message()).collect();
    runtime.block_on(feed.append(&backlog)).expect("the disk has room");
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        let page = runtime.block_on(feed.read(5_000, messages, u64::MAX));
        page.expect("the file is there")
    });
}
