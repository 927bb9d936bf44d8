//! A restart that a page of the demos asks for, as clients see it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use support::{DEADLINE, Served, finish, run, wirebench};

/// Sends a request over a new connection. Returns the status and the JSON of the answer.
fn ask(url: &str, method: &str, path: &str) -> std::io::Result<(u16, Value)> {
    send(url, method, path, "")
}

fn send(url: &str, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")?;
    write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(ErrorKind::InvalidData)?, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Opens a connection that stays open until the server stops.
fn keep_open(url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET /feeds/bench/sse HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // The connection is open when the first bytes have arrived.
    stream.read_exact(&mut [0; 12]).unwrap();
    stream
}

/// Asks until the server has restarted and answers. Returns its new state.
fn wait_for_another_life(url: &str, before: &Value) -> Value {
    let started = Instant::now();
    loop {
        match ask(url, "GET", "/demo/state") {
            Ok((200, state)) if state["life"] != before["life"] => return state,
            answer => assert!(started.elapsed() < DEADLINE, "no other life: {answer:?}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_restarting_server_stops_listening_and_returns_with_feeds_in_new_epochs() {
    let mut served = Served::start();
    let url = served.url().to_owned();
    let poll = |after: &str| {
        let path = format!("/feeds/bench/short-polling?after={after}");
        ask(&url, "GET", &path).unwrap().1
    };
    let (_, published) = send(&url, "POST", "/feeds/bench/messages", "1").unwrap();
    let cursor = published["cursor"].as_str().unwrap().to_owned();
    assert_eq!(poll("start")["messages"].as_array().unwrap().len(), 1);
    let (_, before) = ask(&url, "GET", "/demo/state").unwrap();
    assert!(before["life"].is_number() || before["life"].is_string(), "{before}");

    let mut open = keep_open(&url);
    let asked = Instant::now();
    assert_eq!(ask(&url, "POST", "/demo/restart").unwrap().0, 202);
    open.read_to_end(&mut Vec::new()).expect("the connection ends");
    let after = wait_for_another_life(&url, &before);
    assert!(asked.elapsed().as_secs() >= 2, "{:?}", asked.elapsed());
    assert_ne!(before["life"], after["life"]);
    let reset = poll(&cursor);
    assert_eq!((&reset["gap"], &reset["messages"]), (&json!({"reset": true}), &json!([])));

    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_can_be_stopped_during_a_restart() {
    let mut served = Served::start();
    let url = served.url().to_owned();
    let mut open = keep_open(&url);
    assert_eq!(ask(&url, "POST", "/demo/restart").unwrap().0, 202);
    open.read_to_end(&mut Vec::new()).expect("the connection ends");
    // The restart takes two seconds. On a very busy machine the server may already be back.
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_feed_named_like_one_of_the_demos_is_refused_unless_the_demos_are_off() {
    let ended = run(Path::new("."), &["serve", "--listen", "127.0.0.1:0", "--feed", "chat"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`--no-demos`"), "{ended:?}");

    let arguments = ["serve", "--listen", "127.0.0.1:0", "--feed", "chat", "--no-demos"];
    let child = wirebench(Path::new("."), &[&arguments[..], &["--until-stdin-ends"]].concat());
    let ended = finish({ child }.spawn().unwrap(), "serve");
    assert_eq!(ended.code, Some(0), "standard input is at its end: {ended:?}");
}
