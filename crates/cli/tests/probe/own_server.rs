//! Our own server, and what is none.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;
use wirebench_protocol::Transport;
use wirebench_scenario::TargetFile;

use crate::support::{CommandOutput, Served, publish, run};

/// Probes a URL and listens for a few seconds.
fn probe(url: &str) -> CommandOutput {
    run(Path::new("."), &["probe", url, "--seconds", "4"])
}

/// Returns the transports of the target file that was printed.
fn transports(ended: &CommandOutput) -> Vec<Transport> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let target = TargetFile::parse("probed", &ended.stdout, Path::new(""));
    target.unwrap_or_else(|error| panic!("{error}\n{}", ended.stdout)).transports()
}

#[test]
fn each_transport_of_our_own_server_is_found_at_its_url() {
    let served = Served::start_with(&["--no-demos"]);
    publish(served.url(), "1");
    let feed = format!("{}/feeds/bench", served.url());
    let found = |path: &str, transport, said: &str| {
        let ended = probe(&format!("{feed}/{path}"));
        // Socket.IO is found beside each of them, since it has a path of its own.
        assert_eq!(transports(&ended), [transport, Transport::SocketIo], "{ended:?}");
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert!(ended.stderr.contains("socket.io: yes, upgrades to a WebSocket"), "{ended:?}");
    };
    // At the same time, since each of them mostly listens.
    std::thread::scope(|scope| {
        for (path, transport, said) in [
            ("sse?after=start", Transport::Sse, "sse: yes, 1 event (`message`)"),
            ("websocket", Transport::WebSocket, "websocket: yes"),
            ("short-polling", Transport::ShortPolling, "short-polling: yes"),
            ("long-polling?hold=20", Transport::LongPolling, "long-polling: perhaps"),
        ] {
            let found = &found;
            scope.spawn(move || found(path, transport, said));
        }
    });
}

#[test]
fn the_target_is_written_to_a_new_file_only() {
    let served = Served::start_with(&["--no-demos"]);
    let folder = TempDir::new().unwrap();
    let url = format!("{}/feeds/bench/short-polling", served.url());
    let write = ["probe", &url, "--seconds", "1", "--write", "mine.toml"];
    let written = run(folder.path(), &write);
    assert_eq!((written.code, &*written.stdout), (Some(0), ""), "{written:?}");
    assert!(TargetFile::load(&folder.path().join("mine.toml")).is_ok());
    let before = fs::read(folder.path().join("mine.toml")).unwrap();
    let again = run(folder.path(), &write);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(fs::read(folder.path().join("mine.toml")).unwrap(), before);
}

#[test]
fn what_is_no_feed_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let page = "<p>Hello</p>";
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{page}",
                    page.len()
                );
            });
        }
    });
    let ended = probe(&url);
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("a `GET` is answered with 200 OK, text/html"), "{ended:?}");
    assert!(ended.stderr.contains("speaks none of the transports"), "{ended:?}");
}

#[test]
fn a_url_that_nobody_answers_or_that_is_none_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = probe(&format!("http://{free}/"));
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains(&format!("cannot reach `http://{free}/`")), "{gone:?}");
    for (url, hint) in [
        ("foo", "write where a client subscribes, such as `http://127.0.0.1:8080/events`"),
        ("localhost:1/x", "did you mean `http://localhost:1/x`?"),
        ("ftp://127.0.0.1/", "expected `http`, `https`, `ws` or `wss`, found `ftp`"),
    ] {
        let ended = probe(url);
        assert_eq!(ended.code, Some(2), "{url}");
        let said = format!("cannot probe `{url}`");
        assert!(ended.stderr.contains(&said) && ended.stderr.contains(hint), "{ended:?}");
    }
}
