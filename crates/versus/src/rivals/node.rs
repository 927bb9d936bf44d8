//! Servers in Node.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use wirebench_protocol::Transport;

use super::started::StartedRival;
use crate::subscription::{CursorIn, FeedRoute};

const FILES: [(&str, &str); 6] = [
    ("package.json", include_str!("../../../../targets/servers/package.json")),
    ("package-lock.json", include_str!("../../../../targets/servers/package-lock.json")),
    ("feed.mjs", include_str!("../../../../targets/servers/feed.mjs")),
    ("http.mjs", include_str!("../../../../targets/servers/http.mjs")),
    ("ws.mjs", include_str!("../../../../targets/servers/ws.mjs")),
    ("socket.io.mjs", include_str!("../../../../targets/servers/socket.io.mjs")),
];

/// Puts the servers and the packages that they need into a folder.
///
/// # Errors
/// `npm` is missing, or cannot get the packages.
pub(super) fn install(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(folder);
    let status = npm.stdin(Stdio::null()).status().context("cannot start npm")?;
    ensure!(status.success(), "`npm ci` cannot install the servers in Node: {status}");
    Ok(())
}

pub(super) fn route(transport: Transport) -> FeedRoute {
    FeedRoute::below("", transport, CursorIn::FeedCursor, "")
}

pub(super) fn start(transport: Transport, packages: &Path) -> anyhow::Result<StartedRival> {
    let script = match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => "http.mjs",
        Transport::WebSocket => "ws.mjs",
        Transport::SocketIo => "socket.io.mjs",
    };
    let mut command = Command::new("node");
    command.arg(packages.join(script)).env("NODE_ENV", "production");
    StartedRival::with_ready_line(&mut command, |line| {
        let port = line.get("port")?.as_u64()?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).ok()?)))
    })
}
