//! Servers that people run: what is found out about them, and a run with the file that was written.

use std::fs;
use std::process::Child;
use std::time::Duration;

use wirebench_protocol::Transport;

use crate::running_server::{RunningServer, accepts, pushpin_is_ready};
use crate::support::{CommandOutput, Lines, finish, post, wirebench};
use crate::workbench::{SCENARIO, Workbench, has_nchan, has_node, has_pushpin};

/// What is probed, and what is expected.
struct Case {
    url: String,
    transport: Transport,
    /// What is said on standard error.
    said: &'static [&'static str],
    /// What a user completes in the file: a line, and what it becomes.
    completed: &'static [(&'static str, &'static str)],
}

/// Probes a URL, and publishes only after a poll that is not answered yet counts as held. Returns
/// what was said, and the file.
fn probe(bench: &Workbench, url: &str, publish_to: &str) -> (CommandOutput, String) {
    let _ = fs::remove_file(bench.target("probed.toml"));
    let folder = bench.target("");
    let arguments = ["probe", url, "--seconds", "7", "--write", "probed.toml"];
    let mut child = wirebench(&folder, &arguments).spawn().unwrap();
    let said = said_while_publishing(&mut child, publish_to);
    let ended = finish(child, "probe");
    let ended = CommandOutput { stderr: said, ..ended };
    assert_eq!(ended.code, Some(0), "{url}: {ended:?}");
    let text = fs::read_to_string(bench.target("probed.toml")).unwrap();
    (ended, text)
}

/// Publishes four times in a second from the fourth second on, until the command has ended.
fn said_while_publishing(child: &mut Child, address: &str) -> String {
    let lines = Lines::of(child.stderr.take().unwrap());
    let mut said = vec![lines.next("that it listens")];
    std::thread::sleep(Duration::from_secs(4));
    let mut number = 0;
    while child.try_wait().unwrap().is_none() {
        number += 1;
        let message = format!(
            "{{\"run\":\"0000000000000001\",\"seq\":{number},\"published_ns\":1,\"payload\":0}}"
        );
        post(address, "/publish", &message);
        std::thread::sleep(Duration::from_millis(250));
    }
    said.extend(lines.rest());
    said.join("\n")
}

/// Probes a server at the URL of each case, and measures it with the file that was written.
fn check(bench: &Workbench, publish_to: &str, cases: &[Case]) {
    for Case { url, transport, said, completed } in cases {
        let (ended, mut text) = probe(bench, url, publish_to);
        for said in *said {
            assert!(ended.stderr.contains(said), "{said} is not in {}\n{text}", ended.stderr);
        }
        for (line, by) in *completed {
            assert!(text.contains(line), "{url}: {line} is not in {text}");
            text = text.replace(line, by);
        }
        let target = bench.write_target("probed.toml", &text);
        let mut command = bench.command(SCENARIO, &[target], &[]);
        command.env("WIREBENCH_PUBLISH_URL", format!("http://{publish_to}/publish"));
        let ran = finish(command.spawn().unwrap(), url);
        // This test counts, and a busy machine makes only the delays invalid.
        assert!(matches!(ran.code, Some(0 | 4)), "{url}: {ran:?}\n{text}");
        let rows = wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap();
        let [row] = &rows[..] else { panic!("{url}: {rows:?}\n{text}") };
        assert_eq!(row.text("transport"), Some(transport.name()), "{text}");
        assert!(row.number("received") > Some(0.0), "{url}: {row:?}\n{text}");
        assert_eq!(row.number("missing"), Some(0.0), "{url}: {row:?}\n{text}");
    }
}

const RESUMES: &str = "sse: a connection resumes by `Last-Event-ID`";
const BUFFERED: &str = "sse: no `X-Accel-Buffering: no`";
const CACHED: &str = "polling: no `Cache-Control: no-store`";
const NEXT_URL: (&str, &str) = ("# next-url", "next-url");

#[test]
fn node_without_packages() {
    if !has_node() {
        return;
    }
    let bench = Workbench::new();
    let server = RunningServer::node(&bench, "http.mjs");
    let at = format!("127.0.0.1:{}", server.port);
    let case = |path: &str, transport, said, completed| Case {
        url: format!("http://{at}/{path}"),
        transport,
        said,
        completed,
    };
    check(
        &bench,
        &at,
        &[
            case("sse", Transport::Sse, &[RESUMES, BUFFERED], &[]),
            case(
                "short-polling",
                Transport::ShortPolling,
                &["the header `feed-cursor` looks like a cursor", CACHED],
                // An empty answer does not show where messages are.
                &[
                    NEXT_URL,
                    ("cursor = ", "messages = \"/messages\"\nsplit = \"array\"\ncursor = "),
                ],
            ),
            case(
                "long-polling",
                Transport::LongPolling,
                &["long-polling: yes", "the header `feed-cursor` looks like a cursor", CACHED],
                &[NEXT_URL],
            ),
        ],
    );
}

#[test]
fn node_with_packages() {
    let bench = Workbench::new();
    if !bench.has_packages() {
        return;
    }
    let server = RunningServer::node(&bench, "ws.mjs");
    let at = format!("127.0.0.1:{}", server.port);
    check(
        &bench,
        &at,
        &[Case {
            url: format!("ws://{at}/websocket"),
            transport: Transport::WebSocket,
            said: &["websocket: yes", "websocket: no heartbeat"],
            completed: &[],
        }],
    );
    let server = RunningServer::node(&bench, "socket.io.mjs");
    let at = format!("127.0.0.1:{}", server.port);
    check(
        &bench,
        &at,
        &[Case {
            url: format!("http://{at}/"),
            transport: Transport::SocketIo,
            said: &["a heartbeat every 25000 ms", "events in the namespace `/`: `message`"],
            completed: &[],
        }],
    );
}

#[test]
fn nchan() {
    if !has_nchan() {
        return;
    }
    let bench = Workbench::new();
    let server = RunningServer::shell(&bench, "nchan.sh", accepts);
    let at = format!("127.0.0.1:{}", server.port);
    let case = |path: &str, transport, said| Case {
        url: format!("http://{at}/{path}"),
        transport,
        said,
        completed: &[],
    };
    check(
        &bench,
        &at,
        &[
            case("sse", Transport::Sse, &[RESUMES]),
            case("websocket", Transport::WebSocket, &["websocket: yes"]),
            case("short-polling", Transport::ShortPolling, &["answered with 304 Not Modified"]),
            case(
                "long-polling",
                Transport::LongPolling,
                &["are a cursor: a poll with them resumes"],
            ),
        ],
    );
}

#[test]
fn pushpin() {
    if !has_pushpin() {
        return;
    }
    let bench = Workbench::new();
    let server = RunningServer::shell(&bench, "pushpin.sh", pushpin_is_ready);
    let [at, origin] = [1, 2].map(|last| format!("127.0.0.{last}:{}", server.port));
    let case = |path: &str, transport, said, completed| Case {
        url: format!("http://{at}/{path}"),
        transport,
        said,
        completed,
    };
    check(
        &bench,
        &origin,
        &[
            case("sse", Transport::Sse, &[RESUMES], &[]),
            case("long-polling", Transport::LongPolling, &["`feed-cursor`"], &[NEXT_URL]),
            case("websocket", Transport::WebSocket, &["websocket: yes"], &[]),
        ],
    );
}
