//! The listeners of `serve` and `proxy`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

/// How long a server that restarts tries to get its addresses back.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on `address`. Errors advise choosing another address with `flag`.
pub(crate) fn listen(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    wirebench_server::listen(address).with_context(|| {
        format!(
            "cannot listen on {address}: stop the program that uses it, or choose another address \
             with `{flag}` (port 0 takes any free port)"
        )
    })
}

/// Listens on an address on which the server listened before. Another program may have taken the
/// port in the meantime, perhaps for an outgoing connection. So this waits up to [`RETRY_TIMEOUT`]
/// until the port is free again.
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
