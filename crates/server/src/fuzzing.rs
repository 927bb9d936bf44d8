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
use wirebench_protocol::{After, Cursor, FEED_CURSOR, HttpStack, Timestamp};

use crate::access::{Access, Token};
use crate::connection::{self, App};
use crate::feed::{Feed, JsonPayload};
use crate::limits::Limits;
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
/// closes the connection when it stops. Both ways to serve HTTP/1.1 give the same answers. `@`
/// stands for the feed's epoch.
pub fn connection(bytes: &[u8]) {
    let both =
        || [HttpStack::Own, HttpStack::Hyper].map(|stack| answers(bytes, stack, bytes.len()));
    let is_same = |[own, hyper]: &[Vec<u8>; 2]| comparable(own) == comparable(hyper);
    // Over HTTP/2 the time is compressed and cannot be left out. If a second has ended between the
    // two answers, the next two are from the same one.
    let answers = Some(both()).filter(is_same).unwrap_or_else(both);
    let [own, hyper] = answers.each_ref().map(|answer| String::from_utf8_lossy(answer));
    let shown = format!("own:\n{own}\nhyper:\n{hyper}");
    assert!(!own.starts_with("HTTP/1.1 5") && !hyper.starts_with("HTTP/1.1 5"), "{shown}");
    assert!(is_same(&answers), "{shown}");
}

/// Returns the bytes that come back over a connection on which these bytes are sent, in pieces of
/// this length, with `@` for the feed's epoch.
fn answers(bytes: &[u8], http_stack: HttpStack, piece: usize) -> Vec<u8> {
    let (server, feed) = server(0);
    // Nothing in an answer is random.
    let server = server.with_limits(Limits { return_time: Duration::ZERO, ..Limits::default() });
    let bytes = with_epoch(bytes, &feed);
    let mut answers = Vec::new();
    run(async {
        let (ours, mut theirs) = socket_pair();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let app = App { router: server.router(), http_stack };
        let serving = connection::serve(server.state().clone(), ours, peer, app);
        let client = async {
            let (mut reading, mut writing) = theirs.split();
            let talking = async {
                for piece in bytes.chunks(piece.max(1)) {
                    // The server may close the connection before it has read everything.
                    let _ = writing.write_all(piece).await;
                    steps().await;
                }
                let closing = async {
                    steps().await;
                    let _ = writing.shutdown().await;
                };
                tokio::join!(server.stop(), closing)
            };
            let _ = tokio::join!(talking, reading.read_to_end(&mut answers));
        };
        tokio::join!(serving, client);
        assert_eq!(server.connections(), 0, "the connection is forgotten");
    });
    without_epoch(&answers, &feed)
}

/// Returns the lines of answers without what differs from one moment to the next: the time, and
/// the stamps of messages.
fn comparable(answers: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answers);
    let lines = text.split('\n').filter(|line| !line.starts_with("date: "));
    lines.map(without_stamps).collect()
}

fn without_stamps(line: &str) -> String {
    let mut parts = line.split("\"published_ns\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + part.trim_start_matches(|c: char| c.is_ascii_digit()))
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

/// Replaces the epoch, as [`with_epoch`] writes it and as entity tags have it, by `@`.
fn without_epoch(bytes: &[u8], feed: &Feed) -> Vec<u8> {
    let newest = feed.locate(After::Newest).expect("the newest message can be located");
    let text = String::from_utf8_lossy(bytes);
    let (long, short) = (format!("{:016x}", newest.epoch.0), format!("{:x}", newest.epoch.0));
    text.replace(&long, "@").replace(&short, "@").into_bytes()
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

/// Larger than what the corpus has.
#[test]
fn heads_that_are_large_or_have_many_fields_are_answered_by_hyper() {
    let request = |fields: &str| {
        format!("GET /feeds/bench/short-polling?after=start HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    let many = (0..40).fold(String::new(), |fields, number| fields + &format!("x-{number}: 1\r\n"));
    for fields in [many, format!("X: {}\r\n", "a".repeat(12_000))] {
        let answer = answers(request(&fields).as_bytes(), HttpStack::Own, 100_000);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
        connection(request(&fields).as_bytes());
    }
    let too_large = request(&format!("X: {}\r\n", "a".repeat(200_000)));
    let answer = answers(too_large.as_bytes(), HttpStack::Own, 100_000);
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    connection(too_large.as_bytes());
}

#[test]
fn a_head_that_comes_in_pieces_is_answered_like_one_that_comes_at_once() {
    let requests = b"GET /feeds/bench/short-polling?after=start HTTP/1.1\r\nHost: a\r\n\r\n\
                     GET /feeds/bench/long-polling?after=@-2 HTTP/1.1\r\nHost: a\r\n\r\n\
                     GET /feeds/bench/sse?after=@-2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for stack in [HttpStack::Own, HttpStack::Hyper] {
        let whole = comparable(&answers(requests, stack, requests.len()));
        assert_eq!(whole.concat().matches("HTTP/1.1 200 OK").count(), 3, "{whole:?}");
        for piece in [1, 2, 3, 7, 64] {
            assert_eq!(comparable(&answers(requests, stack, piece)), whole, "{stack}: {piece}");
        }
    }
}
