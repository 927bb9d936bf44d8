//! `just versus`, with few subscribers: every server delivers every message, and the tables have a
//! figure for each.

use std::path::{Path, PathBuf};

use wirebench_protocol::Transport;
use wirebench_versus::{OtherServers, VersusOptions, compare};

/// Compares the transports on which `others` and this build of wirebench have to agree.
fn compared(others: &[OtherServers], transports: &[Transport]) -> anyhow::Result<String> {
    let build = format!("wirebench={}", env!("CARGO_BIN_EXE_wirebench"));
    let options = VersusOptions {
        wirebench: vec![build.parse().expect("it has a label and a program")],
        others: others.to_vec(),
        transports: transports.to_vec(),
        rounds: 1,
        subscribers: 20,
        messages_per_second: 20,
        seconds: 1,
        packages: Path::new(env!("CARGO_TARGET_TMPDIR")).join("versus"),
    };
    for other in others {
        other.prepare(&options.packages)?;
    }
    compare(&options, &mut |_| {})
}

fn pushed_or_held() -> Vec<Transport> {
    // Short polls are counted by wrk, which the tests do not need.
    Transport::ALL.into_iter().filter(|transport| *transport != Transport::ShortPolling).collect()
}

/// Returns the figures of a server over a transport, one of each table.
fn cells(tables: &str, transport: Transport, column: usize) -> Vec<String> {
    let row = format!("| {transport} |");
    let rows = tables.lines().filter(|line| line.starts_with(&row));
    rows.map(|line| line.split('|').nth(2 + column).unwrap_or_default().trim().to_owned()).collect()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}

#[test]
fn our_server_has_figures_for_every_transport() {
    let tables = compared(&[], &pushed_or_held()).unwrap();
    for transport in pushed_or_held() {
        let cells = cells(&tables, transport, 0);
        assert_eq!(cells.len(), 3, "{tables}");
        for cell in cells {
            let figure: f64 = cell.split(' ').next().unwrap().parse().unwrap();
            assert!(figure >= 0.0, "{tables}");
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
fn the_servers_in_node_deliver_over_every_transport() {
    if !is_installed("npm") {
        assert!(std::env::var_os("WIREBENCH_REQUIRE_NPM").is_none(), "npm is missing");
        eprintln!("skipped: npm is not installed");
        return;
    }
    let tables = compared(&[OtherServers::Node], &pushed_or_held()).unwrap();
    for transport in pushed_or_held() {
        assert!(cells(&tables, transport, 1).iter().all(|cell| !cell.is_empty()), "{tables}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
fn nchan_delivers_over_every_transport_but_socket_io() {
    match compared(&[OtherServers::Nchan], &pushed_or_held()) {
        Ok(tables) => {
            for transport in pushed_or_held() {
                let cells = cells(&tables, transport, 1);
                let is_blank = transport == Transport::SocketIo;
                assert!(cells.iter().all(|cell| cell.is_empty() == is_blank), "{tables}");
            }
        }
        Err(error) => {
            let is_required = std::env::var_os("WIREBENCH_REQUIRE_PROXIES").is_some();
            assert!(!is_required, "{error:#}");
            eprintln!("skipped: {error:#}");
        }
    }
}
