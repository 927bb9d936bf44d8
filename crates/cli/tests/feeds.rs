//! `wirebench publish` and `wirebench subscribe`, as users try out feeds with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::{CommandOutput, Lines, Served, finish, run, send, wirebench};
use tempfile::TempDir;
use wirebench_protocol::Transport;

/// A command that runs, with what it prints as it comes.
struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = wirebench(Path::new("."), arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Starts a subscriber and waits until it says that it is connected.
    fn subscribe(arguments: &[&str]) -> Self {
        let subscriber = Self::start(&[&["subscribe"], arguments].concat());
        let said = subscriber.stderr.next("connected");
        assert!(said.ends_with(", waiting for messages"), "{arguments:?}: {said}");
        subscriber
    }

    fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn json(&self, what: &str) -> Value {
        serde_json::from_str(&self.stdout.next(what)).unwrap()
    }

    /// Waits until it ends. Returns its code and what it has said since.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let code = finish(self.child, "the command").code;
        (code, self.stderr.rest().join("\n"))
    }
}

fn payloads(lines: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["payload"].clone();
    lines.lines().map(line).collect()
}

fn publish(arguments: &[&str]) -> CommandOutput {
    run(Path::new("."), &[&["publish"], arguments].concat())
}

#[test]
fn every_line_of_a_file_is_published_acknowledged_and_received() {
    let served = Served::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("quotes.jsonl");
    fs::write(&file, "{\"symbol\": \"ACME\"}\n\n[1, 2]\r\n\"last\"").unwrap();
    let file = file.display().to_string();
    let arguments = [served.url(), "--transport", "ws", "-n", "3"];
    let subscriber = Running::subscribe(&arguments);

    let published = publish(&[served.url(), &file]);
    assert_eq!(published.code, Some(0), "{published:?}");
    assert!(published.stderr.starts_with("published 3 messages to `bench` in "), "{published:?}");
    let answers: Vec<Value> =
        published.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.iter().map(|answer| &answer["line"]).collect::<Vec<_>>(), [1, 3, 4]);
    for (answer, payload) in
        answers.iter().zip([json!({"symbol": "ACME"}), json!([1, 2]), json!("last")])
    {
        let message = subscriber.json("a message");
        assert_eq!((&message["payload"], &message["cursor"]), (&payload, &answer["cursor"]));
    }
    assert_eq!(subscriber.end(), (Some(0), String::new()));
}

#[test]
fn a_file_that_is_published_again_with_its_key_is_in_the_feed_once() {
    let served = Served::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("names.txt");
    fs::write(&file, "Ann\n\nBob \"B\"\n").unwrap();
    let file = file.display().to_string();
    let arguments = [served.url(), &file, "--text", "--key", "names"];
    let first = publish(&arguments);
    assert_eq!(first.code, Some(0), "{first:?}");
    let again = publish(&arguments);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.stdout.matches("\"repeated\":true").count(), 3, "{again:?}");
    assert!(again.stderr.contains("3 of them had been published before"), "{again:?}");
    publish(&[served.url(), &file, "--text"]);
    let arguments = ["subscribe", served.url(), "--transport", "sp", "--after", "start", "-n", "5"];
    let received = run(Path::new("."), &arguments);
    assert_eq!(payloads(&received.stdout), ["Ann", "", "Bob \"B\"", "Ann", ""], "{received:?}");
}

