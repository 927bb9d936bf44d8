//! `[http]`: how the subscribers speak HTTP.

use crate::Headers;
use crate::key::table;

table! {
    /// How the subscribers speak HTTP.
    table "http" => HttpTable, HttpDraft {
        /// The version of HTTP: 1 (HTTP/1.1), or 2, which the handshake of TLS agrees on and which
        /// is begun without asking where there is no TLS.
        "version" => VERSION, version: Vec<u8>, default "1", from "1" to "2";

        /// Whether connections are encrypted. The server of each run then signs a certificate for
        /// itself, which the subscribers believe.
        "tls" => TLS, tls: Vec<bool>, default "false";

        /// The request headers: "browser" (what a browser sends) or "bare" (the least that a client
        /// can send).
        "headers" => HEADERS, headers: Headers, default r#""browser""#;
    }
}
