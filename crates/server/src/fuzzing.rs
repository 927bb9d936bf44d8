//! What fuzzing checks in this crate. `fuzz/` runs these functions on random bytes; a test runs
//! them on the corpora.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::Service;
use wirebench_protocol::{After, Cursor, FEED_CURSOR};

use crate::access::{Access, Token};
use crate::connection;
use crate::feed::{Feed, JsonPayload};
use crate::server::Server;

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

/// Whatever bytes come over a connection, the server never answers with a server error, and it
/// closes the connection when it stops. `@` stands for the feed's epoch.
pub fn connection(bytes: &[u8]) {
    let (server, feed) = server(0);
    let bytes = with_epoch(bytes, &feed);
    run(async {
        let (ours, mut theirs) = socket_pair();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let serving = connection::serve(server.state().clone(), ours, peer, server.router());
        let client = async {
            let (mut reading, mut writing) = theirs.split();
            let mut answers = Vec::new();
            let talking = async {
                // The server may close the connection before it has read everything.
                let _ = writing.write_all(&bytes).await;
                steps().await;
                let closing = async {
                    steps().await;
                    let _ = writing.shutdown().await;
                };
                tokio::join!(server.stop(), closing)
            };
            let _ = tokio::join!(talking, reading.read_to_end(&mut answers));
            answers
        };
        let ((), answers) = tokio::join!(serving, client);
        let first = answers.get(..12).unwrap_or_default();
        assert!(!first.starts_with(b"HTTP/1.1 5"), "{}", String::from_utf8_lossy(&answers));
        assert_eq!(server.connections(), 0, "the connection is forgotten");
    });
}

/// Creates a server with one feed, which has dropped its first message and keeps two.
fn server(access: u8) -> (Server, Feed) {
    let feed = Feed::new(2);
    for json in ["1", r#"{"a":"b"}"#, "\"c\""] {
        feed.publish(JsonPayload::from_json(json.as_bytes()).expect("it is JSON"));
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

/// Returns the two ends of a connection without addresses, so that no port is used up.
fn socket_pair() -> (TcpStream, TcpStream) {
    let (ours, theirs) = UnixStream::pair().expect("there are files left");
    let of = |end: UnixStream| {
        end.set_nonblocking(true).expect("any socket can be asked not to block");
        TcpStream::from_std(OwnedFd::from(end).into()).expect("the runtime watches any socket")
    };
    (of(ours), of(theirs))
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpora_hold() {
    replay::replay("request", request);
    replay::replay("connection", connection);
}
