//! What the feed itself costs, without sockets: publishing to readers that wait, and reading.
//!
//! `cargo bench -p wirebench-server`

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::{FutureExt, StreamExt};
use wirebench_protocol::After;
use wirebench_server::{Feed, JsonPayload};

fn main() {
    divan::main();
}

fn payload() -> JsonPayload {
    let json = format!("\"{}\"", "x".repeat(254));
    JsonPayload::from_json(json.as_bytes()).expect("a string is JSON")
}

/// Publishes one message to readers that wait: it is encoded, all are woken, and each of them reads
/// it.
#[divan::bench(args = [1, 100, 1_000, 5_000])]
fn publish_to_followers(bencher: Bencher<'_, '_>, followers: usize) {
    let (feed, payload) = (Feed::new(10_000), payload());
    let newest = feed.locate(After::Newest).expect("a feed has a newest message");
    let mut followers: Vec<_> = (0..followers).map(|_| feed.follow(newest)).collect();
    for follower in &mut followers {
        assert!(follower.next().now_or_never().is_none(), "nothing was published yet");
    }
    bencher.counter(ItemsCount::new(followers.len())).bench_local(|| {
        feed.publish(&payload);
        for follower in &mut followers {
            divan::black_box(follower.next().now_or_never());
            assert!(follower.next().now_or_never().is_none(), "it waits again");
        }
    });
}

/// Reads like a poll that finds this many messages.
#[divan::bench(args = [0, 1, 100])]
fn read(bencher: Bencher<'_, '_>, messages: u64) {
    let (feed, payload) = (Feed::new(10_000), payload());
    for _ in 0..200 {
        feed.publish(&payload);
    }
    let newest = feed.locate(After::Newest).expect("a feed has a newest message");
    bencher.bench(|| feed.read(newest.at(newest.seq - messages)));
}
