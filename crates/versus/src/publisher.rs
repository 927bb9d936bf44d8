//! Publishes over one connection, by `POST`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::{answer, message};

/// The time for which a server may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A connection to the address at which a server takes messages.
#[derive(Debug)]
pub(crate) struct MessagePost {
    stream: TcpStream,
    /// The whole request. Each message is the same.
    request: Vec<u8>,
}

impl MessagePost {
    /// # Errors
    /// The server does not accept the connection.
    pub(crate) fn connect(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect to publish")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        let body = message::json();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Self { stream, request: request.into_bytes() })
    }

    /// Publishes one message, and waits until the server has taken it.
    ///
    /// # Errors
    /// The server does not take it, or does not answer within ten seconds.
    pub(crate) fn publish(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).context("cannot publish")?;
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(answer) = answer::read(&bytes, &[])? {
                let status = answer.status;
                ensure!(matches!(status, 200..300), "publishing was answered with {status}");
                return Ok(());
            }
            match self.stream.read(&mut part).context("publishing was not answered")? {
                0 => bail!("the server closed the connection on which messages are published"),
                length => bytes.extend_from_slice(&part[..length]),
            }
        }
    }
}
