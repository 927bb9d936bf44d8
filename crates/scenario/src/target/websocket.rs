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

        /// The URL at which a connection resumes; if empty, `url`. It may name what `keep` and the
        /// handshake keep. It is used once all of that is known.
        "resume-url" => RESUME_URL, resume_url: Template, default r#""""#;

        /// The subprotocol to ask for. Empty: none.
        "subprotocol" => SUBPROTOCOL, subprotocol: String, default r#""""#;

        /// What is sent and expected before the subscription is complete, in order:
        /// `{ send = "…" }`, or `{ expect = "…", capture = { name = "/pointer" } }`, where `*` stands
        /// for any text, and `{name}` for any text that is kept under this name. Later steps may
        /// send `{name}`. `otherwise = { name = "…" }` is the value if nothing is at the pointer.
        "handshake" => HANDSHAKE, handshake: Steps, default "[]";

        /// The same for a connection that resumes; if empty, `handshake`. A step that expects may
        /// say where the messages are that were missed: `messages = "/pointer"` to an array, and in
        /// each element `message = "/pointer"` and `keep`.
        "resume-handshake" => RESUME_HANDSHAKE, resume_handshake: Steps, default "[]";

        /// What is kept of each text, by name, with the JSON pointer to it: `{ offset = "/pointer" }`.
        /// The next connection may send it as `{offset}`, which is empty before anything was kept.
        "keep" => KEEP, keep: TextTable, default "{}";

        /// The heartbeats of the server: a pattern in which `*` stands for any text. Empty: none.
        "ping" => PING, ping: Pattern, default r#""""#;

        /// The answer to a heartbeat.
        "pong" => PONG, pong: Template, default r#""""#;

        /// How a frame holds several messages: "one" (it is one), "lines" or "array".
        "split" => SPLIT, split: Split, default r#""one""#;

        /// Which texts hold messages: a pattern in which `*` stands for any text. Others are ignored.
        /// Empty: all.
        "matching" => MATCHING, matching: Pattern, default r#""""#;

        /// Which of these hold messages: JSON pointers with the string at each. Others are ignored.
        /// {}: all.
        "select" => SELECT, select: TextTable, default "{}";

        /// The JSON pointer to the message in the text. Empty: the text is the message.
        "message" => MESSAGE, message: String, default r#""""#;

        /// How the message stands there: "json", or "json-string" (a string with the JSON in it).
        "encoding" => ENCODING, encoding: PayloadEncoding, default r#""json""#;

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
