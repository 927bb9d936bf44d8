//! The bytes that each transport writes around a message.

use wirebench_protocol::{Cursor, Epoch, SocketIoMode, Transport};

/// Returns how many bytes the server writes around a message that comes alone: a message object of
/// `object` bytes with the number `seq`, in the feed `feed`. `mode` counts for Socket.IO only.
///
/// Holds for text over HTTP/1.1, without the heads of requests and answers: a poll, also one of a
/// Socket.IO session, pays for both with each answer, a stream and a socket once. A further message
/// in the same answer takes one byte, a comma or the record separator of Engine.IO, and what is
/// here without the envelope that a poll has once.
pub fn framing_bytes(
    transport: Transport,
    mode: SocketIoMode,
    feed: &str,
    seq: u64,
    object: usize,
) -> usize {
    let cursor = Cursor { epoch: Epoch(0), seq }.to_string().len();
    match transport {
        Transport::ShortPolling | Transport::LongPolling => {
            r#"{"cursor":"","messages":[]}"#.len() + cursor
        }
        Transport::Sse => {
            let event = "id: \ndata: \n\n".len() + cursor;
            event + chunk_header(event + object)
        }
        Transport::WebSocket => frame_header(object),
        Transport::SocketIo => {
            let namespace = SocketIoMode::namespace(feed);
            let packet = format!(r#"42{namespace},["message",]"#).len();
            match mode {
                SocketIoMode::Polling => packet,
                SocketIoMode::WebSocket | SocketIoMode::Upgrade => {
                    packet + frame_header(packet + object)
                }
            }
        }
    }
}

/// Returns the length of the header of a WebSocket frame that a server sends (RFC 6455, section
/// 5.2).
fn frame_header(payload: usize) -> usize {
    match payload {
        ..=125 => 2,
        126..=65_535 => 4,
        65_536.. => 10,
    }
}

/// Returns the length of what is around the data of a chunk: its size in hexadecimal digits, and
/// two line ends (RFC 9112, section 7.1).
fn chunk_header(data: usize) -> usize {
    format!("{data:x}\r\n\r\n").len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_around_a_message_are_those_of_its_framing() {
        let check = |transport, mode, object, expected| {
            let found = framing_bytes(transport, mode, "bench", 7, object);
            assert_eq!(found, expected, "{transport} {mode}: {object} bytes");
        };
        let mode = SocketIoMode::default();
        for (object, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            check(Transport::WebSocket, mode, object, header);
        }
        // `42/feeds/bench,["message",` and `]` are 27 bytes, which count for the header.
        check(Transport::SocketIo, SocketIoMode::Polling, 200, 27);
        check(Transport::SocketIo, SocketIoMode::WebSocket, 98, 27 + 2);
        check(Transport::SocketIo, SocketIoMode::Upgrade, 99, 27 + 4);
        // A cursor has 16 digits, a hyphen, and the number.
        check(Transport::LongPolling, mode, 200, 27 + 18);
        check(Transport::Sse, mode, 200, 13 + 18 + "e7\r\n\r\n".len());
    }
}
