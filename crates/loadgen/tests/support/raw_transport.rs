//! What each transport looks like on the wire, at both ends: how a client opens it and reads a
//! message from it by hand, and how a server begins its answer. A new transport adds its lines here
//! and nowhere else in these tests.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebench_protocol::{Cursor, Transport};
use wirebench_server::Entry;

use super::frames;
use super::http::{RawHttp, header};

/// Connects to the feed `bench`, and subscribes if a subscription of the transport is one request.
pub(crate) async fn open(transport: Transport, address: SocketAddr) -> RawHttp {
    let path = transport.path("bench");
    match transport {
        Transport::ShortPolling | Transport::LongPolling => RawHttp::connect(address).await,
        Transport::Sse => {
            let mut http = RawHttp::connect(address).await;
            http.get(&path).await;
            assert_eq!(http.head().await.status, 200);
            http
        }
        Transport::WebSocket => frames::open(address, &path).await,
        Transport::SocketIo => {
            let session = format!("{path}?EIO=4&transport=websocket");
            let mut http = frames::open(address, &session).await;
            let text = frames::FIN | frames::TEXT;
            http.send(&frames::masked(text, b"40/feeds/bench,")).await;
            // Subscribed before anything is published.
            loop {
                let frame = frames::read(&mut http.socket).await.expect("a frame").expect("no end");
                if frame.payload.starts_with(b"42/feeds/bench,[\"hello\",") {
                    break http;
                }
            }
        }
    }
}

/// Returns the bytes of the next message over one connection, extracted from the framing by hand.
/// `rest` is what was read before and belongs to later messages.
pub(crate) async fn next(
    transport: Transport,
    http: &mut RawHttp,
    rest: &mut Vec<u8>,
    after: Cursor,
) -> Vec<u8> {
    match transport {
        Transport::ShortPolling | Transport::LongPolling => {
            http.get(&format!("{}?after={after}", transport.path("bench"))).await;
            let (head, body) = http.answer().await;
            assert_eq!(head.status, 200, "{transport}: {}", head.text);
            let cursor = after.at(after.seq + 1);
            let before = format!("{{\"cursor\":\"{cursor}\",\"messages\":[");
            let message = body.strip_prefix(before.as_bytes()).and_then(|b| b.strip_suffix(b"]}"));
            message.unwrap_or_else(|| panic!("{transport}: no batch of one")).to_vec()
        }
        Transport::Sse => loop {
            if let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = rest.drain(..end + 2).collect();
                let id = format!("id: {}\ndata: ", after.at(after.seq + 1));
                if let Some(message) = block.strip_prefix(id.as_bytes()) {
                    return message[..message.len() - 2].to_vec();
                }
                let opening = format!("retry: 1000\nid: {after}\n\n");
                assert_eq!(block, opening.as_bytes(), "{transport}: an unknown block");
                continue;
            }
            rest.extend(http.chunk().await);
        },
        Transport::WebSocket => loop {
            let frame = frames::read(&mut http.socket).await.expect("a frame").expect("no end");
            assert_eq!(frame.first, frames::FIN | frames::TEXT, "{transport}");
            if !frame.payload.starts_with(b"{\"hello\"") {
                return frame.payload;
            }
        },
        Transport::SocketIo => loop {
            let frame = frames::read(&mut http.socket).await.expect("a frame").expect("no end");
            assert_eq!(frame.first, frames::FIN | frames::TEXT, "{transport}");
            if frame.payload == b"2" {
                http.send(&frames::masked(frames::FIN | frames::TEXT, b"3")).await;
            }
            let before = b"42/feeds/bench,[\"message\",";
            let message = frame.payload.strip_prefix(before).and_then(|b| b.strip_suffix(b"]"));
            if let Some(message) = message {
                return message.to_vec();
            }
        },
    }
}

/// Returns the head and the payload of the next message, which is binary, like [`next`]. The head
/// is the beginning of the message object.
pub(crate) async fn next_binary(
    transport: Transport,
    http: &mut RawHttp,
    rest: &mut Vec<u8>,
    after: Cursor,
) -> (Vec<u8>, Vec<u8>) {
    match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => {
            let message = next(transport, http, rest, after).await;
            let name = b",\"payload_base64\":\"";
            let at = message.windows(name.len()).position(|part| part == name);
            let at = at.unwrap_or_else(|| panic!("{transport}: {message:?}"));
            let text = message[at + name.len()..].strip_suffix(b"\"}").expect("the end");
            (message[..at].to_vec(), STANDARD.decode(text).expect("Base64"))
        }
        Transport::WebSocket => loop {
            let frame = frames::read(&mut http.socket).await.expect("a frame").expect("no end");
            if frame.payload.starts_with(b"{\"hello\"") {
                continue;
            }
            assert_eq!(frame.first, frames::FIN | frames::BINARY, "{transport}");
            let at = frame.payload.windows(2).position(|part| part == b"}\n").expect("a head");
            break (frame.payload[..at].to_vec(), frame.payload[at + 2..].to_vec());
        },
        Transport::SocketIo => loop {
            let frame = frames::read(&mut http.socket).await.expect("a frame").expect("no end");
            assert_eq!(frame.first, frames::FIN | frames::TEXT, "{transport}");
            if frame.payload == b"2" {
                http.send(&frames::masked(frames::FIN | frames::TEXT, b"3")).await;
                continue;
            }
            let head = frame.payload.strip_prefix(b"451-/feeds/bench,[\"message\",");
            let placeholder = b",\"payload\":{\"_placeholder\":true,\"num\":0}}]";
            let head = head.and_then(|head| head.strip_suffix(placeholder)).expect("an event");
            let attachment =
                frames::read(&mut http.socket).await.expect("a frame").expect("no end");
            assert_eq!(attachment.first, frames::FIN | frames::BINARY, "{transport}");
            break (head.to_vec(), attachment.payload);
        },
    }
}

/// How a server answers a request to subscribe.
pub(crate) enum Answer {
    /// With one batch of messages. A request that does not say for how long it may be held is held
    /// for this long.
    Batch { default_hold: Duration },
    /// With these bytes, and then with the bytes of each message.
    Stream { opening: Vec<u8>, encoding: fn(&Entry) -> &[u8] },
    /// With these bytes, and then with packets of Socket.IO, which name the feed and the cursor.
    Session { opening: Vec<u8> },
}

/// Returns the answer to the request with this head, from a subscriber at `cursor`.
pub(crate) fn answer(transport: Transport, head: &str, cursor: Cursor) -> Answer {
    match transport {
        Transport::ShortPolling => Answer::Batch { default_hold: Duration::ZERO },
        Transport::LongPolling => Answer::Batch { default_hold: Duration::from_secs(25) },
        Transport::Sse => {
            let kind = "content-type: text/event-stream";
            let opening = format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\nid: {cursor}\n\n");
            Answer::Stream { opening: opening.into_bytes(), encoding: |entry| &entry.sse }
        }
        Transport::WebSocket => {
            let hello = format!("{{\"hello\":{{\"cursor\":\"{cursor}\"}}}}");
            let hello = frames::frame(frames::FIN | frames::TEXT, None, hello.as_bytes());
            let opening = [accept_websocket(head), hello].concat();
            Answer::Stream { opening, encoding: |entry| &entry.websocket }
        }
        Transport::SocketIo => Answer::Session { opening: accept_websocket(head) },
    }
}

/// Returns the answer to an opening handshake.
fn accept_websocket(head: &str) -> Vec<u8> {
    let key = header(head, "sec-websocket-key").expect("a key");
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    head.into_bytes()
}
