//! The ready line: what a server or a proxy prints once it listens.

use std::io::Write;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The JSON line on standard output. Fields that are `None` are left out.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct ReadyLine {
    /// The URL of the feeds.
    pub(crate) listening: String,
    /// Of a proxy: the URL of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    /// Of a server: the URL of the control API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<String>,
    /// The token of the control API, if it was drawn at random, for the program that started the
    /// server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control_token: Option<String>,
    /// Under TLS: the certificate in PEM, for clients that trust no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
    /// Of a server: the names of the feeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feeds: Option<Vec<String>>,
    /// Of a server whose feeds are durable: where they are kept, without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<String>,
    /// The id of the process.
    pub(crate) pid: u32,
}

impl ReadyLine {
    /// Prints the line.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer(&mut stdout, self)?;
        stdout.write_all(b"\n").and_then(|()| stdout.flush()).context("cannot print the ready line")
    }
}
