//! The connections of a bare fan-out, over loopback. Both ends are in this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use rustix::event::PollFlags;

use super::waiting::{is_temporary, time_until, wait_until_ready};

/// The connections of one writing thread and its reading thread, in the same order.
pub(super) struct SocketPairs {
    pub(super) writing: Vec<TcpStream>,
    pub(super) reading: Vec<TcpStream>,
}

impl SocketPairs {
    pub(super) fn open(count: usize, deadline: Instant) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut connections =
            Self { writing: Vec::with_capacity(count), reading: Vec::with_capacity(count) };
        for _ in 0..count {
            let reading = TcpStream::connect_timeout(&address, time_until(deadline)?)?;
            let writing = accept(&listener, reading.local_addr()?, deadline)?;
            for connection in [&reading, &writing] {
                connection.set_nonblocking(true)?;
                connection.set_nodelay(true)?;
            }
            connections.writing.push(writing);
            connections.reading.push(reading);
        }
        Ok(connections)
    }
}

/// Accepts the connection that comes from `peer`. Closes others, which are not of this process.
fn accept(listener: &TcpListener, peer: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    loop {
        wait_until_ready(listener, PollFlags::IN, deadline)?;
        match listener.accept() {
            Ok((connection, from)) if from == peer => return Ok(connection),
            Err(error) if !is_temporary(&error) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_connection_of_somebody_else_is_not_measured() -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let stranger = TcpStream::connect(listener.local_addr()?)?;
        let own = TcpStream::connect(listener.local_addr()?)?;
        let accepted =
            accept(&listener, own.local_addr()?, Instant::now() + Duration::from_secs(20))?;
        assert_eq!(accepted.peer_addr()?, own.local_addr()?);
        assert_eq!((&stranger).read(&mut [0])?, 0, "it was closed");
        Ok(())
    }

    #[test]
    fn waiting_ends_at_the_deadline() -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let nobody = listener.local_addr()?;
        let error = accept(&listener, nobody, Instant::now()).expect_err("nobody connects");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("stop what keeps this machine busy"), "{error}");
        Ok(())
    }
}
