//! `[http]`: how the subscribers speak HTTP.

use crate::Headers;
use crate::key::table;

table! {
    /// How the subscribers speak HTTP.
    table "http" => HttpTable, HttpDraft {
        /// The version of HTTP: 1 (HTTP/1.1) or 2 (HTTP/2, which is negotiated in the TLS
        /// handshake, or begun with prior knowledge without TLS).
        "version" => VERSION, version: Vec<u8>, default "1", from "1" to "2";

        /// Whether connections are encrypted. If they are, the server of each run signs its own
        /// certificate, and the subscribers trust it.
        "tls" => TLS, tls: Vec<bool>, default "false";

        /// The request headers: "browser" (what a browser sends) or "bare" (the minimum that a
        /// client can send).
        "headers" => HEADERS, headers: Headers, default r#""browser""#;
    }
}
