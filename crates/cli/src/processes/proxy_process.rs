//! Runs the proxy of a run as a separate process.

use std::net::SocketAddr;

use wirebench_scenario::{ProxyFault, duration_text};

use super::child_process::{ChildProcess, address_in};

/// A running `wirebench proxy`. Dropping it kills the process, which has no state to lose.
#[derive(Debug)]
pub(crate) struct ProxyProcess {
    _child: ChildProcess,
    /// The URL at which subscribers reach it.
    pub(crate) listening: String,
}

impl ProxyProcess {
    /// Returns the address at which subscribers reach it.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        address_in(&self.listening)
    }

    /// Starts a proxy in front of the server at `upstream`, and waits until it is ready.
    pub(crate) async fn start(proxy: ProxyFault, upstream: &str) -> anyhow::Result<Self> {
        let habit = proxy.habit().name();
        let mut arguments: Vec<String> =
            ["proxy", "--upstream", upstream, "--listen", "127.0.0.1:0", "--habit", habit]
                .map(str::to_owned)
                .into();
        let mut set = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        // A server that was stopped on purpose needs no warning. The supervisor reports any other
        // end.
        set("--log", "error".to_owned());
        match proxy {
            ProxyFault::IdleCut { idle } => set("--idle", duration_text(idle)),
            ProxyFault::Slow { delay, bandwidth } => {
                set("--delay", duration_text(delay));
                if let Some(bytes) = bandwidth {
                    set("--bandwidth", bytes.to_string());
                }
            }
            ProxyFault::Buffering | ProxyFault::StripUpgrade | ProxyFault::CloseAfterResponse => {}
        }
        let (child, ready) = ChildProcess::start("proxy", &arguments, None).await?;
        Ok(Self { _child: child, listening: ready.listening })
    }
}
