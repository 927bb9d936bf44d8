//! What a subscriber asks for in a message of its own.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use wirebench_protocol::{IdempotencyKey, Recipients, SubscriberName, split_binary};

use crate::feed::{JsonPayload, MessagePayload, PublishOptions, Rejected, present};

/// What to send.
const HINT: &str = "send {\"publish\":<any JSON value>}, with a \"key\" if you may repeat it and \
                    with \"to\" or \"except\" if it is not for everybody, or \
                    {\"echo\":<any JSON value>}; for bytes send a binary message: the same with the \
                    value null, a line feed, and the bytes";

/// What a subscriber asks for, and the value that it sends along.
#[derive(Debug)]
pub(super) struct SubscriberRequest<'a> {
    pub(super) action: RequestedAction,
    pub(super) value: SentValue<'a>,
}

/// What a subscriber asks the server to do with a value.
#[derive(Debug)]
pub(super) enum RequestedAction {
    /// To publish it.
    Publish {
        /// How it is published.
        options: PublishOptions,
    },
    /// To send it back.
    Echo,
}

/// A value that a subscriber sends.
#[derive(Debug)]
pub(super) enum SentValue<'a> {
    Json(&'a RawValue),
    Binary(Bytes),
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
    #[serde(default, deserialize_with = "present")]
    to: Option<SubscriberName>,
    #[serde(default, deserialize_with = "present")]
    except: Option<SubscriberName>,
}

impl<'a> SubscriberRequest<'a> {
    /// Parses a text message. Its value may have up to `max_bytes`.
    ///
    /// # Errors
    ///
    /// The text is not exactly one of the requests, or its value is too long.
    pub(super) fn parse_text(text: &'a [u8], max_bytes: usize) -> Result<Self, Rejected> {
        let (action, json) = parse_keys(text)?;
        check_length(json.get().len(), max_bytes)?;
        Ok(Self { action, value: SentValue::Json(json) })
    }

    /// Parses a binary message: a request with the value `null` on one line, and after the line
    /// feed the bytes that are its value, up to `max_bytes`.
    ///
    /// # Errors
    ///
    /// The first line is not exactly one of the requests, or there are too many bytes.
    pub(super) fn parse_binary(message: &Bytes, max_bytes: usize) -> Result<Self, Rejected> {
        let (head, bytes) = split_binary(message)
            .ok_or_else(|| Rejected::malformed("a binary message without a line feed", HINT))?;
        let (action, value) = parse_keys(head)?;
        if value.get() != "null" {
            return Err(Rejected::malformed("a binary message with a value in its head", HINT));
        }
        check_length(bytes.len(), max_bytes)?;
        Ok(Self { action, value: SentValue::Binary(message.slice_ref(bytes)) })
    }
}

impl SentValue<'_> {
    /// Returns what a message with this value carries.
    ///
    /// # Errors
    ///
    /// The value is not JSON.
    pub(super) fn payload(&self) -> Result<MessagePayload, Rejected> {
        match self {
            Self::Json(json) => Ok(JsonPayload::from_json(json.get().as_bytes())?.into()),
            Self::Binary(bytes) => Ok(MessagePayload::Binary(bytes.clone())),
        }
    }
}

/// Parses what is asked for, and the value that stands beside it.
fn parse_keys(json: &[u8]) -> Result<(RequestedAction, &RawValue), Rejected> {
    let keys: Keys<'_> = serde_json::from_slice(json)
        .map_err(|error| Rejected::malformed(error.to_string(), HINT))?;
    match keys {
        Keys { publish: Some(value), echo: None, key, to, except } => {
            let recipients = Recipients::new(to, except)
                .map_err(|error| Rejected::malformed(error.to_string(), HINT))?;
            let options = PublishOptions { key, recipients };
            Ok((RequestedAction::Publish { options }, value))
        }
        Keys { publish: None, echo: Some(value), key: None, to: None, except: None } => {
            Ok((RequestedAction::Echo, value))
        }
        _ => {
            let error = "not one request: expected either `publish`, perhaps with a `key` and \
                         with `to` or `except`, or `echo`";
            Err(Rejected::malformed(error, HINT))
        }
    }
}

fn check_length(length: usize, max_bytes: usize) -> Result<(), Rejected> {
    if length > max_bytes {
        let error = format!("a payload has at most {max_bytes} bytes");
        return Err(Rejected::malformed(error, HINT));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_publishes_or_asks_for_an_echo() {
        let parse = |text: &'static str| SubscriberRequest::parse_text(text.as_bytes(), 10);
        let asked = |text| match parse(text).unwrap() {
            SubscriberRequest { action, value: SentValue::Json(json) } => (action, json.get()),
            other => panic!("{text}: {other:?}"),
        };
        for text in [
            "{\"publish\":null}",
            "{\"publish\":null,\"key\":\"a\"}",
            "{\"publish\":null,\"to\":\"a\"}",
            "{\"publish\":null,\"except\":\"a\"}",
        ] {
            assert!(matches!(asked(text), (RequestedAction::Publish { .. }, "null")), "{text}");
        }
        assert!(matches!(asked("{\"echo\":[1, 2]}"), (RequestedAction::Echo, "[1, 2]")));
        for text in [
            "{}",
            "{\"key\":\"a\"}",
            "{\"publish\":1,\"echo\":1}",
            "{\"echo\":1,\"key\":\"a\"}",
            "{\"echo\":1,\"to\":\"a\"}",
            "{\"publish\":1,\"to\":\"a\",\"except\":\"b\"}",
            "{\"publish\":1,\"to\":null}",
            "{\"publish\":1,\"to\":\"\"}",
            "{\"echo\":1,\"other\":1}",
            "{\"echo\":\"0123456789\"}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_binary_request_has_its_bytes_after_the_first_line() {
        let parse = |message: &'static [u8]| {
            SubscriberRequest::parse_binary(&Bytes::from_static(message), 10)
        };
        let SubscriberRequest { action, value: SentValue::Binary(bytes) } =
            parse(b"{\"publish\":null,\"key\":\"a\"}\n\0\n\xff").unwrap()
        else {
            panic!("not bytes")
        };
        let RequestedAction::Publish { options } = action else { panic!("{action:?}") };
        let key = options.key.unwrap();
        assert_eq!((key.to_string(), &bytes[..]), ("a".to_owned(), &b"\0\n\xff"[..]));
        let echo = parse(b"{\"echo\":null}\n").unwrap();
        let SentValue::Binary(bytes) = echo.value else { panic!("not bytes") };
        assert!(bytes.is_empty() && matches!(echo.action, RequestedAction::Echo));
        assert!(parse(b"{\"echo\":null}\n0123456789").is_ok());
        for message in [
            &b"{\"echo\":null}"[..],
            b"{\"echo\":1}\n",
            b"\n{\"echo\":null}",
            b"\xff\n",
            b"{\"echo\":null}\n01234567890",
        ] {
            assert!(parse(message).is_err(), "{message:?}");
        }
    }
}
