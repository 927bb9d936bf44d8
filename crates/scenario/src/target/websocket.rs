//! `[websocket]` of a target: frames of text.

use super::choices::{PayloadEncoding, Split, TimeUnit, ValuePlace};
use super::lists::{TemplateTable, TextTable};
use super::steps::{Pattern, Steps};
use super::template::Template;
use crate::key::table;

table! {
    /// A WebSocket whose frames are text.
    table "websocket" => TargetWebSocket, TargetWebSocketDraft {
        /// The URL, `http:` or `ws:`; if empty, the server does not have this transport. `{port}` is
        /// the port of `[process]`, `{subscriber}` the number of the subscriber from 0, `{run}` the
        /// id of the run, and `{env:NAME}` a variable of the environment.
        "url" => URL, url: Template, default r#""""#;

        /// Headers of the handshake, with the same placeholders.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// The URL at which a connection resumes, with `{cursor}`; if empty, `url`.
        "resume-url" => RESUME_URL, resume_url: Template, default r#""""#;

        /// The subprotocol to ask for. Empty: none.
        "subprotocol" => SUBPROTOCOL, subprotocol: String, default r#""""#;

        /// What is sent and expected before the subscription is complete, in order:
        /// `{ send = "…" }`, or `{ expect = "…", capture = { name = "/pointer" } }`, where `*` stands
        /// for any text. Later steps may send `{name}`, and `{cursor}`.
        "handshake" => HANDSHAKE, handshake: Steps, default "[]";

        /// The heartbeats of the server: a pattern like those of the handshake. Empty: none.
        "ping" => PING, ping: Pattern, default r#""""#;

        /// The answer to a heartbeat.
        "pong" => PONG, pong: Template, default r#""""#;

        /// How a frame holds several messages: "one" (it is one), "lines" or "array".
        "split" => SPLIT, split: Split, default r#""one""#;

        /// Which texts hold messages: JSON pointers with the string at each. Others are ignored.
        /// {}: all.
        "select" => SELECT, select: TextTable, default "{}";

        /// The JSON pointer to the message in the text. Empty: the text is the message.
        "message" => MESSAGE, message: String, default r#""""#;

        /// How the message stands there: "json", or "json-string" (a string with the JSON in it).
        "encoding" => ENCODING, encoding: PayloadEncoding, default r#""json""#;

        /// The JSON pointer to the cursor in the text of a message. Empty: there is none.
        "cursor" => CURSOR, cursor: String, default r#""""#;

        /// With `publish = "none"`: where a message has its number. A JSON
        /// pointer into the message. Each
        /// number is one more than the last. Empty: messages have none.
        "sequence" => SEQUENCE, sequence: ValuePlace, default r#""""#;

        /// With `publish = "none"`: where a message has the time at which it was published, as for
        /// `sequence`. Empty: nowhere.
        "time" => TIME, time: ValuePlace, default r#""""#;

        /// How the time is written: "s", "ms", "us" or "ns" since 1970, "rfc3339" or "http-date".
        "time-unit" => TIME_UNIT, time_unit: TimeUnit, default r#""ms""#;
    }
}
