//! What each route answers, without a socket.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod raw;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wirebench_protocol::{After, ShortPollingMode, Transport};
use wirebench_server::{ControlApi, Feed, JsonPayload, Recipients, Server, Token};

const TOKEN: &str = "a-token-of-some-length";

fn server() -> (Server, Feed) {
    let feed = Feed::new(10);
    (Server::new([("bench".to_owned(), feed.clone())]), feed)
}

fn publish(feed: &Feed, texts: &[&str]) {
    for text in texts {
        feed.publish(JsonPayload::from_json(text.as_bytes()).unwrap());
    }
}

async fn ask(
    router: axum::Router,
    request: Request<Body>,
) -> (StatusCode, Vec<(String, String)>, Vec<u8>) {
    let response = router.oneshot(request).await.unwrap();
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let (status, headers) = (response.status(), headers.collect());
    (status, headers, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn both_kinds_of_polling_give_the_same_answer_when_there_are_messages() {
    let (server, feed) = server();
    publish(&feed, &["{\"a\":1}", "\"b\""]);
    let newest = feed.locate(After::Newest).unwrap();
    for transport in Transport::ALL.into_iter().filter(|transport| transport.polls()) {
        let uri = format!("{}?after={}", transport.path("bench"), newest.at(0));
        let (status, headers, body) = ask(server.router(), get(&uri)).await;
        assert_eq!(status, StatusCode::OK, "{transport}");
        assert_eq!(header(&headers, "feed-cursor"), Some(&*newest.to_string()), "{transport}");
        assert_eq!(header(&headers, "cache-control"), Some("no-store"), "{transport}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["cursor"], newest.to_string());
        assert_eq!(body["messages"][0]["payload"], json!({"a": 1}), "{transport}");
        assert_eq!(body["messages"][1]["seq"], 2, "{transport}");

        let again = get_unless(&uri, header(&headers, "etag").unwrap());
        let (status, headers, body) = ask(server.router(), again).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{transport}");
        assert!(header(&headers, "feed-cursor").is_some(), "{transport}");
    }
}

/// Returns a poll for the answer that has this entity tag.
fn get_unless(uri: &str, tag: &str) -> Request<Body> {
    let mut request = get(uri);
    request.headers_mut().insert("if-none-match", tag.parse().unwrap());
    request
}

/// Returns the numbers of the messages in the body of a poll.
fn places(body: &[u8]) -> Vec<u64> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let messages = body["messages"].as_array().unwrap().iter();
    messages.map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_feed_in_memory_answers_a_poll_of_the_table_like_any_other_poll() {
    let (server, feed) = server();
    let strange = Feed::new(1).locate(After::Newest).unwrap();
    let newest = feed.locate(After::Newest).unwrap();
    for published in [0, 3, 12] {
        while feed.published() < published {
            publish(&feed, &["1"]);
        }
        let cursors = [1, 2, 3, 12, 13].map(|seq| newest.at(seq).to_string());
        let others = ["", "start", "nonsense", &strange.to_string()].map(str::to_owned);
        for after in cursors.into_iter().chain(others) {
            let uri = format!("/feeds/bench/short-polling?after={after}");
            let plain = ask(server.router(), get(&uri)).await;
            for mode in ["cursor", "table"] {
                let answer = ask(server.router(), get(&format!("{uri}&mode={mode}"))).await;
                assert_eq!(answer, plain, "{published} published, {mode} after `{after}`");
            }
        }
    }
}

#[tokio::test]
async fn a_poll_of_the_whole_table_gets_everything_that_is_kept_each_time() {
    const URI: &str = "/feeds/bench/short-polling?mode=whole";
    let (server, feed) = server();
    let start = feed.locate(After::Newest).unwrap();
    let (status, headers, _) = ask(server.router(), get(URI)).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "nothing was published");
    assert_eq!(header(&headers, "feed-cursor"), Some(&*start.to_string()));

    let mut tags = std::collections::HashSet::new();
    for published in 1..=15_u64 {
        publish(&feed, &["1"]);
        let oldest = published.saturating_sub(9).max(1);
        for _ in 0..2 {
            let (status, headers, body) = ask(server.router(), get(URI)).await;
            assert_eq!(status, StatusCode::OK);
            assert!(places(&body).into_iter().eq(oldest..=published), "{published}");
            let cursor = start.at(published).to_string();
            assert_eq!(header(&headers, "feed-cursor"), Some(&*cursor));
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body.get("gap"), None, "nobody asked for what has left the window");

            let tag = header(&headers, "etag").unwrap();
            tags.insert(tag.to_owned());
            let (status, headers, body) = ask(server.router(), get_unless(URI, tag)).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
            assert_eq!(header(&headers, "feed-cursor"), Some(&*cursor));
        }
        assert_eq!(tags.len() as u64, published, "a tag for each content");
    }
    feed.publish_to(
        JsonPayload::from_json(b"1").unwrap(),
        Recipients::Only("ann".parse().unwrap()),
    );
    let (_, _, body) = ask(server.router(), get(URI)).await;
    assert!(places(&body).into_iter().eq(7..=15));
    let (_, _, body) = ask(server.router(), get(&format!("{URI}&as=ann"))).await;
    assert!(places(&body).into_iter().eq(7..=16));
}

#[tokio::test]
async fn the_whole_table_has_a_bound_and_its_cursor_leads_to_the_rest() {
    const BOUND: u64 = ShortPollingMode::MAX_WHOLE_MESSAGES as u64;
    let feed = Feed::new(usize::MAX);
    let payload = JsonPayload::from_json(b"1").unwrap();
    for _ in 0..BOUND + 2 {
        feed.publish(&payload);
    }
    let server = Server::new([("bench".to_owned(), feed)]);
    let (_, headers, body) =
        ask(server.router(), get("/feeds/bench/short-polling?mode=whole")).await;
    assert!(places(&body).into_iter().eq(1..=BOUND));
    let cursor = header(&headers, "feed-cursor").unwrap();
    let uri = format!("/feeds/bench/short-polling?mode=table&after={cursor}");
    let (_, _, body) = ask(server.router(), get(&uri)).await;
    assert_eq!(places(&body), [BOUND + 1, BOUND + 2]);
}

#[tokio::test]
async fn a_poll_in_an_unknown_mode_or_with_a_cursor_that_its_mode_lacks_is_refused() {
    let (server, feed) = server();
    publish(&feed, &["1"]);
    let cursor = feed.locate(After::Newest).unwrap();
    let error = async |query: &str| {
        let uri = format!("/feeds/bench/short-polling?{query}");
        let (status, _, body) = ask(server.router(), get(&uri)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["error"].as_str().unwrap().to_owned()
    };
    for query in ["mode=all", "mode=", "mode=Whole"] {
        let error = error(query).await;
        for mode in ShortPollingMode::ALL {
            assert!(error.contains(&format!("`{mode}`")), "{query}: {error}");
        }
    }
    for after in [cursor.to_string(), "start".to_owned(), "nonsense".to_owned()] {
        let error = error(&format!("mode=whole&after={after}")).await;
        assert!(error.contains("`mode=whole`") && error.contains("`after`"), "{error}");
    }
}

#[tokio::test]
async fn a_push_timer_out_of_range_is_a_bad_request() {
    let (server, _) = server();
    // A transport without a path for each feed is asked in another way.
    let of_a_feed = |transport: &Transport| transport.path("a") != transport.path("b");
    for transport in Transport::ALL.into_iter().filter(of_a_feed) {
        for every in ["0", "-1", "0.0009", "60.1", "NaN", "inf", "soon"] {
            let uri = format!("{}?every={every}", transport.path("bench"));
            let (status, _, body) = ask(server.router(), get(&uri)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert!(body["hint"].as_str().unwrap().contains("`every`"), "{uri}: {body}");
        }
    }
}

#[tokio::test]
async fn a_poll_that_finds_nothing_repeats_the_cursor() {
    let (server, feed) = server();
    publish(&feed, &["1"]);
    for uri in ["/feeds/bench/short-polling", "/feeds/bench/long-polling?hold=0"] {
        let (status, headers, body) = ask(server.router(), get(uri)).await;
        assert_eq!((status, body.len()), (StatusCode::NO_CONTENT, 0), "{uri}");
        let newest = feed.locate(After::Newest).unwrap().to_string();
        assert_eq!(header(&headers, "feed-cursor"), Some(&*newest), "{uri}");
    }
}

/// The clock is paused, and moves to the next timer when nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn a_poll_passes_what_is_not_for_its_subscriber() {
    let (server, feed) = server();
    let start = feed.locate(After::Newest).unwrap();
    let to = |name: &str| {
        let payload = JsonPayload::from_json(format!("\"{name}\"").as_bytes()).unwrap();
        feed.publish_to(payload, Recipients::Only(name.parse().unwrap()));
    };
    let poll = |kind: &str, rest: &str| {
        let uri = format!("/feeds/bench/{kind}?as=ann{rest}");
        ask(server.router(), get(&uri))
    };
    to("bob");
    for (kind, rest) in [("short-polling", ""), ("long-polling", "&hold=0")] {
        let (status, headers, _) = poll(kind, &format!("{rest}&after={start}")).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{kind}");
        assert_eq!(header(&headers, "feed-cursor"), Some(&*start.at(1).to_string()), "{kind}");
    }

    let while_held = async |name: Option<&str>| {
        let rest = format!("&hold=10&after={start}");
        let publishing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            to("bob");
            tokio::time::sleep(Duration::from_secs(1)).await;
            name.inspect(|name| to(name));
        };
        let began = tokio::time::Instant::now();
        let (answer, ()) = tokio::join!(poll("long-polling", &rest), publishing);
        (answer, began.elapsed())
    };
    let ((status, headers, _), held) = while_held(None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(held >= Duration::from_secs(9), "{held:?}");
    let after_both = start.at(2).to_string();
    assert_eq!(header(&headers, "feed-cursor"), Some(&*after_both), "past what was skipped");

    let ((status, headers, body), held) = while_held(Some("ann")).await;
    assert_eq!((status, held.as_secs()), (StatusCode::OK, 2));
    assert_eq!(header(&headers, "feed-cursor"), Some(&*start.at(4).to_string()));
    let body: Value = serde_json::from_slice(&body).unwrap();
    let messages = body["messages"].as_array().unwrap().iter();
    let messages: Vec<_> = messages.map(|message| (&message["seq"], &message["payload"])).collect();
    assert_eq!(messages, [(&json!(4), &json!("ann"))]);
}

#[tokio::test]
async fn a_wrong_request_is_answered_with_the_right_status_and_a_hint() {
    let (server, feed) = server();
    let future = feed.locate(After::Newest).unwrap().at(99);
    for transport in Transport::ALL.into_iter().filter(|&of| raw::asks_in_one_request(of)) {
        for (feed, query, status) in [
            ("nosuch", "", StatusCode::NOT_FOUND),
            ("bench", "after=what", StatusCode::BAD_REQUEST),
            ("bench", &format!("after={future}"), StatusCode::BAD_REQUEST),
            ("bench", "hold=long", StatusCode::BAD_REQUEST),
            ("bench", "afetr=start", StatusCode::BAD_REQUEST),
        ] {
            let uri = raw::address(transport, feed, query);
            let (found, _, body) = ask(server.router(), get(&uri)).await;
            assert_eq!(found, status, "{uri}");
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert!(body["error"].is_string() && body["hint"].is_string(), "{uri}: {body}");
        }
    }
    for transport in Transport::ALL {
        let wrong = Request::delete(transport.path("bench")).body(Body::empty()).unwrap();
        let (status, headers, body) = ask(server.router(), wrong).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        if transport == Transport::SocketIo {
            // Engine.IO has its own answer, which the test suite of its document demands.
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(body["code"].is_number(), "{body}");
            continue;
        }
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{transport}");
        assert_eq!(header(&headers, "allow"), Some(raw::methods(transport)), "{transport}");
        assert!(body["hint"].is_string(), "{transport}");
    }
    let (status, _, body) = ask(server.router(), get("/nowhere")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string());
}

#[tokio::test]
async fn a_misspelt_or_malformed_parameter_is_named_with_those_that_are_known() {
    let (server, _) = server();
    let of_subscribers = "expected one of `after`, `as`, `ticket`";
    let mut addresses = vec![
        (Request::post("/feeds/bench/messages?too=a"), "`too`, expected `to` or `except`"),
        (Request::post("/feeds/bench/messages?to="), "`to`: malformed name of a subscriber ``"),
    ];
    for transport in Transport::ALL.into_iter().filter(|&of| raw::asks_in_one_request(of)) {
        let address = |query| Request::get(raw::address(transport, "bench", query));
        addresses.push((address("sa=ann"), of_subscribers));
        addresses.push((address("as=a+b"), "`as`: malformed name of a subscriber `a b`"));
    }
    for (request, expected) in addresses {
        let request = request.body(Body::from("1")).unwrap();
        let uri = request.uri().clone();
        let (status, _, body) = ask(server.router(), request).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}: {body}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains("query parameter `") && error.contains(expected), "{uri}: {body}");
    }
}

