//! A target that is published to, and subscribed to, over TLS.

use std::fs;

use crate::support::{CommandOutput, Served, finish};
use crate::workbench::{SCENARIO, Workbench};

/// Runs the scenario against a target. `trusted` is the file of the certificates that the system
/// trusts.
fn run(bench: &Workbench, target: &str, tls: bool, trusted: &str) -> CommandOutput {
    let target = bench.write_target("tls.toml", target);
    let mut command = bench.command(SCENARIO, &[target], &["--set", &format!("http.tls={tls}")]);
    command.env("SSL_CERT_FILE", bench.target(trusted)).env_remove("SSL_CERT_DIR");
    finish(command.spawn().unwrap(), "run over TLS")
}

#[test]
fn messages_are_published_and_received_over_tls() {
    let bench = Workbench::new();
    let make = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(bench.target(&format!("{name}.pem")), made.cert.pem()).unwrap();
        fs::write(bench.target(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    };
    make("own");
    make("other");
    let [own, key] = ["own.pem", "own.key"].map(|name| bench.target(name).display().to_string());
    let server = Served::start_with(&["--no-demos", "--tls", &own, &key]);
    assert!(server.url().starts_with("https://"), "{}", server.url());

    let feed = format!("{}/feeds/bench", server.url());
    let target = format!(
        "publish.url = '{feed}/messages'\n[sse]\nurl = '{feed}/sse'\nmessage = '/payload'\n\
         [websocket]\nurl = '{}/websocket'\nmessage = '/payload'\n\
         handshake = [{{ expect = '{{\"hello\":*' }}]\n",
        feed.replace("https:", "wss:")
    );
    let ended = run(&bench, &target, true, "own.pem");
    // This test counts, and a busy machine makes only the delays invalid.
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let rows = wirebench_report::read(&bench.path().join("out/runs.csv")).unwrap();
    assert_eq!(rows.len(), 2, "{ended:?}");
    for row in &rows {
        assert!(row.number("published") >= Some(10.0), "{row:?}");
        assert_eq!(row.number("missing"), Some(0.0), "{row:?}");
        assert_eq!(row.number("publish_refused"), Some(0.0), "{row:?}");
        assert!(row.number("publish_accepted_p50_us") > Some(0.0), "{row:?}");
    }

    // Nothing is published to a server that could be anybody's. Subscribers need no certificate here.
    let plain = Served::start_with(&["--no-demos"]);
    let target =
        format!("publish.url = '{feed}/messages'\nsse.url = '{}/feeds/bench/sse'\n", plain.url());
    let refused = run(&bench, &target, false, "other.pem");
    assert_eq!(refused.code, Some(4), "{refused:?}");
    for said in [format!("POST {feed}/messages"), "certificate".to_owned()] {
        assert!(refused.stderr.contains(&said), "{said} is not in {}", refused.stderr);
    }
}
