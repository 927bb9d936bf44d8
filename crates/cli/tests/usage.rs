//! Errors and exit codes of wrong command lines, and of commands that need more than the machine
//! allows.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use support::{Lines, run, wirebench};
use tempfile::TempDir;
use wirebench_protocol::ShortPollingMode;
use wirebench_store::Database;

#[test]
fn a_malformed_url_is_bad_usage_for_every_command() {
    let here = Path::new(".");
    for url in ["127.0.0.1:8080", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://"] {
        for arguments in [
            &["subscribe", url, "--transport", "sse"][..],
            &["subscribe", url, "--transport", "long-polling", "--once"],
            &["subscribe", url, "--transport", "sse", "--raw"],
            &["subscribe", url, "--transport", "websocket", "--raw"],
            &["proxy", "--habit", "slow", "--upstream", url],
            &["health", url],
        ] {
            let ended = run(here, arguments);
            assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
            assert!(ended.stderr.contains(url), "{arguments:?}: {ended:?}");
        }
    }
}

#[test]
fn an_unreachable_server_is_a_failure_and_not_bad_usage() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
    let url = format!("http://{}", unused.expect("a free port"));
    let ended = run(Path::new("."), &["subscribe", &url, "--transport", "sse", "--once"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_mode_that_is_unknown_or_of_another_transport_is_bad_usage() {
    let subscribe = |transport, mode| {
        let url = "http://127.0.0.1:1";
        let arguments = ["subscribe", url, "--transport", transport, "--mode", mode];
        run(Path::new("."), &arguments)
    };
    for (transport, mode, said) in [
        ("short-polling", "all", "`cursor`, `table`, `whole` for short polling"),
        ("short-polling", "upgrade", "`--mode upgrade` is no mode of `short-polling`"),
        ("socket.io", "whole", "`--mode whole` is no mode of `socket.io`"),
        ("sse", "cursor", "`--mode cursor` is no mode of `sse`"),
    ] {
        let ended = subscribe(transport, mode);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}

#[test]
fn a_subscriber_that_polls_for_everything_prints_each_message_once() {
    let served = support::Served::start();
    for mode in ShortPollingMode::ALL {
        let arguments = [
            &["subscribe", served.url(), "--transport", "short-polling", "--interval", "20ms"][..],
            &["--after", "start", "--mode", mode.name()],
        ];
        let mut subscriber = wirebench(Path::new("."), &arguments.concat()).spawn().unwrap();
        let lines = Lines::of(subscriber.stdout.take().unwrap());
        let mut expected = 1..;
        let mut next_seq = || {
            let line: serde_json::Value = serde_json::from_str(&lines.next("a message")).unwrap();
            (line["seq"].as_u64().unwrap(), expected.next().unwrap())
        };
        let published = 4 * mode as usize;
        for number in 0..4 {
            support::publish(served.url(), &number.to_string());
        }
        for _ in 0..published + 4 {
            let (found, expected) = next_seq();
            assert_eq!(found, expected, "{mode}");
        }
        subscriber.kill().unwrap();
        subscriber.wait().unwrap();
    }
}

#[test]
fn a_server_is_healthy_while_it_answers() {
    let here = Path::new(".");
    let mut served = support::Served::start();
    let url = served.url().to_owned();
    let healthy = run(here, &["health", &url]);
    assert_eq!((healthy.code, &*healthy.stderr), (Some(0), ""), "{healthy:?}");
    served.signal("TERM");
    served.child.wait().expect("the server ends");
    let gone = run(here, &["health", &url]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains(&format!("cannot reach `{url}`")), "{gone:?}");
}

#[test]
fn a_server_that_answers_with_an_error_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a connection");
        let mut request = [0; 1024];
        let read = client.read(&mut request).expect("a request");
        client
            .write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            .expect("answered");
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let sick = run(Path::new("."), &["health", &url]);
    assert!(serving.join().expect("served").starts_with("GET /healthz HTTP/1.1\r\n"));
    assert_eq!(sick.code, Some(1), "{sick:?}");
    assert!(sick.stderr.contains("is not healthy: it answered 503"), "{sick:?}");
}

#[test]
fn init_with_a_dash_writes_to_standard_output() {
    let folder = TempDir::new().expect("a folder");
    let [dash, plain] =
        [&["init", "-"][..], &["init"]].map(|arguments| run(folder.path(), arguments));
    assert_eq!((dash.code, &*dash.stderr), (Some(0), ""), "{dash:?}");
    assert!(dash.stdout.contains("[crowd]") && dash.stdout == plain.stdout, "{dash:?}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "no file is called `-`");
}

#[test]
fn the_targets_that_come_with_the_program_can_be_written_and_checked() {
    let folder = TempDir::new().expect("a folder");
    let listed = run(folder.path(), &["targets"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("nchan\n") && listed.stdout.contains("websocket"), "{listed:?}");
    let written = run(folder.path(), &["targets", "--write", "own"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let checked = run(folder.path(), &["targets", "own/nchan.toml", "own/node-ws.toml"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.starts_with("nchan\n"), "{checked:?}");
    let again = run(folder.path(), &["targets", "--write", "own"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("already exists: choose another folder"), "{again:?}");

    fs::write(folder.path().join("wrong.toml"), "[see]\nurl = 'x'\n").expect("the target");
    let wrong = run(folder.path(), &["targets", "wrong.toml", "own/sse.toml", "missing.toml"]);
    assert_eq!((wrong.code, &*wrong.stdout), (Some(2), ""), "{wrong:?}");
    assert!(wrong.stderr.contains("did you mean `[sse]`?"), "{wrong:?}");
    assert!(wrong.stderr.contains("cannot read the target `missing.toml`"), "{wrong:?}");
}

#[test]
fn init_writes_a_target_to_start_from() {
    let folder = TempDir::new().expect("a folder");
    let written = run(folder.path(), &["init", "--target", "mine.toml"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let checked = run(folder.path(), &["targets", "mine.toml"]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.stderr.contains("the target has no transport"), "{checked:?}");
}

#[test]
fn init_writes_the_schema_that_the_first_line_names_and_never_overwrites_it() {
    let folder = TempDir::new().expect("a folder");
    for (arguments, of) in [(&["init"][..], "scenario"), (&["init", "--target"], "target")] {
        let name = format!("wirebench-{of}.schema.json");
        for file in ["first.toml", "second.toml"] {
            let file = format!("{of}-{file}");
            let written = run(folder.path(), &[arguments, &[&file]].concat());
            assert_eq!(written.code, Some(0), "{written:?}");
            let text = fs::read_to_string(folder.path().join(&file)).expect("the file");
            assert!(text.starts_with(&format!("#:schema ./{name}\n")), "{text}");
            let schema = folder.path().join(&name);
            if file.ends_with("first.toml") {
                let text = fs::read_to_string(&schema).expect("the schema");
                let printed = run(folder.path(), &["schema", of]).stdout;
                assert_eq!(text, printed);
                let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(json["$id"], format!("urn:wirebench:schema:{of}"));
                fs::write(&schema, "mine").expect("written");
            } else {
                assert_eq!(fs::read_to_string(&schema).expect("the schema"), "mine");
            }
        }
    }
}

#[test]
fn a_problem_shows_its_line_with_a_caret_and_colours_only_on_a_terminal() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("x.toml"), "[feed]\nrate = \"fast\"\n").expect("the scenario");
    let mut command = wirebench(folder.path(), &["check", "x.toml"]);
    // Not because of the variable that tests set, but because a pipe is no terminal.
    command.env_remove("NO_COLOR");
    let checked = support::finish(command.spawn().expect("started"), "check");
    assert_eq!(checked.code, Some(2), "{checked:?}");
    let expected = "x.toml:2:8: `feed.rate` must be a number, found `\"fast\"`\n\
                    \u{20} |\n2 | rate = \"fast\"\n\u{20} |        ^^^^^^\n";
    assert!(checked.stderr.starts_with(expected), "{}", checked.stderr);
    let mut command = wirebench(folder.path(), &["check", "x.toml"]);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
    let coloured = support::finish(command.spawn().expect("started"), "check");
    assert!(coloured.stderr.contains("\u{1b}["), "{coloured:?}");
}

#[test]
fn a_crowd_too_large_for_this_machine_gives_a_warning_with_a_remedy() {
    let folder = TempDir::new().expect("a folder");
    let scenario = "transports = [\"sse\"]\ncrowd = { subscribers = 1_000_000 }\n";
    fs::write(folder.path().join("crowd.toml"), scenario).expect("the scenario");
    for arguments in [&["check", "crowd.toml"][..], &["run", "crowd.toml", "--dry-run"]] {
        let ended = run(folder.path(), arguments);
        // The file is valid, and may run on another machine.
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let warning = ended.stderr.lines().next().unwrap_or_default();
        let begins = warning.starts_with("warning: `crowd.toml` cannot run on this machine");
        assert!(begins && warning.contains("1,000,000"), "{ended:?}");
        assert!(ended.stderr.contains("lower `crowd.subscribers`"), "{ended:?}");
    }
    let refused = run(folder.path(), &["run", "crowd.toml"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("lower `crowd.subscribers`"), "{refused:?}");
}

#[test]
fn a_store_is_refused_with_what_to_do_and_without_its_password() {
    let serve = |option: &str, url: &str| {
        run(Path::new("."), &["serve", "--listen", "127.0.0.1:0", option, url])
    };
    for url in ["oracle://u:hunter2@h/d", "postgres://u:hunter2@h", "mysql://u:hunter2@h/d?a=b"] {
        let ended = serve("--store", url);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended.stderr.contains("`--store`") && !ended.stderr.contains("hunter2"),
            "{ended:?}"
        );
    }
    for database in Database::ALL.into_iter().filter(|database| !database.is_built_in()) {
        let (option, url) = match database {
            Database::Sqlite => ("--store", "sqlite:feeds.db"),
            Database::Postgres => ("--store", "postgres://u:hunter2@h/d"),
            Database::MySql => ("--store", "mysql://u:hunter2@h/d"),
            Database::Nats => ("--backbone", "nats://u:hunter2@h"),
        };
        let ended = serve(option, url);
        let hint = format!("cargo install --path crates/cli --features {}", database.feature());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(&hint) && !ended.stderr.contains("hunter2"), "{ended:?}");
    }
    let ended = run(Path::new("."), &["serve", "--retain", "messages=5"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`--store`"), "{ended:?}");
}

#[cfg(not(feature = "nats"))]
#[test]
fn agents_in_a_program_without_nats_are_refused_with_how_to_build_it() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.toml"), "").unwrap();
    for arguments in [
        &["agent", "--nats", "nats://127.0.0.1:1"][..],
        &["run", "x.toml", "--agents", "nats://127.0.0.1:1"],
        &["run", "x.toml", "--local-agents", "2"],
    ] {
        let ended = run(folder.path(), arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("--features nats` builds it in"), "{ended:?}");
    }
}

/// Returns a copy of results that are kept, in a folder of its own.
#[cfg(target_os = "linux")]
fn kept_results() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/first-look/two-cores");
    for name in ["runs.csv", "scenario.toml"] {
        fs::copy(kept.join(name), folder.path().join(name)).expect("a copy");
    }
    folder
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_is_opened_by_the_opener_of_the_platform() {
    use std::os::unix::fs::PermissionsExt as _;

    let (results, programs) = (kept_results(), TempDir::new().expect("a folder"));
    let program = programs.path().join("xdg-open");
    fs::write(&program, "#!/bin/sh\necho \"$1\" > \"${0%/*}/opened\"\n").expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    let mut command = wirebench(results.path(), &["report", ".", "--open"]);
    let output = command.env("PATH", programs.path()).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let opened = fs::read_to_string(programs.path().join("opened")).expect("it was started");
    assert!(opened.trim().ends_with("/report.html"), "{opened}");
    assert!(Path::new(opened.trim()).is_absolute(), "{opened}");
}

#[cfg(target_os = "linux")]
#[test]
fn without_an_opener_it_says_what_to_do_and_the_page_is_there() {
    let (results, nothing) = (kept_results(), TempDir::new().expect("a folder"));
    let mut command = wirebench(results.path(), &["report", ".", "--open"]);
    let output = command.env("PATH", nothing.path()).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no program here opens") && said.contains("xdg-utils"), "{said}");
    assert!(results.path().join("report.html").exists(), "{said}");
}
