//! Chooses a port for a server that cannot take any free one and say which.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

/// Ports below this need privileges or belong to well-known services.
const FIRST: u16 = 10_000;

/// Where the kernel takes local ports from if `/proc` does not tell: Linux's default.
const USUAL_FIRST_LOCAL_PORT: u16 = 32_768;

/// How many ports are tried before any free one is taken.
const TRIES: usize = 100;

/// Returns a port on which nobody listens now.
///
/// It is below the ports that the kernel gives to outgoing connections, as far as there are such
/// ports. So no connection of a subscriber takes it while a server that was stopped is down.
///
/// # Errors
///
/// No port is free.
pub(crate) fn free_port() -> io::Result<u16> {
    let end = first_local_port().unwrap_or(USUAL_FIRST_LOCAL_PORT);
    let listens = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if end > FIRST {
        let mut random = rand::rng();
        let mut ports = (0..TRIES).map(|_| random.random_range(FIRST..end));
        if let Some(port) = ports.find(|port| listens(*port).is_ok()) {
            return Ok(port);
        }
    }
    Ok(listens(0)?.local_addr()?.port())
}

fn first_local_port() -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    range.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listens_on_the_port_and_no_connection_takes_it() {
        let port = free_port().unwrap();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        if let Some(first) = first_local_port().filter(|first| *first > FIRST) {
            assert!((FIRST..first).contains(&port), "{port}");
        }
    }
}
