//! `wirebench proxy`: runs a proxy that misbehaves in one chosen way.

use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio_stream::StreamExt;
use tracing_subscriber::filter::LevelFilter;
use wirebench_link::Misbehaviour;
use wirebench_loadgen::Target;
use wirebench_scenario::parse_duration;

use crate::exit::Exit;
use crate::listen::listen;
use crate::machine;
use crate::ready_line::ReadyLine;
use crate::signals::{stdin_ends, stop_signals};

/// Run a proxy that misbehaves in one chosen way, for testing
///
/// Shows how any client or server copes with what proxies do to feeds. Prints one JSON line on
/// standard output when it is ready. If the server does not answer a request, the proxy answers
/// with 502. SIGTERM or Ctrl-C cuts every connection and ends the proxy.
#[derive(Args, Debug)]
pub(crate) struct ProxyArguments {
    /// The server: `http://host:port`, without TLS and without a path
    #[arg(long, value_name = "URL", value_parser = upstream)]
    upstream: String,
    /// Address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How the proxy misbehaves
    #[arg(long, value_enum)]
    habit: HabitName,
    /// With `idle-cut`: how long a connection may be idle in both directions
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    idle: Duration,
    /// With `slow`: the delay that the proxy adds, each way
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = duration)]
    delay: Duration,
    /// With `slow`: the maximum bytes per second of a connection, each way [default: no limit]
    #[arg(long, value_name = "BYTES")]
    bandwidth: Option<NonZero<usize>>,
    /// What to log on standard error: `error`, `warn` (a server that does not answer) or `info`
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    /// Stop when standard input ends, so as not to outlive the process that started the proxy
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HabitName {
    /// Hold a response back until it is complete, or 16 KiB of it have arrived
    Buffering,
    /// Cut idle connections
    IdleCut,
    /// Forward requests without `Upgrade`
    StripUpgrade,
    /// Close the connection after each response
    CloseAfterResponse,
    /// Add delay, and limit the bandwidth
    Slow,
}

pub(crate) fn run(arguments: &ProxyArguments) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(arguments.log)
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let stopped = runtime.block_on(until_stopped(arguments));
    // This does not wait for tasks that still run: reading standard input may block a thread for
    // ever.
    runtime.shutdown_background();
    stopped
}

async fn until_stopped(arguments: &ProxyArguments) -> anyhow::Result<Exit> {
    let mut signals = stop_signals()?;
    let upstream = Target::resolve(&arguments.upstream).await?.address;
    let listener = listen("--listen", arguments.listen)?;
    ReadyLine {
        listening: format!("http://{}", listener.local_addr()?),
        upstream: Some(format!("http://{upstream}")),
        pid: std::process::id(),
        ..ReadyLine::default()
    }
    .print()?;
    let shutdown = async move {
        tokio::select! {
            _ = signals.next() => {}
            () = stdin_ends(), if arguments.until_stdin_ends => {}
        }
    };
    wirebench_link::proxy(listener, upstream, arguments.habit(), shutdown).await;
    Ok(Exit::Done)
}

impl ProxyArguments {
    fn habit(&self) -> Misbehaviour {
        match self.habit {
            HabitName::Buffering => Misbehaviour::Buffering,
            HabitName::IdleCut => Misbehaviour::IdleCut { idle: self.idle },
            HabitName::StripUpgrade => Misbehaviour::StripUpgrade,
            HabitName::CloseAfterResponse => Misbehaviour::CloseAfterResponse,
            HabitName::Slow => Misbehaviour::Slow {
                delay: self.delay,
                bandwidth: self.bandwidth.map(NonZero::get),
            },
        }
    }
}

/// Checks the URL of `--upstream`. A path in it is refused, because requests are forwarded with
/// their own paths.
fn upstream(text: &str) -> Result<String, String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| format!("expected `http://host:port`, for example `http://{text}`"))?;
    match scheme {
        "http" => {}
        "https" | "wss" => {
            return Err(
                "the proxy has to read what it forwards and speaks no TLS: name an address at \
                 which the server accepts plain `http://`"
                    .to_owned(),
            );
        }
        "ws" => return Err(format!("write `http://{rest}`: the proxy forwards WebSockets too")),
        other => {
            return Err(format!("the scheme has to be `http`, found `{other}`"));
        }
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || authority.contains('@') {
        return Err("expected `http://host:port`".to_owned());
    }
    if !matches!(path, "" | "/") {
        return Err(format!(
            "`{path}` is more than a host and a port: leave it out, because requests are \
             forwarded with their own paths"
        ));
    }
    Ok(format!("http://{authority}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as `500ms` or `25s`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::upstream;

    #[test]
    fn the_upstream_is_a_plain_host_and_port() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(upstream(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn an_upstream_other_than_a_plain_host_and_port_is_refused_with_a_hint() {
        for (url, words) in [
            ("https://127.0.0.1:8080", "speaks no TLS"),
            ("wss://127.0.0.1:8080", "speaks no TLS"),
            ("ws://127.0.0.1:8080", "write `http://127.0.0.1:8080`"),
            ("ftp://127.0.0.1", "the scheme has to be `http`, found `ftp`"),
            ("127.0.0.1:8080", "for example `http://127.0.0.1:8080`"),
            ("http://127.0.0.1:8080/live", "`/live` is more than a host and a port"),
            ("http://127.0.0.1:8080?a=b", "`?a=b` is more than a host and a port"),
            ("http://user@127.0.0.1:8080", "expected `http://host:port`"),
            ("http://", "expected `http://host:port`"),
        ] {
            let refusal = upstream(url).expect_err(url);
            assert!(refusal.contains(words), "{url}: {refusal}");
        }
    }
}
