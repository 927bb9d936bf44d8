//! The PROXY protocol, version 2: what a trusted proxy says of a connection before its first byte.

use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::state::SharedState;

/// The bytes of the fixed part: signature, version and command, family, length of the rest.
const FIXED_BYTES: usize = 16;

/// The maximum length of the rest: addresses and notes. Proxies send far less.
const MAX_REST_BYTES: usize = 4 << 10;

/// Reads the header and nothing after it. Returns the address of the client. That is `proxy` itself
/// if the header says so (`LOCAL`) or names no address.
///
/// Returns `None` if the header is malformed or of version 1, if it has not come within the time
/// for a head, or if the server stops. The connection must then be closed.
pub(super) async fn read(
    mut stream: impl AsyncRead + Unpin,
    proxy: SocketAddr,
    server: &SharedState,
) -> Option<SocketAddr> {
    let reading = timeout(server.limits.head_time, header(&mut stream));
    let header = tokio::select! {
        read = reading => read.ok().flatten(),
        () = server.stopping() => return None,
    };
    if header.is_none() && server.bad_start_log.is_due() {
        tracing::warn!(%proxy, "a connection did not begin with a PROXY header, version 2: closed");
    }
    header.map(|client| client.unwrap_or(proxy))
}

/// Returns the address in the header: `None` if there is no valid header, `Some(None)` if it names
/// no address.
async fn header(stream: &mut (impl AsyncRead + Unpin)) -> Option<Option<SocketAddr>> {
    let mut bytes = vec![0; FIXED_BYTES];
    stream.read_exact(&mut bytes).await.ok()?;
    let length = usize::from(u16::from_be_bytes([bytes[FIXED_BYTES - 2], bytes[FIXED_BYTES - 1]]));
    if length > MAX_REST_BYTES {
        return None;
    }
    bytes.resize(FIXED_BYTES + length, 0);
    // If the signature is wrong, the length means nothing, and waiting for that many bytes may
    // never end.
    let config = ParseConfig { include_tlvs: false, allow_v1: false, allow_v2: true };
    if let Err(proxy_header::Error::Invalid) = ProxyHeader::parse(&bytes[..FIXED_BYTES], config) {
        return None;
    }
    stream.read_exact(&mut bytes[FIXED_BYTES..]).await.ok()?;
    let (header, read) = ProxyHeader::parse(&bytes, config).ok()?;
    (read == bytes.len()).then(|| header.proxied_address().map(|address| address.source))
}

#[cfg(test)]
mod tests {
    use proxy_header::ProxiedAddress;

    use super::*;

    fn encoded(header: &ProxyHeader<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.encode_v2(&mut bytes).unwrap();
        bytes
    }

    async fn read(bytes: &[u8]) -> (Option<Option<SocketAddr>>, usize) {
        let mut rest = bytes;
        let header = header(&mut rest).await;
        (header, rest.len())
    }

    #[tokio::test]
    async fn a_header_is_read_to_its_last_byte_and_no_further() {
        for client in ["192.0.2.1:4711", "[2001:db8::1]:4711"] {
            let client: SocketAddr = client.parse().unwrap();
            let server = SocketAddr::new(client.ip(), 80);
            let header = ProxyHeader::with_address(ProxiedAddress::stream(client, server));
            let bytes = [encoded(&header), b"GET / HTTP/1.1\r\n".to_vec()].concat();
            assert_eq!(read(&bytes).await, (Some(Some(client)), 16));
        }
        let local = encoded(&ProxyHeader::with_local());
        assert_eq!(read(&local).await, (Some(None), 0));
    }

    #[tokio::test]
    async fn bytes_without_a_header_are_not_waited_for() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        for bytes in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"PROXY TCP4 192.0.2.1 "] {
            tokio::io::AsyncWriteExt::write_all(&mut theirs, bytes).await.unwrap();
            assert_eq!(header(&mut ours).await, None, "{bytes:?}");
        }
        let cut = &encoded(&ProxyHeader::with_local())[..10];
        assert_eq!(read(cut).await.0, None);
    }
}
