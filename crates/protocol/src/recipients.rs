//! Who receives a message: everybody, the subscribers of one name, or all but these.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The maximum length of a name.
const MAX_LENGTH: usize = 64;

/// The name that a subscriber gives itself when it subscribes, so that messages can be addressed to
/// it. Several subscribers may have the same name, which is then the name of a group. It proves
/// nothing about who they are.
///
/// A name has 1 to 64 characters: ASCII letters and digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubscriberName(Arc<str>);

/// Text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed name of a subscriber `{0}`: expected 1 to {MAX_LENGTH} characters from `A-Z`, \
     `a-z`, `0-9`, `-`, `_` and `.`"
)]
pub struct InvalidSubscriberName(String);

/// The subscribers that receive a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// Everybody.
    #[default]
    Everyone,
    /// Only the subscribers of this name (`to`).
    Only(SubscriberName),
    /// Everybody except for the subscribers of this name (`except`).
    Except(SubscriberName),
}

/// A message that is addressed in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message has either `to` or `except`, found both")]
pub struct ContradictoryRecipients;

impl Recipients {
    /// Returns the recipients that a publisher asks for with `to` and `except`. Neither is
    /// everybody.
    ///
    /// # Errors
    /// It asks for both.
    pub fn new(
        to: Option<SubscriberName>,
        except: Option<SubscriberName>,
    ) -> Result<Self, ContradictoryRecipients> {
        match (to, except) {
            (None, None) => Ok(Self::Everyone),
            (Some(name), None) => Ok(Self::Only(name)),
            (None, Some(name)) => Ok(Self::Except(name)),
            (Some(_), Some(_)) => Err(ContradictoryRecipients),
        }
    }

    /// Returns true if a subscriber of this name receives the message. `None` is a subscriber
    /// without a name.
    pub fn include(&self, name: Option<&SubscriberName>) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(addressed) => name == Some(addressed),
            Self::Except(excluded) => name != Some(excluded),
        }
    }
}

impl SubscriberName {
    /// Returns the name as it was chosen.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubscriberName {
    type Err = InvalidSubscriberName;

    fn from_str(text: &str) -> Result<Self, InvalidSubscriberName> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSubscriberName(text.chars().take(MAX_LENGTH).collect()))
        }
    }
}

impl From<u64> for SubscriberName {
    /// Returns the number as a name.
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl fmt::Display for SubscriberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for SubscriberName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubscriberName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SubscriberName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_short_and_needs_no_escapes_in_an_address() {
        for text in ["7", "Quiet-Heron", "a_b.c", "..", &"n".repeat(MAX_LENGTH)] {
            assert_eq!(name(text).to_string(), text);
            let json = serde_json::to_string(&name(text)).unwrap();
            assert_eq!(serde_json::from_str::<SubscriberName>(&json).unwrap(), name(text));
        }
        let too_long = "n".repeat(MAX_LENGTH + 1);
        for text in ["", " ", "a b", "a/b", "a&b", "é", "a\n", "\"a\"", too_long.as_str()] {
            assert!(text.parse::<SubscriberName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_reaches_those_it_is_for() {
        let (ann, bob) = (Some(name("ann")), Some(name("bob")));
        let check = |to: &Option<_>, except: &Option<_>, expected| {
            let recipients = Recipients::new(to.clone(), except.clone()).unwrap();
            let reached = [&ann, &bob, &None].map(|name| recipients.include(name.as_ref()));
            assert_eq!(reached, expected, "{recipients:?}");
        };
        check(&None, &None, [true, true, true]);
        check(&ann, &None, [true, false, false]);
        check(&None, &ann, [false, true, true]);
        assert_eq!(Recipients::new(ann, bob), Err(ContradictoryRecipients));
    }
}
