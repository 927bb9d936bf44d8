//! `wirebench probe`: finds out what a URL speaks, and writes a target file to start from.
//!
//! Each transport is tried by itself, all at once: `http` for what a `GET` brings (`stream` or
//! `poll`), `websocket`, `socket_io`. `headers` knows what proxies do because of an answer.
//! `target_file` writes what was found.

mod address;
mod asked;
mod findings;
mod headers;
mod http;
mod poll;
mod socket_io;
mod stream;
mod target_file;
mod websocket;
mod words;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};

use self::address::ProbedUrl;
use self::asked::Probe;
use self::findings::Findings;
use crate::client_arguments::TrustArguments;
use crate::exit::Exit;
use crate::print;

/// Find out what a URL speaks, and write a target file to start from
///
/// Asks for an event stream, a poll, a WebSocket and a Socket.IO session, and listens for a while.
/// Prints a target file with what was found, and says on standard error what it means. Publishes
/// nothing: publish some messages meanwhile, and it sees what they look like.
#[derive(Args, Debug)]
pub(crate) struct ProbeArguments {
    /// The URL at which a client of the server subscribes
    url: String,
    /// How long to listen, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Write the target to this file in place of standard output. An existing file is never
    /// overwritten
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArguments,
}

pub(crate) fn run(arguments: &ProbeArguments) -> anyhow::Result<Exit> {
    let url = match ProbedUrl::parse(&arguments.url) {
        Ok(url) => url,
        Err(error) => {
            print::talk(&format!("error: {error}"));
            return Ok(Exit::Usage);
        }
    };
    if let Some(path) = arguments.write.as_ref().filter(|path| path.exists()) {
        bail!("`{}` already exists: choose another file", path.display());
    }
    let probe = Probe {
        url,
        listen: Duration::from_secs(arguments.seconds),
        trusted: arguments.trust.trusted(),
    };
    print::talk(&format!("listening to `{}` for {} s", arguments.url, arguments.seconds));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(findings(&probe))?;
    for line in findings.in_words(probe.listen) {
        print::talk(&line);
    }
    if findings.is_nothing() {
        bail!(
            "`{}` speaks none of the transports that wirebench knows: is it the URL of a feed?",
            arguments.url
        );
    }
    let text = target_file::text(&probe.url, &findings);
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
///
/// Nobody answers at the address.
async fn findings(probe: &Probe) -> anyhow::Result<Findings> {
    let (http, websocket, socket_io) =
        tokio::join!(http::probe(probe), websocket::probe(probe), socket_io::probe(probe));
    Ok(Findings { http: http?, websocket, socket_io })
}
