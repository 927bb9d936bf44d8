//! What a probe found, over all transports.

use super::http::HttpFindings;
use super::socket_io::SocketIoFindings;
use super::websocket::WebSocketFindings;

/// What was found out about a URL.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) http: HttpFindings,
    /// `None` if it is no WebSocket.
    pub(super) websocket: Option<WebSocketFindings>,
    /// `None` if there is no Socket.IO.
    pub(super) socket_io: Option<SocketIoFindings>,
}

impl Findings {
    pub(super) fn is_nothing(&self) -> bool {
        self.websocket.is_none()
            && self.socket_io.is_none()
            && self.http.stream.is_none()
            && self.http.poll.is_none()
    }

    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self) -> Vec<String> {
        let mut lines = self.http.in_words();
        match &self.websocket {
            Some(websocket) => lines.push(websocket.in_words()),
            None => lines.push("websocket: no".to_owned()),
        }
        match &self.socket_io {
            Some(socket_io) => lines.push(socket_io.in_words()),
            None => lines.push("socket.io: no".to_owned()),
        }
        lines
    }
}
