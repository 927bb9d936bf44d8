//! The frames of RFC 6455, written by hand: a test of the library must not use the library.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::http::RawHttp;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The first bit: the last frame of its message.
pub(crate) const FIN: u8 = 0x80;

/// The sample of section 1.3: a key and its answer.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame that was read, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The first byte: [`FIN`], the reserved bits, the opcode.
    pub(crate) first: u8,
    /// The key with which it was masked.
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Returns the code of a close frame, and `None` for an empty one.
    pub(crate) fn close_code(&self) -> Option<u16> {
        assert_eq!(self.first, FIN | CLOSE, "no close frame: {self:?}");
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}

/// Returns a frame. Its length takes the fewest bytes, as the standard requires.
pub(crate) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let (in_two_bytes, in_eight_bytes) = (126, 127);
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => bytes.push(masked | length),
        (_, Ok(length)) => {
            bytes.push(masked | in_two_bytes);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(masked | in_eight_bytes);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.into_iter().flatten());
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Returns a frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, Some([0x37, 0xFA, 0x21, 0x3D]), payload)
}

/// Returns the payload of a close frame.
pub(crate) fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

/// Returns the next frame, and `None` if the stream ends between two frames.
pub(crate) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let Some(first) = optional(socket.read_u8().await)? else { return Ok(None) };
    let second = socket.read_u8().await?;
    let length = match second & 0x7F {
        126 => u64::from(socket.read_u16().await?),
        127 => socket.read_u64().await?,
        length => u64::from(length),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        let mut key = [0; 4];
        socket.read_exact(&mut key).await?;
        mask = Some(key);
    }
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    socket.read_exact(&mut payload).await?;
    if let Some(key) = mask {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    Ok(Some(Frame { first, mask, payload }))
}

fn optional(read: io::Result<u8>) -> io::Result<Option<u8>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(Some),
    }
}

/// Returns the opening handshake of a correct client.
pub(crate) fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    )
}

/// Opens a WebSocket and checks the server's answer.
pub(crate) async fn open(address: SocketAddr, path: &str) -> RawHttp {
    let mut http = RawHttp::connect(address).await;
    http.send(handshake(path).as_bytes()).await;
    let head = http.head().await;
    assert_eq!(head.status, 101, "{}", head.text);
    assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT), "{}", head.text);
    http
}
