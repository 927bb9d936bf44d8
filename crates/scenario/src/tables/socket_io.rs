//! `[socket-io]`: what carries a Socket.IO session.

use wirebench_protocol::SocketIoMode;

use crate::key::table;

table! {
    /// Applies to Socket.IO only.
    table "socket-io" => SocketIoTable, SocketIoDraft {
        /// What carries the session: "polling" (requests), "websocket", or "upgrade" (requests
        /// first, then a WebSocket, as with the official client).
        "mode" => MODE, mode: Vec<SocketIoMode>, default r#""upgrade""#;
    }
}
