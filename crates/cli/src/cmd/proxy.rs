//! `wirebench proxy`: a proxy in the path, with one bad habit.

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

/// Stand between subscribers and a server, with one bad habit
///
/// For trying any client or server against what proxies do to feeds. Prints one JSON line on
/// standard output once it is ready. A request that the server does not answer is answered with
/// 502. SIGTERM or Ctrl-C cuts every connection and ends it.
#[derive(Args, Debug)]
pub(crate) struct ProxyArguments {
    /// The server: `http://host:port`, without TLS and without a path
    #[arg(long, value_name = "URL", value_parser = upstream)]
    upstream: String,
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What it does that it should not
    #[arg(long, value_enum)]
    habit: HabitName,
    /// With `idle-cut`: how long nothing may be sent either way
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    idle: Duration,
    /// With `slow`: what it adds, each way
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = duration)]
    delay: Duration,
    /// With `slow`: bytes per second that a connection may carry, each way [default: no limit]
    #[arg(long, value_name = "BYTES")]
    bandwidth: Option<NonZero<usize>>,
    /// What goes to the log on standard error: `error`, `warn` (a server that does not answer),
    /// `info`
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    /// Stop when standard input ends, so as not to outlive the process that started the proxy
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HabitName {
    /// Hold a response back until it is whole, or 16 KiB of it have come
    Buffering,
    /// Cut connections on which nothing is sent
    IdleCut,
    /// Forward requests without `Upgrade`
    StripUpgrade,
    /// Close the connection after each response
    CloseAfterResponse,
    /// Be far away and narrow
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
    // What has not ended by now is not waited for: reading standard input blocks a thread for ever.
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

/// Checks the URL of `--upstream`. What follows the host would be dropped: requests are passed on
/// with the paths that they have.
fn upstream(text: &str) -> Result<String, String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| format!("expected `http://host:port`, for example `http://{text}`"))?;
    match scheme {
        "http" => {}
        "https" | "wss" => {
            return Err(
                "the proxy reads what it passes on and speaks no TLS: give the address on which \
                        the server takes plain `http://`"
                    .to_owned(),
            );
        }
        "ws" => return Err(format!("write `http://{rest}`: WebSockets go through it as well")),
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
            "`{path}` is more than a host and a port: requests are passed on with their own paths; leave it \
             out"
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
    fn an_upstream_that_would_be_misread_is_refused_with_what_is_right() {
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
