//! `[publish]`: how messages get to the server.

use super::choices::{PublishedBy, Split};
use super::lists::{StatusList, TemplateList, TemplateTable};
use super::steps::{Pattern, Steps};
use super::template::Template;
use crate::key::table;

/// How a target says that somebody else publishes, for messages.
pub(super) const WATCH: &str = "`publish = \"none\"`";

table! {
    /// How messages are published: by requests over HTTP, as texts over a WebSocket of the server,
    /// each of them one after the other, or as lines on the standard input of a command. `{payload}`
    /// is what has to reach the subscribers: an object in JSON with the number of the message, the
    /// time at which it was due, and the payload of the scenario.
    table "publish" => PublishTable, PublishDraft {
        /// Who publishes: "wirebench", or "none": somebody else fills the feed, and it is only watched.
        /// `publish = "none"` in place of this table says the same.
        "by" => BY, by: PublishedBy, default r#""wirebench""#;

        /// Where messages go: requests to `http:`, texts to `ws:`. `{port}` is the port of
        /// `[process]`, and `{env:NAME}` a variable of the environment, such as a token.
        "url" => URL, url: Template, default r#""""#;

        /// The method of requests.
        "method" => METHOD, method: String, default r#""POST""#;

        /// The headers of requests, or of the handshake of a WebSocket, such as
        /// `{ Authorization = "Bearer {env:TOKEN}" }`.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// The body of a request, or the text of a frame. `{payload}` is the message,
        /// `{payload_string}` the same as a string of JSON with its quotes, `{payload_form}` as a
        /// value of a form (`application/x-www-form-urlencoded`), `{payload_bytes}` its size, `{seq}`
        /// its number, and `{run}` the id of the run.
        "body" => BODY, body: Template, default r#""{payload}""#;

        /// The statuses that accept a message. []: all from 200 to 299.
        "ok" => OK, ok: StatusList, default "[]";

        /// The subprotocol that a WebSocket asks for. Empty: none.
        "subprotocol" => SUBPROTOCOL, subprotocol: String, default r#""""#;

        /// What is sent and expected over a WebSocket before the first message, as in
        /// `[websocket]`. `body` may name what it keeps.
        "handshake" => HANDSHAKE, handshake: Steps, default "[]";

        /// The heartbeats of the server over a WebSocket: a pattern in which `*` stands for any
        /// text. Empty: none.
        "ping" => PING, ping: Pattern, default r#""""#;

        /// The answer to a heartbeat.
        "pong" => PONG, pong: Template, default r#""""#;

        /// How a frame holds several texts: "one" (it is one), "lines" or "array".
        "split" => SPLIT, split: Split, default r#""one""#;

        /// The text that accepts a message, beside the status over HTTP: a pattern like `ping`.
        /// Empty: over HTTP any text, and over a WebSocket a message is accepted once it is written.
        "accepted" => ACCEPTED, accepted: Pattern, default r#""""#;

        /// The text that refuses a message. Over a WebSocket it needs `accepted`. Empty: none.
        "refused" => REFUSED, refused: Pattern, default r#""""#;

        /// A command that publishes each line of its standard input. Replaces `url`. [] starts
        /// nothing.
        "command" => COMMAND, command: TemplateList, default "[]";
    }
}