#[tokio::test]
async fn a_websocket_address_without_an_upgrade_is_answered_with_the_version_to_use() {
    let (server, _) = server();
    let (status, headers, _) = ask(server.router(), get("/feeds/bench/websocket")).await;
    assert_eq!(status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(header(&headers, "sec-websocket-version"), Some("13"));
}

#[tokio::test]
async fn any_json_value_is_published_and_anything_else_is_refused() {
    let post = |kind: Option<&str>, body: &[u8]| {
        let request = Request::post("/feeds/bench/messages");
        let request = kind.into_iter().fold(request, |r, kind| r.header("content-type", kind));
        request.body(Body::from(body.to_vec())).unwrap()
    };
    let (server, feed) = server();
    let json = Some("application/json; charset=utf-8");
    for body in ["{}", "\"\"", "null", " 1 ", "[\"\\u2028\"]"] {
        let (status, _, answer) = ask(server.router(), post(json, body.as_bytes())).await;
        let newest = feed.locate(After::Newest).unwrap();
        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(answer, format!("{{\"cursor\":\"{newest}\"}}").as_bytes());
    }
    let large = vec![b'1'; wirebench_server::MAX_PAYLOAD_BYTES + 1];
    for (kind, body, status) in [
        (json, &b""[..], StatusCode::BAD_REQUEST),
        (json, b"{", StatusCode::BAD_REQUEST),
        (Some("text/plain"), b"1", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (None, &large, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (found, _, answer) = ask(server.router(), post(kind, body)).await;
        assert_eq!(found, status);
        assert!(serde_json::from_slice::<Value>(&answer).unwrap()["error"].is_string());
    }
    assert_eq!(feed.published(), 5, "refused messages are not in the feed");
}

#[tokio::test]
async fn bytes_are_published_and_echoed_as_they_are() {
    let (server, feed) = server();
    let post = async |path: &str, key: &str, body: &[u8]| {
        let request = Request::post(path).header("content-type", "Application/Octet-Stream");
        let request = request.header("idempotency-key", key);
        ask(server.router(), request.body(Body::from(body.to_vec())).unwrap()).await
    };
    let all: Vec<u8> = (0..=255).collect();
    for (key, body, base64) in
        [("a", &all[..], None), ("b", b"", Some("")), ("c", b"1", Some("MQ=="))]
    {
        let (status, ..) = post("/feeds/bench/messages", key, body).await;
        assert_eq!(status, StatusCode::CREATED, "{key}");
        let (status, ..) = post("/feeds/bench/messages", key, body).await;
        assert_eq!(status, StatusCode::OK, "{key}: repeated");
        let (status, headers, echo) = post("/feeds/bench/echo", key, body).await;
        assert_eq!((status, &echo[..]), (StatusCode::OK, body), "{key}");
        assert_eq!(header(&headers, "content-type"), Some("application/octet-stream"));
        let before = feed.locate(After::Newest).unwrap().at(feed.published() - 1);
        let uri = format!("/feeds/bench/short-polling?after={before}");
        let answer: Value =
            serde_json::from_slice(&ask(server.router(), get(&uri)).await.2).unwrap();
        let message = &answer["messages"][0];
        assert_eq!(message.get("payload"), None, "{key}");
        if let Some(base64) = base64 {
            assert_eq!(message["payload_base64"], base64, "{key}");
        }
    }
    let (status, ..) = post("/feeds/bench/messages", "a", b"other").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(feed.published(), 3);
    let large = vec![0; wirebench_server::MAX_PAYLOAD_BYTES + 1];
    for (body, status) in
        [(&large[1..], StatusCode::CREATED), (&large, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        assert_eq!(post("/feeds/bench/messages", "large", body).await.0, status, "{}", body.len());
    }
}

#[tokio::test]
async fn a_feed_with_a_check_takes_no_bytes() {
    let feed = Feed::new(10).with_check(|_| Ok(()));
    let server = Server::new([("bench".to_owned(), feed.clone())]);
    let request = Request::post("/feeds/bench/messages");
    let request = request.header("content-type", "application/octet-stream");
    let (status, _, answer) = ask(server.router(), request.body(Body::from("1")).unwrap()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(serde_json::from_slice::<Value>(&answer).unwrap()["hint"].is_string());
    assert_eq!(feed.published(), 0);
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_publishes_once() {
    let (server, feed) = server();
    let post = async |key: &str, body: &str| {
        let request = Request::post("/feeds/bench/messages").header("idempotency-key", key);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, _, answer) = ask(server.router(), request).await;
        (status, serde_json::from_slice::<Value>(&answer).unwrap())
    };
    let (status, first) = post("\"8e03978e\"", "1").await;
    assert_eq!((status, first.get("repeated")), (StatusCode::CREATED, None));
    let (status, again) = post("8e03978e", "1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(again, json!({ "cursor": first["cursor"], "repeated": true }));
    assert_eq!(feed.published(), 1);
    assert_eq!(post("8e03978e", "2").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post("", "1").await.0, StatusCode::BAD_REQUEST);
    let metrics = server.metrics_text();
    for line in ["wirebench_published_total 1", "wirebench_repeated_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn an_echo_returns_the_body_as_it_came_and_publishes_nothing() {
    let (server, feed) = server();
    let post = async |kind: &str, body: &str| {
        let request = Request::post("/feeds/bench/echo").header("content-type", kind);
        ask(server.router(), request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let value = " {\"a\": [1,\r\n2]} ";
    let (status, headers, body) = post("application/json", value).await;
    assert_eq!((status, &*body), (StatusCode::OK, value.as_bytes()));
    assert_eq!(header(&headers, "content-type"), Some("application/json"));
    assert_eq!(header(&headers, "cache-control"), Some("no-store"));
    assert_eq!(post("text/plain", "1").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for malformed in ["", "{", "1 2"] {
        assert_eq!(post("application/json", malformed).await.0, StatusCode::BAD_REQUEST);
    }
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(post("application/json", &long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let nowhere = Request::post("/feeds/nowhere/echo").body(Body::from("1")).unwrap();
    assert_eq!(ask(server.router(), nowhere).await.0, StatusCode::NOT_FOUND);
    assert_eq!(feed.published(), 0);
    let metrics = server.metrics_text();
    for line in [
        "wirebench_echoed_total 1",
        "wirebench_published_total 0",
        "wirebench_requests_total{route=\"echo\",status=\"200\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_publisher_is_started_counted_and_stopped() {
    let (server, feed) = server();
    let control = ControlApi::new(server, Token::new(TOKEN).unwrap()).router();
    let stranger = ask(control.clone(), get("/usage")).await;
    assert_eq!(stranger.0, StatusCode::UNAUTHORIZED);
    let send = |method: Method, uri: &str, body: Value| {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        ask(control.clone(), request.header("content-type", "application/json").body(body).unwrap())
    };
    let window = json!({"from_ns": 0, "to_ns": u64::MAX});
    assert_eq!(
        send(Method::GET, "/feeds/bench/window", Value::Null).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(send(Method::PUT, "/feeds/bench/window", window).await.0, StatusCode::OK);

    let plan = json!({"rate": 500.0, "pace": {"burst": 2}, "payload": {"bytes": 8}, "seed": 1});
    let start = send(Method::POST, "/feeds/bench/publisher", plan.clone()).await;
    assert_eq!(start.0, StatusCode::CREATED);
    let second = send(Method::POST, "/feeds/bench/publisher", plan).await;
    assert_eq!(second.0, StatusCode::CONFLICT);
    feed.wait(feed.locate(After::Newest).unwrap()).await;

    let (_, _, report) = send(Method::DELETE, "/feeds/bench/publisher", Value::Null).await;
    let report: Value = serde_json::from_slice(&report).unwrap();
    let (_, _, count) = send(Method::GET, "/feeds/bench/window", Value::Null).await;
    let count: Value = serde_json::from_slice(&count).unwrap();
    assert!(report["published"].as_u64() > Some(0));
    assert_eq!(report["published"], count["published"]);
    assert_eq!((&count["except"], &count["only"]), (&json!(0), &json!(0)));
    assert_eq!((&count["first_seq"], &count["last_seq"]), (&json!(1), &report["published"]));

    let (status, _, usage) = send(Method::GET, "/usage", Value::Null).await;
    let usage: Value = serde_json::from_slice(&usage).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(usage["cpu_ns"].as_u64() > Some(0) && usage["rss_bytes"].as_u64() > Some(0));
    for plan in [
        json!({"rate": 0}),
        json!({"rate": 1, "pace": "wild", "payload": {"bytes": 8}, "seed": 1}),
        json!({"rate": 1, "pace": "exact", "payload": {"file": "/nosuch"}, "seed": 1}),
    ] {
        let (status, _, body) = send(Method::POST, "/feeds/bench/publisher", plan).await;
        assert!(status.is_client_error());
        assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn a_feed_name_that_is_not_utf_8_is_answered_in_json() {
    let (server, _) = server();
    for path in ["sse", "short-polling", "websocket", "messages", "echo"] {
        let posts = ["messages", "echo"].contains(&path);
        let method = if posts { Method::POST } else { Method::GET };
        let request = Request::builder().method(method).uri(format!("/feeds/%ff/{path}"));
        let (status, headers, body) =
            ask(server.router(), request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(header(&headers, "content-type"), Some("application/json"), "{path}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["error"].is_string() && body["hint"].is_string(), "{path}: {body}");
    }
}

/// Something that happens around the end of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The subscriber sends a request unless one is under way, and the server is polled once.
    Ask,
    /// A message is published.
    Publish,
    /// The hold ends.
    TimePasses,
}

/// A message is in exactly one answer, and no answer has a cursor past it, whenever it is
/// published: before the request, while the request is held, when the hold ends before the answer,
/// and while the answer is on its way. The test runs all orders of five steps, with a clock that
/// moves only when it is told to.
#[tokio::test(start_paused = true)]
async fn a_message_published_around_the_edge_of_a_long_poll_is_in_exactly_one_answer() {
    use Step::{Ask, Publish, TimePasses};

    const STEPS: [Step; 3] = [Ask, Publish, TimePasses];
    for order in 0..3_usize.pow(5) {
        let steps: Vec<Step> = (0..5).map(|place| STEPS[order / 3_usize.pow(place) % 3]).collect();
        let (server, feed) = server();
        let (mut after, mut seen) = (feed.locate(After::Newest).unwrap(), Vec::new());
        let mut pending = None;
        // In the end, the subscriber asks until it has seen everything.
        let mut rest = std::iter::repeat_n(Ask, 20);
        let mut left = steps.iter().copied();
        while let Some(step) = left.next().or_else(|| rest.next()) {
            match step {
                Publish => publish(&feed, &["0"]),
                TimePasses => tokio::time::advance(std::time::Duration::from_secs(2)).await,
                Ask => {
                    let uri = format!("/feeds/bench/long-polling?hold=1&after={after}");
                    let asking =
                        pending.get_or_insert_with(|| Box::pin(ask(server.router(), get(&uri))));
                    let Some(answer) = futures::FutureExt::now_or_never(asking) else { continue };
                    pending = None;
                    let (status, headers, body) = answer;
                    let cursor = header(&headers, "feed-cursor").unwrap().parse().unwrap();
                    if status == StatusCode::NO_CONTENT {
                        assert_eq!(cursor, after, "{steps:?}: an empty answer moves the cursor");
                        continue;
                    }
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let messages = body["messages"].as_array().unwrap();
                    seen.extend(messages.iter().map(|message| message["seq"].as_u64().unwrap()));
                    after = cursor;
                }
            }
        }
        assert_eq!(seen, (1..=feed.published()).collect::<Vec<_>>(), "{steps:?}");
    }
}
