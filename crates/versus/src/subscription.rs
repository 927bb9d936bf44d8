//! What a subscriber sends over each transport, until messages come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use wirebench_protocol::Transport;

/// The time within which a server has to accept a subscription.
const ACCEPT_TIME: Duration = Duration::from_secs(20);

/// The key in the example of RFC 6455, section 1.3. A server answers any.
const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// How to subscribe to a feed of a server.
#[derive(Clone, Debug)]
pub(crate) struct FeedRoute {
    /// The path with its query.
    pub(crate) path: String,
    pub(crate) kind: RouteKind,
}

/// What happens at a route.
#[derive(Clone, Debug)]
pub(crate) enum RouteKind {
    /// A poll for which there is nothing yet is answered at once.
    ShortPolling,
    /// A poll is held until there is a message. The next one has the cursor of the answer.
    LongPolling(CursorIn),
    /// One answer without an end.
    EventStream,
    /// Frames after an upgrade.
    WebSocket,
    /// Frames after an upgrade and a packet that connects to a namespace, such as `/feeds/bench,`.
    SocketIo { namespace: &'static str },
}

/// Where the answer of a poll has the cursor, and the next poll takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CursorIn {
    /// The field `Feed-Cursor`, and the parameter `after`.
    FeedCursor,
    /// `Last-Modified` and `Etag`, and the conditions with them (RFC 9110, section 13.1).
    Validators,
}

impl CursorIn {
    /// Returns the fields of an answer that make up the cursor.
    pub(crate) const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::FeedCursor => &["feed-cursor"],
            Self::Validators => &["last-modified", "etag"],
        }
    }

    /// Returns a poll with a cursor.
    ///
    /// # Errors
    /// The answer lacked a part of the cursor.
    pub(crate) fn next_poll(
        self,
        address: SocketAddr,
        path: &str,
        cursor: &[Option<String>],
    ) -> anyhow::Result<String> {
        match (self, cursor) {
            (Self::FeedCursor, [Some(cursor)]) => {
                Ok(get(address, &format!("{path}?after={cursor}"), ""))
            }
            (Self::Validators, [Some(time), Some(tag)]) => {
                let fields = format!("If-Modified-Since: {time}\r\nIf-None-Match: {tag}\r\n");
                Ok(get(address, path, &fields))
            }
            _ => bail!("the answer of a poll has no cursor"),
        }
    }
}

impl FeedRoute {
    /// Returns the route of a transport whose path is its name below `base`. The path of Socket.IO
    /// is the same everywhere. `cursor_in` is for long polls and `namespace` for Socket.IO.
    pub(crate) fn below(
        base: &str,
        transport: Transport,
        cursor_in: CursorIn,
        namespace: &'static str,
    ) -> Self {
        let kind = match transport {
            Transport::ShortPolling => RouteKind::ShortPolling,
            Transport::LongPolling => RouteKind::LongPolling(cursor_in),
            Transport::Sse => RouteKind::EventStream,
            Transport::WebSocket => RouteKind::WebSocket,
            Transport::SocketIo => RouteKind::SocketIo { namespace },
        };
        let path = match transport {
            Transport::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Transport::ShortPolling
            | Transport::LongPolling
            | Transport::Sse
            | Transport::WebSocket => format!("{base}/{}", transport.name()),
        };
        Self { path, kind }
    }

    /// Opens a connection and subscribes. What comes next on the connection are messages.
    ///
    /// # Errors
    /// The server does not accept the connection or the subscription.
    pub(crate) fn subscribe(&self, address: SocketAddr) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(address).context("cannot connect to subscribe")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ACCEPT_TIME))?;
        match self.kind {
            RouteKind::ShortPolling | RouteKind::LongPolling(_) => {
                stream.write_all(get(address, &self.path, "").as_bytes())?;
            }
            RouteKind::EventStream => {
                let request = get(address, &self.path, "Accept: text/event-stream\r\n");
                stream.write_all(request.as_bytes())?;
                read_until(&mut stream, "HTTP/1.1 200 ", b"\r\n\r\n")?;
            }
            RouteKind::WebSocket => upgrade(&mut stream, address, &self.path)?,
            RouteKind::SocketIo { namespace } => {
                upgrade(&mut stream, address, &self.path)?;
                stream.write_all(&masked_text(&format!("40{namespace}")))?;
                read_until(&mut stream, "", format!("40{namespace}{{").as_bytes())?;
            }
        }
        Ok(stream)
    }
}

fn upgrade(stream: &mut TcpStream, address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let fields = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\n"
    );
    stream.write_all(get(address, path, &fields).as_bytes())?;
    read_until(stream, "HTTP/1.1 101 ", b"\r\n\r\n")
}

fn get(address: SocketAddr, path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n")
}

/// Reads until `end` has come. Nothing is published meanwhile, so no message is read.
fn read_until(stream: &mut TcpStream, start: &str, end: &[u8]) -> anyhow::Result<()> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while memchr::memmem::find(&bytes, end).is_none() {
        let length = stream.read(&mut part).context("a subscription was not answered")?;
        ensure!(length > 0, "a subscription was closed after `{}`", text_of(&bytes));
        bytes.extend_from_slice(&part[..length]);
    }
    ensure!(bytes.starts_with(start.as_bytes()), "a subscription got `{}`", text_of(&bytes));
    Ok(())
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Returns a short text frame of a client, with a mask of zeros (RFC 6455, section 5.2).
fn masked_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126);
    let length = length.expect("the texts of this file are short");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_poll_has_the_cursor_of_the_answer() {
        let address = "127.0.0.1:80".parse().unwrap();
        let poll = CursorIn::FeedCursor.next_poll(address, "/p", &[Some("e-1".to_owned())]);
        assert_eq!(poll.unwrap(), "GET /p?after=e-1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
        let validators = [Some("now".to_owned()), Some("3".to_owned())];
        let poll = CursorIn::Validators.next_poll(address, "/p", &validators).unwrap();
        assert!(poll.contains("If-Modified-Since: now\r\nIf-None-Match: 3\r\n\r\n"), "{poll}");
    }

    #[test]
    fn an_answer_without_a_cursor_is_an_error() {
        let address = "127.0.0.1:80".parse().unwrap();
        assert!(CursorIn::FeedCursor.next_poll(address, "/p", &[None]).is_err());
    }

    #[test]
    fn a_frame_of_a_client_is_masked() {
        assert_eq!(masked_text("40"), [0x81, 0x82, 0, 0, 0, 0, b'4', b'0']);
    }
}
