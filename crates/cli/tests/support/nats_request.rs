//! Single requests to a NATS server, over a connection of their own.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take. Nobody answers for a cluster that has no leader.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a server at `nats://HOST:PORT`, without a body. Returns the JSON of the answer.
///
/// # Errors
/// The server is not there, or nobody answers.
pub(crate) fn request(url: &str, subject: &str) -> Result<Value> {
    let mut connection = TcpStream::connect(url.strip_prefix("nats://").unwrap())?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(
        connection,
        "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer 0\r\n\r\n"
    )?;
    let mut lines = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some(message) = line.strip_prefix("MSG ") else { continue };
        let length = message.split_whitespace().next_back().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        lines.read_exact(&mut body)?;
        return serde_json::from_slice(&body).map_err(Error::other);
    }
}
