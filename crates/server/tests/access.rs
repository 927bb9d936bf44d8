//! Who may subscribe and publish, on every transport alike.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod raw;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;
use wirebench_protocol::Transport;
use wirebench_server::{Access, Feed, Server, Token};

const PUBLISH: &str = "publish-token-0123456789";
const SUBSCRIBE: &str = "subscribe-token-0123456789";

fn guarded() -> Server {
    let [publish, subscribe] = [PUBLISH, SUBSCRIBE].map(|token| Some(Token::new(token).unwrap()));
    let access = Access::new(publish, subscribe, ["https://allowed.example".to_owned()]);
    Server::new([("bench".to_owned(), Feed::new(10))]).with_access(access)
}

/// A request to subscribe, as a browser or a tool would send it.
fn subscription(transport: Transport, query: &str) -> axum::http::request::Builder {
    let query = format!("hold=0&{query}");
    let request = Request::get(raw::address(transport, "bench", &query));
    let request = request.header("host", "localhost:8080");
    let headers = raw::upgrade_headers(transport).iter();
    headers.fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn answer(server: &Server, request: Request<Body>) -> Response {
    server.router().oneshot(request).await.unwrap()
}

async fn status(server: &Server, request: axum::http::request::Builder) -> StatusCode {
    answer(server, request.body(Body::empty()).unwrap()).await.status()
}

async fn ticket(server: &Server, token: &str) -> String {
    let request = Request::post("/tickets").header("authorization", format!("Bearer {token}"));
    let response = answer(server, request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn subscribing_requires_the_token_or_a_ticket_on_every_transport() {
    let server = guarded();
    let ticket = ticket(&server, SUBSCRIBE).await;
    for transport in Transport::ALL.into_iter().filter(|&of| raw::asks_in_one_request(of)) {
        let stranger =
            answer(&server, subscription(transport, "").body(Body::empty()).unwrap()).await;
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED, "{transport}");
        assert_eq!(stranger.headers()["www-authenticate"], "Bearer", "{transport}");
        let wrong = subscription(transport, "").header("authorization", "Bearer 0123456789abcdef");
        assert_eq!(status(&server, wrong).await, StatusCode::UNAUTHORIZED, "{transport}");
        let wrong = subscription(transport, "ticket=guessed");
        assert_eq!(status(&server, wrong).await, StatusCode::UNAUTHORIZED, "{transport}");
        for token in [SUBSCRIBE, PUBLISH] {
            let right =
                subscription(transport, "").header("authorization", format!("Bearer {token}"));
            assert!(!status(&server, right).await.is_client_error(), "{transport}");
        }
        let right = subscription(transport, &format!("ticket={ticket}"));
        assert!(!status(&server, right).await.is_client_error(), "{transport}");
    }
    let metrics = Request::get("/metrics");
    assert_eq!(status(&server, metrics).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, Request::get("/healthz")).await, StatusCode::OK);
}

#[tokio::test]
async fn publishing_requires_its_own_token() {
    let server = guarded();
    for (token, expected) in [
        (PUBLISH, StatusCode::CREATED),
        (SUBSCRIBE, StatusCode::UNAUTHORIZED),
        ("0123456789abcdef", StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::post("/feeds/bench/messages");
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer = answer(&server, request.body(Body::from("1")).unwrap()).await;
        assert_eq!(answer.status(), expected, "{token}");
    }
    assert_eq!(server.feed("bench").unwrap().published(), 1);
}

#[tokio::test]
async fn an_echo_requires_the_token_that_subscribing_does_and_an_origin_that_is_allowed() {
    let server = guarded();
    let ask = async |token: &str, origin: &str| {
        let request = Request::post("/feeds/bench/echo").header("host", "localhost:8080");
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("origin", origin).body(Body::from("1")).unwrap();
        answer(&server, request).await.status()
    };
    let (own, other) = ("http://localhost:8080", "https://evil.example");
    assert_eq!(ask(SUBSCRIBE, own).await, StatusCode::OK);
    assert_eq!(ask(PUBLISH, own).await, StatusCode::OK);
    assert_eq!(ask("0123456789abcdef", own).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(SUBSCRIBE, other).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_on_every_transport() {
    let server = Server::new([("bench".to_owned(), Feed::new(10))]).with_access(Access::new(
        None,
        None,
        ["https://allowed.example".to_owned()],
    ));
    for transport in Transport::ALL {
        let ask = |origin| subscription(transport, "").header("origin", origin);
        let foreign = status(&server, ask("https://evil.example")).await;
        assert_eq!(foreign, StatusCode::FORBIDDEN, "{transport}");
        for origin in ["http://localhost:8080", "https://allowed.example"] {
            let known = status(&server, ask(origin)).await;
            assert!(!known.is_client_error(), "{transport} {origin}: {known}");
        }
    }
    let publish = |origin| {
        let request = Request::post("/feeds/bench/messages").header("host", "localhost:8080");
        request.header("origin", origin).body(Body::from("1")).unwrap()
    };
    assert_eq!(
        answer(&server, publish("https://evil.example")).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        answer(&server, publish("http://localhost:8080")).await.status(),
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_the_answers() {
    let server = Server::new([("bench".to_owned(), Feed::new(10))]).with_access(Access::new(
        None,
        None,
        ["https://allowed.example".to_owned()],
    ));
    let preflight = Request::options("/feeds/bench/messages")
        .header("origin", "https://allowed.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type")
        .body(Body::empty())
        .unwrap();
    let answered = answer(&server, preflight).await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(answered.headers()["access-control-allow-origin"], "https://allowed.example");
    assert!(
        answered.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("authorization")
    );

    let poll =
        subscription(Transport::ShortPolling, "").header("origin", "https://allowed.example");
    let answered = answer(&server, poll.body(Body::empty()).unwrap()).await;
    assert_eq!(answered.headers()["access-control-allow-origin"], "https://allowed.example");
    let exposed = answered.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
    assert!(exposed.contains("feed-cursor"), "{exposed}");

    // If no origin is allowed, the answer has no header about origins.
    let closed = Server::new([("bench".to_owned(), Feed::new(10))]);
    let poll = subscription(Transport::ShortPolling, "").body(Body::empty()).unwrap();
    assert!(!answer(&closed, poll).await.headers().contains_key("access-control-allow-origin"));
}
