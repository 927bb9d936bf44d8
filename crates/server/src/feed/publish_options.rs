//! How a message from outside is published.

use serde::{Deserialize, Deserializer};
use wirebench_protocol::{ContradictoryRecipients, IdempotencyKey, Recipients, SubscriberName};

/// How a message from outside is published. The default is for everybody, and without a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub struct PublishOptions {
    /// The key of a request that may be a repetition. `None` publishes in any case.
    pub key: Option<IdempotencyKey>,
    /// Who receives the message.
    pub recipients: Recipients,
}

/// The options as a client sends them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    key: Option<IdempotencyKey>,
    #[serde(default, deserialize_with = "present")]
    to: Option<SubscriberName>,
    #[serde(default, deserialize_with = "present")]
    except: Option<SubscriberName>,
}

impl TryFrom<Keys> for PublishOptions {
    type Error = ContradictoryRecipients;

    fn try_from(Keys { key, to, except }: Keys) -> Result<Self, ContradictoryRecipients> {
        Ok(Self { key, recipients: Recipients::new(to, except)? })
    }
}

/// Reads a value that is there. A `null` is an error, or a value if the type has one: whoever sends
/// `"to":null` does not mean to tell everybody.
pub(crate) fn present<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(value).map(Some)
}
