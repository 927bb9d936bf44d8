//! The raw event stream client against WHATWG HTML, section 9.2, with literal bytes from a socket.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use support::http::{header, read_head};
use support::{TIMEOUT, within};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use wirebench_loadgen::raw::{self, RawError, RawEvent, RawOptions};

/// What a server does after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Ends the connection properly.
    End,
    /// Resets it, as a machine does that was restarted.
    Reset,
    /// Keeps it open.
    Hold,
}

/// Answers one connection after another with these bytes. Returns the URL and the heads of the
/// requests.
fn serve(answers: Vec<(Vec<u8>, Then)>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = support::listen();
    let url = format!("http://{}/stream?x=1", listener.local_addr().unwrap());
    let (heads, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut held = Vec::new();
        for (answer, then) in answers {
            let mut socket = BufReader::new(listener.accept().await.unwrap().0);
            let _ = heads.send(read_head(&mut socket).await);
            socket.write_all(&answer).await.unwrap();
            match then {
                Then::End => socket.shutdown().await.unwrap(),
                Then::Reset => {
                    // The client has to read what was sent before the reset, which discards it.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    socket.get_ref().set_zero_linger().unwrap();
                }
                Then::Hold => held.push(socket),
            }
        }
        std::future::pending::<()>().await;
    });
    (url, requests)
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// By the end of the connection.
    Close,
    /// By its length.
    Length,
    /// In chunks of this many bytes. Each reaches the decoder separately.
    Chunks(usize),
}

const SHAPES: [Shape; 5] =
    [Shape::Close, Shape::Length, Shape::Chunks(1), Shape::Chunks(2), Shape::Chunks(1 << 20)];

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

fn answer(body: &[u8], shape: Shape) -> Vec<u8> {
    let mut bytes = OK.as_bytes().to_vec();
    match shape {
        Shape::Close => bytes.extend([b"\r\n", body].concat()),
        Shape::Length => {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend(body);
        }
        Shape::Chunks(size) => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(size) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend([chunk, b"\r\n"].concat());
            }
            bytes.extend(b"0\r\n\r\n");
        }
    }
    bytes
}

fn event(kind: &str, data: &str, id: &str) -> RawEvent {
    RawEvent { kind: kind.to_owned(), data: data.to_owned(), id: id.to_owned() }
}

/// Follows `url`, and returns what arrives.
fn events(url: &str, once: bool) -> BoxStream<'static, Result<RawEvent, RawError>> {
    let options = RawOptions { once, ..RawOptions::default() };
    let updates = raw::events(url, &options);
    updates.try_filter_map(|update| std::future::ready(Ok(update.received()))).boxed()
}

/// Returns every event of one connection, and how it ended.
async fn once(url: &str, what: &str) -> (Vec<RawEvent>, Result<(), RawError>) {
    let mut events = events(url, true);
    let mut seen = Vec::new();
    loop {
        match within(TIMEOUT, what, events.next()).await {
            Some(Ok(event)) => seen.push(event),
            Some(Err(error)) => return (seen, Err(error)),
            None => return (seen, Ok(())),
        }
    }
}

/// The expected events of a stream, as type, data and id.
type Expected = &'static [(&'static str, &'static str, &'static str)];

