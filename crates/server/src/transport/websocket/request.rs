//! What a subscriber asks for in a text frame.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use wirebench_protocol::IdempotencyKey;

use crate::feed::Rejected;

/// What to send.
const HINT: &str = "send {\"publish\":<any JSON value>}, with a \"key\" if you may repeat it, or \
                    {\"echo\":<any JSON value>}";

/// What a subscriber asks for.
#[derive(Debug)]
pub(super) enum SubscriberRequest<'a> {
    /// To publish a message.
    Publish {
        /// What the message carries.
        payload: &'a RawValue,
        /// The key of a request that may be a repetition.
        key: Option<IdempotencyKey>,
    },
    /// To be sent this value.
    Echo(&'a RawValue),
}

/// The keys of a request. An absent key is `None`; a key with the value `null` is not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    publish: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    echo: Option<&'a RawValue>,
    key: Option<IdempotencyKey>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(value: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl<'a> SubscriberRequest<'a> {
    /// Parses a text frame. A value may have up to `max_bytes`.
    ///
    /// # Errors
    ///
    /// The text is not exactly one of the requests, or its value is too long.
    pub(super) fn parse(text: &'a [u8], max_bytes: usize) -> Result<Self, Rejected> {
        let keys: Keys<'_> = serde_json::from_slice(text)
            .map_err(|error| Rejected::malformed(error.to_string(), HINT))?;
        let (request, value) = match keys {
            Keys { publish: Some(payload), echo: None, key } => {
                (Self::Publish { payload, key }, payload)
            }
            Keys { publish: None, echo: Some(value), key: None } => (Self::Echo(value), value),
            _ => {
                let error = "not one request: expected either `publish`, perhaps with a `key`, or \
                             `echo`";
                return Err(Rejected::malformed(error, HINT));
            }
        };
        if value.get().len() > max_bytes {
            return Err(Rejected::malformed(
                format!("a payload has at most {max_bytes} bytes"),
                HINT,
            ));
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_publishes_or_asks_for_an_echo() {
        let parse = |text: &'static str| SubscriberRequest::parse(text.as_bytes(), 10);
        for text in ["{\"publish\":null}", "{\"publish\":null,\"key\":\"a\"}"] {
            let Ok(SubscriberRequest::Publish { payload, .. }) = parse(text) else {
                panic!("{text}: {:?}", parse(text))
            };
            assert_eq!(payload.get(), "null");
        }
        let Ok(SubscriberRequest::Echo(value)) = parse("{\"echo\":[1, 2]}") else { panic!() };
        assert_eq!(value.get(), "[1, 2]");
        for text in [
            "{}",
            "{\"key\":\"a\"}",
            "{\"publish\":1,\"echo\":1}",
            "{\"echo\":1,\"key\":\"a\"}",
            "{\"echo\":1,\"other\":1}",
            "{\"echo\":\"0123456789\"}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
