//! Targets that cannot be measured: what is reported, and with which exit code.

use std::fs;

use crate::support::{CommandOutput, finish, send};
use crate::workbench::{SCENARIO, Workbench, wait_until_gone};

/// Runs a scenario against a target file with this text. Returns how it ended, which is an error.
fn run(text: &str, more: &[&str]) -> CommandOutput {
    let bench = Workbench::new();
    let target = bench.write_target("broken.toml", text);
    let child = bench.start(SCENARIO, &[target], more);
    let ended = finish(child, "run");
    assert!(ended.stdout.is_empty(), "{ended:?}");
    ended
}

/// Checks the exit code and what is said on standard error.
fn assert_says(ended: &CommandOutput, code: i32, pieces: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for piece in pieces {
        assert!(ended.stderr.contains(piece), "`{piece}` is not in {}", ended.stderr);
    }
}

/// wirebench's own server as a target, with one line replaced.
fn wirebench(line: &str, by: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../targets/wirebench.toml");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(line), "{line}");
    text.replace(line, by)
}

#[test]
fn a_server_that_does_not_start_shows_its_last_lines() {
    let text = "process.command = ['sh', '-c', 'echo \"cannot bind to {port}\" >&2; exit 3']\n\
                publish.url = 'http://127.0.0.1:{port}/'\nsse.url = 'http://127.0.0.1:{port}/'\n";
    let pieces = ["cannot make run 001", "it exited with code 3", "\n  cannot bind to "];
    assert_says(&run(text, &[]), 4, &pieces);
    let missing = text.replace("'sh', '-c', ", "'no-such-server', ");
    assert_says(&run(&missing, &[]), 4, &["is `no-such-server` installed"]);
}

#[test]
fn a_publish_endpoint_that_refuses_is_shown_with_its_answer() {
    let text = wirebench("/feeds/bench/messages\"", "/feeds/other/messages\"");
    let pieces = [
        "`POST http://127.0.0.1:",
        "/feeds/other/messages`",
        "\"seq\":1",
        "404 Not Found",
        "other",
    ];
    assert_says(&run(&text, &["--transports", "sse"]), 4, &pieces);
}

#[test]
fn a_target_that_refuses_subscribers_is_reported() {
    let text = wirebench("/feeds/bench/sse\"", "/feeds/other/sse\"");
    let pieces = ["none of 10 subscribers connected", "404", "/feeds/other/sse"];
    assert_says(&run(&text, &["--transports", "sse"]), 4, &pieces);
}

#[test]
fn nothing_is_published_to_another_machine_without_consent() {
    let text = "process.command = ['sh', '-c', 'touch started']\n\
                publish.url = 'http://192.0.2.1/publish'\nsse.url = 'http://127.0.0.1:{port}/'\n";
    let pieces = ["`broken` publishes to `192.0.2.1`", "--yes-publish-to 192.0.2.1"];
    assert_says(&run(text, &[]), 2, &pieces);
    assert_says(&run(text, &["--yes-publish-to", "192.0.2.2"]), 2, &pieces);
    // With consent the server is started, and ends.
    let ended = run(text, &["--yes-publish-to", "192.0.2.1"]);
    assert_says(&ended, 4, &["it exited with code 0"]);
}

#[test]
fn what_is_wrong_with_a_target_is_bad_usage() {
    let unset = "publish.url = 'http://127.0.0.1/'\n\
                 publish.headers = { a = '{env:WIREBENCH_NOT_SET}' }\n\
                 sse.url = 'http://127.0.0.1/{prot}'\n";
    assert_says(&run(unset, &[]), 2, &["broken.toml:3:", "{prot}"]);
    let unset = unset.replace("/{prot}", "/").replace("127.0.0.1/'", "{env:WIREBENCH_NOT_SET}/'");
    let pieces = ["set the environment variable `WIREBENCH_NOT_SET`"];
    assert_says(&run(&unset, &[]), 2, &pieces);
    let valid = wirebench("name = \"wirebench\"", "name = \"broken\"");
    assert_says(&run(&valid, &["--set", "upstream.rate=1"]), 2, &["upstream.rate"]);
}

#[test]
fn a_server_that_is_not_started_for_the_run_cannot_be_stopped() {
    let text = "publish.url = 'http://127.0.0.1:1/'\nsse.url = 'http://127.0.0.1:1/'\n";
    let faults = ["faults.server=stop", "faults.server-after=1s", "faults.server-down=500ms"];
    let more = faults.map(|fault| ["--set", fault]).concat();
    let ended = run(text, &more);
    assert_says(&ended, 2, &["`broken` does not say how it is started", "process.command"]);
}

#[test]
fn texts_of_which_none_is_selected_are_said() {
    let select = "message = \"/payload\"\nselect = { \"/kind\" = \"news\" }";
    let selected = wirebench("message = \"/payload\"", select);
    let named = wirebench(
        "/feeds/bench/sse\"\nmessage = \"/payload\"",
        "/feeds/bench/sse\"\nmessage = \"/payload\"\nevent = \"news\"",
    );
    for (text, transport, expected) in [
        (&selected, "sse", "expected `news` at `/kind` (`select` of `[sse]`)"),
        (&selected, "long-polling", "expected `news` at `/kind` (`select` of `[long-polling]`)"),
        (&named, "sse", "an event `message` with `{\"seq\":1,"),
        (&named, "sse", "expected `news` (`event` of `[sse]`)"),
    ] {
        let bench = Workbench::new();
        let target = bench.write_target("broken.toml", text);
        let scenario = SCENARIO.replace("\"60s\"", "\"500ms\"");
        let ended = finish(bench.start(&scenario, &[target], &["--transports", transport]), "run");
        let received = "received no message, and left out all that came";
        assert_says(&ended, 4, &[received, expected]);
    }
}

#[test]
fn ctrl_c_ends_the_process_of_the_target_too() {
    for times in [1, 2] {
        let bench = Workbench::new();
        let pid = "echo $$ > {here}/pid; exec wirebench serve --listen 127.0.0.1:{port} --no-demos";
        let text = wirebench(
            "command = [\n  \"wirebench\"",
            &format!("command = [\n  \"sh\", \"-c\", \"{pid}\""),
        );
        let target = bench.write_target("own.toml", &text);
        let scenario = SCENARIO.replace("\"2s\"", "\"100s\"");
        let mut child = bench.start(&scenario, &[target], &["--transports", "sse"]);
        let server = bench.pid_in("pid");
        bench.wait_for_a_second();
        if times == 1 {
            send(child.id(), "INT");
        } else {
            // A suspended server cannot be stopped properly. Two signals that arrive together count
            // as one, so they are sent until the program has ended.
            send(server, "STOP");
            while child.try_wait().unwrap().is_none() {
                send(child.id(), "INT");
            }
        }
        let ended = finish(child, "run");
        assert_eq!(ended.code, Some(if times == 1 { 4 } else { 130 }), "{ended:?}");
        wait_until_gone(server);
    }
}
