//! What a server tells of its store.

use std::collections::BTreeMap;

use wirebench_server::{After, Feed, Server, StoreMetrics};

use crate::support::{TestStore, keep, poll, poll_with, publish_numbers, server_of};

/// Returns the metrics of the store, by name and labels, without the buckets of the histogram.
fn scrape(server: &Server) -> BTreeMap<String, String> {
    let text = server.metrics_text();
    let lines = text.lines().filter(|line| line.starts_with("wirebench_store_"));
    let lines = lines.filter(|line| !line.contains("_bucket"));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.to_owned())
    };
    lines.map(value).collect()
}

#[tokio::test]
async fn without_the_metrics_of_a_store_a_scrape_says_nothing_of_one() {
    let store = TestStore::new();
    let server = server_of(&store.feed(10).await);
    assert!(server.store_metrics().is_none());
    assert!(!server.metrics_text().contains("wirebench_store"));
    let server = server.with_store_metrics(StoreMetrics::default());
    assert_eq!(scrape(&server)["wirebench_store_queries_total"], "0");
}

#[tokio::test]
async fn a_scrape_agrees_with_what_the_store_has_done() {
    let store = TestStore::new();
    let metrics = StoreMetrics::default();
    let opened = store.open(metrics.clone()).await;
    let feed = keep(&opened, Feed::new(5)).await;
    let server = server_of(&feed).with_store_metrics(metrics.clone());
    let opening = metrics.counts();
    publish_numbers(&feed, 20).await;
    let published = metrics.counts();
    assert_eq!(published.committed, 20);
    assert!((1..=20).contains(&published.transactions), "{published:?}");
    // Each begins, locks, writes at least once, advances and commits.
    let queries = published.queries - opening.queries;
    assert!(queries >= 5 * published.transactions, "{published:?}");

    let newest = feed.locate(After::Newest).unwrap();
    // From memory: five. From the store by pages that are shared: fifteen, twice. From the table:
    // three. The whole: twenty.
    poll(&server, &newest.at(15).to_string()).await;
    for _ in 0..2 {
        poll(&server, &newest.at(0).to_string()).await;
    }
    poll_with(&server, &format!("mode=table&after={}", newest.at(17))).await;
    poll_with(&server, "mode=whole").await;
    let counts = server.store_metrics().unwrap().counts();
    assert_eq!(counts.replayed, 2 * 15 + 3 + 20);
    assert_eq!(counts.rows_read - published.rows_read, 20 + 3 + 20);

    let scraped = scrape(&server);
    let of = |name: &str| &*scraped[&format!("wirebench_store_{name}")];
    assert_eq!(of("queries_total"), counts.queries.to_string());
    assert_eq!(of("rows_read_total"), counts.rows_read.to_string());
    assert_eq!(of("committed_messages_total"), "20");
    assert_eq!(of("commit_seconds_count"), counts.transactions.to_string());
    assert!(of("commit_seconds_sum").parse::<f64>().unwrap() > 0.0);
    let replayed = "replayed_messages_total{transport=\"short-polling\"}";
    assert_eq!(of(replayed), counts.replayed.to_string());
}
