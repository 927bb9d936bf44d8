//! The packets of Socket.IO 5.

use std::fmt;

use serde::Deserialize;

use super::engine_packet::Malformed;
use crate::error::SubscribeError;
use crate::http::quote;

/// The maximum number of attachments of a packet. The official parser has no bound unless it is
/// configured; no message that anybody sends comes near this one.
const MAX_ATTACHMENTS: usize = 1_000;

/// The namespace of packets that name none.
pub(crate) const ROOT: &str = "/";

/// A Socket.IO packet: `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// What it is for.
    pub(crate) kind: PacketType,
    /// How many binary packets belong to it and follow it. 0 unless it is binary.
    pub(crate) attachments: usize,
    /// The namespace. `/` if the packet names none.
    pub(crate) namespace: &'a str,
    /// The id of the acknowledgement that the sender asks for, or that this packet gives.
    pub(crate) id: Option<u64>,
    /// JSON, not parsed. Empty if there is none.
    pub(crate) data: &'a str,
}

/// What a Socket.IO packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketType {
    /// `0`: asks for a namespace, or grants it.
    Connect,
    /// `1`: leaves a namespace.
    Disconnect,
    /// `2`: `[name, …]`.
    Event,
    /// `3`: the answer to an event that asked for one.
    Ack,
    /// `4`: refuses a namespace.
    ConnectError,
    /// `5`: an event with attachments.
    BinaryEvent,
    /// `6`: an acknowledgement with attachments.
    BinaryAck,
}

impl PacketType {
    const ALL: [Self; 7] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
        Self::BinaryEvent,
        Self::BinaryAck,
    ];

    /// Returns true if attachments may follow.
    pub(crate) fn is_binary(self) -> bool {
        match self {
            Self::BinaryEvent | Self::BinaryAck => true,
            Self::Connect | Self::Disconnect | Self::Event | Self::Ack | Self::ConnectError => {
                false
            }
        }
    }
}

impl<'a> Packet<'a> {
    /// Returns the packet that asks for a namespace. `auth` is JSON, or empty.
    pub(crate) fn connect(namespace: &'a str, auth: &'a str) -> Self {
        Self { kind: PacketType::Connect, attachments: 0, namespace, id: None, data: auth }
    }

    /// Parses a packet. The JSON in it is not checked.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let malformed = Malformed("a Socket.IO packet: a digit from 0 to 6, and its data");
        let digit = text.bytes().next().ok_or(malformed)?;
        let kind = *PacketType::ALL.get(usize::from(digit.wrapping_sub(b'0'))).ok_or(malformed)?;
        let (attachments, rest) = if kind.is_binary() {
            let (count, rest) = text[1..].split_once('-').ok_or(malformed)?;
            let count = number(count).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| *count <= MAX_ATTACHMENTS);
            (count.ok_or(Malformed("a number of attachments up to 1,000"))?, rest)
        } else {
            (0, &text[1..])
        };
        let (namespace, rest) = if rest.starts_with('/') {
            rest.split_once(',').unwrap_or((rest, ""))
        } else {
            (ROOT, rest)
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let id = match &rest[..digits] {
            "" => None,
            digits => Some(number(digits).ok_or(Malformed("an acknowledgement id"))?),
        };
        Ok(Self { kind, attachments, namespace, id, data: &rest[digits..] })
    }
}

/// Parses digits. `None` for anything else, a sign included, and for what does not fit.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Returns the error that a refusal of a namespace stands for.
pub(crate) fn connect_error(packet: &Packet<'_>) -> SubscribeError {
    /// The data of the packet.
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }

    let refusal: Result<Refusal, _> = serde_json::from_str(packet.data);
    let message = refusal.map_or_else(|_| packet.data.to_owned(), |refusal| refusal.message);
    SubscribeError::NamespaceRefused {
        namespace: packet.namespace.to_owned(),
        message: quote(&message),
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind as u8)?;
        if self.kind.is_binary() {
            write!(f, "{}-", self.attachments)?;
        }
        if self.namespace != ROOT {
            write!(f, "{},", self.namespace)?;
        }
        if let Some(id) = self.id {
            write!(f, "{id}")?;
        }
        f.write_str(self.data)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(kind: PacketType) -> Packet<'static> {
        Packet { kind, attachments: 0, namespace: ROOT, id: None, data: "" }
    }

    /// The examples of the Socket.IO protocol, revision 5.
    #[test]
    fn the_examples_of_the_protocol_are_read_and_written() {
        let binary = "[\"baz\",{\"_placeholder\":true,\"num\":0}]";
        let event = packet(PacketType::Event);
        for (text, expected) in [
            ("0", packet(PacketType::Connect)),
            (
                "0/admin,{\"sid\":\"o\"}",
                Packet {
                    namespace: "/admin",
                    data: "{\"sid\":\"o\"}",
                    ..packet(PacketType::Connect)
                },
            ),
            (
                "4{\"message\":\"Not authorized\"}",
                Packet {
                    data: "{\"message\":\"Not authorized\"}",
                    ..packet(PacketType::ConnectError)
                },
            ),
            ("2[\"foo\"]", Packet { data: "[\"foo\"]", ..event }),
            ("2/admin,[\"bar\"]", Packet { namespace: "/admin", data: "[\"bar\"]", ..event }),
            ("212[\"foo\"]", Packet { id: Some(12), data: "[\"foo\"]", ..event }),
            (
                "3/admin,13[\"bar\"]",
                Packet {
                    namespace: "/admin",
                    id: Some(13),
                    data: "[\"bar\"]",
                    ..packet(PacketType::Ack)
                },
            ),
            (
                "51-[\"baz\",{\"_placeholder\":true,\"num\":0}]",
                Packet { attachments: 1, data: binary, ..packet(PacketType::BinaryEvent) },
            ),
            (
                "61-15[\"baz\",{\"_placeholder\":true,\"num\":0}]",
                Packet {
                    attachments: 1,
                    id: Some(15),
                    data: binary,
                    ..packet(PacketType::BinaryAck)
                },
            ),
            ("1/admin,", Packet { namespace: "/admin", ..packet(PacketType::Disconnect) }),
        ] {
            assert_eq!(Packet::parse(text), Ok(expected), "{text}");
            assert_eq!(expected.to_string(), text);
        }
    }

    #[test]
    fn a_namespace_may_end_the_packet() {
        let expected = Packet { namespace: "/admin", ..packet(PacketType::Disconnect) };
        assert_eq!(Packet::parse("1/admin"), Ok(expected));
    }

    #[test]
    fn what_is_no_packet_is_malformed() {
        for text in
            ["", "7", "é", "5[\"a\"]", "5-[]", "51001-[]", "5+1-[]", "299999999999999999999[]"]
        {
            assert!(Packet::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_packet_that_is_written_is_read_again(
            kind in prop::sample::select(&PacketType::ALL[..]),
            attachments in 0..=MAX_ATTACHMENTS,
            namespace in "/[^,]{0,12}",
            id in prop::option::of(any::<u64>()),
            data in "(\\[[^\u{1e}]{0,20}\\])?",
        ) {
            let attachments = if kind.is_binary() { attachments } else { 0 };
            let packet = Packet { kind, attachments, namespace: &namespace, id, data: &data };
            let text = packet.to_string();
            prop_assert_eq!(Packet::parse(&text), Ok(packet));
        }
    }
}
