//! What fuzzing checks in this crate. `fuzz/` runs these functions on random bytes; a test runs
//! them on the corpora.

mod connections;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, header};
use tower::Service;
use wirebench_protocol::{After, Cursor, FEED_CURSOR, Timestamp};

use crate::access::{Access, Token};
use crate::feed::{Feed, JsonPayload};
use crate::server::Server;

pub use self::connections::{connection, plain};

const TOKEN: &str = "a-token-of-some-length";

/// The time in which a server that stops has to end, whatever the input was.
const STOP_TIME: Duration = Duration::from_secs(8);

/// The number of times that the server may run before it is stopped.
const STEPS: usize = 32;

/// Every request is answered, at the latest when the server stops. The answer is never a server
/// error, and a client error has a body in JSON.
///
/// The first byte says whether there are tokens and allowed origins. Then come the method and the
/// address, one header on each line, a blank line, and the body. `@` stands for the feed's epoch.
pub fn request(bytes: &[u8]) {
    let Some((access, text)) = bytes.split_first() else { return };
    let (server, feed) = server(*access);
    let Some(request) = parse(&with_epoch(text, &feed)) else { return };
    let head_only = request.method() == Method::HEAD;
    let shown = format!("{request:?}");
    run(async {
        let mut router = server.router();
        let answer = async {
            let answer: Response<Body> =
                router.call(request).await.unwrap_or_else(|no| match no {});
            let (head, body) = answer.into_parts();
            (head, to_bytes(body, 1 << 20).await.expect("a body ends, and is not large"))
        };
        let end = async {
            steps().await;
            server.stop().await;
        };
        let ((head, body), ()) = tokio::join!(answer, end);
        let shown = format!("{} {:?} to {shown}", head.status, head.headers);
        assert!(!head.status.is_server_error(), "{shown}");
        let kind = head.headers.get(header::CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
        let json: Option<serde_json::Value> = (kind == Some(b"application/json"))
            .then(|| serde_json::from_slice(&body))
            .and_then(Result::ok);
        if let Some(cursor) = head.headers.get(FEED_CURSOR) {
            let cursor = cursor.to_str().ok().and_then(|cursor| cursor.parse::<Cursor>().ok());
            assert!(cursor.is_some(), "{shown}");
        }
        if head_only {
            return;
        }
        if head.status.is_client_error() {
            let words = |key| json.as_ref().and_then(|json| json.get(key)?.as_str());
            assert!(words("error").is_some() && words("hint").is_some(), "{shown}");
        }
        assert_eq!(json.is_some(), kind == Some(b"application/json"), "{shown}");
    });
}

/// Creates a server with one feed, which has dropped its first message and keeps two.
fn server(access: u8) -> (Server, Feed) {
    let feed = Feed::new(2);
    for json in ["1", r#"{"a":"b"}"#, "\"c\""] {
        let payload = JsonPayload::from_json(json.as_bytes()).expect("it is JSON");
        feed.publish_due(payload, Timestamp::from_nanos(1));
    }
    let token = |bit: u8| (access & bit > 0).then(|| Token::new(TOKEN).expect("it is long enough"));
    let origins = (access & 4 > 0).then(|| "https://example.org".to_owned());
    let access = Access::new(token(1), token(2), origins);
    (Server::new([("bench".to_owned(), feed.clone())]).with_access(access), feed)
}

fn with_epoch(text: &[u8], feed: &Feed) -> Vec<u8> {
    let newest = feed.locate(After::Newest).expect("the newest message can be located");
    let epoch = format!("{:016x}", newest.epoch.0);
    let mut whole = Vec::new();
    for part in text.split_inclusive(|byte| *byte == b'@') {
        match part.strip_suffix(b"@") {
            Some(part) => whole.extend_from_slice(&[part, epoch.as_bytes()].concat()),
            None => whole.extend_from_slice(part),
        }
    }
    whole
}

/// Returns the request that the bytes stand for, if hyper would accept it.
fn parse(text: &[u8]) -> Option<Request<Body>> {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let (first, mut rest) = (lines.next()?, lines.next().unwrap_or_default());
    let space = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::builder().method(&first[..space]).uri(&first[space + 1..]);
    loop {
        let mut lines = rest.splitn(2, |byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default();
        rest = lines.next().unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    request.body(Body::from(rest.to_vec())).ok()
}

/// Lets the server run for a while.
async fn steps() {
    for _ in 0..STEPS {
        tokio::task::yield_now().await;
    }
}

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime takes a few files and some memory");
    runtime.block_on(async {
        tokio::time::timeout(STOP_TIME, work).await.expect("a server that stops ends its answers");
    });
}

#[cfg(test)]
#[path = "../../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpora_hold() {
    replay::replay("request", request);
    replay::replay("connection", connection);
    replay::replay("plain", plain);
    // A request to the router is also one to a connection.
    replay::replay("request", connections::requested);
}
