//! The server, and the proxy before it, as processes of their own: what makes their cost visible apart
//! from the load generator's.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use wirebench_loadgen::TrustedCertificates;
use wirebench_scenario::{Proxy, Reconnect, duration_text};

/// How long a process may take until it is ready.
const START: Duration = Duration::from_secs(10);

/// How long a server may take to end every connection: a little more than it allows itself.
const STOP: Duration = Duration::from_secs(8);

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerPlan {
    /// Messages that its feed keeps.
    pub(crate) window: usize,
    /// Its threads.
    pub(crate) workers: usize,
    /// Whether it speaks TLS, with a certificate that it makes itself.
    pub(crate) tls: bool,
    /// How the subscribers of the run reconnect, which decides what it tells them about it.
    pub(crate) reconnect: Reconnect,
    /// Where it listens, once that is known.
    pub(crate) address: Option<SocketAddr>,
}

/// A running `wirebench serve`. Dropping it kills it; [`ServerProcess::stop`] is the polite way.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Companion,
    /// Where the feeds are: `http://127.0.0.1:…`.
    pub(crate) listening: String,
    /// Where the control API is.
    pub(crate) control: String,
    /// The certificate that it made, if it speaks TLS.
    pub(crate) trusted: TrustedCertificates,
    /// What the control API takes.
    pub(crate) control_token: String,
}

/// A running `wirebench proxy`, killed when dropped: it has nothing to lose.
#[derive(Debug)]
pub(crate) struct ProxyProcess {
    _child: Companion,
    /// Where subscribers are to go.
    pub(crate) listening: String,
}

/// This same program as another process, on a pipe whose end tells it when this one is gone.
#[derive(Debug)]
struct Companion {
    child: Child,
    /// Held open for as long as the process is to live: `Child::wait` would close it.
    _lifeline: ChildStdin,
}

/// What is read of a ready line.
#[derive(Deserialize)]
struct Ready {
    listening: String,
    control: Option<String>,
    /// What a server says that signs for itself.
    certificate: Option<String>,
    control_token: Option<String>,
}

impl Companion {
    /// Starts it and waits for its ready line. In a process group of its own, so that Ctrl-C reaches the
    /// load generator alone.
    async fn start(name: &str, arguments: &[String]) -> anyhow::Result<(Self, Ready)> {
        let program = std::env::current_exe()
            .with_context(|| format!("cannot find the program of the {name}"))?;
        let mut child = Command::new(&program)
            .args(arguments)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the {name}, `{}`", program.display()))?;
        let lifeline = child.stdin.take().with_context(|| format!("the {name} has no input"))?;
        let stdout = child.stdout.take().with_context(|| format!("the {name} has no output"))?;
        let mut line = String::new();
        let read = timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
        let ready = match read {
            Err(_) => {
                bail!("the {name} did not come up: no ready line within {} s", START.as_secs())
            }
            Ok(Err(error)) => {
                return Err(error).with_context(|| format!("cannot read from the {name}"));
            }
            Ok(Ok(0)) => {
                let status = child.wait().await;
                let status =
                    status.with_context(|| format!("cannot learn how the {name} ended"))?;
                bail!("the {name} did not come up: {}", ending(status));
            }
            Ok(Ok(_)) => serde_json::from_str(&line).with_context(|| {
                format!("the ready line of the {name} is not one: `{}`", line.trim())
            })?,
        };
        Ok((Self { child, _lifeline: lifeline }, ready))
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        match pid {
            Some(pid) => kill_process(pid, signal).context("cannot send the server a signal"),
            // It has ended by itself, which is found out by waiting for it.
            None => Ok(()),
        }
    }
}

impl ServerProcess {
    /// Starts a server, at `address` or on a free port, and waits until it is ready.
    pub(crate) async fn start(
        plan: &ServerPlan,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let listen = address.map_or_else(|| "127.0.0.1:0".to_owned(), |at| at.to_string());
        let (window, workers) = (plan.window.to_string(), plan.workers.to_string());
        let mut arguments = vec!["serve", "--listen", &listen, "--control", "127.0.0.1:0"];
        arguments.extend(["--window", &window, "--workers", &workers]);
        // What is measured is the feeds: nothing is to work for pages that nobody looks at.
        arguments.push("--no-demos");
        // The policy of the run decides how subscribers come back. What the server announces is that, where
        // a transport has a field for it, and nothing when it stops: it could not say the same on each.
        let announced = plan.reconnect.announced().map_or_else(|| "none".to_owned(), duration_text);
        arguments.extend(["--retry", &announced, "--return-time", "0s"]);
        if plan.tls {
            arguments.extend(["--tls", "self-signed"]);
        }
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let (child, Ready { listening, control, certificate, control_token }) =
            Companion::start("server", &arguments).await?;
        let control = control.context("the server does not say where its control API is")?;
        let control_token = control_token.context("the server does not say its control token")?;
        let trusted = certificate.map_or(TrustedCertificates::System, TrustedCertificates::Pinned);
        Ok(Self { child, listening, control, trusted, control_token })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        address(&self.listening)
    }

    /// Waits until the server ends, which it should not do by itself, and says how it did.
    pub(crate) async fn gone(&mut self) -> String {
        self.child.child.wait().await.map_or_else(|error| error.to_string(), ending)
    }

    /// Asks the server to stop and waits until it has; kills it when it does not.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.signal(Signal::TERM)?;
        match timeout(STOP, self.child.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => bail!("the server did not stop properly: {}", ending(status)),
            Ok(Err(error)) => Err(error).context("cannot learn how the server ended"),
            Err(_) => {
                self.child.child.kill().await.context("cannot kill the server")?;
                bail!("the server did not stop within {} s and was killed", STOP.as_secs())
            }
        }
    }

    /// Ends the server at once, and returns when it has ended.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.child.kill().await.context("cannot kill the server")
    }

    /// Lets the server stand still.
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::CONT)
    }
}

impl ProxyProcess {
    /// Starts a proxy before the server at `upstream`, and waits until it is ready.
    pub(crate) async fn start(proxy: Proxy, upstream: &str) -> anyhow::Result<Self> {
        let habit = proxy.habit().name();
        let mut arguments: Vec<String> =
            ["proxy", "--upstream", upstream, "--listen", "127.0.0.1:0", "--habit", habit]
                .map(str::to_owned)
                .into();
        let mut set = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        // A server that is gone on purpose is no news, and the keeper says if it is gone otherwise.
        set("--log", "error".to_owned());
        match proxy {
            Proxy::IdleCut { idle } => set("--idle", duration_text(idle)),
            Proxy::Slow { delay, bandwidth } => {
                set("--delay", duration_text(delay));
                if let Some(bytes) = bandwidth {
                    set("--bandwidth", bytes.to_string());
                }
            }
            Proxy::Buffering | Proxy::StripUpgrade | Proxy::CloseAfterResponse => {}
        }
        let (child, Ready { listening, .. }) = Companion::start("proxy", &arguments).await?;
        Ok(Self { _child: child, listening })
    }
}

/// The address in a URL of a ready line.
fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    address.parse().with_context(|| format!("`{url}` holds no address"))
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;

    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (None, Some(code)) => format!("it exited with code {code}"),
        (None, None) => "it ended".to_owned(),
    }
}