/// Streams, and the events that they must be decoded to.
const STREAMS: &[(&[u8], Expected)] = &[
    // Line ends.
    (b"data: a\n\n", &[("message", "a", "")]),
    (b"data: a\r\r", &[("message", "a", "")]),
    (b"data: a\r\n\r\n", &[("message", "a", "")]),
    (b"data: a\rdata: b\r\ndata: c\n\r", &[("message", "a\nb\nc", "")]),
    (b"data: a\r\n\ndata: b\n\r\n", &[("message", "a", ""), ("message", "b", "")]),
    (b"\r\n\n\r\ndata: a\n\n\n\n\rdata: b\r\r\r", &[("message", "a", ""), ("message", "b", "")]),
    // These are not line ends.
    (
        "data: a\u{2028}b\u{85}c\u{b}d\u{c}e\n\n".as_bytes(),
        &[("message", "a\u{2028}b\u{85}c\u{b}d\u{c}e", "")],
    ),
    // One byte order mark, at the very beginning.
    (b"\xEF\xBB\xBFdata: a\n\n", &[("message", "a", "")]),
    (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &[("message", "b", "")]),
    (b"\n\xEF\xBB\xBFdata: a\n\ndata: \xEF\xBB\xBFb\n\n", &[("message", "\u{feff}b", "")]),
    (b"\xEF\xBB\xBF: comment\n\ndata: a\n\n", &[("message", "a", "")]),
    // Comments.
    (b":\n: comment\ndata: a\n:data: b\n\n:\n\n", &[("message", "a", "")]),
    // Fields: names in full and in small letters, one space less, no colon.
    (b"Data: a\ndat: a\n data: a\ndata : a\nfoo: bar\nfoo\n\n", &[]),
    (b"data:  a \ndata:\tb\ndata:c:d: e\n\n", &[("message", " a \n\tb\nc:d: e", "")]),
    (b"data\n\n", &[("message", "", "")]),
    (b"data:\n\ndata: \n\n", &[("message", "", ""), ("message", "", "")]),
    (b"data\ndata\n\n", &[("message", "\n", "")]),
    (b"data: a\0b\n\n", &[("message", "a\0b", "")]),
    // The type holds for one event, sent or not.
    (b"event: a\ndata: 1\n\ndata: 2\n\n", &[("a", "1", ""), ("message", "2", "")]),
    (b"event: a\n\ndata: 2\n\n", &[("message", "2", "")]),
    (b"event: a\nevent: b\ndata: 1\n\n", &[("b", "1", "")]),
    (b"event: a\nevent\ndata: 1\n\n", &[("message", "1", "")]),
    (b"event: a\0\xFF\ndata: 1\n\n", &[("a\0\u{fffd}", "1", "")]),
    // The id holds until the next.
    (b"id: 1\ndata: a\n\ndata: b\n\n", &[("message", "a", "1"), ("message", "b", "1")]),
    (b"data: a\nid:  x \n\n", &[("message", "a", " x ")]),
    (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", &[("message", "a", "1"), ("message", "b", "1")]),
    (b"id: 1\ndata: a\n\nid\ndata: b\n\n", &[("message", "a", "1"), ("message", "b", "")]),
    (b"id: 7\nevent: x\n\ndata: a\n\n", &[("message", "a", "7")]),
    ("id: é\u{10ffff}\ndata: a\n\n".as_bytes(), &[("message", "a", "é\u{10ffff}")]),
    // A block without a blank line after it is dropped.
    (b"data: a\n\ndata: b", &[("message", "a", "")]),
    (b"data: a\n\ndata: b\n", &[("message", "a", "")]),
    (b"data: a", &[]),
    (b"", &[]),
    // The value of `retry` has only digits, and it is never an event.
    (b"retry: 5\n\nretry: 5x\n\nretry: -5\n\nretry\n\nretry: 9999999999999999999999\n\n", &[]),
    // UTF-8, wherever it is cut. Invalid bytes become one U+FFFD for each maximal part of a
    // character.
    ("data: é🦀\u{ffff}\n\n".as_bytes(), &[("message", "é🦀\u{ffff}", "")]),
    (
        b"data: \xC3( \xFF \xE2\x82\ndata: \xF0\x9F\x98|\xED\xA0\x80\n\n",
        &[("message", "\u{fffd}( \u{fffd} \u{fffd}\n\u{fffd}|\u{fffd}\u{fffd}\u{fffd}", "")],
    ),
    (b"data: \xC3\ndata\xC3: b\n\n", &[("message", "\u{fffd}", "")]),
    // The examples of the standard.
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10", "")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\n\
          data:second event\nid\n\ndata:  third event\n",
        &[("message", "first event", "1"), ("message", "second event", "")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", &[("message", "", ""), ("message", "\n", "")]),
    (b"data:test\n\ndata: test\n\n", &[("message", "test", ""), ("message", "test", "")]),
];

#[tokio::test]
async fn a_stream_is_decoded_as_the_standard_says_however_it_is_cut() {
    for (stream, expected) in STREAMS {
        let expected: Vec<_> =
            expected.iter().map(|(kind, data, id)| event(kind, data, id)).collect();
        for shape in SHAPES {
            let what = format!("`{}` as {shape:?}", stream.escape_ascii());
            let (url, _) = serve(vec![(answer(stream, shape), Then::End)]);
            let (events, end) = once(&url, &what).await;
            assert_eq!(events, expected, "{what}");
            assert!(end.is_ok(), "{what}: {end:?}");
        }
    }
}

#[tokio::test]
async fn an_event_is_returned_as_soon_as_its_blank_line_arrives() {
    for (rest, expected) in [("\n", "a"), ("\r", "a"), ("\r\n", "a")] {
        for shape in ["", "transfer-encoding: chunked\r\n"] {
            let body = format!("data: a{rest}{rest}");
            let body = match shape {
                "" => body,
                _ => format!("{:x}\r\n{body}\r\n", body.len()),
            };
            let bytes = format!("{OK}{shape}\r\n{body}").into_bytes();
            let (url, _requests) = serve(vec![(bytes, Then::Hold)]);
            let mut events = events(&url, true);
            let what = format!("an event of `{}` from an open stream", rest.escape_debug());
            let first = within(TIMEOUT, what, events.next()).await.unwrap().unwrap();
            assert_eq!(first.data, expected);
        }
    }
}

#[tokio::test]
async fn a_request_is_that_of_an_event_source() {
    let (url, mut requests) = serve(vec![(answer(b"", Shape::Length), Then::End)]);
    once(&url, "an empty stream").await.1.unwrap();
    let head = requests.recv().await.unwrap();
    assert!(head.starts_with("GET /stream?x=1 HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "accept"), Some("text/event-stream"), "{head}");
    assert_eq!(header(&head, "cache-control"), Some("no-store"), "{head}");
    assert_eq!(header(&head, "last-event-id"), None, "{head}");
}

#[tokio::test]
async fn a_stream_that_is_cut_short_is_an_error_and_one_that_ends_is_not() {
    let event = "data: a\n\n";
    for (what, fields, body, then, proper) in [
        ("all of its length", "content-length: 9\r\n", event, Then::End, true),
        ("less than its length", "content-length: 10\r\n", event, Then::End, false),
        (
            "its last chunk",
            "transfer-encoding: chunked\r\n",
            "9\r\ndata: a\n\n\r\n0\r\n\r\n",
            Then::End,
            true,
        ),
        (
            "no last chunk",
            "transfer-encoding: chunked\r\n",
            "9\r\ndata: a\n\n\r\n",
            Then::End,
            false,
        ),
        ("half a chunk", "transfer-encoding: chunked\r\n", "F\r\ndata: a\n\ndat", Then::End, false),
        ("the end of the connection", "", event, Then::End, true),
        // Only a reset can tell that a response without a length was cut; see docs/limits.md.
        ("a reset", "", event, Then::Reset, false),
    ] {
        let bytes = format!("{OK}{fields}\r\n{body}").into_bytes();
        let (url, _requests) = serve(vec![(bytes, then)]);
        let (events, end) = once(&url, what).await;
        assert_eq!(events.len(), 1, "{what}");
        assert_eq!(end.is_ok(), proper, "{what}: {end:?}");
    }
}

#[tokio::test]
async fn an_interrupted_stream_is_requested_again_after_the_last_complete_id() {
    let retry = |rest: &str| format!("retry: 1\n{rest}").into_bytes();
    for (body, id) in [
        (retry("id: 1\ndata: a\n\n"), Some("1")),
        (retry("id: 1\ndata: a\n\nid: 2\ndata: lost"), Some("1")),
        (retry("id: 1\ndata: a\n\nid: 2\n\n"), Some("2")),
        (retry("id: 1\ndata: a\n\nid: 2\0\n\n"), Some("1")),
        (retry("id: 1\ndata: a\n\nid\n\n"), None),
        (retry("data: a\n\n"), None),
        (retry("id: é 🦀\ndata: a\n\n"), Some("é 🦀")),
    ] {
        let what = format!("`{}`", body.escape_ascii());
        let cut = answer(&body, Shape::Length);
        let ways = [
            (cut.clone(), Then::End),
            (answer(&body, Shape::Close), Then::Reset),
            // One byte short of its end, which is one byte of the length.
            ([OK.as_bytes(), b"content-length: 1000\r\n\r\n", &body].concat(), Then::End),
        ];
        for (interrupted, then) in ways {
            let again = (answer(b"data: b\n\n", Shape::Close), Then::Hold);
            let (url, mut requests) = serve(vec![(interrupted, then), again]);
            let mut events = events(&url, false);
            for data in ["a", "b"] {
                let next = within(TIMEOUT, &what, events.next()).await.unwrap().unwrap();
                assert_eq!(next.data, data, "{what}");
                // The second has no id of its own. Browsers give it the last one.
                assert!(data == "a" || next.id == id.unwrap_or(""), "{what}: {next:?}");
            }
            requests.recv().await.unwrap();
            let head = requests.recv().await.unwrap();
            assert_eq!(header(&head, "last-event-id"), id, "{what}: {head}");
        }
    }
}

/// The clock is paused: it moves only when every task waits, to the next time for which one does.
#[tokio::test(start_paused = true)]
async fn the_reconnection_time_is_the_last_one_that_the_stream_has_set() {
    let reconnected = async |body: &str| {
        let first = (answer(body.as_bytes(), Shape::Close), Then::End);
        let (url, _requests) =
            serve(vec![first, (answer(b"data: b\n\n", Shape::Close), Then::End)]);
        let mut events = events(&url, false);
        let start = tokio::time::Instant::now();
        within(TIMEOUT, body, events.next()).await.unwrap().unwrap();
        start.elapsed()
    };
    let (default, set, later, malformed) = tokio::join!(
        reconnected(": nothing\n"),
        reconnected("retry: 10\n\n"),
        reconnected("retry: 1\nretry: 1500\n"),
        reconnected("retry: 1500\nretry: 1s\nretry: +1\nretry:\nretry\n"),
    );
    let close = |found: Duration, millis| found.as_millis().abs_diff(millis) <= 5;
    assert!(close(default, 3000), "{default:?} instead of the default of 3 s");
    assert!(close(set, 10), "{set:?} instead of 10 ms");
    assert!(close(later, 1500), "{later:?} instead of 1.5 s");
    assert!(close(malformed, 1500), "{malformed:?} instead of 1.5 s");
}

#[tokio::test]
async fn another_status_or_content_type_fails_for_good() {
    for (told, head) in [
        ("204", "HTTP/1.1 204 No Content\r\ncontent-type: text/event-stream\r\n\r\n"),
        (
            "205",
            "HTTP/1.1 205 Reset Content\r\ncontent-type: text/event-stream\r\n\
             content-length: 0\r\n\r\n",
        ),
        ("404", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        ("500", "HTTP/1.1 500 Oh\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n"),
        ("503", "HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"),
        ("text/plain", "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\ndata: a\n\n"),
        (
            "text/event-streams",
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-streams\r\n\r\ndata: a\n\n",
        ),
        ("no content type", "HTTP/1.1 200 OK\r\n\r\ndata: a\n\n"),
        ("304", "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ] {
        let again = (answer(b"data: again\n\n", Shape::Close), Then::End);
        let (url, mut requests) = serve(vec![(head.into(), Then::End), again]);
        let mut events = events(&url, false);
        let error = within(TIMEOUT, told, events.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, RawError::NotAStream { .. }), "{told}: {error:?}");
        assert!(error.to_string().contains(told), "{told}: {error}");
        assert!(events.next().await.is_none(), "{told}: there is no second try");
        assert!(requests.recv().await.is_some() && requests.try_recv().is_err(), "{told}");
    }
}

#[tokio::test]
async fn parameters_of_the_content_type_are_ignored_and_the_stream_is_always_utf_8() {
    for kind in [
        "text/event-stream",
        "text/event-stream;charset=utf-8",
        "Text/Event-Stream ; charset=\"iso-8859-1\"",
        "text/event-stream;x",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\ndata: é\n\n");
        let (url, _requests) = serve(vec![(head.into_bytes(), Then::End)]);
        let (events, end) = once(&url, kind).await;
        assert_eq!(events, [event("message", "é", "")], "{kind}: {end:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_but_not_in_a_circle() {
    for status in ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"] {
        let (there, mut requests) = serve(vec![(answer(b"data: a\n\n", Shape::Close), Then::End)]);
        let redirect =
            |to: &str| format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        // First to a path on the same host, then to another host.
        let (url, mut passed) = serve(vec![
            (redirect("/other").into_bytes(), Then::End),
            (redirect(&there).into_bytes(), Then::End),
        ]);
        let (events, end) = once(&url, status).await;
        assert_eq!(events, [event("message", "a", "")], "{status}: {end:?}");
        passed.recv().await.unwrap();
        assert!(passed.recv().await.unwrap().starts_with("GET /other HTTP/1.1\r\n"), "{status}");
        let head = requests.recv().await.unwrap();
        assert_eq!(header(&head, "accept"), Some("text/event-stream"), "{status}: {head}");
    }
    let circle = b"HTTP/1.1 301 Moved\r\nlocation: /stream?x=1\r\ncontent-length: 0\r\n\r\n";
    let (url, _requests) = serve(vec![(circle.to_vec(), Then::End); 40]);
    let mut events = events(&url, false);
    let error = within(TIMEOUT, "a circle", events.next()).await.unwrap();
    assert!(matches!(error, Err(RawError::Redirected { .. })), "{error:?}");
    assert!(events.next().await.is_none(), "a circle is not tried again");
}
