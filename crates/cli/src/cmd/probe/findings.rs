//! What a probe found, over all transports.

use std::time::Duration;

use super::http::HttpFindings;
use super::socket_io::SocketIoFindings;
use super::websocket::WebSocketFindings;

/// What was found out about a URL.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) http: HttpFindings,
    /// The error says why it is no WebSocket.
    pub(super) websocket: Result<WebSocketFindings, String>,
    /// `None` if there is no Socket.IO.
    pub(super) socket_io: Option<SocketIoFindings>,
}

impl Findings {
    pub(super) fn is_nothing(&self) -> bool {
        self.websocket.is_err()
            && self.socket_io.is_none()
            && matches!(self.http, HttpFindings::Other(_))
    }

    /// Says what was found in the time `heard`, a line for each thing.
    pub(super) fn in_words(&self, heard: Duration) -> Vec<String> {
        let mut lines = self.http.in_words(heard);
        match &self.websocket {
            Ok(websocket) => lines.extend(websocket.in_words(heard)),
            Err(why) => lines.push(format!("websocket: no, {why}")),
        }
        match &self.socket_io {
            Some(socket_io) => lines.push(socket_io.in_words()),
            None => lines.push("socket.io: no".to_owned()),
        }
        lines
    }
}
