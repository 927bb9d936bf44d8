//! The payload of a message that a subscriber sends: it tells who sent it, and when it was due.

use std::fmt::Write;

use wirebench_protocol::{Recipients, Timestamp, seal_payload};

/// How the payload begins, with the quotation mark of the JSON string. No payload of a publisher
/// does: those are letters and digits.
const PREFIX: &str = "\"wb:";

/// How a binary payload begins. No payload of a publisher does: the first byte of those is above
/// 127.
const BINARY_PREFIX: [u8; 4] = *b"wb:\0";

/// The length of the checksum at the end of a binary payload.
const CHECKSUM_BYTES: usize = 4;

/// What the payload of a sent message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentMessage {
    /// The number of the sender in its run.
    pub(crate) sender: u64,
    /// The number of the message among those of its sender, from 1.
    pub(crate) number: u64,
    /// When it was due.
    pub(crate) due: Timestamp,
    /// The subscribers that it is sent to.
    pub(crate) addressees: Addressees,
}

/// The subscribers of a run that a message is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressees {
    /// All of them, or none: the payload does not say which.
    All,
    /// All but the one of this number.
    Except(u64),
    /// The one of this number.
    Only(u64),
}

impl Addressees {
    /// Returns true if the subscriber of this number is one of them.
    pub(crate) fn include(self, subscriber: u64) -> bool {
        match self {
            Self::All => true,
            Self::Except(number) => subscriber != number,
            Self::Only(number) => subscriber == number,
        }
    }

    /// Returns them by the names under which they subscribe.
    pub(crate) fn recipients(self) -> Recipients {
        match self {
            Self::All => Recipients::Everyone,
            Self::Except(number) => Recipients::Except(number.into()),
            Self::Only(number) => Recipients::Only(number.into()),
        }
    }

    /// Reads them from what follows the numbers of a binary payload.
    fn read_binary(rest: &[u8]) -> Self {
        let number = |sign| {
            let (number, _) = rest.strip_prefix(&[sign])?.split_first_chunk()?;
            Some(u64::from_be_bytes(*number))
        };
        match (number(b'-'), number(b'+')) {
            (Some(number), _) => Self::Except(number),
            (_, Some(number)) => Self::Only(number),
            (None, None) => Self::All,
        }
    }

    /// Reads the field of a payload: `-` and a number, `+` and a number, or filling.
    fn read(field: &str) -> Self {
        let number = |sign| field.strip_prefix(sign).and_then(|number| number.parse().ok());
        match (number('-'), number('+')) {
            (Some(number), _) => Self::Except(number),
            (_, Some(number)) => Self::Only(number),
            (None, None) => Self::All,
        }
    }
}

impl SentMessage {
    /// Writes the payload: a JSON string of `bytes`, or a longer one if these are too few for what
    /// it has to say. 48 are always enough for a million senders and a day, and 56 if the message
    /// is not for everybody.
    pub(crate) fn write(&self, bytes: usize) -> String {
        let Self { sender, number, due, addressees } = self;
        let mut text = String::with_capacity(bytes);
        let _ = write!(text, "{PREFIX}{sender}:{number}:{}:", due.as_nanos());
        let _ = match addressees {
            Addressees::All => Ok(()),
            Addressees::Except(number) => write!(text, "-{number}:"),
            Addressees::Only(number) => write!(text, "+{number}:"),
        };
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len() + 1)));
        text.push('"');
        text
    }

    /// Writes a binary payload of `bytes`, or a longer one if these are fewer than the 32 that it
    /// takes: the prefix, the three numbers with the most significant byte first, filler, and the
    /// checksum. If the message is not for everybody, a sign and a number come before the filler,
    /// and it takes 41.
    pub(crate) fn write_binary(&self, bytes: usize) -> Vec<u8> {
        let mut payload = BINARY_PREFIX.to_vec();
        for number in [self.sender, self.number, self.due.as_nanos()] {
            payload.extend_from_slice(&number.to_be_bytes());
        }
        let signed = match self.addressees {
            Addressees::All => None,
            Addressees::Except(number) => Some((b'-', number)),
            Addressees::Only(number) => Some((b'+', number)),
        };
        if let Some((sign, number)) = signed {
            payload.push(sign);
            payload.extend_from_slice(&number.to_be_bytes());
        }
        payload.resize(bytes.max(payload.len() + CHECKSUM_BYTES), b'x');
        seal_payload(&mut payload);
        payload
    }

    /// Reads a binary payload, whose checksum is right. `None` if no subscriber sent it.
    pub(crate) fn read_binary(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.strip_prefix(&BINARY_PREFIX)?;
        let mut next = || {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u64::from_be_bytes(*number))
        };
        let (sender, number, due) = (next()?, next()?, next()?);
        let addressees = Addressees::read_binary(rest);
        Some(Self { sender, number, due: Timestamp::from_nanos(due), addressees })
    }

    /// Reads a payload. `None` if no subscriber sent it.
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let mut fields = payload.strip_prefix(PREFIX)?.split(':');
        let mut next = || fields.next()?.parse().ok();
        let (sender, number, due) = (next()?, next()?, next()?);
        let addressees = fields.next().map_or(Addressees::All, Addressees::read);
        Some(Self { sender, number, due: Timestamp::from_nanos(due), addressees })
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::is_payload_intact;

    use super::*;

    #[test]
    fn a_payload_says_who_sent_it_and_has_the_size_that_was_asked_for() {
        let message = |sender, number, due| {
            let due = Timestamp::from_nanos(due);
            SentMessage { sender, number, due, addressees: Addressees::All }
        };
        let largest = message(999_999, 86_400_000, 9_999_999_999_999_999);
        for (message, bytes) in
            [(message(0, 1, 5), 48), (largest, 48), (message(3, 2, u64::MAX), 64), (largest, 4_096)]
        {
            let payload = message.write(bytes);
            assert_eq!(payload.len(), bytes, "{payload}");
            assert!(serde_json::from_str::<String>(&payload).is_ok(), "{payload}");
            assert_eq!(SentMessage::read(&payload), Some(message));
            let payload = message.write_binary(bytes);
            assert_eq!(payload.len(), bytes);
            assert!(is_payload_intact(&payload));
            assert_eq!(SentMessage::read_binary(&payload), Some(message));
        }
    }

    #[test]
    fn a_payload_says_for_whom_it_is() {
        for (addressees, included) in [
            (Addressees::All, [true, true]),
            (Addressees::Except(7), [false, true]),
            (Addressees::Only(7), [true, false]),
        ] {
            let (sender, number, due) = (3, 1, Timestamp::from_nanos(5));
            let message = SentMessage { sender, number, due, addressees };
            let payload = message.write(64);
            assert_eq!((payload.len(), SentMessage::read(&payload)), (64, Some(message)));
            let payload = message.write_binary(48);
            assert_eq!((payload.len(), SentMessage::read_binary(&payload)), (48, Some(message)));
            assert_eq!([7, 8].map(|subscriber| addressees.include(subscriber)), included);
        }
    }

    #[test]
    fn other_payloads_are_from_no_subscriber() {
        for payload in ["1", "\"abc\"", "\"wb:\"", "\"wb:1:2\"", "\"wb:1:x:3:\"", "{}", ""] {
            assert_eq!(SentMessage::read(payload), None, "{payload}");
        }
        for payload in [&b""[..], b"wb:", b"wb:\0 too short", &[0x80; 40]] {
            assert_eq!(SentMessage::read_binary(payload), None, "{payload:?}");
        }
    }
}
