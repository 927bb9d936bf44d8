//! `just versus`, with few subscribers: every server delivers every message, and the tables have a
//! figure for each.

mod support;

use std::path::{Path, PathBuf};

use wirebench_protocol::Transport;
use wirebench_versus::{OtherServers, VersusOptions, compare};

/// Compares this build of wirebench with other servers, which are prepared.
fn compared(others: &[OtherServers]) -> String {
    let build = format!("wirebench={}", env!("CARGO_BIN_EXE_wirebench"));
    let options = VersusOptions {
        wirebench: vec![build.parse().expect("it has a label and a program")],
        others: others.to_vec(),
        transports: pushed_or_held(),
        rounds: 1,
        subscribers: 20,
        messages_per_second: 20,
        seconds: 1,
        packages: packages(),
    };
    compare(&options, &mut |_| {}).unwrap_or_else(|error| panic!("{error:#}"))
}

fn packages() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("versus")
}

/// Short polls are counted by wrk, which the tests do not need.
fn pushed_or_held() -> Vec<Transport> {
    Transport::ALL.into_iter().filter(|transport| *transport != Transport::ShortPolling).collect()
}

/// Returns the figures of a server over a transport, one of each table.
fn cells(tables: &str, transport: Transport, column: usize) -> Vec<String> {
    let row = format!("| {transport} |");
    let rows = tables.lines().filter(|line| line.starts_with(&row));
    rows.map(|line| line.split('|').nth(2 + column).unwrap_or_default().trim().to_owned()).collect()
}

/// Returns false, and says why, if a server is not installed. Fails if `variable` requires it.
fn is_installed(other: OtherServers, variable: &str) -> bool {
    let prepared = other.prepare(&packages()).map_err(|error| format!("{error:#}"));
    support::there(prepared, variable).is_some()
}

#[test]
fn our_server_has_figures_for_every_transport() {
    let tables = compared(&[]);
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
fn the_servers_in_node_deliver_over_every_transport() {
    if is_installed(OtherServers::Node, "WIREBENCH_REQUIRE_NPM") {
        let tables = compared(&[OtherServers::Node]);
        for transport in pushed_or_held() {
            assert!(cells(&tables, transport, 1).iter().all(|cell| !cell.is_empty()), "{tables}");
        }
    }
}

#[test]
fn nchan_delivers_over_every_transport_but_socket_io() {
    if is_installed(OtherServers::Nchan, "WIREBENCH_REQUIRE_PROXIES") {
        let tables = compared(&[OtherServers::Nchan]);
        for transport in pushed_or_held() {
            let cells = cells(&tables, transport, 1);
            let is_blank = transport == Transport::SocketIo;
            assert!(cells.iter().all(|cell| cell.is_empty() == is_blank), "{tables}");
        }
    }
}
