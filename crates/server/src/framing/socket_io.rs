//! The data of Socket.IO packets: the name of an event and its arguments, or the arguments of an
//! acknowledgement, as one JSON array (Socket.IO protocol 5).

use serde::Serialize;
use socketioxide_core::Str;
use wirebench_protocol::{Cursor, Gap, Hello, Published};

/// Returns the event `message` with a message object as its argument.
pub(crate) fn message(json: &[u8]) -> Str {
    let json = std::str::from_utf8(json).expect("JSON is UTF-8");
    format!("[\"message\",{json}]").into()
}

/// Returns the event `message` of a binary message. Its payload is a placeholder for the attachment
/// that carries it. `head` is the message object without its payload and its end.
pub(crate) fn message_with_attachment(head: &str) -> Str {
    format!("[\"message\",{head},\"payload\":{{\"_placeholder\":true,\"num\":0}}}}]").into()
}

/// Returns the event `hello`, the first event of a subscription.
pub(crate) fn hello(hello: &Hello) -> Str {
    encode(&("hello", hello))
}

/// Returns the event `gap`: what was missed, and the cursor after which messages follow.
pub(crate) fn gap(gap: Gap, cursor: Cursor) -> Str {
    #[derive(Serialize)]
    struct GapAndCursor {
        gap: Gap,
        cursor: Cursor,
    }
    encode(&("gap", GapAndCursor { gap, cursor }))
}

/// Returns the acknowledgement of a message that was published.
pub(crate) fn published(published: &Published) -> Str {
    encode(&[published])
}

/// Returns the acknowledgement of an event that was refused: what is wrong, what to do instead, and
/// the status that a `POST` of the same message would be answered with.
pub(crate) fn refused(error: &str, hint: &str, status: u16) -> Str {
    #[derive(Serialize)]
    struct RefusedEvent<'a> {
        error: &'a str,
        hint: &'a str,
        status: u16,
    }
    encode(&[RefusedEvent { error, hint, status }])
}

fn encode(data: &impl Serialize) -> Str {
    serde_json::to_string(data).expect("it has no maps in it").into()
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Epoch;

    use super::*;

    #[test]
    fn events_and_acknowledgements_are_json_arrays() {
        let cursor = Cursor { epoch: Epoch(0xab), seq: 7 };
        let check = |data: Str, expected: &str| assert_eq!(data.as_str(), expected);
        check(message(b"{\"seq\":1}"), r#"["message",{"seq":1}]"#);
        let no_gap = Hello { cursor, gap: None };
        check(hello(&no_gap), r#"["hello",{"cursor":"00000000000000ab-7"}]"#);
        check(
            gap(Gap::Missed(2), cursor),
            r#"["gap",{"gap":{"missed":2},"cursor":"00000000000000ab-7"}]"#,
        );
        let once = Published { cursor, repeated: false };
        check(published(&once), r#"[{"cursor":"00000000000000ab-7"}]"#);
        check(
            refused("not JSON", "send JSON", 400),
            r#"[{"error":"not JSON","hint":"send JSON","status":400}]"#,
        );
    }
}
