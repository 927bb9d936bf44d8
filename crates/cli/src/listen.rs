//! The listeners of `serve` and `proxy`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

/// How long a server that restarts tries to get its addresses back.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on `address`. An error names `flag`, with which to choose another address.
pub(crate) fn listen(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    wirebench_server::listen(address).with_context(|| {
        format!(
            "cannot listen on {address}: stop what uses it, or choose another with `{flag}` \
             (port 0 takes any free one)"
        )
    })
}

/// Listens where the server listened before. Another program may have used the port meanwhile, if
/// only for a connection of its own. So this waits until the port is free again.
pub(crate) async fn listen_again(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let until = Instant::now() + RETRY_TIMEOUT;
    loop {
        match wirebench_server::listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                sleep(Duration::from_millis(100)).await;
            }
            Err(_) => return listen(flag, address),
        }
    }
}
