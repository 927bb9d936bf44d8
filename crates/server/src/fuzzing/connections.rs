//! Bytes that come over a connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirebench_protocol::{After, HttpStack};

use super::{run, server, steps, with_epoch};
use crate::connection::{self, App};
use crate::feed::Feed;
use crate::limits::Limits;

/// The lengths of the pieces in which requests come.
const PIECES: [usize; 8] = [1, 2, 3, 7, 24, 64, 500, 5_000];

/// Whatever bytes come over a connection, the server never answers with a server error, and it
/// closes the connection when it stops. Both ways to serve HTTP/1.1 give the same answers. `@`
/// stands for the feed's epoch.
pub fn connection(bytes: &[u8]) {
    both_ways(0, bytes);
}

/// The server answers requests over HTTP/1.1 as hyper does, whether or not there are tokens, and in
/// the same way however the bytes are cut into pieces.
///
/// The first byte says which tokens there are, as for [`request`](super::request), and how long the
/// pieces are. Then come the bytes of the connection.
pub fn plain(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    // Without origins: with them, hyper reads all requests.
    let (access, piece) = (first & 3, PIECES[usize::from(first >> 2) % PIECES.len()]);
    let whole = both_ways(access, bytes);
    // After HTTP/1.1, the order of frames may depend on when they come.
    let leaves = whole.windows(13).any(|part| part == b"HTTP/1.1 101 ");
    if leaves || !whole.starts_with(b"HTTP/1.1 ") {
        return;
    }
    let pieces = answers(access, bytes, HttpStack::Own, piece);
    let shown = String::from_utf8_lossy(&pieces);
    assert_eq!(comparable(&pieces), comparable(&whole), "in pieces of {piece}: {shown}");
}

/// Sends an input of [`request`](super::request) over a connection, both ways, if it asks for a
/// feed. Other answers differ each time: tickets are random, and metrics count.
#[cfg(test)]
pub(super) fn requested(bytes: &[u8]) {
    let Some((access, text)) = bytes.split_first() else { return };
    if !text.starts_with(b"GET /feeds/") {
        return;
    }
    let end = text.windows(2).position(|pair| pair == b"\n\n").unwrap_or(text.len());
    let (head, body) = text.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut sent = [lines.next().unwrap_or_default(), b" HTTP/1.1\r\nHost: a\r\n"].concat();
    for line in lines.filter(|line| !line.is_empty()) {
        sent.extend_from_slice(&[line, b"\r\n"].concat());
    }
    if !body.is_empty() {
        sent.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    both_ways(*access, &[&sent, &b"\r\n"[..], body].concat());
}

/// Sends bytes over a connection, with hyper for all requests and without, and compares the answers.
/// Returns those without.
fn both_ways(access: u8, bytes: &[u8]) -> Vec<u8> {
    let both = || {
        [HttpStack::Own, HttpStack::Hyper].map(|stack| answers(access, bytes, stack, bytes.len()))
    };
    let is_same = |[own, hyper]: &[Vec<u8>; 2]| comparable(own) == comparable(hyper);
    // Over HTTP/2 the time is compressed and cannot be left out. If a second has ended between the
    // two answers, the next two are from the same one.
    let answers = Some(both()).filter(is_same).unwrap_or_else(both);
    let [own, hyper] = answers.each_ref().map(|answer| String::from_utf8_lossy(answer));
    let shown = format!("own:\n{own}\nhyper:\n{hyper}");
    let fails = |answer: &str| answer.lines().any(|line| line.starts_with("HTTP/1.1 5"));
    assert!(!fails(&own) && !fails(&hyper), "{shown}");
    assert!(is_same(&answers), "{shown}");
    let [own, _] = answers;
    own
}

/// Returns the bytes that come back over a connection on which these bytes are sent, in pieces of
/// this length, with `@` for the feed's epoch.
fn answers(access: u8, bytes: &[u8], http_stack: HttpStack, piece: usize) -> Vec<u8> {
    let (server, feed) = server(access);
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

/// Replaces the epoch, as [`with_epoch`] writes it and as entity tags have it, by `@`.
fn without_epoch(bytes: &[u8], feed: &Feed) -> Vec<u8> {
    let newest = feed.locate(After::Newest).expect("the newest message can be located");
    let text = String::from_utf8_lossy(bytes);
    let (long, short) = (format!("{:016x}", newest.epoch.0), format!("{:x}", newest.epoch.0));
    text.replace(&long, "@").replace(&short, "@").into_bytes()
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

/// Larger than what the corpus has.
#[test]
fn heads_that_are_large_or_have_many_fields_are_answered_by_hyper() {
    let request = |fields: &str| {
        format!("GET /feeds/bench/short-polling?after=start HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    let many = (0..40).fold(String::new(), |fields, number| fields + &format!("x-{number}: 1\r\n"));
    for fields in [many, format!("X: {}\r\n", "a".repeat(12_000))] {
        let answer = answers(0, request(&fields).as_bytes(), HttpStack::Own, 100_000);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
        connection(request(&fields).as_bytes());
    }
    let too_large = request(&format!("X: {}\r\n", "a".repeat(200_000)));
    let answer = answers(0, too_large.as_bytes(), HttpStack::Own, 100_000);
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    connection(too_large.as_bytes());
}

#[test]
fn a_head_that_comes_in_pieces_is_answered_like_one_that_comes_at_once() {
    let requests = b"GET /feeds/bench/short-polling?after=start HTTP/1.1\r\nHost: a\r\n\r\n\
                     GET /feeds/bench/long-polling?after=@-2 HTTP/1.1\r\nHost: a\r\n\r\n\
                     GET /feeds/bench/sse?after=@-2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for stack in [HttpStack::Own, HttpStack::Hyper] {
        let whole = comparable(&answers(0, requests, stack, requests.len()));
        assert_eq!(whole.concat().matches("HTTP/1.1 200 OK").count(), 3, "{whole:?}");
        for piece in [1, 2, 3, 7, 64] {
            assert_eq!(comparable(&answers(0, requests, stack, piece)), whole, "{stack}: {piece}");
        }
    }
}
