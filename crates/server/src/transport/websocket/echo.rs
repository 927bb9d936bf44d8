//! `GET /echo`: every message comes back as it was, for conformance suites and for trying things
//! out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::socket::{self, Socket};
use crate::api_error::ApiError;
use crate::state::SharedState;

/// Answers an opening handshake, and returns every text and binary message.
pub(crate) async fn echo(
    State(server): State<Arc<SharedState>>,
    request: Request,
) -> Result<Response, ApiError> {
    server.access.origin(request.uri(), request.headers())?;
    server.access.subscribe(None, request.headers())?;
    socket::open(request, &Arc::clone(&server), socket::for_echo(), async move |mut socket| {
        let error = tokio::select! {
            error = return_messages(&mut socket) => error,
            () = server.stopping() => {
                return socket.close(CloseCode::Away, "the server stops".to_owned()).await;
            }
        };
        socket.fail(&error).await;
    })
}

/// Returns messages until the connection fails or the peer closes it.
async fn return_messages(socket: &mut Socket) -> Error {
    loop {
        let sent = match socket.stream.read().await {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.stream.send(message).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            return error;
        }
    }
}
