//! What the control API says of a durable feed.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wirebench_server::{ControlApi, Feed, StoreMetrics, Token};

use crate::support::{TestStore, keep, payload, poll_with, publish_numbers, server_of, within};

const TOKEN: &str = "a-token-of-some-length";

async fn ask(control: &ControlApi, method: Method, path: &str, body: Value) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = within(control.router().oneshot(request)).await.unwrap();
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    let is_json = answer.status() != StatusCode::CREATED;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    if is_json { serde_json::from_slice(&body).unwrap() } else { Value::Null }
}

#[tokio::test]
async fn the_answer_about_a_window_has_what_the_store_did_in_it() {
    let store = TestStore::new();
    let metrics = StoreMetrics::default();
    let feed = keep(&store.open(metrics.clone()).await, Feed::new(10)).await;
    let server = server_of(&feed).with_store_metrics(metrics.clone());
    let control = ControlApi::new(server.clone(), Token::new(TOKEN).unwrap());
    publish_numbers(&feed, 5).await;

    let path = "/feeds/bench/window";
    let from_now = json!({"from_ns": 0, "to_ns": u64::MAX});
    let begun = ask(&control, Method::PUT, path, from_now.clone()).await;
    let nothing = json!({
        "queries": 0, "rows_read": 0, "transactions": 0, "committed": 0, "replayed": 0,
        "commit_times_ns": [],
    });
    assert_eq!(begun["store"], nothing);
    let before = metrics.counts();
    for _ in 0..3 {
        feed.publish(payload("1")).await.unwrap();
    }
    poll_with(&server, "mode=whole").await;
    let counted = ask(&control, Method::GET, path, Value::Null).await;
    assert_eq!((&counted["published"], &counted["store"]["committed"]), (&json!(3), &json!(3)));
    assert_eq!(counted["store"]["rows_read"], json!(8));
    assert_eq!(counted["store"]["replayed"], json!(8));
    assert_eq!(counted["store"]["queries"], json!(metrics.counts().queries - before.queries));
    let times = counted["store"]["commit_times_ns"].as_array().unwrap();
    let transactions: u64 = times.iter().map(|time| time[1].as_u64().unwrap()).sum();
    assert_eq!(transactions, metrics.counts().transactions - before.transactions);

    let over = json!({"from_ns": 0, "to_ns": 1});
    ask(&control, Method::PUT, path, over).await;
    poll_with(&server, "mode=whole").await;
    assert_eq!(ask(&control, Method::GET, path, Value::Null).await["store"], nothing);

    let without = ControlApi::new(server_of(&store.feed(10).await), Token::new(TOKEN).unwrap());
    assert_eq!(ask(&without, Method::PUT, path, from_now).await["store"], Value::Null);
}
