//! Servers that speak TLS.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wirebench_protocol::Transport;
use wirebench_scenario::TargetFile;

use crate::support::{Served, run};

#[test]
fn a_server_with_tls_is_probed_if_its_certificate_is_trusted() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(path("own.pem"), made.cert.pem()).unwrap();
    fs::write(path("own.key"), made.signing_key.serialize_pem()).unwrap();
    let server = Served::start_with(&["--no-demos", "--tls", &path("own.pem"), &path("own.key")]);
    let feed = format!("{}/feeds/bench", server.url());

    let websocket = format!("{}/websocket", feed.replace("https:", "wss:"));
    let (ca, own) = ("--ca", path("own.pem"));
    let (polls, insecure) = (format!("{feed}/short-polling"), ["--insecure"]);
    for (url, trust, transport, scheme) in [
        (&polls, &[ca, &own][..], Transport::ShortPolling, "https://"),
        (&websocket, &insecure[..], Transport::WebSocket, "wss://"),
    ] {
        let arguments = [&["probe", url, "--seconds", "1"], trust].concat();
        let ended = run(folder.path(), &arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let target = TargetFile::parse("probed", &ended.stdout, Path::new("")).unwrap();
        assert_eq!(target.transports(), [transport, Transport::SocketIo], "{ended:?}");
        assert!(ended.stdout.contains(&format!("url = \"{scheme}127.0.0.1:")), "{ended:?}");
        assert!(ended.stdout.contains("`http.tls = true`"), "{ended:?}");
    }

    let stranger = run(folder.path(), &["probe", &polls, "--seconds", "1"]);
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");
}
