//! The packets of Engine.IO 4, and what carries them.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::websocket::Utf8Bytes;

/// The maximum time of silence that a server can ask for. The sum of a heartbeat's interval and
/// timeout may be any number, and a deadline has to be a point in time.
const MAX_SILENCE: Duration = Duration::from_hours(24);

/// One packet as it travels: a frame of a WebSocket, or a part of the body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A packet in text. Its first character is the type.
    Text(Utf8Bytes),
    /// A binary attachment.
    Binary(Bytes),
}

impl Frame {
    /// Returns the frame of a Socket.IO packet.
    pub(crate) fn message(packet: impl std::fmt::Display) -> Self {
        Self::Text(format!("4{packet}").into())
    }

    /// Returns true for a Socket.IO packet. An attachment is a part of one.
    pub(super) fn is_message(&self) -> bool {
        self.begins_with("4")
    }

    /// Returns true for a Socket.IO packet that acknowledges an event.
    pub(super) fn is_acknowledgement(&self) -> bool {
        self.begins_with("43") || self.begins_with("46")
    }

    /// Returns true for an attachment of the packet before it.
    pub(super) fn is_attachment(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Binary(_) => true,
        }
    }

    fn begins_with(&self, prefix: &str) -> bool {
        match self {
            Self::Text(text) => text.starts_with(prefix),
            Self::Binary(_) => false,
        }
    }

    /// Returns its length in bytes, as a frame of a WebSocket carries it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Returns its length in bytes, as the body of a request carries it: `b` and Base64 if it is
    /// binary.
    pub(super) fn len_in_body(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => 1 + 4 * bytes.len().div_ceil(3),
        }
    }
}

/// A packet in text, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnginePacket<'a> {
    /// `0`: the handshake, in JSON.
    Open(&'a str),
    /// `1`: the session ends.
    Close,
    /// `2`: to be answered with a pong that carries the same text.
    Ping(&'a str),
    /// `3`: the answer to a ping.
    Pong(&'a str),
    /// `4`: a Socket.IO packet.
    Message(&'a str),
    /// `5`: the session continues over this connection.
    Upgrade,
    /// `6`: says nothing; it answers a request that must not be held any longer.
    Noop,
}

/// What was expected of something that is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl<'a> EnginePacket<'a> {
    /// Parses a packet.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let malformed = Malformed("an Engine.IO packet: a digit from 0 to 6, and its data");
        let mut characters = text.chars();
        let kind = characters.next().ok_or(malformed)?;
        let data = characters.as_str();
        match kind {
            '0' => Ok(Self::Open(data)),
            '1' => Ok(Self::Close),
            '2' => Ok(Self::Ping(data)),
            '3' => Ok(Self::Pong(data)),
            '4' => Ok(Self::Message(data)),
            '5' => Ok(Self::Upgrade),
            '6' => Ok(Self::Noop),
            _ => Err(malformed),
        }
    }
}

/// What the server says when it opens a session.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake {
    /// The session id.
    pub(crate) sid: String,
    /// The transports that the session may continue over.
    pub(crate) upgrades: Vec<String>,
    /// The time from one ping to the next, in milliseconds.
    ping_interval: u64,
    /// The time that a pong may take, in milliseconds.
    ping_timeout: u64,
    /// The maximum size of the body of a `POST`, in bytes. `None` if the server does not say: the
    /// field is younger than the protocol.
    pub(crate) max_payload: Option<usize>,
}

impl Handshake {
    /// Parses the data of an open packet.
    pub(crate) fn parse(data: &str) -> Result<Self, Malformed> {
        let expected = Malformed("a handshake: `{\"sid\":…,\"upgrades\":…,\"pingInterval\":…}`");
        let handshake: Self = serde_json::from_str(data).map_err(|_| expected)?;
        // It becomes a part of the query as it is.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let usable = !handshake.sid.is_empty() && handshake.sid.bytes().all(plain);
        usable.then_some(handshake).ok_or(Malformed("a session id that fits into a query"))
    }

    /// Returns the time of silence after which the session is lost.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout)).min(MAX_SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_told_by_its_first_character() {
        for (text, expected) in [
            ("0{}", EnginePacket::Open("{}")),
            ("1", EnginePacket::Close),
            ("2", EnginePacket::Ping("")),
            ("2probe", EnginePacket::Ping("probe")),
            ("3probe", EnginePacket::Pong("probe")),
            ("42[\"é\"]", EnginePacket::Message("2[\"é\"]")),
            ("5", EnginePacket::Upgrade),
            ("6", EnginePacket::Noop),
        ] {
            assert_eq!(EnginePacket::parse(text), Ok(expected), "{text}");
        }
        for text in ["", "7", "x", "é", "-1"] {
            assert!(EnginePacket::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_handshake_says_how_long_silence_may_last() {
        let text = r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"#.to_owned()
            + r#""pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let handshake = Handshake::parse(&text).unwrap();
        assert_eq!(handshake.silence(), Duration::from_secs(45));
        assert_eq!(handshake.max_payload, Some(1_000_000));
        assert_eq!(handshake.upgrades, ["websocket"]);
        let absurd =
            r#"{"sid":"a","upgrades":[],"pingInterval":18446744073709551615,"pingTimeout":1}"#;
        assert_eq!(Handshake::parse(absurd).unwrap().silence(), MAX_SILENCE);
    }

    #[test]
    fn a_session_id_that_would_change_the_query_is_rejected() {
        for sid in ["", "a&EIO=3", "a b", "é", "a#b"] {
            let text =
                format!(r#"{{"sid":"{sid}","upgrades":[],"pingInterval":1,"pingTimeout":1}}"#);
            assert!(Handshake::parse(&text).is_err(), "{sid}");
        }
    }
}
