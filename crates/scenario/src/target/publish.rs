//! `[publish]`: how messages get to the server.

use super::choices::PublishedBy;
use super::lists::{StatusList, TemplateList, TemplateTable};
use super::template::Template;
use crate::key::table;

/// How a target says that somebody else publishes, for messages.
pub(super) const WATCH: &str = "`publish = \"none\"`";

table! {
    /// How messages are published: by requests over HTTP, one after the other, or as lines on the
    /// standard input of a command. `{payload}` is what has to reach the subscribers: an object in
    /// JSON with the number of the message, the time at which it was due, and the payload of the
    /// scenario.
    table "publish" => PublishTable, PublishDraft {
        /// Who publishes: "wirebench", or "none": somebody else fills the feed, and it is only watched.
        /// `publish = "none"` in place of this table says the same.
        "by" => BY, by: PublishedBy, default r#""wirebench""#;

        /// Where requests go. `{port}` is the port of `[process]`, and `{env:NAME}` a variable of
        /// the environment, such as a token.
        "url" => URL, url: Template, default r#""""#;

        /// The method of requests.
        "method" => METHOD, method: String, default r#""POST""#;

        /// The headers of requests, such as `{ Authorization = "Bearer {env:TOKEN}" }`.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// The body of requests. `{payload}` is the message, `{payload_string}` the same as a
        /// string of JSON with its quotes, `{seq}` its number, and `{run}` the id of the run.
        "body" => BODY, body: Template, default r#""{payload}""#;

        /// The statuses that accept a message. []: all from 200 to 299.
        "ok" => OK, ok: StatusList, default "[]";

        /// A command that publishes each line of its standard input. Replaces `url`. [] starts
        /// nothing.
        "command" => COMMAND, command: TemplateList, default "[]";
    }
}
