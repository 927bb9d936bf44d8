//! `[long-polling]` of a target.

use super::choices::{PayloadEncoding, PollCursor, Split, Subscribed, TimeUnit, ValuePlace};
use super::lists::{StatusList, TemplateTable, TextTable};
use super::template::Template;
use crate::key::table;

table! {
    /// Long polling: the server holds a poll until there is a message.
    table "long-polling" => TargetLongPolling, TargetLongPollingDraft {
        /// The URL of a poll; if empty, the server does not have this transport. The
        /// placeholders are those of `[sse]`, and `{hold}`, the hold time of the
        /// scenario in seconds.
        "url" => URL, url: Template, default r#""""#;

        /// The URL of a poll with a cursor, with `{cursor}`; if empty, `url`.
        "next-url" => NEXT_URL, next_url: Template, default r#""""#;

        /// Headers of every poll, with the same placeholders.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// More headers of polls before there is a cursor. `{http_date}` is the second before that of
        /// the subscriber's first poll: what is newer is what it wants.
        "first-headers" => FIRST_HEADERS, first_headers: TemplateTable, default "{}";

        /// Where an answer has the cursor of the next poll: "validators" (`ETag` and
        /// `Last-Modified`, sent back as `If-None-Match` and `If-Modified-Since`), "header:NAME",
        /// or a JSON pointer into the body. Empty: there is none.
        "cursor" => CURSOR, cursor: PollCursor, default r#""""#;

        /// The statuses of an answer without a message.
        "empty" => EMPTY, empty: StatusList, default "[204, 304]";

        /// When the subscription is complete: when the first poll is "answered", or when it is
        /// "sent", if the server holds it until there is a message.
        "subscribed" => SUBSCRIBED, subscribed: Subscribed, default r#""answered""#;

        /// The JSON pointer to what `split` splits. Empty: the body.
        "messages" => MESSAGES, messages: String, default r#""""#;

        /// How an answer holds several messages: "one" (it is one), "lines" or "array".
        "split" => SPLIT, split: Split, default r#""one""#;

        /// Which texts hold messages: JSON pointers with the string at each. Others are ignored.
        /// {}: all.
        "select" => SELECT, select: TextTable, default "{}";

        /// The JSON pointer to the message in the text. Empty: the text is the message.
        "message" => MESSAGE, message: String, default r#""""#;

        /// How the message stands there: "json", or "json-string" (a string with the JSON in it).
        "encoding" => ENCODING, encoding: PayloadEncoding, default r#""json""#;

        /// With `publish = "none"`: where a message has its number. "header:NAME"
        /// (of an answer that is one message), or a JSON pointer into the message. Each
        /// number is one more than the last. Empty: messages have none.
        "sequence" => SEQUENCE, sequence: ValuePlace, default r#""""#;

        /// With `publish = "none"`: where a message has the time at which it was published, as for
        /// `sequence`. Empty: nowhere.
        "time" => TIME, time: ValuePlace, default r#""""#;

        /// How the time is written: "s", "ms", "us" or "ns" since 1970, "rfc3339" or "http-date".
        "time-unit" => TIME_UNIT, time_unit: TimeUnit, default r#""ms""#;
    }
}
