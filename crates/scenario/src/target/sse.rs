//! `[sse]` of a target: server-sent events.

use super::choices::{PayloadEncoding, TimeUnit, ValuePlace};
use super::lists::{TemplateTable, TextTable};
use super::template::Template;
use crate::key::table;

table! {
    /// Server-sent events. A connection that resumes sends the last `id` in `Last-Event-ID`, as an
    /// EventSource does.
    table "sse" => TargetSse, TargetSseDraft {
        /// The URL of the stream; if empty, the server does not have this transport. `{port}` is the
        /// port of `[process]`, `{subscriber}` the number of the subscriber from 0, `{run}` the id of
        /// the run, and `{env:NAME}` a variable of the environment.
        "url" => URL, url: Template, default r#""""#;

        /// Headers of the request, with the same placeholders.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// The URL at which a connection resumes, with `{cursor}` for the last `id`; if empty, `url`.
        "resume-url" => RESUME_URL, resume_url: Template, default r#""""#;

        /// The name of the events that hold messages. Others are ignored. An event without a name is
        /// called "message".
        "event" => EVENT, event: String, default r#""message""#;

        /// Which data holds messages: JSON pointers with the string at each. Other data is ignored.
        /// {}: all.
        "select" => SELECT, select: TextTable, default "{}";

        /// The JSON pointer to the message in the data. Empty: the data is the message.
        "message" => MESSAGE, message: String, default r#""""#;

        /// How the message stands there: "json", or "json-string" (a string with the JSON in it).
        "encoding" => ENCODING, encoding: PayloadEncoding, default r#""json""#;

        /// With `publish = "none"`: where a message has its number. "id" (of
        /// the event), or a JSON pointer into the message. Each
        /// number is one more than the last. Empty: messages have none.
        "sequence" => SEQUENCE, sequence: ValuePlace, default r#""""#;

        /// With `publish = "none"`: where a message has the time at which it was published, as for
        /// `sequence`. Empty: nowhere.
        "time" => TIME, time: ValuePlace, default r#""""#;

        /// How the time is written: "s", "ms", "us" or "ns" since 1970, "rfc3339" or "http-date".
        "time-unit" => TIME_UNIT, time_unit: TimeUnit, default r#""ms""#;
    }
}
