//! A stream of NATS that is deleted while servers use it. NATS tells nobody.

use futures::StreamExt;
use reqwest::Response;

use crate::nats_request::request;
use crate::requests::{poll, post};
use crate::stores::TestStore;
use crate::support::within;

/// Deletes the stream of the feed `bench`, over a connection of its own.
fn delete_stream(url: &str) {
    let answer = request(url, "$JS.API.STREAM.DELETE.wirebench-bench").unwrap();
    assert_eq!(answer["success"], true, "{answer}");
}

/// Subscribes over server-sent events, and waits until that has happened.
async fn subscribe(url: &str) -> Events {
    let answer = reqwest::get(format!("{url}/feeds/bench/sse")).await.unwrap();
    let mut events = Events { answer, text: String::new() };
    events.until("retry:").await;
    events
}

struct Events {
    answer: Response,
    text: String,
}

impl Events {
    /// Reads until the text has this in it, and returns what came up to there.
    async fn until(&mut self, wanted: &str) -> String {
        within(wanted, async {
            loop {
                if let Some(at) = self.text.find(wanted) {
                    return self.text.drain(..at + wanted.len()).collect();
                }
                let chunk = self.answer.chunk().await.unwrap().unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_is_a_reset_on_every_server_and_its_numbers_begin_again() {
    let Some(store) = TestStore::nats() else { return };
    let servers = [store.serve(), store.serve()];
    let mut subscribers: Vec<Events> =
        futures::stream::iter(&servers).then(|served| subscribe(served.url())).collect().await;
    for number in 1..=3 {
        assert_eq!(post(servers[0].url(), &format!("\"old {number}\"")).await.status, 201);
    }
    for events in &mut subscribers {
        events.until("old 3").await;
    }
    let old = poll(servers[1].url(), "start").await.json["cursor"].as_str().unwrap().to_owned();

    delete_stream(&store.url());
    for events in &mut subscribers {
        let before = events.until("\"reset\":true").await;
        assert!(!before.contains("new"), "{before}");
    }
    // More messages than the stream before: a reader that kept its cursor would begin with the
    // fourth.
    for number in 1..=5 {
        assert_eq!(post(servers[1].url(), &format!("\"new {number}\"")).await.status, 201);
    }
    for events in &mut subscribers {
        let text = events.until("new 5").await;
        let found: Vec<usize> =
            (1..=5).map(|n| text.find(&format!("new {n}")).expect("none is missing")).collect();
        assert!(found.is_sorted(), "{text}");
    }
    for served in &servers {
        let answer = poll(served.url(), &old).await;
        assert_eq!(answer.json["gap"]["reset"], true, "{answer:?}");
        assert_eq!(answer.json["messages"].as_array().unwrap().len(), 5, "{answer:?}");
    }
}
