//! The keys of a target file that every transport has, by the table of the transport.

use wirebench_protocol::Transport;
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::Template;

/// What every table of a transport has.
#[derive(Clone, Copy)]
pub(super) struct TransportKeys<'f> {
    pub(super) table: &'static str,
    pub(super) url: &'f Template,
    /// The key of the URL with a cursor, and its value, which may be empty.
    pub(super) next_url: Option<(&'static str, &'f Template)>,
    pub(super) headers: &'f [(String, Template)],
    pub(super) first_headers: &'f [(String, Template)],
}

impl<'f> TransportKeys<'f> {
    /// Returns the keys of a transport.
    pub(super) fn of(file: &'f TargetFile, transport: Transport) -> Self {
        match transport {
            Transport::ShortPolling => Self {
                table: "short-polling",
                url: &file.short_polling.url,
                next_url: Some(("next-url", &file.short_polling.next_url)),
                headers: &file.short_polling.headers.0,
                first_headers: &file.short_polling.first_headers.0,
            },
            Transport::LongPolling => Self {
                table: "long-polling",
                url: &file.long_polling.url,
                next_url: Some(("next-url", &file.long_polling.next_url)),
                headers: &file.long_polling.headers.0,
                first_headers: &file.long_polling.first_headers.0,
            },
            Transport::Sse => Self {
                table: "sse",
                url: &file.sse.url,
                next_url: Some(("resume-url", &file.sse.resume_url)),
                headers: &file.sse.headers.0,
                first_headers: &[],
            },
            Transport::WebSocket => Self {
                table: "websocket",
                url: &file.websocket.url,
                next_url: Some(("resume-url", &file.websocket.resume_url)),
                headers: &file.websocket.headers.0,
                first_headers: &[],
            },
            Transport::SocketIo => Self {
                table: "socket-io",
                url: &file.socket_io.url,
                next_url: None,
                headers: &file.socket_io.headers.0,
                first_headers: &[],
            },
        }
    }
}

/// Returns the names of the environment variables in the keys of the transport.
pub(super) fn variables(file: &TargetFile, transport: Transport) -> impl Iterator<Item = &str> {
    let TransportKeys { url, next_url, headers, first_headers, .. } =
        TransportKeys::of(file, transport);
    let headers = headers.iter().chain(first_headers).map(|(_, value)| value);
    let TargetFile { websocket, socket_io, .. } = file;
    let sent = websocket.handshake.sent().chain(websocket.resume_handshake.sent());
    let sent = sent.map(|(_, text)| text);
    let next_url = next_url.map(|(_, next)| next);
    let templates = [url, &websocket.pong, &socket_io.auth].into_iter().chain(next_url);
    templates
        .chain(headers)
        .chain(sent)
        .flat_map(Template::names)
        .filter_map(|name| name.strip_prefix("env:"))
}
