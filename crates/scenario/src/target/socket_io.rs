//! `[socket-io]` of a target.

use super::choices::{PayloadEncoding, TimeUnit, ValuePlace};
use super::lists::{TemplateTable, TextTable};
use super::template::Template;
use crate::key::table;

table! {
    /// Socket.IO. What carries the session is a setting of the scenario.
    table "socket-io" => TargetSocketIo, TargetSocketIoDraft {
        /// The URL with the path of Engine.IO, such as `http://127.0.0.1:{port}/socket.io/`; if
        /// empty, the server does not have this transport. The placeholders are those of `[sse]`.
        "url" => URL, url: Template, default r#""""#;

        /// Headers of every request, with the same placeholders.
        "headers" => HEADERS, headers: TemplateTable, default "{}";

        /// The namespace to connect to.
        "namespace" => NAMESPACE, namespace: String, default r#""/""#;

        /// What the client says about itself when it connects, in JSON. Empty: nothing.
        "auth" => AUTH, auth: Template, default r#""""#;

        /// Whether a connection that resumes asks for what it missed
        /// (`connectionStateRecovery` of the server).
        "recover" => RECOVER, recover: bool, default "false";

        /// The name of the events that hold messages. Others are ignored.
        "event" => EVENT, event: String, default r#""message""#;

        /// Which first arguments hold messages: JSON pointers with the string at each. Others are
        /// ignored. {}: all.
        "select" => SELECT, select: TextTable, default "{}";

        /// The JSON pointer to the message in the first argument. Empty: the argument is the message.
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