#[test]
fn what_cannot_be_published_is_named_by_its_line() {
    let served = Served::start();
    let clock = format!("{}/feeds/clock", served.url());
    let nowhere = format!("{}/feeds/nowhere", served.url());
    for (url, lines, acknowledged, said) in [
        (served.url(), "1\nnot JSON\n", 1, "line 2 of standard input is not JSON (column 2)"),
        (
            &clock,
            "1\n",
            0,
            "line 1 of standard input was not published: `POST /feeds/clock/messages` \
                            was answered with 403 Forbidden: ",
        ),
        (&nowhere, "1\n", 0, "404 Not Found"),
    ] {
        let mut publisher = Running::start(&["publish", url, "-"]);
        publisher.write(lines);
        for _ in 0..acknowledged {
            publisher.json("an acknowledgement");
        }
        let (code, stderr) = publisher.end();
        assert_eq!(code, Some(1), "{url}: {stderr}");
        assert!(stderr.contains(said), "{url}: {stderr}");
    }
    let missing = publish(&[served.url(), "not-there.jsonl"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("cannot read `not-there.jsonl`"), "{missing:?}");
}

#[test]
fn a_publisher_goes_on_when_a_server_that_was_killed_is_back() {
    let mut served = Served::start();
    let url = served.url().to_owned();
    let mut publisher = Running::start(&["publish", &url, "--retry-for", "4m"]);
    publisher.write("1\n");
    assert_eq!(publisher.json("the first acknowledgement")["line"], 1);
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    publisher.write("2\n");
    let said = publisher.stderr.next("the interruption");
    assert!(said.starts_with("line 2 of standard input: "), "{said}");
    assert!(said.contains("; publishing it again in "), "{said}");

    let address = url.strip_prefix("http://").unwrap();
    let mut again = wirebench(Path::new("."), &["serve", "--listen", address]);
    let served = Served::of(&mut again);
    assert_eq!(publisher.json("the second acknowledgement")["line"], 2);
    let (code, _) = publisher.end();
    assert_eq!(code, Some(0));
    let arguments = ["subscribe", served.url(), "--transport", "lp", "--after", "start", "-n", "1"];
    assert_eq!(payloads(&run(Path::new("."), &arguments).stdout), [2]);
}

#[test]
fn a_publisher_gives_up_on_a_server_that_stays_away() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
    let url = format!("http://{}", unused.unwrap());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.jsonl");
    fs::write(&file, "1\n2\n").unwrap();
    let file = file.display().to_string();
    let ended = publish(&[&url, &file, "--retry-for", "200ms", "--key", "mine"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    for said in [
        "published 0 messages to `bench`",
        "was not acknowledged within 0.2 s: cannot connect to",
        "to go on, publish the file again with `--key mine`",
    ] {
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}

#[test]
fn ctrl_c_ends_a_publisher_and_says_how_far_it_has_come() {
    let served = Served::start();
    let mut publisher = Running::start(&["publish", served.url(), "--rate", "1000"]);
    publisher.write("1\n2\n");
    publisher.json("the first acknowledgement");
    publisher.json("the second acknowledgement");
    send(publisher.child.id(), "INT");
    let said = publisher.stderr.next("the summary");
    assert!(said.starts_with("published 2 messages to `bench` in "), "{said}");
    assert_eq!(publisher.end(), (Some(130), String::new()));
}

#[test]
fn messages_are_published_no_faster_than_at_their_rate() {
    let served = Served::start();
    let mut publisher = Running::start(&["publish", served.url(), "--text", "--rate", "20"]);
    let started = std::time::Instant::now();
    publisher.write("a\nb\nc\nd\ne\n");
    let (code, stderr) = publisher.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(started.elapsed().as_millis() >= 200, "{:?}", started.elapsed());
}

#[test]
fn a_subscriber_ends_after_its_messages_or_its_time() {
    let served = Served::start();
    for number in 0..3 {
        support::publish(served.url(), &number.to_string());
    }
    let subscribe = |more: &[&str]| {
        let all = ["subscribe", served.url(), "--transport", "sse", "--after", "start"];
        run(Path::new("."), &[&all, more].concat())
    };
    let two = subscribe(&["-n", "2"]);
    assert_eq!((two.code, payloads(&two.stdout)), (Some(0), vec![json!(0), json!(1)]), "{two:?}");
    let short = subscribe(&["--duration", "100ms"]);
    assert_eq!(short.code, Some(0), "{short:?}");
    let few = subscribe(&["--duration", "2s", "-n", "4"]);
    assert_eq!((few.code, payloads(&few.stdout).len()), (Some(1), 3), "{few:?}");
    assert!(few.stderr.contains("the time is up: received 3 of 4 messages"), "{few:?}");
}

#[test]
fn a_subscriber_says_why_it_was_interrupted_and_when_it_is_back() {
    for transport in Transport::ALL {
        let mut served = Served::start();
        let url = served.url().to_owned();
        let quick = ["--interval", "20ms"];
        let name = transport.short_name().unwrap_or(transport.name());
        let arguments = [&[&*url, "--transport", name][..], &quick].concat();
        let mut subscriber = Running::subscribe(&arguments);
        served.child.kill().unwrap();
        served.child.wait().unwrap();
        let said = subscriber.stderr.next("the interruption");
        assert!(said.contains("; connecting again in ") && said.ends_with(" ms"), "{said}");
        let address = url.strip_prefix("http://").unwrap();
        let again = &mut wirebench(Path::new("."), &["serve", "--listen", address]);
        let _served = Served::of(again);
        while subscriber.stderr.next("connected again") != "connected again" {}
        subscriber.child.kill().unwrap();
        subscriber.child.wait().unwrap();
    }
}

#[test]
fn headers_carry_the_tokens_that_a_server_asks_for() {
    let folder = TempDir::new().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "a-secret-for-tests").unwrap();
    let token = token.display().to_string();
    let served = Served::start_with(&[
        "--no-demos",
        "--publish-token-file",
        &token,
        "--subscribe-token-file",
        &token,
    ]);
    let authorization = ["-H", "Authorization: Bearer a-secret-for-tests"];
    let mut publisher = Running::start(&[&["publish", served.url()], &authorization[..]].concat());
    publisher.write("1\n");
    assert_eq!(publisher.end().0, Some(0));
    for transport in Transport::ALL {
        let own = [served.url(), "--transport", transport.name(), "--after", "start", "-n", "1"];
        let subscribe =
            |more: &[&str]| run(Path::new("."), &[&["subscribe"], &own[..], more].concat());
        let received = subscribe(&authorization);
        assert_eq!(payloads(&received.stdout), [1], "{transport}: {received:?}");
        let stranger = subscribe(&[]);
        assert_eq!((stranger.code, &*stranger.stdout), (Some(1), ""), "{transport}: {stranger:?}");
    }
}

/// Writes a certificate for this machine that an authority of its own has signed. Returns the
/// authority, the certificate and its key.
fn signed_certificate(folder: &Path) -> [String; 3] {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, pem: String| {
        let path = folder.join(name);
        fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    [
        write("ca.pem", root.pem()),
        write("own.pem", certificate.pem()),
        write("own.key", key.serialize_pem()),
    ]
}

#[test]
fn raw_and_decoded_messages_come_over_tls_if_the_authority_is_trusted() {
    let folder = TempDir::new().unwrap();
    let [ca, certificate, key] = signed_certificate(folder.path());
    let served = Served::start_with(&["--no-demos", "--tls", &certificate, &key]);
    let feed = format!("{}/feeds/bench", served.url());
    let raw = ["--raw", "--namespace", "/feeds/bench", "--event", "message"];
    for (transport, url, more) in [
        ("sse", &*format!("{feed}/sse"), &raw[..1]),
        ("ws", &format!("{}/websocket", feed.replace("https:", "wss:")), &raw[..1]),
        ("sio", served.url(), &raw),
        ("sse", served.url(), &[]),
    ] {
        let own = [url, "--transport", transport];
        // The first message over a raw WebSocket is the greeting.
        let count = if (transport, more.len()) == ("ws", 1) { "2" } else { "1" };
        let trusting = [&own, more, &["--ca", &ca, "-n", count]].concat();
        let subscriber = Running::subscribe(&trusting);
        let mut publisher = Running::start(&["publish", served.url(), "--ca", &ca]);
        publisher.write("\"over TLS\"\n");
        assert_eq!(publisher.end().0, Some(0));
        let lines = subscriber.stdout.rest().join("\n");
        assert!(lines.contains("over TLS"), "{transport}: {lines}");
        assert_eq!(subscriber.end().0, Some(0), "{transport}");
        let stranger = [&["subscribe"], &own[..], more, &["--once"]].concat();
        let stranger = run(Path::new("."), &stranger);
        assert_eq!(stranger.code, Some(1), "{transport}: {stranger:?}");
        assert!(stranger.stderr.contains("certificate"), "{transport}: {stranger:?}");
    }
    let stranger = publish(&[served.url(), &certificate, "--text"]);
    assert_eq!((stranger.code, &*stranger.stdout), (Some(1), ""), "{stranger:?}");
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");
}

/// `script` gives a program a terminal.
#[test]
fn a_server_on_a_terminal_says_what_to_open() {
    let installed = Command::new("script").arg("--version").output().is_ok();
    if !support::is_there(installed, "`script`", "WIREBENCH_REQUIRE_SCRIPT") {
        return;
    }
    let program = env!("CARGO_BIN_EXE_wirebench");
    let serve = format!("exec '{program}' serve --listen 127.0.0.1:0");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &serve, "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    let open = lines.next("what to open");
    let url = open.trim_end().strip_prefix("open http://127.0.0.1:").expect(&open);
    assert!(url.ends_with('/') && url.len() > 1, "{open}");
    // The end of the input of `script` is not that of the terminal: Ctrl-C is.
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(finish(child, "serve on a terminal").code, Some(0));
}

/// Runs the lines of the README that use curl, from one comment to the next, and looks at what they
/// print. Streams are cut after two seconds, by a configuration of curl's.
#[test]
fn the_lines_of_the_readme_for_curl_work_as_they_are_printed() {
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    if !support::is_there(has_curl, "curl", "WIREBENCH_REQUIRE_CURL") {
        return;
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split("## Try it with curl").nth(1).expect("the section");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".curlrc"), "max-time = 2\nsilent\n").unwrap();
    let served = Served::start();
    let mut tried = Vec::new();
    for lines in block.expect("the lines").split("# ").skip(1) {
        let (title, script) = lines.split_once('\n').unwrap();
        let script = script.replace("http://127.0.0.1:8080", served.url());
        assert!(script.contains("curl"), "{title}: {script}");
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &script]).env("CURL_HOME", folder.path()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = match title {
            "Publish" => "{\"cursor\":\"",
            _ => "\"payload\":{\"symbol\":\"ACME\",\"price\":12.5}}",
        };
        assert!(printed.contains(expected), "{title}: {script}\n{printed}");
        tried.push(title.split(':').next().unwrap_or_default().to_lowercase());
    }
    assert_eq!(tried.len(), 1 + Transport::COUNT, "{tried:?}");
}
