//! `wirebench serve`: the feed server, until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;
use wirebench_demos::{ControlAccess, Demos};

mod life;
mod options;

pub(super) use self::life::bind;
use self::life::{End, Life, bind_again};
use self::options::Options;
use crate::exit::Exit;
use crate::{machine, print};

/// How long a server that restarts is away: long enough for every browser to notice.
const AWAY: Duration = Duration::from_secs(2);

/// How long stopping may take before it is said what is waited for.
const UNSAID: Duration = Duration::from_millis(300);

/// Serve a feed over every transport, and the teaching demos
///
/// Prints one JSON line on standard output once it is ready, with the addresses it listens on. The
/// first of them, opened in a browser, shows the demos.
/// SIGTERM or Ctrl-C ends every connection properly, and then the server; a second Ctrl-C ends it at
/// once.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Address of the feeds; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the control API, on which load generators start publishers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
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
    /// Serve the feeds alone: no pages, no feeds for them, nothing that works for them
    #[arg(long)]
    no_demos: bool,
    /// Who may change on the demos' pages what everybody sees: the publisher, the link, cuts, restarts
    #[arg(long, value_name = "WHO", value_enum, default_value_t)]
    demo_controls: DemoControls,
    #[command(flatten)]
    options: Options,
    /// What goes to the log on standard error: `warn`, `info` (starts and stops) or `debug`
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    /// Stop when standard input ends, so as not to outlive the process that started the server
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// The values of `--demo-controls`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum DemoControls {
    /// Whoever connects from this machine; behind a proxy on it, that is everybody
    #[default]
    Loopback,
    /// Whoever connects
    Anyone,
}

impl From<DemoControls> for ControlAccess {
    fn from(who: DemoControls) -> Self {
        match who {
            DemoControls::Loopback => Self::Loopback,
            DemoControls::Anyone => Self::Anyone,
        }
    }
}

/// The ready line.
#[derive(Serialize)]
struct Ready {
    listening: String,
    control: String,
    /// Where it was drawn at random: whoever started the server is to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    control_token: Option<String>,
    /// Under TLS: the certificate in PEM, for clients that are to trust it.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    feeds: Vec<String>,
    pid: u32,
}

pub(crate) fn serve(arguments: Serve) -> anyhow::Result<Exit> {
    let taken = |name: &&String| !arguments.no_demos && Demos::FEEDS.contains(&name.as_str());
    if let Some(name) = arguments.feed.iter().find(taken) {
        print::talk(&format!(
            "error: `--feed {name}`: the demos have a feed of that name; choose another, or serve \
             without them (`--no-demos`)"
        ));
        return Ok(Exit::Usage);
    }
    machine::raise_open_files();
    if !arguments.no_demos && arguments.options.names_a_token() {
        print::talk("the demos are not served: their pages have no token to show");
    }
    // What an operator would act on: a line each on standard error.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(arguments.log)
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
    let stop = stop_signals(arguments.until_stdin_ends)?;
    let settings = arguments.options.read(arguments.listen, arguments.control)?;
    let listener = bind("--listen", arguments.listen)?;
    let control = bind("--control", arguments.control)?;
    let addresses = (listener.local_addr()?, control.local_addr()?);
    announce(&Ready {
        listening: format!("{}://{}", settings.scheme(), addresses.0),
        control: format!("http://{}", addresses.1),
        control_token: settings.token_to_announce(),
        certificate: settings.certificate(),
        feeds: arguments.feed.clone(),
        pid: std::process::id(),
    })?;

    let mut listeners = (listener, control);
    let mut before = None;
    loop {
        let life = Life::new(&arguments, &settings, before.take().as_ref());
        before = life.demos();
        if life.live(listeners, &stop).await == End::Stop {
            break;
        }
        let back = async {
            sleep(AWAY).await;
            let listener = bind_again("--listen", addresses.0).await?;
            anyhow::Ok((listener, bind_again("--control", addresses.1).await?))
        };
        listeners = tokio::select! {
            () = stop.cancelled() => break,
            back = back => back?,
        };
    }
    Ok(Exit::Done)
}

/// Cancelled when the server is told to stop.
fn stop_signals(until_stdin_ends: bool) -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    tokio::spawn(async move {
        let mut interrupted = false;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => interrupted = true,
            () = stdin_ends(), if until_stdin_ends => {}
        }
        drop(guard);
        // Said to somebody at a terminal, and only if the end is not there at once.
        let say = async {
            sleep(UNSAID).await;
            if interrupted {
                print::talk(
                    "stopping: connections are ended properly; Ctrl-C again to end at once",
                );
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            () = say => {}
        }
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(stop)
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

fn feed_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a feed's name is 1 to 64 letters, digits, `-`, `_` and `.`".to_owned())
    }
}
