//! Starts, suspends, stops and kills the server of a run, which is a separate process.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use tokio::time::timeout;
use wirebench_loadgen::{ControlClient, FeedControl, ServerControl, TrustedCertificates};
use wirebench_protocol::HttpStack;
use wirebench_scenario::{Reconnect, duration_text};
use wirebench_target::how_it_ended;

use super::child_process::{ChildProcess, address_in};
use crate::environment;

/// How long a server may take to stop. It is a little longer than the default `--drain-time`.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// The settings with which a server is started.
#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    /// The name of its feed.
    pub(crate) feed: String,
    /// Where it keeps the feed. `None`: in memory.
    pub(crate) store: Option<StoreArgument>,
    /// The number of messages that its feed keeps in memory.
    pub(crate) window: usize,
    /// The address on which it listens, on a free port.
    pub(crate) listen_on: IpAddr,
    /// The number of its threads.
    pub(crate) workers: usize,
    /// Who reads requests over HTTP/1.1 and writes their answers. `None`: its default.
    pub(crate) http_stack: Option<HttpStack>,
    /// True if it speaks TLS, with a self-signed certificate.
    pub(crate) tls: bool,
    /// How the subscribers of the run reconnect. It decides what the server announces.
    pub(crate) reconnect: Reconnect,
}

/// Where a server keeps its feed, and how it is told.
#[derive(Clone)]
pub(crate) enum StoreArgument {
    /// A URL without a password, in an argument.
    Plain(String),
    /// A URL that may contain a password, in the environment. `Debug` does not show it.
    Secret(String),
    /// The URL of NATS, which several servers share, in the environment as well.
    Backbone(String),
}

impl fmt::Debug for StoreArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(url) => write!(formatter, "Plain({url})"),
            Self::Secret(_) => formatter.write_str("Secret(…)"),
            Self::Backbone(_) => formatter.write_str("Backbone(…)"),
        }
    }
}

/// A running `wirebench serve`. Dropping it kills it; [`ServerProcess::stop`] ends its connections
/// properly.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: ChildProcess,
    /// The URL of the server: `http://127.0.0.1:…`.
    pub(crate) listening: String,
    /// The URL of the control API.
    control: String,
    /// The certificate that the server made, if it speaks TLS.
    pub(crate) trusted: TrustedCertificates,
    /// The token that the control API takes.
    control_token: String,
}

impl ServerProcess {
    /// Starts a server, at `address` or on a free port, and waits until it is ready.
    pub(crate) async fn start(
        plan: &ServerPlan,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let listen = address.unwrap_or_else(|| SocketAddr::new(plan.listen_on, 0)).to_string();
        let (window, workers) = (plan.window.to_string(), plan.workers.to_string());
        let mut arguments = vec!["serve", "--listen", &listen, "--control", "127.0.0.1:0"];
        arguments.extend(["--window", &window, "--workers", &workers, "--feed", &plan.feed]);
        // Only feeds are measured, so the server must not work for pages that nobody looks at.
        arguments.push("--no-demos");
        // The policy of the run decides how subscribers come back. The server announces the pause
        // where a transport has a field for it. When it stops it announces nothing, since it could
        // not announce the same over every transport.
        let announced = plan.reconnect.announced().map_or_else(|| "none".to_owned(), duration_text);
        arguments.extend(["--retry", &announced, "--return-time", "0s"]);
        if let Some(stack) = plan.http_stack {
            arguments.extend(["--http-stack", stack.name()]);
        }
        if plan.tls {
            arguments.extend(["--tls", "self-signed"]);
        }
        // A stream keeps what a feed in memory keeps.
        let retained = format!("messages={window}");
        let secret = match &plan.store {
            None => None,
            Some(StoreArgument::Plain(url)) => {
                arguments.extend(["--store", url]);
                None
            }
            Some(StoreArgument::Secret(url)) => Some((environment::STORE, url.as_str())),
            Some(StoreArgument::Backbone(url)) => {
                arguments.extend(["--retain", &retained]);
                Some((environment::BACKBONE, url.as_str()))
            }
        };
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let (child, ready) = ChildProcess::start("server", &arguments, secret).await?;
        let control = ready
            .control
            .context("the ready line of the server lacks the URL of its control API")?;
        let token =
            ready.control_token.context("the ready line of the server lacks its control token")?;
        let trusted = ready.certificate;
        Ok(Self {
            child,
            listening: ready.listening,
            control,
            trusted: trusted.map_or(TrustedCertificates::System, TrustedCertificates::Pinned),
            control_token: token,
        })
    }

    /// Returns the control of a feed.
    pub(crate) fn control_of(&self, feed: &str) -> Arc<dyn ServerControl> {
        FeedControl::new(ControlClient::new(&self.control, &self.control_token), feed).shared()
    }

    /// Returns the address of the feeds.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        address_in(&self.listening)
    }

    /// Waits until the server ends by itself, which it should not do. Returns how it ended.
    pub(crate) async fn ended(&mut self) -> String {
        how_it_ended(self.child.wait().await)
    }

    /// Asks the server to stop and waits until it has ended. Kills it if it takes longer than
    /// [`STOP_TIMEOUT`].
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.signal(Signal::TERM)?;
        match timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                bail!("the server did not stop properly: {}", how_it_ended(Ok(status)))
            }
            Ok(Err(error)) => Err(error).context("cannot read the exit status of the server"),
            Err(_) => {
                self.child.kill().await.context("cannot kill the server")?;
                bail!("the server did not stop within {} s and was killed", STOP_TIMEOUT.as_secs())
            }
        }
    }

    /// Kills the server and waits until it has ended.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }

    /// Suspends the server.
    pub(crate) fn suspend(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::STOP)
    }

    /// Resumes a suspended server.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::CONT)
    }
}
