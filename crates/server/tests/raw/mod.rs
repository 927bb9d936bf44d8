//! What a client that speaks HTTP by hand has to know of each transport. A new transport adds its
//! lines here and nowhere else in these tests.

use wirebench_protocol::Transport;

/// Returns the address at which a client asks for a subscription. Socket.IO begins with a WebSocket
/// here, as the other sockets do; `tests/socket_io` has the rest.
pub(crate) fn address(transport: Transport, feed: &str, query: &str) -> String {
    let path = transport.path(feed);
    match transport {
        Transport::ShortPolling
        | Transport::LongPolling
        | Transport::Sse
        | Transport::WebSocket => format!("{path}?{query}"),
        Transport::SocketIo => format!("{path}?EIO=4&transport=websocket&{query}"),
    }
}

/// Returns true if the request for a subscription names the feed, the cursor and the token, so that
/// its answer may refuse them. Socket.IO refuses them later, in a packet.
pub(crate) fn asks_in_one_request(transport: Transport) -> bool {
    match transport {
        Transport::ShortPolling
        | Transport::LongPolling
        | Transport::Sse
        | Transport::WebSocket => true,
        Transport::SocketIo => false,
    }
}

/// Returns the text that a client sends over an open socket before anything comes; `None` if the
/// server begins.
pub(crate) fn first_text(transport: Transport, feed: &str) -> Option<String> {
    match transport {
        Transport::ShortPolling
        | Transport::LongPolling
        | Transport::Sse
        | Transport::WebSocket => None,
        Transport::SocketIo => Some(format!("40/feeds/{feed},")),
    }
}

/// Returns the headers with which a client over HTTP/1.1 asks to turn the connection into a socket;
/// empty if the transport answers with an ordinary response. Over HTTP/2, a transport with such
/// headers is opened by an extended `CONNECT` (RFC 8441).
pub(crate) fn upgrade_headers(transport: Transport) -> &'static [(&'static str, &'static str)] {
    match transport {
        Transport::ShortPolling | Transport::LongPolling | Transport::Sse => &[],
        Transport::WebSocket | Transport::SocketIo => &[
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
        Transport::SocketIo => "GET,HEAD,POST,CONNECT",
    }
}
