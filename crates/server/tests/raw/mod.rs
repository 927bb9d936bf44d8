//! What a client that speaks HTTP by hand has to know of each transport. A new transport adds its
//! lines here and nowhere else in these tests.

use wirebench_protocol::Transport;

/// Returns the headers with which a client over HTTP/1.1 asks to turn the connection into a socket;
/// empty if the transport answers with an ordinary response. Over HTTP/2, a transport with such
/// headers is opened by an extended `CONNECT` (RFC 8441).
pub(crate) fn upgrade_headers(transport: Transport) -> &'static [(&'static str, &'static str)] {
    match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => &[],
        Transport::WebSocket => &[
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    }
}

/// Returns the methods that the route of a transport takes, as the header `Allow` lists them.
pub(crate) fn methods(transport: Transport) -> &'static str {
    match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => "GET,HEAD",
        Transport::WebSocket => "GET,HEAD,CONNECT",
    }
}
