//! `wirebench health`: checks whether a server answers, for the health checks of containers.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use wirebench_loadgen::Target;

use crate::exit::Exit;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Check that a server answers, for the health check of a container
///
/// Asks the server for `/healthz` over plain HTTP. Exits with 0 if it answers with 200 within 5
/// seconds, and with 1 otherwise.
#[derive(Args, Debug)]
pub(crate) struct HealthArguments {
    /// The server: `http://host:port`, without TLS
    #[arg(default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
}

pub(crate) fn run(arguments: &HealthArguments) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    runtime.block_on(async {
        let target = Target::resolve(&arguments.url).await?;
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let asked = client.get(format!("http://{}/healthz", target.address)).send().await;
        let status = asked.with_context(|| format!("cannot reach `{}`", arguments.url))?.status();
        if !status.is_success() {
            bail!("`{}` is not healthy: it answered {status}", arguments.url);
        }
        Ok(Exit::Done)
    })
}
