//! The responses of each route of the demo API, without a socket.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wirebench_demos::{ControlAccess, Demos};
use wirebench_server::Server;

struct ApiClient {
    app: axum::Router,
    peer: &'static str,
    origin: Option<&'static str>,
}

impl ApiClient {
    fn new(access: ControlAccess) -> Self {
        let demos = Demos::new(access);
        let server = Server::new(demos.feeds());
        Self { app: demos.app(&server), peer: "127.0.0.1", origin: None }
    }

    async fn answer(&self, method: &str, path: &str, body: &str) -> Response {
        let peer = ConnectInfo(SocketAddr::new(self.peer.parse().unwrap(), 4711));
        let mut request = Request::builder().method(method).uri(path).extension(peer);
        request = request.header(header::HOST, "demos:8080");
        if let Some(origin) = self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let response = self.answer(method, path, body).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn status(&self, method: &str, path: &str, body: &str) -> u16 {
        self.ask(method, path, body).await.0.as_u16()
    }
}

fn client() -> ApiClient {
    ApiClient::new(ControlAccess::Loopback)
}

/// Every route that changes something, with a body that it accepts.
const CHANGES: [(&str, &str, &str); 13] = [
    ("PUT", "/demo/publisher", r#"{"rate":5.0,"payload_bytes":100,"publishing":false}"#),
    ("PUT", "/demo/link", r#"{"delay_ms":100}"#),
    ("POST", "/demo/cut", r#"{"seconds":0}"#),
    ("POST", "/demo/restart", ""),
    ("POST", "/demo/lanes/0123abcd/cut", r#"{"seconds":0}"#),
    ("POST", "/demo/chat/join", r#"{"over":"sse"}"#),
    ("POST", "/demo/chat/leave", r#"{"member":"nobody"}"#),
    ("POST", "/demo/inbox/read", ""),
    ("POST", "/demo/jobs", r#"{"seconds":8}"#),
    ("POST", "/demo/message-table/fill", ""),
    // This route changes something by the work that it causes: a page of another server could
    // open any number of connections.
    ("GET", "/demo/monitor/naive", ""),
    ("GET", "/demo/clock/without-id", ""),
    ("GET", "/demo/clock/chosen/0123abcd", ""),
];

#[tokio::test]
async fn the_state_follows_each_change() {
    let client = client();
    let (status, mut state) = client.ask("GET", "/demo/state", "").await;
    assert_eq!(status, StatusCode::OK);
    let life = state.as_object_mut().unwrap().remove("life").unwrap();
    assert_eq!(life.as_str().unwrap().len(), 16);
    let expected = json!({
        "rate": 2.0, "payload_bytes": 64, "publishing": true, "link_delay_ms": 25,
        "may_control": true, "published": 0,
    });
    assert_eq!(state, expected);
    for (method, path, body) in &CHANGES[..3] {
        let (status, changed) = client.ask(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {changed}");
        assert_eq!(changed, client.ask("GET", "/demo/state", "").await.1, "{path}");
    }
    let (_, state) = client.ask("GET", "/demo/state", "").await;
    assert_eq!((&state["rate"], &state["payload_bytes"]), (&json!(5.0), &json!(100)));
    assert_eq!((&state["publishing"], &state["link_delay_ms"]), (&json!(false), &json!(100)));
    assert_eq!(state["life"], life);
}

#[tokio::test]
async fn the_time_advances() {
    let client = client();
    let at = async || client.ask("GET", "/demo/time", "").await.1["now_ns"].as_u64().unwrap();
    let (one, two) = (at().await, at().await);
    assert!(two > one);
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_a_hint() {
    let client = client();
    let plan =
        |rate, bytes| format!(r#"{{"rate":{rate},"payload_bytes":{bytes},"publishing":true}}"#);
    for (method, path, body) in [
        ("PUT", "/demo/publisher", &*plan("0.09", "64")),
        ("PUT", "/demo/publisher", &plan("101", "64")),
        ("PUT", "/demo/publisher", &plan("-1", "64")),
        ("PUT", "/demo/publisher", &plan("1e999", "64")),
        ("PUT", "/demo/publisher", &plan("null", "64")),
        ("PUT", "/demo/publisher", &plan("1", "1")),
        ("PUT", "/demo/publisher", &plan("1", "16385")),
        ("PUT", "/demo/publisher", &plan("1", "-5")),
        ("PUT", "/demo/publisher", r#"{"rate":1.0}"#),
        ("PUT", "/demo/link", r#"{"delay_ms":1001}"#),
        ("PUT", "/demo/link", r#"{"delay_ms":-1}"#),
        ("PUT", "/demo/link", r#"{"delay_ms":1,"more":1}"#),
        ("PUT", "/demo/link", ""),
        ("PUT", "/demo/link", "[]"),
        ("POST", "/demo/cut", r#"{"seconds":31}"#),
        ("POST", "/demo/cut", r#"{"seconds":-1}"#),
        ("POST", "/demo/cut", "{}"),
        ("POST", "/demo/chat/join", r#"{"over":"pigeon"}"#),
        ("POST", "/demo/chat/here", "{}"),
        ("POST", "/demo/jobs", r#"{"seconds":0}"#),
        ("POST", "/demo/jobs", r#"{"seconds":121}"#),
        ("POST", "/demo/jobs", r#"{"seconds":1.5}"#),
        ("GET", "/demo/lanes/1234567", ""),
        ("GET", "/demo/lanes/1234567g", ""),
        ("GET", "/demo/wire/123456789", ""),
        ("GET", "/demo/wire/12345678?after=-1", ""),
    ] {
        let (status, refusal) = client.ask(method, path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(refusal["error"].is_string() && refusal["hint"].is_string(), "{path} {refusal}");
    }
    let long = format!(r#"{{"delay_ms":1{}}}"#, " ".repeat(5_000));
    assert_eq!(client.status("PUT", "/demo/link", &long).await, 413);
    let (_, state) = client.ask("GET", "/demo/state", "").await;
    assert_eq!((&state["rate"], &state["link_delay_ms"]), (&json!(2.0), &json!(25)));
}

#[tokio::test]
async fn pages_of_other_servers_change_nothing() {
    let mut client = ApiClient::new(ControlAccess::Anyone);
    for origin in ["http://elsewhere", "http://demos", "http://demos:8081", "null", ""] {
        client.origin = Some(origin);
        for (method, path, body) in CHANGES {
            assert_eq!(client.status(method, path, body).await, 403, "{origin} {path}");
        }
    }
    client.origin = Some("http://demos:8080");
    assert_eq!(client.status("PUT", "/demo/link", r#"{"delay_ms":1}"#).await, 200);
    client.origin = Some("http://elsewhere");
    let (_, state) = client.ask("GET", "/demo/state", "").await;
    assert_eq!(
        state["link_delay_ms"], 1,
        "reading is allowed, but the browser hides the response from the page"
    );
}

#[tokio::test]
async fn only_the_server_s_machine_uses_the_shared_controls_unless_anyone_may() {
    for (access, peer, may) in [
        (ControlAccess::Loopback, "127.0.0.1", true),
        (ControlAccess::Loopback, "::1", true),
        (ControlAccess::Loopback, "192.0.2.7", false),
        (ControlAccess::Anyone, "192.0.2.7", true),
    ] {
        let client = ApiClient { peer, ..ApiClient::new(access) };
        let (_, state) = client.ask("GET", "/demo/state", "").await;
        assert_eq!(state["may_control"], may, "{access:?} {peer}");
        for (method, path, body) in &CHANGES[..4] {
            let status = client.status(method, path, body).await;
            assert_eq!(status == 403, !may, "{access:?} {peer} {path}: {status}");
        }
        for (method, path, body) in &CHANGES[4..10] {
            let status = client.status(method, path, body).await;
            assert!((200..300).contains(&status), "{access:?} {peer} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn a_member_joins_publishes_and_leaves_with_a_plain_text_body() {
    let client = client();
    let (status, joined) = client.ask("POST", "/demo/chat/join", r#"{"over":"websocket"}"#).await;
    assert_eq!(status, StatusCode::OK);
    let who = json!({"member": joined["member"]}).to_string();
    assert_eq!(client.status("POST", "/demo/chat/here", &who).await, 204);
    let say = json!({
        "kind": "say", "member": joined["member"], "name": joined["name"], "over": "websocket",
        "id": "1", "text": "<img src=x onerror=alert(1)>",
    });
    let (status, published) = client.ask("POST", "/feeds/chat/messages", &say.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{published}");
    let leave = Request::post("/demo/chat/leave").header(header::CONTENT_TYPE, "text/plain");
    let leave = leave.body(Body::from(who.clone())).unwrap();
    let left = client.app.clone().oneshot(leave).await.unwrap();
    assert_eq!(left.status(), StatusCode::NO_CONTENT);
    assert_eq!(client.status("POST", "/demo/chat/here", &who).await, 404);
    let (status, refusal) = client.ask("POST", "/feeds/chat/messages", &say.to_string()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refusal}");

    let (_, batch) = client.ask("GET", "/feeds/chat/short-polling?after=start", "").await;
    let kinds = batch["messages"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|message| message["payload"]["kind"].clone()).collect();
    assert_eq!(kinds, ["join", "say", "leave"]);
    assert_eq!(batch["messages"][1]["payload"], say);
}

#[tokio::test]
async fn clients_cannot_publish_to_the_server_s_own_feeds() {
    let client = client();
    for feed in ["monitor", "inbox", "clock", "jobs"] {
        let path = format!("/feeds/{feed}/messages");
        assert_eq!(client.status("POST", &path, "1").await, 403, "{feed}");
    }
    assert_eq!(client.status("POST", "/feeds/demo/messages", "\"hello\"").await, 201);
    let large = format!("\"{}\"", "x".repeat(16_384));
    assert_eq!(client.status("POST", "/feeds/demo/messages", &large).await, 400);
}

#[tokio::test]
async fn a_device_joins_at_the_address_that_the_page_was_asked_at() {
    let client = client();
    let (status, join) = client.ask("GET", "/demo/join?scheme=https", "").await;
    assert_eq!(status, StatusCode::OK, "{join}");
    assert_eq!(join["url"], "https://demos:8080/chat");
    let size = join["qr"]["size"].as_u64().unwrap();
    assert!(size >= 21, "{size}");
    assert!(join["qr"]["path"].as_str().unwrap().starts_with("M0 0h1v1h-1z"), "a corner is dark");
    assert_eq!(client.status("GET", "/demo/join?scheme=gopher", "").await, 400);
}

#[tokio::test]
async fn the_inbox_starts_without_unread_messages() {
    let client = client();
    assert_eq!(client.status("POST", "/demo/inbox/read", "").await, 204);
    let (_, batch) = client.ask("GET", "/feeds/inbox/short-polling?after=start", "").await;
    assert_eq!(batch["messages"][0]["payload"], json!({"unread": 0}));
    assert_eq!(batch["messages"][1]["payload"], json!({"unread": 0}));
}

#[tokio::test]
async fn a_job_beyond_the_limit_is_rejected_with_a_retry_time() {
    let client = client();
    for _ in 0..32 {
        let (status, begun) = client.ask("POST", "/demo/jobs", r#"{"seconds":8}"#).await;
        assert_eq!((status, &begun["seconds"]), (StatusCode::ACCEPTED, &json!(8)));
        assert!(begun["job"].is_string());
    }
    let response = client.answer("POST", "/demo/jobs", r#"{"seconds":8}"#).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=9).contains(&seconds));
}

#[tokio::test]
async fn a_table_in_memory_has_no_queries_and_is_filled_at_most_once_a_second() {
    let client = client();
    let (_, mut table) = client.ask("GET", "/demo/message-table", "").await;
    assert!(table.as_object_mut().unwrap().remove("at_ns").unwrap().is_u64());
    assert_eq!(table, json!({"store": null, "rows_kept": 2_000, "queries": null}));
    let typed = r#"{"kind":"typed","text":"hello"}"#;
    assert_eq!(client.status("POST", "/feeds/message-table/messages", typed).await, 201);
    let (status, filled) = client.ask("POST", "/demo/message-table/fill", "").await;
    assert_eq!((status, filled), (StatusCode::CREATED, json!({"inserted": 100})));
    let response = client.answer("POST", "/demo/message-table/fill", "").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let path = "/feeds/message-table/short-polling?mode=whole";
    for _ in 0..2 {
        let (_, whole) = client.ask("GET", path, "").await;
        assert_eq!(whole["messages"].as_array().unwrap().len(), 101);
    }
}

#[tokio::test]
async fn the_cost_of_sampling_starts_at_zero() {
    let (_, mut cost) = client().ask("GET", "/demo/monitor/cost", "").await;
    assert!(cost.as_object_mut().unwrap().remove("at_ns").unwrap().is_u64());
    assert_eq!(cost, json!({"samples": 0, "sampling_us": 0, "naive_connections": 0}));
}

#[tokio::test]
async fn unknown_methods_and_paths_are_rejected_and_no_response_is_stored() {
    let client = client();
    for (method, path) in [
        ("POST", "/demo/time"),
        ("GET", "/demo/publisher"),
        ("DELETE", "/demo/jobs"),
        ("POST", "/web/style.css"),
        ("POST", "/"),
    ] {
        let response = client.answer(method, path, "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(response.headers().contains_key(header::ALLOW), "{method} {path}");
    }
    assert_eq!(client.status("GET", "/demo/nothing", "").await, 404);
    assert_eq!(client.status("GET", "/healthz", "").await, 200);
    for path in ["/demo/state", "/demo/message-table", "/demo/lanes/01234567"] {
        let response = client.answer("GET", path, "").await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store", "{path}");
    }
}
