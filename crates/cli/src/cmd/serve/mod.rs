//! `wirebench serve`: runs the feed server until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::signal::unix::SignalKind;
use tokio::time::sleep;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;
use wirebench_demos::{ControlAccess, Demos};
use wirebench_server::{Feed, Server};

mod instance;
mod options;
mod socket_io;
mod store;
mod welcome;

use self::instance::{EndReason, Instance};
use self::options::{ServeOptions, ServerSetup};
use self::store::{OpenStore, StoreArguments, StoreSetup};
use self::welcome::welcome;
use crate::exit::Exit;
use crate::listen::{listen, listen_again};
use crate::ready_line::ReadyLine;
use crate::signals::{stdin_ends, stop_signals};
use crate::{machine, print};

/// How long the ports are closed during a restart. Every browser notices this time.
const AWAY: Duration = Duration::from_secs(2);

/// How long stopping may take before the program explains what it waits for.
const EXPLAIN_AFTER: Duration = Duration::from_millis(300);

/// Serve a feed over every transport, and the teaching demos
///
/// On a terminal, says where to look when it is ready. Into a pipe or a file, prints one JSON line
/// with the addresses that it listens on. SIGTERM or Ctrl-C ends every connection
/// properly, and then the server. A second Ctrl-C ends the server at once.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// Address of the feeds; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the control API, on which load generators start publishers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Name of a feed; repeat the option for more feeds
    #[arg(long, value_name = "NAME", default_value = "bench", value_parser = feed_name)]
    feed: Vec<String>,
    /// Number of messages that each feed keeps in memory for subscribers that come back
    #[arg(long, value_name = "MESSAGES", default_value = "10000")]
    window: std::num::NonZeroUsize,
    /// Threads that serve connections [default: one per core]
    #[arg(long, value_name = "THREADS")]
    workers: Option<std::num::NonZeroUsize>,
    /// Serve only the feeds of `--feed`: no demo pages, no feeds of the demos, and none of their
    /// background tasks
    #[arg(long)]
    no_demos: bool,
    /// Who may use the controls of the demos that affect everybody: the publisher, the link, cuts
    /// and restarts
    #[arg(long, value_name = "WHO", value_enum, default_value_t)]
    demo_controls: DemoControls,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    options: ServeOptions,
    /// What to log on standard error: `warn`, `info` (starts and stops) or `debug`
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    /// Stop when standard input ends, so as not to outlive the process that started the server
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// The values of `--demo-controls`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum DemoControls {
    /// Clients on this machine; behind a proxy on this machine, that is everybody
    #[default]
    Loopback,
    /// All clients
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

pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<Exit> {
    let taken = |name: &&String| !arguments.no_demos && Demos::FEEDS.contains(&name.as_str());
    if let Some(name) = arguments.feed.iter().find(taken) {
        print::talk(&format!(
            "error: `--feed {name}`: the demos have a feed of that name; choose another name, or \
             serve without the demos (`--no-demos`)"
        ));
        return Ok(Exit::Usage);
    }
    let store = match arguments.store.read() {
        Ok(store) => store,
        Err(error) => {
            print::talk(&format!("error: {error:#}"));
            return Ok(Exit::Usage);
        }
    };
    machine::raise_open_files();
    if !arguments.no_demos && arguments.options.names_a_token() {
        print::talk("the demos are not served, because their pages cannot send a token");
    }
    // The log has one line for each event that an operator may have to act on.
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
    let served = runtime.block_on(until_stopped(arguments, store));
    // This does not wait for tasks that still run: reading standard input may block a thread for
    // ever.
    runtime.shutdown_background();
    served
}

