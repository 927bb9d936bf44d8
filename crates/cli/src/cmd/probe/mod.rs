//! `wirebench probe`: finds out what a URL speaks, and writes a target file to start from.
//!
//! Each transport is tried by itself, all at once: `http` for what a `GET` brings (an event stream or
//! a poll), `websocket`, `socket_io`. `target_file` writes what was found.

mod findings;
mod http;
mod socket_io;
mod target_file;
mod websocket;
mod words;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use self::findings::Findings;
use crate::exit::Exit;
use crate::print;

/// Find out what a URL speaks, and write a target file to start from
///
/// Asks for an event stream, a poll, a WebSocket and a Socket.IO session, and listens for a while.
/// Prints a target file with what was found, and says on standard error what it means. Publishes
/// nothing. Speaks plain `http` only.
#[derive(Args, Debug)]
pub(crate) struct ProbeArguments {
    /// The URL at which a client of the server subscribes
    url: String,
    /// How long to listen, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Write the target to this file in place of standard output. An existing file is never
    /// overwritten
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub(crate) fn run(arguments: &ProbeArguments) -> anyhow::Result<Exit> {
    let url: reqwest::Url = match arguments.url.replacen("ws://", "http://", 1).parse() {
        Ok(url) => url,
        Err(error) => {
            print::talk(&format!("error: `{}` is no URL: {error}", arguments.url));
            return Ok(Exit::Usage);
        }
    };
    if url.scheme() != "http" || url.host_str().is_none() {
        print::talk(&format!(
            "error: expected a URL with `http://` or `ws://`, found `{}`",
            arguments.url
        ));
        return Ok(Exit::Usage);
    }
    if let Some(path) = arguments.write.as_ref().filter(|path| path.exists()) {
        bail!("`{}` already exists: choose another file", path.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listen = Duration::from_secs(arguments.seconds);
    print::talk(&format!("listening to `{url}` for {} s", arguments.seconds));
    let findings = runtime.block_on(probe(&url, listen))?;
    for line in findings.in_words() {
        print::talk(&line);
    }
    if findings.is_nothing() {
        bail!(
            "`{url}` speaks none of the transports that wirebench knows: is it the URL of a feed?"
        );
    }
    let text = target_file::text(&url, &findings);
    match &arguments.write {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
            print::talk(&format!(
                "wrote `{0}`: say in `[publish]` how to publish, then `wirebench run SCENARIO \
                 --target {0}`",
                path.display()
            ));
        }
        None => print::data(&text)?,
    }
    Ok(Exit::Done)
}

/// Tries every transport.
///
/// # Errors
/// Nobody answers at the address.
async fn probe(url: &reqwest::Url, listen: Duration) -> anyhow::Result<Findings> {
    let (http, websocket, socket_io) = tokio::join!(
        http::probe(url, listen),
        websocket::probe(url, listen),
        socket_io::probe(url, listen),
    );
    Ok(Findings { http: http?, websocket, socket_io })
}
