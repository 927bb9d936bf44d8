//! A message of a feed as a message of NATS: the payload is its body, the rest is in headers.

use std::fmt::Display;
use std::str::FromStr;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{Recipients, Seq, Timestamp};

use crate::message::{NewMessage, StoredMessage};

const KIND: &str = "Wirebench-Kind";
const DUE: &str = "Wirebench-Due-Ns";
const TO: &str = "Wirebench-To";
const EXCEPT: &str = "Wirebench-Except";

/// Returns the headers of a message. JetStream itself uses the key, to recognise a message that is
/// published again.
pub(super) fn headers_of(message: &NewMessage) -> HeaderMap {
    let NewMessage { kind, recipients, due, key, payload: _ } = message;
    let mut headers = HeaderMap::new();
    headers.insert(KIND, kind.name());
    headers.insert(DUE, due.as_nanos().to_string());
    match recipients {
        Recipients::Everyone => {}
        Recipients::Only(name) => headers.insert(TO, name.as_str()),
        Recipients::Except(name) => headers.insert(EXCEPT, name.as_str()),
    }
    if let Some(key) = key {
        headers.insert(NATS_MESSAGE_ID, key.as_str());
    }
    headers
}

/// Reads a message of a stream.
///
/// # Errors
/// It was not published by wirebench, or by a version that this one does not know.
pub(super) fn stored(
    seq: Seq,
    headers: &HeaderMap,
    payload: Bytes,
) -> Result<StoredMessage, String> {
    let text = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    let kinds = [PayloadKind::Json, PayloadKind::Binary];
    let kind = kinds.into_iter().find(|kind| text(KIND) == Some(kind.name()));
    let kind = kind.ok_or_else(|| {
        let found = text(KIND).map_or("none".to_owned(), |found| format!("`{found}`"));
        format!("message {seq} of its stream has no `{KIND}: json` or `binary`, found {found}")
    })?;
    let due = parsed::<u64>(text(DUE))?.map_or(Timestamp::from_nanos(0), Timestamp::from_nanos);
    let recipients = Recipients::new(parsed(text(TO))?, parsed(text(EXCEPT))?);
    let recipients = recipients.map_err(|error| error.to_string())?;
    let key = parsed(headers.get(NATS_MESSAGE_ID).map(async_nats::HeaderValue::as_str))?;
    Ok(StoredMessage { seq, payload, kind, recipients, due, key })
}

fn parsed<T: FromStr<Err: Display>>(text: Option<&str>) -> Result<Option<T>, String> {
    text.map(str::parse).transpose().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(recipients: Recipients, key: Option<&str>) -> NewMessage {
        NewMessage {
            payload: Bytes::from_static(b"[1]"),
            kind: PayloadKind::Json,
            recipients,
            due: Timestamp::from_nanos(17),
            key: key.map(|key| key.parse().unwrap()),
        }
    }

    #[test]
    fn a_message_comes_back_as_it_was_published() {
        let name = || "ann".parse().unwrap();
        for (recipients, key) in [
            (Recipients::Everyone, None),
            (Recipients::Only(name()), Some("a-key")),
            (Recipients::Except(name()), Some("k:2")),
        ] {
            let new = message(recipients, key);
            let read = stored(9, &headers_of(&new), new.payload.clone()).unwrap();
            let NewMessage { payload, kind, recipients, due, key } = new;
            assert_eq!(read, StoredMessage { seq: 9, payload, kind, recipients, due, key });
        }
    }

    #[test]
    fn a_message_that_somebody_else_published_is_an_error_that_names_it() {
        let error = stored(4, &HeaderMap::new(), Bytes::new()).unwrap_err();
        assert!(error.contains("message 4") && error.contains("found none"), "{error}");
        let mut headers = headers_of(&message(Recipients::Everyone, None));
        headers.insert(KIND, "xml");
        let error = stored(4, &headers, Bytes::new()).unwrap_err();
        assert!(error.contains("found `xml`"), "{error}");
    }
}
