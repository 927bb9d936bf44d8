//! The probe of an upgrade: the client tries the WebSocket before it leaves polling.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::framing::websocket::text_frame;

/// The packet with which a client tries the WebSocket.
pub(super) const PROBE: &[u8] = b"2probe";

/// The answer to it.
pub(super) const PROBE_ANSWER: &[u8] = b"3probe";

/// The packet with which a client leaves polling.
pub(super) const UPGRADE: &[u8] = b"5";

/// Answers the probe of a client, calls `probed`, and waits until the client leaves polling.
///
/// The library would do the same. But from the probe on it answers each poll at once without a
/// packet, so that the client polls in a busy loop, and when the upgrade fails the session is lost.
/// Until the client leaves polling, the session here is what it was before.
///
/// # Errors
/// The client sends anything else, or leaves.
pub(super) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    probed: impl FnOnce(),
) -> io::Result<()> {
    expect(stream, PROBE).await?;
    stream.write_all(&text_frame(PROBE_ANSWER)).await?;
    stream.flush().await?;
    probed();
    expect(stream, UPGRADE).await
}

/// Reads one text frame, which must carry this packet. Nothing after it is read.
async fn expect(stream: &mut (impl AsyncRead + Unpin), packet: &[u8]) -> io::Result<()> {
    const FIN_AND_TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let unexpected = || io::Error::new(io::ErrorKind::InvalidData, "not the packet expected");
    let [first, second] = read(stream).await?;
    if first != FIN_AND_TEXT || usize::from(second ^ MASKED) != packet.len() {
        return Err(unexpected());
    }
    let mask: [u8; 4] = read(stream).await?;
    for (expected, mask) in packet.iter().zip(mask.iter().cycle()) {
        let [byte] = read(stream).await?;
        if byte ^ mask != *expected {
            return Err(unexpected());
        }
    }
    Ok(())
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a packet as a client sends it.
    fn masked(packet: &[u8]) -> Vec<u8> {
        const MASK: [u8; 4] = [7, 0, 255, 42];
        let length = 0x80 | u8::try_from(packet.len()).unwrap();
        let masked = packet.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        [0x81, length].into_iter().chain(MASK).chain(masked).collect()
    }

    #[tokio::test]
    async fn a_client_probes_and_then_upgrades() {
        let (mut client, mut server) = tokio::io::duplex(64);
        client
            .write_all(&[masked(PROBE), masked(UPGRADE), b"rest".to_vec()].concat())
            .await
            .unwrap();
        let mut probed = false;
        exchange(&mut server, || probed = true).await.unwrap();
        assert!(probed);
        assert_eq!(read(&mut client).await.unwrap(), *b"\x81\x063probe");
        assert_eq!(read(&mut server).await.unwrap(), *b"rest", "nothing more was read");
    }

    #[tokio::test]
    async fn anything_else_than_a_probe_is_an_error() {
        for bytes in [
            masked(b"2"),
            masked(b"2proba"),
            masked(b"4hello"),
            masked(b""),
            b"\x81\x062probe".to_vec(),
            b"\x88\x80\0\0\0\0".to_vec(),
            b"\x81".to_vec(),
        ] {
            let (mut client, mut server) = tokio::io::duplex(64);
            client.write_all(&bytes).await.unwrap();
            drop(client);
            let probed = || panic!("{bytes:?} is no probe");
            assert!(exchange(&mut server, probed).await.is_err(), "{bytes:?}");
        }
    }
}