async fn until_stopped(
    arguments: ServeArguments,
    store: Option<StoreSetup>,
) -> anyhow::Result<Exit> {
    let stop = stop_token(arguments.until_stdin_ends)?;
    let setup = arguments.options.read(arguments.listen, arguments.control)?;
    let listener = listen("--listen", arguments.listen)?;
    let control = listen("--control", arguments.control)?;
    let addresses = (listener.local_addr()?, control.local_addr()?);
    let store = match store {
        Some(store) => Some(store.open().await?),
        None => None,
    };
    let mut instance = arguments.instance(&setup, store.as_ref(), None).await?;
    let ready = ReadyLine {
        listening: format!("{}://{}", setup.scheme(), addresses.0),
        control: Some(format!("http://{}", addresses.1)),
        control_token: setup.token_to_announce(),
        certificate: setup.certificate(),
        feeds: Some(arguments.feed.clone()),
        store: store.as_ref().map(OpenStore::name),
        pid: std::process::id(),
        upstream: None,
    };
    if std::io::stdout().is_terminal() {
        print::data(&welcome(&ready, addresses.0, instance.demos().is_some()))?;
    } else {
        ready.print()?;
    }

    let mut listeners = (listener, control);
    loop {
        let before = instance.demos();
        if instance.run(listeners, &stop).await == EndReason::Stop {
            break;
        }
        let back = async {
            sleep(AWAY).await;
            let listener = listen_again("--listen", addresses.0).await?;
            anyhow::Ok((listener, listen_again("--control", addresses.1).await?))
        };
        listeners = tokio::select! {
            () = stop.cancelled() => break,
            back = back => back?,
        };
        instance = arguments.instance(&setup, store.as_ref(), before.as_ref()).await?;
    }
    Ok(Exit::Done)
}

impl ServeArguments {
    /// Returns an instance of the server. Its demos keep the settings of those `before` the
    /// restart.
    async fn instance(
        &self,
        setup: &ServerSetup,
        store: Option<&OpenStore>,
        before: Option<&Demos>,
    ) -> anyhow::Result<Instance> {
        let mut feeds = Vec::new();
        for name in &self.feed {
            let feed = self.options.feed(Feed::new(self.window.get()));
            let feed = match store {
                Some(store) => store.keep(name, feed).await?,
                None => feed,
            };
            feeds.push((name.clone(), feed));
        }
        let changes = store.map(OpenStore::changes).transpose()?;
        let token = setup.control_token.clone();
        let server = |server: Server| {
            let server = setup.server(server);
            match store {
                Some(store) => server.with_store_metrics(store.metrics()),
                None => server,
            }
        };
        // The pages of the demos cannot send a token.
        if self.no_demos || setup.needs_a_token() {
            return Ok(Instance::new(server(Server::new(feeds)), None, changes, token));
        }
        let access = self.demo_controls.into();
        let demos = match (before, store) {
            (Some(before), _) => before.restarted().await?,
            (None, Some(store)) => Demos::with_store(access, store.store()).await?,
            (None, None) => Demos::new(access),
        };
        let feeds = feeds.into_iter().chain(demos.feeds());
        let server = server(Server::new(feeds).with_layer(demos.layer()));
        Ok(Instance::new(server, Some(demos), changes, token))
    }
}

/// Returns a token that is cancelled when the server is asked to stop. After that, Ctrl-C ends the
/// program at once.
fn stop_token(until_stdin_ends: bool) -> anyhow::Result<CancellationToken> {
    let mut signals = stop_signals()?;
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    tokio::spawn(async move {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = stdin_ends(), if until_stdin_ends => None,
        };
        drop(guard);
        // Only for a user at a terminal, and only if the server does not end at once.
        let explain = async {
            sleep(EXPLAIN_AFTER).await;
            if signal == Some(SignalKind::interrupt()) {
                print::talk(
                    "stopping: ending connections properly; press Ctrl-C again to end at once",
                );
            }
            std::future::pending::<()>().await;
        };
        let mut interrupts = signals.filter(|signal| *signal == SignalKind::interrupt());
        tokio::select! {
            _ = interrupts.next() => {}
            () = explain => {}
        }
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(stop)
}

fn feed_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a feed's name has 1 to 64 letters, digits, `-`, `_` and `.`".to_owned())
    }
}
