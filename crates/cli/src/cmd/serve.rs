//! `wirebench serve`: the feed server, until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use wirebench_server::{Control, Feed, Server, listen};

use crate::exit::Exit;
use crate::machine;

/// Serve a feed over every transport
///
/// Prints one JSON line on standard output once it is ready, with the addresses it listens on.
/// SIGTERM or Ctrl-C ends every connection properly, and then the server.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Address of the feeds; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the control API, on which load generators start publishers; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = loopback)]
    control: SocketAddr,
    /// Name of a feed; give it again for more than one
    #[arg(long, value_name = "NAME", default_value = "bench", value_parser = feed_name)]
    feed: Vec<String>,
    /// Messages that each feed keeps for those who come back
    #[arg(long, value_name = "MESSAGES", default_value = "10000")]
    window: std::num::NonZeroUsize,
    /// Threads that serve connections [default: one per core]
    #[arg(long, value_name = "THREADS")]
    workers: Option<std::num::NonZeroUsize>,
    /// Stop when standard input ends, so as not to outlive the process that started the server
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// The ready line.
#[derive(Serialize)]
struct Ready {
    listening: String,
    control: String,
    feeds: Vec<String>,
    pid: u32,
}

pub(crate) fn serve(arguments: Serve) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    // What an operator would act on: a line each on standard error. Nothing goes to it otherwise.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_target(false)
        .init();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = arguments.workers {
        runtime.worker_threads(workers.get());
    }
    let runtime = runtime.enable_all().build().context("cannot start the server's threads")?;
    let served = runtime.block_on(until_stopped(arguments));
    // What has not ended by now is not waited for: reading standard input blocks a thread for ever.
    runtime.shutdown_background();
    served
}

async fn until_stopped(arguments: Serve) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let feeds = arguments.feed.iter();
    let feeds = feeds.map(|name| (name.clone(), Feed::new(arguments.window.get())));
    let server = Server::new(feeds);
    let control = Control::new(server.clone());

    let listener = bind("--listen", arguments.listen)?;
    let control_listener = bind("--control", arguments.control)?;
    announce(&Ready {
        listening: format!("http://{}", listener.local_addr()?),
        control: format!("http://{}", control_listener.local_addr()?),
        feeds: arguments.feed,
        pid: std::process::id(),
    })?;

    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_ends(), if arguments.until_stdin_ends => {}
        }
    };
    tokio::select! {
        () = server.serve(listener, shutdown) => {}
        () = control.serve(control_listener) => {}
    }
    Ok(Exit::Done)
}

pub(super) fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| {
        format!(
            "cannot listen on {address}: stop what uses it, or choose another with `{flag}` \
             (port 0 takes any free one)"
        )
    })
}

pub(super) fn announce(ready: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, ready)?;
    stdout.write_all(b"\n").and_then(|()| stdout.flush()).context("cannot print the ready line")
}

pub(super) async fn stdin_ends() {
    let mut ignored = [0; 256];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("whoever reaches the control API can publish: it listens on loopback only".to_owned())
    }
}

fn feed_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a feed's name is 1 to 64 letters, digits, `-`, `_` and `.`".to_owned())
    }
}
