//! nginx with its module Nchan.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context;
use wirebench_protocol::Transport;

use super::program::installed;
use super::started::StartedRival;
use crate::subscription::{CursorIn, FeedRoute};

const CONFIGURATION: &str = include_str!("../../../../targets/servers/nchan.conf");

pub(super) fn route(transport: Transport) -> Option<FeedRoute> {
    let has = transport != Transport::SocketIo;
    has.then(|| FeedRoute::below("", transport, CursorIn::Validators, ""))
}

pub(super) fn start(folder: &Path) -> anyhow::Result<StartedRival> {
    // nginx cannot take any free port and say which.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address: SocketAddr = free.local_addr()?;
    drop(free);
    let file = folder.join("nginx.conf");
    let folder = folder.to_str().context("the name of the temporary folder is no text")?;
    let port = address.port().to_string();
    fs::write(&file, CONFIGURATION.replace("@PORT@", &port).replace("@FOLDER@", folder))?;
    let mut command = installed("nginx");
    // Started by root, the worker would be another user, who may not enter the folder.
    if rustix::process::geteuid().is_root() {
        command.args(["-g", "user root;"]);
    }
    StartedRival::at(command.arg("-e").arg("stderr").arg("-c").arg(&file), address)
}
