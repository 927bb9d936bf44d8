//! A WebSocket that greets, sends heartbeats of both kinds, and answers with a strange head.

use std::net::TcpListener;
use std::path::Path;

use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Message, accept_hdr};
use wirebench_scenario::TargetFile;

use crate::support::run;

/// Greets, sends three pings and two equal texts around a message, and waits for the end.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || {
            #[expect(clippy::result_large_err, reason = "the library wants it")]
            let strange = |_: &Request, mut answer: Response| {
                answer.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
                Ok(answer)
            };
            // What does not ask for a WebSocket is not answered.
            let Ok(mut socket) = accept_hdr(stream, strange) else { return };
            let text = |text: &str| Message::text(text.to_owned());
            let ping = || Message::Ping("1".into());
            let (beat, message) = (text("{\"type\":\"ping\"}"), text("{\"data\":{\"a\":1}}"));
            let greeting = text("{\"type\":\"welcome\"}");
            for message in [greeting, ping(), beat.clone(), ping(), message, beat, ping()] {
                socket.send(message).unwrap();
            }
            while socket.read().is_ok() {}
        });
    }
}

#[test]
fn a_greeting_and_heartbeats_get_into_the_target_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/socket", listener.local_addr().unwrap());
    std::thread::spawn(move || serve(&listener));
    let ended = run(Path::new("."), &["probe", &url, "--seconds", "2"]);
    // A `GET` that is not answered is a poll that is held, or no HTTP at all.
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for said in [
        "websocket: yes, 4 texts, 0 binary messages and 3 pings in 2 s",
        "websocket: it greets with `{\"type\":\"welcome\"}`",
        "websocket: `{\"type\":\"ping\"}` came 2 times: a heartbeat?",
        "websocket: a text begins with `{\"data\":{\"a\":1}}`",
        "websocket: it announces a body, which it cannot have",
    ] {
        assert!(ended.stderr.contains(said), "{said} is not in {}", ended.stderr);
    }
    let file = TargetFile::parse("probed", &ended.stdout, Path::new("")).unwrap();
    let websocket = &file.websocket;
    assert!(websocket.ping.matches("{\"type\":\"ping\"}"), "{}", ended.stdout);
    assert!(ended.stdout.contains("pong = '{\"type\":\"pong\"}'"), "{}", ended.stdout);
    assert_eq!(websocket.handshake.0.len(), 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("# message = \"/data\""), "{}", ended.stdout);
}
