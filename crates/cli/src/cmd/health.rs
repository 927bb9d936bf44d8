//! `wirebench health`: whether a server answers, for the health checks of containers.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wirebench_loadgen::Target;

use crate::exit::Exit;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the status line of a healthy server begins with.
const HEALTHY: &[u8] = b"HTTP/1.1 200 ";

/// Check that a server answers, as the health check of a container
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
        let asked = timeout(TIMEOUT, ask(&target)).await;
        let start = asked.with_context(|| {
            format!("`{}` did not answer within {} s", arguments.url, TIMEOUT.as_secs())
        })?;
        let start = start.with_context(|| format!("cannot reach `{}`", arguments.url))?;
        if start != HEALTHY {
            let start = String::from_utf8_lossy(&start).trim().to_owned();
            bail!("`{}` is not healthy: it answered `{start}`", arguments.url);
        }
        Ok(Exit::Done)
    })
}

/// Asks for `/healthz`. Returns the start of the status line.
async fn ask(target: &Target) -> std::io::Result<Vec<u8>> {
    let address = target.address;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut start = Vec::new();
    stream.take(HEALTHY.len() as u64).read_to_end(&mut start).await?;
    Ok(start)
}
